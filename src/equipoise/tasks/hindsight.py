"""Why did a job wait then: a run that is looked at is gone through again up to an instant, and the policy explains the job there.

`Hindsight.why` is the main path. A simulated run is replayed by its workload, so that its future can be played out too; what a live
lab's ledger tells is told to the policy again, and nobody knows how long its jobs would have run.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from equipoise.errors import InputError
from equipoise.policy.core import Core
from equipoise.policy.kernel import layout as k
from equipoise.policy.retracing import stretches
from equipoise.policy.why import Explanation, explain
from equipoise.screens import LabRun
from equipoise.screens.job import check
from equipoise.screens.kept import Kept
from equipoise.screens.rewound import layout_of, rewound
from equipoise.simulator.calibration import Forecast
from equipoise.simulator.record import Record
from equipoise.simulator.replay import Replay
from equipoise.simulator.timeline import Timeline
from equipoise.tasks.why import Answer, Lookout

REPLICAS = 10
"""So many futures are played: somebody waits for the answer."""


@dataclass(frozen=True, slots=True, eq=False)
class Then:
    """Why a job waited at an instant (of the run's own time), and what was predicted there."""

    explanation: Explanation
    forecast: Forecast | None


class Hindsight:
    """A run that can be gone through again. One caller at a time; the others wait.

    Parameters
    ----------
    record : Record
        With its decisions and events.
    """

    def __init__(self, record: Record) -> None:
        self._record = record
        self._rewound = rewound(record)

    def why(self, run: LabRun, job: int, at_ms: int, *, changes: bool, predict: bool) -> Then:
        """Explain a job of this record as all of an instant had happened.

        Parameters
        ----------
        run : LabRun
            Of this record.
        job : int
        at_ms : int
            In the run's own time.
        changes : bool
            Whether to try what would have started it.
        predict : bool
            Whether to play futures of it; those of a live lab are not.

        Raises
        ------
        InputError
            N175 for a job that is not there, Y103 for one that was not submitted by then.
        """
        check(run, job)
        submit_ms = int(self._record.workload.jobs.submit_ms[job])
        if at_ms < submit_ms:
            raise InputError("Y103", f"job {job} is not submitted yet then", hint=f"it is {submit_ms - at_ms} ms later")
        with self._rewound.turn:
            if run.live:
                core = self._retraced(at_ms)
                return Then(explain(core.state, core.layout, job, changes=changes), None)
            there = self._rewound.at(at_ms)
            assert there is not None, "a run that was simulated decides the same again"
            replay, timeline = there
            found = explain(replay.state, replay.layout, job, changes=changes)
            return Then(found, self._forecast(replay, timeline, found, at_ms) if predict else None)

    def _forecast(self, replay: Replay, timeline: Timeline, found: Explanation, at_ms: int) -> Forecast | None:
        if found.state not in ("waiting", "claimed"):
            return None
        workload = self._record.workload
        lookout = Lookout(
            replay, timeline, workload, enforced=self._record.options.enforce_walltime, seed=0, replicas=REPLICAS
        )
        answer = Answer(found, str(found.job), at_ms, self._record.plan.name, workload)
        return lookout.predicted(answer).forecast

    def _retraced(self, at_ms: int) -> Core:
        """Return a core that was told everything up to an instant."""
        record, events = self._record, self._record.run.events
        assert events is not None, "a run that is looked at keeps its events"
        ends = np.flatnonzero(events["kind"] == k.PASS)
        passes = int(np.searchsorted(events["time_ms"][ends], at_ms, side="right"))
        told = events[: int(ends[passes - 1]) + 1 if passes else 0]
        batches = np.bincount(np.cumsum(events["kind"] == k.PASS)[events["kind"] == k.SUBMITTED], minlength=1)
        layout = layout_of(record, told=True, burst=int(batches.max()))
        core = Core(layout, lasting=True)
        closes_ms = record.run.closes_ms.tolist()
        edges_ms = sorted({*record.run.promises} - {*closes_ms})
        stops = [[stop for stop in found if stop <= at_ms] for found in (closes_ms, edges_ms)]
        for _ in stretches(core, told, closes_ms=stops[0], edges_ms=stops[1], ended=False):
            pass
        return core


def hindsight(run: LabRun) -> Hindsight:
    """Return what goes through a run again; it is kept as long as the run's record is."""
    return _KEPT.of(run.record)


_KEPT = Kept(Hindsight)
