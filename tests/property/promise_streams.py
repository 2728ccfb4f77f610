"""Random streams of what happens to a promise, for the account and for its slow twin."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction

from hypothesis import strategies as st

from equipoise.account import Scale, Stocks, Stretch
from tests.reference.promise_stocks import Moment

HEH = {"new": Fraction(13, 5), "old": Fraction(3, 10)}


@st.composite
def moments(draw: st.DrawFn, *, most_ms: int = 12) -> Moment:
    def per_pool(most: int) -> dict[str, int]:
        return {pool: draw(st.integers(0, most)) for pool in HEH}

    held = per_pool(6)
    others = per_pool(12)
    whole = {pool: held[pool] + others[pool] for pool in HEH}
    ms = draw(st.integers(0, most_ms))
    waiting = per_pool(8) if draw(st.booleans()) else dict.fromkeys(HEH, 0)
    pace = per_pool(10) if draw(st.booleans()) else dict.fromkeys(HEH, 0)
    return Moment(ms, whole, held, waiting, pace)


streams = st.lists(moments(), min_size=1, max_size=12)
shares = st.integers(1, 20).map(lambda n: Fraction(n, 20))
scales = shares.map(lambda share: Scale.of(share, HEH))


def after(stocks: Stocks, stream: Iterable[Moment], scale: Scale) -> Stocks:
    """Run the account over a stream; a moment of no length is a loss."""
    for moment in stream:
        stocks = one(stocks, moment, scale)
    return stocks


def one(stocks: Stocks, moment: Moment, scale: Scale) -> Stocks:
    whole, held = scale.weigh(moment.whole), scale.weigh(moment.held)
    if moment.ms == 0:
        return stocks.less(held, whole, scale)
    demand = held + scale.weigh(moment.waiting)
    return stocks.over(Stretch(moment.ms, whole, held, demand, scale.weigh(moment.pace)), scale)


def cut(moment: Moment, at_ms: int) -> list[Moment]:
    """Cut a moment in two; one of no length stays whole."""
    if not 0 < at_ms < moment.ms:
        return [moment]
    rest = (moment.whole, moment.held, moment.waiting, moment.pace)
    return [Moment(at_ms, *rest), Moment(moment.ms - at_ms, *rest)]
