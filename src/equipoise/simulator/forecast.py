"""When waiting jobs will start: the run is played forward many times from a copy, with run times and arrivals that might come.

Nothing of the future is looked at, but that no more jobs come than the log still has. Run times are drawn from the past (`run_times`);
what arrives is drawn in whole days from one week of the past, another week in each replica; nodes, floors and the demand of services
stay as they are. Each replica is the policy itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from equipoise.policy.kernel import layout as k
from equipoise.policy.kernel.pointer import Handle
from equipoise.policy.state import Layout
from equipoise.policy.why.trial import SHARED, copied
from equipoise.simulator import loop
from equipoise.simulator.run_times import RunTimes
from equipoise.units import DAY_MS, HOUR_MS
from equipoise.workload.draws import Draws

I64 = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Past:
    """Which past what arrives is drawn from.

    Parameters
    ----------
    history_ms : int
        Nothing older is drawn.
    stretch_ms : int
        Each replica draws its days from one stretch of this length. How much a lab submits changes for weeks; days drawn from all
        of a longer past would come to the same in every replica.
    """

    history_ms: int
    stretch_ms: int
    redrawn: bool = True
    """Whether each replica draws anew which of its weeks say how long jobs run."""


RECENT = Past(history_ms=56 * DAY_MS, stretch_ms=7 * DAY_MS)
BLOCK_MS = DAY_MS
"""Arrivals are drawn in blocks of this length, so that bursts and nights stay what they are."""
HORIZON_MS = 120 * DAY_MS
"""No replica is played further."""


def starts_ms(
    state: k.State,
    layout: Layout,
    jobs: Sequence[int],
    *,
    walltimes: I64,
    seed: int,
    replicas: int,
    enforced: bool,
    past: Past = RECENT,
) -> I64:
    """Return when each of ``jobs`` starts next in each replica, ``NEVER`` where it does not: shape (replicas, jobs).

    Parameters
    ----------
    state : State
        Of a replay between two instants; it is only read.
    layout : Layout
    jobs : sequence of int
        Rows of waiting jobs.
    walltimes : int64 array
        Declared walltimes by row of the workload, 0 where none was declared; no other column of the future is used.
    seed : int
        Of the draws; the same seed gives the same futures.
    replicas : int
        How many futures are played.
    enforced : bool
        Whether jobs end at their declared walltime.
    past : Past
        Which past what arrives is drawn from.
    """
    player = Player(state, layout, walltimes=walltimes, enforced=enforced, past=past)
    return np.stack([player.play(list(jobs), Draws(seed, stream=number)) for number in range(replicas)])


def days_ms(past: Past, first_ms: int, now_ms: int, chance: Draws) -> tuple[list[int], int]:
    """Draw the days that come again in one replica: when each begins, and how long they are where the past is shorter than a day.

    Parameters
    ----------
    past : Past
    first_ms : int
        When the log's first job was submitted.
    now_ms : int
    chance : Draws
    """
    first_ms = max(now_ms - past.history_ms, first_ms)
    known = max(now_ms - first_ms, HOUR_MS)
    stretch = min(past.stretch_ms, known)
    first_ms += int(chance.below(known - stretch + 1, 1)[0])
    block = min(BLOCK_MS, stretch)
    begins: list[int] = (first_ms + chance.below(stretch - block + 1, HORIZON_MS // block)).tolist()
    return begins, block


class Player:
    """What replicas of one state share.

    Parameters
    ----------
    state, layout, walltimes, enforced, past
        As of `starts_ms`.
    """

    def __init__(self, state: k.State, layout: Layout, *, walltimes: I64, enforced: bool, past: Past) -> None:
        self._state = state
        self._room = layout.room
        self._walltimes, self._enforced, self._past = walltimes, enforced, past
        self._times = RunTimes(state)
        g = state.glob[0]
        self._now_ms = int(g["now"])
        self._arrived, self._arrivals = int(g["arrived"]), int(g["n_arrivals"])
        self._longest_ms = (k.RING - 2) * int(state.pools["quantum_ms"].min())

    def play(self, jobs: list[int], chance: Draws) -> I64:
        """Play one future until all of ``jobs`` have started; returns when each did."""
        state = copied(self._state, shared=SHARED - {"arrivals"})
        if self._arrived:
            times = self._times.redrawn(chance) if self._past.redrawn else self._times
            self._draw_run_times(state, times, chance)
            self._draw_arrivals(state, times, chance)
        state.glob["n_demands"] = state.glob["demanded"]
        state.glob["record_room"] = 0
        return self._run(state, jobs)

    def _draw_run_times(self, state: k.State, times: RunTimes, chance: Draws) -> None:
        """Give everything that was submitted a run time that the past does not rule out, and foresee the ends anew."""
        rows = np.arange(self._arrived)
        total = self._capped(times.draw(rows, chance), rows)
        state.jobs["duration_ms"][rows] = total
        slots = state.slots
        due = np.flatnonzero((slots["end_ms"] >= 0) & (slots["end_ms"] < k.NEVER) & (slots["job"] < self._arrivals))
        job = slots["job"][due]
        since = slots["began_ms" if int(state.glob["rules"][0]) & k.CONFIRM else "start_ms"][due]
        end_ms = since + total[job] - state.jobs["done_ms"][job]
        slots["end_ms"][due] = np.maximum(end_ms, self._now_ms + 1)
        heap = np.sort((slots["end_ms"][due] << k.INDEX_BITS) | due)
        state.heap[: len(heap)] = heap
        state.glob["heap_n"] = len(heap)

    def _draw_arrivals(self, state: k.State, times: RunTimes, chance: Draws) -> None:
        """Write jobs of the past over those to come: days of one week of the past, each with all that was submitted on it."""
        room = self._arrivals - self._arrived
        submit = self._state.arrivals[: self._arrived]
        begins, block = days_ms(self._past, int(submit[0]), self._now_ms, chance)
        rows: list[I64] = []
        at: list[I64] = []
        count, number = 0, 0
        while count < room and number < len(begins):
            low = int(np.searchsorted(submit, begins[number], side="left"))
            high = int(np.searchsorted(submit, begins[number] + block, side="left"))
            rows.append(np.arange(low, high))
            at.append(self._now_ms + 1 + number * block + submit[low:high] - begins[number])
            count += high - low
            number += 1
        row = np.concatenate([np.zeros(0, np.int64), *rows])[:room]
        to = np.arange(self._arrived, self._arrived + len(row))
        for name in ("gang", "queue", "ref", "savepoint_ms"):
            state.jobs[name][to] = self._state.jobs[name][row]
        state.jobs["duration_ms"][to] = self._capped(times.draw(row, chance), row)
        state.jobs["estimate_ms"][to] = np.where(self._walltimes[row] > 0, self._walltimes[row], -1)
        state.arrivals[self._arrived : self._arrivals] = k.NEVER
        state.arrivals[to] = np.concatenate([np.zeros(0, np.int64), *at])[:room]
        if len(state.bonds):
            state.bonds["waits_for"][self._arrived :] = 0
            state.bonds["dependents"][self._arrived :] = -1

    def _capped(self, total: I64, rows: I64) -> I64:
        most = np.full(len(rows), self._longest_ms, np.int64)
        if self._enforced:
            declared = self._walltimes[rows]
            most = np.where(declared > 0, np.minimum(declared, most), most)
        return np.minimum(total, most)

    def _run(self, state: k.State, jobs: list[int]) -> I64:
        handle = Handle(state)
        wanted = np.array(jobs)
        found = np.full(len(jobs), k.NEVER, np.int64)
        until_ms, step_ms = self._now_ms + HOUR_MS, HOUR_MS
        while (found >= k.NEVER).any() and until_ms <= self._now_ms + 2 * HORIZON_MS:
            next_ms = int(loop.run(handle, until_ms, self._room, False))
            self._note(state, wanted, found)
            if next_ms >= k.NEVER:
                break
            if next_ms >= until_ms:
                step_ms *= 2
                until_ms += step_ms
        return found

    def _note(self, state: k.State, wanted: NDArray[Any], found: I64) -> None:
        """Read the first start of each wanted job off the stream, and empty it."""
        out = state.out[: int(state.glob["out_n"][0])]
        starts = out[out["kind"] == k.START]
        for place in np.flatnonzero(found >= k.NEVER).tolist():
            own = starts["time_ms"][starts["job"] == wanted[place]]
            if len(own):
                found[place] = own[0]
        state.glob["out_n"] = 0
