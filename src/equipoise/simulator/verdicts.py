"""What a run says about its promises: every window that it saw to its end is judged; of those it did not, how they stand.

The kernel counted; `equipoise.account` judges, by nothing but the totals at the two ends of a window.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from equipoise.account import Close, Judgement, Span, Stocks, Terms, judge, open_window, pacing_grace
from equipoise.account.scale import Scale
from equipoise.policy.core import PROMISE_TOTALS, WINDOW_TOTALS
from equipoise.policy.kernel.layout import NEVER
from equipoise.policy.promises import Promised, asks

Totals = Mapping[int, tuple[NDArray[np.int64], NDArray[np.int64]]]


@dataclass(frozen=True, slots=True)
class Window:
    """A window of a promise in a run.

    Parameters
    ----------
    promised : Promised
    span : Span
        Milliseconds since the run's origin; ``to_ms`` is where the window ends, though the run may have ended before.
    seen_ms : int
        Up to where the run goes.
    terms : Terms
    stocks : Stocks
        Since the window began, at ``seen_ms``.
    judgement : Judgement or None
        None where the run ended before the window did.
    lost_ms : int or None
        The point of no return: from when on not even the most that pacing may ask for would keep it.
    """

    promised: Promised
    span: Span
    seen_ms: int
    terms: Terms
    stocks: Stocks
    judgement: Judgement | None
    lost_ms: int | None


def windows_seen(promised: tuple[Promised, ...], totals: Totals, origin_ms: int) -> list[Window]:
    """Return every window of the accounted promises that a run saw, by promise and time.

    Parameters
    ----------
    promised : tuple of Promised
    totals : mapping
        `Run.promises`.
    origin_ms : int
        Unix time of the run's origin (0 of a log without a calendar).
    """
    found: list[Window] = []
    times = sorted(totals)
    for one in promised:
        if one.foreign:
            continue
        latest: dict[int, int] = {}  # window's beginning -> the last time at which it was still open
        for at_ms in times:
            rows = totals[at_ms][1][one.first_span : one.first_span + one.spans]
            for from_ms, to_ms in rows[:, :2].tolist():
                if from_ms < at_ms <= to_ms < NEVER:
                    latest[from_ms] = at_ms
        found += [window_at(one, totals, from_ms, latest[from_ms], origin_ms) for from_ms in sorted(latest)]
    return found


def carried(promised: tuple[Promised, ...], one: Promised, totals: Totals, at_ms: int, origin_ms: int) -> int:
    """Return what a calendar window that begins at ``at_ms`` has to make good of the one that ends there, in its stock units.

    What is to be made good is said by the text of the window that ends; hours stay hours where the weights of pools change.
    """
    owed_heh_ms = Fraction(0)
    for before in promised:
        if not before.foreign and before.promise.name == one.promise.name and before.promise.make_good:
            row = totals[at_ms][1][before.first_span]
            if before.promise.window.calendar and int(row[1]) == at_ms:
                judgement = window_at(before, totals, int(row[0]), at_ms, origin_ms).judgement
                owed_heh_ms += judgement.carried_heh_ms if judgement is not None else 0
    scale = Scale.of_promise(one.charter, one.promise)
    made_good = owed_heh_ms / scale.heh * scale.q
    return -(-made_good.numerator // made_good.denominator)


def window_at(one: Promised, totals: Totals, from_ms: int, at_ms: int, origin_ms: int) -> Window:
    """Return the window of a promise that began at ``from_ms`` as it stands at ``at_ms``; totals of both times are known."""
    promises, rows = totals[at_ms]
    row = next(row for row in rows[one.first_span : one.first_span + one.spans].tolist() if row[0] == from_ms)
    told = dict(zip(WINDOW_TOTALS, row, strict=True))
    terms = terms_of(one, Span(origin_ms + from_ms, origin_ms + told["to_ms"]), told["make_good"])
    before = stocks_of(totals[from_ms][0][one.number])
    now = stocks_of(promises[one.number])
    opening = terms.opening
    after = Stocks(
        now.owed - before.owed,
        now.delivered - before.delivered,
        now.gross - before.gross,
        now.unclaimed - before.unclaimed,
        now.surplus - before.surplus,
        told["denied"],
        told["denied_both"],
        opening.make_good,
        opening.forfeit,
    )
    judgement = None
    if at_ms == told["to_ms"]:
        close = Close.between(
            opening, after, promise=one.promise.name, text=terms.text, window_from_ms=terms.span.from_ms, span=terms.span
        )  # fmt: skip
        judgement = judge(terms, [close], now_ms=terms.span.to_ms)
    lost_ms = told["lost_ms"] if told["lost_ms"] >= 0 else None
    return Window(one, Span(from_ms, told["to_ms"]), at_ms, terms, after, judgement, lost_ms)


def terms_of(one: Promised, span: Span, make_good: int) -> Terms:
    """Return what a window is judged by: its grace is what pacing leaves to chance, (P_max + s) tau (PACING 3)."""
    charter = one.charter
    expected = {pool.name: pool.capacity for pool in charter.pools if pool.name in one.weights}
    grace = 0
    if one.promise.kind == "at_least":
        most = asks(one, charter, expected)
        pace_max = sum(one.weights[name] * ask.most for name, ask in most.items())
        grace = pacing_grace(pace_max, max(one.weights.values()) * one.largest, one.margin_ms // 2)
    terms = open_window(
        charter,
        one.promise.name,
        span,
        grace_gpu_ms=grace,
        capacity=expected if one.promise.of == "capacity at" else None,
    )
    if not make_good:
        return terms
    return open_window(
        charter,
        one.promise.name,
        span,
        grace_gpu_ms=grace,
        make_good_heh_ms=Fraction(make_good, terms.scale.q) * terms.scale.heh,
        capacity=expected if one.promise.of == "capacity at" else None,
    )


def stocks_of(row: NDArray[np.int64]) -> Stocks:
    """Return the stocks in a row of a promise's totals; what was denied its windows know."""
    told = dict(zip(PROMISE_TOTALS, row.tolist(), strict=True))
    return Stocks(told["owed"], told["delivered"], told["gross"], told["unclaimed"], told["surplus"])
