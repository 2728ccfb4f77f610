"""The machine as a picture: time goes right, devices go up, stacked by team in the order of the charter.

`picture` is the main path. A column shows the instant in its middle: every attempt that holds devices then, one above the other in
the order of their lanes; above them what is idle, and at the top what is out of service.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from equipoise.policy.kernel.capacity import UP
from equipoise.policy.kernel.layout import NODE_CHANGED
from equipoise.screens.attempts import FAILED, NOT_YET, RECLAIMED, attempts
from equipoise.screens.lanes import compiled, lanes
from equipoise.screens.waits import waits
from equipoise.simulator.record import DENIED, Record

I64 = NDArray[np.int64]
Pixels = NDArray[np.uint8] | NDArray[np.uint16]

IDLE, OUT, FIRST = 0, 1, 2
"""Values of pixels: nobody's, out of service, and from ``FIRST`` on the leaves in the charter's order."""
FEW = 124
"""So many leaves fit into bytes: the highest bit of a pixel says that it is at the edge of a job."""
EDGE_ROWS, EDGE_COLUMNS = 6, 8
"""Edges are shown of jobs that are at least so large in the picture, …"""
MOST_EDGED = 20_000
"""… and of none where more than so many attempts begin in it: there they are noise, and most of the bytes."""


@dataclass(frozen=True, slots=True)
class Frame:
    """What a picture is of: a pool, a span of time in the run's own, and how many pixels."""

    pool: int
    from_ms: int
    to_ms: int
    width: int
    height: int
    waiting_height: int

    @property
    def edges_ms(self) -> I64:
        """Where columns begin and end; int64, shape (width + 1,)."""
        return self.from_ms + np.arange(self.width + 1, dtype=np.int64) * (self.to_ms - self.from_ms) // self.width

    @property
    def middles_ms(self) -> I64:
        """The instants that columns show; int64, shape (width,)."""
        edges_ms = self.edges_ms
        return (edges_ms[1:] + edges_ms[:-1]) // 2


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """A picture of a run.

    Parameters
    ----------
    stack : array, shape (width, height)
        Who holds what: columns, each from below. So it compresses to less than half of what rows do.
    waiting : array, shape (width, waiting_height)
        What waits, in devices asked for, stacked in the same order; ``waiting_most`` fills the height.
    waiting_most : int
    held, waiting_gpus, starts, reclaims, failures, denied_gpus : uint32 arrays, shape (width,)
        Devices held and asked for in the middle of each column; what started, was reclaimed and was lost with its nodes within it; devices
        denied on average, between closes evenly.
    reclaimed_team, denied_team : as ``stack``, shape (width,)
        Which leaf most was taken from or denied to.
    """

    stack: Pixels
    waiting: Pixels
    waiting_most: int
    held: NDArray[np.uint32]
    waiting_gpus: NDArray[np.uint32]
    starts: NDArray[np.uint32]
    reclaims: NDArray[np.uint32]
    failures: NDArray[np.uint32]
    denied_gpus: NDArray[np.uint32]
    reclaimed_team: Pixels
    denied_team: Pixels


def picture(record: Record, frame: Frame) -> Picture:
    """Return the picture of a run that keeps its decisions."""
    kind = np.dtype(np.uint8 if len(record.leaves) <= FEW else np.uint16)
    stack, held = _stack(record, frame, kind)
    waiting, most, waiting_gpus = _waiting(record, frame, kind)
    starts, reclaims, failures, victim = _happenings(record, frame, kind)
    denied, denied_team = _denied(record, frame, kind)
    return Picture(stack, waiting, most, held, waiting_gpus, starts, reclaims, failures, denied, victim, denied_team)


def values_of_lines(record: Record) -> I64:
    """The value of each line's pixels; 0 where it holds no work itself."""
    found = np.zeros(record.count, np.int64)
    found[record.leaves] = FIRST + np.arange(len(record.leaves))
    return found


def _stack(record: Record, frame: Frame, kind: np.dtype[Any]) -> tuple[Pixels, NDArray[np.uint32]]:
    """Paint who holds what."""
    all_of, places = attempts(record), lanes(record)
    middles_ms = frame.middles_ms
    pixels = np.zeros((frame.width, frame.height), kind)
    held = np.zeros(frame.width, np.uint32)
    running = np.full(int(places.first[-1]), -1, np.int32)
    begun = all_of.running(int(middles_ms[0]))
    begun = begun[places.spot[begun] >= 0]
    running[places.spot[begun]] = begun
    starts = int(np.searchsorted(all_of.start_ms, int(middles_ms[0]), side="right"))
    ends = int(np.searchsorted(places.ends_ms, int(middles_ms[0]), side="right"))
    out = _out(record, frame.pool, middles_ms)
    first = places.first[frame.pool * record.count : (frame.pool + 1) * record.count + 1]
    least_ms = EDGE_COLUMNS * (frame.to_ms - frame.from_ms) // frame.width
    if int(np.searchsorted(all_of.start_ms, int(middles_ms[-1]))) - starts > MOST_EDGED:
        least_ms = NOT_YET
    _paint(
        all_of.start_ms, all_of.end_ms, all_of.gang, places.spot, places.by_end, running, starts, ends,
        middles_ms, first, values_of_lines(record), record.charter.pools[frame.pool].capacity, out, least_ms, pixels, held,
    )  # fmt: skip
    return pixels, held


@compiled
def _paint(
    start_ms: Any, end_ms: Any, gang: Any, spot: Any, by_end: Any, running: Any, starts: int, ends: int,
    middles_ms: Any, first: Any, value: Any, capacity: int, out: Any, least_ms: int, pixels: Any, held: Any,
) -> None:  # fmt: skip
    """Go from column to column, let start and end what does between them, and paint what runs."""
    height = pixels.shape[1]
    edge = 1 << (8 * pixels.itemsize - 1)
    count = np.zeros(len(value), np.int64)
    for line in range(len(value)):
        for at in range(first[line], first[line + 1]):
            count[line] += running[at] >= 0
    line_of = np.zeros(len(running), np.int32) - 1
    for line in range(len(value)):
        line_of[first[line] : first[line + 1]] = line
    for x in range(len(middles_ms)):
        now_ms = middles_ms[x]
        while ends < len(by_end) and end_ms[by_end[ends]] <= now_ms:
            over = by_end[ends]
            ends += 1
            if spot[over] >= 0 and running[spot[over]] == over:
                running[spot[over]] = -1
                if line_of[spot[over]] >= 0:
                    count[line_of[spot[over]]] -= 1
        while starts < len(start_ms) and start_ms[starts] <= now_ms:
            if end_ms[starts] > now_ms and spot[starts] >= 0:
                running[spot[starts]] = starts
                if line_of[spot[starts]] >= 0:
                    count[line_of[spot[starts]]] += 1
            starts += 1
        below, row = 0, 0
        for line in range(len(value)):
            left, at = count[line], first[line]
            while left > 0:
                a = running[at]
                at += 1
                if a < 0:
                    continue
                left -= 1
                below += gang[a]
                top = min((2 * below * height + capacity) // (2 * capacity), height)
                shown = top - row >= EDGE_ROWS and end_ms[a] - start_ms[a] >= least_ms
                begins = shown and (x == 0 or start_ms[a] > middles_ms[x - 1])
                for y in range(row, top):
                    pixels[x, y] = value[line] | (edge if begins or (shown and y == top - 1) else 0)
                row = max(row, top)
        held[x] = below
        for y in range((2 * (capacity - out[x]) * height + capacity) // (2 * capacity), height):
            if y >= row:
                pixels[x, y] = 1


def _out(record: Record, pool: int, at_ms: I64) -> I64:
    """Devices of a pool out of service at each of some instants."""
    events = record.run.events
    found = np.zeros(len(at_ms), np.int64)
    if events is None:
        return found
    rows = events[(events["kind"] == NODE_CHANGED) & (events["pool"] == pool) & (events["refused"] == 0)]
    if len(rows):
        rows = rows[np.argsort(rows["subject"], kind="stable")]
        is_out = (rows["detail"] != UP).astype(np.int64)
        same = np.concatenate([[False], rows["subject"][1:] == rows["subject"][:-1]])
        change = is_out - np.where(same, np.concatenate([[0], is_out[:-1]]), 0)
        order = np.argsort(rows["time_ms"], kind="stable")
        total = np.concatenate([[0], np.cumsum(change[order])])
        found = total[np.searchsorted(rows["time_ms"][order], at_ms, side="right")]
    return found * record.charter.pools[pool].gpus_per_node


def _waiting(record: Record, frame: Frame, kind: np.dtype[Any]) -> tuple[Pixels, int, NDArray[np.uint32]]:
    """Paint what waits."""
    middles_ms, found = frame.middles_ms, waits(record)
    leaf = np.full(record.count, -1, np.int64)
    leaf[record.leaves] = np.arange(len(record.leaves))
    depth = np.zeros((frame.width + 1, len(record.leaves)), np.int64)
    refs, gangs = found.attempts.refs, found.attempts.gangs
    _deposit(found.job, found.from_ms, found.to_ms, refs, leaf, gangs, frame.pool, middles_ms, depth)
    depth = np.cumsum(depth, axis=0)[:-1]
    total = depth.sum(axis=1)
    most = int(total.max(initial=0))
    pixels = np.zeros((frame.width, frame.waiting_height), kind)
    _pile(depth, max(most, 1), pixels)
    return pixels, most, total.astype(np.uint32)


@compiled
def _first_from(times_ms: Any, at_ms: int) -> int:
    """Return the first place whose time is not before an instant."""
    low, high = 0, len(times_ms)
    while low < high:
        middle = (low + high) // 2
        if times_ms[middle] < at_ms:
            low = middle + 1
        else:
            high = middle
    return low


@compiled
def _deposit(
    job: Any, from_ms: Any, to_ms: Any, refs: Any, leaf: Any, gangs: Any, pool: int, middles_ms: Any, depth: Any
) -> None:
    """Add each wait's devices at the first column that shows it, and take them away at the first that does no more."""
    for n in range(len(job)):
        if from_ms[n] > middles_ms[-1]:
            break  # they are in order of their beginnings
        ref = refs[job[n]]
        if ref // len(leaf) == pool and to_ms[n] > middles_ms[0]:
            depth[_first_from(middles_ms, from_ms[n]), leaf[ref % len(leaf)]] += gangs[job[n]]
            depth[_first_from(middles_ms, to_ms[n]), leaf[ref % len(leaf)]] -= gangs[job[n]]


@compiled
def _pile(depth: Any, most: int, pixels: Any) -> None:
    """Paint amounts one above the other, ``most`` to the full height."""
    height = pixels.shape[1]
    for x in range(pixels.shape[0]):
        below, row = 0, 0
        for leaf in range(depth.shape[1]):
            if depth[x, leaf] > 0:
                below += depth[x, leaf]
                top = min((2 * below * height + most) // (2 * most), height)
                for y in range(row, top):
                    pixels[x, y] = 2 + leaf
                row = top


def _happenings(record: Record, frame: Frame, kind: np.dtype[Any]) -> tuple[Any, Any, Any, Pixels]:
    """Count what happened within each column: starts, reclaims, losses; and whom most was taken from."""
    all_of, edges_ms = attempts(record), frame.edges_ms
    low, high = np.searchsorted(all_of.start_ms, (edges_ms[0], edges_ms[-1])).tolist()
    starts = _columns(edges_ms, all_of.start_ms[low:high][all_of.pool[low:high] == frame.pool])
    places = lanes(record)
    low, high = np.searchsorted(places.ends_ms, (edges_ms[0], edges_ms[-1]))
    over = places.by_end[low:high]
    over = over[all_of.pool[over] == frame.pool]
    taken, lost = over[all_of.cause[over] == RECLAIMED], over[all_of.cause[over] == FAILED]
    column = np.searchsorted(edges_ms, all_of.end_ms[taken], side="right") - 1
    value = values_of_lines(record)[all_of.line[taken]]
    by_team = np.zeros((frame.width, FIRST + len(record.leaves)), np.int64)
    np.add.at(by_team, (column, value), 1)
    reclaims = by_team.sum(axis=1).astype(np.uint32)
    return starts, reclaims, _columns(edges_ms, all_of.end_ms[lost]), by_team.argmax(axis=1).astype(kind)


def _columns(edges_ms: I64, at_ms: I64) -> NDArray[np.uint32]:
    """Count instants by column."""
    return np.histogram(at_ms, edges_ms)[0].astype(np.uint32) if len(at_ms) else np.zeros(len(edges_ms) - 1, np.uint32)


def _denied(record: Record, frame: Frame, kind: np.dtype[Any]) -> tuple[NDArray[np.uint32], Pixels]:
    """Return devices denied on average within each column, and the leaf to which most was."""
    closes_ms = np.concatenate([[0], record.run.closes_ms]).astype(np.float64)
    totals = record.accounts[:, frame.pool][:, record.leaves, DENIED].astype(np.float64)
    totals = np.concatenate([np.zeros((1, totals.shape[1])), totals])
    edges_ms = frame.edges_ms.astype(np.float64)
    at = np.clip(np.searchsorted(closes_ms, edges_ms, side="right") - 1, 0, len(closes_ms) - 2)
    part = np.clip((edges_ms - closes_ms[at]) / np.maximum(closes_ms[at + 1] - closes_ms[at], 1), 0, 1)[:, None]
    until = totals[at] * (1 - part) + totals[at + 1] * part
    rate = np.diff(until, axis=0) / np.maximum(np.diff(edges_ms), 1)[:, None]
    worst = np.where(rate.max(axis=1) >= 0.5, FIRST + rate.argmax(axis=1), IDLE)
    return np.rint(rate.sum(axis=1)).astype(np.uint32), worst.astype(kind)
