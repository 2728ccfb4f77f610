"""One queue: fifo and easy against the plain scheduler of the reference, and what EASY promises to the head."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import numpy as np
import pytest

from tests.property.policy_systems import COUNTED, System, draw_system
from tests.reference.policy_easy import QueuedJob, starts

# Not with estimates that are too short: there the kernel doubles, the twin expects the end in the next millisecond.
QUEUED = replace(
    COUNTED, per_node=(1, 2, 4, 8), chains=False, jobs=40, estimates=("accurate", "over"), enforce=(False,)
)


@pytest.mark.parametrize("policy", ["fifo", "easy"])
def test_one_queue_starts_every_job_as_the_twin_does(policy: str) -> None:
    for seed in range(1_000):
        system = draw_system(Random(seed), QUEUED)
        if policy == "easy":  # remainders are placed around the reservation in a way of the kernel's own
            system = in_whole_nodes(system)
        jobs, pool = system.workload.jobs, system.charter.pools[0]
        fitting = np.flatnonzero(jobs.gang <= pool.capacity).tolist()
        known = system.options.estimates == "actual"
        queue = [
            QueuedJob(
                int(jobs.submit_ms[j]),
                int(jobs.gang[j]),
                int(jobs.duration_ms[j]),
                0 if known else int(jobs.walltime_ms[j]),
            )
            for j in fitting
        ]
        wanted = starts(queue, pool.nodes, pool.gpus_per_node, backfill=policy == "easy")
        assert system.run(policy).jobs["start_ms"][fitting].tolist() == wanted, f"seed {seed}"


def in_whole_nodes(system: System) -> System:
    """Round every gang up to whole nodes."""
    per_node = system.charter.pools[0].gpus_per_node
    jobs = system.workload.jobs
    gang = (-(-jobs.gang // per_node) * per_node).astype(np.int32)
    return replace(system, workload=replace(system.workload, jobs=replace(jobs, gang=gang)))


def test_backfill_never_delays_the_head_of_the_queue() -> None:
    waits = 0
    for seed in range(400):
        chance = Random(seed)
        system = draw_system(chance, QUEUED)  # with run times as estimates, so that all of them hold
        system = replace(system, options=replace(system.options, estimates="actual"))
        jobs = system.run("easy").jobs
        times = sorted({int(at) for at in jobs["start_ms"] if at >= 0})
        for at_ms in chance.sample(times, min(3, len(times))):
            begun = (jobs["start_ms"] >= 0) & (jobs["start_ms"] <= at_ms)
            waiting = np.flatnonzero((system.workload.jobs.submit_ms <= at_ms) & (jobs["start_ms"] > at_ms))
            if len(waiting) == 0:
                continue
            head = int(waiting[0])
            begun[head] = True
            alone = int(only(system, np.flatnonzero(begun)).run("easy").jobs["start_ms"][int(begun[:head].sum())])
            assert jobs["start_ms"][head] <= alone, f"seed {seed}, job {head} at {at_ms} ms"
            waits += 1
    assert waits > 300


def only(system: System, rows: np.ndarray) -> System:
    """Return the system with some of its jobs."""
    jobs = system.workload.jobs
    columns = {
        name: getattr(jobs, name)[rows]
        for name in ("submit_ms", "duration_ms", "gang", "walltime_ms", "team", "pool", "user", "priority")
    }
    columns |= {name: getattr(jobs, name)[rows] for name in ("preemptible", "savepoint_ms", "after")}
    return replace(system, workload=replace(system.workload, jobs=replace(jobs, **columns)))
