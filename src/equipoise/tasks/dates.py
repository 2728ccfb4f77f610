"""When accounts are closed: at the midnights of the charter's time zone, at round times between them, or evenly."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count, islice
from typing import Literal

from equipoise.errors import InputError
from equipoise.simulator.days import midnights
from equipoise.units import DAY_MS
from equipoise.workload import Workload

Closes = Literal["auto", "day"] | int

CLOSES_MAX = 2_000
FINE_UP_TO_MS = 30 * DAY_MS
"""A longer log is closed by day, a shorter one at round times, so that its pictures show something."""
FINE_COUNT = 240
STEPS_MS = tuple(1000 * s for s in (1, 2, 5, 10, 15, 30)) + tuple(
    60_000 * m for m in (1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720)
)  # each divides a day


def close_times(workload: Workload, timezone: str, closes: Closes) -> Callable[[], Iterator[int]]:
    """Return a function that lists the times of closes, in milliseconds since the workload's origin.

    Parameters
    ----------
    workload : Workload
    timezone : str
        IANA name, the charter's.
    closes : "auto", "day" or int
        "day": every local midnight (every 24 hours where the log has no calendar; where jobs are submitted for more
        than 1,000 days, every second, third … one). "auto": of a log of up to 30 days also between, at one of
        ``STEPS_MS``, so that up to the end of its last job (if none waited) there are at most 240, and one at the last
        submission; of a longer one as "day". Or so many times while jobs are submitted, and on at that pace.

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
    span_ms = max(workload.asked_ms, 1)
    if closes == "auto":
        step_ms = _fine_step(workload)
        if step_ms:
            return lambda: islice(_fine(workload, midnights(timezone, workload.origin_ms), step_ms), CLOSES_MAX)
        closes = "day"
    if closes != "day":
        if not 1 <= closes <= CLOSES_MAX:
            raise InputError("S102", f"{closes} closes are not possible", hint=f"1 to {CLOSES_MAX}, or 'day'")
        step_ms = -(-span_ms // closes)
        return lambda: iter(range(step_ms, (CLOSES_MAX + 1) * step_ms, step_ms))
    step = max(1, -(-span_ms // (CLOSES_MAX // 2 * DAY_MS)))
    midnight_after = midnights(timezone, workload.origin_ms)
    return lambda: islice(_every(step, midnight_after), CLOSES_MAX)


def _fine_step(workload: Workload) -> int:
    """Return the time between closes of a short log; 0 for one that is closed by day."""
    jobs = workload.jobs
    lasts_ms = max(workload.asked_ms, int((jobs.submit_ms + jobs.duration_ms).max()) if len(jobs) else 0)
    if lasts_ms > FINE_UP_TO_MS:
        return 0
    return next(step_ms for step_ms in STEPS_MS if step_ms * FINE_COUNT >= lasts_ms)


def _fine(workload: Workload, midnight_after: Callable[[int], int], step_ms: int) -> Iterator[int]:
    """Round times, midnight being one of them, and the last submission."""
    first_ms = midnight_after(0) % step_ms
    at_ms, asked_ms = first_ms or step_ms, workload.asked_ms
    while True:
        if at_ms - step_ms < asked_ms < at_ms:
            yield asked_ms
        yield at_ms
        at_ms += step_ms


def _every(step: int, midnight_after: Callable[[int], int]) -> Iterator[int]:
    """Every first, second, third … midnight after the origin."""
    at_ms = 0
    for number in count(1):
        at_ms = midnight_after(at_ms)
        if number % step == 0:
            yield at_ms
