"""The table of cases that pacing is to pass, by the product's policy; what is expected of each was worked out by hand.

The lab of most cases: ten GPUs, a promise of four tenths for row 0 with at most six asked for, and a product that takes what it
can get. A window is a day; amounts are in GPU-hours.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest

from equipoise.account import Answer
from equipoise.charter.admission import check_promises
from tests.property.kernel_labs import KernelResult, run_kernel
from tests.property.lab_charters import Reclaim, certain, charter_of
from tests.reference.pacing_families import RULES
from tests.reference.pacing_lab import Job, Lab, Level, Promise, Team
from tests.reference.pacing_run import run
from tests.reference.pacing_window import Outcome

MINUTE_MS, HOUR_MS, DAY_MS = 60_000, 3_600_000, 86_400_000
KEPT, UNUSED, WITHIN_GRACE, BROKEN = (
    answer.value for answer in (Answer.KEPT, Answer.KEPT_UNUSED, Answer.KEPT_WITHIN_GRACE, Answer.BROKEN)
)


LONG = Job(2, 5 * HOUR_MS)


def lab_of(*levels: Level, min_runtime_ms: int = 0, product: Job = LONG) -> Lab:
    """Return the lab of most cases; the window begins after an hour."""
    mine = Team(weight=0, jobs=((Job(1, HOUR_MS),),), levels=levels)
    others = Team(jobs=((product,),), levels=(Level(0, (20,)),), min_runtime_ms=min_runtime_ms)
    return Lab((10,), (mine, others), (Promise(0, 4, 10, (6, 10)),), DAY_MS, warm_ms=HOUR_MS)


def only(result: KernelResult) -> Outcome:
    """Return the only outcome of a run whose books agree with the kernel's."""
    assert not result.disagreements
    (outcome,) = result.outcomes
    return outcome


def hours(outcome: Outcome, amount: int, share: Fraction) -> Fraction:
    """Return an amount of an outcome in GPU-hours."""
    return Fraction(amount, share.denominator * HOUR_MS)


def test_idle_too_long_then_paced_at_the_most_is_kept_unused_with_an_alarm() -> None:
    # 96 hours are owed; six GPUs deliver them in 16 hours, so the point of no return is 8 hours into the window.
    outcome = only(run_kernel(lab_of(Level(HOUR_MS + DAY_MS // 2, (6,)))))
    assert outcome.verdict == UNUSED
    assert outcome.alarm_ms == HOUR_MS + 8 * HOUR_MS + 1
    assert hours(outcome, outcome.short, Fraction(4, 10)) == 96 - 6 * 12


def test_idle_for_just_under_a_third_is_made_whole() -> None:
    outcome = only(run_kernel(lab_of(Level(HOUR_MS + DAY_MS * 33 // 100, (10,)))))
    assert outcome.verdict == KEPT
    assert outcome.alarm_ms is None


def protected_lab(*levels: Level) -> Lab:
    """A fifth of ten GPUs, at most four asked for; for six hours of the window the product's jobs are protected."""
    mine = Team(weight=0, jobs=((Job(1, HOUR_MS),),), levels=levels)
    others = Team(jobs=((Job(2, 5 * DAY_MS),),), levels=(Level(0, (20,)),), min_runtime_ms=7 * HOUR_MS)
    return Lab((10,), (mine, others), (Promise(0, 2, 10, (4, 10)),), DAY_MS, warm_ms=HOUR_MS)


def test_denied_made_good_then_idle_is_kept_unused() -> None:
    # Six hours with nothing: 12 owed and denied. Six hours with four: 24 delivered, 24 owed. Then nobody asks: 24 more are owed.
    lab = protected_lab(Level(HOUR_MS, (4,)), Level(13 * HOUR_MS, (0,)))
    outcome = only(run_kernel(lab))
    assert outcome.verdict == UNUSED
    assert outcome.denied == 0
    assert hours(outcome, outcome.short, Fraction(2, 10)) == 24


def test_a_little_denied_is_kept_within_grace() -> None:
    # The same, but demand ends after two of those hours. The four jobs that wait may claim an hour each, and do so in the first
    # hour, in which 2 are owed: no more than those are denied.
    lab = protected_lab(Level(HOUR_MS, (4,)), Level(9 * HOUR_MS, (0,)))
    outcome = only(run_kernel(lab))
    assert outcome.verdict == WITHIN_GRACE
    assert hours(outcome, outcome.denied, Fraction(2, 10)) == 2
    assert hours(outcome, outcome.grace, Fraction(2, 10)) == (4 + 1) * 7


def test_a_job_that_only_pretends_claims_no_more_than_its_own_size_times_its_own_time() -> None:
    # 64 GPUs for an hour can never be had beside a floor of 50 of 100; the job waits for two weeks.
    fake = Team(weight=0, jobs=((Job(64, HOUR_MS),),), levels=(Level(0, (64,)),))
    others = Team(floor=(50,), jobs=((Job(1, 30 * DAY_MS),),), levels=(Level(0, (100,)),))
    lab = Lab((100,), (others, fake), (Promise(1, 20, 100, (30, 100)),), 14 * DAY_MS)
    result = run_kernel(lab)
    assert not result.disagreements
    (outcome,) = result.outcomes
    share = Fraction(20, 100)
    assert hours(outcome, outcome.denied, share) == 64
    assert hours(outcome, outcome.short, share) == 20 * 24 * 14


def test_a_violated_quantum_is_refused() -> None:
    # Five of ten are promised beside a floor of four: gangs of four hold five with two of them, which is eight; six are left.
    def codes(largest: int) -> set[str]:
        mine, others = Team(jobs=((Job(largest, HOUR_MS),),)), Team(floor=(4,), jobs=((Job(1, HOUR_MS),),))
        lab = Lab((10,), (mine, others), (Promise(0, 5, 10, (5, 10)),), DAY_MS)
        return {breach.code for breach in check_promises(charter_of(lab))}

    assert "C404" in codes(4)
    assert "C404" not in codes(3)


def test_a_product_that_cannot_be_stopped_breaks_the_promise_only_without_the_rule() -> None:
    lab = lab_of(Level(HOUR_MS, (10,)), min_runtime_ms=10 * MINUTE_MS, product=Job(2, 2 * DAY_MS, preemptible=False))
    assert only(run_kernel(lab)).verdict == KEPT
    outcome = only(run_kernel(lab, secure_start=False))
    assert outcome.verdict == BROKEN
    assert outcome.denied > outcome.grace
    assert hours(outcome, outcome.short, Fraction(4, 10)) == 96  # the product holds all ten all day


def test_an_even_pace_is_ahead_where_demand_ends_early_and_just_in_time_is_not() -> None:
    # P = ceil(96 / 23) = 5; after four hours 96 - 20 are left for 19: 4. So 28 are held by the time that 24 are owed, and nothing
    # is denied when demand ends.
    levels = (Level(HOUR_MS, (5,)), Level(HOUR_MS + DAY_MS // 4, (0,)))
    lab = lab_of(*levels, min_runtime_ms=30 * MINUTE_MS, product=Job(1, 5 * HOUR_MS))
    outcome = only(run_kernel(lab))
    assert outcome.verdict == UNUSED
    assert hours(outcome, outcome.short, Fraction(4, 10)) == 96 - 28
    assert run(lab, replace(RULES["mended"], pace="late")).outcomes[0].verdict == BROKEN


def test_a_promised_team_without_a_floor_may_run_jobs_that_cannot_be_stopped() -> None:
    # R of the level is what it may hold so: B = ceil(4 * 24 / 22) = 5 with a delta of two hours, and gangs of 1.
    lab = lab_of(Level(HOUR_MS, (8,)), min_runtime_ms=HOUR_MS)
    mine = replace(lab.teams[0], jobs=((Job(1, 3 * DAY_MS, preemptible=False),),))
    result = run_kernel(replace(lab, teams=(mine, lab.teams[1])), tell=True)
    assert only(result).verdict == KEPT
    assert max(held[0, 0] for _, held in result.held) == 5


def test_a_gang_larger_than_an_entitlement_is_claimed_where_its_promise_rounds_the_floor() -> None:
    # One of four is held, two are asked for, and the next gang of 2 makes 3: above every entitlement, within R = 3.
    mine = Team(weight=0, jobs=((Job(1, 50 * HOUR_MS), Job(2, 50 * HOUR_MS)),), levels=(Level(HOUR_MS, (2,)),))
    others = Team(floor=(1,), min_runtime_ms=MINUTE_MS, jobs=((Job(1, 50 * HOUR_MS),),), levels=(Level(0, (16,)),))
    lab = Lab((4,), (mine, others), (Promise(0, 4, 10, (5, 10)),), DAY_MS, warm_ms=HOUR_MS)
    assert certain(lab)
    both: tuple[Reclaim, Reclaim] = ("floors", "shares")
    for reclaim in both:
        result = run_kernel(lab, reclaim=reclaim, tell=True)
        assert only(result).verdict == KEPT
        assert result.held[-1][1][0, 0] == 3


def test_a_floor_is_restored_also_where_another_team_waits_first_and_devices_are_kept() -> None:
    # Team 2, at 0 of its floor of 2, comes first; its gang of 3 is larger than that floor, so it waits. Team 0 claims all the same.
    mine = Team(weight=0, jobs=((Job(1, 2 * DAY_MS),),), levels=(Level(HOUR_MS, (5,)),))
    product = Team(floor=(1,), jobs=((Job(5, 5 * DAY_MS),),), levels=(Level(0, (5,)),), min_runtime_ms=HOUR_MS)
    waiting = Team(floor=(2,), jobs=((Job(3, 5 * DAY_MS),),), levels=(Level(0, (3,)),))
    lab = Lab((6,), (mine, product, waiting), (Promise(0, 37, 100, (1, 2)),), DAY_MS, warm_ms=HOUR_MS)
    assert certain(lab)
    assert only(run_kernel(lab)).verdict == KEPT


@pytest.mark.parametrize("interpreted", [False, True], ids=["compiled", "interpreted"])
def test_two_promises_that_are_admitted_together_are_kept(*, interpreted: bool) -> None:
    # Three and two tenths of ten, gangs of up to 2; with R = 4 - 1 + 2 and 3 - 1 + 2 they need nine together.
    def team() -> Team:
        return Team(weight=1, jobs=((Job(2, HOUR_MS), Job(1, 2 * HOUR_MS)),), levels=(Level(HOUR_MS, (10,)),))

    others = Team(weight=3, jobs=((Job(1, 4 * HOUR_MS),),), levels=(Level(0, (20,)),), min_runtime_ms=HOUR_MS)
    promises = (Promise(0, 3, 10, (9, 20)), Promise(1, 2, 10, (6, 20)))
    lab = Lab((10,), (team(), team(), others), promises, DAY_MS, warm_ms=HOUR_MS)
    assert certain(lab)
    result = run_kernel(lab, interpreted=interpreted)
    assert not result.disagreements
    assert [outcome.verdict for outcome in result.outcomes] == [KEPT, KEPT]
