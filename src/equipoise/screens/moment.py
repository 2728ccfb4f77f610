"""How all teams and pools stood at one instant of a recorded run: who holds, waits, borrows and lends how much.

`moment` is the main path. What is held and waited for comes from the attempts and waits of the run; floors, entitlement and loans are
those of the charter in force (`charter.entitlement`, `policy.standing`), with the devices that were up. What pacing lifts a floor by
for a while is not in these floors.
"""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections import OrderedDict
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from equipoise.charter.entitlement import Tree, entitlements
from equipoise.charter.floors import quotas
from equipoise.charter.model import Charter
from equipoise.policy.standing import Loan, Standing, lent_and_borrowed, loans
from equipoise.screens.attempts import Attempts, attempts
from equipoise.screens.kept import Kept
from equipoise.screens.machine import machine
from equipoise.screens.waits import Waits, waits
from equipoise.simulator.record import Record

I64 = NDArray[np.int64]
KEPT_MOMENTS = 16


@dataclass(frozen=True, slots=True, eq=False)
class PoolMoment:
    """A pool at an instant, and the teams there: arrays aligned with ``charter.teams``, inner teams with all below them.

    Parameters
    ----------
    capacity, down, maintenance, held_by_all : int
        Devices; ``capacity`` is those that are up.
    floor, limit, entitled, held, waiting : int64 arrays
        Devices.
    waiting_jobs, longest_ms : int64 arrays
        How many gangs wait, and how long that one does that waits longest (0: none).
    borrowed, lent : int64 arrays
        Devices of idle floors, from and to other leaves; of an inner team only what its leaves have more of the one than of the other.
    """

    capacity: int
    down: int
    maintenance: int
    held_by_all: int
    floor: I64
    limit: I64
    entitled: I64
    held: I64
    waiting: I64
    waiting_jobs: I64
    longest_ms: I64
    borrowed: I64
    lent: I64

    @property
    def lacks(self) -> I64:
        """By how much each team holds less than both its floor and what it asks for."""
        return np.maximum(0, np.minimum(self.floor, self.held + self.waiting) - self.held)


@dataclass(frozen=True, eq=False)
class Moment:
    """All pools at an instant, in the order of ``charter.pools``; ``charter`` is the one in force."""

    at_ms: int
    charter: Charter
    pools: tuple[PoolMoment, ...]

    @cached_property
    def loans(self) -> tuple[list[Loan], ...]:
        """Who holds whose idle floor in each pool."""
        return tuple(self._loans(pool) for pool in self.pools)

    def _loans(self, of: PoolMoment) -> list[Loan]:
        columns = (of.floor, of.limit, of.entitled, of.held, of.waiting)
        rows = zip(*(column.tolist() for column in columns), strict=True)
        return loans(self.charter, of.capacity, [Standing(*row, insecure=0) for row in rows])


def moment(record: Record, at_ms: int) -> Moment:
    """Return how things stood once all of an instant had happened; the latest few are kept."""
    return _KEPT.of(record).at(at_ms)


def between(parents: tuple[int, ...], leaves: I64, capacity: int, floor: I64, held: I64) -> tuple[I64, I64]:
    """Return what every team borrows and lends of idle floors; arrays are aligned with the charter's teams."""
    lent, borrowed = lent_and_borrowed(capacity, floor[leaves].tolist(), held[leaves].tolist())
    found = np.zeros((2, len(parents)), np.int64)
    found[:, leaves] = (borrowed, lent)
    for team in range(len(parents) - 1, -1, -1):
        if parents[team] >= 0:
            found[:, parents[team]] += found[:, team]
    net = found - found.min(axis=0)
    net[:, leaves] = found[:, leaves]
    return net[0], net[1]


def leaves_of(charter: Charter) -> I64:
    """Return the teams that hold work, as places in ``charter.teams``."""
    return np.array([number for number, team in enumerate(charter.teams) if team.is_leaf], np.int64)


class _Moments:
    """Works moments of a run out, and remembers the latest."""

    def __init__(self, record: Record) -> None:
        self._record = record
        self._attempts, self._waits = attempts(record), waits(record)
        self._texts: dict[tuple[int, int, int], _Text] = {}
        self._latest: OrderedDict[int, Moment] = OrderedDict()
        self._working = threading.Lock()

    def at(self, at_ms: int) -> Moment:
        with self._working:
            found = self._latest.pop(at_ms, None) or self._found(at_ms)
            self._latest[at_ms] = found
            if len(self._latest) > KEPT_MOMENTS:
                self._latest.popitem(last=False)
            return found

    def _found(self, at_ms: int) -> Moment:
        record = self._record
        version = bisect_right(record.enact_ms, at_ms)
        charter = record.charters[version]
        held, waiting, jobs, longest_ms = _summed(self._attempts, self._waits, at_ms)
        pools: list[PoolMoment] = []
        for number, devices in enumerate(machine(record)):
            up, down, maintenance = devices.at(at_ms)
            text = self._text(version, number, up)
            at = text.lines
            own = [column[number, at] for column in (held, waiting, jobs, longest_ms)]
            entitled = entitlements(text.tree, up, (own[0] + own[1]).tolist())
            borrowed, lent = between(charter.parents, text.leaves, up, text.floor, own[0])
            pools.append(
                PoolMoment(
                    capacity=up, down=down, maintenance=maintenance, held_by_all=int(held[number, 0]),
                    floor=text.floor, limit=text.limit, entitled=np.array(entitled, np.int64), held=own[0], waiting=own[1],
                    waiting_jobs=own[2], longest_ms=own[3], borrowed=borrowed, lent=lent,
                )
            )  # fmt: skip
        return Moment(at_ms, charter, tuple(pools))

    def _text(self, version: int, pool: int, capacity: int) -> _Text:
        key = (version, pool, capacity)
        if key not in self._texts:
            charter = self._record.charters[version]
            self._texts[key] = _text(self._record, charter, charter.pools[pool].name, capacity)
        return self._texts[key]


@dataclass(frozen=True, slots=True, eq=False)
class _Text:
    """What a charter says of a pool of so many devices; ``lines`` is where each team stands in the reference plan."""

    tree: Tree
    floor: I64
    limit: I64
    lines: I64
    leaves: I64


def _text(record: Record, charter: Charter, pool: str, capacity: int) -> _Text:
    found = quotas(charter, pool, capacity)
    numbers = {line.path: number for number, line in enumerate(record.reference.lines)}
    floor, limit = (np.array([getattr(quota, name) for quota in found], np.int64) for name in ("floor", "limit"))
    tree = Tree(
        charter.parents,
        floor.tolist(),
        limit.tolist(),
        [team.weight_e4 for team in charter.teams],
        [quota.reserve for quota in found],
    )
    lines = np.array([numbers[team.path] for team in charter.teams], np.int64)
    return _Text(tree, floor, limit, lines, leaves_of(charter))


def _summed(ran: Attempts, waited: Waits, at_ms: int) -> tuple[I64, I64, I64, I64]:
    """Return held and waiting devices, waiting gangs, and the longest wait, each of shape (pools, lines)."""
    record = ran.record
    shape = (len(record.charter.pools), record.count)
    running, waiting = ran.running(at_ms), waited.waiting(at_ms)
    jobs = waited.job[waiting]
    cells = shape[0] * shape[1]
    sums = np.stack([
        _cells(ran.refs[ran.job[running]], ran.gangs[ran.job[running]], cells),
        _cells(ran.refs[jobs], ran.gangs[jobs], cells),
        np.bincount(ran.refs[jobs], minlength=cells),
    ])  # fmt: skip
    held, asked, count = record.rolled_up(sums.reshape(3, *shape))
    longest = np.zeros(cells, np.int64)
    np.maximum.at(longest, ran.refs[jobs], at_ms - waited.from_ms[waiting])
    longest = longest.reshape(shape)
    for number in range(record.count - 1, 0, -1):
        parent = record.reference.lines[number].parent
        longest[:, parent] = np.maximum(longest[:, parent], longest[:, number])
    return held, asked, count, longest


def _cells(at: I64, amounts: I64, cells: int) -> I64:
    """Sum whole amounts by cell: exact, as floats are up to 2^53."""
    return np.bincount(at, weights=amounts, minlength=cells).astype(np.int64)


_KEPT = Kept(_Moments)
