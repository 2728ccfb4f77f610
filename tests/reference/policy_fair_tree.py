"""Slurm's Fair Tree as its page tells it (https://slurm.schedmd.com/fair_tree.html), recursively; and a queue that goes by it.

A tree is given as associations: accounts with children, or users without. Siblings are sorted by level fairshare, highest
first, users before accounts; accounts that tie have their children merged before the walk goes down.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from tests.reference.policy_easy import OneQueue, QueuedJob


@dataclass(slots=True, eq=False)
class Association:
    """A user (``name`` and no children) or an account."""

    shares: float
    used: float
    name: object = None
    children: list[Association] = field(default_factory=list["Association"])
    level: float = 0.0


class TooCloseError(Exception):
    """Two level fairshares differ by so little that rounding decides."""


def ranks(root: Association, *, certain: bool = False) -> dict[object, int]:
    """Return every user's rank, the first 0; users that tie have the same.

    With ``certain``, raise `TooCloseError` if two siblings tie nearly, or not at 0 or infinity.
    """
    found: dict[object, int] = {}
    _walk([root], found, tied=False, certain=certain)
    return found


def _walk(accounts: Iterable[Association], found: dict[object, int], *, tied: bool, certain: bool) -> None:
    """Rank the children of accounts that tie; ``tied``: the first of them has the rank of whoever came last."""
    merged: list[Association] = []
    for account in accounts:
        all_shares = sum(child.shares for child in account.children)
        for child in account.children:
            child.level = _level(child.shares, all_shares, child.used, account.used)
            if _anybody(
                child
            ):  # a user that ties with an account has the rank of its first user, whoever else is empty
                merged.append(child)
    if certain:
        _check(merged)
    merged.sort(key=lambda child: (-child.level, child.name is None))
    at = 0
    last: float | None = None
    while at < len(merged):
        here = merged[at]
        tie = (tied and at == 0) or last == here.level
        last = here.level
        if here.name is not None:
            found[here.name] = max(found.values()) if tie and found else len(found)
            at += 1
            continue
        group = [other for other in merged[at:] if other.level == here.level]
        _walk(group, found, tied=tie, certain=certain)
        at += len(group)


def _anybody(child: Association) -> bool:
    return child.name is not None or any(map(_anybody, child.children))


def _level(shares: float, all_shares: float, used: float, all_used: float) -> float:
    if shares == 0:
        return 0.0
    if used == 0 or all_used == 0:
        return math.inf
    return (shares / all_shares) / (used / all_used)


def _check(siblings: Sequence[Association]) -> None:
    levels = sorted(child.level for child in siblings if 0 < child.level < math.inf)
    for low, high in itertools.pairwise(levels):
        if high - low <= 1e-9 * high:
            raise TooCloseError


@dataclass(frozen=True, slots=True)
class Team:
    """A team of the tree: its place in the list is its number; the root is 0, parents come first."""

    parent: int
    shares: float


class FairTree(OneQueue):
    """One machine whose waiting jobs go by their users' rank, then by age, with EASY backfill."""

    def __init__(
        self,
        jobs: Sequence[QueuedJob],
        nodes: int,
        per_node: int,
        *,
        teams: Sequence[Team],
        owners: Sequence[tuple[int, int]],
        users: Sequence[tuple[int, int]],
        half_life_ms: int,
    ) -> None:
        """``owners`` are (team, user) of each job, ``users`` all that there are."""
        super().__init__(jobs, nodes, per_node, backfill=True)
        self.teams, self.owners, self.users, self.half_life_ms = teams, owners, users, half_life_ms

    def used(self, now: int) -> dict[tuple[int, int], float]:
        """Return each user's decayed GPU-time, integrated job by job."""
        total: dict[tuple[int, int], float] = dict.fromkeys(self.users, 0.0)
        for job, start in enumerate(self.start_ms):
            if start is not None:
                end = min(now, start + self.jobs[job].duration_ms)
                left = [2.0 ** (-(now - at) / self.half_life_ms) for at in (start, end)]
                total[self.owners[job]] += self.jobs[job].gang * (left[1] - left[0])
        return total

    def tree(self, now: int) -> Association:
        """Return the tree of associations with usage as it is now."""
        used = self.used(now)
        found = [Association(team.shares, 0.0) for team in self.teams]
        for number, team in enumerate(self.teams):
            if team.parent >= 0:
                found[team.parent].children.append(found[number])
        for owner in self.users:
            found[owner[0]].children.append(Association(1.0, used[owner], name=owner))
            at = owner[0]
            while at >= 0:
                found[at].used += used[owner]
                at = self.teams[at].parent
        return found[0]

    def schedule(self, now: int) -> None:
        """Bring the queue into order, then schedule as EASY does."""
        if len(self.queue) > 1:
            rank = ranks(self.tree(now), certain=True)
            self.queue.sort(key=lambda job: (rank[self.owners[job]], self.jobs[job].submit_ms, job))
        super().schedule(now)
