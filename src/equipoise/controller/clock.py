"""The clock that the controller reads, and the event time that it makes of it: never back, never at a stand.

Event time is the later of the latest event and the clock. A clock that is set back would so stop all deadlines until it has caught
up; therefore, while event time is ahead of the clock, it goes on by the monotonic clock, a tenth slower. A clock that is set forward
is followed at once.
"""

from __future__ import annotations

import time
from typing import Protocol

BEHIND = 10
"""While event time is ahead, one part in so many of what passes is given back."""


class Clock(Protocol):
    """What tells the time."""

    def now_ms(self) -> int:
        """Return Unix milliseconds; they may be set back and forward."""
        ...

    def monotonic_ms(self) -> int:
        """Return milliseconds since some instant; they never go back."""
        ...

    def pause(self, ms: int, /) -> None:
        """Let so much time pass."""
        ...


class SystemClock:
    """The clocks of this machine."""

    def now_ms(self) -> int:
        """Return Unix milliseconds."""
        return time.time_ns() // 1_000_000

    def monotonic_ms(self) -> int:
        """Return milliseconds since some instant."""
        return time.monotonic_ns() // 1_000_000

    def pause(self, ms: int, /) -> None:
        """Let so much time pass."""
        time.sleep(ms / 1000)


class EventTime:
    """Milliseconds since the ledger's origin, as events are dated.

    Parameters
    ----------
    clock : Clock
    origin_ms : int
        Unix time of time 0.
    last_ms : int
        Of the latest event; the first that is told is not before it.

    Examples
    --------
    >>> class Hand:
    ...     wall, steady = 1_000, 0
    ...     def now_ms(self): return self.wall
    ...     def monotonic_ms(self): return self.steady
    >>> hand = Hand()
    >>> times = EventTime(hand, origin_ms=0)
    >>> times.now_ms()
    1000
    >>> hand.wall, hand.steady = 400, 100  # set back by 700
    >>> times.now_ms()
    1090
    """

    def __init__(self, clock: Clock, *, origin_ms: int, last_ms: int = 0) -> None:
        self._clock = clock
        self._origin_ms = origin_ms
        self._last_ms = max(0, last_ms)
        self._read_ms = clock.monotonic_ms()
        self._owed = 0

    def now_ms(self) -> int:
        """Return event time now, and remember it as the latest."""
        wall_ms = self._clock.now_ms() - self._origin_ms
        passed_ms = max(0, self._clock.monotonic_ms() - self._read_ms)
        self._read_ms += passed_ms
        self._owed += passed_ms * (BEHIND - 1)
        self._last_ms = max(wall_ms, self._last_ms + self._owed // BEHIND)
        self._owed %= BEHIND
        return self._last_ms

    @property
    def ahead_ms(self) -> int:
        """By how much event time is ahead of the clock."""
        return max(0, self._last_ms - (self._clock.now_ms() - self._origin_ms))
