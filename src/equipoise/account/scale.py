"""The unit of a promise's account, defined once: integers in which nothing has to be rounded.

A promise owes φ = p/q of a denominator, over pools whose devices count by weights (``heh``). Devices are counted in
*weighted GPUs*: each pool's by an integer, so that weights 13/5 and 3/10 become 26 and 3. What is owed, delivered and
denied is then counted in *stock units*: weighted GPU-milliseconds × q. Owed is p × the denominator, delivered q × what
was held, and both are whole.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import gcd, lcm

from equipoise.charter.model import Charter
from equipoise.charter.promise import Commitment
from equipoise.units import HOUR_MS


@dataclass(frozen=True, slots=True)
class Scale:
    """What a promise's integers mean.

    Parameters
    ----------
    p, q : int
        The promised share, in lowest terms.
    weights : Mapping of pool name to int
        What one GPU of each pool counts for.
    heh : Fraction
        H100-equivalents of one weighted GPU: ``weights[pool] * heh`` is the pool's ``heh``.

    Examples
    --------
    >>> scale = Scale.of(Fraction(1, 5), {"new": Fraction(13, 5), "old": Fraction(3, 10)})
    >>> scale.weights, scale.heh, scale.weigh({"new": 8, "old": 10})
    ({'new': 26, 'old': 3}, Fraction(1, 10), 238)
    >>> scale.heh_h(238 * 3_600_000 * scale.q)
    Fraction(119, 5)
    """

    p: int
    q: int
    weights: Mapping[str, int]
    heh: Fraction

    def __post_init__(self) -> None:
        assert 0 <= self.p <= self.q, "a share is between nothing and all"
        assert gcd(self.p, self.q) == 1, "a share is in lowest terms"
        assert self.weights and all(weight > 0 for weight in self.weights.values()), "weights are positive"

    @classmethod
    def of(cls, share: Fraction, heh: Mapping[str, Fraction]) -> Scale:
        """Return the scale of a share over pools that count by ``heh``."""
        below = lcm(*(weight.denominator for weight in heh.values()))
        whole = {pool: int(weight * below) for pool, weight in heh.items()}
        common = gcd(*whole.values())
        weights = {pool: weight // common for pool, weight in whole.items()}
        return cls(share.numerator, share.denominator, weights, Fraction(common, below))

    @classmethod
    def of_promise(cls, charter: Charter, promise: Commitment) -> Scale:
        """Return the scale of a promise under a charter; of a promise of starts only its share means something."""
        match promise.kind:
            case "at_least":
                share = promise.at_least
            case "at_most":
                share = promise.at_most
            case "starts":
                share = promise.starts.at_least if promise.starts else None
        assert share is not None, "a promise has the share that its kind says"
        return cls.of(share, {name: charter.pool(name).heh for name in promise.pools})

    def with_pool(self, pool: str, heh: Fraction) -> tuple[Scale, int]:
        """Return the scale with one more pool, and by what to multiply every number that was counted before.

        A pool that is known keeps its first weight: the scale is returned as it is, with 1.
        """
        if pool in self.weights:
            return self, 1
        known = {name: weight * self.heh for name, weight in self.weights.items()}
        wider = Scale.of(Fraction(self.p, self.q), known | {pool: heh})
        factor = self.heh / wider.heh
        assert factor.denominator == 1, "a unit is only divided further"
        return wider, factor.numerator

    def in_parts(self, parts: int) -> Scale:
        """Return the same scale with the unit divided into so many parts."""
        weights = {pool: weight * parts for pool, weight in self.weights.items()}
        return Scale(self.p, self.q, weights, self.heh / parts)

    def weigh(self, gpus: Mapping[str, int]) -> int:
        """Return GPUs (or GPU-milliseconds) per pool in weighted GPUs; pools that do not count are left out."""
        return sum(self.weights.get(pool, 0) * count for pool, count in gpus.items())

    def heh_h(self, stock: int) -> Fraction:
        """Return stock units as H100-equivalent hours."""
        return Fraction(stock, self.q * HOUR_MS) * self.heh
