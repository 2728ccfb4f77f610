"""Marks on an axis of time: dates where the log has a calendar, else how long after the first submission."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from equipoise.units import DAY_MS

_HOUR_MS = 3_600_000
_STEPS_MS = (
    *(1000 * s for s in (1, 5, 10, 30)),
    *(60_000 * m for m in (1, 5, 10, 30)),
    *(_HOUR_MS * h for h in (1, 3, 6, 12)),
    *(DAY_MS * d for d in (1, 2, 7, 14)),
)
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def marks(until_ms: int, *, origin_ms: int | None, zone: str, most: int = 7) -> list[tuple[int, str]]:
    """Return at most about so many times, in milliseconds since the origin, each with its label.

    Examples
    --------
    >>> marks(5 * 3_600_000, origin_ms=None, zone="UTC")
    [(0, '0'), (3600000, '1 h'), (7200000, '2 h'), (10800000, '3 h'), (14400000, '4 h'), (18000000, '5 h')]
    >>> marks(100 * 86_400_000, origin_ms=1_798_761_600_000, zone="UTC")
    [(0, '1 Jan'), (2678400000, '1 Feb'), (5097600000, '1 Mar'), (7776000000, '1 Apr')]
    """
    step_ms = next((step for step in _STEPS_MS if until_ms / step <= most), 0)
    if origin_ms is not None and (step_ms == 0 or step_ms >= DAY_MS):
        return _dates(until_ms, origin_ms, ZoneInfo(zone), step_ms, most)
    if step_ms == 0:
        step_ms = -(-until_ms // (most * DAY_MS)) * DAY_MS
    return [(at, _after(at, step_ms)) for at in range(0, until_ms + 1, step_ms)]


def moment(at_ms: int, *, origin_ms: int | None, zone: str) -> str:
    """Write a time: ``1 Jan 2027, 06:00``, or ``day 3.5`` of a log without a calendar.

    Examples
    --------
    >>> moment(86_400_000, origin_ms=1_798_761_600_000, zone="UTC"), moment(302_400_000, origin_ms=None, zone="UTC")
    ('2 Jan 2027', 'day 3.5')
    """
    if origin_ms is None:
        return f"day {at_ms / DAY_MS:,.2f}".rstrip("0").rstrip(".")
    at = datetime.fromtimestamp((origin_ms + at_ms) // 1000, ZoneInfo(zone))
    clock = "" if (at.hour, at.minute) == (0, 0) else f", {at:%H:%M}"
    return f"{at.day} {_MONTHS[at.month - 1]} {at.year}{clock}"


def _dates(until_ms: int, origin_ms: int, zone: ZoneInfo, step_ms: int, most: int) -> list[tuple[int, str]]:
    days = max(1, step_ms // DAY_MS)
    months = until_ms // (30 * DAY_MS)
    found = list(_months(until_ms, origin_ms, zone, max(1, -(-months // most)))) if step_ms == 0 else []
    if not found:
        found = list(_days(until_ms, origin_ms, zone, days))
    return [(at, text) for at, text in found if 0 <= at <= until_ms]


def _months(until_ms: int, origin_ms: int, zone: ZoneInfo, every: int) -> Iterator[tuple[int, str]]:
    at = datetime.fromtimestamp(origin_ms // 1000, zone)
    month = at.year * 12 + at.month - 1
    while True:
        first = datetime(month // 12, month % 12 + 1, 1, tzinfo=zone)
        ms = _since(first, origin_ms)
        if ms > until_ms:
            return
        yield ms, f"1 {_MONTHS[month % 12]}" if every < 12 else str(month // 12)
        month += every


def _days(until_ms: int, origin_ms: int, zone: ZoneInfo, every: int) -> Iterator[tuple[int, str]]:
    day = datetime.fromtimestamp(origin_ms // 1000, zone).date()
    while True:
        ms = _since(datetime(day.year, day.month, day.day, tzinfo=zone), origin_ms)
        if ms > until_ms:
            return
        yield ms, f"{day.day} {_MONTHS[day.month - 1]}"
        day += timedelta(days=every)


def _since(at: datetime, origin_ms: int) -> int:
    return int(at.astimezone(UTC).timestamp()) * 1000 - origin_ms


def _after(at_ms: int, step_ms: int) -> str:
    if at_ms == 0:
        return "0"
    for unit_ms, name in ((DAY_MS, "d"), (_HOUR_MS, "h"), (60_000, "min")):
        if step_ms >= unit_ms:
            return f"{at_ms // unit_ms:,} {name}"
    return f"{at_ms // 1000:,} s"
