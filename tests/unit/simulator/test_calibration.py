"""Intervals that are tracked hold as often as they say: waits are made here whose distribution is known, also ones that drift.

What the tracker should come to is computed from the distribution, and how often it missed follows from where it stands.
"""

from __future__ import annotations

import math
from dataclasses import replace
from statistics import NormalDist

import numpy as np
import pytest
from numpy.typing import NDArray

from equipoise.policy.kernel.layout import NEVER
from equipoise.simulator.calibration import (
    ENOUGH,
    FIRST,
    MOST_MS,
    STEP,
    Guess,
    Stretch,
    Tracker,
    coverage,
    stretches,
)
from equipoise.units import DAY_MS, HOUR_MS, MINUTE_MS

Z10 = NormalDist().inv_cdf(0.9)
SAID = 0.3
"""The spread, in logarithms, that whoever predicts believes in."""
Case = tuple[list[Guess], list[int]]


def predicted(at_ms: int, *, job: int = 0) -> Guess:
    """The prediction of a wait of about a day."""
    low, high = (round(DAY_MS * math.exp(sign * Z10 * SAID)) for sign in (-1, 1))
    return Guess(at_ms, job, at_ms + DAY_MS, at_ms + low, at_ms + high)


def asked(shift: NDArray[np.float64], *, sigma: float, every_ms: int, seed: int = 1) -> Case:
    """Questions that are all predicted alike, and when the jobs start: lognormal waits around a day times e^``shift``."""
    noise = sigma * np.random.default_rng(seed).standard_normal(len(shift))
    waits = np.exp(math.log(DAY_MS) + shift + noise).tolist()
    guesses = [predicted(number * every_ms, job=number) for number in range(len(shift))]
    return guesses, [guess.at_ms + round(wait) + 1 for guess, wait in zip(guesses, waits, strict=True)]


def missed(case: Case, by: list[Stretch]) -> tuple[float, float]:
    """Which part of the jobs started before, and which after, the intervals that were given."""
    guesses, starts = case
    ends = [one.interval_ms(guess) for guess, one in zip(guesses, by, strict=True)]
    before = sum(start < low for (low, _), start in zip(ends, starts, strict=True))
    after = sum(start > high for (_, high), start in zip(ends, starts, strict=True))
    return before / len(starts), after / len(starts)


@pytest.mark.parametrize("every_ms", [HOUR_MS, 5 * DAY_MS])
def test_the_factors_come_to_what_the_distribution_calls_for(every_ms: int) -> None:
    case = asked(np.full(6000, 0.7), sigma=1.0, every_ms=every_ms)
    each, _ = stretches(*case)
    late = each[1000:]
    low = float(np.mean([math.log(one.low) for one in late]))
    high = float(np.mean([math.log(one.high) for one in late]))
    assert low == pytest.approx(0.7 - Z10 * (1.0 - SAID), abs=0.1)
    assert high == pytest.approx(0.7 + Z10 * (1.0 - SAID), abs=0.1)
    before, after = missed(case, each)
    assert before == pytest.approx(0.1, abs=0.015)
    assert after == pytest.approx(0.1, abs=0.015)


DRIFTS = {
    "ebbs away": np.linspace(0.0, -3.0, 3000),
    "grows": np.linspace(0.0, 3.0, 3000),
    "jumps": np.repeat([0.0, 2.0, -1.0, 1.0], 750),
    "swings": 1.5 * np.sin(np.arange(3000) / 150.0),
}


@pytest.mark.parametrize("drift", DRIFTS.values(), ids=DRIFTS)
@pytest.mark.parametrize("every_ms", [2 * HOUR_MS, DAY_MS])
def test_long_run_coverage_holds_under_drift_where_fixed_factors_fail(
    drift: NDArray[np.float64], every_ms: int
) -> None:
    case = asked(drift, sigma=0.5, every_ms=every_ms)
    each, _ = stretches(*case)
    before, after = missed(case, each)
    assert 0.75 <= 1.0 - before - after <= 0.85
    fixed = Stretch(math.exp(-Z10 * (0.5 - SAID)), math.exp(Z10 * (0.5 - SAID)), 0)
    assert 1.0 - sum(missed(case, [fixed] * len(each))) < 0.6, "right without drift"


def test_how_often_each_end_was_missed_follows_from_where_it_stands() -> None:
    case = asked(DRIFTS["jumps"], sigma=2.0, every_ms=HOUR_MS, seed=7)
    each, last = stretches(*case)
    before, after = missed(case, each)
    n = len(each)
    assert last.judged == n
    assert -math.log(last.low) == pytest.approx(math.log(FIRST) + STEP * n * (before - 0.1))
    assert math.log(last.high) == pytest.approx(math.log(FIRST) + STEP * n * (after - 0.1))


def test_nothing_that_is_not_known_yet_moves_an_interval() -> None:
    guesses, starts = asked(DRIFTS["swings"][:400], sigma=1.0, every_ms=3 * HOUR_MS, seed=3)
    each, _ = stretches(guesses, starts)
    for number in (1, 50, 399):
        now_ms = guesses[number].at_ms
        known = [start if start < now_ms else NEVER for start in starts[:number]]
        assert stretches(guesses[:number], known, now_ms=now_ms)[1] == each[number]


def test_a_job_that_goes_on_waiting_is_late_as_soon_as_its_interval_is_over() -> None:
    tracker = Tracker()
    first = predicted(0)
    begun = tracker.expect(first, NEVER)
    assert (begun.low, begun.high, begun.judged) == (pytest.approx(1 / FIRST), pytest.approx(FIRST), 0)
    low_ms, high_ms = begun.interval_ms(first)
    assert tracker.stretch(low_ms) == begun
    waits = tracker.stretch(low_ms + 1)
    assert waits.low == pytest.approx(begun.low * math.exp(0.1 * STEP)), "it was not early"
    assert (waits.high, waits.judged) == (begun.high, 0)
    late = tracker.stretch(high_ms + 1)
    assert late.high == pytest.approx(begun.high * math.exp(0.9 * STEP))
    assert late.judged == 1


def test_an_early_start_is_known_when_it_happens_and_narrows_the_other_end() -> None:
    tracker = Tracker()
    begun = tracker.expect(predicted(0), 5)
    early = tracker.stretch(6)
    assert early.low == pytest.approx(begun.low * math.exp(-0.9 * STEP))
    assert early.high == pytest.approx(begun.high * math.exp(-0.1 * STEP))


def test_replicas_like_the_truth_hold_eight_of_ten() -> None:
    chance = np.random.default_rng(5)
    starts = (HOUR_MS * np.exp(chance.standard_normal((4000, 26)))).astype(np.int64) + MINUTE_MS
    held = 0
    for row in starts:
        guess = Guess.of(0, 0, row[:25])
        held += guess.low_ms <= row[25] <= guess.high_ms
    assert held / len(starts) == pytest.approx(0.8, abs=0.02)


def test_points_of_nine_replicas_are_the_first_the_fifth_and_the_last() -> None:
    starts = np.array([7, 3, 9, 1, 5, 8, 2, 6, 4], np.int64) * HOUR_MS
    assert Guess.of(0, 4, starts) == Guess(0, 4, 5 * HOUR_MS, HOUR_MS, 9 * HOUR_MS)
    beyond = Guess.of(DAY_MS, 4, np.where(starts > 4 * HOUR_MS, NEVER, starts + DAY_MS))
    assert (beyond.low_ms, beyond.middle_ms, beyond.high_ms) == (DAY_MS + HOUR_MS, DAY_MS + MOST_MS, DAY_MS + MOST_MS)


def test_ends_stay_in_order_and_within_what_is_played() -> None:
    guess = replace(predicted(DAY_MS), high_ms=DAY_MS + MOST_MS)
    assert Stretch(1.0, 5.0, 99).interval_ms(guess)[1] == DAY_MS + MOST_MS
    low_ms, high_ms = Stretch(8.0, 0.01, 99).interval_ms(predicted(0))
    assert low_ms < high_ms
    assert Stretch(1e-9, 1e-9, 99).interval_ms(predicted(0)) == (0, MINUTE_MS), "now"


def test_only_intervals_that_are_over_and_were_corrected_are_counted() -> None:
    guesses, starts = asked(np.zeros(200), sigma=SAID, every_ms=HOUR_MS)
    each, _ = stretches(guesses, starts)
    now_ms = guesses[-1].at_ms
    told = coverage(guesses, starts, now_ms=now_ms)
    judged = [
        (guess, one.interval_ms(guess), start)
        for guess, one, start in zip(guesses, each, starts, strict=True)
        if one.judged >= ENOUGH and one.interval_ms(guess)[1] <= now_ms
    ]
    assert 0 < told.judged == len(judged) < 200
    assert told.held == sum(low <= start <= high for _, (low, high), start in judged)
    assert told.judged == told.held + told.started_before + told.started_after
