"""What a run says: who got the machine, who waited, who starved, as data frames and a few figures.

`results` is the main path: it makes a `Results` of a finished run. The frames are made by ``job_frame`` (jobs, waits)
and ``accounts`` (teams, pools, shares over time, services); ``record`` holds what they share.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from equipoise.account import Span
from equipoise.policy.kernel.layout import REFUSED
from equipoise.simulator.accounts import account_frame, closes_frame, pools_frame, services_frame, teams_frame
from equipoise.simulator.gate_frame import gates_frame
from equipoise.simulator.job_frame import (
    GPU_MS_PER_H,
    finished,
    jobs_frame,
    started,
    submitted,
    unstarted,
    waits_by_gang,
)
from equipoise.simulator.promise_frame import promise_days_frame, promises_frame
from equipoise.simulator.record import DENIED, ENTITLED, HELD, LOST_MS, Record
from equipoise.simulator.requests import requests_frame
from equipoise.simulator.series import POINTS, Series, series
from equipoise.simulator.waits import QUANTILES, bounded_slowdown, jain_index, quantiles
from equipoise.simulator.warning_frame import warnings_frame
from equipoise.workload.model import Skipped


@dataclass(frozen=True, eq=False)
class Results:
    """What happened in a run, against the reference charter. ``None`` is a figure that there is nothing to make of.

    Parameters
    ----------
    policy : str
        What was executed: a policy's name, or how the executed charter was named.
    teams : pl.DataFrame
        One row per team of the charter: jobs, delivered, entitled, denied and lost GPU-hours, starvation, share against
        floor, waits, turnaround, and how often its jobs were stopped.
    pools : pl.DataFrame
        One row per pool: where its capacity went, in exact GPU-milliseconds.
    services : pl.DataFrame
        One row per service: demanded, served, carried and shed.
    waits_by_gang : pl.DataFrame
        Waits by gang size, of the lab (``team`` empty) and of each leaf.
    refused : pl.DataFrame
        The jobs that were never to run, each with its reason.
    n_jobs, n_started, n_finished, n_never_started : int
        ``n_never_started`` were not refused, and still waited when nothing more could happen.
    makespan_s : float
        From the first submission to the last end.
    mean_wait_s, wait_p50_s, wait_p95_s, wait_p99_s : float or None
        Of the jobs that started: from the instant they could run to their first start.
    mean_jct_s, mean_slowdown : float or None
        Of the jobs that ended: from the instant they could run to the end; bounded slowdown (τ = 10 s).
    reclaims, preemptions, failures : int
        Jobs stopped for another team, for their own team's priority, and by nodes that went away.
    capacity_gpu_h, held_gpu_h, delivered_gpu_h, lost_gpu_h, entitled_gpu_h, denied_gpu_h : float
        Of the whole lab in device-hours; entitled and denied are sums over the leaves.
    utilisation, fragmentation : float or None
        Held ÷ capacity; idle devices on nodes partly in use ÷ idle.
    jain : float or None
        Evenness of delivered ÷ entitled over the leaves that were entitled to anything.
    served_fraction : float or None
        Of the services' demand.
    digest : str
        Names the stream of decisions: the same input gives the same.
    skipped : tuple of Skipped
        Rows of the log that were left out, by reason.
    notes : tuple of str
        What was assumed.
    jobs_per_s : float or None
        How fast it was simulated; set by the caller, who has a clock.
    partial : bool
        Whether the run was ended before everything had happened; a note says when. What had not happened by then is not
        in any figure, and whoever waited counts as never started.
    within : Span or None
        The time that all figures are of, in milliseconds since the run's origin; None: the whole run.
    view : callable or None
        How a notebook shows it, as HTML; set by the caller, for pictures are made above the simulator.

    Examples
    --------
    See `equipoise.tasks.simulate`, which makes one from a log and a charter.
    """

    policy: str
    teams: pl.DataFrame
    pools: pl.DataFrame
    services: pl.DataFrame
    waits_by_gang: pl.DataFrame
    refused: pl.DataFrame
    n_jobs: int
    n_started: int
    n_finished: int
    n_never_started: int
    makespan_s: float
    mean_wait_s: float | None
    wait_p50_s: float | None
    wait_p95_s: float | None
    wait_p99_s: float | None
    mean_jct_s: float | None
    mean_slowdown: float | None
    reclaims: int
    preemptions: int
    failures: int
    capacity_gpu_h: float
    held_gpu_h: float
    delivered_gpu_h: float
    lost_gpu_h: float
    entitled_gpu_h: float
    denied_gpu_h: float
    utilisation: float | None
    fragmentation: float | None
    jain: float | None
    served_fraction: float | None
    digest: str
    record: Record
    skipped: tuple[Skipped, ...] = ()
    notes: tuple[str, ...] = ()
    jobs_per_s: float | None = None
    partial: bool = False
    within: Span | None = None
    view: Callable[[Results], str] | None = None

    @cached_property
    def jobs(self) -> pl.DataFrame:
        """One row per job: when it was submitted, started and ended, what it waited and lost, and what became of it."""
        return jobs_frame(self.record)

    @cached_property
    def closes(self) -> pl.DataFrame:
        """One row per close, pool and team: its share of the pool over that time against its floor."""
        return closes_frame(self.record)

    @cached_property
    def requests(self) -> pl.DataFrame:
        """One row per team and avenue of research: requests for credits, what was granted, cut, refused and spent."""
        return requests_frame(self.record, self.within)

    @cached_property
    def gates(self) -> pl.DataFrame:
        """One row per service and time at which what a release gate says of it changed: its stage, its cap, what it lacks."""
        return gates_frame(self.record, self.within)

    @cached_property
    def promises(self) -> pl.DataFrame:
        """One row per window of each promise of the reference charter: its numbers, its verdict or forecast."""
        return promises_frame(self.record, self.within)

    @cached_property
    def promise_days(self) -> pl.DataFrame:
        """One row per promise of hours and close: owed and delivered since the run began, arrears, what pacing asks for."""
        return promise_days_frame(self.record)

    @cached_property
    def warnings(self) -> pl.DataFrame:
        """One row per team: on how many days it was starved, and when the alarm came that this had become usual."""
        return warnings_frame(self.record)

    def account(self, *, until_s: float) -> pl.DataFrame:
        """Return delivered, entitled, denied and lost GPU-hours of each team up to a time.

        A run goes on until all work is done, so that in the end everybody has what they asked for; a window tells who
        had it in time. It ends with the last close that is not after ``until_s``.
        """
        return account_frame(self.record, self._up_to(until_s))

    def pool_account(self, *, until_s: float) -> pl.DataFrame:
        """Return ``pools`` up to a time: the last close that is not after ``until_s``."""
        return pools_frame(self.record, self._up_to(until_s))

    def _up_to(self, until_s: float) -> Span:
        begin_ms = 0 if self.within is None else self.within.from_ms
        return Span(begin_ms, max(begin_ms + 1, round(until_s * 1000)))

    def series(self, *, pool: int | None = None, points: int = POINTS) -> Series:
        """Return what every team held, was entitled to and was denied over time: see `equipoise.simulator.series`."""
        return series(self.record, pool=pool, points=points, within=self.within)

    def team(self, path: str) -> dict[str, Any]:
        """Return the figures of one team; raises ``InputError`` C301 when there is none."""
        path = self.record.charter.team(path).path
        return self.teams.row(by_predicate=pl.col("team") == path, named=True)

    def to_dict(self) -> dict[str, Any]:
        """Return every figure as plain values for JSON, without the rows of jobs and closes; seconds are numbers."""
        frames = {"teams", "pools", "services", "waits_by_gang", "refused"}
        plain: dict[str, Any] = {"jobs": self.n_jobs, "policy": self.policy}
        for name in (field.name for field in fields(self)):
            if name not in frames and name not in {"record", "policy", "n_jobs", "skipped", "notes", "within", "view"}:
                plain[name.removeprefix("n_")] = getattr(self, name)
        reasons = self.refused.group_by("reason").len().sort("reason")
        plain["refused"] = dict(zip(reasons["reason"].to_list(), reasons["len"].to_list(), strict=True))
        plain["skipped"] = {item.reason: item.rows for item in self.skipped}
        plain["notes"] = list(self.notes)
        plain["teams"] = {row.pop("team"): row for row in self.teams.to_dicts()}
        plain["pools"] = {row.pop("pool"): row for row in self.pools.to_dicts()}
        plain["services"] = {row.pop("service"): row for row in self.services.to_dicts()}
        plain["gates"] = self.gates.to_dicts()
        plain["requests"] = self.requests.to_dicts()
        plain["promises"] = self.promises.to_dicts()
        plain["warnings"] = self.warnings.to_dicts()
        lab = self.waits_by_gang.filter(pl.col("team") == "").drop("team")
        plain["waits_by_gang"] = lab.to_dicts()
        return plain

    def _repr_html_(self) -> str | None:
        return None if self.view is None else self.view(self)


def results(
    record: Record, *, policy: str | None = None, notes: tuple[str, ...] = (), within: Span | None = None
) -> Results:
    """Make the results of a finished run.

    Parameters
    ----------
    record : Record
    policy : str or None
        What to call it; None: the plan's name.
    notes : tuple of str
        What was assumed besides the workload's own notes.
    within : Span or None
        Of which time, in milliseconds since the run's origin: `teams_frame` says what counts where. Such a run keeps its decisions.
    """
    run = record.run
    name = record.plan.name if policy is None else policy
    if run.partial:
        ended_h = int(run.closes_ms[-1]) / 3_600_000
        notes = (*notes, f"{name} was interrupted after {ended_h:,.1f} hours of its own time: its figures are partial")
    asked = submitted(record, within)
    stops = {cause: int(per_job.sum()) for cause, per_job in record.stops_within(within).items()}
    return Results(
        policy=name,
        teams=teams_frame(record, within),
        pools=pools_frame(record, within),
        services=services_frame(record),
        waits_by_gang=waits_by_gang(record, within),
        refused=_refused(record, asked),
        n_jobs=int(asked.sum()),
        n_started=int(started(record, within).sum()),
        n_finished=int(finished(record, within).sum()),
        n_never_started=int(unstarted(record, within).sum()),
        **_waits(record, within),
        **stops,
        **_totals(record, within),
        digest=run.digest,
        record=record,
        skipped=record.workload.skipped,
        notes=(*record.workload.notes, *notes),
        partial=run.partial,
        within=within,
    )


def _waits(record: Record, within: Span | None) -> dict[str, Any]:
    jobs = record.run.jobs
    begun, ended = started(record, within), finished(record, within)
    wait_ms = (jobs["first_ms"] - jobs["eligible_ms"])[begun]
    jct_ms = (jobs["end_ms"] - jobs["eligible_ms"])[ended]
    slow = bounded_slowdown(jct_ms, jobs["duration_ms"][ended])
    ranked = quantiles(wait_ms, np.zeros(len(wait_ms), np.int64), 1)[0] / 1000.0
    first_ms = int(record.workload.jobs.submit_ms.min()) if len(jobs) else 0
    return {
        "makespan_s": (int(jobs["end_ms"][ended].max()) - first_ms) / 1000.0 if ended.any() else 0.0,
        "mean_wait_s": _mean_s(wait_ms),
        **{f"wait_p{round(100 * part)}_s": _known(ranked[n]) for n, part in enumerate(QUANTILES)},
        "mean_jct_s": _mean_s(jct_ms),
        "mean_slowdown": float(slow.mean()) if len(slow) else None,
    }


def _totals(record: Record, within: Span | None) -> dict[str, Any]:
    totals = record.grown(record.accounts, within).sum(axis=0)
    pools = record.grown(record.run.pools, within)
    frame = pools_frame(record, within)
    idle = int(pools[:, 2].sum() + pools[:, 3].sum())
    of = totals[record.leaves]
    entitled = of[:, ENTITLED] > 0
    delivered = of[:, HELD] - of[:, LOST_MS]
    services = record.run.services[: len(record.workload.services)]
    demanded = int((services["demanded"] * services["gang"]).sum())
    met = int(((services["served"] + services["carried"]) * services["gang"]).sum())
    return {
        "capacity_gpu_h": int(pools[:, 0].sum()) / GPU_MS_PER_H,
        "held_gpu_h": int(pools[:, 1].sum()) / GPU_MS_PER_H,
        "delivered_gpu_h": int(totals[0, HELD] - totals[0, LOST_MS]) / GPU_MS_PER_H,
        "lost_gpu_h": int(totals[0, LOST_MS]) / GPU_MS_PER_H,
        "entitled_gpu_h": int(of[:, ENTITLED].sum()) / GPU_MS_PER_H,
        "denied_gpu_h": int(of[:, DENIED].sum()) / GPU_MS_PER_H,
        "utilisation": _part(int(pools[:, 1].sum()), int(pools[:, 0].sum())),
        "fragmentation": _part(int(frame["stranded_gpu_ms"].sum()), idle),
        "jain": _known(jain_index(delivered[entitled] / of[entitled, ENTITLED])),
        "served_fraction": _part(met, demanded),
    }


def _refused(record: Record, asked: NDArray[np.bool_]) -> pl.DataFrame:
    rows = np.flatnonzero(asked & (record.run.jobs["state"] == REFUSED))
    return jobs_frame(record, rows=rows).select("name", "team", "pool", "gang", "submit_s", "reason")


def _mean_s(values_ms: Any) -> float | None:
    # The sum is exact; only the division rounds.
    return int(values_ms.sum()) / len(values_ms) / 1000.0 if len(values_ms) else None


def _part(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _known(value: float) -> float | None:
    return None if math.isnan(value) else float(value)
