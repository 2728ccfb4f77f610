"""Every attempt of a run: which job held its devices from when to when, and what ended that.

`attempts` is the main path. It reads the stream of decisions once; the result is kept as long as the run's record is.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from equipoise.policy.kernel.layout import DONE, LOST, RELEASE, START, START_CONFIRMED, STOP
from equipoise.screens.kept import Kept
from equipoise.simulator.record import Record

I64 = NDArray[np.int64]
I8 = NDArray[np.int8]

RUNS, ENDED, RECLAIMED, PREEMPTED, FAILED, RELEASED = range(6)
CAUSES = ("runs", "ended", "reclaimed", "preempted", "failed", "released")
"""Why an attempt was over: it runs still; its job ended; it was stopped for another team; for its own team's priority; by a node that
went away; or it was no longer asked for (cancelled, or a replica that its service did not need)."""
NOT_YET = np.iinfo(np.int64).max


@dataclass(frozen=True, eq=False)
class Attempts:
    """Attempts in order of their starts (at one time, in that of the decisions).

    Parameters
    ----------
    record : Record
    job : int32 array, shape (n,)
        Jobs of the workload first, then the replicas of services.
    start_ms, end_ms : int64 arrays, shape (n,)
        From the decision to start to the decision to stop, or the end; ``NOT_YET`` where it still runs when the record ends.
    cause : int8 array, shape (n,)
        A place in ``CAUSES``.
    stopped_by : int64 array, shape (n,)
        The row of ``record.run.decisions`` that stopped it, or -1.
    """

    record: Record
    job: NDArray[np.int32]
    start_ms: I64
    end_ms: I64
    cause: I8
    stopped_by: I64

    def __len__(self) -> int:
        return len(self.job)

    @cached_property
    def refs(self) -> I64:
        """Pool × lines + line of every job and replica; int64, shape (jobs + replicas,)."""
        run = self.record.run
        return np.concatenate([run.jobs["ref"], run.replicas["ref"]]).astype(np.int64)

    @cached_property
    def gangs(self) -> I64:
        """Devices of every job and replica; int64, shape (jobs + replicas,)."""
        run = self.record.run
        return np.concatenate([run.jobs["gang"], run.replicas["gang"]]).astype(np.int64)

    @cached_property
    def line(self) -> I64:
        """Each attempt's leaf, as a line of the reference plan; int64, shape (n,)."""
        return self.refs[self.job] % self.record.count

    @cached_property
    def pool(self) -> I64:
        """Each attempt's pool, as a place in ``charter.pools``; int64, shape (n,)."""
        return self.refs[self.job] // self.record.count

    @cached_property
    def gang(self) -> I64:
        """Each attempt's devices; int64, shape (n,)."""
        return self.gangs[self.job]

    @cached_property
    def by_end(self) -> tuple[I64, I64]:
        """Attempts in order of their ends, and those; int64, shape (n,) each."""
        order = np.argsort(self.end_ms, kind="stable")
        return order, self.end_ms[order]

    @cached_property
    def by_job(self) -> tuple[I64, NDArray[np.int32]]:
        """Attempts of each job side by side, and whose they are; shape (n,) each."""
        order = np.argsort(self.job, kind="stable")
        return order, self.job[order]

    def ended(self, after_ms: int, until_ms: int) -> I64:
        """Return the attempts that were over after one instant, and not after another, in that order."""
        order, ends = self.by_end
        first, last = np.searchsorted(ends, (after_ms, until_ms), side="right")
        return order[first:last]

    def of(self, job: int) -> I64:
        """Return the attempts of a job or replica, the first first."""
        order, jobs = self.by_job
        first, last = np.searchsorted(jobs, (job, job + 1))
        return order[first:last]

    @cached_property
    def ordinal(self) -> I64:
        """Which attempt of its job each is, from 0; int64, shape (n,)."""
        order, jobs = self.by_job
        first = np.flatnonzero(np.diff(jobs, prepend=-1) != 0)
        sizes = np.diff(np.append(first, len(self)))
        found = np.empty(len(self), np.int64)
        found[order] = np.arange(len(self)) - np.repeat(first, sizes)
        return found

    @cached_property
    def serves_ms(self) -> I64:
        """From when each attempt does its work: its start, or where starts are confirmed that; ``NOT_YET`` where it never came."""
        if self.record.options.latency is None:
            return self.start_ms
        events = self.record.run.events
        assert events is not None, "a run that is looked at keeps its events"
        told = events[(events["kind"] == START_CONFIRMED) & (events["refused"] == 0)]
        span = int(max(self.ordinal.max(initial=0), told["detail"].max(initial=0))) + 1
        keys = told["subject"].astype(np.int64) * span + told["detail"]
        order = np.argsort(keys, kind="stable")
        mine = self.job * span + self.ordinal
        at = np.minimum(np.searchsorted(keys[order], mine), max(len(keys) - 1, 0))
        if not len(keys):
            return np.full(len(self), NOT_YET)
        return np.where(keys[order][at] == mine, told["time_ms"][order][at], NOT_YET)

    def running(self, at_ms: int) -> NDArray[np.intp]:
        """Return the attempts that hold devices once all of an instant has happened: begun not after it, over after it."""
        begun = int(np.searchsorted(self.start_ms, at_ms, side="right"))
        return np.flatnonzero(self.end_ms[:begun] > at_ms)


def attempts(record: Record) -> Attempts:
    """Return the attempts of a run that keeps its decisions."""
    return _KEPT.of(record)


def _found(record: Record) -> Attempts:
    run, decisions = record.run, record.run.decisions
    assert decisions is not None, "a run that is looked at keeps its decisions"
    rows = np.flatnonzero(np.isin(decisions["kind"], (START, STOP, LOST, RELEASE)))
    rows = rows[np.argsort(decisions["job"][rows], kind="stable")]  # those of a job side by side, in order
    kind, job = decisions["kind"][rows], decisions["job"][rows]
    begins = np.flatnonzero(kind == START)
    after = np.minimum(begins + 1, max(len(rows) - 1, 0))
    stopped = (after > begins) & (job[after] == job[begins]) & (kind[after] != START)
    stopped_by = np.where(stopped, rows[after], -1)
    own_end_ms, ended = _own_ends(record)
    of = job[begins]
    end_ms = np.where(ended[of], own_end_ms[of], NOT_YET)
    end_ms[stopped] = decisions["time_ms"][stopped_by[stopped]]
    order = np.argsort(rows[begins], kind="stable")
    refs = np.concatenate([run.jobs["ref"], run.replicas["ref"]])
    cause = np.where(ended[of], ENDED, RUNS).astype(np.int8)
    cause[stopped] = _causes(decisions[stopped_by[stopped]], refs)
    return Attempts(
        record,
        of[order].astype(np.int32),
        decisions["time_ms"][rows[begins]][order].astype(np.int64),
        end_ms[order],
        cause[order],
        stopped_by[order].astype(np.int64),
    )


def _own_ends(record: Record) -> tuple[I64, NDArray[np.bool_]]:
    """When each job and replica ended by itself, and whether it did."""
    run = record.run
    ended = np.concatenate([run.jobs["state"] == DONE, run.replicas["state"] == DONE])
    return np.concatenate([run.jobs["end_ms"], run.replicas["end_ms"]]).astype(np.int64), ended


def _causes(stops: NDArray[np.void], refs: NDArray[np.int32]) -> I8:
    """Return why jobs were stopped: as `Record.stops` tells causes apart."""
    inside = (stops["other"] >= 0) & (refs[stops["job"]] == refs[stops["other"]])
    found = np.where(inside, PREEMPTED, RECLAIMED).astype(np.int8)
    found[stops["kind"] == LOST] = FAILED
    found[stops["kind"] == RELEASE] = RELEASED
    return found


_KEPT = Kept(_found)
