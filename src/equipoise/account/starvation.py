"""Starvation: what a team was denied of what it was entitled to while it asked.

These are a team's numbers, against the reference charter of a run: entitled = ∫ min(entitlement, demand), denied =
∫ max(0, min(entitlement, demand) − held). They are not a promise's: N of ``stocks`` is about a window's hours.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True, slots=True)
class Need:
    """What a team was entitled to and denied over a time, in weighted GPU-milliseconds; times add up.

    Examples
    --------
    >>> week = Need(100, 25) + Need(60, 15)
    >>> week.starvation, Need(0, 0).starvation
    (Fraction(1, 4), None)
    """

    entitled: int = 0
    denied: int = 0

    def __post_init__(self) -> None:
        assert 0 <= self.denied <= self.entitled, "no more is denied than a team is entitled to"

    def __add__(self, other: Need) -> Need:
        return Need(self.entitled + other.entitled, self.denied + other.denied)

    @property
    def starvation(self) -> Fraction | None:
        """Denied ÷ entitled; None where the team was entitled to nothing, since it asked for nothing."""
        return Fraction(self.denied, self.entitled) if self.entitled else None


def hungry_days(days: Iterable[Need], *, above: Fraction) -> list[bool | None]:
    """Say of each day whether the team was starved by more than ``above``; None: it asked for nothing."""
    found = (day.starvation for day in days)
    return [None if starved is None else starved > above for starved in found]
