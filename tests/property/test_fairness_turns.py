"""Turns (FAIRNESS 8): what a gang larger than its team's floor waits at most."""

from __future__ import annotations

import numpy as np
import pytest

from equipoise.policy.kernel import layout as k
from tests.property.small_systems import Ask, Lab, Small, replay_of
from tests.property.turn_cases import TurnCase, draw_turns
from tests.reference.policy_turns import TurnJob


@pytest.mark.parametrize("floored", [False, True], ids=["no floors", "floors"])
def test_the_rule_of_turns_keeps_its_bound_whatever_the_other_order(floored: bool) -> None:
    seen = 0
    for seed in range(150):
        case = draw_turns(seed, floored=floored)
        for wait in case.waits(case.twin_starts(seed)):
            seen += 1
            assert wait.wait_ms <= wait.bound_ms, f"seed {seed}: {wait}"
    assert seen > 5_000


def small_gangs_beside_a_large_one(floor: int) -> TurnCase:
    """One gang of the whole pool waits; another team has gangs of one device for a long time to come."""
    small = [TurnJob(1, 1, 0, 10 + number % 3) for number in range(200)]
    return TurnCase(4, (0, floor), (10_000, 10_000), (*small, TurnJob(0, 4, 1, 10)))


def test_a_large_gang_comes_in_time_where_nobody_has_a_floor() -> None:
    case = small_gangs_beside_a_large_one(0)
    (wait,) = [wait for wait in case.waits(case.kernel_starts()) if wait.job == 200]
    assert wait.wait_ms <= wait.bound_ms


def test_a_large_gang_comes_in_time_beside_a_team_that_is_kept_at_its_floor() -> None:
    case = small_gangs_beside_a_large_one(2)
    (wait,) = [wait for wait in case.waits(case.kernel_starts()) if wait.job == 200]
    assert wait.wait_ms <= wait.bound_ms


def test_the_kernel_keeps_the_bound_of_turns_where_nobody_has_a_floor() -> None:
    for seed in range(200):
        case = draw_turns(seed, floored=False)
        for wait in case.waits(case.kernel_starts()):
            assert wait.wait_ms <= wait.bound_ms, f"seed {seed}: {wait}"


def test_floors_come_before_turns() -> None:
    # Not promised: a team below its floor starts, or takes back, while a crossed turn waits for its devices.
    late = 0
    for seed in range(60):
        case = draw_turns(seed, floored=True)
        late += sum(wait.wait_ms > wait.bound_ms for wait in case.waits(case.kernel_starts()))
    assert late > 0


def test_no_turn_grows_where_walltimes_are_not_enforced() -> None:
    # The small gang declares 10 ms and runs for 10,000: no bound that rests on declared times can hold.
    case = TurnCase(4, (0, 0), (10_000, 10_000), (TurnJob(1, 1, 0, 10), TurnJob(0, 4, 1, 10)))
    waits = {wait.job: wait for wait in case.waits(case.kernel_starts(enforced=False, lengths_ms=(10_000, 10)))}
    assert waits[1].wait_ms == 9_999 > waits[1].bound_ms
    waits = {wait.job: wait for wait in case.waits(case.kernel_starts(lengths_ms=(10_000, 10)))}
    assert waits[1].wait_ms == 9 <= waits[1].bound_ms


def test_a_team_without_any_share_has_no_turn() -> None:
    small = tuple(TurnJob(1, 1, 0, 10 + number % 3) for number in range(200))
    jobs = (*small, TurnJob(0, 4, 1, 10))
    with_share = TurnCase(4, (0, 0), (10_000, 10_000), jobs).kernel_starts()[200]
    without = TurnCase(4, (0, 0), (0, 10_000), jobs).kernel_starts()
    assert without[200] > max(without[:200]) > with_share


def test_a_gang_above_its_limit_is_refused_and_waits_for_no_turn() -> None:
    lab = Lab(parent=(-1, -1), floor=(0, 2), nodes=4, limit=(2, 4))
    states = replay_of(Small(lab, (Ask(0, 3), Ask(0, 2)))).result().jobs["state"]
    assert np.array_equal(states, [k.REFUSED, k.RUNNING])
