"""The way of a release through the stages of a gate: when each was open to it, and what is left of its quota.

A stage is *good* while its needs and those of every stage before it are fresh and nothing that the gate asks for is
barred by a revocation. A release enters a good stage once the stage before has been open to it for ``after`` without a
break (the first: once its own needs have been met for that long), and leaves it when it stops being good. From then on
the quota falls; if the stage is good again before it has fallen to nothing, the release is back in it, and the time in
the stage begins anew. After that it has to enter again.

Each stage falls by itself: a release whose safety case is too old keeps what the stages before it give. A revocation
bars all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from equipoise.charter.governance import Gate, Stage
from equipoise.gates.evidence import Evidence
from equipoise.gates.spans import FOREVER, Span, covering, intersection, union, without
from equipoise.units import DAY_MS


@dataclass(frozen=True, slots=True)
class Passage:
    """What was and will be of one stage, by what is known.

    Parameters
    ----------
    stage : Stage
    drain_ms : int
    good : list of (int, int)
        When its needs and those of the stages before are met.
    open : list of (int, int)
        When the release was, and if nothing is recorded will be, in it.
    may_enter : list of (int, int)
        When it could be, if it entered whenever it may; without a history the same as ``open``.
    """

    stage: Stage
    drain_ms: int
    good: list[Span]
    open: list[Span]
    may_enter: list[Span]

    def left(self, at_ms: int) -> Fraction:
        """Return the part of its quota that the release has at a time: 1 while the stage is open, then less by the day."""
        end_ms = self._last_end(at_ms)
        return Fraction(0) if end_ms is None else remaining(at_ms - end_ms, self.drain_ms)

    def falls_since_ms(self, at_ms: int) -> int | None:
        """Return since when the quota falls; None while the stage is open, or when nothing is left."""
        end_ms = self._last_end(at_ms)
        return end_ms if end_ms is not None and end_ms <= at_ms < end_ms + self.drain_ms else None

    def next_ms(self, at_ms: int) -> int:
        """Return the next time at which this changes of itself, or ``FOREVER``."""
        edges = [edge for spans in (self.good, self.open, self.may_enter) for span in spans for edge in span]
        since_ms = self.falls_since_ms(at_ms)
        if since_ms is not None:
            step_ms = since_ms + ((at_ms - since_ms) // DAY_MS + 1) * DAY_MS
            edges.append(min(step_ms, since_ms + self.drain_ms))
        return min((edge for edge in edges if edge > at_ms), default=FOREVER)

    def _last_end(self, at_ms: int) -> int | None:
        """Return when the last time that the stage was open ended or will end."""
        return next((end for start, end in reversed(self.open) if start <= at_ms), None)


def remaining(since_ms: int, drain_ms: int) -> Fraction:
    """Return what is left of a quota so long after it began to fall: equal daily steps to 0 when ``drain`` is over.

    >>> [str(remaining(day * DAY_MS, 4 * DAY_MS)) for day in range(-1, 5)]
    ['1', '1', '3/4', '1/2', '1/4', '0']
    """
    if since_ms < 0:
        return Fraction(1)
    if since_ms >= drain_ms:
        return Fraction(0)
    steps = -(-drain_ms // DAY_MS)
    return Fraction(steps - since_ms // DAY_MS, steps)


def passages(gate: Gate, evidence: Evidence, now_ms: int, history: Mapping[str, Sequence[int]] | None) -> list[Passage]:
    """Return the way of a release through a gate, by what is recorded up to ``now_ms``.

    Parameters
    ----------
    gate : Gate
    evidence : Evidence
    now_ms : int
    history : mapping or None
        From a stage's name to when the release entered it. Entries that the rules did not allow are not believed. None:
        it enters every stage as soon as it may.
    """
    needs = {(type, board) for stage in gate.stages for type, board in stage.needs.items()}
    barred = union(span for type, board in needs for span in evidence.barred(type, board, now_ms))
    good = without([(-FOREVER, FOREVER)], barred)
    found: list[Passage] = []
    for stage in gate.stages:
        if not stage.needs:  # no charter that is read has one
            good = []
        for type, board in stage.needs.items():
            good = intersection(good, evidence.fresh(type, board, max_age_ms=gate.max_age_ms, now_ms=now_ms))
        allowed = _allowed(found[-1].open if found else None, stage.after_ms)
        entries = None if history is None else history.get(stage.name, ())
        soonest = _stays(good, allowed, gate.drain_ms, None)
        entered = soonest if entries is None else _stays(good, allowed, gate.drain_ms, entries)
        found.append(Passage(stage, gate.drain_ms, good, entered, soonest))
    return found


def _allowed(before: list[Span] | None, after_ms: int) -> Callable[[Span], Iterable[Span]]:
    """Return the function that says when, within a time in which a stage is good, the release may enter it."""
    if before is None:
        return lambda span: [(span[0] + after_ms, span[1])]
    waited = [(start + after_ms, end) for start, end in before]
    return lambda span: intersection([span], union(waited))


def _stays(
    good: list[Span],
    allowed: Callable[[Span], Iterable[Span]],
    drain_ms: int,
    entries: Sequence[int] | None,
) -> list[Span]:
    """Return when the release is in a stage: from entering it, or from being back in time, to the end of what is good."""
    found: list[Span] = []
    for start, end in good:
        if found and start < found[-1][1] + drain_ms:
            found.append((start, end))
            continue
        doors = [door for door in allowed((start, end)) if door[0] < door[1]]
        if entries is None:
            first = doors[0][0] if doors else None
        else:
            first = min((at_ms for at_ms in entries if covering(doors, at_ms) is not None), default=None)
        if first is not None:
            found.append((first, end))
    return found
