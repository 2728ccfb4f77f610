"""Chance with stable bits: uniform numbers from a seed, and distributions as tables of quantiles.

A workload made from a seed is an example that others repeat, so its bits must not depend on a version or on a library
of mathematics. NumPy promises the stream of a *bit generator* for ever, but not what ``Generator.lognormal`` makes of
it, and libm may differ in the last bit between platforms. So: raw 64-bit words become uniform numbers by one exact
scaling, every distribution is a table of quantiles that is read with ``+ − × ÷``, and exponentials are taken in decimal
arithmetic, which rounds correctly everywhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Context, Decimal
from functools import cache
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]

CELLS = 2048
"""Cells of a table: its last one begins at the 99.95 % quantile."""

_DECIMAL = Context(prec=20)  # our own, for a program may have changed the one it runs in


class Draws:
    """A seeded stream of uniform numbers; the only source of chance of a synthetic workload.

    Parameters
    ----------
    seed : int
        0 or more.
    stream : int
        Streams of one seed are independent, so that a change of one part of a workload leaves the others as they were.

    Examples
    --------
    >>> Draws(1).unit(2).tolist() == Draws(1).unit(2).tolist()
    True
    """

    __slots__ = ("_bits",)

    def __init__(self, seed: int, *, stream: int = 0) -> None:
        self._bits = np.random.PCG64(np.random.SeedSequence((seed, stream)))

    def unit(self, n: int) -> F64:
        """Draw ``n`` numbers, uniform in [0, 1), of 53 bits each."""
        raw = self._bits.random_raw(n)
        raw >>= np.uint64(11)
        return raw.astype(np.float64) * 2.0**-53

    def below(self, bound: int, n: int) -> I64:
        """Draw ``n`` integers, uniform in 0 … ``bound`` − 1; ``bound`` ≤ 2^52."""
        return (self.unit(n) * float(bound)).astype(np.int64)

    def pick(self, weights: Sequence[float], n: int) -> I64:
        """Draw ``n`` indices into ``weights``, each in proportion to its weight."""
        return choose(np.asarray(weights, np.float64), self.unit(n))


def choose(weights: F64, unit: F64) -> I64:
    """Turn uniform numbers into indices, in proportion to ``weights`` (one or more, none negative, not all zero)."""
    # cumsum adds from left to right; np.sum may not, and its last bit would depend on the machine.
    edges: F64 = np.cumsum(weights)
    return np.asarray(np.searchsorted(edges[:-1], unit * float(edges[-1]), side="right"), np.int64)


@dataclass(frozen=True, slots=True)
class Quantiles:
    """A distribution as ``CELLS + 1`` values at equally spaced probabilities, linear in between.

    Parameters
    ----------
    knots : float64 array of shape (CELLS + 1,)
        Never decreasing; ``knots[k]`` is the quantile at ``k / CELLS``, and the last one the largest value there is.
    """

    knots: F64

    @classmethod
    def lognormal(cls, median: float, sigma: float, *, least: float, most: float) -> Quantiles:
        """Make the table of a lognormal distribution clipped to [``least``, ``most``]."""
        values = [median * factor for factor in _lognormal_factors(sigma)]
        return cls(np.clip(np.array([least, *values, most], np.float64), least, most))

    @classmethod
    def exponential(cls, mean: float) -> Quantiles:
        """Make the table of an exponential distribution, cut off where its last cell keeps the exact mean."""
        inner = [mean * float(_DECIMAL.ln(_DECIMAL.divide(Decimal(CELLS), CELLS - k))) for k in range(CELLS)]
        # without memory, what exceeds the last quantile is again exponential: its mean is half way up a cell of 2 means
        return cls(np.array([*inner, inner[-1] + 2.0 * mean], np.float64))

    @classmethod
    def through(cls, points: Sequence[tuple[float, float]]) -> Quantiles:
        """Make a table through published quantiles, geometric in between.

        Parameters
        ----------
        points : sequence of (probability, value)
            Rising from probability 0 to 1; values above 0.

        Examples
        --------
        >>> round(Quantiles.through([(0, 1), (0.5, 10), (1, 100)]).at(0.5), 9)
        10.0
        """
        assert points[0][0] == 0 and points[-1][0] == 1, points
        logs = [_DECIMAL.ln(Decimal(value)) for _, value in points]
        knots: list[float] = []
        right = 1
        for k in range(CELLS + 1):
            p = k / CELLS
            while p > points[right][0]:
                right += 1
            part = (p - points[right - 1][0]) / (points[right][0] - points[right - 1][0])
            rise = _DECIMAL.multiply(Decimal(part), _DECIMAL.subtract(logs[right], logs[right - 1]))
            knots.append(float(_DECIMAL.exp(_DECIMAL.add(logs[right - 1], rise))))
        return cls(np.array(knots, np.float64))

    def at(self, probability: float) -> float:
        """Read one quantile; ``probability`` in [0, 1)."""
        return float(self.read(np.array([probability]))[0])

    def read(self, unit: F64) -> F64:
        """Turn uniform numbers into values."""
        place = unit * float(CELLS)
        cell = place.astype(np.int64)
        place -= cell
        low = self.knots[cell]
        place *= self.knots[1:][cell] - low
        place += low
        return place

    @property
    def mean(self) -> float:
        """The exact mean of what ``read`` returns for uniform numbers."""
        inner = np.cumsum(self.knots[1:-1])[-1]
        return float((inner + (self.knots[0] + self.knots[-1]) / 2.0) / CELLS)


@cache
def _lognormal_factors(sigma: float) -> tuple[float, ...]:
    """Return exp(sigma · z) at the inner knots. Rounding z hides the last bits of the logarithm that its tails take."""
    normal = NormalDist()
    scale = Decimal(sigma)
    scores = (Decimal(round(normal.inv_cdf(k / CELLS), 9)) for k in range(1, CELLS))
    return tuple(float(_DECIMAL.exp(_DECIMAL.multiply(scale, z))) for z in scores)
