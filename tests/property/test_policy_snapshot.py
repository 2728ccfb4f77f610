"""A run that is put aside anywhere and gone on with elsewhere is the straight run, to the last byte of its state."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import count, islice
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from equipoise.errors import InputError
from equipoise.policy.kernel.layout import CLAIM, NEVER, STOP, WARN
from equipoise.policy.state import Layout, build
from equipoise.simulator import replay as replays
from equipoise.simulator.days import midnights
from equipoise.simulator.replay import Replay, Run
from equipoise.simulator.timeline import Timeline
from equipoise.simulator.windows import windows_of
from tests.property.amended_systems import with_caps, with_enactments
from tests.property.policy_systems import POLICIES, Shape, System, draw_closes, draw_system, with_latency, with_outages
from tests.property.promised_systems import PROMISED, with_more_promised, with_promises


def layout_of(system: System, policy: str) -> Layout:
    (way, reference), *later = system.ways(policy)
    return build(system.workload, system.charter.pools, way, reference=reference, later=later, options=system.options)


def timeline_of(replay: Replay, system: System, closes_ms: list[int]) -> Timeline:
    zone = midnights("Asia/Kathmandu", system.tick_ms)
    enact_ms = [at_ms for at_ms, _ in system.enact]
    windows = windows_of(replay.layout, system.charter, system.workload.origin_ms, enact_ms)
    return Timeline(
        replay,
        midnight_after=zone,
        closes_ms=closes_ms,
        nodes=system.outages,
        enact_ms=enact_ms,
        caps=system.caps,
        windows=windows,
    )


def assert_equal(one: Run, other: Run, here: str) -> None:
    assert one.digest == other.digest, here
    assert one.counters == other.counters, here
    for name in ("jobs", "replicas", "services", "teams", "pools", "closes_ms"):
        assert columns(getattr(one, name)) == columns(getattr(other, name)), f"{here}: {name}"
    assert one.counted.tolist() == other.counted.tolist(), here
    assert one.promises.keys() == other.promises.keys(), here
    for at_ms, totals in one.promises.items():
        assert all(map(np.array_equal, totals, other.promises[at_ms])), f"{here}: promises at {at_ms} ms"
    assert (one.decisions is None) == (other.decisions is None), here
    if one.decisions is not None and other.decisions is not None:
        assert one.decisions.tolist() == other.decisions.tolist(), here


def columns(array: np.ndarray) -> list[object]:
    """Return the values of an array, of records field by field: padding lies between."""
    return [array[name].tolist() for name in array.dtype.names or () if name != "pad"] or array.tolist()


def seen(replay: Replay) -> list[str]:
    """Name what is under way that a snapshot must not lose; compiled runs only."""
    state = replay.layout.state
    g = state.glob[0]
    windows, members = state.spans, state.members
    is_open = (windows["from_ms"] < g["now"]) & (g["now"] < windows["to_ms"]) & (windows["to_ms"] < NEVER)
    found = {
        "work waits": (state.pools["pending"] > 0).any(),
        "jobs run": (state.pools["held"] > 0).any(),
        "claims are open": (state.pools["claim_head"] >= 0).any(),
        "victims are warned": (state.rows["warned"] > 0).any(),
        "a reservation holds": (state.pools["reserved"] >= 0).any(),
        "services vary": 0 < g["demanded"] < g["n_demands"],
        "nodes are out": (state.pools["down"] + state.pools["maintenance"] > 0).any(),
        "usage has faded": g["half_lives"] > 0,
        "jobs start up": (state.pools["starting"] > 0).any(),
        "devices drain": (state.pools["draining"] > 0).any(),
        "it is over": replay.over,
        "amended: another charter is in force": g["charter"] > 0,
        "amended: a service is held back": (state.services["sought"] > state.services["asked"]).any(),
        "promised: windows are open": is_open.any(),
        "promised: hours are denied": (windows["denied"][is_open] > 0).any(),
        "promised: windows are lost": (windows["lost_ms"][is_open] >= 0).any(),
        "promised: a pace is above a floor": (members["wanted"] > members["still"]).any(),
        "promised: budgets are empty": (members["spent"] > 0).any(),
        "promised: requests are refused": 0 < g["refused_n"] < g["n_refusals"],
    }
    return [name for name, holds in found.items() if holds]


def an_instant(chance: Random, system: System, policy: str) -> int:
    """Draw when to stop: any time, or rather just after something was claimed, or somebody warned or stopped."""
    decisions = system.run(policy).decisions
    assert decisions is not None
    kinds = (STOP,) if STOP in decisions["kind"] and chance.random() < 0.4 else (CLAIM, WARN)
    busy_ms = decisions["time_ms"][np.isin(decisions["kind"], kinds)].tolist()
    if busy_ms and chance.random() < 0.8:
        return chance.choice(busy_ms) + 1
    return chance.randint(0, 70) * system.tick_ms


def put_aside_and_gone_on_with(chance: Random, here: str, *, plain: bool, promised: bool = False) -> list[str]:
    system = draw_system(chance, PROMISED if promised else Shape())
    if promised:
        system = with_more_promised(with_promises(system, chance), chance)
    if chance.random() < 0.3:
        shape = PROMISED if promised else Shape()
        system = with_caps(with_enactments(system, chance, shape=shape, promised=promised), chance)
    if chance.random() < 0.4:
        system = with_outages(system, chance)
    if chance.random() < 0.4:
        system = with_latency(system, chance)
    policy = "charter" if chance.random() < 0.5 else chance.choice(POLICIES)
    closes_ms = draw_closes(chance, system)
    keep = chance.random() < 0.5
    straight = Replay(layout_of(system, policy), keep=keep)
    going = timeline_of(straight, system, closes_ms)
    going.run(an_instant(chance, system, policy))
    found = seen(straight)
    snapshot = straight.snapshot()

    again = Replay.restore(snapshot, layout_of(system, policy), interpreted=plain)
    assert again.snapshot() == snapshot, here
    later = timeline_of(again, system, closes_ms)
    later_ms = chance.choice((chance.randint(0, 120) * system.tick_ms, NEVER))
    for timeline in (going, later):
        timeline.run(later_ms)
    snapshot = straight.snapshot()
    assert again.snapshot() == snapshot, here
    third = Replay.restore(snapshot, layout_of(system, policy))
    last = timeline_of(third, system, closes_ms)
    for timeline in (going, later, last):
        timeline.run()
    for other in (again, third):
        assert_equal(other.result(), straight.result(), here)
        assert other.snapshot() == straight.snapshot(), here
    return found


def test_a_run_that_was_put_aside_is_the_straight_run() -> None:
    found = Counter[str]()
    for seed in range(200):
        found.update(put_aside_and_gone_on_with(Random(seed), f"seed {seed}", plain=False))
    assert len(found) == 13
    assert min(found.values()) >= 4, found


def test_promises_go_on_from_where_they_were_put_aside() -> None:
    found = Counter[str]()
    for seed in range(100):
        found.update(put_aside_and_gone_on_with(Random(seed), f"promised, seed {seed}", plain=False, promised=True))
    of_promises = {name: n for name, n in found.items() if name.startswith("promised")}
    assert len(of_promises) == 6
    assert min(of_promises.values()) >= 4, of_promises
    assert found["it is over"] >= 4


def test_a_compiled_run_goes_on_in_plain_python() -> None:
    # Plain Python is slow: two runs at random, and three that are put aside while claims are open.
    claiming = (s for s in count(1_000) if "claims are open" in put_aside_and_gone_on_with(Random(s), "", plain=False))
    for seed in (0, 1, *islice(claiming, 3)):
        put_aside_and_gone_on_with(Random(seed), f"seed {seed}", plain=True)
    for seed in range(4):
        put_aside_and_gone_on_with(Random(seed), f"promised, seed {seed}", plain=True, promised=True)


@settings(max_examples=25)
@given(st.randoms(use_true_random=False))
def test_no_drawn_run_is_changed_by_being_put_aside(chance: Random) -> None:
    put_aside_and_gone_on_with(chance, "drawn", plain=False)


def test_what_a_snapshot_is_compared_by_is_never_changed_by_a_run() -> None:
    for seed in range(200):
        chance = Random(seed)
        system = with_outages(draw_system(chance), chance)
        policy = chance.choice(POLICIES)
        replay = Replay(layout_of(system, policy), keep=False)
        timeline_of(replay, system, []).run()
        fresh, used = layout_of(system, policy).state, replay.layout.state
        for place in replays.GIVEN:
            member, _, column = place.partition(".")
            rows = slice(len(system.workload.jobs) if member == "jobs" else None)
            before, after = getattr(fresh, member), getattr(used, member)
            if column:
                before, after = before[column], after[column]
            assert np.array_equal(before[rows], after[rows]), f"seed {seed}: {place}"


def started(seed: int = 5) -> tuple[System, bytes]:
    system = draw_system(Random(seed))
    replay = Replay(layout_of(system, "charter"), keep=True)
    timeline_of(replay, system, []).run(20 * system.tick_ms)
    return system, replay.snapshot()


def refused(snapshot: bytes, layout: Layout) -> str:
    with pytest.raises(InputError) as caught:
        Replay.restore(snapshot, layout)
    assert caught.value.code == "S106"
    return caught.value.message


def test_a_snapshot_of_something_else_is_refused() -> None:
    system, snapshot = started()
    work, charter = system.workload, system.charter
    changed = np.array(work.jobs.duration_ms)
    changed[-1] += 1
    other_team = replace(charter.teams[0], weight_e4=charter.teams[0].weight_e4 + 1)
    others = {
        "job": replace(system, workload=replace(work, jobs=replace(work.jobs, duration_ms=changed))),
        "charter": replace(system, charter=replace(charter, teams=(other_team, *charter.teams[1:]))),
        "options": replace(system, options=replace(system.options, trace=False)),
    }
    for name, other in others.items():
        assert "another workload, charter or options" in refused(snapshot, layout_of(other, "charter")), name
    assert "another workload" in refused(snapshot, layout_of(system, "easy"))


def test_a_snapshot_of_another_kernel_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    system, snapshot = started()
    layout = layout_of(system, "charter")
    monkeypatch.setattr(replays.STATE, "name", "EquipoiseState(0123456789ab)")
    assert "EquipoiseState(0123456789ab)" in refused(snapshot, layout)


def test_a_damaged_snapshot_is_refused() -> None:
    system, snapshot = started()
    layout = layout_of(system, "charter")
    untouched = layout.state.jobs.tobytes()
    chance = Random(1)
    for _ in range(200):
        at = chance.randrange(len(snapshot))
        refused(snapshot[:at] + bytes([snapshot[at] ^ 1 << chance.randrange(8)]) + snapshot[at + 1 :], layout)
        refused(snapshot[:at], layout)
    assert "no snapshot" in refused(b"", layout)
    assert layout.state.jobs.tobytes() == untouched
    Replay.restore(snapshot, layout)
