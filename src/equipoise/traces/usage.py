"""Who used what, by a log: GPU-hours, shares and sizes per team, and how much ran at once."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from equipoise.workload import Service, Workload

MS_PER_HOUR = 3_600_000

I64 = NDArray[np.int64]


def usage(workload: Workload) -> pl.DataFrame:
    """Return who used what.

    Parameters
    ----------
    workload : Workload

    Returns
    -------
    polars.DataFrame
        A row per team and pool that used any, most GPU-hours first: ``team``, ``pool``, ``jobs``, ``services``,
        ``gpu_h``, ``share`` (of the pool's GPU-hours, 0 to 1), ``largest_gang``, ``median_duration_s`` and
        ``p95_duration_s`` (of jobs; null without any). A service counts with what it asked for.

    Examples
    --------
    >>> from equipoise.traces import read
    >>> from pathlib import Path; import tempfile
    >>> log = Path(tempfile.mkdtemp()) / "jobs.csv"
    >>> _ = log.write_text("vc,submit_s,num_gpu,duration_s" + chr(10) + "nlp,0,3,3600" + chr(10) + "cv,0,1,3600")
    >>> usage(read(log)).select("team", "gpu_h", "share").rows()
    [('nlp', 3.0, 0.75), ('cv', 1.0, 0.25)]
    """
    jobs = workload.jobs
    gpu_ms = jobs.gang.astype(np.float64) * jobs.duration_ms
    of_jobs = (
        pl.DataFrame(
            {
                "team": jobs.team,
                "pool": jobs.pool,
                "gpu_h": gpu_ms / MS_PER_HOUR,
                "gang": jobs.gang,
                "duration_s": jobs.duration_ms / 1000,
            },
            schema_overrides={"team": pl.Int32, "pool": pl.Int32},
        )
        .group_by("team", "pool")
        .agg(
            pl.len().cast(pl.Int64).alias("jobs"),
            pl.lit(0, pl.Int64).alias("services"),
            pl.col("gpu_h").sum(),
            pl.col("gang").max().cast(pl.Int64).alias("largest_gang"),
            pl.col("duration_s").median().alias("median_duration_s"),
            pl.col("duration_s").quantile(0.95, "nearest").alias("p95_duration_s"),
        )
    )
    rows = pl.concat([of_jobs, *(_service_row(service) for service in workload.services)])
    whole = rows.group_by("team", "pool").agg(
        pl.col("jobs", "services", "gpu_h").sum(),
        pl.col("largest_gang").max(),
        pl.col("median_duration_s", "p95_duration_s").max(),
    )
    total = pl.col("gpu_h").sum().over("pool")
    return (
        whole.with_columns(
            pl.Series([workload.teams[team] for team in whole["team"]], dtype=pl.String).alias("team"),
            pl.Series([workload.pools[pool] for pool in whole["pool"]], dtype=pl.String).alias("pool"),
        )
        .with_columns(pl.when(total > 0).then(pl.col("gpu_h") / total).otherwise(0.0).alias("share"))
        .sort("gpu_h", "team", "pool", descending=[True, False, False])
        .select(
            "team", "pool", "jobs", "services", "gpu_h", "share", "largest_gang", "median_duration_s", "p95_duration_s"
        )
    )


def peak_gpus(workload: Workload) -> dict[str, int]:
    """Return by pool how many GPUs were wanted at once at most: every job from its submission on, for its duration.

    This is what it would have taken for nobody to wait; the log's own machine was smaller if people waited there.
    """
    return {name: _peak(workload, pool) for pool, name in enumerate(workload.pools)}


def _service_row(service: Service) -> pl.DataFrame:
    wanted = service.replicas[:-1].astype(np.float64) * service.gang * np.diff(service.at_ms)
    return pl.DataFrame(
        {
            "team": pl.Series([service.team], dtype=pl.Int32),
            "pool": pl.Series([service.pool], dtype=pl.Int32),
            "jobs": pl.Series([0], dtype=pl.Int64),
            "services": pl.Series([1], dtype=pl.Int64),
            "gpu_h": [float(wanted.sum()) / MS_PER_HOUR],
            "largest_gang": pl.Series([service.gang], dtype=pl.Int64),
            "median_duration_s": pl.Series([None], dtype=pl.Float64),
            "p95_duration_s": pl.Series([None], dtype=pl.Float64),
        }
    )


def _peak(workload: Workload, pool: int) -> int:
    jobs = workload.jobs
    mine = jobs.pool == pool
    start, gang = jobs.submit_ms[mine], jobs.gang[mine].astype(np.int64)
    at: list[I64] = [start, start + jobs.duration_ms[mine]]
    change: list[I64] = [gang, -gang]
    for service in workload.services:
        if service.pool == pool:
            wanted = service.replicas.astype(np.int64) * service.gang
            at.append(service.at_ms)
            change.append(np.diff(wanted, prepend=0))
    times, changes = np.concatenate(at), np.concatenate(change)
    order = np.argsort(times, kind="stable")
    instants, first = np.unique(times[order], return_index=True)
    if not len(instants):
        return 0
    # All that happens at one instant counts together: who ends makes room for who begins.
    return max(0, int(np.cumsum(np.add.reduceat(changes[order], first)).max()))
