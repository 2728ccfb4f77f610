"""The answer about a window: whether the promise was kept.

The first rule that fits decides (PACING, section 4):

1. *broken* where the charter was re-founded while the window was open;
2. *undecided* while the record has gaps, and *broken* if it still has them `settle` after the window's end;
3. *kept* if at least as much was delivered as was owed;
4. *kept, unused* if nothing was denied: what is missing was not asked for, or was made up for as far as it was;
5. *kept within grace* if no more was denied than the grace;
6. *broken* by what was denied.

`at_most` knows only kept and broken, by what was delivered above the limit; it is judged by the denominator that the
limit follows. A promise of starts is judged by counts (``starts``).

Hours that a window makes good get a verdict of their own. What is delivered pays the window's own hours first and these
then, what is denied is denied of the window's own first, and the grace is given once: no hour is counted twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from enum import StrEnum
from fractions import Fraction
from typing import Any

from equipoise.account.close import Close, Record, fold
from equipoise.account.stocks import Stocks
from equipoise.account.terms import Terms
from equipoise.account.window import Span
from equipoise.units import json_integer


class Answer(StrEnum):
    """The five answers."""

    KEPT = "kept"
    KEPT_UNUSED = "kept, unused"
    KEPT_WITHIN_GRACE = "kept within grace"
    BROKEN = "broken"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True)
class Verdict:
    """An answer and the numbers that it follows from, in stock units.

    Parameters
    ----------
    answer : Answer
    owed, delivered : int
        Hours owed, and hours delivered towards them.
    unclaimed : int
        What is missing and was not denied.
    denied : int
        What is missing and was denied.
    surplus : int
        What was delivered beyond the owed, and pays for nothing.
    broken_by : int
        What was denied (`at_most`: what was delivered above the limit), if it is broken; else 0.
    """

    answer: Answer
    owed: int
    delivered: int
    unclaimed: int
    denied: int
    surplus: int
    broken_by: int

    def to_json(self) -> dict[str, int | str]:
        """Return it as JSON's values: amounts of 2^53 or more as strings of digits."""
        numbers = {field.name: getattr(self, field.name) for field in fields(self)[1:]}
        return {"answer": self.answer.value} | {name: json_integer(value) for name, value in numbers.items()}

    def __post_init__(self) -> None:
        assert self.owed + self.surplus == self.delivered + self.unclaimed + self.denied, self


@dataclass(frozen=True, slots=True)
class Judgement:
    """What is said of a window when it is over.

    Parameters
    ----------
    terms : Terms
        What it was judged by, in the unit of the numbers.
    verdict : Verdict
        Of the window's own hours.
    made_good : Verdict or None
        Of the hours of the window before; None where there were none.
    gaps : tuple of Span
        What the record lacks.
    lapsed : int
        Unclaimed hours that lapsed at once and are not in ``owed`` (`unused: forfeit`), in stock units.
    refounded_ms : int or None
        When a re-founding broke it.
    """

    terms: Terms
    verdict: Verdict
    made_good: Verdict | None
    gaps: tuple[Span, ...]
    lapsed: int
    refounded_ms: int | None = None

    @property
    def carried(self) -> int:
        """A, what the next window makes good: the promised part of the broken hours of both verdicts, rounded up.

        Nothing of a rolling promise, whose spans have no next one, and of a ceiling.
        """
        promise = self.terms.promise
        if promise.kind != "at_least" or promise.window.calendar is None:
            return 0
        broken = self.verdict.broken_by + (self.made_good.broken_by if self.made_good else 0)
        owed = promise.make_good * broken
        return -(-owed.numerator // owed.denominator)

    @property
    def carried_heh_ms(self) -> Fraction:
        """The same in H100-equivalent milliseconds, as ``open_window`` takes it."""
        return Fraction(self.carried, self.terms.scale.q) * self.terms.scale.heh

    def to_json(self) -> dict[str, Any]:
        """Return the answer and its numbers as JSON's values, the same for whoever judges by the same closes."""
        values: dict[str, Any] = {"verdict": self.verdict.to_json(), "lapsed": json_integer(self.lapsed)}
        if self.made_good is not None:
            values["made_good"] = self.made_good.to_json()
        if self.gaps:
            values["gaps"] = [[gap.from_ms, gap.to_ms] for gap in self.gaps]
        if self.refounded_ms is not None:
            values["refounded_ms"] = self.refounded_ms
        return values


def judge(
    terms: Terms,
    closes: Sequence[Close],
    *,
    now_ms: int,
    gaps: Sequence[Span] = (),
    refounded_ms: int | None = None,
) -> Judgement:
    """Judge a window of hours: a calendar window, or one span of a rolling promise at its edge.

    Parameters
    ----------
    terms : Terms
        What it is judged by.
    closes : Sequence of Close
        Those of the window, in any order.
    now_ms : int
        When it is asked. Before the window's end the record has a gap.
    gaps : Sequence of Span
        Times whose record is not vouched for (``Evidence.gaps``), beside those that no close covers.
    refounded_ms : int or None
        When the charter was re-founded while the window was open (``Evidence.refounded``).

    Raises
    ------
    VerificationError
        A102 or A103, when the closes cannot be the record of this window.
    """
    assert terms.promise.kind != "starts", "starts are judged by counts"
    record = fold(closes, terms.opening, span=terms.span, promise=terms.promise.name, text=terms.text)
    terms = terms.in_parts(record.unit_parts)
    missing = tuple(sorted({*record.gaps, *gaps}, key=lambda span: (span.from_ms, span.to_ms)))
    settled = now_ms >= terms.span.to_ms + terms.promise.settle_ms
    verdict, made_good = _verdicts(terms, record)
    if missing or refounded_ms is not None:
        answer = Answer.BROKEN if settled or refounded_ms is not None else Answer.UNDECIDED
        verdict = _unvouched(verdict, answer)
        made_good = None if made_good is None else _unvouched(made_good, answer)
    lapsed = record.stocks.unclaimed if record.stocks.forfeit else 0
    return Judgement(terms, verdict, made_good, missing, lapsed, refounded_ms)


def _verdicts(terms: Terms, record: Record) -> tuple[Verdict, Verdict | None]:
    stocks = record.stocks
    if terms.promise.kind == "at_most":
        return _limit(stocks), None
    owed, delivered, beyond = stocks.balance + stocks.delivered, stocks.delivered, max(0, -stocks.balance)
    to_old = min(stocks.make_good, beyond)
    own = _hours(owed, delivered - to_old, denied=stocks.denied, grace=terms.grace)
    if not stocks.make_good:
        return own, None
    # The surplus that pays old hours is not the window's own, and what is denied of both is its own first.
    missing = stocks.make_good - to_old
    denied = min(missing, stocks.denied_both - stocks.denied)
    grace = max(0, terms.grace - stocks.denied)
    return own, _hours(stocks.make_good, to_old, denied=denied, grace=grace)


def _hours(owed: int, delivered: int, *, denied: int, grace: int) -> Verdict:
    shortfall = max(0, owed - delivered)
    if not shortfall:
        answer = Answer.KEPT
    elif not denied:
        answer = Answer.KEPT_UNUSED
    elif denied <= grace:
        answer = Answer.KEPT_WITHIN_GRACE
    else:
        answer = Answer.BROKEN
    broken_by = denied if answer is Answer.BROKEN else 0
    return Verdict(answer, owed, delivered, shortfall - denied, denied, max(0, delivered - owed), broken_by)


def _limit(stocks: Stocks) -> Verdict:
    over = max(0, stocks.delivered - stocks.owed)
    answer = Answer.BROKEN if over else Answer.KEPT
    unused = max(0, stocks.owed - stocks.delivered)
    return Verdict(answer, stocks.owed, stocks.delivered, unused, 0, over, over)


def _unvouched(verdict: Verdict, answer: Answer) -> Verdict:
    """Return the numbers that are known under the answer that a record with gaps has."""
    by = (verdict.denied or verdict.broken_by) if answer is Answer.BROKEN else 0
    numbers = (verdict.owed, verdict.delivered, verdict.unclaimed, verdict.denied, verdict.surplus)
    return Verdict(answer, *numbers, broken_by=by)
