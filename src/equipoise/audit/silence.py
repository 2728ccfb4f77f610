"""Silences that a recorder admits: what it cannot have recorded then, and which deadlines passed meanwhile.

A controller that was away decides, when it is back, what deadlines and the calendar demanded, each at its own time, or at once; both are
late. It says so with a ``silence`` before that. Nothing that others did can then have been told to it of that time, so whoever calls a
time silent to let a deadline pass must do without everything else. Promises are judged by heartbeats, whatever is said here.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from equipoise.audit.finding import Finding
from equipoise.audit.testimony import Silence, Testimony
from equipoise.charter.explanation import instant_text
from equipoise.policy.events import Events, sentence
from equipoise.policy.kernel import layout as k
from equipoise.units import SECOND_MS

if TYPE_CHECKING:
    from equipoise.audit.book import Book

TOLD = 20
"""Silences that are told one by one."""
OF_THE_CALENDAR = (k.DAY_BEGAN, k.WINDOW_BEGAN, k.PASS)


def silence_findings(testimony: Testimony, events: Events) -> Iterator[Finding]:
    """Find the first silence before which something of it was recorded, or after which something that was told then."""
    ends = np.flatnonzero(events["kind"] == k.PASS)
    latest_ms, beats = 0, [(entry, at_ms) for entry, at_ms, *_ in testimony.beats]
    for one in testimony.silences:
        said = f"silent from {one.from_ms} to {one.to_ms} ms"
        passed_ms = int(events["time_ms"][ends[one.passes - 1]]) if one.passes else 0
        at = bisect_right(beats, (one.entry, 0))
        before_ms = max(latest_ms, passed_ms, beats[at - 1][1] if at else 0)
        if one.from_ms < before_ms:
            yield Finding("V234", one.from_ms, one.entry, said, f"from {before_ms} ms on, where something was recorded")
            return
        beat_ms = beats[at][1] if at < len(beats) else one.to_ms
        told = _told(one, events, ends)
        if beat_ms < one.to_ms or told:
            what = f"a heartbeat at {beat_ms} ms" if beat_ms < one.to_ms else told
            yield Finding("V234", one.from_ms, one.entry, said, f"nothing of that time after it, and there is {what}")
            return
        latest_ms = one.to_ms


def _told(one: Silence, events: Events, ends: NDArray[np.int64]) -> str:
    """Return what was told of a silence beyond the calendar; empty: nothing."""
    first = int(ends[one.passes - 1]) + 1 if one.passes else 0
    last = int(np.searchsorted(events["time_ms"][ends], one.to_ms))
    rows = events[first : int(ends[last - 1]) + 1] if last > one.passes else events[:0]
    others = rows[~np.isin(rows["kind"], OF_THE_CALENDAR)]
    return sentence(others[0]) if len(others) else ""


def excused(
    silences: Sequence[Silence],
    late: Sequence[int],
    wanted_ms: NDArray[np.int64],
    acted_ms: NDArray[np.int64],
    late_ms: int,
    found: list[tuple[int, int]],
) -> list[int]:
    """Return which of the passes that came late are not excused by a silence; the others' deadlines go to ``found``.

    A silence excuses a deadline that passed in it, for the pass that comes no later after it than any may.
    """
    ends_ms, left = [one.to_ms for one in silences], list[int]()
    for n in late:
        due_ms, at_ms = int(wanted_ms[n]), int(acted_ms[n])
        after = bisect_right(ends_ms, due_ms)
        silence = silences[after] if after < len(silences) else None
        if (
            silence is not None
            and silence.from_ms - late_ms <= due_ms
            and silence.to_ms <= at_ms <= silence.to_ms + late_ms
        ):
            found.append((due_ms, at_ms))
        else:
            left.append(n)
    return left


def silence_notes(book: Book, excused_ms: Sequence[tuple[int, int]]) -> Iterator[str]:
    """Say how often and how long the recorder was away, and what that delayed."""
    silences, events = book.testimony.silences, book.events
    if not silences:
        return
    times_ms, origin_ms = events["time_ms"][events["kind"] == k.PASS], book.origin_ms or 0
    total_ms = sum(one.to_ms - one.from_ms for one in silences)
    many = "once" if len(silences) == 1 else f"{len(silences):,} times"
    until_ms = max(book.last_ms, silences[-1].to_ms)
    yield f"The controller was down {many}, {_length(total_ms)} in all of {_length(until_ms)}."
    for one in silences[:TOLD]:
        late = [one.to_ms - at_ms for at_ms in times_ms[one.passes : np.searchsorted(times_ms, one.to_ms)].tolist()]
        late += [at_ms - due_ms for due_ms, at_ms in excused_ms if one.from_ms <= at_ms and due_ms < one.to_ms]
        span = f"{instant_text(origin_ms + one.from_ms)} to {instant_text(origin_ms + one.to_ms)}"
        what = (
            f"{len(late):,} deadline{'s' * (len(late) != 1)} acted on late, by at most {_length(max(late, default=0))}"
        )
        yield f"Down from {span}: {what if late else 'no deadline passed'}."
    if len(silences) > TOLD:
        yield f"… and {len(silences) - TOLD:,} times more."


def _length(ms: int) -> str:
    """Say how long something took, to the second, and from two hours on to the minute."""
    seconds = -(-ms // SECOND_MS)
    if seconds < 120:
        return f"{seconds} s"
    hours, minutes = divmod(-(-seconds // 60), 60)
    return f"{minutes + 60 * hours} min" if hours < 2 else f"{hours:,} h {minutes} min"
