"""A close: the exact totals of one promise over an interval. It is what the policy hands over and what is published.

Closes of a window, in order, fold into what the window is judged by (:func:`fold`): everything adds up but ``denied``,
which is the value that N has reached since its window began, so the last one holds.

In JSON an amount of 2^53 or more is a string of decimal digits, for most readers of JSON would round it; every value has
one spelling, and :func:`close_from_json` refuses all others.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from math import lcm

from equipoise.account.stocks import Stocks
from equipoise.account.window import Span
from equipoise.errors import VerificationError
from equipoise.units import json_integer, read_json_integer, shown

_DIGEST = re.compile(r"(sha256:[0-9a-f]{64})?\Z")
_NAME = re.compile(r"[a-z][a-z0-9-]{0,62}\Z")


@dataclass(frozen=True, slots=True)
class Close:
    """Totals of a promise over ``[from_ms, to_ms)``, in the stock units of its window (``scale``).

    Parameters
    ----------
    promise, text : str
        The promise's name, and the digest of the charter that the window is judged by.
    window_from_ms : int
        When the window began that ``denied`` and ``denied_both`` are of. Of a rolling promise it is the span that ends
        with this close.
    from_ms, to_ms : int
        The interval, Unix milliseconds.
    owed, delivered, gross, unclaimed, surplus : int
        O, S, V, U and X of the interval. Losses of earlier hours can make owed and delivered negative; a struck charge,
        gross.
    denied, denied_both : int
        N and N* at ``to_ms``, since the window began. Without hours to make good they are equal.
    unit_parts : int
        Into how many parts the window's unit is divided, so that a pool that was added while it is open can be counted
        (``Scale.with_pool``); 1 if there was none.
    """

    promise: str
    text: str
    window_from_ms: int
    from_ms: int
    to_ms: int
    owed: int
    delivered: int
    gross: int
    unclaimed: int
    surplus: int
    denied: int
    denied_both: int
    unit_parts: int = 1

    @classmethod
    def between(
        cls,
        before: Stocks,
        after: Stocks,
        *,
        promise: str,
        text: str,
        window_from_ms: int,
        span: Span,
        unit_parts: int = 1,
    ) -> Close:
        """Return the close of a span, given a window's stocks at its two ends, both in the same unit."""
        return cls(
            promise,
            text,
            window_from_ms,
            span.from_ms,
            span.to_ms,
            after.owed - before.owed,
            after.delivered - before.delivered,
            after.gross - before.gross,
            after.unclaimed - before.unclaimed,
            after.surplus - before.surplus,
            after.denied,
            after.denied_both,
            unit_parts,
        )

    def to_json(self) -> dict[str, int | str]:
        """Return it as JSON's values: amounts of 2^53 or more as strings of digits."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: json_integer(value) if isinstance(value, int) else value for name, value in values.items()}


def close_from_json(values: Mapping[str, object]) -> Close:
    """Read what :meth:`Close.to_json` returns; raises ``VerificationError`` A101 for anything else."""
    names = [field.name for field in fields(Close)]
    if set(values) != set(names):
        wrong = ", ".join(sorted(map(str, set(values) ^ set(names)))[:5])
        raise VerificationError(
            "A101", f"not a close: {shown(wrong)} missing or unknown", hint="as `to_json` writes it"
        )
    promise, text = _text(values, "promise", _NAME), _text(values, "text", _DIGEST)
    close = Close(promise, text, *(_integer(values, name) for name in names[2:]))
    if close.unit_parts < 1:
        raise VerificationError("A101", f"unit_parts is {close.unit_parts}", hint="1 or more")
    return close


@dataclass(frozen=True, slots=True)
class Record:
    """The closes of one window, folded.

    Parameters
    ----------
    stocks : Stocks
        The six integers and N* at the end of the last close.
    gaps : tuple of Span
        Times of the window that no close covers.
    unit_parts : int
        Into how many parts the window's unit is divided in ``stocks``.
    """

    stocks: Stocks
    gaps: tuple[Span, ...]
    unit_parts: int


def fold(closes: Sequence[Close], opening: Stocks, *, span: Span, promise: str, text: str) -> Record:
    """Fold the closes of one window, in any order, into its stocks, and name what is missing.

    Parameters
    ----------
    closes : Sequence of Close
        All of the window; none may reach beyond it.
    opening : Stocks
        What the window begins with: hours to make good, and whether unclaimed hours lapse.
    span : Span
        The window.
    promise, text : str
        Whose closes they have to be.

    Raises
    ------
    VerificationError
        A102 for closes that overlap, reach beyond the window or belong to something else, and where the last one has the
        N of another window; A103 for numbers that cannot
        be: ``O = S + V + U − X`` does not hold, or N is negative or above the arrears.
    """
    parts = lcm(*(close.unit_parts for close in closes))
    stocks, at_ms = opening.in_parts(parts), span.from_ms
    gaps: list[Span] = []
    ordered = sorted(closes, key=lambda one: one.from_ms)
    for close in ordered:
        _check_place(close, at_ms, span, promise, text)
        if close.from_ms > at_ms:
            gaps.append(Span(at_ms, close.from_ms))
        stocks, at_ms = _add(stocks, close, span, parts // close.unit_parts), close.to_ms
    if at_ms < span.to_ms:
        gaps.append(Span(at_ms, span.to_ms))
    elif ordered[-1].window_from_ms != span.from_ms:
        said = f"the last close tells what was denied since {ordered[-1].window_from_ms}"
        raise VerificationError("A102", said, hint=f"the window began at {span.from_ms}")
    return Record(stocks, tuple(gaps), parts)


def _check_place(close: Close, at_ms: int, span: Span, promise: str, text: str) -> None:
    if (close.promise, close.text) != (promise, text):
        said = f"a close of {shown(close.promise)} under {shown(close.text)} is none of '{promise}' under '{text}'"
        raise VerificationError("A102", said, hint="a window is judged by the text in force when it began")
    if not at_ms <= close.from_ms < close.to_ms <= span.to_ms:
        said = f"the close from {close.from_ms} to {close.to_ms} overlaps another or reaches beyond the window"
        raise VerificationError("A102", said, hint=f"the window is from {span.from_ms} to {span.to_ms}")


def _add(stocks: Stocks, close: Close, span: Span, parts: int) -> Stocks:
    own = close.window_from_ms == span.from_ms  # else N is that of another rolling span
    after = replace(
        stocks,
        owed=stocks.owed + close.owed * parts,
        delivered=stocks.delivered + close.delivered * parts,
        gross=stocks.gross + close.gross * parts,
        unclaimed=stocks.unclaimed + close.unclaimed * parts,
        surplus=stocks.surplus + close.surplus * parts,
        denied=close.denied * parts if own else stocks.denied,
        denied_both=close.denied_both * parts if own else stocks.denied_both,
    )
    balanced = after.owed == after.delivered + after.gross + after.unclaimed - after.surplus
    most = max(0, after.balance + after.make_good)
    bounded = 0 <= close.denied <= close.denied_both and (
        not own or (after.denied <= after.arrears and after.denied_both <= (most if after.make_good else after.denied))
    )
    if not balanced or not bounded or close.unclaimed < 0 or close.surplus < 0:
        said = f"the close from {close.from_ms} to {close.to_ms} has numbers that cannot be"
        raise VerificationError("A103", said, hint="O = S + V + U − X, and denied is at most what is still owed")
    return after


def _text(values: Mapping[str, object], name: str, pattern: re.Pattern[str]) -> str:
    value = values[name]
    if isinstance(value, str) and pattern.match(value):
        return value
    raise VerificationError("A101", f"{name} is {shown(str(value))}", hint="a name, or a digest sha256:…")


def _integer(values: Mapping[str, object], name: str) -> int:
    value = read_json_integer(values[name])
    if value is None:
        hint = "a whole number; from 2^53 as a string of its digits, below not"
        raise VerificationError("A101", f"{name} is {shown(str(values[name]))}", hint=hint)
    return value
