"""Intervals that hold as often as they say: predictions made earlier in the same run are judged by what came of them.

Each end of the interval that the replicas give is moved by a factor of its own. An end that was missed moves outwards by a step of the
logarithm, one that was not moves back by a ninth of that, so that in the long run each is missed by one in ten, whatever the queue
does: the quantile tracker of A. Angelopoulos, E. Candès and R. Tibshirani (Conformal PID Control for Time Series Prediction,
doi:10.48550/arXiv.2307.16895), after I. Gibbs and E. Candès (Adaptive Conformal Inference, doi:10.48550/arXiv.2106.00170).

A verdict counts from the instant at which it is known, never before. That is often before the job starts: one that still waits at the
low end was not early, and one that still waits at the high end is late, however long it may go on waiting.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from heapq import heappop, heappush

import numpy as np
from numpy.typing import NDArray

from equipoise.policy.kernel.layout import NEVER
from equipoise.units import DAY_MS, MINUTE_MS

I64 = NDArray[np.int64]

LOW, HIGH = 0.1, 0.9
FIRST = 2.0
"""Before anything was judged an end is so many times nearer or farther: replicas do not know how wrong their run times and arrivals are."""
STEP = 0.05
"""So far an end moves, in the logarithm of the wait, for a miss, less a tenth of it for every verdict."""
ENOUGH = 24
"""With fewer verdicts on an end the interval is said to be uncalibrated."""
LEAST_MS = MINUTE_MS
"""Shorter waits count as this long: ratios of milliseconds say nothing."""
MOST_MS = 240 * DAY_MS
"""No replica is played further; an interval ends there at the latest."""


@dataclass(frozen=True, slots=True)
class Guess:
    """A prediction: at ``at_ms`` job ``job`` was to start at ``middle_ms``, in 80 of 100 replicas from ``low_ms`` to ``high_ms``.

    Points that lie beyond what was played are at its end.
    """

    at_ms: int
    job: int
    middle_ms: int
    low_ms: int
    high_ms: int

    @classmethod
    def of(cls, at_ms: int, job: int, starts_ms: I64) -> Guess:
        """Return what the starts of the replicas say; n of them part the future into n + 1 even chances."""
        wait_ms = np.clip(starts_ms - at_ms, LEAST_MS, MOST_MS).astype(np.float64)
        low, middle, high = np.quantile(wait_ms, (LOW, 0.5, HIGH), method="weibull").tolist()
        return cls(at_ms, job, at_ms + int(middle), at_ms + int(low), at_ms + math.ceil(high))


@dataclass(frozen=True, slots=True)
class Stretch:
    """By which factors the wait to the ends is multiplied; ``judged``: verdicts on the end of which fewer are known."""

    low: float
    high: float
    judged: int

    @property
    def enough(self) -> bool:
        """Whether it rests on verdicts, not on `FIRST`."""
        return self.judged >= ENOUGH

    def interval_ms(self, guess: Guess) -> tuple[int, int]:
        """Return the interval of a prediction; what begins within a minute begins now."""
        low_ms = min((guess.low_ms - guess.at_ms) * self.low, MOST_MS)
        high_ms = min(max(guess.high_ms - guess.at_ms, LEAST_MS) * self.high, MOST_MS)
        low_ms, high_ms = min(low_ms, high_ms), max(low_ms, high_ms, LEAST_MS)
        return guess.at_ms + (int(low_ms) if low_ms >= LEAST_MS else 0), guess.at_ms + math.ceil(high_ms)


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
        What earlier predictions of the run made of it; None where the deadlines of a claim stand.
    coverage : Coverage or None
        How often earlier intervals of the run held.
    """

    low_ms: int | None
    high_ms: int | None
    replicas: int
    stretch: Stretch | None = None
    coverage: Coverage | None = None


class Tracker:
    """Two factors that follow what came of earlier intervals.

    Predictions are told in order of time. When a job started is looked at only once the run has come so far: nothing but what is known
    when an interval is asked for goes into it.
    """

    def __init__(self, *, first: float = FIRST, step: float = STEP) -> None:
        self._step = step
        self._low, self._high = -math.log(first), math.log(first)
        self._verdicts: list[tuple[int, int, bool]] = []  # known when, on the high end, missed
        self._judged = [0, 0]

    def stretch(self, now_ms: int) -> Stretch:
        """Return the factors by all verdicts known before ``now_ms``, which does not fall from call to call."""
        while self._verdicts and self._verdicts[0][0] < now_ms:
            _, end, missed = heappop(self._verdicts)
            outwards = self._step * (missed - (1.0 - HIGH))
            if end:
                self._high += outwards
            else:
                self._low -= outwards
            self._judged[end] += 1
        return Stretch(math.exp(self._low), math.exp(self._high), min(self._judged))

    def expect(self, guess: Guess, start_ms: int) -> Stretch:
        """Return the factors for a prediction, and let what comes of its interval be known when it is."""
        found = self.stretch(guess.at_ms)
        low_ms, high_ms = found.interval_ms(guess)
        heappush(self._verdicts, (min(start_ms, low_ms), 0, start_ms < low_ms))
        heappush(self._verdicts, (min(start_ms, high_ms), 1, start_ms > high_ms))
        return found


def stretches(
    guesses: Sequence[Guess], starts_ms: Sequence[int], *, now_ms: int = NEVER
) -> tuple[list[Stretch], Stretch]:
    """Return the factors of every prediction as they were when it was made, and those at ``now_ms``.

    Parameters
    ----------
    guesses : sequence of Guess
        In order of time.
    starts_ms : sequence of int
        When the job of each started (``NEVER``: not yet).
    """
    tracker = Tracker()
    each = [tracker.expect(guess, start_ms) for guess, start_ms in zip(guesses, starts_ms, strict=True)]
    return each, tracker.stretch(now_ms)


def coverage(guesses: Sequence[Guess], starts_ms: Sequence[int], *, now_ms: int) -> Coverage:
    """Judge every prediction by the interval that could be given when it was made."""
    held = before = after = 0
    each, _ = stretches(guesses, starts_ms)
    for guess, found, start_ms in zip(guesses, each, starts_ms, strict=True):
        low_ms, high_ms = found.interval_ms(guess)
        if not found.enough or high_ms > now_ms:
            continue  # whether it started by now must not decide who is judged
        before += start_ms < low_ms
        after += start_ms > high_ms
        held += low_ms <= start_ms <= high_ms
    return Coverage(held + before + after, held, before, after)
