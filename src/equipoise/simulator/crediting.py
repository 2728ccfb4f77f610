"""Grants while jobs spend them: which jobs name one, how long they held their gangs, and the entries that follow.

A job spends what it held less what stops took from it (delivered work), once it is over; work that the lab destroyed by stopping it is
not charged. Who writes a ledger (`Chronicle`) and who checks one go by this: passes in, entries out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from equipoise.account.grants import Grant, Grants
from equipoise.policy.events import Events
from equipoise.policy.kernel import layout as k
from equipoise.workload.model import Jobs
from equipoise.workload.roll import UNANSWERED, Request

Values = dict[str, Any]
_EVENTS = (k.START_CONFIRMED, k.ENDED, k.JOB_CANCELLED)
_DECISIONS = (k.START, k.STOP, k.LOST, k.RELEASE, k.REFUSE)


@dataclass(slots=True)
class Spender:
    """A job that names a grant and is not over: its gang, its declared walltime (0: none), and what it held so far."""

    grant: str
    gang: int
    walltime_ms: int
    held_ms: int = 0
    since_ms: int | None = None

    @property
    def set_aside_gpu_ms(self) -> int:
        """What it may take by its walltime."""
        return self.gang * self.walltime_ms

    def held_gpu_ms(self, at_ms: int) -> int:
        """What it held up to a time."""
        running_ms = 0 if self.since_ms is None else max(0, at_ms - self.since_ms)
        return self.gang * (self.held_ms + running_ms)

    def stop(self, at_ms: int) -> None:
        """It holds nothing from now on."""
        self.held_ms, self.since_ms = self.held_ms + (0 if self.since_ms is None else at_ms - self.since_ms), None


class Crediting:
    """Grants and the jobs that spend them.

    Parameters
    ----------
    confirmed : bool
        Whether an engine confirms starts: then a job holds its gang from the confirmation on, and before it starts up.
    """

    def __init__(self, *, confirmed: bool) -> None:
        self._confirmed = confirmed
        self.grants = Grants()
        self.spenders: dict[int, Spender] = {}
        self._next_ms: int | None = k.NEVER  # None: to be found anew

    @property
    def next_ms(self) -> int:
        """When the next grant expires."""
        if self._next_ms is None:
            self._next_ms = min(
                (one.due_ms for one in self.grants if one.left_gpu_ms and not one.is_over), default=k.NEVER
            )
        return self._next_ms

    def answered(self, request: Request) -> None:
        """Take an answered request; what a refused one receives later may be spent too."""
        assert request.granted_gpu_ms != UNANSWERED
        self._next_ms = None
        span = request.begin_ms, request.end_ms, request.answered_ms
        self.grants.open(Grant(request.name, request.team, request.pool, *span, request.granted_gpu_ms))

    def name(self, job: int, spender: Spender) -> None:
        """A job that was submitted names a grant."""
        self.spenders[job] = spender

    def expire(self, at_ms: int) -> list[Values]:
        """Let grants expire by a time; returns, in order of it, the entries of those that had something left."""
        if at_ms < self.next_ms:
            return []
        self._next_ms = None
        due = [grant for grant in self.grants if not grant.is_over and grant.due_ms <= at_ms]
        found: list[Values] = []
        for grant in sorted(due, key=lambda grant: grant.due_ms):
            had = grant.left_gpu_ms
            values = self._expired(grant)
            found += [values] if had else []
        return found

    def passed(
        self, at_ms: int, events: Events, decisions: NDArray[Any], lost_gpu_ms: Callable[[int], int]
    ) -> list[Values]:
        """Take a pass; returns what the jobs that are over with it spent.

        Parameters
        ----------
        at_ms : int
        events, decisions : rows of ``layout.EVENT`` and ``layout.DECISION``
        lost_gpu_ms : callable
            Of a job that is over: what stops took from it.
        """
        if not self.spenders:
            return []
        over = [*self._events(at_ms, events), *self._decisions(at_ms, decisions)]
        found = [self._spent(at_ms, job, lost_gpu_ms(job)) for job in dict.fromkeys(over)]
        return [values for values in found if values is not None]

    def transfer(self, name: str, to: str, gpu_ms: int, *, at_ms: int, team: str, reason: str, by: str) -> Values:
        """Move what is left of a grant; returns the entry. Raises ``InputError`` A205."""
        self.grants.transfer(name, to, gpu_ms, at_ms=at_ms, team=team)
        self._next_ms = None
        values: Values = {"kind": "transferred", "at_ms": at_ms, "name": name, "to": to, "gpu_ms": gpu_ms}
        return values | ({"team": team} if team else {}) | {"reason": reason, "by": by}

    def under_way(self, name: str) -> list[tuple[int, Spender]]:
        """Return the jobs that spend a grant and are not over."""
        return [(job, one) for job, one in self.spenders.items() if one.grant == name]

    def _expired(self, grant: Grant) -> Values:
        jobs = [one for _, one in self.under_way(grant.name)]
        is_bounded = all(one.walltime_ms for one in jobs)
        aside = sum(one.set_aside_gpu_ms for one in jobs) if is_bounded else None
        lapsed = self.grants.expire(grant.name, set_aside_gpu_ms=aside)
        told: Values = {"kind": "expired", "at_ms": grant.due_ms, "name": grant.name, "gpu_ms": lapsed}
        return told | {"kept_gpu_ms": grant.kept_gpu_ms}

    def _events(self, at_ms: int, events: Events) -> Iterable[int]:
        for row in events[np.isin(events["kind"], _EVENTS)]:
            kind, job = int(row["kind"]), int(row["subject"])
            one = self.spenders.get(job)
            if one is None:
                continue
            if kind == k.START_CONFIRMED:
                one.since_ms = at_ms
            else:
                one.stop(at_ms)
                yield job

    def _decisions(self, at_ms: int, decisions: NDArray[Any]) -> Iterable[int]:
        for row in decisions[np.isin(decisions["kind"], _DECISIONS)]:
            kind, job = int(row["kind"]), int(row["job"])
            one = self.spenders.get(job)
            if one is None:
                continue
            if kind == k.REFUSE:
                yield job
            elif kind != k.START:
                one.stop(at_ms)
            elif not self._confirmed:
                one.since_ms = at_ms

    def _spent(self, at_ms: int, job: int, lost_gpu_ms: int) -> Values | None:
        one = self.spenders.pop(job)
        work = one.held_gpu_ms(at_ms) - lost_gpu_ms
        if work <= 0 or self.grants.get(one.grant) is None:
            return None
        spent = self.grants.spend(one.grant, work)
        self._next_ms = None
        told: Values = {"kind": "spent", "at_ms": at_ms, "name": one.grant, "job": job, "gpu_ms": spent}
        return told | ({"beyond_gpu_ms": work - spent} if work > spent else {})


def named(jobs: Jobs, events: Events, *, first: int) -> Iterator[tuple[int, Spender]]:
    """Yield the jobs that a pass submits and that name a grant; ``jobs`` has those from number ``first`` on."""
    if jobs.request is None:
        return
    rows = events[events["kind"] == k.SUBMITTED]
    numbers: list[int] = rows["subject"][rows["detail"] != 1].tolist()  # 1: it takes no time
    for job in numbers:
        at = job - first
        if jobs.request[at]:
            yield job, Spender(jobs.request[at], int(jobs.gang[at]), int(jobs.walltime_ms[at]))
