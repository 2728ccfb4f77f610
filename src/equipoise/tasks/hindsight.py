"""Why did a job wait then: a run that is looked at is gone through again up to an instant, and the policy explains the job there.

`Hindsight.why` is the main path. A simulated run is replayed by its workload, so that its future can be played out too; what a live
lab's ledger tells is told to the policy again, and nobody knows how long its jobs would have run. A few states are kept on the way.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass

import numpy as np

from equipoise.errors import InputError
from equipoise.policy.core import Core
from equipoise.policy.kernel import layout as k
from equipoise.policy.retracing import stretches
from equipoise.policy.state import Layout, build
from equipoise.policy.why import Explanation, explain
from equipoise.screens import LabRun
from equipoise.screens.job import check
from equipoise.screens.kept import Kept
from equipoise.simulator.calibration import Forecast
from equipoise.simulator.days import midnights_under
from equipoise.simulator.record import Record
from equipoise.simulator.replay import NODE_STATES, CapChange, NodeChange, Replay
from equipoise.simulator.timeline import Timeline
from equipoise.simulator.windows import windows_of
from equipoise.tasks.why import Answer, Lookout

SNAPSHOTS = 8
"""So many states of a run are kept, evenly over its time."""
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
        self._turn = threading.Lock()
        self._snapshots: dict[int, bytes] = {}
        self._latest: tuple[Replay, Timeline] | None = None

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
        with self._turn:
            if run.live:
                core = self._retraced(at_ms)
                return Then(explain(core.state, core.layout, job, changes=changes), None)
            replay, timeline = self._replayed(at_ms, end_ms=run.ends_ms)
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

    def _replayed(self, at_ms: int, *, end_ms: int) -> tuple[Replay, Timeline]:
        """Return a replay that has gone through an instant, and nothing later."""
        if (
            self._latest is None
            or self._latest[0].passed_ms > at_ms + 1
            or self._nearest(at_ms) > self._latest[0].passed_ms
        ):
            self._latest = self._begun(self._nearest(at_ms))
        replay, timeline = self._latest
        for stop_ms in (end_ms * n // SNAPSHOTS for n in range(1, SNAPSHOTS)):
            if replay.passed_ms < stop_ms <= at_ms:
                timeline.run(stop_ms)
                self._snapshots.setdefault(stop_ms, replay.snapshot())
        timeline.run(at_ms + 1)
        made, own = replay.decisions, self._record.run.decisions
        assert made is not None and own is not None and np.array_equal(made, own[: len(made)]), "another run"
        return replay, timeline

    def _nearest(self, at_ms: int) -> int:
        """The latest kept state before an instant; -1: the beginning."""
        return max((kept_ms for kept_ms in self._snapshots if kept_ms <= at_ms), default=-1)

    def _begun(self, kept_ms: int) -> tuple[Replay, Timeline]:
        """Return a replay at a kept state."""
        record, layout = self._record, self._layout()
        replay = Replay(layout, keep=True) if kept_ms < 0 else Replay.restore(self._snapshots[kept_ms], layout)
        charters = record.charters
        zones = [record.charter.timezone, *(one.plan.charter.timezone for one in record.enacted)]
        timeline = Timeline(
            replay,
            midnight_after=midnights_under(zones, list(record.enact_ms), record.workload.origin_ms),
            closes_ms=record.run.closes_ms.tolist()[:-1],
            nodes=_nodes(record),
            enact_ms=record.enact_ms,
            caps=_caps(record),
            windows=windows_of(layout, charters[0], record.workload.origin_ms, list(record.enact_ms)),
        )
        return replay, timeline

    def _layout(self) -> Layout:
        record = self._record
        later = [(one.plan, one.reference) for one in record.enacted]
        return build(
            record.workload, record.charter.pools, record.plan, reference=record.reference, later=later,
            options=record.options,
        )  # fmt: skip

    def _retraced(self, at_ms: int) -> Core:
        """Return a core that was told everything up to an instant."""
        record, events = self._record, self._record.run.events
        assert events is not None, "a run that is looked at keeps its events"
        ends = np.flatnonzero(events["kind"] == k.PASS)
        passes = int(np.searchsorted(events["time_ms"][ends], at_ms, side="right"))
        told = events[: int(ends[passes - 1]) + 1 if passes else 0]
        batches = np.bincount(np.cumsum(events["kind"] == k.PASS)[events["kind"] == k.SUBMITTED], minlength=1)
        layout = build(
            record.workload, record.charter.pools, record.plan, reference=record.reference,
            later=[(one.plan, one.reference) for one in record.enacted], options=record.options,
            run_times="unknown", burst=int(batches.max()),
        )  # fmt: skip
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


def _nodes(record: Record) -> list[NodeChange]:
    names = {code: name for name, code in NODE_STATES.items()}
    pools = [pool.name for pool in record.charter.pools]
    return [
        NodeChange(int(row["time_ms"]), pools[int(row["pool"])], int(row["subject"]), names[int(row["detail"])])
        for row in _rows(record, k.NODE_CHANGED)
    ]


def _caps(record: Record) -> list[CapChange]:
    return [
        CapChange(int(row["time_ms"]), int(row["subject"]), None if row["amount"] >= k.NEVER else int(row["amount"]))
        for row in _rows(record, k.CAP_SET)
    ]


def _rows(record: Record, kind: int) -> np.ndarray[tuple[int], np.dtype[np.void]]:
    events = record.run.events
    assert events is not None, "a run that is looked at keeps its events"
    return events[events["kind"] == kind]


_KEPT = Kept(Hindsight)
