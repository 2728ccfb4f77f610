"""Jobs of a run as pages: those that were in some state within a span of time, by team, in an order that holds still.

`page` is the main path. A cursor names the last row of a page by what it is ordered by and its number, so that a page that follows
begins where the last one ended, whatever was added since.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from equipoise.errors import InputError
from equipoise.policy.kernel.layout import CANCELLED, DONE, REFUSED
from equipoise.screens.attempts import ENDED, FAILED, NOT_YET, PREEMPTED, RECLAIMED, Attempts, attempts
from equipoise.screens.kept import Kept
from equipoise.screens.lab_run import LabRun, Plain
from equipoise.screens.losses import losses
from equipoise.screens.waits import Waits, waits
from equipoise.simulator.record import Record
from equipoise.units import shown

I64 = NDArray[np.int64]
Doing = Literal["any", "running", "waiting", "started", "reclaimed", "ended", "refused", "cancelled"]
Order = Literal["job", "-job", "wait", "-wait", "gang", "-gang", "lost", "-lost"]
COLUMNS = (
    "job", "name", "team", "pool", "user", "gang", "submit_ms", "first_ms", "end_ms", "wait_ms", "stops", "lost_gpu_ms", "state",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which jobs: of a team (or those below it) and pool, that were ``doing`` something at some time of a span (Unix times)."""

    team: str = ""
    pool: str = ""
    doing: Doing = "any"
    from_ms: int | None = None
    to_ms: int | None = None
    order: Order = "job"
    after: str = ""
    limit: int = 100


@dataclass(frozen=True, eq=False)
class Lives:
    """When things were so with each job of the workload; int64 arrays, shape (jobs,), ``NOT_YET`` for what did not happen."""

    record: Record
    attempts: Attempts
    waits: Waits

    @cached_property
    def submit_ms(self) -> I64:
        """When it was asked for."""
        return self.record.workload.jobs.submit_ms.astype(np.int64)

    @cached_property
    def over_ms(self) -> I64:
        """When it ended, was refused or withdrawn."""
        jobs = self.record.run.jobs
        found = np.full(len(jobs), NOT_YET, np.int64)
        done = jobs["state"] == DONE
        found[done] = jobs["end_ms"][done]
        refused = jobs["state"] == REFUSED
        found[refused] = self.submit_ms[refused]
        gone = jobs["state"] == CANCELLED
        found[gone] = self.last_ms[gone]
        return found

    @cached_property
    def last_ms(self) -> I64:
        """When it held or waited for devices last."""
        found = self.submit_ms.copy()
        for job, to_ms in ((self.attempts.job, self.attempts.end_ms), (self.waits.job, self.waits.to_ms)):
            own = (job < len(found)) & (to_ms < NOT_YET)
            np.maximum.at(found, job[own], to_ms[own])
        return found

    def wait_ms(self, until_ms: int) -> I64:
        """How long each job has waited in all up to an instant."""
        found = np.zeros(len(self.record.run.jobs), np.int64)
        own = np.flatnonzero((self.waits.job < len(found)) & (self.waits.from_ms < until_ms))
        np.add.at(found, self.waits.job[own], np.minimum(self.waits.to_ms[own], until_ms) - self.waits.from_ms[own])
        return found

    def stops(self, until_ms: int) -> I64:
        """How often each job was stopped up to an instant."""
        over = np.isin(self.attempts.cause, (RECLAIMED, PREEMPTED, FAILED)) & (self.attempts.end_ms <= until_ms)
        count = len(self.record.run.jobs)
        job = self.attempts.job[over]
        return np.bincount(job[job < count], minlength=count).astype(np.int64)

    def lost_gpu_ms(self, until_ms: int) -> I64:
        """What stops up to an instant have cost each job: all that was lost, without what later stops cost."""
        found = self.record.run.jobs["lost"].astype(np.int64)
        later = np.flatnonzero((self.attempts.end_ms > until_ms) & (self.attempts.job < len(found)))
        np.subtract.at(found, self.attempts.job[later], losses(self.record)[later])
        return found


def lives(record: Record) -> Lives:
    """Return the lives of a run's jobs."""
    return _KEPT.of(record)


def page(run: LabRun, wanted: Wanted) -> Plain:
    """Return a page of jobs: ``columns``, ``rows``, how many there are in ``total``, and where the ``next`` page begins.

    Raises
    ------
    InputError
        C301 for a team that is not there, N175 for a pool that is not, or a cursor that is none.
    """
    rows = np.flatnonzero(_chosen(run, wanted))
    total = len(rows)
    keys = _keys(run, wanted.order.removeprefix("-"))[rows]
    if wanted.order.startswith("-"):
        keys = -keys
    if wanted.after:
        key, job = _cursor(wanted.after)
        later = (keys > key) | ((keys == key) & (rows > job))
        rows, keys = rows[later], keys[later]
    if len(rows) > wanted.limit:
        least = np.partition(keys, wanted.limit)[wanted.limit]
        near = np.flatnonzero(keys <= least)
        rows, keys = rows[near], keys[near]
    order = np.lexsort((rows, keys))[: wanted.limit + 1]
    more = len(order) > wanted.limit
    rows, keys = rows[order[: wanted.limit]], keys[order[: wanted.limit]]
    return {
        "total": total,
        "columns": list(COLUMNS),
        "rows": table(run, rows),
        "next": f"{keys[-1]}.{rows[-1]}" if more else None,
    }


def _keys(run: LabRun, order: str) -> I64:
    jobs = run.record.run.jobs
    if order == "job":
        return np.arange(len(jobs))
    if order == "wait":
        return lives(run.record).wait_ms(run.ends_ms)
    if order == "lost":
        return lives(run.record).lost_gpu_ms(run.ends_ms)
    return jobs["gang"].astype(np.int64)


def _cursor(text: str) -> tuple[int, int]:
    key, _, job = text.partition(".")
    if not (key.removeprefix("-").isdecimal() and job.isdecimal() and len(text) < 60):
        raise InputError("N175", f"{shown(text)} is no place in a list", hint="take `next` of the page before")
    return int(key), int(job)


def _chosen(run: LabRun, wanted: Wanted) -> NDArray[np.bool_]:
    """Return which jobs are wanted."""
    record, of = run.record, lives(run.record)
    from_ms = 0 if wanted.from_ms is None else wanted.from_ms - run.origin_ms
    to_ms = run.ends_ms + 1 if wanted.to_ms is None else wanted.to_ms - run.origin_ms
    to_ms = max(to_ms, from_ms + 1)
    found = _doing(of, wanted.doing, from_ms, to_ms)
    if wanted.team:
        path = record.charter.team(wanted.team).path
        lines = [
            n for n, line in enumerate(record.reference.lines) if line.path == path or line.path.startswith(path + ".")
        ]
        found &= np.isin(record.line, lines)
    if wanted.pool:
        names = [pool.name for pool in record.charter.pools]
        if wanted.pool not in names:
            raise InputError("N175", f"no pool {shown(wanted.pool)}", hint=f"there are: {', '.join(names)}")
        found &= record.pool == names.index(wanted.pool)
    return found


def _doing(of: Lives, doing: Doing, from_ms: int, to_ms: int) -> NDArray[np.bool_]:
    """Return which jobs did something at some time from one instant to before another."""
    jobs, all_of = of.record.run.jobs, of.attempts
    if doing == "any":
        return (of.submit_ms < to_ms) & (of.over_ms >= from_ms)
    if doing in ("refused", "cancelled"):
        wanted = REFUSED if doing == "refused" else CANCELLED
        return (jobs["state"] == wanted) & (of.over_ms >= from_ms) & (of.over_ms < to_ms)
    if doing == "waiting":
        job = of.waits.job[(of.waits.from_ms < to_ms) & (of.waits.to_ms > from_ms)]
    elif doing == "running":
        last = int(np.searchsorted(all_of.start_ms, to_ms))
        job = all_of.job[:last][all_of.end_ms[:last] > from_ms]
    elif doing == "started":
        low, high = np.searchsorted(all_of.start_ms, (from_ms, to_ms))
        job = all_of.job[low:high]
    else:
        cause = RECLAIMED if doing == "reclaimed" else ENDED
        job = all_of.job[(all_of.cause == cause) & (all_of.end_ms >= from_ms) & (all_of.end_ms < to_ms)]
    found = np.zeros(len(jobs), np.bool_)
    found[job[job < len(jobs)]] = True
    return found


def table(run: LabRun, rows: NDArray[np.intp]) -> list[list[Any]]:
    """Return rows of ``COLUMNS``; times are Unix milliseconds, None is what did not happen by the run's end."""
    record, of = run.record, lives(run.record)
    jobs, work = record.run.jobs[rows], record.workload.jobs
    paths, pools = [line.path for line in record.reference.lines], [pool.name for pool in record.charter.pools]
    numbers: list[int] = rows.tolist()
    names = [str(row) for row in numbers] if work.name is None else [work.name[row] for row in numbers]
    columns: tuple[list[Any], ...] = (
        numbers,
        names,
        [paths[line] for line in record.line[rows].tolist()],
        [pools[pool] for pool in record.pool[rows].tolist()],
        [record.workload.users[user] for user in work.user[rows].tolist()],
        jobs["gang"].tolist(),
        (of.submit_ms[rows] + run.origin_ms).tolist(),
        _instants(jobs["first_ms"], run),
        _instants(np.where(of.over_ms[rows] < NOT_YET, of.over_ms[rows], -1), run),
        of.wait_ms(run.ends_ms)[rows].tolist(),
        of.stops(run.ends_ms)[rows].tolist(),
        of.lost_gpu_ms(run.ends_ms)[rows].tolist(),
        [state_at(of, row, run.ends_ms) for row in numbers],
    )
    return [list(row) for row in zip(*columns, strict=True)]


def _instants(at_ms: I64, run: LabRun) -> list[int | None]:
    return [None if at < 0 or at > run.ends_ms else at + run.origin_ms for at in at_ms.tolist()]


def state_at(of: Lives, job: int, at_ms: int) -> str:
    """Say in which state a job was once all of an instant had happened."""
    state = int(of.record.run.jobs["state"][job])
    if at_ms < of.submit_ms[job]:
        return "future"
    if of.over_ms[job] <= at_ms:
        return {DONE: "done", REFUSED: "refused"}.get(state, "cancelled")
    first_ms, eligible_ms = (int(of.record.run.jobs[name][job]) for name in ("first_ms", "eligible_ms"))
    if eligible_ms < 0 or eligible_ms > at_ms:
        return "dependent"
    if first_ms < 0 or first_ms > at_ms:
        return "waiting"
    return "running" if _runs(of, job, at_ms) else "waiting"


def _runs(of: Lives, job: int, at_ms: int) -> bool:
    own = attempts_of(of.attempts, job)
    return bool(np.any((of.attempts.start_ms[own] <= at_ms) & (of.attempts.end_ms[own] > at_ms)))


def attempts_of(all_of: Attempts, job: int) -> NDArray[np.intp]:
    """Return the attempts of a job, in order."""
    order, ordered = _BY_JOB.of(all_of.record)
    low, high = np.searchsorted(ordered, (job, job + 1))
    return order[low:high]


def _by_job(record: Record) -> tuple[NDArray[np.intp], NDArray[np.int32]]:
    job = attempts(record).job
    order = np.argsort(job, kind="stable")
    return order, job[order]


def _lives(record: Record) -> Lives:
    return Lives(record, attempts(record), waits(record))


_KEPT, _BY_JOB = Kept(_lives), Kept(_by_job)
