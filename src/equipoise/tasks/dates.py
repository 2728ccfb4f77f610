"""When accounts are closed: at the midnights of the charter's time zone, or evenly."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Literal
from zoneinfo import ZoneInfo

from equipoise.errors import InputError
from equipoise.units import DAY_MS
from equipoise.workload import Workload

Closes = Literal["day"] | int

CLOSES_MAX = 2_000


def close_times(workload: Workload, timezone: str, closes: Closes) -> Callable[[], Iterator[int]]:
    """Return a function that lists the times of closes, in milliseconds since the workload's origin.

    Parameters
    ----------
    workload : Workload
    timezone : str
        IANA name, the charter's.
    closes : "day" or int
        Every local midnight (every 24 hours where the log has no calendar; where jobs are submitted for more than 1,000
        days, every second, third … one), or so many times while jobs are submitted, and on at that pace.

    Raises
    ------
    InputError
        S102 for a number that is not 1 to 2,000.

    Examples
    --------
    >>> from equipoise.workload.synthetic import lab
    >>> [at // DAY_MS for at in islice(close_times(lab(days=1, gpus=512), "UTC", "day")(), 3)]
    [1, 2, 3]
    """
    span_ms = max(int(workload.jobs.submit_ms[-1]) if len(workload.jobs) else 0, _last_demand(workload), 1)
    if closes != "day":
        if not 1 <= closes <= CLOSES_MAX:
            raise InputError("S102", f"{closes} closes are not possible", hint=f"1 to {CLOSES_MAX}, or 'day'")
        step_ms = -(-span_ms // closes)
        return lambda: iter(range(step_ms, (CLOSES_MAX + 1) * step_ms, step_ms))
    step = max(1, -(-span_ms // (CLOSES_MAX // 2 * DAY_MS)))
    if workload.origin_ms <= 0:
        return lambda: iter(range(step * DAY_MS, (CLOSES_MAX + 1) * step * DAY_MS, step * DAY_MS))
    return lambda: islice(_midnights(workload.origin_ms, ZoneInfo(timezone), step), CLOSES_MAX)


def _last_demand(workload: Workload) -> int:
    return max((int(service.at_ms[-1]) for service in workload.services if len(service.at_ms)), default=0)


def _midnights(origin_ms: int, zone: ZoneInfo, step: int) -> Iterator[int]:
    """Local midnights after the origin, every ``step`` days; a day that clocks shorten or lengthen stays one day."""
    day = datetime.fromtimestamp(origin_ms // 1000, zone).date()
    while True:
        day += timedelta(days=step)
        midnight = datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)
        yield int(midnight.timestamp()) * 1000 - origin_ms
