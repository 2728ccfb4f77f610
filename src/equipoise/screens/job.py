"""A job's page: its life as spans of waiting and running, and why each of them ended."""

from __future__ import annotations

from typing import Any

import numpy as np

from equipoise.errors import InputError
from equipoise.screens.attempts import CAUSES, NOT_YET, PREEMPTED, RECLAIMED, RUNS, Attempts
from equipoise.screens.jobs import COLUMNS, Lives, attempts_of, lives, state_at, table
from equipoise.screens.lab_run import LabRun, Plain
from equipoise.simulator.job_frame import REASONS


def job(run: LabRun, number: int, at_ms: int | None = None) -> Plain:
    """Return a job of a run: what it asked for, what became of it, and its life as spans in order of time.

    Parameters
    ----------
    run : LabRun
    number : int
    at_ms : int or None
        The Unix time at which ``state`` is told; None: the run's end.

    Raises
    ------
    InputError
        N175 for a number that is no job's of this run.
    """
    record, of = run.record, lives(run.record)
    check(run, number)
    jobs, work = record.run.jobs, record.workload.jobs
    row = table(run, np.array([number]))[0]
    after = int(work.after[number])
    return dict(zip(COLUMNS, row, strict=True)) | {
        "state": state_at(of, number, run.own_ms(at_ms)),
        "eligible_ms": _at(run, int(jobs["eligible_ms"][number])),
        "walltime_ms": int(work.walltime_ms[number]) or None,
        "savepoint_ms": int(work.savepoint_ms[number]) or None,
        "priority": int(work.priority[number]),
        "preemptible": bool(work.preemptible[number]),
        "waits_for": after if after >= 0 else None,
        "reason": REASONS.get(int(jobs["reason"][number]), ""),
        "spans": _spans(run, of, number),
    }


def check(run: LabRun, number: int) -> None:
    """Raise ``InputError`` N175 unless a number is a job's."""
    count = len(run.record.run.jobs)
    if not 0 <= number < count:
        raise InputError(
            "N175", f"no job {number}", hint=f"the run has jobs 0 to {count - 1}" if count else "there are none yet"
        )


def _spans(run: LabRun, of: Lives, number: int) -> list[Plain]:
    """Return the life of a job."""
    found: list[Plain] = []
    submit_ms = int(of.submit_ms[number])
    eligible_ms = int(run.record.run.jobs["eligible_ms"][number])
    if eligible_ms > submit_ms:
        found.append(_span(run, "dependent", submit_ms, eligible_ms))
    own = np.flatnonzero(of.waits.job == number)
    for from_ms, to_ms in zip(of.waits.from_ms[own].tolist(), of.waits.to_ms[own].tolist(), strict=True):
        found.append(_span(run, "waits", from_ms, to_ms))
    found += [_attempt(run, of.attempts, place) for place in attempts_of(of.attempts, number).tolist()]
    found = [one for one in found if one["from_ms"] <= run.origin_ms + run.ends_ms]
    return sorted(found, key=lambda one: (one["from_ms"], one["what"] == "runs"))


def _span(run: LabRun, what: str, from_ms: int, to_ms: int) -> Plain:
    ends = to_ms < NOT_YET and to_ms <= run.ends_ms
    return {"what": what, "from_ms": run.origin_ms + from_ms, "to_ms": run.origin_ms + to_ms if ends else None}


def _attempt(run: LabRun, all_of: Attempts, place: int) -> Plain:
    """Return a span of running: how it ended, and for whom."""
    cause, decision = int(all_of.cause[place]), int(all_of.stopped_by[place])
    span = _span(run, "runs", int(all_of.start_ms[place]), int(all_of.end_ms[place]))
    if span["to_ms"] is None:
        cause = RUNS
    return span | {"ended_by": CAUSES[cause], "for": _claimant(run, all_of, cause, decision)}


def _claimant(run: LabRun, all_of: Attempts, cause: int, decision: int) -> dict[str, Any] | None:
    """Return for which job or service an attempt was stopped."""
    record = run.record
    if cause not in (RECLAIMED, PREEMPTED) or decision < 0 or record.run.decisions is None:
        return None
    other = int(record.run.decisions["other"][decision])
    if other < 0:
        return None
    line = int(all_of.refs[other]) % record.count
    is_job = other < len(record.run.jobs)
    return {
        "job": other if is_job else None,
        "team": record.reference.lines[line].path,
        "gang": int(all_of.gangs[other]),
    }


def _at(run: LabRun, at_ms: int) -> int | None:
    return run.origin_ms + at_ms if 0 <= at_ms <= run.ends_ms else None
