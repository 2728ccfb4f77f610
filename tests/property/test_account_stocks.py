"""The six stocks of a promise against a twin that adds millisecond by millisecond in fractions, and their laws."""

from __future__ import annotations

import random
from dataclasses import replace
from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from equipoise.account import Answer, Close, Leaves, Scale, Span, Stocks, Terms, close_from_json, fold, judge
from equipoise.charter import Commitment, Window
from tests.property.promise_streams import HEH, after, cut, one, scales, streams
from tests.reference.promise_stocks import Moment, Twin

NAMES = ("owed", "delivered", "gross", "unclaimed", "surplus", "denied", "denied_both")
openings = st.builds(Stocks, make_good=st.integers(0, 3000), forfeit=st.booleans())


@settings(max_examples=400, deadline=None)
@given(streams, scales, openings)
def test_stocks_equal_the_twin_that_adds_millisecond_by_millisecond(
    stream: list[Moment], scale: Scale, opening: Stocks
) -> None:
    unit = scale.heh / scale.q
    twin = Twin(Fraction(scale.p, scale.q), HEH, opening.forfeit, opening.make_good * unit).run(stream)
    found = after(opening, stream, scale)
    assert [getattr(found, name) * unit for name in NAMES] == [getattr(twin, name) for name in NAMES]


@settings(max_examples=400)
@given(streams, scales, openings)
def test_stocks_balance_and_denied_keeps_its_bounds_at_every_step(
    stream: list[Moment], scale: Scale, opening: Stocks
) -> None:
    stocks = opening
    for moment in stream:
        stocks = one(stocks, moment, scale)
        assert stocks.owed == stocks.delivered + stocks.gross + stocks.unclaimed - stocks.surplus
        assert 0 <= stocks.denied <= stocks.arrears
        # Of both together at least as much is denied, and the difference is never more than what is to be made good.
        assert stocks.denied <= stocks.denied_both <= max(0, stocks.balance + stocks.make_good)
        assert stocks.make_good or stocks.denied_both == stocks.denied
        assert min(stocks.gross, stocks.unclaimed, stocks.surplus) >= 0


@settings(max_examples=400)
@given(streams, scales, openings, st.integers(0, 2**32))
def test_no_cut_into_whole_milliseconds_changes_anything(
    stream: list[Moment], scale: Scale, opening: Stocks, seed: int
) -> None:
    chance = random.Random(seed)
    pieces = [piece for moment in stream for piece in cut(moment, chance.randint(0, 12))]
    assert after(opening, pieces, scale) == after(opening, stream, scale)


@settings(max_examples=300)
@given(streams, scales, openings, st.integers(0, 2**32))
def test_closes_in_any_order_fold_into_the_whole(
    stream: list[Moment], scale: Scale, opening: Stocks, seed: int
) -> None:
    chance = random.Random(seed)
    stream = [*stream, Moment(1, {"new": 5}, {"new": 1}, {"new": 2}, {})]
    closes: list[Close] = []
    before = stocks = opening
    opened_ms = at_ms = 1_000_000
    for piece in (piece for moment in stream for piece in cut(moment, chance.randint(0, 12))):
        stocks, at_ms = one(stocks, piece, scale), at_ms + piece.ms
        last = piece.ms and (chance.random() < 0.5 or piece.whole == {"new": 5})
        if last:
            place = Span(closes[-1].to_ms if closes else opened_ms, at_ms)
            closes.append(Close.between(before, stocks, promise="p", text="", window_from_ms=opened_ms, span=place))
            before = stocks
    chance.shuffle(closes)
    again = [close_from_json(close.to_json()) for close in closes]
    assert again == closes
    record = fold(again, opening, span=Span(opened_ms, at_ms), promise="p", text="")
    assert (record.stocks, record.gaps) == (stocks, ())


@settings(max_examples=150, deadline=None)
@given(streams, streams, scales, openings)
def test_a_pool_added_later_counts_by_its_first_weight_and_nothing_that_was_counted_changes(
    stream: list[Moment], later: list[Moment], scale: Scale, opening: Stocks
) -> None:
    later = [
        *(replace(one, whole={**one.whole, "next": 7}) for one in later),
        Moment(1, {"new": 5}, {"new": 1}, {}, {}),
    ]
    first = [Moment(1, {"new": 5}, {"new": 1}, {}, {}), *stream]
    wider, parts = scale.with_pool("next", Fraction(1, 7))
    assert wider.with_pool("next", Fraction(3)) == (wider, 1)
    half = after(opening, first, scale)
    whole = after(half.in_parts(parts), later, wider)
    cut_ms = sum(one.ms for one in first)
    ends_ms = cut_ms + sum(one.ms for one in later)
    places = (Span(0, cut_ms), Span(cut_ms, ends_ms))
    closes = [
        Close.between(begin, end, promise="p", text="", window_from_ms=0, span=place, unit_parts=unit)
        for begin, end, place, unit in ((opening, half, places[0], 1), (half.in_parts(parts), whole, places[1], parts))
    ]
    record = fold(closes, opening, span=Span(0, ends_ms), promise="p", text="")
    assert (record.stocks, record.gaps, record.unit_parts) == (whole, (), parts)
    unit, opened = wider.heh / wider.q, scale.heh / scale.q
    share = Fraction(scale.p, scale.q)
    twin = Twin(share, HEH | {"next": Fraction(1, 7)}, opening.forfeit, opening.make_good * opened).run(
        [*first, *later]
    )
    assert [getattr(whole, name) * unit for name in NAMES] == [getattr(twin, name) for name in NAMES]
    assert scale.in_parts(parts).heh == wider.heh


def test_amounts_that_json_rounds_are_strings_of_digits() -> None:
    large = 3 << 60
    close = Close("p", "", 0, 0, 1, large, large, 0, 0, 0, 0, 0)
    assert close.to_json()["owed"] == "3458764513820540928"
    assert close_from_json(close.to_json()) == close
    edge = (1 << 53) - 1
    assert Close("p", "", 0, 0, 1, edge, edge, 0, 0, 0, 0, 0).to_json()["owed"] == edge
    assert Close("p", "", 0, 0, 1, -edge - 1, -edge - 1, 0, 0, 0, 0, 0).to_json()["owed"] == "-9007199254740992"


@settings(max_examples=400)
@given(streams, scales, openings, st.integers(0, 500))
def test_no_hour_is_counted_in_two_verdicts(stream: list[Moment], scale: Scale, opening: Stocks, grace: int) -> None:
    stocks = after(opening, [*stream, Moment(1, {"new": 5}, {"new": 1}, {"new": 2}, {})], scale)
    ends_ms = sum(moment.ms for moment in stream) + 1
    promise = Commitment(
        "p",
        "safety",
        Window(calendar="day"),
        tuple(HEH),
        at_least=Fraction(scale.p, scale.q),
        unused="forfeit" if opening.forfeit else "carry",
        make_good=Fraction(11, 10),
    )
    leaves = Leaves("safety", frozenset({"safety"}), frozenset())
    terms = Terms(promise, "", Span(0, ends_ms), scale, leaves, grace, opening.make_good)
    close = Close.between(opening, stocks, promise="p", text="", window_from_ms=0, span=terms.span)
    found = judge(terms, [close], now_ms=ends_ms)
    own, made = found.verdict, found.made_good
    assert (made is None) == (opening.make_good == 0)
    verdicts = [own] if made is None else [own, made]
    for one_of_them in verdicts:
        assert one_of_them.unclaimed >= 0 and one_of_them.denied >= 0
    # Every hour that was delivered is in one verdict, every hour that was denied in at most one.
    assert sum(verdict.delivered for verdict in verdicts) == stocks.delivered
    assert sum(verdict.denied for verdict in verdicts) <= stocks.denied_both
    assert own.denied == stocks.denied
    forgiven = [verdict.denied for verdict in verdicts if verdict.answer is Answer.KEPT_WITHIN_GRACE]
    assert sum(forgiven) <= grace
    if made is not None:
        assert made.owed == opening.make_good
        assert own.answer is Answer.KEPT or made.delivered == 0
        assert made.delivered == made.owed or own.surplus == 0
    assert 10 * found.carried - 11 * sum(verdict.broken_by for verdict in verdicts) in range(10)
