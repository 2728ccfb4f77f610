"""Days and windows of promises must begin when the charter's calendar says, and not otherwise."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import zip_longest

import numpy as np

from equipoise.audit.book import Book
from equipoise.audit.finding import Finding
from equipoise.policy.core import Core
from equipoise.policy.kernel import layout as k
from equipoise.simulator.days import midnights_under
from equipoise.simulator.windows import windows_of


def calendar_findings(book: Book, core: Core) -> Iterator[Finding]:
    """Find the first charter, day or window of a promise that began when it should not, or did not when it should."""
    yield from _charters(book)
    yield from _days(book, core)
    yield from _windows(book, core)


def _charters(book: Book) -> Iterator[Finding]:
    """Charters are enacted when their entries say, in their order."""
    rows = book.events[book.events["kind"] == k.CHARTER_ENACTED]
    told = list(zip(rows["time_ms"].tolist(), rows["subject"].tolist(), strict=True))
    required = [(at_ms, n) for n, at_ms in enumerate(book.enact_ms, start=1) if at_ms <= book.last_ms]
    for said, due in zip_longest(told, required):
        if said != due:
            recorded, wanted = ("" if one is None else f"that charter {one[1]} came into force" for one in (said, due))
            yield Finding("V209", (said or due or (0,))[0], -1, recorded, wanted)
            return


def _days(book: Book, core: Core) -> Iterator[Finding]:
    """A day begins with the first pass at or after a midnight; several that begin with one pass begin at once."""
    events = book.events
    ends = np.flatnonzero(events["kind"] == k.PASS)
    times_ms = events["time_ms"][ends]
    zones = [core.layout.plan.charter.timezone, *(one.charter.timezone for one, _ in core.layout.later)]
    after = midnights_under(zones, book.enact_ms, book.origin_ms)
    wanted: set[int] = set()
    at_ms = after(0)
    while len(times_ms) and at_ms <= times_ms[-1]:
        number = int(np.searchsorted(times_ms, at_ms))
        wanted.add(number)
        at_ms = after(max(at_ms, int(times_ms[number]) if times_ms[number] > at_ms else at_ms))
    begun = np.searchsorted(ends, np.flatnonzero(events["kind"] == k.DAY_BEGAN)).tolist()
    for number in sorted(wanted ^ set(begun))[:1]:
        said = "that a day began", "no new day"
        recorded, required = said if number in begun else said[::-1]
        yield Finding("V208", int(times_ms[number]), book.passes[number], recorded, required)


def _windows(book: Book, core: Core) -> Iterator[Finding]:
    """Windows begin at the times of the charter's calendar, each with what the one before leaves to make good."""
    events = book.events
    rows = events[events["kind"] == k.WINDOW_BEGAN]
    ends = np.flatnonzero(events["kind"] == k.PASS)
    number = np.searchsorted(ends, np.flatnonzero(events["kind"] == k.WINDOW_BEGAN))
    fields = ("subject", "detail", "until_ms", "amount")
    told = [(int(row["time_ms"]), *(int(row[name]) for name in fields)) for row in rows]
    due = windows_of(core.layout, core.layout.reference.charter, book.origin_ms, book.enact_ms)
    required: list[tuple[int, ...]] = []
    while due is not None and due.next_ms <= book.last_ms:
        at_ms = due.next_ms
        begun = sorted(due.turn(core), key=lambda one: (one.promise, one.place))
        required += [(at_ms, one.promise, one.place, one.to_ms, one.make_good) for one in begun]
    for place in range(max(len(told), len(required))):
        said, wanted = (rows[place] if place < len(rows) else None for rows in (told, required))
        if said != wanted:
            at_ms = (said or wanted or (0,))[0]
            entry = -1 if said is None else book.passes[int(number[place])]
            yield Finding("V208", at_ms, entry, _window_text(book, core, said), _window_text(book, core, wanted))
            return


def _window_text(book: Book, core: Core, row: tuple[int, ...] | None) -> str:
    if row is None:
        return ""
    at_ms, promise, _, to_ms, amount = row
    known = 0 <= promise < len(core.layout.promised)
    name = core.layout.promised[promise].promise.name if known else f"number {promise}"
    more = f", with {amount} parts to make good" if amount else ""
    return f"that a window of '{name}' began at {_clock(book, at_ms)}, until {_clock(book, to_ms)}{more}"


def _clock(book: Book, at_ms: int) -> str:
    if book.origin_ms is None:
        return f"{at_ms} ms"
    return datetime.fromtimestamp((book.origin_ms + at_ms) / 1000, UTC).isoformat()
