"""When accounts are closed: at the midnights of the charter's time zone, or evenly."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count, islice
from typing import Literal

from equipoise.errors import InputError
from equipoise.simulator.days import midnights
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
    midnight_after = midnights(timezone, workload.origin_ms)
    return lambda: islice(_every(step, midnight_after), CLOSES_MAX)


def _last_demand(workload: Workload) -> int:
    return max((int(service.at_ms[-1]) for service in workload.services if len(service.at_ms)), default=0)


def _every(step: int, midnight_after: Callable[[int], int]) -> Iterator[int]:
    """Every first, second, third … midnight after the origin."""
    at_ms = 0
    for number in count(1):
        at_ms = midnight_after(at_ms)
        if number % step == 0:
            yield at_ms
