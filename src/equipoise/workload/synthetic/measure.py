"""The figures of `published`, measured on a workload that the lab made."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from equipoise.workload.draws import F64, I64
from equipoise.workload.model import Service, Workload
from equipoise.workload.synthetic import rhythm
from equipoise.workload.synthetic.asks import GPUS, capacities
from equipoise.workload.synthetic.published import MARGINALS

if TYPE_CHECKING:
    import polars as pl

DAY_MS = 24 * rhythm.HOUR_MS
Mask = NDArray[np.bool_]


def marginals(workload: Workload, *, gpus: int = GPUS) -> pl.DataFrame:
    """Measure every figure of ``MARGINALS``.

    Parameters
    ----------
    workload : Workload
        Made by ``lab``; of 14 days or more, for shorter ones miss weekends and the code red.
    gpus : int
        Size of the lab it was made for. The intervals hold for the default size and span; in other labs the mix of
        short and long jobs differs.

    Returns
    -------
    polars.DataFrame
        One row for each marginal: ``name``, ``measured``, ``low``, ``high``, ``within``, ``published``, ``source``.

    Examples
    --------
    >>> from equipoise.workload.synthetic import lab, marginals
    >>> marginals(lab(days=14, gpus=1024), gpus=1024).columns[:5]
    ['name', 'measured', 'low', 'high', 'within']
    """
    import polars as pl

    capacity = np.array([capacities(gpus)[pool] for pool in workload.pools], np.int64)
    measured = {
        **_sizes(workload, capacity),
        **_kinds(workload),
        **_serving(workload),
        **_walltimes(workload),
        **_load(workload, capacity),
    }
    assert measured.keys() == {m.name for m in MARGINALS}, measured.keys() ^ {m.name for m in MARGINALS}
    rows = [
        {
            "name": m.name,
            "measured": measured[m.name],
            "low": float(m.low),
            "high": float(m.high),
            "within": m.low <= measured[m.name] <= m.high,
            "published": m.published,
            "source": m.source,
        }
        for m in MARGINALS
    ]
    return pl.DataFrame(rows)


def _sizes(workload: Workload, capacity: I64) -> dict[str, float]:
    jobs = workload.jobs
    gpu_ms = jobs.gang.astype(np.int64) * jobs.duration_ms
    days = _span_ms(workload) / DAY_MS
    return {
        "median duration of a job, s": float(np.median(jobs.duration_ms)) / 1000,
        "part of jobs that last over a day": float(np.mean(jobs.duration_ms > DAY_MS)),
        "median gang": float(np.median(jobs.gang)),
        "mean gang": float(np.mean(jobs.gang)),
        "part of GPU-time in gangs of 1": float(gpu_ms[jobs.gang == 1].sum() / gpu_ms.sum()),
        "largest gang ÷ its pool": float(np.max(jobs.gang / capacity[jobs.pool])),
        "jobs ÷ GPU ÷ day": len(jobs) / float(capacity.sum()) / days,
    }


def _kinds(workload: Workload) -> dict[str, float]:
    jobs = workload.jobs
    assert jobs.name is not None, "a lab names its jobs"
    kind = np.array([name.partition("-")[0] for name in jobs.name])
    group = np.array([name.rpartition(".")[0] for name in jobs.name])
    gpu_ms = jobs.gang.astype(np.int64) * jobs.duration_ms
    short_eval: Mask = kind == "eval"
    debug: Mask = kind == "debug"
    pretraining: Mask = kind == "pretraining"
    _, batch = np.unique(group[short_eval], return_counts=True)
    great = pretraining & (jobs.gang == jobs.gang.max()) & np.isin(group, group[jobs.after >= 0])
    tried_again = np.zeros(len(jobs), np.bool_)
    tried_again[jobs.after[debug & (jobs.after >= 0)]] = True
    hour, weekend = (jobs.submit_ms // rhythm.HOUR_MS) % 24, _weekend(jobs.submit_ms)
    people = np.isin(kind, ("debug", "training", "finetune"))
    days = np.arange(_span_ms(workload) // DAY_MS)
    ends = max(1, int(_weekend(days * DAY_MS).sum()))
    return {
        "evaluations ÷ jobs": float(np.mean(np.isin(kind, ("eval", "suite")))),
        "short evaluations ÷ GPU-time of jobs": float(gpu_ms[short_eval].sum() / gpu_ms.sum()),
        "pretraining ÷ jobs": float(np.mean(pretraining)),
        "jobs of the largest evaluation batch": float(batch.max()),
        "part of debugging attempts that fail and are tried again": float(np.mean(tried_again[debug])),
        "GPU-hours between interruptions of the great runs": _between_interruptions(gpu_ms[great], group[great]),
        "submissions by people, 02:00–06:00 ÷ 14:00–18:00": _count(people, hour, 2, 6) / _count(people, hour, 14, 18),
        "submissions by people, weekend day ÷ weekday": float(
            (people & weekend).sum() / ends / ((people & ~weekend).sum() / max(1, len(days) - ends))
        ),
    }


def _between_interruptions(gpu_ms: I64, group: NDArray[np.str_]) -> float:
    """Estimate the mean of intervals of which the last in each run was cut off by the end of the run."""
    interruptions = len(group) - len(np.unique(group))
    return float(gpu_ms.sum()) / rhythm.HOUR_MS / interruptions if interruptions else float("nan")


def _serving(workload: Workload) -> dict[str, float]:
    hours = _span_ms(workload) // rhythm.HOUR_MS
    by_day = np.array([_hourly(service, hours).reshape(-1, 24) for service in workload.services])
    swing = np.median(by_day.max(axis=2) / by_day.min(axis=2), axis=1)
    day = by_day.sum(axis=0).mean(axis=1)
    surge_from, ramp = int(rhythm.SURGE_FROM * len(day)), rhythm.SURGE_RAMP_DAYS
    before = day[:surge_from]
    edge = max(1, min(7, surge_from // 2))  # whole weeks, so that weekends cancel
    growth_days = max(1, surge_from - edge)
    growth = (before[-edge:].mean() / before[:edge].mean() - 1) * 90 / growth_days
    code_red = day[surge_from + ramp : surge_from + ramp + 7]
    return {
        "serving, peak ÷ trough of a day (mean of services)": float(swing.mean()),
        "serving, growth over 90 days without the code red": float(1 + growth),
        "serving, code red ÷ before": float(code_red.mean() / before[-edge:].mean()) if len(code_red) else float("nan"),
    }


def _walltimes(workload: Workload) -> dict[str, float]:
    jobs = workload.jobs
    declared = jobs.walltime_ms > 0
    longer = declared & (jobs.duration_ms >= rhythm.HOUR_MS)
    _, uses = np.unique(jobs.walltime_ms[declared], return_counts=True)
    return {
        "part of jobs with a declared walltime": float(declared.mean()),
        "declared walltime ÷ duration, jobs over an hour (median)": float(
            np.median(jobs.walltime_ms[longer] / jobs.duration_ms[longer])
        ),
        "part of walltimes among the 20 most popular": float(np.sort(uses)[-20:].sum() / uses.sum()),
    }


def _load(workload: Workload, capacity: I64) -> dict[str, float]:
    span = _span_ms(workload)
    middle = int(rhythm.SURGE_FROM * (span // DAY_MS)) * DAY_MS
    red = min(span - DAY_MS, middle + rhythm.SURGE_RAMP_DAYS * DAY_MS)
    everyone = {team.split(".")[0] for team in workload.teams}

    def load(tops: set[str], start_ms: int, end_ms: int) -> float:
        return asked_gpu_ms(workload, tops, start_ms, end_ms) / float(capacity.sum()) / (end_ms - start_ms)

    return {
        "offered load before the code red": load(everyone, 0, middle),
        "offered load in the code red": load(everyone, red, span),
        "product ÷ capacity in the code red (its floor is 0.35)": load({"product"}, red, span),
        "safety ÷ capacity (its floor is 0.20)": load({"safety"}, 0, span),
        "exploration ÷ capacity (its floor is 0.08)": load({"exploration"}, 0, span),
    }


def asked_gpu_ms(workload: Workload, tops: set[str], start_ms: int, end_ms: int) -> float:
    """Return GPU-time submitted, or wanted by services, in a span."""
    jobs = workload.jobs
    inside = np.array([team.split(".")[0] in tops for team in workload.teams])
    # A chain that was submitted at once is work for later: a row counts from the end of the one before it.
    begin = jobs.submit_ms.copy()
    for row in np.flatnonzero(jobs.after >= 0):
        previous = jobs.after[row]
        begin[row] = max(int(begin[row]), int(begin[previous] + jobs.duration_ms[previous]))
    chosen = inside[jobs.team]
    long = chosen & (jobs.duration_ms > DAY_MS)  # spread over its duration; shorter ones count where they begin
    brief = chosen & ~long & (begin >= start_ms) & (begin < end_ms)
    gpu_ms = float((jobs.gang[brief] * jobs.duration_ms[brief]).sum())
    overlap = np.minimum(begin + jobs.duration_ms, end_ms) - np.maximum(begin, start_ms)
    gpu_ms += float((jobs.gang * np.maximum(overlap, 0))[long].sum())
    hours = slice(start_ms // rhythm.HOUR_MS, end_ms // rhythm.HOUR_MS)
    for service in workload.services:
        if inside[service.team]:
            gpu_ms += float(_hourly(service, _span_ms(workload) // rhythm.HOUR_MS)[hours].sum()) * rhythm.HOUR_MS
    return gpu_ms


def _hourly(service: Service, hours: int) -> F64:
    """Accelerators that a service wants, by the hour."""
    at = np.arange(hours) * rhythm.HOUR_MS
    return (service.replicas[np.searchsorted(service.at_ms, at, side="right") - 1] * service.gang).astype(np.float64)


def _span_ms(workload: Workload) -> int:
    return int(workload.services[0].at_ms[-1])


def _weekend(at_ms: I64) -> Mask:
    return (at_ms // DAY_MS + rhythm.FIRST_WEEKDAY) % 7 >= 5


def _count(chosen: Mask, hour: I64, first: int, end: int) -> float:
    return float((chosen & (hour >= first) & (hour < end)).sum())
