"""The six integers of a promise, and how they grow while nothing changes.

Over a stretch of time in which the denominator, what the team holds, what it asks for and what pacing asks for it are
all constant, with e = p × denominator (all rates in weighted GPUs, all stocks in stock units, see ``scale``):

=============  ======================================================================================================
owed       O   grows by e
delivered  S   grows by q × held
gross      V   grows by what was asked for, owed and not held: max(0, min(e, q·demand) − q·held)
unclaimed  U   grows by what was owed and not asked for: max(0, e − q·demand)
surplus    X   grows by what was held beyond e
denied     N   grows by v = max(0, min(max(e, q·pace), q·demand) − q·held), and is never above the arrears
=============  ======================================================================================================

``O = S + V + U − X`` at every instant. The first five add up under any cut. N does not: later surplus heals it, so it
is folded in order. While the team is ahead nothing is denied; where arrears begin inside a stretch, v counts from the
first whole millisecond after.

Arrears are O − S. Where unused hours lapse (``unused: forfeit``), O − U − S. Beside N runs N*, the same fold where hours
from the window before are to be made good and arrears begin with them: what is denied of both together.

The rule is PACING, section 4. N is equal to folding millisecond by millisecond, so no cut into whole milliseconds
changes it; the tests do so with fractions.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from equipoise.account.scale import Scale


@dataclass(frozen=True, slots=True)
class Stretch:
    """A time in which nothing changes; all but ``ms`` in weighted GPUs.

    Parameters
    ----------
    ms : int
        How long it is.
    whole : int
        The denominator: what all teams held, or the capacity, or the capacity at the promise's date.
    held, demand : int
        What the team holds, and what it asks for, that included.
    pace : int
        What pacing asks for.
    """

    ms: int
    whole: int
    held: int
    demand: int
    pace: int = 0

    def __post_init__(self) -> None:
        assert self.ms >= 0 and self.whole >= 0 and self.pace >= 0, self
        assert 0 <= self.held <= self.demand, "what is held was asked for"


@dataclass(frozen=True, slots=True)
class Stocks:
    """The six integers since a window began, in stock units, and N*.

    Parameters
    ----------
    owed, delivered, gross, unclaimed, surplus, denied : int
        O, S, V, U, X and N.
    denied_both : int
        N*: of what is owed and of ``make_good`` together.
    make_good : int
        Hours of the window before that this one makes good.
    forfeit : bool
        Whether unclaimed hours lapse at once.

    Examples
    --------
    A fifth of ten GPUs is promised. For an hour the team asks for four and holds one, then for another holds four:

    >>> from fractions import Fraction
    >>> scale = Scale(1, 5, {"gpu": 1}, Fraction(1))
    >>> first = Stocks().over(Stretch(3_600_000, whole=10, held=1, demand=4), scale)
    >>> second = first.over(Stretch(3_600_000, whole=10, held=4, demand=4), scale)
    >>> [(stocks.denied // 5 / 3_600_000, stocks.arrears // 5 / 3_600_000) for stocks in (first, second)]
    [(1.0, 1.0), (0.0, 0.0)]
    """

    owed: int = 0
    delivered: int = 0
    gross: int = 0
    unclaimed: int = 0
    surplus: int = 0
    denied: int = 0
    denied_both: int = 0
    make_good: int = 0
    forfeit: bool = False

    @property
    def balance(self) -> int:
        """How far the team is behind; negative when it is ahead."""
        return self.owed - (self.unclaimed if self.forfeit else 0) - self.delivered

    @property
    def arrears(self) -> int:
        """How far the team is behind, at least 0."""
        return max(0, self.balance)

    def over(self, stretch: Stretch, scale: Scale) -> Stocks:
        """Return the stocks after a stretch."""
        ms, q = stretch.ms, scale.q
        owed, held, asked = scale.p * stretch.whole, q * stretch.held, q * stretch.demand
        denied = max(0, min(max(owed, q * stretch.pace), asked) - held)
        return self._after(owed * ms, held * ms, asked * ms, denied=denied * ms, ms=ms)

    def less(self, lost: int, lost_by_all: int, scale: Scale) -> Stocks:
        """Return the stocks after work was lost to reclaim or failure, booked when it is lost.

        What the team lost is owed again and was denied: it had asked for those hours. What all lost leaves a denominator
        of delivered hours; where the denominator is a capacity, ``lost_by_all`` is 0.

        Parameters
        ----------
        lost, lost_by_all : int
            Weighted GPU-milliseconds, of the team and of all.
        """
        assert lost >= 0 and lost_by_all >= 0, "a loss takes away"
        return self._after(-scale.p * lost_by_all, -scale.q * lost, 0, denied=scale.q * lost, ms=0)

    def in_parts(self, parts: int) -> Stocks:
        """Return the same stocks in a unit that is a part of theirs (``Scale.with_pool``)."""
        return Stocks(
            self.owed * parts,
            self.delivered * parts,
            self.gross * parts,
            self.unclaimed * parts,
            self.surplus * parts,
            self.denied * parts,
            self.denied_both * parts,
            self.make_good * parts,
            self.forfeit,
        )

    def struck(self, charge: Charge) -> Stocks:
        """Return the stocks after the charge of an item that did not start when it could (``budget``)."""
        lapsed = charge.gross if self.forfeit else 0
        return replace(
            self,
            gross=self.gross - charge.gross,
            unclaimed=self.unclaimed + charge.gross,
            denied=_bounded(self.denied - charge.denied, self.balance - lapsed),
            denied_both=_bounded(self.denied_both - charge.denied, self.balance - lapsed + self.make_good),
        )

    def _after(self, owed: int, held: int, asked: int, *, denied: int, ms: int) -> Stocks:
        unclaimed = max(0, owed - asked)
        rise = owed - held - (unclaimed if self.forfeit else 0)
        return Stocks(
            self.owed + owed,
            self.delivered + held,
            self.gross + max(0, min(owed, asked) - held),
            self.unclaimed + unclaimed,
            self.surplus + max(0, held - owed),
            _denied(self.denied, self.balance, rise, denied, ms),
            _denied(self.denied_both, self.balance + self.make_good, rise, denied, ms),
            self.make_good,
            self.forfeit,
        )


@dataclass(frozen=True, slots=True)
class Charge:
    """What a waiting item was charged since its window began, in stock units: of V, and of the growth of N."""

    gross: int = 0
    denied: int = 0


def _denied(before: int, balance: int, rise: int, denied: int, ms: int) -> int:
    """Return N after ``ms`` in which the balance rises by ``rise`` and ``denied`` accrues, both evenly; 0 ms: at once."""
    after = balance + rise
    if balance < 0 < after and ms:  # arrears begin inside: at the first whole millisecond after
        ahead_ms = -(balance * ms // rise)
        denied = denied // ms * (ms - ahead_ms)
    return _bounded(before + denied, after)


def _bounded(denied: int, balance: int) -> int:
    return max(0, min(denied, balance))
