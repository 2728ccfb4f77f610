"""Devices held and asked for over time, exactly: levels that change when jobs start, are stopped, end, and begin to wait."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from equipoise.screens.attempts import NOT_YET, Attempts, attempts
from equipoise.screens.kept import Kept
from equipoise.screens.waits import Waits, waits
from equipoise.simulator.record import Record

I64 = NDArray[np.int64]
F64 = NDArray[np.float64]
KEPT_STEPS = 32
What = Literal["held", "waiting"]


@dataclass(frozen=True, slots=True, eq=False)
class Steps:
    """A level that is ``level[n]`` from ``time_ms[n]`` on, and 0 before the first; times increase strictly."""

    time_ms: I64
    level: I64

    def at(self, at_ms: int) -> int:
        """Return the level once all of an instant has happened."""
        n = int(np.searchsorted(self.time_ms, at_ms, side="right"))
        return int(self.level[n - 1]) if n else 0

    def totals(self, edges_ms: I64) -> I64:
        """Return level × time from 0 up to each edge, exactly."""
        lengths = np.diff(self.time_ms)
        sums = (
            np.concatenate([np.zeros(1, np.int64), np.cumsum(self.level[:-1] * lengths)]) if len(self.level) else None
        )
        if sums is None:
            return np.zeros(len(edges_ms), np.int64)
        n = np.searchsorted(self.time_ms, edges_ms, side="right") - 1
        there = n >= 0
        n = np.maximum(n, 0)
        return np.where(there, sums[n] + self.level[n] * (edges_ms - self.time_ms[n]), 0)

    def extremes(self, edges_ms: I64) -> tuple[I64, I64]:
        """Return the least and the most level in each span between two edges (from the first, and before the second, instant)."""
        level = np.concatenate([np.zeros(1, np.int64), self.level])
        first = np.searchsorted(self.time_ms, edges_ms[:-1], side="right")
        last = np.searchsorted(self.time_ms, edges_ms[1:], side="left")
        lowest, highest = level[first].copy(), level[first].copy()
        more = np.flatnonzero(last > first)
        if len(more):
            cuts = np.stack([first[more], last[more] + 1], axis=1).ravel()
            padded = np.append(level, level[-1:])
            lowest[more] = np.minimum.reduceat(padded, cuts)[::2]
            highest[more] = np.maximum.reduceat(padded, cuts)[::2]
        return lowest, highest


def steps(record: Record, what: What, line: int, pool: int | None) -> Steps:
    """Return what a line and all below it held, or waited for, in a pool; None: in all of them, in devices."""
    return _KEPT.of(record).steps(what, line, pool)


class _Moves:
    """Changes of every cell (pool × line), side by side and in order of time, from which any sum of cells is made."""

    def __init__(self, record: Record) -> None:
        self._record = record
        ran, waited = attempts(record), waits(record)
        self._of: dict[What, tuple[I64, I64, I64]] = {"held": _moves_held(ran), "waiting": _moves_waiting(ran, waited)}
        self._below = _below(record)
        self._latest: OrderedDict[tuple[What, int, int | None], Steps] = OrderedDict()
        self._working = threading.Lock()

    def steps(self, what: What, line: int, pool: int | None) -> Steps:
        key = (what, line, pool)
        with self._working:
            found = self._latest.pop(key, None)
            if found is None:
                found = self._summed(what, line, pool)
            self._latest[key] = found
            if len(self._latest) > KEPT_STEPS:
                self._latest.popitem(last=False)
        return found

    def _summed(self, what: What, line: int, pool: int | None) -> Steps:
        cell, at_ms, amount = self._of[what]
        count, pools = self._record.count, len(self._record.charter.pools)
        wanted = [p * count + n for p in range(pools) if pool in (None, p) for n in self._below[line]]
        lows, highs = np.searchsorted(cell, wanted), np.searchsorted(cell, wanted, side="right")
        rows = [slice(low, high) for low, high in zip(lows.tolist(), highs.tolist(), strict=True) if high > low]
        if not rows:
            return Steps(np.zeros(0, np.int64), np.zeros(0, np.int64))
        times = np.concatenate([at_ms[part] for part in rows])
        order = np.argsort(times, kind="stable")
        times, level = times[order], np.cumsum(np.concatenate([amount[part] for part in rows])[order])
        last = np.flatnonzero(np.diff(times, append=np.iinfo(np.int64).max) > 0)
        return Steps(times[last], level[last])


def _moves_held(ran: Attempts) -> tuple[I64, I64, I64]:
    return _moves(ran.refs[ran.job], ran.start_ms, ran.end_ms, ran.gang)


def _moves_waiting(ran: Attempts, waited: Waits) -> tuple[I64, I64, I64]:
    return _moves(ran.refs[waited.job], waited.from_ms, waited.to_ms, ran.gangs[waited.job])


def _moves(cell: I64, from_ms: I64, to_ms: I64, gang: I64) -> tuple[I64, I64, I64]:
    over = to_ms < NOT_YET
    cells = np.concatenate([cell, cell[over]])
    times = np.concatenate([from_ms, to_ms[over]])
    order = np.lexsort((times, cells))
    return cells[order], times[order], np.concatenate([gang, -gang[over]])[order]


def _below(record: Record) -> list[list[int]]:
    """Return every line with those below it that hold work."""
    found: list[list[int]] = [[] for _ in range(record.count)]
    for leaf in map(int, record.leaves):
        at = leaf
        while at > 0:
            found[at].append(leaf)
            at = record.reference.lines[at].parent
        found[0].append(leaf)
    return found


_KEPT = Kept(_Moves)
