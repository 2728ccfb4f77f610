"""When windows of promises begin and end in a run, and what each has to make good of the one before.

A promise begins with the run. Times are milliseconds since the run's origin; without a calendar, time 0 is taken as midnight UTC of
1 January 1970, so that its quarters are 90, 91, 92 and 92 days.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass

from equipoise.account import Period, Span, first_period, next_period
from equipoise.charter.model import Charter
from equipoise.charter.promise import Calendar, Window
from equipoise.policy.core import Core
from equipoise.policy.kernel.layout import NEVER
from equipoise.policy.promises import Promised
from equipoise.policy.state import Layout
from equipoise.simulator.days import midnights
from equipoise.simulator.replay import WindowBegin
from equipoise.simulator.verdicts import carried
from equipoise.units import DAY_MS


@dataclass(frozen=True, slots=True, order=True)
class Edge:
    """At ``at_ms`` a window begins in a place of a promise (``to_ms`` is its end), or only ends (``to_ms`` is None)."""

    at_ms: int
    promise: int
    place: int
    to_ms: int | None


class Windows:
    """All edges of a run's promises, in order; `Timeline` asks when the next comes and takes it."""

    def __init__(self, layout: Layout, charter: Charter, origin_ms: int | None) -> None:
        self._layout, self._charter, self._origin_ms = layout, charter, origin_ms or 0
        zone = "UTC" if origin_ms is None else charter.timezone
        streams = [
            _calendar(one, zone, self._origin_ms) if one.promise.window.calendar else _rolling(one, zone, origin_ms)
            for one in layout.promised
        ]
        self._edges = heapq.merge(*streams, key=lambda edge: edge.at_ms)
        self._next = next(self._edges, None)

    @property
    def next_ms(self) -> int:
        """Time of the next edge; NEVER if there is none."""
        return NEVER if self._next is None else self._next.at_ms

    def skip(self, passed_ms: int) -> None:
        """Pass over edges up to a time: a run that goes on has them behind it."""
        while self._next is not None and self._next.at_ms <= passed_ms:
            self._next = next(self._edges, None)

    def turn(self, core: Core) -> list[WindowBegin]:
        """Take all edges of the next time; returns what begins then. Totals up to then are recorded."""
        at_ms, begun = self.next_ms, list[WindowBegin]()
        while self._next is not None and self._next.at_ms == at_ms:
            edge = self._next
            if edge.to_ms is not None:
                one = self._layout.promised[edge.promise]
                owed = 0
                if one.promise.make_good and one.promise.window.calendar:
                    owed = carried(self._charter, one, core.promises, edge.at_ms, self._origin_ms)
                begun.append(WindowBegin(edge.promise, edge.place, edge.to_ms, owed))
            self._next = next(self._edges, None)
        return begun


def windows_of(layout: Layout, charter: Charter, origin_ms: int | None) -> Windows | None:
    """Return the windows of a run's promises of hours; None where there is no such promise."""
    return Windows(layout, charter, origin_ms) if layout.promised else None


def spans_of(window: Window, zone: str, origin_ms: int | None) -> Iterator[Span]:
    """Yield the windows of a promise that begins with the run, by their end, without end; milliseconds since the run's origin."""
    if window.calendar is not None:
        base_ms = origin_ms or 0
        for period in _periods(window.calendar, zone, base_ms):
            yield Span(period.span.from_ms - base_ms, period.span.to_ms - base_ms)
    else:
        assert window.rolling_days is not None
        for _, span in _spans(1, window.rolling_days, zone, origin_ms):
            yield span


def _periods(calendar: Calendar, zone: str, origin_ms: int) -> Iterator[Period]:
    period = first_period(calendar, zone, origin_ms)
    while True:
        yield period
        try:
            period = next_period(calendar, zone, period)
        except OverflowError:  # the calendar ends with the year 9999
            return


def _calendar(one: Promised, zone: str, origin_ms: int) -> Iterator[Edge]:
    calendar = one.promise.window.calendar
    assert calendar is not None
    for period in _periods(calendar, zone, origin_ms):
        yield Edge(period.span.from_ms - origin_ms, one.number, 0, period.span.to_ms - origin_ms)


def _rolling(one: Promised, zone: str, origin_ms: int | None) -> Iterator[Edge]:
    days = one.promise.window.rolling_days
    assert days is not None
    return heapq.merge(
        (Edge(span.from_ms, one.number, place, span.to_ms) for place, span in _spans(one.spans, days, zone, origin_ms)),
        (Edge(span.to_ms, one.number, place, None) for place, span in _spans(one.spans, days, zone, origin_ms)),
        key=lambda edge: edge.at_ms,
    )


def _spans(places: int, days: int, zone: str, origin_ms: int | None) -> Iterator[tuple[int, Span]]:
    """Every full span of so many times 24 h that ends at a midnight, and its place among those open at once."""
    after = midnights(zone, origin_ms)
    edge_ms, number = after(days * DAY_MS - 1), 0
    while True:
        yield number % places, Span(edge_ms - days * DAY_MS, edge_ms)
        edge_ms = after(edge_ms)
        number += 1
