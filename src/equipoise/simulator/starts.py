"""Promises of starts in a run: of the jobs that a team's floor held, the share that started in time, window by window.

The kernel marks which jobs count; when they became eligible and first started says the rest. A job belongs to the window in which it
became eligible.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import takewhile

import numpy as np

from equipoise.account import Span, StartCounts, StartsVerdict, judge_starts, open_window
from equipoise.charter.model import Charter
from equipoise.charter.promise import Commitment
from equipoise.policy.promises import starts_promises
from equipoise.simulator.replay import Run
from equipoise.simulator.windows import spans_of


@dataclass(frozen=True, slots=True)
class StartsWindow:
    """A window of a promise of starts; ``span`` is in milliseconds since the run's origin."""

    promise: Commitment
    span: Span
    verdict: StartsVerdict


def starts_seen(charter: Charter, run: Run, origin_ms: int | None) -> list[StartsWindow]:
    """Return every window that began in a run, by promise and end; those that the run did not see to their end are undecided."""
    end_ms = int(run.closes_ms[-1]) if len(run.closes_ms) else 0
    zone = "UTC" if origin_ms is None else charter.timezone
    found: list[StartsWindow] = []
    for bit, promise in enumerate(starts_promises(charter)):
        assert promise.starts is not None
        counted = (run.counted >> bit & 1).astype(bool)
        eligible_ms, first_ms = run.jobs["eligible_ms"][counted], run.jobs["first_ms"][counted]
        in_time = (first_ms >= 0) & (first_ms - eligible_ms <= promise.starts.within_ms)
        running = ~in_time & (first_ms < 0) & (end_ms - eligible_ms <= promise.starts.within_ms)
        for span in takewhile(lambda span: span.from_ms < end_ms, spans_of(promise.window, zone, origin_ms)):
            inside = (eligible_ms >= span.from_ms) & (eligible_ms < span.to_ms)
            open_n, in_n = int(np.sum(inside & running)), int(np.sum(inside & in_time))
            counts = StartCounts(in_time=in_n, late=int(inside.sum()) - in_n - open_n, open=open_n)
            base_ms = origin_ms or 0
            terms = open_window(charter, promise.name, Span(base_ms + span.from_ms, base_ms + span.to_ms))
            verdict = judge_starts(terms, [counts], now_ms=base_ms + min(end_ms, span.to_ms))
            found.append(StartsWindow(promise, span, verdict))
    return found
