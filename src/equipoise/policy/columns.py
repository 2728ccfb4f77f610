"""A workload as the kernel's columns: jobs, then the replicas of services, and the queues that they wait in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from equipoise.charter.model import Pool
from equipoise.errors import InputError
from equipoise.policy.kernel import layout as k
from equipoise.policy.latency import Latency
from equipoise.policy.plan import Plan
from equipoise.workload.model import Jobs, Workload

AT_ONCE = 1 << 18
"""So many jobs are laid out at a time."""


@dataclass(frozen=True, slots=True)
class Options:
    """What a run assumes beyond charter and workload.

    Parameters
    ----------
    estimates : {'declared', 'actual'}
        Backfill rests on declared walltimes (without one, on the team's history) or on the run times themselves.
    enforce_walltime : bool
        Whether a job is killed at its declared walltime; turns are promised only then.
    trace : bool
        Whether natural ends enter the decision stream.
    savepoint_cost_ms : int
        A grace at least as long lets a job with savepoints save its work before it is stopped.
    latency : Latency or None
        Starts and stops await confirmation, which the simulated engine gives after so long; None: they are immediate.
        Where the engine is not simulated only whether there is one matters.
    """

    estimates: str = "declared"
    enforce_walltime: bool = False
    trace: bool = False
    savepoint_cost_ms: int = 60_000
    latency: Latency | None = None


def pool_numbers(workload: Workload, pools: tuple[Pool, ...]) -> NDArray[np.int32]:
    """Return the number of each of the workload's pools; W101 for one that the charter does not have."""
    names = {pool.name: number for number, pool in enumerate(pools)}
    if len(pools) == 1:
        names[""] = 0
    numbers: list[int] = []
    for name in workload.pools:
        if name not in names:
            hint = (
                "give the log a pool column, or `--pool`"
                if name == ""
                else "pools: " + ", ".join(p.name for p in pools)
            )
            raise InputError("W101", f"the workload asks for pool '{name}', which the charter does not have", hint=hint)
        numbers.append(names[name])
    return np.array(numbers, np.int32)


def columns_of(workload: Workload, pool_of: NDArray[np.int32], options: Options) -> dict[str, Any]:
    """Jobs, then the replicas of services, as plain columns; user 0 stands for a service."""
    jobs = workload.jobs
    most = [int(s.replicas.max(initial=0)) * (2 if s.carry else 1) for s in workload.services]

    def with_replicas(column: NDArray[Any], values: list[Any]) -> NDArray[Any]:
        parts = [np.full(n, value, column.dtype) for n, value in zip(most, values, strict=True)]
        return np.concatenate([column, *parts]) if parts else column

    services = workload.services
    solid = [np.arange(n) < s.minimum for n, s in zip(most, services, strict=True)]
    preemptible = np.concatenate([jobs.preemptible, *[~x for x in solid]]) if solid else jobs.preemptible
    return {
        "gang": with_replicas(jobs.gang, [s.gang for s in services]),
        "pool": with_replicas(pool_of[jobs.pool], [int(pool_of[s.pool]) for s in services]),
        "team": with_replicas(jobs.team, [s.team for s in services]),
        "user": with_replicas(jobs.user, [-1] * len(services)),
        "priority": with_replicas(jobs.priority, [0] * len(services)),
        "savepoint": with_replicas(jobs.savepoint_ms, [0] * len(services)),
        "service": np.repeat(np.arange(len(services), dtype=np.int32), most),
        "solid": ~preemptible,
        "most": most,
        "horizon": max(_longest_ms(jobs, options), int(jobs.walltime_ms.max(initial=0)), 1),
    }


def _longest_ms(jobs: Jobs, options: Options) -> int:
    parts = (slice(first, first + AT_ONCE) for first in range(0, len(jobs), AT_ONCE))
    lengths = (lengths_of(jobs, options, part)[0] for part in parts)
    return max((int(ms.max(initial=0, where=ms < k.UNKNOWN)) for ms in lengths), default=0)


def lengths_of(jobs: Jobs, options: Options, rows: slice) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """How long some jobs run, and what is estimated, in ms; of ten million at once these would be a large part of all memory."""
    duration, walltime = jobs.duration_ms[rows], jobs.walltime_ms[rows]
    if options.enforce_walltime:
        duration = np.where(walltime > 0, np.minimum(duration, walltime), duration)
    if options.estimates == "actual":
        return duration, np.maximum(duration, 1)
    return duration, np.where(walltime > 0, walltime, -1)


def queues_of(
    workload: Workload, columns: dict[str, Any], plan: Plan, n_pools: int
) -> tuple[Any, Any, list[list[int]]]:
    """Queues (row, user, priority, solid) and users (row, user); sets each job's queue in ``columns``."""
    numbers = [plan.leaf_of(path) for path in workload.teams]
    for path, number in zip(workload.teams, numbers, strict=True):
        if plan.lines[number].children:
            raise InputError(
                "W102", f"team '{path}' has teams of its own: only leaves hold workloads", hint="map to a leaf"
            )
    row = columns["pool"].astype(np.int64) * len(plan.lines) + np.array(numbers, np.int64)[columns["team"]]
    user, priority, solid = columns["user"].astype(np.int64) + 1, columns["priority"].astype(np.int64), columns["solid"]
    if plan.one_queue:
        user, priority = np.zeros_like(user), np.zeros_like(priority)
        solid = solid & bool(plan.rules & k.ORDERED)  # nobody is stopped in any other
    low = int(priority.min(initial=0))
    span = int(priority.max(initial=0)) - low + 1
    users_n = int(user.max(initial=0)) + 1
    person = row * users_n + user
    key = (person * span + (priority - low)) * 2 + solid
    keys, queue_of = _distinct(key)
    people, person_of = _distinct(keys // (2 * span))
    queues = np.zeros(len(keys), k.QUEUE)
    queues["row"] = keys // (2 * span) // users_n
    queues["user"] = person_of
    queues["priority"] = keys // 2 % span + low
    queues["solid"] = keys % 2
    queues["pool"] = queues["row"] // len(plan.lines)
    columns["queue"] = queue_of.astype(np.int32, copy=False)
    columns["several_priorities"] = span > 1
    columns["user_rows"] = people // users_n
    leaf_queues: list[list[int]] = [[] for _ in range(len(plan.lines) * n_pools)]
    for number, at in enumerate(queues["row"]):
        leaf_queues[int(at)].append(number)
    return queues, np.zeros(max(1, len(people)), k.USER), leaf_queues


def _distinct(numbers: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[Any]]:
    """Return the different ones of numbers from 0 on, in order, and the place of each: without sorting where they are small."""
    most = int(numbers.max(initial=0))
    if most > 4 * len(numbers) + 1024:
        return np.unique(numbers, return_inverse=True)
    places = np.zeros(most + 1, np.int32)
    places[numbers] = 1
    found = np.flatnonzero(places)
    places[found] = np.arange(len(found), dtype=np.int32)
    return found, places[numbers]
