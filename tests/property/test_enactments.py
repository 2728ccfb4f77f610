"""Other charters come into force, and services are capped: what is told again decides the same, and the new numbers hold at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from random import Random
from typing import Any

import numpy as np
import pytest

from equipoise.charter.entitlement import entitlements, tree
from equipoise.policy.core import Core, retrace
from equipoise.policy.events import batches
from equipoise.policy.kernel import layout as k
from equipoise.policy.plan import Plan
from equipoise.policy.state import build
from tests.property.amended_systems import with_caps, with_enactments
from tests.property.latency_cases import amended_case, check_amended, core_of
from tests.property.policy_systems import POLICIES, Shape, System, draw_system, with_latency, with_outages

TERMS = (
    "floor", "limit", "reserve", "rounded", "firm", "still_limit", "still_reserve", "nominal_floor", "nominal_limit", "weight",
    "per_weight", "grace_ms", "min_runtime_ms", "recover_ms", "reclaims_per_day", "max_job", "leading",
)  # fmt: skip


@pytest.mark.parametrize("policy", POLICIES)
def test_a_record_with_enactments_and_caps_leads_to_the_same_decisions_and_closes(policy: str) -> None:
    kinds = np.zeros(0, np.int32)
    for seed in range(40):
        events = check_amended(seed, policy).events
        assert events is not None
        kinds = np.append(kinds, events["kind"])
    assert (kinds == k.CHARTER_ENACTED).sum() > 30
    assert (kinds == k.CAP_SET).sum() > 20


def test_compiled_and_interpreted_runs_are_equal_while_charters_change() -> None:
    for seed in range(14):
        system, closes_ms = amended_case(seed)
        compiled = system.run(closes_ms=closes_ms, record=True)
        plain = system.run(closes_ms=closes_ms, record=True, interpreted=True)
        assert compiled.digest == plain.digest, f"seed {seed}"
        for name in ("teams", "pools", "jobs", "replicas", "services", "events"):
            assert np.array_equal(getattr(compiled, name), getattr(plain, name)), f"seed {seed}, {name}"
        core = Core(core_of(system, "charter", "known"), interpreted=True)
        assert compiled.events is not None
        retrace(core, compiled.events, closes_ms=compiled.closes_ms.tolist(), edges_ms=compiled.promises)
        assert core.digest == compiled.digest, f"seed {seed}"


def test_entitlement_is_the_oracle_s_under_the_charter_in_force() -> None:
    compared = 0
    for seed in range(250):
        system = amended(seed)
        for core in instants(system):
            _, reference = core.layout.in_force(int(core.state.glob["charter"][0]))
            for p in range(len(core.layout.pools)):
                assert due(core, p) == oracle(core, reference, p), f"seed {seed}, {core.now_ms} ms, pool {p}"
                compared += int(core.state.glob["charter"][0]) > 0
    assert compared > 2_000


def test_after_an_enactment_the_state_holds_what_a_fresh_layout_of_the_new_charter_does() -> None:
    compared = 0
    for seed in range(250):
        system = amended(seed, outages=False)
        for core, events in steps(system):
            number = int(core.state.glob["charter"][0])
            if (events["kind"] == k.CHARTER_ENACTED).any():
                plan, reference = core.layout.in_force(number)
                pools = core.layout.pools
                fresh = build(system.workload, pools, plan, reference=reference, options=system.options).state
                for name in TERMS:
                    assert np.array_equal(core.state.rows[name], fresh.rows[name]), f"seed {seed}, {name}"
                for name in ("floor", "limit", "reserve", "weight"):
                    assert np.array_equal(core.state.refs[name], fresh.refs[name]), f"seed {seed}, {name}"
                for name in ("rules", "half_life_ms", "per_half_life"):
                    masked = ~k.OUTSIDE if name == "rules" else None
                    mine, other = core.state.glob[name][0], fresh.glob[name][0]
                    assert mine == other if masked is None else mine & masked == other & masked, f"seed {seed}, {name}"
                compared += 1
    assert compared > 150


def test_nothing_starts_beyond_a_limit_and_no_device_is_held_twice() -> None:
    over = 0
    for seed in range(400):
        system = amended(seed)
        for core, _, decisions in answers(system):
            state = core.state
            started = decisions["job"][decisions["kind"] == k.START]
            grown = set[int]()
            for job in started:
                row = int(state.queues["row"][state.jobs["queue"][job]])
                while row >= 0 and state.jobs["state"][job] == k.RUNNING:
                    grown.add(row)
                    row = int(state.rows["parent"][row])
            beyond = np.flatnonzero(state.rows["alloc"] > state.rows["limit"])
            over += len(beyond)
            assert not grown & set(beyond.tolist()), f"seed {seed}, {core.now_ms} ms"
            assert (state.pools["free"] >= 0).all(), f"seed {seed}, {core.now_ms} ms"
            assert (state.pools["held"] <= state.pools["capacity"]).all(), f"seed {seed}, {core.now_ms} ms"
    assert over > 20  # else no limit was ever lowered below what ran


def test_services_never_have_more_than_their_cap() -> None:
    capped = 0
    for seed in range(300):
        system = amended(seed)
        for core in instants(system):
            services = core.state.services[: len(system.workload.services)]
            for number, service in enumerate(services):
                replicas = core.state.jobs[service["first_job"] : service["first_job"] + service["most"]]
                live = np.isin(replicas["state"], (k.PENDING, k.CLAIMED, k.RUNNING)).sum()
                assert live <= service["cap"], f"seed {seed}, service {number}"
                assert service["asked"] == min(service["sought"], service["cap"])
                capped += service["sought"] > service["cap"]
    assert capped > 100


def test_the_same_charter_again_changes_nothing() -> None:
    for seed in range(300):
        chance = Random(seed)
        system = draw_system(chance)
        if seed % 2:
            system = with_latency(system, chance)
        again = replace(system.charter, revision=2, lab="Again")
        amended = replace(system, enact=((7 * system.tick_ms, again), (30 * system.tick_ms, system.charter)))
        assert amended.run().digest == system.run().digest, f"seed {seed}"


def test_what_comes_only_later_changes_nothing_before() -> None:
    compared = 0
    for seed in range(300):
        chance = Random(seed)
        system = draw_system(chance)
        later = with_enactments(system, chance, shape=Shape())
        never = tuple((NEVER_MS + n, charter) for n, (_, charter) in enumerate(later.enact))
        amended = replace(system, enact=never)
        divided = any(line.path.endswith(".*") for line in amended.ways()[0][0].lines)
        if divided and system.charter.reclaim == "shares":
            continue  # leaves are visited by number there, and a divided leaf's own work has another
        assert decided(amended) == decided(system), f"seed {seed}"
        compared += 1
    assert compared > 200


NEVER_MS = 10**12


def decided(system: System) -> list[Any]:
    """Return what was decided before anything else came into force, without the numbers of rows."""
    decisions = system.run().decisions
    assert decisions is not None
    return decisions[decisions["time_ms"] < NEVER_MS][["time_ms", "kind", "job", "other"]].tolist()


def amended(seed: int, *, outages: bool = True) -> System:
    """Draw a system without promises whose charter and caps change."""
    chance = Random(seed)
    system = with_caps(with_enactments(draw_system(chance), chance, shape=Shape()), chance)
    if chance.random() < 0.4:
        system = with_latency(system, chance)
    return with_outages(system, chance) if outages and chance.random() < 0.4 else system


def answers(system: System) -> Iterator[tuple[Core, Any, Any]]:
    """Tell a core what a run was told, and stop after every batch."""
    events = system.run(record=True).events
    assert events is not None
    core = Core(core_of(system, "charter", "known"))
    for at_ms, batch in batches(events):
        yield core, batch, core.take(at_ms, batch).decisions


def steps(system: System) -> Iterator[tuple[Core, Any]]:
    return ((core, batch) for core, batch, _ in answers(system))


def instants(system: System) -> Iterator[Core]:
    return (core for core, _, _ in answers(system))


def due(core: Core, p: int) -> list[int]:
    n = len(core.layout.reference.lines)
    return core.state.refs["due"][p * n + 1 : (p + 1) * n].tolist()


def oracle(core: Core, reference: Plan, p: int) -> list[int]:
    """Return what all teams are due by the exact oracle, in the order of the lines."""
    charter = reference.tree or reference.charter
    capacity = int(core.state.pools["capacity"][p])
    places = [reference.line_of(team.path) for team in charter.teams]
    demand = core.state.refs["demand"][p * len(reference.lines) :]
    found = entitlements(
        tree(charter, core.layout.pools[p].name, capacity), capacity, [int(demand[at]) for at in places]
    )
    by_line = dict(zip(places, found, strict=True))
    return [by_line[at] for at in range(1, len(reference.lines))]
