"""Baselines that have one order of all jobs, held to a plain event loop: the same starts and stops at the same instants."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from equipoise.policy.kernel import layout as k
from equipoise.policy.plan import ORDERS
from equipoise.policy.state import build
from equipoise.simulator.replay import Replay
from tests.property.policy_systems import COUNTED, System, draw_closes, draw_system, with_outages
from tests.property.small_systems import run_until
from tests.reference.policy_order import OrderedJob, run_in_order

SHAPE = replace(COUNTED, per_node=(1, 2, 4, 8), chains=False, jobs=40, enforce=(False,))
LONG_TICK_MS = 400_000  # so that jobs have had as much as `las` asks for before they end


def same_moves(system: System, order: str) -> int:
    """Fail unless the kernel starts and stops as the twin does; returns how often it stopped a job."""
    jobs, pool = system.workload.jobs, system.charter.pools[0]
    fitting = np.flatnonzero(jobs.gang <= pool.capacity).tolist()
    twin = run_in_order(
        [
            OrderedJob(
                int(jobs.submit_ms[j]),
                int(jobs.gang[j]),
                int(jobs.duration_ms[j]),
                int(jobs.savepoint_ms[j]),
                bool(jobs.preemptible[j]),
            )
            for j in fitting
        ],
        pool.nodes,
        pool.gpus_per_node,
        order,
    )
    run = system.run(order)
    decisions = run.decisions
    assert decisions is not None
    names = {k.START: "start", k.STOP: "stop"}
    found = [(int(d["time_ms"]), names[int(d["kind"])], int(d["job"])) for d in decisions if int(d["kind"]) in names]
    assert found == [(move.time_ms, move.kind, fitting[move.job]) for move in twin.moves]
    assert run.jobs["end_ms"][fitting].tolist() == twin.end_ms
    assert (run.jobs["lost"][fitting] // jobs.gang[fitting]).tolist() == twin.lost
    return sum(move.kind == "stop" for move in twin.moves)


def drawn(chance: Random, order: str) -> System:
    """Draw a system; for ``las`` one whose jobs run long."""
    system = draw_system(chance, SHAPE)
    return slower(system, LONG_TICK_MS // system.tick_ms) if order == "las" else system


def slower(system: System, times: int) -> System:
    """Stretch all times."""
    jobs = system.workload.jobs
    columns = {
        name: getattr(jobs, name) * times for name in ("submit_ms", "duration_ms", "walltime_ms", "savepoint_ms")
    }
    return replace(
        system, tick_ms=system.tick_ms * times, workload=replace(system.workload, jobs=replace(jobs, **columns))
    )


@pytest.mark.parametrize("order", ORDERS)
def test_an_order_starts_and_stops_as_the_twin_does(order: str) -> None:
    stops = 0
    for seed in range(600):
        try:
            stops += same_moves(drawn(Random(seed), order), order)
        except AssertionError as error:
            raise AssertionError(f"seed {seed}") from error
    assert stops > 300 if order != "sjf" else stops == 0


@settings(max_examples=60)
@given(st.randoms(use_true_random=False), st.sampled_from(sorted(ORDERS)))
def test_no_drawn_system_is_ordered_otherwise(chance: Random, order: str) -> None:
    same_moves(drawn(chance, order), order)


@pytest.mark.parametrize("order", ORDERS)
def test_compiled_and_interpreted_orders_are_equal(order: str) -> None:
    for seed in range(8):
        chance = Random(seed)
        system = draw_system(chance)
        if seed % 2:
            system = with_outages(system, chance)
        closes_ms = draw_closes(chance, system)
        runs = [system.run(order, closes_ms=closes_ms, interpreted=interpreted) for interpreted in (False, True)]
        assert runs[0].digest == runs[1].digest, f"seed {seed}"
        for name in ("teams", "pools", "jobs", "replicas", "services"):
            assert np.array_equal(getattr(runs[0], name), getattr(runs[1], name)), f"seed {seed}, {name}"


@pytest.mark.parametrize("order", ORDERS)
def test_nodes_never_hold_more_than_they_have(order: str) -> None:
    looked = 0
    for seed in range(50):
        chance = Random(seed)
        system = draw_system(chance)
        plan, reference = system.plan(order), system.plan()
        layout = build(system.workload, system.charter.pools, plan, reference=reference, options=system.options)
        replay = Replay(layout, keep=True)
        following = run_until(replay, 0)
        while following < k.NEVER:
            following = run_until(replay, following + 1)
            looked += 1
            assert held(layout.state) == free_elsewhere(layout.state), f"seed {seed}"
    assert looked > 700


def held(state: Any) -> tuple[list[int], list[int]]:
    """Devices that running jobs hold, by node and (where devices are only counted) by pool."""
    nodes, pools = [0] * len(state.nodes), [0] * len(state.pools)
    for slot in state.slots[state.slots["end_ms"] >= 0]:
        pool = int(state.rows[slot["row"]]["pool"])
        per_node = int(state.pools[pool]["per_node"])
        pools[pool] += int(slot["gang"])
        if per_node > 1:
            n, given = int(slot["node"]), int(slot["part"])
            if slot["part_node"] >= 0:
                nodes[int(slot["part_node"])] += int(slot["part"])
            while n >= 0:
                nodes[n] += per_node
                given += per_node
                n = int(state.nodes[n]["next"])
            assert given == slot["gang"]
    return nodes, pools


def free_elsewhere(state: Any) -> tuple[list[int], list[int]]:
    """What is held as the free devices of nodes and pools have it."""
    nodes = [0] * len(state.nodes)
    for pool in state.pools:
        for n in range(int(pool["node_off"]), int(pool["node_off"] + pool["n_nodes"])):
            nodes[n] = int(pool["per_node"] - state.nodes[n]["free"])
            assert 0 <= nodes[n] <= pool["per_node"]
    return nodes, [int(pool["capacity"] - pool["free"]) for pool in state.pools]
