"""When the days of a charter begin: at local midnight, whatever the clocks do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from equipoise.units import DAY_MS

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)
_LAST_UNIX_MS = (datetime(9999, 1, 1, tzinfo=UTC) - _EPOCH) // _MS


def midnights(timezone: str, origin_ms: int | None) -> Callable[[int], int]:
    """Return a function that tells the first midnight after a time; times are milliseconds since the run's origin.

    Parameters
    ----------
    timezone : str
        IANA name, the charter's. Rules come from the zone database that Python's ``zoneinfo`` finds.
    origin_ms : int or None
        Unix time of time 0. None, of a log without a calendar: time 0 is taken as a midnight, and every day has 24
        hours.

    Notes
    -----
    Where clocks jump over midnight the day begins at the jump; where midnight comes twice it begins at the first. After
    the year 9998 every day has 24 hours.

    Examples
    --------
    Berlin sets its clocks forward on 29 March 2026:

    >>> after = midnights("Europe/Berlin", 1_774_699_200_000)  # 2026-03-28T12:00:00Z
    >>> [after(hour * 3_600_000) / 3_600_000 for hour in (0, 11, 34)]
    [11.0, 34.0, 58.0]
    """
    if origin_ms is None:
        return lambda at_ms: (at_ms // DAY_MS + 1) * DAY_MS
    zone = ZoneInfo(timezone)

    def after(at_ms: int) -> int:
        unix_ms = origin_ms + at_ms
        if unix_ms >= _LAST_UNIX_MS:
            return (unix_ms // DAY_MS + 1) * DAY_MS - origin_ms
        day = (_EPOCH + unix_ms * _MS).astimezone(zone).date()
        midnight_ms = unix_ms
        while midnight_ms <= unix_ms:
            day += timedelta(days=1)
            midnight_ms = _midnight_ms(day, zone)
        return midnight_ms - origin_ms

    return after


def midnights_under(zones: Sequence[str], enact_ms: Sequence[int], origin_ms: int | None) -> Callable[[int], int]:
    """Return the same where charters with time zones of their own come into force one after another, all but the first at ``enact_ms``."""
    begins_ms = [*enact_ms, None]
    parts = [(until_ms, midnights(zone, origin_ms)) for zone, until_ms in zip(zones, begins_ms, strict=True)]
    if len(set(zones)) == 1:
        return parts[0][1]

    def after(at_ms: int) -> int:
        for until_ms, midnight_after in parts:
            found_ms = midnight_after(at_ms)
            if until_ms is None or found_ms < until_ms:
                return found_ms
            at_ms = max(at_ms, until_ms - 1)
        raise AssertionError("the last charter has no end")

    return after


def _midnight_ms(day: date, zone: ZoneInfo) -> int:
    return (datetime(day.year, day.month, day.day, tzinfo=zone) - _EPOCH) // _MS
