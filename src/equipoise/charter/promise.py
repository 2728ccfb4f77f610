"""Promises: what a team is owed over a window, judged on what was delivered."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from equipoise.units import DAY_MS

Kind = Literal["at_least", "at_most", "starts"]
Denominator = Literal["delivered", "capacity", "capacity at"]
Calendar = Literal["day", "week", "month", "quarter", "year"]


@dataclass(frozen=True, slots=True)
class Window:
    """A calendar window, or every span of ``rolling_days`` × 24 h that ends at a local midnight.

    Exactly one of the two is set.

    Examples
    --------
    >>> str(Window(calendar="quarter")), str(Window(rolling_days=28))
    ('quarter', 'rolling 28d')
    """

    calendar: Calendar | None = None
    rolling_days: int | None = None

    def __str__(self) -> str:
        return self.calendar if self.calendar is not None else f"rolling {self.rolling_days}d"


@dataclass(frozen=True, slots=True)
class Starts:
    """A promise of starts: of the jobs up to a size, the share that starts within a time."""

    jobs_up_to: int
    within_ms: int
    at_least: Fraction


@dataclass(frozen=True, slots=True)
class Commitment:
    """One promise. Exactly one of ``at_least``, ``at_most`` and ``starts`` is set.

    Parameters
    ----------
    name, team : str
        The promise's name and the full path of the team it is made to.
    window : Window
        What it is judged over.
    at_least, at_most : Fraction or None
        Share of the denominator.
    starts : Starts or None
        For promises about waiting.
    of : {'delivered', 'capacity', 'capacity at'}
        Denominator; ``capacity_at_ms`` (Unix milliseconds) is set for the last.
    pools : tuple of str
        Pools of numerator and denominator; ``all_pools`` tells whether they were left to the default.
    unused : {'carry', 'forfeit'}
        Whether hours not asked for stay owed until the window ends.
    make_good : Fraction
        Of the broken hours, added to the next window (1.1 is 110%).
    pace_max : Fraction or None
        The most capacity that pacing may ask for; None unless ``at_least`` is set.
    settle_ms : int
        By when the record must be complete.
    warn_below : Fraction
        Warn when the probability of keeping it falls below.
    protected_by : tuple of str
        Boards that hear of it and sign what weakens it, sorted.
    public : bool
        Whether verdicts are published.
    """

    name: str
    team: str
    window: Window
    pools: tuple[str, ...]
    at_least: Fraction | None = None
    at_most: Fraction | None = None
    starts: Starts | None = None
    all_pools: bool = True
    of: Denominator = "delivered"
    capacity_at_ms: int | None = None
    unused: Literal["carry", "forfeit"] = "carry"
    make_good: Fraction = Fraction(0)
    pace_max: Fraction | None = None
    settle_ms: int = 7 * DAY_MS
    warn_below: Fraction = Fraction(9, 10)
    protected_by: tuple[str, ...] = ()
    public: bool = False

    @property
    def kind(self) -> Kind:
        """Which of the three promises it is."""
        if self.at_least is not None:
            return "at_least"
        return "at_most" if self.at_most is not None else "starts"
