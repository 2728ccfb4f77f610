"""When windows of promises begin and end in a run, and what each has to make good of the one before.

A promise begins with the run, or when its charter comes into force. Times are milliseconds since the run's origin; without a calendar,
time 0 is taken as midnight UTC of 1 January 1970, so that its quarters are 90, 91, 92 and 92 days.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
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

    def __init__(self, layout: Layout, charter: Charter, origin_ms: int | None, enact_ms: Sequence[int] = ()) -> None:
        self._layout, self._charter, self._origin_ms = layout, charter, origin_ms or 0
        names = {(one.foreign, one.promise.name): None for one in layout.promised}
        streams: list[Iterator[Edge]] = []
        for name in names:
            versions = [one for one in layout.promised if (one.foreign, one.promise.name) == name]
            streams += _edges(versions, enact_ms, origin_ms)
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
                if one.promise.window.calendar and not one.foreign:
                    owed = carried(self._layout.promised, one, core.promises, edge.at_ms, self._origin_ms)
                begun.append(WindowBegin(edge.promise, edge.place, edge.to_ms, owed))
            self._next = next(self._edges, None)
        return begun


def windows_of(layout: Layout, charter: Charter, origin_ms: int | None, enact_ms: Sequence[int] = ()) -> Windows | None:
    """Return the windows of a run's promises of hours; None where there is no such promise.

    ``enact_ms``: when the second, the third … charter of the layout comes into force.
    """
    return Windows(layout, charter, origin_ms, enact_ms) if layout.promised else None


@dataclass(frozen=True, slots=True)
class Text:
    """A promise as some charters of a sequence have it: its window, its time zone, and which charters."""

    window: Window
    timezone: str
    charters: tuple[int, ...]


def spans_of(
    texts: Sequence[Text], enact_ms: Sequence[int], origin_ms: int | None, *, of: int | None = None
) -> Iterator[tuple[int, int, Span]]:
    """Yield the windows of a promise whose text may change: whose text, the how many-th of it, and its span, by beginning.

    Each window is of the text in force when it begins, and runs to its end. After a calendar window the next begins where it ends; a
    promise that is new, or was rolling, begins where its charter comes into force. Spans are in milliseconds since the run's origin.

    ``of``: only the windows of that text, which may be the only ones to come to an end.
    """
    base_ms, begins_ms, busy_ms, count = origin_ms or 0, [0, *enact_ms], 0, [0] * len(texts)
    numbers = range(len(begins_ms)) if of is None else range(max(texts[of].charters) + 1)
    for number in numbers:
        until_ms = begins_ms[number + 1] if number + 1 < len(begins_ms) else NEVER
        text = next((n for n, one in enumerate(texts) if number in one.charters), None)
        if text is None:
            continue
        window, zone = texts[text].window, "UTC" if origin_ms is None else texts[text].timezone
        if window.calendar is None:
            assert window.rolling_days is not None
            spans = _rolling(window.rolling_days, zone, origin_ms, begins_ms[number])
        else:
            first_ms = max(begins_ms[number], busy_ms)
            spans = _calendar(window.calendar, zone, base_ms, first_ms) if first_ms < until_ms else iter(())
        for span in spans:
            if span.from_ms >= until_ms:
                break
            busy_ms = span.to_ms if window.calendar is not None else busy_ms
            if of is None or of == text:
                yield text, count[text], span
            count[text] += 1


def _edges(versions: Sequence[Promised], enact_ms: Sequence[int], origin_ms: int | None) -> list[Iterator[Edge]]:
    """Return the edges of a promise of hours, each stream in order: all beginnings, and the ends of each of its texts."""
    texts = [Text(one.promise.window, one.charter.timezone, one.charters) for one in versions]

    def begins() -> Iterator[Edge]:
        for text, number, span in spans_of(texts, enact_ms, origin_ms):
            yield Edge(span.from_ms, versions[text].number, number % versions[text].spans, span.to_ms)

    def ends(of: int) -> Iterator[Edge]:
        for _, number, span in spans_of(texts, enact_ms, origin_ms, of=of):
            yield Edge(span.to_ms, versions[of].number, number % versions[of].spans, None)

    return [begins(), *(ends(of) for of in range(len(texts)))]


def _periods(calendar: Calendar, zone: str, origin_ms: int) -> Iterator[Period]:
    period = first_period(calendar, zone, origin_ms)
    while True:
        yield period
        try:
            period = next_period(calendar, zone, period)
        except OverflowError:  # the calendar ends with the year 9999
            return


def _calendar(calendar: Calendar, zone: str, base_ms: int, first_ms: int) -> Iterator[Span]:
    """Every calendar window from ``first_ms`` on."""
    for period in _periods(calendar, zone, base_ms + first_ms):
        yield Span(period.span.from_ms - base_ms, period.span.to_ms - base_ms)


def _rolling(days: int, zone: str, origin_ms: int | None, first_ms: int) -> Iterator[Span]:
    """Every full span of so many times 24 h that ends at a midnight, from ``first_ms`` on."""
    after = midnights(zone, origin_ms)
    edge_ms = after(first_ms + days * DAY_MS - 1)
    while True:
        yield Span(edge_ms - days * DAY_MS, edge_ms)
        edge_ms = after(edge_ms)
