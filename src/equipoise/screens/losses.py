"""What each stop of a job cost: the work since its last savepoint, or none where the warning left time to save.

The kernel books it per job; here it is worked out again for every attempt, by the same rule (`kernel.running.work_kept`).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from equipoise.policy.kernel.layout import LOST, NEVER, START, STOP, WARN, WITHDRAW
from equipoise.screens.attempts import FAILED, PREEMPTED, RECLAIMED, attempts
from equipoise.screens.kept import Kept
from equipoise.simulator.record import Record

I64 = NDArray[np.int64]


def losses(record: Record) -> I64:
    """Return lost GPU-ms of every attempt; int64, aligned with `attempts`."""
    return _KEPT.of(record)


def _found(record: Record) -> I64:
    found, jobs = attempts(record), record.run.jobs
    lost = np.zeros(len(found), np.int64)
    stopped = np.isin(found.cause, (RECLAIMED, PREEMPTED, FAILED)) & (found.job < len(jobs))
    rows = np.flatnonzero(stopped)
    rows = rows[
        jobs["duration_ms"][found.job[rows]] < NEVER
    ]  # of what ends nobody knows when, nothing is counted as lost
    if not len(rows):
        return lost
    job = found.job[rows]
    ran_ms = np.maximum(found.end_ms[rows] - found.serves_ms[rows], 0)
    warned_ms = _warned_ms(record, found.stopped_by[rows])
    if record.options.latency is not None:  # what does not run yet saves nothing
        warned_ms = np.minimum(warned_ms, ran_ms)
    savepoint_ms = jobs["savepoint_ms"][job]
    saves = savepoint_ms > 0
    kept_ms = np.where(saves, ran_ms // np.maximum(savepoint_ms, 1) * savepoint_ms, 0)
    kept_ms = np.where(saves & (warned_ms >= record.options.savepoint_cost_ms), ran_ms, kept_ms)
    lost[rows] = (ran_ms - kept_ms) * found.gang[rows]
    return lost


def _warned_ms(record: Record, stops: I64) -> I64:
    """Return how long before each stop (a row of the decisions) its job was warned; 0 where it was not."""
    decisions = record.run.decisions
    assert decisions is not None
    rows = np.flatnonzero(np.isin(decisions["kind"], (START, WARN, WITHDRAW, STOP, LOST)))
    columns = [decisions[name][rows].tolist() for name in ("kind", "job", "other", "time_ms")]
    since: dict[int, int] = {}
    warned: dict[int, int] = {}
    for row, kind, job, other, at_ms in zip(rows.tolist(), *columns, strict=True):
        if kind == WARN:
            since[job] = at_ms
        elif kind == WITHDRAW:
            since.pop(other, None)
        else:
            warned_at_ms = since.pop(job, None)
            if kind == STOP and warned_at_ms is not None:
                warned[row] = at_ms - warned_at_ms
    return np.array([warned.get(row, 0) for row in stops.tolist()], np.int64)


_KEPT = Kept(_found)
