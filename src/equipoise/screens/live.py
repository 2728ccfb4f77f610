"""How a lab stands this second, as its controller tells it, in the form in which recorded moments are told."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from equipoise.charter.model import Charter, Pool
from equipoise.controller.standing import PoolStanding, Standing, TeamStanding
from equipoise.screens.lab_run import Plain
from equipoise.screens.moment import Moment, PoolMoment, between, leaves_of
from equipoise.screens.team import LISTED, QUEUE_COLUMNS
from equipoise.screens.teams import inside

I64 = NDArray[np.int64]
WAITS = ("waiting", "claimed")


def live_moment(standing: Standing, charter: Charter, *, now_ms: int) -> Moment:
    """Return a moment of a controller's standing, with its jobs; floors are those in force, as pacing has set them.

    ``now_ms`` is this second in the lab's own time: the standing is that of the latest pass, and nothing has changed since but the clock.
    """
    by_name = {pool.name: pool for pool in standing.pools}
    teams = {(team.pool, team.path): team for team in standing.teams}
    pools = tuple(_pool(standing, charter, pool, by_name[pool.name], teams, now_ms) for pool in charter.pools)
    return Moment(now_ms, charter, pools)


def _pool(
    standing: Standing,
    charter: Charter,
    pool: Pool,
    devices: PoolStanding,
    teams: Mapping[tuple[str, str], TeamStanding],
    now_ms: int,
) -> PoolMoment:
    rows = [teams[pool.name, team.path] for team in charter.teams]
    floor, entitled, held, waiting = (
        np.array([getattr(row, name) for row in rows], np.int64) for name in ("floor", "entitlement", "held", "waiting")
    )
    limit = np.array([devices.capacity if row.limit is None else row.limit for row in rows], np.int64)
    jobs, longest_ms = _waits(standing, charter, pool.name, now_ms)
    borrowed, lent = between(charter.parents, leaves_of(charter), devices.capacity, floor, held)
    return PoolMoment(
        devices.capacity,
        devices.down,
        devices.maintenance,
        devices.capacity - devices.idle,
        floor,
        limit,
        entitled,
        held,
        waiting,
        jobs,
        longest_ms,
        borrowed,
        lent,
    )


def _waits(standing: Standing, charter: Charter, pool: str, now_ms: int) -> tuple[I64, I64]:
    """Return how many gangs of each team wait in a pool, and how long the one that waits longest does."""
    numbers = {team.path: number for number, team in enumerate(charter.teams)}
    count, longest = (np.zeros(len(numbers), np.int64) for _ in range(2))
    for job in standing.jobs:
        if job.pool != pool or job.state not in WAITS:
            continue
        at = numbers.get(job.team, -1)
        while at >= 0:
            count[at] += 1
            longest[at] = max(longest[at], now_ms - job.since_ms)
            at = charter.parents[at]
    return count, longest


def live_queue(standing: Standing, path: str, *, now_ms: int) -> Plain:
    """Return the jobs of a team that wait this second, the longest first."""
    waiting = [job for job in standing.jobs if job.state in WAITS and inside(job.team, path)]
    waiting.sort(key=lambda job: (job.since_ms, job.job))
    rows: list[list[str | int]] = [
        [job.job, job.name, job.team, job.pool, job.gang, now_ms - job.since_ms, job.attempt]
        for job in waiting[:LISTED]
    ]
    return {"in_all": len(waiting), "columns": list(QUEUE_COLUMNS), "rows": rows, "next": None}
