"""When a promise's windows begin and end: instants, computed once when a window opens and recorded with it.

A local day begins at the first instant at which the clock on the wall shows it. Where clocks jump over midnight that is
the jump; where midnight comes twice, the first; a day that a place skipped has no length. Windows are recorded as
instants together with the *date* on which they end, so that a time-zone rule that changes later moves neither the end of
an open window nor makes the next one a sliver of an hour.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from equipoise.charter.promise import Calendar, Window
from equipoise.units import DAY_MS

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Span:
    """The time from one instant up to, but without, another; Unix milliseconds."""

    from_ms: int
    to_ms: int

    def __post_init__(self) -> None:
        assert self.from_ms < self.to_ms, f"no time from {self.from_ms} to {self.to_ms}"

    @property
    def length_ms(self) -> int:
        """How long it is."""
        return self.to_ms - self.from_ms


@dataclass(frozen=True, slots=True)
class Period:
    """A calendar window: its two instants, and the local date at whose beginning it ends."""

    span: Span
    ends_on: date


def first_period(calendar: Calendar, timezone: str, begins_ms: int) -> Period:
    """Return a promise's first calendar window: from when the promise begins to the end of that day, week, … .

    Parameters
    ----------
    calendar : {'day', 'week', 'month', 'quarter', 'year'}
        ISO weeks; they begin on Mondays.
    timezone : str
        IANA name, the charter's.
    begins_ms : int
        Unix time at which the promise begins.

    Examples
    --------
    A promise by the quarter begins on 15 February 2027 in Los Angeles; the first window ends with March:

    >>> first = first_period("quarter", "America/Los_Angeles", 1_802_678_400_000)
    >>> first.ends_on.isoformat(), first.span.length_ms / DAY_MS
    ('2027-04-01', 44.958333333333336)
    """
    zone = ZoneInfo(timezone)
    return _period(calendar, zone, begins_ms, local_day(begins_ms, zone))


def next_period(calendar: Calendar, timezone: str, before: Period) -> Period:
    """Return the window after ``before``, by the calendar and time zone in force when that one ends."""
    return _period(calendar, ZoneInfo(timezone), before.span.to_ms, before.ends_on)


def rolling_spans(window: Window, timezone: str, begins_ms: int, until_ms: int) -> Iterator[Span]:
    """Yield every full span of N × 24 h that ends at a local midnight not after ``until_ms``, the earliest first.

    Spans that begin before the promise does (``begins_ms``) are not full and not judged.

    Examples
    --------
    >>> spans = rolling_spans(Window(rolling_days=2), "UTC", DAY_MS // 2, 4 * DAY_MS)
    >>> [(span.from_ms / DAY_MS, span.to_ms / DAY_MS) for span in spans]
    [(1.0, 3.0), (2.0, 4.0)]
    """
    assert window.rolling_days is not None
    length_ms = window.rolling_days * DAY_MS
    for edge_ms in midnights(timezone, begins_ms, until_ms):
        if edge_ms - length_ms >= begins_ms:
            yield Span(edge_ms - length_ms, edge_ms)


def cuts(window: Window, timezone: str, span: Span) -> list[int]:
    """Return the instants inside ``span`` at which the record must be cut, so that every window is a whole number of parts.

    These are the local midnights and, for a rolling window, where a span that ends at a later midnight begins: where
    clocks change, that is not a midnight.
    """
    found = set(midnights(timezone, span.from_ms, span.to_ms - 1))
    if window.rolling_days is not None:
        length_ms = window.rolling_days * DAY_MS
        ends = midnights(timezone, span.from_ms + length_ms, span.to_ms - 1 + length_ms)
        found.update(edge_ms - length_ms for edge_ms in ends)
    return sorted(found)


def midnights(timezone: str, after_ms: int, until_ms: int) -> Iterator[int]:
    """Yield the beginnings of local days in ``(after_ms, until_ms]``."""
    zone = ZoneInfo(timezone)
    day = local_day(after_ms, zone)
    latest_ms = after_ms
    while True:
        day += _DAY
        begins_ms = day_begins_ms(day, zone)
        if begins_ms > until_ms:
            return
        if begins_ms > latest_ms:  # a skipped day begins when the next one does
            latest_ms = begins_ms
            yield begins_ms


def local_day(at_ms: int, zone: ZoneInfo) -> date:
    """Return the latest day that has begun at an instant.

    Where midnight comes twice, the hour between belongs to the new day though the wall shows the old one again.
    """
    day = _wall(at_ms, zone)
    following = day + _DAY
    return following if day_begins_ms(following, zone) <= at_ms else day


def day_begins_ms(day: date, zone: ZoneInfo) -> int:
    """Return the first instant at which the wall shows ``day`` or a later one."""
    midnight = datetime(day.year, day.month, day.day, tzinfo=zone)
    # Midnight in a gap means two instants, by the offset before and after the jump, which lies between them.
    low_ms, high_ms = sorted((moment - _EPOCH) // _MS for moment in (midnight, midnight.replace(fold=1)))
    if _wall(low_ms, zone) >= day:
        return low_ms
    while high_ms - low_ms > 1:
        middle_ms = (low_ms + high_ms) // 2
        if _wall(middle_ms, zone) >= day:
            high_ms = middle_ms
        else:
            low_ms = middle_ms
    return high_ms


def _wall(at_ms: int, zone: ZoneInfo) -> date:
    return (_EPOCH + at_ms * _MS).astimezone(zone).date()


def _period(calendar: Calendar, zone: ZoneInfo, from_ms: int, day: date) -> Period:
    ends_on = _following(calendar, day)
    while (to_ms := day_begins_ms(ends_on, zone)) <= from_ms:
        ends_on = _following(calendar, ends_on)
    return Period(Span(from_ms, to_ms), ends_on)


def _following(calendar: Calendar, day: date) -> date:
    """Return the first day after ``day`` on which such a window begins."""
    match calendar:
        case "day":
            return day + _DAY
        case "week":
            return day + timedelta(days=7 - day.weekday())
        case "month":
            months = 1
        case "quarter":
            months = 3
        case "year":
            months = 12
    month = (day.month - 1) // months * months + months
    return date(day.year + month // 12, month % 12 + 1, 1)
