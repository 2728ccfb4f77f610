"""The one reservation and backfill around it (FAIRNESS 6), under the charter's own policy, looked at after every instant.

Estimates hold (they are the run times), devices are only counted, nothing is reserved for idle floors. What is looked at
are instants without an open claim: the pool's reservation is then that of the first gang that does not fit.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from random import Random

import numpy as np
import pytest

from equipoise.policy.kernel import layout as k
from equipoise.policy.state import build
from equipoise.simulator.replay import Replay
from tests.property.policy_streams import Preorder, tree_of
from tests.property.policy_systems import COUNTED, System, draw_system
from tests.property.small_systems import run_until
from tests.reference.policy_tree import Tree

SEEDS = 500
SHAPE = replace(COUNTED, enforce=(False,), jobs=30)


@dataclass(frozen=True, slots=True)
class Instant:
    """The pool after the pass of one instant, as independent arithmetic on starts and run times has it."""

    now_ms: int
    tree: Tree
    capacity: int
    gang: list[int]
    leaf: list[int]
    solid: list[bool]
    length_ms: list[int]
    running: dict[int, int]  # job -> when it ends at the latest
    waiting: list[int]
    reserved: int
    shadow_ms: int  # as the kernel promised it

    @property
    def free(self) -> int:
        """Return the free devices."""
        return self.capacity - sum(self.gang[job] for job in self.running)

    def held(self, row: int) -> int:
        """Return what a row holds."""
        return sum(self.gang[job] for job in self.running if row in self.tree.path(self.leaf[job]))

    def earliest_ms(self, job: int) -> tuple[int, int]:
        """Return when enough devices are free for a job if nothing else starts, and how many are left over then."""
        free, at_ms = self.free, self.now_ms
        ends = sorted((end_ms, self.gang[other]) for other, end_ms in self.running.items())
        for end_ms, devices in ends:
            if free >= self.gang[job] and end_ms > at_ms:
                break
            free, at_ms = free + devices, end_ms
        return at_ms, free - self.gang[job]

    def may_start(self, job: int) -> bool:
        """Return whether devices, limits and floors (of a gang that cannot be stopped) let a job start now."""
        path = self.tree.path(self.leaf[job])
        if self.gang[job] > self.free or any(self.held(row) + self.gang[job] > self.tree.limit[row] for row in path):
            return False
        bound = sum(self.gang[o] for o in self.running if self.leaf[o] == self.leaf[job] and self.solid[o])
        return not self.solid[job] or bound + self.gang[job] <= self.tree.floor[self.leaf[job]]


def instants(system: System, policy: str) -> Iterator[Instant]:
    """Yield every instant of a run after which no claim is open."""
    plan, reference = system.plan(policy), system.plan()
    layout = build(system.workload, system.charter.pools, plan, reference=reference, options=system.options)
    replay = Replay(layout, keep=True)
    state, jobs, tree = layout.state, system.workload.jobs, tree_of(plan, 0)
    row_of = Preorder.of(plan).row_of
    leaf = [row_of[plan.line_of(system.workload.teams[team])] for team in jobs.team]
    length_ms = jobs.duration_ms.tolist()
    following = run_until(replay, 0)
    while following < k.NEVER:
        now_ms, following = following, run_until(replay, following + 1)
        columns, pool = state.jobs, state.pools[0]
        if pool["claim_head"] >= 0:
            continue
        running = np.flatnonzero(columns["state"] == k.RUNNING).tolist()
        yield Instant(
            now_ms=now_ms,
            tree=tree,
            capacity=system.charter.pools[0].capacity,
            gang=jobs.gang.tolist(),
            leaf=leaf,
            solid=(~jobs.preemptible & (policy == "charter")).tolist(),
            length_ms=length_ms,
            running={job: int(columns["start_ms"][job]) + length_ms[job] for job in running},
            waiting=np.flatnonzero(columns["state"] == k.PENDING).tolist(),
            reserved=int(pool["reserved"]),
            shadow_ms=int(pool["shadow_ms"]),
        )


def drawn(seed: int) -> System:
    """Draw a system whose estimates are the run times."""
    system = draw_system(Random(seed), SHAPE)
    jobs = replace(system.workload.jobs, savepoint_ms=np.zeros(len(system.workload.jobs), np.int64))
    return replace(
        system, workload=replace(system.workload, jobs=jobs), options=replace(system.options, estimates="actual")
    )


@pytest.mark.parametrize("policy", ["charter", "no-floors"])
def test_what_starts_beside_the_reservation_never_delays_it(policy: str) -> None:
    # The kernel finds the shadow time before it lets others start; afterwards the reserved gang must still fit by then.
    looked = 0
    for seed in range(SEEDS):
        for at in instants(drawn(seed), policy):
            if at.reserved in at.waiting:
                looked += 1
                assert at.earliest_ms(at.reserved)[0] <= at.shadow_ms, f"seed {seed}, {at.now_ms} ms"
    assert looked > 1_000


@pytest.mark.parametrize("policy", ["charter", "no-floors"])
def test_no_gang_waits_that_may_start_and_would_not_delay_the_reservation(policy: str) -> None:
    looked = 0
    for seed in range(SEEDS):
        for at in instants(drawn(seed), policy):
            until_ms, spare = (k.NEVER, 0)
            if at.reserved in at.waiting:
                until_ms, spare = at.earliest_ms(at.reserved)
            for job in at.waiting:
                looked += 1
                harmless = at.now_ms + max(at.length_ms[job], 1) <= until_ms or at.gang[job] <= spare
                assert job == at.reserved or not (harmless and at.may_start(job)), f"seed {seed}, {at.now_ms} ms: {job}"
    assert looked > 5_000
