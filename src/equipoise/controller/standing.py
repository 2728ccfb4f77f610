"""How things stand now: pools, teams and jobs, as `top` shows them. Read in the controller's thread, between two passes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from equipoise.controller.desk import Desk
from equipoise.controller.situation import Situation
from equipoise.engines.protocol import Part
from equipoise.policy.growing import GrowingCore
from equipoise.policy.kernel import layout as k
from equipoise.policy.why.explain import STATES
from equipoise.policy.why.explanation import JobState

ASKED_FOR = (k.DEPENDENT, k.PENDING, k.CLAIMED, k.RUNNING)


@dataclass(frozen=True, slots=True)
class PoolStanding:
    """Devices of a pool: capacity = held + starting + draining + idle; ``down`` and ``maintenance`` are not part of it."""

    name: str
    capacity: int
    held: int
    starting: int
    draining: int
    idle: int
    down: int
    maintenance: int


@dataclass(frozen=True, slots=True)
class TeamStanding:
    """A team in a pool, in devices; an inner team means all below it. ``held`` counts from the decision on."""

    path: str
    pool: str
    floor: int
    limit: int | None
    entitlement: int
    held: int
    waiting: int
    borrowed: int


@dataclass(frozen=True, slots=True)
class JobStanding:
    """A job that waits, starts up or runs; ``parts`` is empty where it does not run, or the engine chooses."""

    job: int
    name: str
    team: str
    pool: str
    owner: str
    gang: int
    state: JobState
    starting: bool
    since_ms: int
    attempt: int
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Standing:
    """Everything at one instant.

    Parameters
    ----------
    at_ms : int
        Event time of the latest pass.
    origin_ms : int
        Unix time of time 0.
    pools, teams, jobs
    entries, spooled : int
        Entries in all, and records that wait in the spool.
    trouble : str
        Why the ledger is not written; empty while it is.
    """

    at_ms: int
    origin_ms: int
    pools: tuple[PoolStanding, ...]
    teams: tuple[TeamStanding, ...]
    jobs: tuple[JobStanding, ...]
    entries: int
    spooled: int
    trouble: str


def pools_now(core: GrowingCore) -> tuple[PoolStanding, ...]:
    """Return how the pools stand."""
    found: list[PoolStanding] = []
    for pool, row in zip(core.layout.pools, core.core.state.pools, strict=True):
        capacity, held = int(row["capacity"]), int(row["held"])
        starting, draining = int(row["starting"]), int(row["draining"])
        idle = capacity - held - draining
        found.append(
            PoolStanding(
                pool.name,
                capacity,
                held - starting,
                starting,
                draining,
                idle,
                int(row["down"]),
                int(row["maintenance"]),
            )
        )
    return tuple(found)


def teams_now(core: GrowingCore) -> tuple[TeamStanding, ...]:
    """Return how the teams stand in each pool, in the order of the charter."""
    state, lines = core.core.state, core.layout.reference.lines
    found: list[TeamStanding] = []
    for p, pool in enumerate(core.layout.pools):
        for n, line in enumerate(lines):
            if n == 0:
                continue
            row = state.refs[p * len(lines) + n]
            floor, held, limit = int(row["floor"]), int(row["held"]), int(row["limit"])
            demand = int(row["demand"])
            found.append(
                TeamStanding(
                    line.path,
                    pool.name,
                    floor,
                    None if limit >= k.NEVER else limit,
                    int(row["due"]),
                    held,
                    max(0, demand - held),
                    max(0, held - floor),
                )
            )
    return tuple(found)


def jobs_now(core: GrowingCore, situation: Situation, desk: Desk) -> tuple[JobStanding, ...]:
    """Return the jobs that wait or run, by number."""
    rows = core.core.state.jobs[: core.submitted]
    asked = np.flatnonzero(np.isin(rows["state"], ASKED_FOR))
    labels = desk.labels()
    return tuple(job_now(core, situation, job, *labels.get(job, ("", ""))) for job in asked.tolist())


def job_now(core: GrowingCore, situation: Situation, job: int, owner: str, name: str) -> JobStanding:
    """Return how a job stands; of one that is over, ``since_ms`` is when it could first start."""
    row = core.core.state.jobs[job]
    runs = int(row["state"]) == k.RUNNING
    return JobStanding(
        job,
        name or str(job),
        situation.team(job),
        situation.pool(job),
        owner,
        int(row["gang"]),
        STATES[int(row["state"])],
        runs and situation.awaits_start(job),
        int(row["start_ms"] if runs else row["eligible_ms"]),
        int(row["stops"]),
        situation.parts(job) if runs else (),
    )
