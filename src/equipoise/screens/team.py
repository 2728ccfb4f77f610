"""A team's page: where it stands in each pool, whom it lends to and borrows from, who waits, whose jobs were stopped for whom.

`team` is the main path. Why each job waits and when it may start is told by `queue`, which takes longer.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from equipoise.charter.model import Charter
from equipoise.errors import InputError
from equipoise.policy.standing import Loan
from equipoise.screens.attempts import FAILED, PREEMPTED, RECLAIMED, attempts
from equipoise.screens.lab_run import LabRun, Plain
from equipoise.screens.losses import losses
from equipoise.screens.moment import Moment, moment
from equipoise.screens.teams import inside, table
from equipoise.screens.waits import waits
from equipoise.simulator.record import Record
from equipoise.simulator.requests import folded
from equipoise.simulator.waits import QUANTILES, gang_bins, quantiles
from equipoise.units import DAY_MS, shown

I64 = NDArray[np.int64]
LISTED = 20
LOOKS_BACK_MS = 28 * DAY_MS
"""Waits and reclaims of so long before are told."""
QUEUE_COLUMNS = ("job", "name", "team", "pool", "gang", "waited_ms", "stops")
_NOW = ("floor", "limit", "entitled", "held", "waiting", "borrowed", "lent", "lacks")


def team(run: LabRun, path: str, at_ms: int | None, *, live: Moment | None = None) -> Plain:
    """Return a team's page at an instant.

    Parameters
    ----------
    run : LabRun
    path : str
    at_ms : int or None
        Unix time; None: the end of the run.
    live : Moment or None
        How things stand this second; then ``at_ms`` is not looked at.

    Raises
    ------
    InputError
        N172 for a team that the charter in force then does not have.
    """
    record, origin_ms = run.record, run.origin_ms
    this = moment(record, run.own_ms(at_ms)) if live is None else live
    found = team_now(this, path, origin_ms, record)
    mine = team_lines(record, path)
    return found | {
        "live": live is not None,
        "queue": _queue(record, mine, this.at_ms),
        "waits": _waits(record, mine, this.at_ms),
        "reclaims": {
            "suffered": _reclaims(run, mine, this.at_ms, caused=False),
            "caused": _reclaims(run, mine, this.at_ms, caused=True),
        },
        "requests": _requests(run, path, this.at_ms),
    }


def team_now(this: Moment, path: str, origin_ms: int, record: Record | None = None) -> Plain:
    """Return what a moment alone says of a team; what is recorded of the time before it is left out.

    Raises
    ------
    InputError
        N172 for a team that the charter in force does not have.
    """
    number = team_number(this.charter, path)
    of = this.charter.teams[number]
    return {
        "path": path,
        "at_ms": origin_ms + this.at_ms,
        "live": True,
        "owner": of.owner,
        "is_leaf": of.is_leaf,
        "lends_ppm": _ratio(float(of.lend)),
        "back_within_ms": of.recover_ms,
        "grace_ms": of.grace_ms,
        "teams": [one.path for one in this.charter.children(path)],
        "pools": [_pool(this, pool, number) for pool in range(len(this.pools))],
        "all": _row(table(this, record, None, origin_ms=origin_ms), path),
        "loans": _loans(this, number),
        "queue": None,
        "waits": None,
        "reclaims": None,
        "requests": None,
    }


def team_number(charter: Charter, path: str) -> int:
    """Return a team's place in a charter; raises ``InputError`` N172."""
    for number, one in enumerate(charter.teams):
        if one.path == path:
            return number
    raise InputError(
        "N172", f"no team {shown(path)} in the charter that was in force then", hint="see /runs/{run}/teams"
    )


def _ratio(value: float) -> int:
    return round(1_000_000 * value)


def team_lines(record: Record, path: str) -> NDArray[np.bool_]:
    """Which lines are the team's or below it."""
    found = np.zeros(record.count, np.bool_)
    for number, line in enumerate(record.reference.lines):
        found[number] = inside(line.path, path)
    return found


def _pool(this: Moment, pool: int, team: int) -> Plain:
    one = this.pools[pool]
    found: Plain = {"pool": this.charter.pools[pool].name, "capacity_gpus": one.capacity}
    found |= {f"{name}_gpus": int(getattr(one, name)[team]) for name in _NOW}
    return found | {"waiting_jobs": int(one.waiting_jobs[team]), "longest_wait_ms": int(one.longest_ms[team])}


def _row(whole: Plain, path: str) -> Plain:
    row = next(row for row in whole["rows"] if row[0] == path)
    return dict(zip(whole["columns"], row, strict=True))


def _loans(this: Moment, team: int) -> Plain:
    """Say who holds this team's idle floor, and whose it holds, pool by pool, between it and others."""
    path = this.charter.teams[team].path
    mine = {n for n, one in enumerate(this.charter.teams) if inside(one.path, path)}
    lends: list[Plain] = []
    borrows: list[Plain] = []
    for number, pool in enumerate(this.charter.pools):
        for loan in this.loans[number]:
            if loan.lender in mine and loan.borrower not in mine:
                lends.append(_loan(this.charter, loan, pool.name, loan.borrower))
            elif loan.borrower in mine and loan.lender not in mine:
                borrows.append(_loan(this.charter, loan, pool.name, loan.lender))
    return {name: _most(rows) for name, rows in (("lends", lends), ("borrows", borrows))}


def _loan(charter: Charter, loan: Loan, pool: str, other: int) -> Plain:
    return {
        "team": charter.teams[other].path,
        "pool": pool,
        "gpus": loan.gpus,
        "back_within_ms": charter.teams[loan.lender].recover_ms,
    }


def _most(rows: list[Plain]) -> Plain:
    """Take loans between the same teams together, and list the largest."""
    sums: dict[tuple[str, str], Plain] = {}
    for row in rows:
        one = sums.setdefault((row["team"], row["pool"]), {**row, "gpus": 0})
        one["gpus"] += row["gpus"]
    listed = sorted(sums.values(), key=lambda row: (-row["gpus"], row["team"], row["pool"]))
    return {"gpus": sum(row["gpus"] for row in listed), "in_all": len(listed), "items": listed[:LISTED]}


def waiting_rows(record: Record, mine: NDArray[np.bool_], at_ms: int) -> NDArray[np.intp]:
    """Return the waits of a team that go on at an instant, the longest first."""
    found = waits(record)
    rows = found.waiting(at_ms)
    rows = rows[mine[found.attempts.refs[found.job[rows]] % record.count]]
    return rows[np.lexsort((found.job[rows], found.from_ms[rows]))]


def _queue(record: Record, mine: NDArray[np.bool_], at_ms: int) -> Plain:
    found = waits(record)
    rows = waiting_rows(record, mine, at_ms)
    refs = found.attempts.refs
    listed: list[list[Any]] = []
    for row in rows[:LISTED].tolist():
        job = int(found.job[row])
        line, pool = int(refs[job]) % record.count, int(refs[job]) // record.count
        listed.append([
            job,
            job_name(record, job),
            record.reference.lines[line].path.removesuffix(".*"),
            record.charter.pools[pool].name,
            int(found.attempts.gangs[job]),
            at_ms - int(found.from_ms[row]),
            _stops_before(record, job, at_ms),
        ])  # fmt: skip
    return {"in_all": len(rows), "columns": list(QUEUE_COLUMNS), "rows": listed, "next": None}


def job_name(record: Record, job: int) -> str:
    """Return what a job is called; of a replica, its service and which one it is."""
    names, count = record.workload.jobs.name, len(record.run.jobs)
    if job < count:
        return str(job) if names is None else names[job]
    for service, row in zip(record.workload.services, record.run.services, strict=False):
        if int(row["first_job"]) <= job < int(row["first_job"]) + int(row["most"]):
            return f"{service.name} replica {job - int(row['first_job']) + 1}"
    return f"replica {job - count}"


def _stops_before(record: Record, job: int, at_ms: int) -> int:
    found = attempts(record)
    own = found.of(job)
    stopped = np.isin(found.cause[own], (RECLAIMED, PREEMPTED, FAILED))
    return int(np.count_nonzero(stopped & (found.end_ms[own] <= at_ms)))


def _waits(record: Record, mine: NDArray[np.bool_], at_ms: int) -> Plain:
    """Return quantiles of the waits to the first start by gang size: of the jobs that could run in the last days."""
    jobs = record.run.jobs
    eligible_ms = jobs["eligible_ms"]
    could = np.flatnonzero((eligible_ms > max(at_ms - LOOKS_BACK_MS, -1)) & (eligible_ms <= at_ms))
    could = could[mine[record.line[could]]]
    first_ms = jobs["first_ms"][could]
    begun = (first_ms >= 0) & (first_ms <= at_ms)
    bins = gang_bins(jobs["gang"][could].astype(np.int64))
    width = int(bins.max(initial=0)) + 1
    ranked = quantiles((first_ms - eligible_ms[could])[begun], bins[begun], width)
    asked, started = (np.bincount(rows, minlength=width) for rows in (bins, bins[begun]))
    rows = [
        [
            1 if size == 0 else (1 << (size - 1)) + 1,
            1 << size,
            int(asked[size]),
            int(started[size]),
            *(None if np.isnan(value) else int(value) for value in ranked[size].tolist()),
        ]
        for size in np.flatnonzero(asked).tolist()
    ]
    columns = ["gang_from", "gang_to", "jobs", "started", *(f"wait_p{round(100 * part)}_ms" for part in QUANTILES)]
    return {"lasts_ms": min(LOOKS_BACK_MS, at_ms), "columns": columns, "rows": rows, "next": None}


def _reclaims(run: LabRun, mine: NDArray[np.bool_], at_ms: int, *, caused: bool) -> Plain:
    """Return stops of jobs for another team's sake: this team's, or for this team; the latest first."""
    record = run.record
    found, lost = attempts(record), losses(record)
    decisions = record.run.decisions
    assert decisions is not None
    rows = found.ended(at_ms - LOOKS_BACK_MS, at_ms)
    rows = rows[found.cause[rows] == RECLAIMED]
    claimant = decisions["other"][found.stopped_by[rows]].astype(np.int64)
    by_line = np.where(claimant >= 0, found.refs[claimant] % record.count, -1)
    victim, maker = mine[found.line[rows]], (by_line >= 0) & mine[by_line]
    chosen = maker & ~victim if caused else victim & ~maker
    rows, by_line = rows[chosen], by_line[chosen]
    latest = np.argsort(-found.end_ms[rows], kind="stable")[:LISTED]
    sides: list[tuple[int, int]] = list(zip(rows[latest].tolist(), by_line[latest].tolist(), strict=True))
    listed: list[list[Any]] = [
        [
            run.origin_ms + int(found.end_ms[row]),
            int(found.job[row]),
            job_name(record, int(found.job[row])),
            record.reference.lines[int(found.line[row])].path.removesuffix(".*"),
            None if by < 0 else record.reference.lines[by].path.removesuffix(".*"),
            record.charter.pools[int(found.pool[row])].name,
            int(found.gang[row]),
            int(found.end_ms[row] - found.start_ms[row]),
            int(lost[row]),
        ]
        for row, by in sides
    ]
    columns = ["at_ms", "job", "name", "team", "for_team", "pool", "gang", "ran_ms", "lost_gpu_ms"]
    return {
        "lasts_ms": min(LOOKS_BACK_MS, at_ms),
        "in_all": len(rows),
        "lost_gpu_ms": int(lost[rows].sum()),
        "columns": columns,
        "rows": listed,
        "next": None,
    }


def _requests(run: LabRun, path: str, at_ms: int) -> Plain:
    """Return the team's requests for credits as they stood then, the latest first; what was spent is not told of an instant."""
    of = run.record.workload.requests
    rows: list[list[Any]] = []
    known = {} if not len(of) else folded(run.record)
    for row, name in enumerate(of.name):
        asked = known[name].asked
        if not inside(asked.team, path) or int(of.asked_ms[row]) > at_ms:
            continue
        answered = known[name].granted_gpu_ms is not None and int(of.answered_ms[row]) <= at_ms
        rows.append([
            run.origin_ms + int(of.asked_ms[row]), name, asked.team, asked.project, asked.avenue, asked.purpose, asked.pool,
            asked.gpu_ms, known[name].granted_gpu_ms if answered else None,
            known[name].outcome.value if answered else "open", known[name].reason if answered else "",
        ])  # fmt: skip
    rows.sort(key=lambda row: (-row[0], row[1]))
    columns = [
        "asked_ms", "request", "team", "project", "avenue", "purpose", "pool", "asked_gpu_ms", "granted_gpu_ms", "outcome",
        "reason",
    ]  # fmt: skip
    return {"in_all": len(rows), "columns": columns, "rows": rows[:LISTED], "next": None}
