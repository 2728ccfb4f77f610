"""What PACING says of single cases, on the slow model: its table of cases, its account, its admission."""

from __future__ import annotations

import random
from dataclasses import replace
from fractions import Fraction

from equipoise.charter.admission import largest_safe_gang
from tests.reference.pacing_account import (
    BROKEN,
    KEPT,
    UNUSED,
    WITHIN_GRACE,
    Account,
    Budgets,
    Stretch,
)
from tests.reference.pacing_admission import room_of
from tests.reference.pacing_families import MENDED, TEXT
from tests.reference.pacing_lab import Job, Lab, Level, Promise, Team
from tests.reference.pacing_run import run

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
RULES = (TEXT, MENDED)


def lab_of(*levels: Level, min_runtime_ms: int = 0, bound: bool = False, window_ms: int = DAY_MS) -> Lab:
    """Ten GPUs, a promise of four tenths with P_max 6 for row 0, and a product that takes all it can get."""
    mine = Team(weight=0, jobs=((Job(1, HOUR_MS),),), levels=levels)
    product = Team(jobs=((Job(2, 5 * HOUR_MS, not bound),),), levels=(Level(0, (20,)),), min_runtime_ms=min_runtime_ms)
    return Lab((10,), (mine, product), (Promise(0, 4, 10, (6, 10)),), window_ms, warm_ms=HOUR_MS)


# ---------------------------------------------------------------------------------------------------- the table


def test_idle_too_long_then_paced_at_the_most_is_kept_unused_with_an_alarm() -> None:
    for rules in RULES:
        (outcome,) = run(lab_of(Level(HOUR_MS + DAY_MS // 2, (10,))), rules).outcomes
        assert outcome.verdict == UNUSED
        assert outcome.alarm_ms is not None
        assert HOUR_MS + DAY_MS // 3 <= outcome.alarm_ms <= HOUR_MS + DAY_MS // 2


def test_idle_for_just_under_a_third_is_made_whole() -> None:
    for rules in RULES:
        (outcome,) = run(lab_of(Level(HOUR_MS + DAY_MS * 33 // 100, (10,))), rules).outcomes
        assert outcome.verdict == KEPT
        assert outcome.alarm_ms is None


def test_denied_made_good_then_idle_is_kept_unused() -> None:
    account = Account(2, 10)
    account.add(Stretch(100 * HOUR_MS, 500, 0, 500, 100))
    assert account.denied > 0
    account.add(Stretch(100 * HOUR_MS, 500, 200, 500, 100))
    account.add(Stretch(100 * HOUR_MS, 500, 0, 0, 0))
    assert account.short > 0
    assert account.verdict(0) == UNUSED


def test_a_job_that_only_pretends_claims_no_more_than_its_own_size_times_its_own_time() -> None:
    account, budgets, left_ms = Account(2, 10), Budgets(), 14 * DAY_MS
    budgets.add("pretended", 64, 64 * HOUR_MS)
    while left_ms:
        demand = budgets.demand
        rate = min(demand, 102)
        length_ms = min(left_ms, budgets.empty_in_ms(rate) or left_ms)
        account.add(Stretch(length_ms, 512, 0, demand, 102))
        budgets.charge(rate, length_ms)
        left_ms -= length_ms
        budgets.add("pretended", 64, 64 * HOUR_MS)  # a resubmission shares the budget
    account.check()
    assert account.denied == 10 * 64 * HOUR_MS
    assert account.unclaimed > 0


def test_a_violated_quantum_is_refused_as_the_charter_refuses_it() -> None:
    chance, seen = random.Random(5), set[bool]()
    for _ in range(400):
        capacity, p, floor = chance.randint(2, 40), chance.randint(1, 99), chance.randint(0, 20)
        size = chance.randint(1, 12)
        team = Team(jobs=((Job(size, 1),),))
        lab = Lab((capacity,), (team, Team(floor=(floor,))), (Promise(0, p, 100, (p, 100)),), DAY_MS)
        safe = largest_safe_gang(Fraction(p * capacity, 100), Fraction(capacity - floor))
        if capacity >= floor:
            assert room_of(lab).quantum == (safe is None or size <= safe)
            seen.add(room_of(lab).quantum)
    assert seen == {False, True}


def test_a_product_that_cannot_be_stopped_breaks_the_promise_only_without_the_rule() -> None:
    lab = lab_of(Level(HOUR_MS, (10,)), min_runtime_ms=10 * 60_000, bound=True)
    lab = replace(lab, teams=(lab.teams[0], replace(lab.teams[1], jobs=((Job(2, 2 * DAY_MS, preemptible=False),),))))
    for rules in RULES:
        assert run(lab, rules).outcomes[0].verdict == KEPT
        (outcome,) = run(lab, replace(rules, binding=False)).outcomes
        assert outcome.verdict == BROKEN
        assert outcome.denied > outcome.grace


def test_just_in_time_breaks_where_demand_ends_early_and_an_even_pace_does_not() -> None:
    lab = lab_of(Level(0, (10,)), Level(HOUR_MS + DAY_MS // 4, (0,)), min_runtime_ms=30 * 60_000)
    for rules in RULES:
        late = run(lab, replace(rules, pace="late")).outcomes[0]
        even = run(lab, rules).outcomes[0]
        assert late.verdict == BROKEN
        assert even.denied < late.denied


def test_a_little_denied_is_kept_within_grace() -> None:
    account = Account(4, 10)
    account.add(Stretch(HOUR_MS, 10, 0, 10, 4))
    account.add(Stretch(9 * HOUR_MS, 10, 4, 10, 4))
    assert account.verdict(10 * 4 * HOUR_MS) == WITHIN_GRACE
    assert account.verdict(10 * 4 * HOUR_MS - 1) == BROKEN


# ---------------------------------------------------------------------------------------------------- the account


def test_five_stocks_add_under_any_cut_and_denied_differs_by_less_than_one_millisecond() -> None:
    chance = random.Random(1)
    for _ in range(2_000):
        p, q = chance.randint(1, 9), chance.choice([10, 20, 100])
        whole, cut, denied = Account(p, q), Account(p, q), 0
        for _ in range(chance.randint(1, 30)):
            delivered = chance.randint(0, 500)
            held = chance.randint(0, delivered)
            demand, pace = (
                held + chance.choice([0, 0, chance.randint(0, 400)]),
                chance.choice([0, chance.randint(0, 200)]),
            )
            stretch = Stretch(chance.randint(2, 10**6), delivered, held, demand, pace)
            part_ms = chance.randint(1, stretch.length_ms - 1)
            whole.add(stretch)
            cut.add(replace(stretch, length_ms=part_ms))
            cut.add(replace(stretch, length_ms=stretch.length_ms - part_ms))
            denied = max(denied, abs(whole.denied - cut.denied))
            whole.check()
            cut.check()
        same = ("owed", "delivered", "gross_denied", "unclaimed", "surplus")
        assert all(getattr(whole, name) == getattr(cut, name) for name in same)
        assert denied <= 30 * q * 700


def test_lost_work_keeps_the_sums() -> None:
    account = Account(1, 4)
    account.add(Stretch(HOUR_MS, 8, 2, 8, 2))
    account.lose(own=HOUR_MS, others=0)
    account.check()
    assert account.denied == 3 * HOUR_MS
    account.lose(own=0, others=2 * HOUR_MS)
    account.check()
    assert account.short == HOUR_MS
