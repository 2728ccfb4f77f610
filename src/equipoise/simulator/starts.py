"""Promises of starts in a run: of the jobs that a team's floor held, the share that started in time, window by window.

The kernel marks which jobs count; when they became eligible and first started says the rest. A job belongs to the window in which it
became eligible.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile

import numpy as np

from equipoise.account import Span, StartCounts, StartsVerdict, judge_starts, open_window
from equipoise.charter.model import Charter
from equipoise.charter.promise import Commitment
from equipoise.policy.promises import StartsPromised, starts_promised
from equipoise.simulator.replay import Run
from equipoise.simulator.windows import Text, spans_of


@dataclass(frozen=True, slots=True)
class StartsWindow:
    """A window of a promise of starts; ``span`` is in milliseconds since the run's origin."""

    promise: Commitment
    span: Span
    verdict: StartsVerdict


def starts_seen(
    charters: Sequence[Charter],
    run: Run,
    origin_ms: int | None,
    enact_ms: Sequence[int] = (),
    *,
    until_ms: int | None = None,
) -> list[StartsWindow]:
    """Return every window that began in a run, by promise and end; those that the run did not see to their end are undecided.

    Parameters
    ----------
    charters : sequence of Charter
        The reference charters, in the order in which they were in force; all but the first from ``enact_ms`` on.
    until_ms : int or None
        Windows that are open then as they stood; None: at the end of the run.
    """
    over_ms = int(run.closes_ms[-1]) if len(run.closes_ms) else 0
    end_ms = over_ms if until_ms is None else min(over_ms, until_ms)
    told = starts_promised(charters)
    found: list[StartsWindow] = []
    for name in dict.fromkeys(one.promise.name for one in told):
        versions = [(bit, one) for bit, one in enumerate(told) if one.promise.name == name]
        texts = [Text(one.promise.window, one.charter.timezone, one.charters) for _, one in versions]
        for text, _, span in takewhile(lambda told: told[2].from_ms < end_ms, spans_of(texts, enact_ms, origin_ms)):
            seen_ms = over_ms if span.to_ms <= end_ms else end_ms
            found.append(_window(run, *versions[text], span, seen_ms, origin_ms or 0))
    return found


def _window(run: Run, bit: int, one: StartsPromised, span: Span, end_ms: int, base_ms: int) -> StartsWindow:
    assert one.promise.starts is not None
    within_ms = one.promise.starts.within_ms
    counted = (run.counted >> bit & 1).astype(bool)
    eligible_ms, first_ms = run.jobs["eligible_ms"][counted], run.jobs["first_ms"][counted]
    begun = (first_ms >= 0) & (first_ms <= end_ms)
    in_time = begun & (first_ms - eligible_ms <= within_ms)
    running = ~in_time & ~begun & (end_ms - eligible_ms <= within_ms)
    inside = (eligible_ms >= span.from_ms) & (eligible_ms < min(span.to_ms, end_ms + 1))
    open_n, in_n = int(np.sum(inside & running)), int(np.sum(inside & in_time))
    counts = StartCounts(in_time=in_n, late=int(inside.sum()) - in_n - open_n, open=open_n)
    terms = open_window(one.charter, one.promise.name, Span(base_ms + span.from_ms, base_ms + span.to_ms))
    verdict = judge_starts(terms, [counts], now_ms=base_ms + min(end_ms, span.to_ms))
    return StartsWindow(one.promise, span, verdict)
