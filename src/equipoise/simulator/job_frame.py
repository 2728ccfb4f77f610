"""What happened to each job, and how long jobs waited by team and by gang size, as data frames."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from equipoise.account import Span
from equipoise.policy.kernel.layout import (
    CANCELLED,
    CLAIMED,
    DEPENDENT,
    DONE,
    FUTURE,
    NO_TEAM,
    OVER_FLOOR,
    OVER_LIMIT,
    OVER_MAX_JOB,
    OVER_POOL,
    PENDING,
    REFUSED,
    RUNNING,
)
from equipoise.simulator.record import Record
from equipoise.simulator.waits import QUANTILES, bounded_slowdown, gang_bins, means, quantiles

I64 = NDArray[np.int64]
F64 = NDArray[np.float64]

STATES = {
    FUTURE: "waiting",
    DEPENDENT: "waiting",
    PENDING: "waiting",
    CLAIMED: "waiting",
    RUNNING: "running",
    DONE: "done",
    REFUSED: "refused",
    CANCELLED: "cancelled",
}
REASONS = {
    OVER_POOL: "larger than the pool",
    OVER_MAX_JOB: "larger than max_job",
    OVER_LIMIT: "larger than a limit",
    OVER_FLOOR: "cannot be stopped and is larger than the floor",
    NO_TEAM: "its team was not in the charter",
}
GPU_MS_PER_H = 3_600_000.0


def seconds(ms: I64, known: NDArray[np.bool_]) -> pl.Series:
    """Return milliseconds as seconds, null where they are not known."""
    return _where(ms / 1000.0, known)


def started(record: Record, within: Span | None = None) -> NDArray[np.bool_]:
    """Which jobs started at least once; ``within``: those whose first start lies in a time."""
    first_ms = record.run.jobs["first_ms"]
    return first_ms >= 0 if within is None else _inside(first_ms, within)


def finished(record: Record, within: Span | None = None) -> NDArray[np.bool_]:
    """Which jobs ended by themselves; ``within``: in a time."""
    ended = record.run.jobs["state"] == DONE
    return ended if within is None else ended & _inside(record.run.jobs["end_ms"], within)


def submitted(record: Record, within: Span | None = None) -> NDArray[np.bool_]:
    """Which jobs were submitted in a time; None: all."""
    submit_ms = record.workload.jobs.submit_ms
    return np.ones(len(submit_ms), np.bool_) if within is None else _inside(submit_ms, within)


def unstarted(record: Record, within: Span | None = None) -> NDArray[np.bool_]:
    """Which jobs never started and were not refused; ``within``: had not started by the end of a time, and were not withdrawn."""
    first_ms, state = record.run.jobs["first_ms"], record.run.jobs["state"]
    if within is None:
        return (first_ms < 0) & (state != REFUSED)
    there = (record.workload.jobs.submit_ms < within.to_ms) & (state != REFUSED) & (state != CANCELLED)
    return there & ((first_ms < 0) | (first_ms >= within.to_ms))


def _inside(times_ms: I64, within: Span) -> NDArray[np.bool_]:
    return (times_ms >= within.from_ms) & (times_ms < within.to_ms)


def jobs_frame(record: Record, *, rows: I64 | None = None) -> pl.DataFrame:
    """Return one row per job, in the order of the workload; ``rows``: only those.

    Waiting and turnaround (``jct_s``) count from the instant the job could run: its submission, or for a job that
    waits for another that one's end. ``slowdown`` is bounded. Null is what did not happen.
    """
    at = np.arange(len(record.run.jobs)) if rows is None else rows
    jobs, work = record.run.jobs[at], record.workload.jobs
    begun, ended = started(record)[at], finished(record)[at]
    jct_ms = jobs["end_ms"] - jobs["eligible_ms"]
    names = pl.Series(at).cast(pl.String) if work.name is None else pl.Series(work.name, dtype=pl.String).gather(at)
    return pl.DataFrame(
        {
            "name": names,
            "team": _named([line.path for line in record.reference.lines], record.line[at]),
            "pool": _named([pool.name for pool in record.charter.pools], record.pool[at]),
            "user": _named(list(record.workload.users), work.user[at].astype(np.int64)),
            "gang": jobs["gang"].astype(np.int64),
            "submit_s": work.submit_ms[at] / 1000.0,
            "start_s": seconds(jobs["first_ms"], begun),
            "end_s": seconds(jobs["end_ms"], ended),
            "run_s": jobs["duration_ms"] / 1000.0,
            "wait_s": seconds(jobs["first_ms"] - jobs["eligible_ms"], begun),
            "jct_s": seconds(jct_ms, ended),
            "slowdown": _where(bounded_slowdown(jct_ms, jobs["duration_ms"]), ended),
            "stops": jobs["stops"].astype(np.int64),
            "lost_gpu_h": jobs["lost"] / GPU_MS_PER_H,
            "state": _named([STATES[code] for code in range(len(STATES))], jobs["state"].astype(np.int64)),
            "reason": _named(
                [REASONS.get(code, "") for code in range(len(REASONS) + 1)], jobs["reason"].astype(np.int64)
            ),
        }
    )


def _where(values: F64, known: NDArray[np.bool_]) -> pl.Series:
    return pl.Series(np.where(known, values, np.nan)).fill_nan(None)


def _named(names: list[str], codes: I64) -> pl.Series:
    """Return the names of codes, each name stored once."""
    if not names:
        return pl.Series([""] * len(codes), dtype=pl.String)
    return pl.Series(names, dtype=pl.String).gather(pl.Series(codes))


def wait_columns(record: Record, within: Span | None = None) -> dict[str, F64]:
    """Return for every line the mean wait, its quantiles, the mean turnaround and slowdown; NaN without jobs."""
    jobs = record.run.jobs
    begun, ended = started(record, within), finished(record, within)
    wait_ms = (jobs["first_ms"] - jobs["eligible_ms"])[begun]
    jct_ms = (jobs["end_ms"] - jobs["eligible_ms"])[ended]
    slow = bounded_slowdown(jct_ms, jobs["duration_ms"][ended])
    names = ("wait_mean_s", *(f"wait_p{round(100 * part)}_s" for part in QUANTILES), "jct_mean_s", "slowdown_mean")
    out = {name: np.full(record.count, np.nan) for name in names}
    for level in record.levels:
        own = np.unique(level[level >= 0])
        at, to = level[record.line[begun]], level[record.line[ended]]
        here, there = at >= 0, to >= 0
        ranked = quantiles(wait_ms[here], at[here], record.count)[own] / 1000.0
        out["wait_mean_s"][own] = means(wait_ms[here], at[here], record.count)[own] / 1000.0
        for column, name in enumerate(names[1:4]):
            out[name][own] = ranked[:, column]
        out["jct_mean_s"][own] = means(jct_ms[there], to[there], record.count)[own] / 1000.0
        out["slowdown_mean"][own] = means(slow[there], to[there], record.count)[own]
    return out


def waits_by_gang(record: Record, within: Span | None = None) -> pl.DataFrame:
    """Return the waits by gang size (1, 2, 3 to 4, 5 to 8 …), of the whole lab (``team`` empty) and of every leaf.

    ``within``: of the jobs that started in a time, and no others.
    """
    jobs = record.run.jobs
    bins = gang_bins(jobs["gang"])
    width = int(bins.max(initial=0)) + 1
    begun = started(record, within)
    of = begun if within is not None else np.ones_like(begun)
    wait_ms = (jobs["first_ms"] - jobs["eligible_ms"])[begun]
    frames = [_binned(record, np.zeros_like(bins), bins, wait_ms, begun, of, width)]
    frames.append(_binned(record, record.line, bins, wait_ms, begun, of, width))
    return pl.concat(frames)


def _binned(
    record: Record, line: I64, bins: I64, wait_ms: I64, begun: NDArray[np.bool_], of: NDArray[np.bool_], width: int
) -> pl.DataFrame:
    groups = line * width + bins
    count = record.count * width
    jobs = np.bincount(groups[of], minlength=count)
    rows = np.flatnonzero(jobs)
    ranked = quantiles(wait_ms, groups[begun], count)[rows] / 1000.0
    at = rows % width
    return pl.DataFrame(
        {
            "team": _named([x.path for x in record.reference.lines], rows // width),
            "gang_from": np.where(at == 0, 1, (1 << np.maximum(at - 1, 0)) + 1).astype(np.int64),
            "gang_to": (1 << at).astype(np.int64),
            "jobs": jobs[rows].astype(np.int64),
            "started": np.bincount(groups[begun], minlength=count)[rows].astype(np.int64),
            "wait_mean_s": means(wait_ms, groups[begun], count)[rows] / 1000.0,
            **{f"wait_p{round(100 * part)}_s": ranked[:, column] for column, part in enumerate(QUANTILES)},
        }
    ).with_columns(pl.col(pl.Float64).fill_nan(None))
