"""Where each attempt lies in the picture of a run: a lane inside its team's band, assigned once, so that a job stays where it is.

`lanes` is the main path. An attempt takes the lowest lane of its team and pool that is free when it starts; at one instant what ends
gives its lane back first. An attempt that takes no time has none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from equipoise.screens.attempts import attempts
from equipoise.screens.kept import Kept
from equipoise.simulator.record import Record

I32 = NDArray[np.int32]
I64 = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Lanes:
    """The lanes of a run's attempts.

    Parameters
    ----------
    spot : int32 array, shape (attempts,)
        Each attempt's place in the stack of all pools: pool by pool, team by team in the charter's order, lane by lane; -1: none.
    first : int32 array, shape (pools * lines + 1,)
        Where the lanes of each pool and line begin.
    by_end : int32 array, shape (attempts,)
        The attempts in order of their ends.
    ends_ms : int64 array, shape (attempts,)
        Those ends.
    """

    spot: I32
    first: I32
    by_end: I32
    ends_ms: I64


def lanes(record: Record) -> Lanes:
    """Return the lanes of a run that keeps its decisions."""
    return _KEPT.of(record)


def _found(record: Record) -> Lanes:
    all_of = attempts(record)
    by_end = np.argsort(all_of.end_ms, kind="stable").astype(np.int32)
    group = (all_of.pool * record.count + all_of.line).astype(np.int32)
    groups = len(record.charter.pools) * record.count
    most = np.zeros(groups, np.int32)
    spot = np.full(len(all_of), -1, np.int32)
    _count(all_of.start_ms, all_of.end_ms, by_end, group, most)
    first = np.concatenate([[0], np.cumsum(most)]).astype(np.int32)
    _assign(all_of.start_ms, all_of.end_ms, by_end, group, first, spot)
    return Lanes(spot, first, by_end, all_of.end_ms[by_end])


def compiled(function: Any) -> Any:
    """Return a function as machine code, which is kept for the next time."""
    return numba.njit(function, cache=True, nogil=True, error_model="numpy")


@compiled
def _count(start_ms: Any, end_ms: Any, by_end: Any, group: Any, most: Any) -> None:
    """Find how many attempts each group has at once, at most."""
    now = np.zeros(len(most), np.int32)
    ended = 0
    for at in range(len(start_ms)):
        while ended < len(by_end) and end_ms[by_end[ended]] <= start_ms[at]:
            over = by_end[ended]
            ended += 1
            if start_ms[over] < end_ms[over]:
                now[group[over]] -= 1
        if start_ms[at] < end_ms[at]:
            now[group[at]] += 1
            most[group[at]] = max(most[group[at]], now[group[at]])


@compiled
def _assign(start_ms: Any, end_ms: Any, by_end: Any, group: Any, first: Any, spot: Any) -> None:
    """Give every attempt the lowest free lane: what is free below the highest that was ever used is kept as heaps."""
    used = np.zeros(len(first) - 1, np.int32)
    free = np.zeros(first[-1], np.int32)
    free_n = np.zeros(len(first) - 1, np.int32)
    ended = 0
    for at in range(len(start_ms)):
        while ended < len(by_end) and end_ms[by_end[ended]] <= start_ms[at]:
            over = by_end[ended]
            ended += 1
            if spot[over] >= 0:
                g = group[over]
                _push(free, first[g], free_n[g], spot[over])
                free_n[g] += 1
        if start_ms[at] >= end_ms[at]:
            continue
        g = group[at]
        if free_n[g] > 0:
            spot[at] = free[first[g]]
            free_n[g] -= 1
            _pop(free, first[g], free_n[g])
        else:
            spot[at] = first[g] + used[g]
            used[g] += 1


@compiled
def _push(heap: Any, base: int, count: int, value: int) -> None:
    """Put a value into a heap of so many."""
    at = count
    while at > 0 and heap[base + (at - 1) // 2] > value:
        heap[base + at] = heap[base + (at - 1) // 2]
        at = (at - 1) // 2
    heap[base + at] = value


@compiled
def _pop(heap: Any, base: int, count: int) -> None:
    """Take the least value out of a heap, which then has so many."""
    last, at = heap[base + count], 0
    while 2 * at + 1 < count:
        child = 2 * at + 1
        if child + 1 < count and heap[base + child + 1] < heap[base + child]:
            child += 1
        if heap[base + child] >= last:
            break
        heap[base + at] = heap[base + child]
        at = child
    heap[base + at] = last


_KEPT = Kept(_found)
