"""Who was stopped for whom in a time: pairs of teams, by the decisions of the record."""

from __future__ import annotations

import numpy as np
import polars as pl

from equipoise.account import Span
from equipoise.policy.kernel.layout import STOP
from equipoise.simulator.record import Record


def reclaims_frame(record: Record, within: Span) -> pl.DataFrame:
    """Return one row per team that was stopped, team that it was stopped for, and pool; the most stops first.

    ``stops`` of jobs and replicas, and how many ``gpus`` they held together. A stop inside a team is of its own priority.
    """
    decisions = record.run.decisions
    assert decisions is not None, "a run of which a time is looked at keeps its decisions"
    inside = (decisions["time_ms"] >= within.from_ms) & (decisions["time_ms"] < within.to_ms)
    rows = decisions[inside & (decisions["kind"] == STOP) & (decisions["other"] >= 0)]
    jobs = np.concatenate([record.run.jobs[["ref", "gang"]], record.run.replicas[["ref", "gang"]]])
    refs: list[int] = jobs["ref"][rows["job"]].tolist()
    by_refs: list[int] = jobs["ref"][rows["other"]].tolist()
    gpus: list[int] = jobs["gang"][rows["job"]].tolist()
    paths, pools = [line.path for line in record.reference.lines], [pool.name for pool in record.charter.pools]
    frame = pl.DataFrame(
        {
            "team": [paths[ref % record.count] for ref in refs],
            "stopped_for": [paths[ref % record.count] for ref in by_refs],
            "pool": [pools[ref // record.count] for ref in refs],
            "gpus": gpus,
        },
        schema={"team": pl.String, "stopped_for": pl.String, "pool": pl.String, "gpus": pl.Int64},
    )
    told = frame.group_by("team", "stopped_for", "pool").agg(
        pl.len().cast(pl.Int64).alias("stops"), pl.col("gpus").sum()
    )
    return told.sort(["stops", "team", "stopped_for", "pool"], descending=[True, False, False, False])
