"""What vouches for a ledger's record, what contradicts that, and what is said beside its verdicts."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator

from equipoise.account import Correction, Evidence
from equipoise.audit.book import Book, Values
from equipoise.audit.finding import Finding
from equipoise.audit.silence import silence_findings
from equipoise.audit.testimony import contradicted
from equipoise.charter.explanation import instant_text, listed
from equipoise.policy.kernel import layout as k
from equipoise.simulator.record import Record
from equipoise.simulator.verdicts import windows_seen
from equipoise.units import duration_text

TOLD = 20
"""Corrections that are told one by one."""


def evidence_of(book: Book) -> Evidence:
    """Return the heartbeats and re-foundings of a book as `account.judge` wants them."""
    origin_ms = book.origin_ms or 0
    beats_ms = sorted(origin_ms + at_ms for _, at_ms, *_ in book.testimony.beats)
    forces = () if book.minutes is None else book.minutes.forces
    refounded_ms = [origin_ms + force.at_ms for force in forces if force.how == "re-founded"]
    return Evidence(origin_ms, beats_ms, sorted(refounded_ms))


def evidence_findings(book: Book) -> Iterator[Finding]:
    """Find what is malformed, and heartbeats that what stands around them contradicts."""
    yield from book.testimony.findings
    events = book.events
    found = contradicted(book.testimony.beats, events["time_ms"][events["kind"] == k.PASS])
    yield from found or _behind_verdicts(book)
    yield from silence_findings(book.testimony, events)


def _behind_verdicts(book: Book) -> Iterator[Finding]:
    """A heartbeat of a window's time cannot be entered after the window's verdict: it would vouch for what was judged already."""
    beats, origin_ms = book.testimony.beats, book.origin_ms or 0
    entries = [entry for entry, *_ in beats]
    for number, values in book.judged:
        if values["kind"] != "verdict":
            continue
        after = bisect_right(entries, number)
        to_ms = int(values["to_ms"]) - origin_ms
        if after < len(beats) and beats[after][1] < to_ms:
            entry, at_ms, *_ = beats[after]
            recorded = f"a heartbeat at {at_ms} ms after the verdict of a window until {to_ms} ms"
            yield Finding("V231", at_ms, entry, recorded, f"one at {to_ms} ms or later")
            return


def evidence_notes(book: Book, record: Record | None) -> Iterator[str]:
    """Say which verdicts stand on a record with gaps, which a re-founding broke, and what was corrected later."""
    if record is not None and any("gaps" in values or "refounded_ms" in values for _, values in book.judged):
        yield from _unvouched(book, record)
    corrections = book.testimony.corrections
    for one in corrections[:TOLD]:
        yield _corrected(book, one)
    if len(corrections) > TOLD:
        yield f"… and {len(corrections) - TOLD:,} corrections more."


def _unvouched(book: Book, record: Record) -> Iterator[str]:
    run = record.run
    for window in windows_seen(run.promised, run.promises, book.origin_ms or 0, record.evidence):
        found, terms = window.judgement, window.terms
        if found is None:
            continue
        name = f"'{terms.promise.name}' of {instant_text(terms.span.from_ms)} to {instant_text(terms.span.to_ms)}"
        if found.refounded_ms is not None:
            yield f"Re-founded on {instant_text(found.refounded_ms)}: {name} is broken."
        elif found.gaps:
            silent = listed([f"{instant_text(gap.from_ms)} to {instant_text(gap.to_ms)}" for gap in found.gaps])
            every = duration_text(window.promised.charter.evidence.checkpoint_every_ms)
            settles = instant_text(terms.span.to_ms + terms.promise.settle_ms)
            yield (
                f"Undecided: {name}. No heartbeat for more than {every}, of the window {silent};"
                f" from {settles} on it is broken."
            )


def _corrected(book: Book, one: Correction) -> str:
    when = instant_text((book.origin_ms or 0) + one.at_ms)
    windows = [_window_text(values) for values in _windows_of(book, one.entry)]
    beside = f" It lies within {listed(windows)}, whose verdict stays." if windows else ""
    return f"Corrected later, on {when}: {one}.{beside}"


def _windows_of(book: Book, entry: int) -> Iterator[Values]:
    """Yield the judged windows whose entries lie around an entry: opened before it or by it, judged after it or by it."""
    opened: dict[tuple[object, ...], int] = {}
    for number, values in book.judged:
        name = tuple(values.get(part) for part in ("promise", "from_ms", "to_ms"))
        if values["kind"] == "window":
            opened[name] = number
        elif values["kind"] == "verdict" and opened.get(name, number) <= entry <= number:
            yield values


def _window_text(values: Values) -> str:
    answer = values["verdict"]["answer"]
    return f"the window of '{values['promise']}' until {instant_text(int(values['to_ms']))} ({answer})"
