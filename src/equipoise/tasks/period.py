"""A span of the calendar by its name: a year, quarter, month, week, or from one day up to another."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta
from zoneinfo import ZoneInfo

from equipoise.account import Span
from equipoise.account.window import day_begins_ms
from equipoise.errors import InputError
from equipoise.units import shown

_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December",
)  # fmt: skip
_YEAR = re.compile(r"(\d{4})")
_QUARTER = re.compile(r"(\d{4})-Q([1-4])")
_WEEK = re.compile(r"(\d{4})-W(\d{2})")
_MONTH = re.compile(r"(\d{4})-(\d{2})")
_DAYS = re.compile(r"(\d{4}-\d{2}-\d{2})\.\.(\d{4}-\d{2}-\d{2})")
_KINDS = "2026, 2026-Q3, 2026-09, 2026-W36, or 2026-09-01..2026-10-01, up to and without the last day"


@dataclass(frozen=True, slots=True)
class Period:
    """A span of the calendar.

    Parameters
    ----------
    name : str
        As people say it: ``Q3 2026``.
    first, end : date
        Its first day, and the day at whose beginning it is over.
    """

    name: str
    first: date
    end: date

    def span(self, timezone: str) -> Span:
        """Return its two instants in a time zone, in Unix milliseconds.

        Examples
        --------
        Summer time ends in October, so that month has an hour more:

        >>> parse_period("2026-10").span("Europe/Berlin").length_ms / 3_600_000 - 31 * 24
        1.0
        """
        zone = ZoneInfo(timezone)
        return Span(day_begins_ms(self.first, zone), day_begins_ms(self.end, zone))


def is_period(text: str) -> bool:
    """Whether a text is written as a period is, though it may be none that the calendar has."""
    return any(pattern.fullmatch(text) for pattern in (_YEAR, _QUARTER, _WEEK, _MONTH, _DAYS))


def parse_period(text: str) -> Period:
    """Read a period.

    Raises
    ------
    InputError
        S129 for what is none, or none that the calendar has.

    Examples
    --------
    >>> for text in ("2026", "2026-Q3", "2026-09", "2026-W53", "2026-09-01..2026-09-15"):
    ...     found = parse_period(text)
    ...     print(found.name, found.first, found.end)
    2026 2026-01-01 2027-01-01
    Q3 2026 2026-07-01 2026-10-01
    September 2026 2026-09-01 2026-10-01
    week 53 of 2026 2026-12-28 2027-01-04
    1 September 2026 to 14 September 2026 2026-09-01 2026-09-15
    """
    try:
        found = _read(text)
    except (ValueError, OverflowError, IndexError):
        found = None
    if found is None or found.first >= found.end:
        raise InputError("S129", f"{shown(text)} is no period", hint=_KINDS)
    return found


def _read(text: str) -> Period | None:
    if match := _YEAR.fullmatch(text):
        year = int(match[1])
        return Period(text, date(year, 1, 1), date(year + 1, 1, 1))
    if match := _QUARTER.fullmatch(text):
        year, quarter = int(match[1]), int(match[2])
        return Period(f"Q{quarter} {year}", date(year, 3 * quarter - 2, 1), _month_after(year, 3 * quarter))
    if match := _WEEK.fullmatch(text):
        year, week = int(match[1]), int(match[2])
        monday = date.fromisocalendar(year, week, 1)
        return Period(f"week {week} of {year}", monday, monday + timedelta(days=7))
    if match := _MONTH.fullmatch(text):
        year, month = int(match[1]), int(match[2])
        return Period(f"{_MONTHS[month - 1]} {year}", date(year, month, 1), _month_after(year, month))
    if match := _DAYS.fullmatch(text):
        first, end = (date.fromisoformat(each) for each in match.groups())
        last = end - timedelta(days=1)
        return Period(f"{_day(first)} to {_day(last)}", first, end)
    return None


def _month_after(year: int, month: int) -> date:
    return date(year + month // 12, month % 12 + 1, 1)


def _day(day: date) -> str:
    return f"{day.day} {_MONTHS[day.month - 1]} {day.year}"
