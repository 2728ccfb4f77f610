"""What holds of every run whatever the policy: devices, limits, GPU-time, and that nothing waits without a reason."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import numpy as np
import pytest

from equipoise.policy.kernel import layout as k
from equipoise.simulator.run import Run
from tests.property.policy_streams import runs_of
from tests.property.policy_systems import COUNTED, POLICIES, Shape, System, draw_closes, draw_system, with_outages
from tests.reference.policy_run import Kind, State
from tests.reference.policy_run import Run as CheckedRun


def test_a_floor_that_is_asked_for_is_claimed_in_the_same_pass() -> None:
    # Count-only, everything preemptible, nothing reserved: FAIRNESS 7 promises that a legal set of victims exists. The
    # checker then holds each stop to the lender's `recover`, and the start to the last stop.
    shape = replace(COUNTED, bound=False, limits=False, reclaim=("floors",))
    for seed in range(1_500):
        system = draw_system(Random(seed), shape)
        (run,) = runs_of(system, system.run())
        missed = unclaimed(run)
        assert not missed, f"seed {seed}: {missed[:2]}"


def unclaimed(run: CheckedRun) -> list[str]:
    """Return what waits after a pass although its team, claims counted, has room for it within its floor."""
    found: list[str] = []
    state, claims, leaving = State(run), dict[int, int](), dict[int, int]()
    for index, row in enumerate(run.rows):
        state.advance(row.time_ms)
        state.apply(row)
        if row.kind is Kind.CLAIM:
            claims[row.job] = run.jobs[row.job].gang
        elif row.kind is Kind.MARK:
            leaving[row.job] = row.other
        if row.kind in (Kind.START, Kind.WITHDRAW):
            claims.pop(row.job, None)
            leaving = {victim: claimant for victim, claimant in leaving.items() if claimant != row.job}
        if row.kind in (Kind.END, Kind.STOP):
            leaving.pop(row.job, None)
        if index + 1 < len(run.rows) and run.rows[index + 1].time_ms == row.time_ms:
            continue
        if leaving:  # devices are on their way: what they leave over is decided when they are free
            continue
        for leaf in run.tree.leaves():
            held = sum(g.size for job, g in state.running.items() if g.leaf == leaf and job not in leaving)
            held += sum(size for job, size in claims.items() if run.jobs[job].leaf == leaf)
            room = run.tree.floor[leaf] - held
            waiting = [job for job in state.waiting if run.jobs[job].leaf == leaf and job not in claims]
            found += [f"job {job} at {row.time_ms} ms" for job in waiting if run.jobs[job].gang <= room]
    return found


@pytest.mark.parametrize("policy", POLICIES)
def test_gpu_time_is_conserved_whatever_goes_down(policy: str) -> None:
    for seed in range(300):
        chance = Random(seed)
        system = draw_system(chance)
        if seed % 2:
            system = with_outages(system, chance)
        done = system.run(policy, closes_ms=draw_closes(chance, system))
        lines = len(system.plan().lines)
        for close, at_ms in enumerate(done.closes_ms.tolist()):
            for number, pool in enumerate(system.charter.pools):
                capacity, held, unused, blocked, down, maintenance = done.pools[close][number].tolist()[:6]
                here = f"seed {seed}, pool {number}, {at_ms} ms"
                assert capacity == pool.capacity * at_ms, here
                assert capacity == held + unused + blocked + down + maintenance, here
                assert min(held, unused, blocked, down, maintenance) >= 0, here
                assert held == done.teams[close][number * lines][0], here
                assert_children_add_up(system, done, close, number, here)


def assert_children_add_up(system: System, done: Run, close: int, pool: int, here: str) -> None:
    """What a team held and lost is what the teams below it held and lost."""
    lines = system.plan().lines
    for number, line in enumerate(lines):
        if line.children:
            own = done.teams[close][pool * len(lines) + number]
            first = pool * len(lines) + line.first
            below = done.teams[close][first : first + line.children].sum(axis=0)
            assert own[0] == below[0], here
            assert own[3] == below[3], here


@pytest.mark.parametrize("policy", POLICIES)
def test_nothing_is_held_twice_and_no_limit_is_exceeded(policy: str) -> None:
    for seed in range(300):
        chance = Random(seed)
        system = draw_system(chance)
        if seed % 2:
            system = with_outages(system, chance)
        watch(system, policy, system.run(policy), f"seed {seed}")


def watch(system: System, policy: str, done: Run, here: str) -> None:
    """Replay the stream: devices that are up bound what is held; static limits bound what a team holds."""
    plan = system.plan(policy)
    pools = range(len(system.charter.pools))
    up = [pool.capacity for pool in system.charter.pools]
    states: dict[tuple[str, int], str] = {}
    held = {(pool, line): 0 for pool in pools for line in range(len(plan.lines))}
    running: set[int] = set()
    changes = list(system.outages)
    where = places(system, done)
    assert done.decisions is not None
    rows = done.decisions.tolist()
    for index, (at_ms, kind, job, _, _) in enumerate(rows):
        while changes and changes[0].at_ms <= at_ms:
            change = changes.pop(0)
            pool = [p.name for p in system.charter.pools].index(change.pool)
            before = states.get((change.pool, change.node), "up")
            states[change.pool, change.node] = change.state
            devices = system.charter.pools[pool].gpus_per_node
            up[pool] += devices * ((change.state == "up") - (before == "up"))
        pool, team, gang = where[job]
        by = 0
        if kind == k.START:
            assert job not in running, f"{here}: job {job} starts twice"
            running.add(job)
            by = gang
        elif kind in (k.END, k.STOP, k.RELEASE, k.LOST):
            assert job in running, f"{here}: job {job} leaves but does not run"
            running.remove(job)
            by = -gang
        line = plan.line_of(team)
        while line >= 0:
            held[pool, line] += by
            quota = plan.lines[line].quotas[pool]
            if by > 0 and not system.outages:
                assert held[pool, line] <= quota.limit, f"{here}: '{plan.lines[line].path}' at {at_ms} ms"
            line = plan.lines[line].parent
        if index + 1 == len(rows) or rows[index + 1][0] > at_ms:
            for p in pools:
                assert held[p, 0] <= up[p], f"{here}: pool {p} at {at_ms} ms"


def places(system: System, done: Run) -> list[tuple[int, str, int]]:
    """Return pool, team and gang of every job and replica."""
    jobs, work = system.workload.jobs, system.workload
    found = [(int(jobs.pool[j]), work.teams[jobs.team[j]], int(jobs.gang[j])) for j in range(len(jobs))]
    for service in work.services:
        most = int(service.replicas.max(initial=0)) * (2 if service.carry else 1)
        found += [(service.pool, work.teams[service.team], service.gang)] * most
    assert len(found) == len(done.jobs) + len(done.replicas)
    return found


@pytest.mark.parametrize("policy", POLICIES)
def test_every_job_ends_or_says_why_not(policy: str) -> None:
    # No services here: replicas may hold devices for ever. What waits for ever then is what nothing would make fit.
    shape = Shape(services=False)
    for seed in range(400):
        system = draw_system(Random(seed), shape)
        states = system.run(policy).jobs["state"]
        left = np.flatnonzero((states != k.DONE) & (states != k.REFUSED))
        left = np.array([job for job in left.tolist() if not barred_by_reserves(system, policy, job)], np.int64)
        assert len(left) == 0, f"seed {seed}, {policy}: jobs {left.tolist()} in states {states[left].tolist()}"


def barred_by_reserves(system: System, policy: str, job: int) -> bool:
    """Whether what other teams never lend leaves too few devices for the job, whoever else ends."""
    pool, team, gang = (
        int(system.workload.jobs.pool[job]),
        system.workload.jobs.team[job],
        system.workload.jobs.gang[job],
    )
    plan = system.plan(policy)
    own = plan.line_of(system.workload.teams[team])
    path = {own}
    while plan.lines[own].parent >= 0:
        own = plan.lines[own].parent
        path.add(own)
    others = [line for n, line in enumerate(plan.lines) if line.parent in path and n not in path]
    return gang > system.charter.pools[pool].capacity - sum(line.quotas[pool].reserve for line in others)


@pytest.mark.parametrize("policy", ["easy", "no-floors", "product-first"])
def test_no_device_idles_while_everything_that_waits_would_fit(policy: str) -> None:
    # A waiting gang that does not fit may bar others (the reservation); without one there is no reason to wait.
    shape = replace(COUNTED, per_node=(1,))
    for seed in range(600):
        system = draw_system(Random(seed), shape)
        plan = system.plan(policy)
        (run,) = runs_of(system, system.run(policy))
        idle = needless_waits(run, limited=not plan.one_queue)
        assert not idle, f"seed {seed}: {idle[:2]}"


def needless_waits(run: CheckedRun, *, limited: bool) -> list[str]:
    """Return the instants after which some job fits although no waiting job, within its limits, does not."""
    found: list[str] = []
    state = State(run)
    for index, row in enumerate(run.rows):
        state.advance(row.time_ms)
        state.apply(row)
        if index + 1 < len(run.rows) and run.rows[index + 1].time_ms == row.time_ms:
            continue
        free = run.capacity - sum(gang.size for gang in state.running.values())
        within: list[int] = []
        for job in state.waiting:
            path = run.tree.path(run.jobs[job].leaf)
            gang = run.jobs[job].gang
            if not limited or all(state.held[row] + gang <= run.tree.limit[row] for row in path):
                within.append(gang)
        # A gang that its limit blocks only since the pass began may still hold the reservation: then others rightly wait.
        if len(within) == len(state.waiting) and within and max(within) <= free:
            found.append(f"{row.time_ms} ms: {within} wait, {free} are free")
    return found
