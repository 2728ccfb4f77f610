"""At any instant of any run every waiting job has one constraint, and the changes that are reported are the smallest that work."""

from __future__ import annotations

from random import Random
from typing import get_args

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from equipoise.policy.core import KERNEL
from equipoise.policy.kernel import inquiry, jit
from equipoise.policy.kernel import layout as k
from equipoise.policy.kernel.layout import NEVER
from equipoise.policy.state import build, plain
from equipoise.policy.why import Explanation, explain
from equipoise.policy.why.change import starts_with
from equipoise.policy.why.explanation import Kind
from equipoise.policy.why.trial import Trial, copied
from equipoise.policy.why.view import View
from equipoise.simulator.days import midnights
from equipoise.simulator.replay import Replay
from equipoise.simulator.timeline import Timeline
from tests.property.policy_systems import POLICIES, System, draw_system, with_latency, with_outages

SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large]


def begun(system: System, policy: str, *, until_ms: int, interpreted: bool = False) -> tuple[Replay, Timeline]:
    """Return a run of a system up to an instant, and the road on which it goes on."""
    reference = system.plan()
    executing = reference if policy == "charter" else system.plan(policy)
    layout = build(system.workload, system.charter.pools, executing, reference=reference, options=system.options)
    replay = Replay(layout, keep=False, interpreted=interpreted)
    road = Timeline(replay, midnight_after=midnights("UTC", None), nodes=system.outages)
    road.run(until_ms)
    return replay, road


def drawn(chance: Random) -> tuple[System, str, int]:
    system = draw_system(chance)
    if chance.random() < 0.3:
        system = with_outages(system, chance)
    if chance.random() < 0.2:
        system = with_latency(system, chance)
    return system, chance.choice(("charter", "charter", *POLICIES)), chance.randint(1, 100) * system.tick_ms


def explained(replay: Replay) -> list[Explanation]:
    state = replay.state
    waiting = np.flatnonzero((state.jobs["state"] == k.PENDING) | (state.jobs["state"] == k.CLAIMED))
    return [explain(state, replay.layout, int(job)) for job in waiting]


@settings(max_examples=150, deadline=None, suppress_health_check=SLOW)
@given(st.randoms(use_true_random=False))
def test_what_is_reported_is_true_of_the_very_instant(chance: Random) -> None:
    system, policy, until_ms = drawn(chance)
    replay, _ = begun(system, policy, until_ms=until_ms)
    for found in explained(replay):
        view = View(replay.state, replay.layout, found.job)
        assert found.constraint is not None
        assert found.constraint.kind in get_args(Kind)
        assert not Trial(view.state).starts(found.job), "a pass over an instant that is done starts nothing more"
        for change in found.changes:
            assert starts_with(view, change), change
            assert not starts_with(view, change, less=1), change
        assert list(found.changes) == sorted(found.changes, key=lambda change: change.part)


@settings(max_examples=60, deadline=None, suppress_health_check=SLOW)
@given(st.randoms(use_true_random=False))
def test_explaining_changes_nothing(chance: Random) -> None:
    system, policy, until_ms = drawn(chance)
    untouched, alone = begun(system, policy, until_ms=until_ms)
    asked, road = begun(system, policy, until_ms=until_ms)
    before = asked.snapshot()
    explained(asked)
    assert asked.snapshot() == before
    alone.run(NEVER)
    road.run(NEVER)
    assert asked.result().digest == untouched.result().digest


@settings(max_examples=15, deadline=None, suppress_health_check=SLOW)
@given(st.randoms(use_true_random=False))
def test_the_interpreted_kernel_is_explained_alike_and_answers_alike(chance: Random) -> None:
    system, policy, until_ms = drawn(chance)
    compiled, _ = begun(system, policy, until_ms=until_ms)
    interpreted, _ = begun(system, policy, until_ms=until_ms, interpreted=True)
    found = explained(compiled)
    assert explained(interpreted) == found
    inquire = jit.plain([*KERNEL, inquiry])["inquire"]
    for job in [each.job for each in found if each.state == "waiting"][:3]:
        lists = plain(copied(compiled.state))
        inquire(lists, job)
        assert lists.scratch2[:11] == Trial(compiled.state).inquire(job)[:11].tolist()
