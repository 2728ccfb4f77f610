"""What became of requests for credits in a run: what was granted, cut, refused, and spent by the jobs that ran.

A job that ended spends its work, gang times run time: from the grant that it names, or from its team's open grants in its
pool, the one answered first. A grant is open to the jobs that start in its window once it is answered.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import polars as pl

from equipoise.account.requests import Answered, Asked, Outcome, Request, Spent, Sums, fold_requests, sums
from equipoise.account.window import Span
from equipoise.policy.kernel.layout import DONE
from equipoise.simulator.job_frame import GPU_MS_PER_H
from equipoise.simulator.record import Record
from equipoise.workload import Requests, Workload

_COLUMNS = {
    "team": pl.String,
    "avenue": pl.String,
    "requests": pl.Int64,
    "granted": pl.Int64,
    "cut": pl.Int64,
    "refused": pl.Int64,
    "open": pl.Int64,
    "asked_gpu_h": pl.Float64,
    "granted_gpu_h": pl.Float64,
    "cut_gpu_h": pl.Float64,
    "refused_gpu_h": pl.Float64,
    "spent_gpu_h": pl.Float64,
    "denied_share": pl.Float64,
}


def requests_frame(record: Record, within: Span | None = None) -> pl.DataFrame:
    """Return one row per team and avenue of research: how many requests had which outcome, and GPU-hours.

    ``cut_gpu_h`` is what cuts took, ``refused_gpu_h`` what whole refusals did; ``denied_share`` is both, of what was
    asked for and answered; null where nothing was. ``within``: of the requests made in a time; what became of them since counts.
    """
    found = folded(record)
    if within is not None:
        of = record.workload.requests
        made = {
            name
            for name, at_ms in zip(of.name, of.asked_ms.tolist(), strict=True)
            if within.from_ms <= at_ms < within.to_ms
        }
        found = {name: request for name, request in found.items() if name in made}
    counts: dict[tuple[str, str, Outcome], int] = {}
    for request in found.values():
        key = (request.asked.team, request.asked.avenue, request.outcome)
        counts[key] = counts.get(key, 0) + 1
    rows = [_row(team, avenue, total, counts) for (team, avenue), total in sums(found).items()]
    return pl.DataFrame(rows, schema=_COLUMNS)


def _row(team: str, avenue: str, total: Sums, counts: Mapping[tuple[str, str, Outcome], int]) -> dict[str, object]:
    by = {outcome: counts.get((team, avenue, outcome), 0) for outcome in Outcome}
    share = total.denied_share
    return {
        "team": team,
        "avenue": avenue,
        "requests": total.requests,
        "granted": by[Outcome.GRANTED],
        "cut": by[Outcome.CUT],
        "refused": by[Outcome.REFUSED],
        "open": by[Outcome.OPEN],
        "asked_gpu_h": total.asked_gpu_ms / GPU_MS_PER_H,
        "granted_gpu_h": total.granted_gpu_ms / GPU_MS_PER_H,
        "cut_gpu_h": total.cut_gpu_ms / GPU_MS_PER_H,
        "refused_gpu_h": total.refused_gpu_ms / GPU_MS_PER_H,
        "spent_gpu_h": total.spent_gpu_ms / GPU_MS_PER_H,
        "denied_share": None if share is None else float(share),
    }


def folded(record: Record) -> dict[str, Request]:
    """Return each request by name with what became of it and what jobs spent."""
    return fold_requests(_records(record))


def _records(record: Record) -> Iterator[Asked | Answered | Spent]:
    workload, requests = record.workload, record.workload.requests
    for row, name in enumerate(requests.name):
        yield _asked(workload, row)
        granted = int(requests.granted_gpu_ms[row])
        if granted >= 0:
            yield Answered(name, granted, requests.reason[row])
    for row, spent in enumerate(_spent(record)):
        if spent:
            yield Spent(requests.name[row], spent)


def _asked(workload: Workload, row: int) -> Asked:
    of = workload.requests
    return Asked(
        request=of.name[row],
        team=workload.teams[int(of.team[row])],
        project=of.project[row],
        avenue=of.avenue[row],
        purpose=of.purpose[row],
        pool=workload.pools[int(of.pool[row])],
        gpu_ms=int(of.amount_gpu_ms[row]),
        window=Span(int(of.begin_ms[row]), int(of.end_ms[row])),
    )


def _spent(record: Record) -> list[int]:
    """Return what was spent of each request's grant, in GPU-milliseconds."""
    requests, jobs = record.workload.requests, record.workload.jobs
    left = [max(0, int(granted)) for granted in requests.granted_gpu_ms]
    if not any(left):
        return [0] * len(left)
    purses = _purses(requests)
    ran, names = record.run.jobs, jobs.request
    chosen = np.flatnonzero((ran["state"] == DONE) & _of_teams(record, purses))
    chosen = chosen[np.argsort(ran["first_ms"][chosen], kind="stable")]
    row_of = {name: row for row, name in enumerate(requests.name)}
    whole = list(left)
    rows: list[int] = chosen.tolist()
    for job in rows:
        work = int(ran["gang"][job]) * int(ran["duration_ms"][job])
        named = names[job] if names is not None else ""
        if named:
            grants = [row_of[named]] if named in row_of else []
        else:
            start = int(ran["first_ms"][job])
            purse = purses.get((int(jobs.team[job]), int(jobs.pool[job])), [])
            grants = [row for row in purse if _open(requests, row, start)]
        for row in grants:
            taken = min(work, left[row])
            left[row] -= taken
            work -= taken
    return [granted - rest for granted, rest in zip(whole, left, strict=True)]


def _open(requests: Requests, row: int, at_ms: int) -> bool:
    begin = max(int(requests.begin_ms[row]), int(requests.answered_ms[row]))
    return begin <= at_ms < int(requests.end_ms[row])


def _purses(requests: Requests) -> dict[tuple[int, int], list[int]]:
    """Return the grants of each team and pool, those answered first in front (ties: in order of the rows)."""
    found: dict[tuple[int, int], list[int]] = {}
    for row in np.argsort(requests.answered_ms, kind="stable").tolist():
        if requests.granted_gpu_ms[row] > 0:
            found.setdefault((int(requests.team[row]), int(requests.pool[row])), []).append(row)
    return found


def _of_teams(
    record: Record, purses: Mapping[tuple[int, int], list[int]]
) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Which jobs may spend: those that name a request, and those of a team and pool with a grant."""
    jobs = record.workload.jobs
    pools = len(record.workload.pools)
    keys = [team * pools + pool for team, pool in purses]
    may = np.isin(jobs.team.astype(np.int64) * pools + jobs.pool, keys)
    if jobs.request is not None:
        may |= np.array([bool(name) for name in jobs.request], np.bool_)
    return may
