"""The alarm of starvation: run lengths against linear algebra and against chance, the design against its formulas."""

from __future__ import annotations

from fractions import Fraction
from math import log

import numpy as np
import pytest

from equipoise.account import Need, alarms, average_run_length, chart, hungry_days
from equipoise.errors import InputError


def by_matrix(rate: Fraction, gain: int, limit: int) -> Fraction:
    """Brook and Evans (1972): (I − R)·L = 1 over the scores below the limit, by elimination in exact fractions."""
    rows = [[Fraction(score == column) for column in range(limit)] + [Fraction(1)] for score in range(limit)]
    for score in range(limit):
        rows[score][max(0, score - 1)] -= 1 - rate
        if score + gain < limit:
            rows[score][score + gain] -= rate
    for pivot in range(limit):
        found = next(row for row in rows[pivot:] if row[pivot])
        rows.remove(found)
        rows.insert(pivot, [value / found[pivot] for value in found])
        for other in range(limit):
            if other != pivot and rows[other][pivot]:
                times = rows[other][pivot]
                rows[other] = [a - times * b for a, b in zip(rows[other], rows[pivot], strict=True)]
    return rows[0][limit]


@pytest.mark.parametrize("rate", [Fraction(1, 50), Fraction(1, 10), Fraction(1, 3), Fraction(4, 5)])
@pytest.mark.parametrize("gain", [1, 2, 5, 9])
@pytest.mark.parametrize("limit", [1, 2, 7, 12, 20])
def test_run_lengths_are_those_of_the_markov_chain(rate: Fraction, gain: int, limit: int) -> None:
    assert average_run_length(rate, gain, limit) == by_matrix(rate, gain, limit)


def test_run_lengths_by_hand() -> None:
    # One hungry day is enough: 1/p. Two in a row with a gain of 1: (1 + p)/p², as for runs of heads.
    assert average_run_length(Fraction(1, 4), 3, 3) == 4
    assert average_run_length(Fraction(1, 2), 1, 2) == 6


def test_false_alarms_come_no_more_often_than_stated_when_days_are_drawn() -> None:
    found = chart(Fraction(1, 10), Fraction(1, 3), days_to_false_alarm=365)
    usual = np.random.default_rng(7).random(400_000) < 0.1
    told = alarms(found, (bool(day) for day in usual))
    mean = len(usual) / len(told)
    error = float(found.days_to_false_alarm) / len(told) ** 0.5  # run lengths are nearly geometric
    assert abs(mean - float(found.days_to_false_alarm)) < 3 * error
    raised = np.random.default_rng(8).random(100_000) < 1 / 3
    told = alarms(found, (bool(day) for day in raised))
    assert len(raised) / len(told) == pytest.approx(float(found.days_to_alarm), rel=0.05)


@pytest.mark.parametrize(("usual", "raised"), [("1/10", "1/3"), ("1/20", "1/5"), ("1/4", "1/2"), ("1/100", "1/10")])
@pytest.mark.parametrize("days", [90, 365, 3650])
def test_the_limit_is_the_least_that_keeps_the_rate_of_false_alarms(usual: str, raised: str, days: int) -> None:
    p0, p1 = Fraction(usual), Fraction(raised)
    found = chart(p0, p1, days_to_false_alarm=days)
    assert found.days_to_false_alarm >= days
    assert found.limit == 1 or average_run_length(p0, found.gain, found.limit - 1) < days
    assert found.days_to_alarm < found.days_to_false_alarm
    weight = log(p1 * (1 - p0) / (p0 * (1 - p1))) / -log((1 - p1) / (1 - p0))
    assert found.gain == max(1, round(weight) - 1)


@pytest.mark.parametrize(("usual", "raised", "days"), [("0", "1/2", 9), ("1/2", "1/3", 9), ("1/3", "1", 9)])
def test_rates_out_of_order_are_refused(usual: str, raised: str, days: int) -> None:
    with pytest.raises(InputError, match="hungry days") as caught:
        chart(Fraction(usual), Fraction(raised), days_to_false_alarm=days)
    assert caught.value.code == "A204"


def test_rates_too_close_to_be_told_apart_are_refused() -> None:
    with pytest.raises(InputError, match="cannot be told apart"):
        chart(Fraction(1, 100), Fraction(2, 100), days_to_false_alarm=10**9)


def test_days_without_need_are_passed_over_and_the_score_begins_anew_after_an_alarm() -> None:
    found = chart(Fraction(1, 10), Fraction(1, 3), days_to_false_alarm=730)
    assert (found.gain, found.limit) == (4, 15)
    four = [True] * 4
    assert alarms(found, [*four, *four]) == [3, 7]
    assert alarms(found, [None, *four]) == [4]
    # 4 8 12 11 15: a day without hunger takes one off, and the alarm is at 15.
    assert alarms(found, [True, True, True, False, True]) == [4]
    assert alarms(found, [True, True, True, False, False, True]) == []


def test_starvation_is_denied_of_entitled_and_nothing_without_a_need() -> None:
    days = [Need(100, 0), Need(100, 26), Need(0, 0), Need(100, 25)]
    assert hungry_days(days, above=Fraction(1, 4)) == [False, True, None, False]
    assert sum(days, Need()).starvation == Fraction(51, 300)
    with pytest.raises(AssertionError):
        Need(1, 2)
