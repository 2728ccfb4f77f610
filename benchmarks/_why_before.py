"""The method that `benchmarks.why` compares with: what `equipoise why` did before its intervals were tracked.

Days of the last four weeks were drawn as if each came by chance, and the middle of the replicas was stretched by the ratios of the last
14 days (product-limit, so that jobs which still waited counted as longer than so far).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from equipoise.policy.kernel.layout import NEVER
from equipoise.simulator.calibration import HIGH, LOW, MOST_MS, Guess
from equipoise.simulator.forecast import Past
from equipoise.simulator.run_times import Survival
from equipoise.units import DAY_MS

FOUR_WEEKS = Past(history_ms=28 * DAY_MS, stretch_ms=28 * DAY_MS, redrawn=False)
RATIOS_MS = 14 * DAY_MS
ENOUGH = 24
LEAST_MS = 1_000
PER_MILLION = 1_000_000


def intervals(guesses: Sequence[Guess], starts_ms: Sequence[int]) -> list[tuple[int, int]]:
    """Return the interval that each prediction was given; that of the replicas where too few were before it."""
    return [_interval(guesses, starts_ms, guess) for guess in guesses]


def _interval(guesses: Sequence[Guess], starts_ms: Sequence[int], asked: Guess) -> tuple[int, int]:
    now_ms = asked.at_ms
    pairs = [(g, y) for g, y in zip(guesses, starts_ms, strict=True) if g.at_ms < now_ms and _is_played(g)]
    recent = [(g, y) for g, y in pairs if g.at_ms >= now_ms - RATIOS_MS]
    if len(recent) < ENOUGH:
        recent = pairs[-ENOUGH:]
    if len(recent) < ENOUGH:
        return asked.low_ms, asked.high_ms
    if not _is_played(asked):
        return NEVER, NEVER
    seen_ms = np.array([min(y, now_ms) - g.at_ms for g, y in recent], np.float64)
    predicted_ms = np.array([g.middle_ms - g.at_ms for g, _ in recent], np.float64)
    ratio = np.maximum(seen_ms, LEAST_MS) / np.maximum(predicted_ms, LEAST_MS)
    known = np.array([y <= now_ms for _, y in recent])
    curve = Survival(np.minimum(ratio * PER_MILLION, 2.0**52).astype(np.int64), known)
    low, high = curve.point(LOW), curve.point(HIGH)
    wait_ms = max(asked.middle_ms - now_ms, LEAST_MS)
    low_ms = now_ms if low is None else now_ms + int(wait_ms * low / PER_MILLION)
    return low_ms, NEVER if high is None else now_ms + int(wait_ms * high / PER_MILLION) + 1


def _is_played(guess: Guess) -> bool:
    return guess.middle_ms < guess.at_ms + MOST_MS
