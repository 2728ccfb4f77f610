"""Whether a span is a window of a promise at all: whoever may choose the span can leave the bad month out."""

from __future__ import annotations

from collections.abc import Collection
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from equipoise.account.terms import Terms
from equipoise.account.window import day_begins_ms, first_period, local_day
from equipoise.errors import VerificationError
from equipoise.units import DAY_MS


def check_window(terms: Terms, timezone: str, *, begun_ms: Collection[int]) -> None:
    """Fail unless a promise has such a window.

    Parameters
    ----------
    terms : Terms
    timezone : str
        The charter's.
    begun_ms : collection of int
        Instants at which a window may begin though no calendar says so: those of the ledger's opening and of charters.

    Raises
    ------
    VerificationError
        V106 for another span, V111 where this computer knows no such time zone.
    """
    span, window = terms.span, terms.promise.window
    try:
        zone = ZoneInfo(timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise VerificationError(
            "V111", f"this computer does not know the time zone '{timezone}'", hint="pip install tzdata"
        ) from error
    try:
        if window.calendar is None:
            assert window.rolling_days is not None
            holds = span.length_ms == window.rolling_days * DAY_MS and _midnight(span.to_ms, zone)
        else:
            opens = _midnight(span.from_ms, zone) and _follows(terms, timezone)
            period = first_period(window.calendar, timezone, span.from_ms)
            holds = period.span == span and (opens or span.from_ms in begun_ms)
    except OverflowError:  # beyond the year 9999
        holds = False
    if not holds:
        raise VerificationError(
            "V106",
            f"'{terms.promise.name}' has no window from {span.from_ms} to {span.to_ms}",
            hint=f"its windows are: {window}, in {timezone}",
        )


def _midnight(at_ms: int, zone: ZoneInfo) -> bool:
    return day_begins_ms(local_day(at_ms, zone), zone) == at_ms


def _follows(terms: Terms, timezone: str) -> bool:
    """Whether the window before ends where this one begins."""
    assert terms.promise.window.calendar is not None
    before = first_period(terms.promise.window.calendar, timezone, terms.span.from_ms - 1)
    return before.span.to_ms == terms.span.from_ms
