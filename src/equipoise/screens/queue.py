"""A team's queue, each job with the one thing that keeps it from starting, and when it may start."""

from __future__ import annotations

from equipoise.report.why import binding
from equipoise.screens.lab_run import LabRun, Plain
from equipoise.screens.moment import moment
from equipoise.screens.playback import Reason, playback
from equipoise.screens.team import LISTED, job_name, team_lines, team_number, waiting_rows
from equipoise.screens.waits import waits


def queue(run: LabRun, path: str, at_ms: int | None, *, predict: bool = True) -> Plain:
    """Return why the jobs of a team wait that have waited longest; no reasons for a run that cannot be played again.

    Raises
    ------
    InputError
        N172 for a team that the charter in force then does not have.
    """
    own_ms, record = run.own_ms(at_ms), run.record
    team_number(moment(record, own_ms).charter, path)
    rows = waiting_rows(record, team_lines(record, path), own_ms)
    jobs: list[int] = waits(record).job[rows[:LISTED]].tolist()
    reasons = playback(record).why(jobs, own_ms, predict=predict)
    return {
        "at_ms": run.origin_ms + own_ms,
        "path": path,
        "explained": reasons is not None,
        "in_all": len(rows),
        "columns": ["job", "kind", "reason", "earliest_ms", "latest_ms"],
        "rows": [_row(run, job, reasons[n] if reasons else None) for n, job in enumerate(jobs)],
        "next": None,
    }


def _row(run: LabRun, job: int, reason: Reason | None) -> list[str | int | None]:
    if reason is None or reason.found.constraint is None:
        return [job, None, None, None, None]
    of = reason.found.constraint
    said = binding(reason.found, of, lambda other: job_name(run.record, other))
    low, high = (None if ms is None else run.origin_ms + ms for ms in (reason.low_ms, reason.high_ms))
    return [job, of.kind, said, low, high]
