"""Intervals that hold as often as they say: predictions made earlier in the same run are judged by what came of them.

The ratio of what a job still waited to what was predicted (the middle of the replicas) is a distribution; its 10 % and 90 % points
stretch the next prediction. Jobs that still wait count as "longer than so far" (product-limit), or recent ratios would be those of
short waits only. Only what is known at the time of a prediction is used for it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from equipoise.policy.kernel.layout import NEVER
from equipoise.simulator.run_times import Survival
from equipoise.units import DAY_MS

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]

LOW, HIGH = 0.1, 0.9
RECENT_MS = 14 * DAY_MS
"""Predictions of so long a past are judged: a queue that grows or empties is predicted wrong in the same direction for days."""
ENOUGH = 24
"""With fewer predictions an interval is not stretched, and is said to be uncalibrated."""
LEAST_MS = 1_000
"""Shorter waits count as this long: ratios of milliseconds say nothing."""
PER_MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Guess:
    """A prediction: at ``at_ms`` job ``job`` was to start at ``middle_ms``, in the replicas mostly from ``low_ms`` to ``high_ms``.

    ``NEVER`` is beyond what was played.
    """

    at_ms: int
    job: int
    middle_ms: int
    low_ms: int
    high_ms: int

    @classmethod
    def of(cls, at_ms: int, job: int, starts_ms: I64) -> Guess:
        """Return what the starts of the replicas say."""
        ordered = np.sort(starts_ms)
        low, middle, high = (
            int(ordered[min(max(math.ceil(part * len(ordered)) - 1, 0), len(ordered) - 1)]) for part in (LOW, 0.5, HIGH)
        )
        return cls(at_ms, job, middle, low, high)


@dataclass(frozen=True, slots=True)
class Stretch:
    """By which factors the predicted wait is multiplied at both ends; ``judged`` is how many predictions they rest on."""

    low: float
    high: float | None
    judged: int

    def interval_ms(self, guess: Guess) -> tuple[int, int]:
        """Return the interval of a prediction; an open end is ``NEVER``."""
        wait_ms = max(guess.middle_ms - guess.at_ms, LEAST_MS)
        low_ms = NEVER if guess.middle_ms >= NEVER else guess.at_ms + int(wait_ms * self.low)
        high_ms = NEVER
        if guess.middle_ms < NEVER and self.high is not None:
            high_ms = guess.at_ms + int(wait_ms * self.high) + 1
        return low_ms, high_ms


@dataclass(frozen=True, slots=True)
class Coverage:
    """How many intervals are over and can be judged, how many held, and how many jobs started before or after theirs."""

    judged: int
    held: int
    started_before: int
    started_after: int


@dataclass(frozen=True, slots=True)
class Forecast:
    """When a job is predicted to start: the interval is to hold 80 of 100 starts.

    Parameters
    ----------
    low_ms, high_ms : int or None
        Times since the run's origin; None: later than anything that was played.
    replicas : int
        How many futures were played.
    stretch : Stretch or None
        What earlier predictions of the run made of it; None where they were too few, or the deadlines of a claim stand.
    coverage : Coverage or None
        How often earlier intervals of the run held.
    """

    low_ms: int | None
    high_ms: int | None
    replicas: int
    stretch: Stretch | None = None
    coverage: Coverage | None = None


def stretch(guesses: Sequence[Guess], starts_ms: Sequence[int], *, now_ms: int) -> Stretch | None:
    """Return the factors that earlier predictions call for, as known at ``now_ms``; None if there are too few.

    Parameters
    ----------
    guesses : sequence of Guess
        Those made after ``now_ms`` are left out.
    starts_ms : sequence of int
        When the job of each started (``NEVER``: not yet); starts after ``now_ms`` count as not known.
    """
    pairs = [(g, y) for g, y in zip(guesses, starts_ms, strict=True) if g.at_ms < now_ms and g.middle_ms < NEVER]
    recent = [(g, y) for g, y in pairs if g.at_ms >= now_ms - RECENT_MS]
    if len(recent) < ENOUGH:
        recent = pairs[-ENOUGH:]
    if len(recent) < ENOUGH:
        return None
    seen_ms = np.array([min(y, now_ms) - g.at_ms for g, y in recent], np.float64)
    known = np.array([y <= now_ms for _, y in recent])
    predicted_ms = np.array([g.middle_ms - g.at_ms for g, _ in recent], np.float64)
    ratio = np.maximum(seen_ms, LEAST_MS) / np.maximum(predicted_ms, LEAST_MS)
    # `Survival` counts whole units; a millionth of the prediction is fine enough.
    curve = Survival(np.minimum(ratio * PER_MILLION, 2.0**52).astype(np.int64), known)
    low, high = curve.point(LOW), curve.point(HIGH)
    return Stretch(0.0 if low is None else low / PER_MILLION, None if high is None else high / PER_MILLION, len(recent))


def coverage(guesses: Sequence[Guess], starts_ms: Sequence[int], *, now_ms: int, since_ms: int = 0) -> Coverage:
    """Judge every prediction from ``since_ms`` on by the interval that could be given when it was made."""
    held = before = after = 0
    for guess, start_ms in zip(guesses, starts_ms, strict=True):
        found = stretch(guesses, starts_ms, now_ms=guess.at_ms) if guess.at_ms >= since_ms else None
        if found is None:
            continue
        low_ms, high_ms = found.interval_ms(guess)
        if high_ms > now_ms:
            continue  # whether it started by now must not decide who is judged
        before += start_ms < low_ms
        after += start_ms > high_ms
        held += low_ms <= start_ms <= high_ms
    return Coverage(held + before + after, held, before, after)
