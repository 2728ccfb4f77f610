"""What pacing computes with: one place for the numbers of a promise that the charter's checks and the scheduler share.

φ is a promise's share, C a pool's capacity, W the shortest full window, τ the longest that a reclaim takes, δ = 2τ. P_max is the
most that pacing asks for, B the level below which a pace is never cut, R the rounded floor, s the team's largest gang. Where the
rounded floors at all levels fit and windows are long enough (`fits`, `Asked.keeps_up`), there is no shortfall: docs/pacing-evidence.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from equipoise.charter.model import Charter
from equipoise.charter.promise import Window
from equipoise.units import DAY_MS, HOUR_MS

_SHORTEST_DAYS = {"day": 1, "week": 7, "month": 28, "quarter": 90, "year": 365}
_CLOCK_CHANGE_MS = 2 * HOUR_MS  # the largest change of clocks that a time zone makes every year today


@dataclass(frozen=True, slots=True)
class Asked:
    """What an ``at_least`` promise asks for in one pool.

    Parameters
    ----------
    share : Fraction
        φC, in GPUs.
    most : int
        P_max: rounded up, so that it is not below the share in whole GPUs either.
    level : int
        B: held from the start of a window until δ before its end, it is what is owed.
    window_ms, margin_ms : int
        W and δ.
    """

    share: Fraction
    most: int
    level: int
    window_ms: int
    margin_ms: int

    @property
    def keeps_up(self) -> bool:
        """Whether P_max until δ before the end is enough: φ·C·W ≤ P_max·(W − δ)."""
        return self.share == 0 or self.share * self.window_ms <= self.most * (self.window_ms - self.margin_ms)


def ask(share: Fraction, pace_max: Fraction, capacity: int, *, window_ms: int, margin_ms: int) -> Asked:
    """Return what a promise of ``share`` asks for in a pool.

    Examples
    --------
    A fifth of 100 GPUs over a day; borrowers may go on for 40 minutes:

    >>> asked = ask(Fraction(1, 5), Fraction(3, 10), 100, window_ms=DAY_MS, margin_ms=80 * 60_000)
    >>> asked.most, asked.level, asked.keeps_up
    (30, 22, True)
    """
    owed = share * capacity
    most = min(_ceil(pace_max * capacity), capacity)
    run_ms = window_ms - margin_ms
    level = min(most, _ceil(owed * window_ms / run_ms)) if run_ms > 0 else most
    return Asked(owed, most, level, window_ms, margin_ms)


def rounded_floor(floor: int, largest: int) -> int:
    """Return R: the most that a team can hold which starts whole gangs of up to ``largest`` while it holds less than ``floor``."""
    return floor - 1 + largest if floor > 0 else 0


def needed(parents: Sequence[int], own: Sequence[int]) -> list[int]:
    """Return what each team needs: the most of its own and what those below it need (``parents`` before children, -1 at the top)."""
    needs, below = list(own), [0] * (len(own) + 1)
    for team in range(len(own) - 1, -1, -1):
        needs[team] = max(needs[team], below[team + 1])
        below[parents[team] + 1] += needs[team]
    return needs


def fits(parents: Sequence[int], needs: Sequence[int], limits: Sequence[int], capacity: int) -> bool:
    """Whether what the teams need (`needed`) fits at once: under every limit, and at the top into the capacity."""
    top = sum(need for need, parent in zip(needs, parents, strict=True) if parent < 0)
    return top <= capacity and all(need <= limit for need, limit in zip(needs, limits, strict=True))


def shortest_ms(window: Window, timezone: str) -> int:
    """Return the length of the shortest full window: of February, the first quarter; shorter still where clocks change."""
    if window.calendar is None:
        assert window.rolling_days is not None
        return window.rolling_days * DAY_MS
    return _SHORTEST_DAYS[window.calendar] * DAY_MS - (0 if timezone == "UTC" else _CLOCK_CHANGE_MS)


def notices_ms(charter: Charter) -> list[int]:
    """Return τ of every team: how long a borrower may go on at most, but no longer than a leaf of the team waits (`recover`)."""
    ends = _ends(charter)
    protected = [team.min_runtime_ms + team.grace_ms if team.is_leaf else 0 for team in charter.teams]
    before, after = [0], [0]
    for held, back in zip(protected, reversed(protected), strict=True):
        before.append(max(before[-1], held))
        after.append(max(after[-1], back))
    recovers = [team.recover_ms if team.is_leaf else 0 for team in charter.teams]
    parents = charter.parents
    for team in range(len(recovers) - 1, -1, -1):
        if parents[team] >= 0:
            recovers[parents[team]] = max(recovers[parents[team]], recovers[team])
    return [min(recovers[team], max(before[team], after[len(ends) - ends[team]])) for team in range(len(ends))]


def largest_gangs(charter: Charter) -> list[int | None]:
    """Return per team the largest gang that a leaf below it may submit; None where one of them may submit any size."""
    largest: list[int | None] = [team.max_job if team.is_leaf else 0 for team in charter.teams]
    parents = charter.parents
    for team in range(len(largest) - 1, -1, -1):
        if parents[team] >= 0:
            above, own = largest[parents[team]], largest[team]
            largest[parents[team]] = None if above is None or own is None else max(above, own)
    return largest


def counted_gang(largest: int | None) -> int:
    """Return s: 1 where no largest gang is declared; larger ones then run outside the bound (W607)."""
    return 1 if largest is None else largest


def _ends(charter: Charter) -> list[int]:
    """Return for every team the id after the last team below it: teams are in preorder."""
    ends = [team + 1 for team in range(len(charter.teams))]
    parents = charter.parents
    for team in range(len(ends) - 1, -1, -1):
        if parents[team] >= 0:
            ends[parents[team]] = max(ends[parents[team]], ends[team])
    return ends


def _ceil(x: Fraction) -> int:
    return -(-x.numerator // x.denominator)
