"""Who waits in a team's queue and in which order they may start, kept by the slowest rule: equal jobs start as they came.

Where all jobs of a queue ask for the same, nothing but age tells them apart, so whatever floors, limits and promises do, none may
start before one that came earlier and still waits.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Queue:
    """Equal jobs of one queue, as decisions leave them."""

    waiting: dict[int, int] = field(default_factory=dict[int, int])
    """Their gangs, by number."""
    overtaken: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])
    """Jobs that started, each with one that came earlier and waited."""

    forgotten: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])
    """Jobs that waited on though there was room, each with when."""

    def submitted(self, job: int, gang: int) -> None:
        """A job comes."""
        self.waiting[job] = gang

    def started(self, job: int) -> None:
        """A job starts."""
        self.overtaken += [(job, other) for other in self.waiting if other < job][:1]
        del self.waiting[job]

    def settled(self, at_ms: int, room: int) -> None:
        """An instant is over, and leaves its limits and the machine room for so many devices more."""
        first = min(self.waiting, default=-1)
        if first >= 0 and self.waiting[first] <= room:
            self.forgotten.append((first, at_ms))
