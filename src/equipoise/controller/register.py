"""Jobs and requests one by one, also those that are over: what the live interface lists. Read in the controller's thread."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from equipoise.controller.desk import Desk, Outcome
from equipoise.controller.situation import Situation
from equipoise.controller.standing import ASKED_FOR, JobStanding, job_now
from equipoise.policy.growing import GrowingCore

AT_ONCE = 4_096


@dataclass(frozen=True, slots=True)
class JobRecord:
    """A job as it stands or as it ended; ``outcome`` is None while it has not ended."""

    standing: JobStanding
    outcome: Outcome | None


def job_records(
    core: GrowingCore,
    situation: Situation,
    desk: Desk,
    *,
    first: int,
    most: int,
    is_open: bool,
    of: Callable[[str], bool] | None = None,
) -> list[JobRecord]:
    """Return jobs from a number on, at most so many.

    Parameters
    ----------
    core, situation, desk
    first : int
    most : int
    is_open : bool
        Whether only those that wait or run.
    of : callable or None
        Tells of a team's path whether its jobs are wanted.
    """
    found: list[JobRecord] = []
    lines = core.layout.reference.lines
    wanted = None if of is None else np.array([of(line.path) for line in lines])
    for start in range(max(first, 0), core.submitted, AT_ONCE):
        rows = core.core.state.jobs[start : min(start + AT_ONCE, core.submitted)]
        chosen = np.ones(len(rows), bool)
        if is_open:
            chosen &= np.isin(rows["state"], ASKED_FOR)
        if wanted is not None:
            chosen &= wanted[rows["ref"] % len(lines)]
        for at in np.flatnonzero(chosen).tolist():
            found.append(job_record(core, situation, desk, start + at))
            if len(found) == most:
                return found
    return found


def job_record(core: GrowingCore, situation: Situation, desk: Desk, job: int) -> JobRecord:
    """Return a job."""
    filed = desk.job(job)
    owner, name = ("", "") if filed is None else (filed.owner, filed.asked.name)
    return JobRecord(job_now(core, situation, job, owner, name), desk.outcome(job))
