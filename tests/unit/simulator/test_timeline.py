"""The road of a run: what comes between instants comes at its time, however the road is cut."""

from __future__ import annotations

from itertools import count
from random import Random

import numpy as np
import pytest

from equipoise.charter_io import loads
from equipoise.policy.kernel.layout import DONE, NEVER
from equipoise.policy.plan import plan
from equipoise.policy.state import build
from equipoise.simulator.days import midnights
from equipoise.simulator.record import Record
from equipoise.simulator.replay import NodeChange, Replay
from equipoise.simulator.results import results
from equipoise.simulator.run import simulate
from equipoise.simulator.timeline import Timeline
from equipoise.workload.fleet import fleet
from tests.property.policy_systems import System, draw_closes, draw_system, with_outages
from tests.property.test_policy_snapshot import assert_equal


def replay_of(system: System) -> Replay:
    way = system.plan()
    layout = build(system.workload, system.charter.pools, way, reference=way, options=system.options)
    return Replay(layout, keep=True)


def test_a_run_cut_into_pieces_is_the_same_run() -> None:
    for seed in range(150):
        chance = Random(seed)
        system = with_outages(draw_system(chance), chance)
        closes_ms = draw_closes(chance, system)
        straight = system.run(closes_ms=closes_ms)
        replay = replay_of(system)
        timeline = Timeline(replay, midnight_after=midnights("UTC", None), closes_ms=closes_ms, nodes=system.outages)
        at_ms = 0
        while not replay.over:
            at_ms += chance.choice((1, 3, 17)) * system.tick_ms
            timeline.run(at_ms if at_ms < 400 * system.tick_ms else NEVER)
        assert_equal(replay.result(), straight, f"seed {seed}")


@pytest.mark.parametrize("every_ms", [3_600_000, 86_400_000])
def test_days_without_events_may_begin_at_once(every_ms: int) -> None:
    """The same days, but each of them a stop of its own because a close falls on it."""
    workload, text = fleet(3_000, nodes=12, teams=9, divisions=3, seed=1)
    charter = loads(text.encode(), "fleet")
    way = plan(charter)
    digests: list[str] = []
    for closes in ((), count(every_ms, every_ms)):
        replay = Replay(build(workload, charter.pools, way, reference=way), keep=False)
        Timeline(replay, closes_ms=closes, midnight_after=lambda at_ms: (at_ms // every_ms + 1) * every_ms).run()
        digests.append(replay.result().digest)
    assert digests[0] == digests[1]


def test_when_days_begin_changes_what_is_reclaimed() -> None:
    workload, text = fleet(6_000, nodes=12, teams=9, divisions=3, seed=1)
    charter = loads(text.encode(), "fleet")
    way = plan(charter)
    replay = Replay(build(workload, charter.pools, way, reference=way), keep=False)
    Timeline(replay, midnight_after=lambda at_ms: NEVER).run()
    assert replay.result().digest != simulate(workload, charter, way, reference=way).digest


def test_what_comes_after_the_last_event_is_left_out() -> None:
    system = draw_system(Random(3))
    straight = system.run()
    end_ms = int(straight.closes_ms[-1])
    late = NodeChange(end_ms + 5, system.charter.pools[0].name, 0, "down")
    way = system.plan()
    run = simulate(
        system.workload,
        system.charter,
        way,
        reference=way,
        options=system.options,
        closes_ms=count(max(1, end_ms // 4), max(1, end_ms // 4)),
        nodes=[late],
    )
    assert len(run.closes_ms) > 3
    assert run.closes_ms[-1] == end_ms
    assert run.digest == straight.digest
    assert np.array_equal(run.pools[-1], straight.pools[-1])


def test_a_change_that_lets_waiting_work_start_is_waited_for() -> None:
    system = draw_system(Random(3))
    late_ms = 1_000 * system.tick_ms
    nodes = [(pool.name, node) for pool in system.charter.pools for node in range(pool.nodes)]
    down = [NodeChange(0, pool, node, "down") for pool, node in nodes]
    up = [NodeChange(late_ms, pool, node, "up") for pool, node in nodes]
    way = system.plan()
    run = simulate(
        system.workload, system.charter, way, reference=way, options=system.options, nodes=[*up, *down], keep=True
    )
    assert run.decisions is not None
    starts = run.decisions["time_ms"][run.decisions["kind"] == 1]
    assert len(starts)
    assert starts.min() == late_ms


def test_a_halted_run_tells_what_had_happened_by_then() -> None:
    workload, text = fleet(3_000, nodes=12, teams=9, divisions=3, seed=1)
    charter = loads(text.encode(), "fleet")
    way = plan(charter)
    every_ms = 3_600_000
    halts: list[int] = []

    def after_a_hundred() -> bool:
        halts.append(1)
        return len(halts) > 100

    whole = simulate(workload, charter, way, reference=way, closes_ms=count(every_ms, every_ms), keep=True)
    part = simulate(
        workload, charter, way, reference=way, closes_ms=count(every_ms, every_ms), keep=True, halt=after_a_hundred
    )
    assert part.partial
    assert not whole.partial
    assert whole.decisions is not None
    assert part.decisions is not None
    assert 0 < len(part.decisions) < len(whole.decisions)
    assert part.decisions.tolist() == whole.decisions[: len(part.decisions)].tolist()
    closes = len(part.closes_ms) - 1  # the last is where it ended
    assert closes > 50
    assert part.closes_ms[:closes].tolist() == whole.closes_ms[:closes].tolist()
    assert part.teams[:closes].tolist() == whole.teams[:closes].tolist()
    ended = part.jobs["state"] == DONE
    assert 0 < ended.sum() < len(ended)
    assert part.jobs["end_ms"][ended].tolist() == whole.jobs["end_ms"][ended].tolist()


def test_a_run_halted_before_it_began_has_results_too() -> None:
    system = draw_system(Random(3))
    way = system.plan()
    run = simulate(system.workload, system.charter, way, reference=way, halt=lambda: True)
    found = results(Record(run, system.workload, system.charter, way, way))
    assert (found.partial, found.n_finished, found.utilisation) == (True, 0, None)
    assert found.to_dict()["partial"] is True
    assert found.closes.is_empty()
    assert found.jobs["start_s"].null_count() == len(run.jobs)
