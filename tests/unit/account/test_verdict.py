"""Verdicts at their boundaries: gaps, settling, ceilings, hours to make good, promises of starts."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest

from equipoise.account import (
    Answer,
    Close,
    Span,
    StartCounts,
    Stretch,
    can_be_made_good,
    judge,
    judge_starts,
    open_window,
)
from equipoise.charter import Window
from equipoise.charter.promise import Starts as StartsPromise
from equipoise.errors import InputError, VerificationError
from equipoise.units import DAY_MS, HOUR_MS
from tests.unit.account.windows import Hours, charter, closes, in_hours, judged, opened, stretch

SHORT = [Hours(10, 100, 10, waiting=10)]  # of 20 owed an hour, 10 held, 10 denied


@pytest.mark.parametrize(
    ("grace_gpu_ms", "answer"),
    [(100 * HOUR_MS, Answer.KEPT_WITHIN_GRACE), (100 * HOUR_MS - 1, Answer.BROKEN), (0, Answer.BROKEN)],
)
def test_grace_is_exact_to_the_millisecond(grace_gpu_ms: int, answer: Answer) -> None:
    assert judged(opened(charter(), 10, grace_gpu_ms=grace_gpu_ms), SHORT).verdict.answer is answer


def test_one_millisecond_too_little_is_not_kept() -> None:
    lab = charter()
    terms = opened(lab, 10)
    whole = closes(terms, [Hours(10, 100, 20)])
    assert judge(terms, whole, now_ms=terms.span.to_ms).verdict.answer is Answer.KEPT
    less = replace(whole[0], delivered=whole[0].delivered - 1, gross=1, denied=1, denied_both=1)
    found = judge(terms, [less], now_ms=terms.span.to_ms).verdict
    assert (found.answer, found.broken_by) == (Answer.BROKEN, 1)


def test_a_record_with_gaps_is_undecided_and_broken_when_it_should_have_been_complete() -> None:
    terms = opened(charter(settle_ms=2 * DAY_MS), 30)
    three = closes(terms, [Hours(10, 100, 20), Hours(10, 100, 20), Hours(10, 100, 20)])
    without_second = [three[0], three[2]]
    settled_ms = terms.span.to_ms + 2 * DAY_MS
    early = judge(terms, without_second, now_ms=settled_ms - 1)
    assert early.verdict.answer is Answer.UNDECIDED
    assert early.gaps == (Span(10 * HOUR_MS, 20 * HOUR_MS),)
    assert judge(terms, without_second, now_ms=settled_ms).verdict.answer is Answer.BROKEN
    # A close that comes late settles it, whenever it comes.
    assert judge(terms, [*without_second, three[1]], now_ms=settled_ms).verdict.answer is Answer.KEPT


def test_a_record_that_nobody_witnessed_has_a_gap_too() -> None:
    terms = opened(charter(), 10)
    made = closes(terms, [Hours(10, 100, 20)])
    unwitnessed = [Span(HOUR_MS, 3 * HOUR_MS)]
    found = judge(terms, made, now_ms=terms.span.to_ms, gaps=unwitnessed)
    assert (found.verdict.answer, found.gaps) == (Answer.UNDECIDED, tuple(unwitnessed))


def test_a_window_that_still_runs_is_undecided() -> None:
    terms = opened(charter(), 20)
    found = judge(terms, closes(terms, [Hours(10, 100, 20)]), now_ms=10 * HOUR_MS)
    assert found.verdict.answer is Answer.UNDECIDED
    assert in_hours(found, "owed", "delivered") == [200, 200]


def test_a_ceiling_is_kept_or_broken_by_what_is_above_it() -> None:
    lab = charter(at_most=Fraction(3, 5))
    at = judged(opened(lab, 10), [Hours(5, 100, 80), Hours(5, 100, 40)])
    assert at.verdict.answer is Answer.KEPT
    assert in_hours(at, "owed", "delivered", "broken_by") == [600, 600, 0]
    above = judged(opened(lab, 10, grace_gpu_ms=10**9), [Hours(5, 100, 80), Hours(5, 100, 41)])
    assert above.verdict.answer is Answer.BROKEN  # grace is for what is denied, not for what is taken
    assert in_hours(above, "owed", "delivered", "broken_by") == [600, 605, 5]
    assert above.carried == 0


def test_a_ceiling_has_the_denominator_that_it_names() -> None:
    # Of 60 delivered, 40 are more than 60 %; of the 100 that are there they are not.
    of_delivered = judged(opened(charter(at_most=Fraction(3, 5)), 10), [Hours(10, 60, 40)])
    of_capacity = judged(opened(charter(at_most=Fraction(3, 5), of="capacity"), 10), [Hours(10, 100, 40)])
    assert [of_delivered.verdict.answer, of_capacity.verdict.answer] == [Answer.BROKEN, Answer.KEPT]


# ------------------------------------------------------------------------------------------------------- hours to make good


def test_broken_hours_are_made_good_in_the_next_window_after_its_own() -> None:
    lab = charter(make_good=Fraction(11, 10))
    first = judged(opened(lab, 10), SHORT)
    assert in_hours(first, "broken_by") == [100]
    assert first.terms.scale.heh_h(first.carried) == 110
    second = opened(lab, 10, from_ms=first.terms.span.to_ms, make_good_heh_ms=first.carried_heh_ms)
    # 200 owed and 110 to make good; 290 are delivered, paced at 31 and asked for all the time.
    found = judged(second, [Hours(10, 100, 29, waiting=10, pace=31)])
    assert found.verdict.answer is Answer.KEPT
    assert in_hours(found, "owed", "delivered", "surplus") == [200, 200, 0]
    made = found.made_good
    assert made is not None
    assert made.answer is Answer.BROKEN
    hours = [second.scale.heh_h(part) for part in (made.owed, made.delivered, made.denied, made.unclaimed)]
    assert hours == [110, 90, 20, 0]
    # Twenty hours are broken a second time, and made good once more.
    assert second.scale.heh_h(found.carried) == 22


def test_the_windows_own_hours_are_paid_first_and_grace_is_given_once() -> None:
    lab = charter(make_good=Fraction(1))
    terms = opened(lab, 10, grace_gpu_ms=60 * HOUR_MS, make_good_heh_ms=Fraction(50 * HOUR_MS))
    found = judged(terms, [Hours(10, 100, 15, waiting=85, pace=25)])
    assert found.verdict.answer is Answer.KEPT_WITHIN_GRACE
    assert in_hours(found, "owed", "delivered", "denied") == [200, 150, 50]
    made = found.made_good
    assert made is not None
    # All fifty of the old hours are denied as well, and only ten hours of grace are left.
    assert made.answer is Answer.BROKEN
    assert (terms.scale.heh_h(made.delivered), terms.scale.heh_h(made.broken_by)) == (0, 50)
    assert terms.scale.heh_h(found.carried) == 50


def test_old_hours_that_are_not_asked_for_are_unused() -> None:
    terms = opened(charter(), 10, make_good_heh_ms=Fraction(50 * HOUR_MS))
    found = judged(terms, [Hours(10, 100, 20)])
    made = found.made_good
    assert made is not None
    assert (found.verdict.answer, made.answer) == (Answer.KEPT, Answer.KEPT_UNUSED)


def test_surplus_beyond_the_old_hours_is_surplus() -> None:
    terms = opened(charter(), 10, make_good_heh_ms=Fraction(50 * HOUR_MS))
    found = judged(terms, [Hours(10, 100, 30)])
    made = found.made_good
    assert made is not None
    assert in_hours(found, "owed", "delivered", "surplus") == [200, 250, 50]
    assert (made.answer, terms.scale.heh_h(made.delivered)) == (Answer.KEPT, 50)


def test_more_than_a_window_can_hold_is_said_to_be_infeasible() -> None:
    # P_max 30 and φC 20 leave ten GPUs for 9 of the 10 hours.
    at = opened(charter(), 10, make_good_heh_ms=Fraction(90 * HOUR_MS))
    above = opened(charter(), 10, make_good_heh_ms=Fraction(90 * HOUR_MS + 1))
    assert can_be_made_good(at, pace_max=30, capacity=100, spare_ms=HOUR_MS)
    assert not can_be_made_good(above, pace_max=30, capacity=100, spare_ms=HOUR_MS)
    assert not can_be_made_good(above, pace_max=30, capacity=100, spare_ms=11 * HOUR_MS)


def test_what_is_made_good_is_rounded_up() -> None:
    terms = opened(charter(make_good=Fraction(1, 3)), 1)
    made = closes(terms, [Hours(1, 100, 20)])
    less = replace(made[0], delivered=made[0].delivered - 4, gross=4, denied=4, denied_both=4)
    assert judge(terms, [less], now_ms=terms.span.to_ms).carried == 2


def test_hours_to_make_good_keep_their_worth_when_the_promise_and_the_weights_change() -> None:
    heh = {"new": Fraction(13, 5), "old": Fraction(3, 10)}
    terms = opened(charter(heh, at_least=Fraction(1, 4)), 10, make_good_heh_ms=Fraction(100 * HOUR_MS))
    assert terms.scale.heh_h(terms.make_good) == 100
    # What is no whole number of the new unit is rounded up: a third of a millisecond is two fifths.
    assert opened(charter(), 10, make_good_heh_ms=Fraction(1, 3)).make_good == 2


def test_a_pool_that_comes_while_the_window_is_open_divides_the_unit_and_changes_no_verdict() -> None:
    terms = opened(charter(make_good=Fraction(1)), 10, grace_gpu_ms=99 * HOUR_MS)
    wider, parts = terms.scale.with_pool("new", Fraction(13, 5))
    assert (wider.weights, parts) == ({"gpu": 5, "new": 13}, 5)
    half = closes(terms, [Hours(5, 100, 10, waiting=10)])
    before = terms.opening.over(stretch(terms, Hours(5, 100, 10, waiting=10)), terms.scale).in_parts(parts)
    after = before.over(Stretch(5 * HOUR_MS, wider.weigh({"gpu": 100}), 50, 100), wider)
    rest = Close.between(
        before,
        after,
        promise="fifth",
        text=terms.text,
        window_from_ms=0,
        span=Span(5 * HOUR_MS, 10 * HOUR_MS),
        unit_parts=parts,
    )
    found = judge(terms, [rest, *half], now_ms=terms.span.to_ms)
    same = judged(terms, SHORT)
    names = ("owed", "delivered", "unclaimed", "denied", "broken_by")
    assert in_hours(found, *names) == in_hours(same, *names) == [200, 100, 0, 100, 100]
    assert found.carried_heh_ms == same.carried_heh_ms == 100 * HOUR_MS
    forgiving = replace(terms, grace=terms.grace + terms.scale.q * HOUR_MS)
    assert judge(forgiving, [rest, *half], now_ms=terms.span.to_ms).verdict.answer is Answer.KEPT_WITHIN_GRACE


def test_a_rolling_promise_has_no_next_window_to_make_good_in() -> None:
    found = judged(
        opened(charter(make_good=Fraction(1), window=Window(rolling_days=1)), 24), [Hours(24, 100, 0, waiting=20)]
    )
    assert found.verdict.answer is Answer.BROKEN
    assert (found.carried, found.carried_heh_ms) == (0, 0)


# ---------------------------------------------------------------------------------------------------------------- closes


def test_closes_that_do_not_belong_together_are_refused() -> None:
    terms = opened(charter(), 20)
    first, second = closes(terms, [Hours(10, 100, 20), Hours(10, 100, 20)])
    wrong = [
        [first, first, second],
        [first, replace(second, from_ms=second.from_ms - 1)],
        [first, replace(second, to_ms=second.to_ms + 1)],
        [replace(first, from_ms=-1), second],
        [replace(first, to_ms=first.from_ms), second],
        [first, replace(second, promise="other")],
        [first, replace(second, window_from_ms=HOUR_MS)],  # else its N would be left out, and 0 instead
        [first, replace(second, text="sha256:" + "00" * 32)],
    ]
    for made in wrong:
        with pytest.raises(VerificationError) as caught:
            judge(terms, made, now_ms=terms.span.to_ms)
        assert caught.value.code == "A102"


@pytest.mark.parametrize(
    "changed",
    [
        {"owed": 1},
        {"delivered": 1},
        {"gross": -1},
        {"unclaimed": 1},
        {"surplus": 1},
        {"denied": 1},
        {"denied": -1},
        {"denied_both": 1},
        {"surplus": -1, "unclaimed": -1},
        {"delivered": 1, "gross": -1},
    ],
)
def test_a_number_that_was_changed_alone_is_refused(changed: dict[str, int]) -> None:
    terms = opened(charter(), 10)
    (made,) = closes(terms, SHORT)
    forged = replace(made, **{name: getattr(made, name) + by for name, by in changed.items()})
    with pytest.raises(VerificationError) as caught:
        judge(terms, [forged], now_ms=terms.span.to_ms)
    assert caught.value.code == "A103"


def test_a_promise_that_is_not_there_and_a_capacity_that_is_not_in_the_record_are_refused() -> None:
    span = Span(0, DAY_MS)
    with pytest.raises(InputError, match="no promise 'sixth'") as caught:
        open_window(charter(), "sixth", span)
    assert caught.value.code == "A201"
    for lab, capacity in [(charter(of="capacity at", capacity_at_ms=0), None), (charter(), {"gpu": 100})]:
        with pytest.raises(InputError, match="its capacity is") as caught:
            open_window(lab, "fifth", span, capacity=capacity)
        assert caught.value.code == "A202"


# ---------------------------------------------------------------------------------------------------------------- starts

WITHIN = charter(
    starts=StartsPromise(jobs_up_to=16, within_ms=4 * HOUR_MS, at_least=Fraction(9, 10)),
    window=Window(rolling_days=28),
    settle_ms=DAY_MS,
)


@pytest.mark.parametrize(
    ("parts", "answer", "broken_by"),
    [
        ([StartCounts(in_time=9, late=1)], Answer.KEPT, 0),
        ([StartCounts(in_time=5), StartCounts(in_time=4, late=1)], Answer.KEPT, 0),
        ([StartCounts(in_time=9, late=1, refused=1)], Answer.BROKEN, 1),  # ⌈0.9 × 11⌉ = 10 were needed
        ([StartCounts(refused=3)], Answer.BROKEN, 3),
        ([], Answer.KEPT, 0),  # nobody came
        ([StartCounts(in_time=9, late=1, open=1)], Answer.UNDECIDED, 0),
    ],
)
def test_starts_are_judged_by_the_share_in_time(parts: list[StartCounts], answer: Answer, broken_by: int) -> None:
    terms = opened(WITHIN, 28 * 24)
    found = judge_starts(terms, parts, now_ms=terms.span.to_ms)
    assert (found.answer, found.broken_by) == (answer, broken_by)


def test_starts_with_gaps_are_undecided_until_they_should_have_settled() -> None:
    terms = opened(WITHIN, 24)
    enough = [StartCounts(in_time=10)]
    assert judge_starts(terms, enough, now_ms=HOUR_MS).answer is Answer.UNDECIDED
    assert judge_starts(terms, enough, now_ms=2 * DAY_MS - 1, gaps=True).answer is Answer.UNDECIDED
    assert judge_starts(terms, enough, now_ms=2 * DAY_MS, gaps=True).answer is Answer.BROKEN
