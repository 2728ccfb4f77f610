"""The account of a run as data frames: teams, pools, shares over time, services; exact integers until divided."""

from __future__ import annotations

import numpy as np
import polars as pl

from equipoise.account import Span
from equipoise.policy.kernel.layout import REFUSED
from equipoise.simulator.job_frame import GPU_MS_PER_H, finished, started, submitted, unstarted, wait_columns
from equipoise.simulator.record import DENIED, ENTITLED, HELD, LOST_MS, Record

POOL_PARTS = ("held", "transition", "idle_unused", "idle_blocked", "down", "maintenance")


def teams_frame(record: Record, within: Span | None = None) -> pl.DataFrame:
    """Return one row per team of the reference charter, parents before children; an inner team means all below it.

    Raw device-hours over all pools; ``delivered_heh_h`` weighs each pool's by its ``heh``. Null where there is nothing
    to divide by, or no job that started.

    ``within``: of a time. Accounts are those between closes (`Record.grown`), waits those of jobs that started in it, refusals of jobs
    submitted in it, turnaround of jobs that ended in it; ``never_started`` had not at its end; floors are those in force then.
    """
    by_pool = record.grown(record.accounts, within)
    totals = by_pool.sum(axis=0)
    heh = np.array([float(pool.heh) for pool in record.charter.pools])
    held, lost = totals[:, HELD], totals[:, LOST_MS]
    capacity_ms = int(record.grown(_capacity_ms(record), within).sum())
    reference = record.reference if within is None else record.reference_at(within.to_ms - 1)
    expected = sum(pool.capacity for pool in record.charter.pools)
    floors = np.array([sum(quota.floor for quota in line.quotas) for line in reference.lines], np.int64)
    asked = submitted(record, within)
    columns: dict[str, object] = {
        "team": [line.path for line in record.reference.lines],
        "leaf": [line.children == 0 for line in record.reference.lines],
        "jobs": record.total(asked),
        "started": record.total(started(record, within)),
        "finished": record.total(finished(record, within)),
        "refused": record.total(asked & (record.run.jobs["state"] == REFUSED)),
        "never_started": record.total(unstarted(record, within)),
        "delivered_gpu_h": (held - lost) / GPU_MS_PER_H,
        "held_gpu_h": held / GPU_MS_PER_H,
        "lost_gpu_h": lost / GPU_MS_PER_H,
        "delivered_heh_h": heh @ (by_pool[:, :, HELD] - by_pool[:, :, LOST_MS]) / GPU_MS_PER_H,
        "entitled_gpu_h": totals[:, ENTITLED] / GPU_MS_PER_H,
        "denied_gpu_h": totals[:, DENIED] / GPU_MS_PER_H,
        "starvation": _ratio(totals[:, DENIED], totals[:, ENTITLED]),
        "share": _ratio(held, np.full(record.count, capacity_ms)),
        "floor_share": floors / expected,
        "floor_gpus": floors,
        **wait_columns(record, within),
        **{cause: record.total(per_job) for cause, per_job in record.stops_within(within).items()},
    }
    return pl.DataFrame(columns).slice(1).with_columns(pl.col(pl.Float64).fill_nan(None))


def pools_frame(record: Record, within: Span | None = None) -> pl.DataFrame:
    """Return one row per pool: its capacity and where all of it went, in exact GPU-milliseconds.

    ``within``: of a time, from close to close; None: of the whole run.

    ``capacity = held + transition + idle_unused + idle_blocked + down + maintenance``. Transition is start-up and
    drain, nothing without a latency; it counts for nobody.
    ``fragmentation`` is the part of the idle time that was stranded on nodes partly in use.
    """
    totals = record.grown(record.run.pools, within)
    idle = totals[:, 2] + totals[:, 3]
    whole_nodes = np.array([pool.gpus_per_node > 1 for pool in record.charter.pools])
    stranded = np.where(whole_nodes, totals[:, 6], 0)  # a node of one device is never partly in use
    columns: dict[str, object] = {
        "pool": [pool.name for pool in record.charter.pools],
        "device": [pool.device for pool in record.charter.pools],
        "gpus": [pool.capacity for pool in record.charter.pools],
        "capacity_gpu_ms": totals[:, 0],
        "held_gpu_ms": totals[:, 1],
        "transition_gpu_ms": totals[:, 7] + totals[:, 8],
        "idle_unused_gpu_ms": totals[:, 2],
        "idle_blocked_gpu_ms": totals[:, 3],
        "down_gpu_ms": totals[:, 4],
        "maintenance_gpu_ms": totals[:, 5],
        "stranded_gpu_ms": stranded,
        "utilisation": _ratio(totals[:, 1], totals[:, 0]),
        "fragmentation": _ratio(stranded, idle),
    }
    return pl.DataFrame(columns).with_columns(pl.col(pl.Float64).fill_nan(None))


def closes_frame(record: Record) -> pl.DataFrame:
    """Return one row per close, pool and team: what it held of the devices that were up, against its floor.

    The times are those between which the row sums; ``share`` and ``floor_share`` (in force when it begins) are parts of the pool.
    """
    ends = record.run.closes_ms
    starts = np.concatenate([[0], ends[:-1]])
    spans = np.diff(record.accounts, axis=0, prepend=0)
    capacity = np.diff(_capacity_ms(record), axis=0, prepend=0)
    closes, pools, lines = len(ends), len(record.charter.pools), record.count
    references = (record.reference, *(one.reference for one in record.enacted))
    floors = np.array(
        [[[line.quotas[p].floor / pool.capacity for line in reference.lines] for p, pool in enumerate(record.charter.pools)]
         for reference in references]
    )  # fmt: skip
    in_force = np.searchsorted(np.array(record.enact_ms, np.int64), starts, side="right")
    names = pl.Series([line.path for line in record.reference.lines])
    frame = pl.DataFrame(
        {
            "from_s": np.repeat(starts / 1000.0, pools * lines),
            "to_s": np.repeat(ends / 1000.0, pools * lines),
            "pool": pl.Series([pool.name for pool in record.charter.pools]).gather(
                np.tile(np.repeat(np.arange(pools), lines), closes)
            ),
            "team": names.gather(np.tile(np.arange(lines), closes * pools)),
            "held_gpu_h": spans[..., HELD].ravel() / GPU_MS_PER_H,
            "lost_gpu_h": spans[..., LOST_MS].ravel() / GPU_MS_PER_H,
            "entitled_gpu_h": spans[..., ENTITLED].ravel() / GPU_MS_PER_H,
            "denied_gpu_h": spans[..., DENIED].ravel() / GPU_MS_PER_H,
            "share": _ratio(spans[..., HELD].ravel(), np.repeat(capacity.ravel(), lines)),
            "floor_share": floors[in_force].ravel(),
        }
    )
    return frame.filter((pl.col("team") != "") & (pl.col("to_s") > pl.col("from_s"))).with_columns(
        pl.col(pl.Float64).fill_nan(None)
    )


def account_frame(record: Record, within: Span | None) -> pl.DataFrame:
    """Return what each team held, was entitled to and was denied in a time, from close to close."""
    totals = record.grown(record.accounts, within).sum(axis=0)
    capacity_ms = int(record.grown(_capacity_ms(record), within).sum())
    columns: dict[str, object] = {
        "team": [line.path for line in record.reference.lines],
        "delivered_gpu_h": (totals[:, HELD] - totals[:, LOST_MS]) / GPU_MS_PER_H,
        "entitled_gpu_h": totals[:, ENTITLED] / GPU_MS_PER_H,
        "denied_gpu_h": totals[:, DENIED] / GPU_MS_PER_H,
        "lost_gpu_h": totals[:, LOST_MS] / GPU_MS_PER_H,
        "starvation": _ratio(totals[:, DENIED], totals[:, ENTITLED]),
        "share": _ratio(totals[:, HELD], np.full(record.count, capacity_ms)),
    }
    return pl.DataFrame(columns).slice(1).with_columns(pl.col(pl.Float64).fill_nan(None))


def floor_gpu_h(record: Record, within: Span) -> dict[str, float]:
    """Return each team's floor over a time in GPU-hours: of every stretch between closes the floor in force when it begins."""
    first, last = map(record.closes_by, (within.from_ms, within.to_ms))
    edges = np.concatenate([[0], record.run.closes_ms])[first : last + 1]
    found = np.zeros(record.count)
    for begin_ms, end_ms in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        floors = [sum(quota.floor for quota in line.quotas) for line in record.reference_at(begin_ms).lines]
        found += np.array(floors, np.float64) * (end_ms - begin_ms)
    return {line.path: ms / GPU_MS_PER_H for line, ms in zip(record.reference.lines, found.tolist(), strict=True)}


def services_frame(record: Record) -> pl.DataFrame:
    """Return one row per service: replica-hours asked for, served at once, made up within the hour, and shed."""
    services = record.workload.services
    rows = record.run.services[: len(services)]
    met = rows["served"] + rows["carried"]
    gang = rows["gang"].astype(np.int64)
    columns: dict[str, object] = {
        "service": pl.Series([service.name for service in services], dtype=pl.String),
        "team": pl.Series([record.workload.teams[service.team] for service in services], dtype=pl.String),
        "gang": gang,
        "demanded_gpu_h": rows["demanded"] * gang / GPU_MS_PER_H,
        "served_gpu_h": rows["served"] * gang / GPU_MS_PER_H,
        "carried_gpu_h": rows["carried"] * gang / GPU_MS_PER_H,
        "shed_gpu_h": (rows["demanded"] - met) * gang / GPU_MS_PER_H,
        "served_fraction": _ratio(met, rows["demanded"]),
    }
    return pl.DataFrame(columns).with_columns(pl.col(pl.Float64).fill_nan(None))


def _capacity_ms(record: Record) -> np.ndarray[tuple[int, int], np.dtype[np.int64]]:
    """Device-time that was up, per close and pool."""
    return record.run.pools[:, :, 0] - record.run.pools[:, :, 4] - record.run.pools[:, :, 5]


def _ratio(part: object, whole: object) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    over, under = np.asarray(part, np.float64), np.asarray(whole, np.float64)
    return np.divide(over, under, out=np.full(over.shape, np.nan), where=under > 0)
