"""Event time never goes back and never stands still, whatever is done to the clock."""

from __future__ import annotations

from random import Random

from equipoise.controller.clock import EventTime
from tests.scenario.scripted_engine import VirtualClock


def test_event_time_is_the_clock_while_that_goes_on() -> None:
    clock = VirtualClock(5_000)
    times = EventTime(clock, origin_ms=1_000)
    for _ in range(50):
        clock.advance(37)
        assert times.now_ms() == clock.wall_ms - 1_000


def test_a_clock_set_forward_is_followed_at_once() -> None:
    clock = VirtualClock(0)
    times = EventTime(clock, origin_ms=0)
    clock.wall_ms += 86_400_000
    assert times.now_ms() == 86_400_000


def test_after_a_clock_was_set_back_event_time_goes_on_a_tenth_slower_until_both_agree() -> None:
    clock = VirtualClock(100_000)
    times = EventTime(clock, origin_ms=0)
    assert times.now_ms() == 100_000
    clock.wall_ms -= 1_000
    for n in range(1, 101):
        clock.advance(50)
        assert times.now_ms() == 100_000 + 45 * n
    for _ in range(100):
        clock.advance(50)
        times.now_ms()
    assert times.now_ms() == clock.wall_ms  # 1,000 ms are given back within 10,000
    assert times.ahead_ms == 0


def test_whatever_the_clock_does_event_time_never_goes_back_and_never_stands_still() -> None:
    for seed in range(200):
        chance = Random(seed)
        clock = VirtualClock(chance.randint(0, 1_000_000))
        times = EventTime(clock, origin_ms=0, last_ms=chance.randint(0, 2_000_000))
        before = times.now_ms()
        for _ in range(200):
            if chance.random() < 0.2:
                clock.wall_ms = max(0, clock.wall_ms + chance.randint(-500_000, 500_000))
            passed = chance.randint(0, 500)
            clock.advance(passed)
            now = times.now_ms()
            assert now >= before + passed * 9 // 10 - 1, seed
            before = now


def test_a_life_goes_on_from_the_latest_event() -> None:
    clock = VirtualClock(10_000)
    assert EventTime(clock, origin_ms=0, last_ms=50_000).now_ms() == 50_000
