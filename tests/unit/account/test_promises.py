"""Promises as labs make and bend them: what the verdict says of each, with numbers that can be checked by hand."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

from equipoise.account import (
    Answer,
    Answered,
    Asked,
    Close,
    Span,
    Waiting,
    fold_requests,
    judge,
    open_window,
    pacing_grace,
    rolling_spans,
)
from equipoise.charter import Window
from equipoise.units import DAY_MS, HOUR_MS
from tests.unit.account.windows import (
    Hours,
    charter,
    close,
    closes,
    in_hours,
    judged,
    opened,
    played_with_budgets,
)

# ------------------------------------------------------------------------------- PACING, section 7: the rows of the account


def test_idle_then_a_backlog_at_full_pace_is_kept_but_unused() -> None:
    # 100 GPUs, a fifth: 20 owed. P_max = 30, so the team may stay away for a third of the window; it does for half.
    terms = opened(charter(), 100)
    found = judged(terms, [Hours(50, 100, 0), Hours(50, 100, 30, waiting=70, pace=30)])
    assert found.verdict.answer is Answer.KEPT_UNUSED
    assert in_hours(found, "owed", "delivered", "unclaimed", "denied") == [2000, 1500, 500, 0]


def test_staying_away_for_as_long_as_pacing_allows_is_made_whole() -> None:
    found = judged(opened(charter(), 90), [Hours(30, 100, 0), Hours(60, 100, 30, waiting=70, pace=30)])
    assert found.verdict.answer is Answer.KEPT


def test_denied_then_made_good_then_idle_is_kept_but_unused() -> None:
    parts = [Hours(100, 500, 0, waiting=500, pace=100), Hours(100, 500, 200, waiting=300, pace=100), Hours(100, 500, 0)]
    found = judged(opened(charter(), 300), parts)
    assert found.verdict.answer is Answer.KEPT_UNUSED
    assert in_hours(found, "owed", "delivered", "unclaimed", "denied") == [30_000, 20_000, 10_000, 0]
    gross = sum(one.gross for one in closes(found.terms, parts))
    assert found.terms.scale.heh_h(gross) == 10_000  # denied at first, and healed


def test_a_fake_job_that_pends_for_two_weeks_is_denied_what_it_pretends_to_be() -> None:
    terms = opened(charter(), 336)
    waiting = Waiting(terms.scale.q)
    waiting.submit("fake", size=64, work_gpu_ms=64 * HOUR_MS)
    _, stocks = played_with_budgets(terms, waiting, whole=512, held=0, hours=336, pace=102)
    assert (terms.scale.heh_h(stocks.gross), terms.scale.heh_h(stocks.denied)) == (64, 64)
    without = judged(terms, [Hours(336, 512, 0, waiting=64, pace=102)])
    assert in_hours(without, "denied") == [64 * 336]


def test_an_idle_share_that_others_hold_and_cannot_give_back_is_broken_beyond_the_grace() -> None:
    grace = pacing_grace(30, 8, HOUR_MS)
    terms = opened(charter(), 100, grace_gpu_ms=grace)
    assert terms.scale.heh_h(terms.grace) == 38
    within = judged(terms, [Hours(98, 100, 20), Hours(2, 100, 1, waiting=19)])
    assert within.verdict.answer is Answer.KEPT_WITHIN_GRACE
    assert in_hours(within, "denied", "broken_by") == [38, 0]
    beyond = judged(terms, [Hours(97, 100, 20), Hours(3, 100, 7, waiting=13)])
    assert beyond.verdict.answer is Answer.BROKEN
    assert in_hours(beyond, "denied", "broken_by") == [39, 39]


def test_a_late_surge_breaks_what_was_paced_just_in_time() -> None:
    found = judged(opened(charter(), 10), [Hours(9, 100, 20), Hours(1, 200, 20, waiting=40)])
    assert in_hours(found, "owed", "delivered", "broken_by") == [220, 200, 20]


def test_a_shortfall_within_grace_of_which_some_was_denied_is_kept_within_grace() -> None:
    found = judged(opened(charter(), 10, grace_gpu_ms=10 * HOUR_MS), [Hours(9, 100, 20), Hours(1, 100, 6, waiting=4)])
    assert found.verdict.answer is Answer.KEPT_WITHIN_GRACE
    assert in_hours(found, "unclaimed", "denied") == [10, 4]


# -------------------------------------------------------------------------------------------- what labs have been seen to do


def test_a_pledge_on_compute_secured_to_date_is_kept_while_the_lab_grows_away_from_it() -> None:
    # A fifth of the hundred GPUs of the day of the pledge. The lab has four hundred by the end.
    growth = [Hours(24, whole, held=20, waiting=180) for whole in (100, 200, 300, 400)]
    pledge = opened(charter(of="capacity at", capacity_at_ms=0), 96, capacity={"gpu": 100})
    assert judged(pledge, growth).verdict.answer is Answer.KEPT
    beside = judged(opened(charter(), 96), growth)
    assert beside.verdict.answer is Answer.BROKEN
    assert in_hours(beside, "owed", "delivered", "broken_by") == [4800, 1920, 2880]


def test_a_quarter_saved_by_its_last_week_while_the_rolling_promise_beside_it_was_broken() -> None:
    # Ninety days: nothing for 83 although it asks, then all of 300 GPUs for a week, paced to be made whole.
    owed = 100 * 24 * 83 // 5 + 300 * 24 * 7 // 5
    assert owed < 300 * 24 * 7
    days = [Hours(24, 100, 0, waiting=300) for _ in range(83)] + [Hours(24, 300, 300, pace=300) for _ in range(7)]
    quarter = judged(opened(charter(), 90 * 24), days)
    assert quarter.verdict.answer is Answer.KEPT
    rolling = charter(window=Window(rolling_days=28))
    answers: list[Answer] = []
    for span in rolling_spans(Window(rolling_days=28), "UTC", 0, 90 * DAY_MS):
        terms = open_window(rolling, "fifth", span)
        first = span.from_ms // DAY_MS
        own = closes(terms, days[first : first + 28])
        # As the policy hands them over: only the last close of a span has the span's own N.
        handed = [_of_another_span(one) if one.to_ms < span.to_ms else one for one in own]
        found = judge(terms, handed, now_ms=span.to_ms).verdict
        assert found == judge(terms, own, now_ms=span.to_ms).verdict
        answers.append(found.answer)
    assert len(answers) == 63
    assert answers[:56] == [Answer.BROKEN] * 56
    assert answers[-1] is Answer.KEPT


def _of_another_span(one: Close) -> Close:
    return replace(one, window_from_ms=one.window_from_ms - DAY_MS, denied=10**30, denied_both=10**30)


def test_product_work_that_is_moved_under_safety_does_not_pay_safety() -> None:
    before = charter(leaves=("product.applied", "product.chat", "safety.evals"))
    moved = charter(leaves=("product.chat", "safety.applied", "safety.evals", "safety.red-team"))
    terms = opened(before, 100)
    later = terms.leaves.amended({leaf.path for leaf in moved.leaves})
    assert sorted(later.counting) == ["safety.evals", "safety.red-team"]
    held = {"safety.evals": 5, "safety.applied": 14, "safety.red-team": 1}
    counted = sum(gpus for leaf, gpus in held.items() if leaf in later.counting)
    found = judged(terms, [Hours(100, 100, counted, waiting=30)])
    assert in_hours(found, "delivered", "broken_by") == [600, 1400]
    # The next window opens on the tree as it is then: whoever signed the amendment agreed to that.
    assert opened(moved, 100).leaves.counting == {"safety.applied", "safety.evals", "safety.red-team"}


def test_a_promise_in_new_devices_is_not_paid_in_old_ones() -> None:
    heh = {"new": Fraction(13, 5), "old": Fraction(3, 10)}
    part = Hours(100, {"new": 100, "old": 400}, {"new": 10, "old": 400}, waiting={"new": 40})
    everything = judged(opened(charter(heh, at_least=Fraction(3, 10)), 100), [part])
    # Of 260 + 120 H100-equivalents 26 + 120 are held: 38 %.
    assert everything.verdict.answer is Answer.KEPT
    assert in_hours(everything, "owed", "delivered") == [11_400, 14_600]
    new_only = judged(opened(charter(heh, at_least=Fraction(3, 10), pools=("new",)), 100), [part])
    assert new_only.verdict.answer is Answer.BROKEN
    assert in_hours(new_only, "owed", "delivered", "broken_by") == [7_800, 2_600, 5_200]


def test_refused_requests_are_demand_though_nothing_is_in_the_queue() -> None:
    terms = opened(charter(), 100)
    empty = judged(terms, [Hours(100, 100, 5)])
    assert empty.verdict.answer is Answer.KEPT_UNUSED
    asked = Asked("r1", "safety", "probes", "interpretability", "a sweep", "gpu", 1200 * HOUR_MS, terms.span)
    refused = fold_requests([asked, Answered("r1", 200 * HOUR_MS, "the product launches")])["r1"]
    waiting = Waiting(terms.scale.q)
    waiting.submit("r1", size=refused.refused_gpus, work_gpu_ms=refused.refused_gpu_ms)
    before, after = played_with_budgets(terms, waiting, whole=100, held=5, hours=100)
    found = judge(terms, [close(terms, before, after, terms.span)], now_ms=terms.span.to_ms)
    assert found.verdict.answer is Answer.BROKEN
    # 1,000 GPU-hours were refused: ten GPUs for the window, and that once.
    assert in_hours(found, "owed", "delivered", "unclaimed", "denied") == [2000, 500, 500, 1000]
    assert waiting.demand == 0


def test_a_weight_that_changes_while_a_window_is_open_changes_the_next_one_only() -> None:
    heh = {"new": Fraction(2), "old": Fraction(1)}
    revised = heh | {"new": Fraction(4)}
    part = Hours(10, {"new": 10, "old": 20}, {"old": 8}, waiting={"old": 8})
    first = opened(charter(heh), 10)
    assert judged(first, [part]).verdict.answer is Answer.KEPT  # 8 of 40
    second = opened(charter(revised, digest="sha256:" + "11" * 32), 10, from_ms=first.span.to_ms)
    found = judged(second, [part])  # 8 of 60
    assert found.verdict.answer is Answer.BROKEN
    assert in_hours(found, "owed", "delivered", "broken_by") == [120, 80, 40]
    assert first.scale.weights == {"new": 2, "old": 1}


def test_a_lab_that_stops_every_job_before_its_savepoint_has_not_delivered() -> None:
    # It holds 20 of 100 all the time; the last 500 GPU-hours of its work are lost, and 100 of others'.
    found = judged(opened(charter(), 100), [Hours(99, 100, 20), (500, 600), Hours(1, 100, 20)])
    assert found.verdict.answer is Answer.BROKEN
    # Owed: a fifth of 10,000 − 600. Nobody else's loss is the team's.
    assert in_hours(found, "owed", "delivered", "denied") == [1880, 1500, 380]


def test_losses_of_others_alone_take_nothing_from_the_team() -> None:
    found = judged(opened(charter(), 10), [Hours(9, 100, 20), (0, 400), Hours(1, 100, 20)])
    assert found.verdict.answer is Answer.KEPT
    assert in_hours(found, "owed", "delivered", "surplus") == [120, 200, 80]


def test_hours_that_lapse_at_once_are_not_owed_later() -> None:
    parts = [Hours(50, 100, 0), Hours(50, 100, 20)]
    carry = judged(opened(charter(), 100), parts)
    forfeit = judged(opened(charter(unused="forfeit"), 100), parts)
    assert carry.verdict.answer is Answer.KEPT_UNUSED
    assert forfeit.verdict.answer is Answer.KEPT
    assert in_hours(forfeit, "owed", "delivered", "unclaimed") == [1000, 1000, 0]
    assert forfeit.terms.scale.heh_h(forfeit.lapsed) == 1000


def test_an_edge_between_spans_is_where_the_next_begins() -> None:
    spans = list(rolling_spans(Window(rolling_days=3), "UTC", 0, 9 * DAY_MS))
    assert spans[0] == Span(0, 3 * DAY_MS)
    assert all(after.from_ms - before.from_ms == DAY_MS for before, after in pairwise(spans))
