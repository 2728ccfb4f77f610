"""How long jobs will run, from how long those before them did: drawn from each team's history, given how long a job runs already.

Jobs that still run count too, for as long as they have run (the product-limit estimator: E. L. Kaplan and P. Meier,
doi:10.1080/01621459.1958.10501452); a history of ended jobs alone would make all jobs look short.
"""

from __future__ import annotations

from copy import copy

import numpy as np
from numpy.typing import NDArray

from equipoise.policy.kernel import layout as k
from equipoise.units import DAY_MS
from equipoise.workload.draws import Draws

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]

ENOUGH = 25
"""A history of fewer ended jobs says too little: that of the team, or of all, is taken instead."""
WEEK_MS = 7 * DAY_MS
LONGEST = 64.0
"""Beyond the longest run of a history a job takes as long again with even odds, and never more than so many times."""


class RunTimes:
    """What the submitted jobs of a state say about run times, by team and size of gang.

    Parameters
    ----------
    state : State
        How long a job runs is taken from it only where the job has ended.
    """

    def __init__(self, state: k.State) -> None:
        g = state.glob[0]
        n = int(g["arrived"])
        jobs = state.jobs[:n]
        self._now_ms = int(g["now"])
        self.ran_ms = _ran_ms(state, n)
        ended = jobs["state"] == k.DONE
        started = ended | (self.ran_ms > 0)
        size = np.minimum(np.frexp(jobs["gang"].astype(np.float64))[1].astype(np.int64) - 1, k.SIZES - 1)
        self._groups = jobs["ref"].astype(np.int64) * k.SIZES + size
        self._ended = ended
        self._weeks = (self._now_ms - state.arrivals[:n]) // WEEK_MS
        self._counts: I64 = np.ones(n, np.int64)
        self._curves: dict[tuple[str, int], Survival] = {}
        seen = np.flatnonzero(started)
        self._history = {("all", 0): seen}
        for name, of in (("team", jobs["ref"].astype(np.int64)), ("group", self._groups)):
            ordered = seen[np.argsort(of[seen], kind="stable")]
            numbers, first = np.unique(of[ordered], return_index=True)
            for number, own in zip(numbers.tolist(), np.split(ordered, first[1:]), strict=False):
                if int(ended[own].sum()) >= ENOUGH:
                    self._history[name, number] = own

    def redrawn(self, chance: Draws) -> RunTimes:
        """Return what a past would say in which each week was another of its weeks, drawn at random (some twice, some not at all).

        Jobs of one week run short or long together, so a past of a few weeks says less than the number of its jobs suggests: the
        bootstrap of whole clusters (A. Davison, D. Hinkley, Bootstrap Methods and their Application, doi:10.1017/CBO9780511802843,
        section 3.8).
        """
        drawn = copy(self)
        weeks = int(self._weeks.max()) + 1 if len(self._weeks) else 1
        drawn._counts = np.bincount(chance.below(weeks, weeks), minlength=weeks)[self._weeks]
        drawn._curves = {}
        return drawn

    def draw(self, rows: I64, chance: Draws) -> I64:
        """Draw how long each of the submitted jobs ``rows`` runs in total; those that have ended took what they took."""
        total = self.ran_ms[rows].astype(np.float64)
        unit = 1.0 - chance.unit(len(rows))
        open_ = ~self._ended[rows]
        keys = np.where(open_, self._groups[rows], -1)
        for key in np.unique(keys[open_]).tolist():
            own = keys == key
            curve = self._curve(key)
            total[own] = curve.draw(total[own], unit[own])
        return np.maximum(total.astype(np.int64), 1)

    def _curve(self, group: int) -> Survival:
        names = (("group", group), ("team", group // k.SIZES), ("all", 0))
        name = next(name for name in names if name in self._history)
        if name not in self._curves:
            own = self._history[name]
            count = self._counts[own]
            if not (count * self._ended[own]).any():
                count = np.ones(len(own), np.int64)
            again = np.repeat(own, count)
            self._curves[name] = Survival(self.ran_ms[again], self._ended[again])
        return self._curves[name]


class Survival:
    """Which part of jobs runs longer than a time, by the product-limit estimator.

    Parameters
    ----------
    ran_ms : int64 array
        How long each job ran.
    ended : bool array
        Whether it ended then; the others ran on when they were last seen.
    """

    def __init__(self, ran_ms: I64, ended: NDArray[np.bool_]) -> None:
        times, count = np.unique(ran_ms[ended], return_counts=True)
        at_risk = len(ran_ms) - np.searchsorted(np.sort(ran_ms), times, side="left")
        self._times: F64 = times.astype(np.float64)
        self._left: F64 = np.cumprod(1.0 - count / np.maximum(at_risk, 1), dtype=np.float64)

    def point(self, part: float) -> float | None:
        """Return the run time that a part of jobs does not exceed; None if it lies beyond what was seen."""
        at = int(np.searchsorted(-self._left, part - 1.0, side="left"))
        return float(self._times[at]) if at < len(self._times) else None

    def draw(self, ran_ms: F64, unit: F64) -> F64:
        """Return total run times of jobs that have run for ``ran_ms``, at the places ``unit`` (0 < unit <= 1) of what is left."""
        before = np.searchsorted(self._times, ran_ms, side="right")
        left = np.concatenate([[1.0], self._left])
        wanted = unit * left[before]
        at = np.searchsorted(-self._left, -wanted, side="left")
        known = (at < len(self._times)) & (wanted > 0)
        last = max(float(self._times[-1]) if len(self._times) else 0.0, 1.0)
        rest = left[-1] if left[-1] > 0 else 1.0
        beyond = np.where(left[before] > 0, np.minimum(rest, left[before]), 1.0)
        tail = np.maximum(ran_ms, last) / np.maximum(np.where(wanted > 0, wanted / beyond, unit), 1.0 / LONGEST)
        drawn = np.where(
            known, self._times[np.minimum(at, max(len(self._times) - 1, 0))] if len(self._times) else last, tail
        )
        return np.maximum(drawn, ran_ms + 1.0)


def _ran_ms(state: k.State, n: int) -> I64:
    """How long each submitted job has run, kept work and the present run together."""
    now_ms = int(state.glob["now"][0])
    ran = state.jobs["done_ms"][:n].astype(np.int64).copy()
    running = np.flatnonzero(state.slots["end_ms"] >= 0)
    running = running[state.slots["job"][running] < n]
    confirmed = bool(int(state.glob["rules"][0]) & k.CONFIRM)
    since = state.slots["began_ms" if confirmed else "start_ms"][running]
    ran[state.slots["job"][running]] += np.maximum(now_ms - since, 0)
    return ran
