"""The alarm of starvation: run lengths against linear algebra and against chance, the design against its formulas."""

from __future__ import annotations

from fractions import Fraction
from itertools import product
from math import log

import numpy as np
import pytest

from equipoise.account import Need, alarms, average_run_length, chart, hungry_days
from equipoise.errors import InputError


def by_matrix(rate: Fraction, gain: int, limit: int, after_hungry: Fraction) -> Fraction:
    """Brook and Evans (1972): (I − R)·L = 1 over scores below the limit and the day before, in exact fractions.

    Row 2·score is after a day that was not hungry, 2·score + 1 after a hungry one.
    """
    anew = rate * (1 - after_hungry) / (1 - rate)
    size = 2 * limit
    rows = [[Fraction(row == column) for column in range(size)] + [Fraction(1)] for row in range(size)]
    for row in range(size):
        score, hungry = row // 2, (anew, after_hungry)[row % 2]
        rows[row][2 * max(0, score - 1)] -= 1 - hungry
        if score + gain < limit:
            rows[row][2 * (score + gain) + 1] -= hungry
    for pivot in range(size):
        found = next(row for row in rows[pivot:] if row[pivot])
        rows.remove(found)
        rows.insert(pivot, [value / found[pivot] for value in found])
        for other in range(size):
            if other != pivot and rows[other][pivot]:
                times = rows[other][pivot]
                rows[other] = [a - times * b for a, b in zip(rows[other], rows[pivot], strict=True)]
    return rows[1][size]


@pytest.mark.parametrize("rate", [Fraction(1, 50), Fraction(1, 10), Fraction(1, 3), Fraction(4, 5)])
@pytest.mark.parametrize("gain", [1, 2, 5, 9])
@pytest.mark.parametrize("limit", [1, 2, 7, 12, 20])
def test_run_lengths_are_those_of_the_markov_chain(rate: Fraction, gain: int, limit: int) -> None:
    assert average_run_length(rate, gain, limit) == by_matrix(rate, gain, limit, rate)
    for follows in (Fraction(5, 6), (1 + 3 * rate) / 4):
        if follows >= rate:
            found = average_run_length(rate, gain, limit, after_hungry=follows)
            assert found == by_matrix(rate, gain, limit, follows)


def drawn(rate: float, after_hungry: float, days: int, seed: int) -> list[bool]:
    """Days as a chain of two states, one draw a day."""
    anew = rate * (1 - after_hungry) / (1 - rate)
    found, hungry = list[bool](), False
    for draw in np.random.default_rng(seed).random(days):
        hungry = bool(draw < (after_hungry if hungry else anew))
        found.append(hungry)
    return found


@pytest.mark.parametrize("follows", ["1/10", "3/10", "3/5"])
def test_false_alarms_come_no_more_often_than_stated_when_days_come_in_runs(follows: str) -> None:
    found = chart(Fraction(1, 10), Fraction(1, 3), days_to_false_alarm=365, after_hungry=Fraction(follows))
    usual = drawn(0.1, float(Fraction(follows)), 400_000, seed=7)
    assert sum(usual) / len(usual) == pytest.approx(0.1, rel=0.05)
    told = alarms(found, usual)
    mean = len(usual) / len(told)
    error = float(found.days_to_false_alarm) / len(told) ** 0.5  # run lengths are nearly geometric
    assert abs(mean - float(found.days_to_false_alarm)) < 3 * error
    raised = drawn(
        1 / 3, 1 / 3 + float((Fraction(follows) - Fraction(1, 10)) / Fraction(9, 10)) * 2 / 3, 200_000, seed=8
    )
    told = alarms(found, raised)
    assert len(raised) / len(told) == pytest.approx(float(found.days_to_alarm), rel=0.05)


def test_a_limit_for_independent_days_gives_more_false_alarms_when_days_come_in_runs() -> None:
    blind = chart(Fraction(1, 10), Fraction(1, 3), days_to_false_alarm=365)
    told = alarms(blind, drawn(0.1, 0.3, 400_000, seed=7))
    assert 400_000 / len(told) < 365 / 2


def by_transitions(points: dict[tuple[bool, bool], int], rate: float, after_hungry: float, limit: int) -> float:
    """Mean days to the limit, after a hungry day, of a score whose points go by the day before and the day."""
    anew = rate * (1 - after_hungry) / (1 - rate)
    stays = np.eye(2 * limit)
    for score, before, day in product(range(limit), (False, True), (False, True)):
        chance = after_hungry if before else anew
        then = max(0, score + points[before, day])
        if then < limit:
            stays[2 * score + before, 2 * then + day] -= chance if day else 1 - chance
    return float(np.linalg.solve(stays, np.ones(2 * limit))[1])


def test_a_score_by_likelihood_is_later_where_nearly_all_days_are_hungry() -> None:
    alike, likelihood = 2 / 9, dict[tuple[bool, bool], int]()
    after = {rate: rate + alike * (1 - rate) for rate in (0.1, 1 / 3, 0.9)}
    anew = {rate: rate * (1 - alike) for rate in after}
    unit = log((1 - anew[0.1]) / (1 - anew[1 / 3])) / 3
    for before, of in ((True, after), (False, anew)):
        likelihood[before, True] = round(log(of[1 / 3] / of[0.1]) / unit)
        likelihood[before, False] = round(log((1 - of[1 / 3]) / (1 - of[0.1])) / unit)
    limit = next(h for h in range(1, 200) if by_transitions(likelihood, 0.1, after[0.1], h) >= 3650)
    ours = chart(Fraction(1, 10), Fraction(1, 3), days_to_false_alarm=3650, after_hungry=Fraction(3, 10))
    plain = {(before, day): ours.gain if day else -1 for before in (True, False) for day in (True, False)}
    delays = {
        rate: (by_transitions(plain, rate, follows, ours.limit), by_transitions(likelihood, rate, follows, limit))
        for rate, follows in after.items()
    }
    assert delays[0.1][0] == pytest.approx(float(ours.days_to_false_alarm))
    assert delays[1 / 3][0] == pytest.approx(float(ours.days_to_alarm))
    assert delays[0.9][0] < 0.85 * delays[0.9][1]
    assert 0.85 * delays[1 / 3][0] < delays[1 / 3][1] < delays[1 / 3][0]


def test_run_lengths_by_hand() -> None:
    # One hungry day is enough: 1/p. Two in a row with a gain of 1: (1 + p)/p², as for runs of heads.
    assert average_run_length(Fraction(1, 4), 3, 3) == 4
    assert average_run_length(Fraction(1, 2), 1, 2) == 6


@pytest.mark.parametrize(("usual", "raised"), [("1/10", "1/3"), ("1/20", "1/5"), ("1/4", "1/2"), ("1/100", "1/10")])
@pytest.mark.parametrize("days", [90, 365, 3650])
@pytest.mark.parametrize("runs", [Fraction(0), Fraction(1, 4)])
def test_the_limit_is_the_least_that_keeps_the_rate_of_false_alarms(
    usual: str, raised: str, days: int, runs: Fraction
) -> None:
    p0, p1 = Fraction(usual), Fraction(raised)
    follows = p0 + runs * (1 - p0)
    found = chart(p0, p1, days_to_false_alarm=days, after_hungry=follows)
    assert found.days_to_false_alarm >= days
    assert found.limit == 1 or average_run_length(p0, found.gain, found.limit - 1, after_hungry=follows) < days
    assert found.days_to_alarm < found.days_to_false_alarm
    weight = log(p1 * (1 - p0) / (p0 * (1 - p1))) / -log((1 - p1) / (1 - p0))
    assert found.gain == max(1, round(weight) - 1)


@pytest.mark.parametrize(("usual", "raised", "days"), [("0", "1/2", 9), ("1/2", "1/3", 9), ("1/3", "1", 9)])
def test_rates_out_of_order_are_refused(usual: str, raised: str, days: int) -> None:
    with pytest.raises(InputError, match="hungry days") as caught:
        chart(Fraction(usual), Fraction(raised), days_to_false_alarm=days)
    assert caught.value.code == "A204"


@pytest.mark.parametrize("follows", ["1/20", "1"])
def test_runs_shorter_than_chance_or_without_end_are_refused(follows: str) -> None:
    with pytest.raises(InputError, match="after a hungry day") as caught:
        chart(Fraction(1, 10), Fraction(1, 3), days_to_false_alarm=90, after_hungry=Fraction(follows))
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
