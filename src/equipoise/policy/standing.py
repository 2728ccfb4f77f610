"""Where every team stands in a pool at an instant: what it holds, who uses whose idle floor, what may be taken back.

`standings` is the main path. It reads gangs and a charter and no kernel's bookkeeping, so it may also check one.

A leaf holds above its floor by two means: devices that no leaf was promised, and floors that lie idle. The first are
counted as used first. What is left is shared out in whole devices by largest remainder: among borrowers in proportion to
what they hold above their floors, among lenders in proportion to their idle floors, and between the two accordingly.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from equipoise.charter.entitlement import entitlements, tree
from equipoise.charter.floors import quotas
from equipoise.charter.model import Charter

I64 = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Gang:
    """Devices that a job holds or waits for.

    Parameters
    ----------
    team : int
        The leaf, as a place in ``Charter.teams``.
    gpus : int
    job : int
    start_ms : int or None
        None while it waits.
    preemptible : bool
    """

    team: int
    gpus: int
    job: int
    start_ms: int | None
    preemptible: bool = True


@dataclass(frozen=True, slots=True)
class Loan:
    """Devices of one leaf's idle floor that another leaf holds."""

    lender: int
    borrower: int
    gpus: int


@dataclass(frozen=True, slots=True)
class Standing:
    """One team in one pool, in whole devices.

    Parameters
    ----------
    floor, limit : int
    entitlement : int
        Due now, given what everybody asks for.
    held, waiting : int
    insecure : int
        Held, and not secure within its floor: others may reclaim it.
    """

    floor: int
    limit: int
    entitlement: int
    held: int
    waiting: int
    insecure: int

    @property
    def demand(self) -> int:
        """What it holds and waits for."""
        return self.held + self.waiting


def standings(charter: Charter, pool: str, capacity: int, gangs: Sequence[Gang]) -> list[Standing]:
    """Return where each team stands, aligned with ``charter.teams``; an inner team means all below it.

    Parameters
    ----------
    charter : Charter
    pool : str
    capacity : int
        Devices that are up.
    gangs : sequence of Gang
        Those of this pool that run or wait.

    Examples
    --------
    >>> from fractions import Fraction
    >>> from equipoise.charter import EVERYTHING, Pool, Share, Team
    >>> half = {"a": Share(fraction=Fraction(1, 2))}
    >>> teams = tuple(Team(name, name, None, half, {"a": EVERYTHING}) for name in ("product", "safety"))
    >>> charter = Charter("Small", (Pool("a", "A100", 1, 8),), teams)
    >>> now = [Gang(0, 4, job=0, start_ms=0), Gang(0, 2, job=1, start_ms=5), Gang(1, 4, job=2, start_ms=None)]
    >>> product, safety = standings(charter, "a", 8, now)
    >>> (product.held, product.insecure), (safety.demand, safety.entitlement)
    ((6, 2), (4, 4))
    """
    parents = charter.parents
    found = quotas(charter, pool, capacity)
    held = _summed(parents, [(gang.team, gang.gpus) for gang in gangs if gang.start_ms is not None])
    waiting = _summed(parents, [(gang.team, gang.gpus) for gang in gangs if gang.start_ms is None])
    demand = [have + more for have, more in zip(held, waiting, strict=True)]
    due = entitlements(tree(charter, pool, capacity), capacity, demand)
    secure = _secured(parents, [quota.floor for quota in found], gangs)
    return [
        Standing(quota.floor, quota.limit, due[team], held[team], waiting[team], held[team] - secure[team])
        for team, quota in enumerate(found)
    ]


def loans(charter: Charter, capacity: int, teams: Sequence[Standing]) -> list[Loan]:
    """Return whose idle floors are held by whom, in order of lenders and borrowers.

    Parameters
    ----------
    charter : Charter
    capacity : int
    teams : sequence of Standing
        As `standings` returns them.
    """
    leaves = [number for number, team in enumerate(charter.teams) if team.is_leaf]
    floors, held = [teams[leaf].floor for leaf in leaves], [teams[leaf].held for leaf in leaves]
    lent, borrowed = lent_and_borrowed(capacity, floors, held)
    lenders = [leaf for leaf, units in zip(leaves, lent, strict=True) if units]
    left = np.array([units for units in lent if units], np.int64)
    found: list[Loan] = []
    for borrower, units in zip(leaves, borrowed, strict=True):
        if units:
            taken = _taken(units, left)
            left -= taken
            found += [Loan(lenders[at], borrower, int(taken[at])) for at in np.flatnonzero(taken)]
    return sorted(found, key=lambda loan: (loan.lender, loan.borrower))


def lent_and_borrowed(capacity: int, floors: Sequence[int], held: Sequence[int]) -> tuple[list[int], list[int]]:
    """Return how much of its idle floor each leaf lends, and how much of others' each borrows.

    Parameters
    ----------
    capacity : int
        Devices that are up.
    floors, held : sequences of int
        Of all leaves.

    Examples
    --------
    >>> lent_and_borrowed(10, [6, 2], [3, 6])
    ([2, 0], [0, 2])
    """
    above = [max(0, have - floor) for have, floor in zip(held, floors, strict=True)]
    idle = [max(0, floor - have) for have, floor in zip(held, floors, strict=True)]
    unpromised = max(0, capacity - sum(floors))
    lent = min(max(0, sum(above) - unpromised), sum(idle))
    return largest_remainder(lent, idle), largest_remainder(lent, above)


def largest_remainder(units: int, weights: Sequence[int]) -> list[int]:
    """Divide ``units`` in proportion to weights that are at least as many together; nobody gets more than its weight.

    The units that rounding down leaves go to the largest remainders, ties to the earlier.

    Examples
    --------
    >>> largest_remainder(5, [3, 3, 4])
    [2, 1, 2]
    """
    total = sum(weights)
    assert 0 <= units <= total, (units, total)
    if not units:
        return [0] * len(weights)
    shares = [units * weight // total for weight in weights]
    order = sorted(range(len(weights)), key=lambda at: (-(units * weights[at] % total), at))
    for at in order[: units - sum(shares)]:
        shares[at] += 1
    return shares


def _taken(units: int, left: I64) -> I64:
    """`largest_remainder` of arrays, for labs of a thousand teams."""
    total = int(left.sum())
    assert 0 < units <= total, (units, total)
    shares, rest = np.divmod(units * left, total)
    shares[np.argsort(-rest, kind="stable")[: units - int(shares.sum())]] += 1
    return shares


def _summed(parents: Sequence[int], own: Sequence[tuple[int, int]]) -> list[int]:
    """Sum amounts of leaves for every team, inner ones included."""
    sums = [0] * len(parents)
    for team, amount in own:
        sums[team] += amount
    for team in range(len(parents) - 1, -1, -1):
        if parents[team] >= 0:
            sums[parents[team]] += sums[team]
    return sums


def _secured(parents: Sequence[int], floors: Sequence[int], gangs: Sequence[Gang]) -> list[int]:
    """Return how many devices are secure at each team (FAIRNESS 3).

    From the leaves up: what is secure below, then other running gangs, those that cannot be stopped first, then the
    oldest, each if it still fits the floor as a whole.
    """
    running: list[list[Gang]] = [[] for _ in parents]
    secure: list[set[int]] = [set() for _ in parents]
    total = [0] * len(parents)
    for gang in gangs:
        if gang.start_ms is not None:
            running[gang.team].append(gang)
    for team in range(len(parents) - 1, -1, -1):
        for gang in sorted(running[team], key=lambda gang: (gang.preemptible, gang.start_ms or 0, gang.job)):
            if gang.job not in secure[team] and total[team] + gang.gpus <= floors[team]:
                secure[team].add(gang.job)
                total[team] += gang.gpus
        if parents[team] >= 0:
            running[parents[team]] += running[team]
            secure[parents[team]] |= secure[team]
            total[parents[team]] += total[team]
    return total
