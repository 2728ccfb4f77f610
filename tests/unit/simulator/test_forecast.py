"""Which days of the past come again in a replica."""

from __future__ import annotations

import numpy as np
import pytest

from equipoise.simulator.forecast import BLOCK_MS, HORIZON_MS, RECENT, Past, days_ms
from equipoise.units import DAY_MS, HOUR_MS
from equipoise.workload.draws import Draws

NOW_MS = 100 * DAY_MS


def test_each_replica_draws_its_days_from_one_week_of_eight() -> None:
    firsts: list[int] = []
    for number in range(200):
        begins, block = days_ms(RECENT, 0, NOW_MS, Draws(1, stream=number))
        assert block == BLOCK_MS
        assert len(begins) == HORIZON_MS // BLOCK_MS
        assert max(begins) - min(begins) <= 6 * DAY_MS, "a week ends with its last day"
        assert min(begins) >= NOW_MS - 56 * DAY_MS
        assert max(begins) + block <= NOW_MS
        firsts.append(min(begins))
    assert min(firsts) < NOW_MS - 54 * DAY_MS
    assert max(firsts) > NOW_MS - 9 * DAY_MS


def test_replicas_differ_as_weeks_do_and_days_of_a_long_past_do_not() -> None:
    """Jobs come in every other week only, 10 an hour: half of the replicas see 240 a day coming, half of them none."""
    submit_ms = np.concatenate([np.arange(0, 7 * DAY_MS, HOUR_MS // 10) + week * 14 * DAY_MS for week in range(8)])
    now_ms = 112 * DAY_MS

    def loads(past: Past) -> np.ndarray:
        found: list[float] = []
        for number in range(100):
            begins, block = days_ms(past, 0, now_ms, Draws(2, stream=number))
            at = np.array(begins)
            found.append(float(np.mean(np.searchsorted(submit_ms, at + block) - np.searchsorted(submit_ms, at))))
        return np.array(found)

    weeks, mixed = loads(RECENT), loads(Past(56 * DAY_MS, 56 * DAY_MS))
    assert weeks.mean() == pytest.approx(120, abs=25)
    assert mixed.mean() == pytest.approx(120, abs=5)
    assert weeks.std() > 5 * mixed.std()


@pytest.mark.parametrize("known_ms", [0, HOUR_MS, 20 * HOUR_MS, 3 * DAY_MS])
def test_a_past_shorter_than_a_week_is_drawn_from_as_it_is(known_ms: int) -> None:
    begins, block = days_ms(RECENT, NOW_MS - known_ms, NOW_MS, Draws(3))
    assert block == min(max(known_ms, HOUR_MS), BLOCK_MS)
    assert min(begins) >= NOW_MS - known_ms
    assert max(begins) + block <= max(NOW_MS, NOW_MS - known_ms + HOUR_MS)
