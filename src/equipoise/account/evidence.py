"""What vouches for a record: heartbeats of whoever keeps it, and what breaks its promises whatever it says.

A recorder says now and then that it is alive (`heartbeat`), at least as often as the charter's `evidence` asks for signed
checkpoints. Where it was silent for longer, what happened then may have been written afterwards: the window has a gap
there, and its verdict is undecided (PACING, section 4). `Evidence.gaps` is the rule:

- the ledger's opening counts as a heartbeat, and so does a window's end, when its verdict falls due;
- of a silence that began before the window, what lies in the window is its gap;
- passes, totals and closes do not count: they can be told later, and a receipt does not have them all.

A re-founding breaks every promise that runs then (AMENDMENTS, section 2): each window that began before it and ends after it.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from equipoise.account.window import Span


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a ledger holds of it, in Unix milliseconds, each in order.

    Parameters
    ----------
    opened_ms : int
        When the ledger was opened.
    beats_ms : sequence of int
        When the recorder said that it was alive.
    refounded_ms : sequence of int
        When a charter came into force that no board had signed.
    """

    opened_ms: int
    beats_ms: Sequence[int]
    refounded_ms: Sequence[int] = ()

    def gaps(self, span: Span, every_ms: int) -> tuple[Span, ...]:
        """Return the times of a window in which the recorder was silent for longer than ``every_ms``.

        Examples
        --------
        A day is the most, and the recorder was silent from hour 20 to hour 50 (of which the window has what follows hour 24):

        >>> hour = 3_600_000
        >>> evidence = Evidence(0, [20 * hour, 50 * hour, 70 * hour])
        >>> [(gap.from_ms // hour, gap.to_ms // hour) for gap in evidence.gaps(Span(24 * hour, 90 * hour), 24 * hour)]
        [(24, 50)]
        """
        known = self._known(span)
        return tuple(
            Span(max(one, span.from_ms), other)
            for one, other in pairwise([*known, span.to_ms])
            if other - one > every_ms
        )

    def needed(self, span: Span, every_ms: int) -> list[int]:
        """Return the fewest heartbeats that show the same gaps: after each, the latest that is not too late for it."""
        latest_ms, *inside = dict.fromkeys(self._known(span))
        at_ms, chosen = min(self.opened_ms, span.from_ms), list[int]()
        first_ms = [*inside, span.to_ms][0]
        if latest_ms > at_ms and first_ms - latest_ms <= every_ms < first_ms - at_ms:
            at_ms = latest_ms
            chosen.append(at_ms)
        while inside and span.to_ms - at_ms > every_ms:
            within = max(bisect_right(inside, at_ms + every_ms), 1)
            at_ms, inside = inside[within - 1], inside[within:]
            chosen.append(at_ms)
        return chosen

    def refounded(self, span: Span) -> int | None:
        """Return when a re-founding broke a window; None where none did."""
        at = bisect_right(self.refounded_ms, span.from_ms)
        found = self.refounded_ms[at : at + 1]
        return found[0] if found and found[0] < span.to_ms else None

    def _known(self, span: Span) -> list[int]:
        """Return the latest sign of life that is not after a window's beginning, and all that are within it."""
        first, end = bisect_right(self.beats_ms, span.from_ms), bisect_left(self.beats_ms, span.to_ms)
        opened_ms = min(self.opened_ms, span.from_ms)  # no window begins before its ledger does
        return [self.beats_ms[first - 1] if first else opened_ms, *self.beats_ms[first:end]]


def heartbeat(at_ms: int, passes: int) -> dict[str, Any]:
    """Return the entry by which a recorder says that it is alive.

    Parameters
    ----------
    at_ms : int
        Now, in milliseconds since the ledger's origin; no pass of before may be recorded after it.
    passes : int
        How many passes were recorded so far.
    """
    return {"kind": "heartbeat", "at_ms": at_ms, "passes": passes}


def silence(from_ms: int, to_ms: int) -> dict[str, Any]:
    """Return the entry by which a recorder says that it was away: it decided nothing, and nothing was told to it.

    Parameters
    ----------
    from_ms, to_ms : int
        The latest time of which something was recorded, and now, in milliseconds since the ledger's origin. What the calendar and
        deadlines demanded in between follows, each at its own time.
    """
    return {"kind": "silence", "from_ms": from_ms, "to_ms": to_ms}
