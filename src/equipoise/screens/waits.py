"""Every wait of a run: which job or replica waited for devices from when to when.

A job waits from the instant it could run to its start, and again from each stop; a replica of a service from when it is asked for.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from equipoise.policy.kernel.layout import CANCELLED, FUTURE, JOB_CANCELLED, REFUSED
from equipoise.screens.attempts import FAILED, NOT_YET, PREEMPTED, RECLAIMED, Attempts, attempts
from equipoise.screens.kept import Kept
from equipoise.screens.replicas import Spans, asked_for
from equipoise.simulator.record import Record

I64 = NDArray[np.int64]
BEGINS, ENDS = 0, 1


@dataclass(frozen=True, eq=False)
class Waits:
    """Waits in order of their beginnings; those of no length are left out.

    Parameters
    ----------
    attempts : Attempts
    job : int32 array, shape (n,)
        Jobs of the workload first, then the replicas of services.
    from_ms, to_ms : int64 arrays, shape (n,)
        ``to_ms`` is ``NOT_YET`` where it still waits when the record ends.
    """

    attempts: Attempts
    job: NDArray[np.int32]
    from_ms: I64
    to_ms: I64

    def waiting(self, at_ms: int) -> NDArray[np.intp]:
        """Return the waits that go on once all of an instant has happened."""
        begun = int(np.searchsorted(self.from_ms, at_ms, side="right"))
        return np.flatnonzero(self.to_ms[:begun] > at_ms)


def waits(record: Record) -> Waits:
    """Return the waits of a run that keeps its decisions and events."""
    return _KEPT.of(record)


def _found(record: Record) -> Waits:
    found = attempts(record)
    stopped = np.isin(found.cause, (RECLAIMED, PREEMPTED, FAILED))
    ordinal = found.ordinal
    points = [
        (found.job.astype(np.int64), found.start_ms, 2 * ordinal + 1, ENDS),
        (found.job[stopped].astype(np.int64), found.end_ms[stopped], 2 * ordinal[stopped] + 2, BEGINS),
    ]
    last = np.iinfo(np.int64).max
    for jobs, from_ms, to_ms in (_jobs_asked_for(record), asked_for(found)):
        ended = to_ms < NOT_YET
        points.append((jobs, from_ms, np.zeros(len(jobs), np.int64), BEGINS))
        points.append((jobs[ended], to_ms[ended], np.full(int(ended.sum()), last), ENDS))
    job, at_ms, turn = (np.concatenate([point[n] for point in points]) for n in range(3))
    kind = np.concatenate([np.full(len(point[0]), point[3], np.int8) for point in points])
    order = np.lexsort((turn, at_ms, job))
    job, at_ms, kind = job[order], at_ms[order], kind[order]
    begins = np.flatnonzero(kind == BEGINS)
    after = np.minimum(begins + 1, max(len(job) - 1, 0))
    ends = (after > begins) & (job[after] == job[begins])
    to_ms = np.where(ends, at_ms[after], NOT_YET)
    lasts = np.flatnonzero(to_ms > at_ms[begins])
    lasts = lasts[np.argsort(at_ms[begins[lasts]], kind="stable")]
    return Waits(found, job[begins[lasts]].astype(np.int32), at_ms[begins[lasts]], to_ms[lasts])


def _jobs_asked_for(record: Record) -> Spans:
    """Jobs that could run, from when, and till when they were cancelled (``NOT_YET``: they were not)."""
    jobs, events = record.run.jobs, record.run.events
    assert events is not None, "a run that is looked at keeps its events"
    asked = (jobs["eligible_ms"] >= 0) & ~np.isin(jobs["state"], (REFUSED, FUTURE))
    rows = np.flatnonzero(asked).astype(np.int64)
    over_ms = np.full(len(jobs), NOT_YET)
    told = events[(events["kind"] == JOB_CANCELLED) & (events["subject"] < len(jobs)) & (events["refused"] == 0)]
    told = told[jobs["state"][told["subject"]] == CANCELLED]
    over_ms[told["subject"]] = told["time_ms"]
    return rows, jobs["eligible_ms"][rows].astype(np.int64), over_ms[rows]


_KEPT = Kept(_found)
