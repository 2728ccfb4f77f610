"""How good probabilities are that were said beforehand: Brier scores against what else could be said, and tables of reliability."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from benchmarks._page import table

F64 = NDArray[np.float64]
EDGES = (0.0, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.6, 1.0)


@dataclass(frozen=True, slots=True)
class Forecasts:
    """Of every team of some labs: the probability with the lab's data, that of the priors alone, and what came."""

    lab: NDArray[np.int64]
    updated: F64
    prior: F64
    came: NDArray[np.bool_]

    @property
    def climatology(self) -> F64:
        """How often it came in the other labs."""
        total, n = self.came.sum(), len(self.came)
        came, size = np.bincount(self.lab, self.came), np.bincount(self.lab)
        return np.asarray(((total - came) / (n - size))[self.lab], np.float64)

    def brier(self, said: F64) -> float:
        """Return the mean of (probability − outcome)²."""
        return float(np.mean((said - self.came) ** 2))


def gained(of: Forecasts, said: F64, rival: F64) -> str:
    """Say how much smaller the Brier score is, with an interval from labs drawn again."""
    own = np.bincount(of.lab, (said - of.came) ** 2)
    other = np.bincount(of.lab, (rival - of.came) ** 2)
    rng = np.random.default_rng(0)
    again = rng.integers(0, len(own), (2000, len(own)))
    gains = 1 - own[again].sum(axis=1) / other[again].sum(axis=1)
    low, high = np.quantile(gains, [0.025, 0.975])
    return f"{100 * (1 - own.sum() / other.sum()):.1f} % ({100 * low:.1f} to {100 * high:.1f})"


def reliable(said: F64, came: NDArray[np.bool_]) -> str:
    """Return the table of how often it came, by what was said, and where that lies by chance if what was said is right."""
    bins = np.digitize(said, EDGES[1:-1])
    rows = ["said | teams | said, mean | it came | 95 % of chance", "---|---:|---:|---:|---:"]
    rng = np.random.default_rng(0)
    for number, (low, high) in enumerate(pairwise(EDGES)):
        here = bins == number
        chance = (rng.random((2000, int(here.sum()))) < said[here]).mean(axis=1)
        least, most = np.quantile(chance, [0.025, 0.975])
        rows.append(
            f"{100 * low:.0f} to {100 * high:.0f} % | {here.sum():,} | {100 * said[here].mean():.1f} %"
            f" | {100 * came[here].mean():.1f} % | {100 * least:.1f} to {100 * most:.1f} %"
        )
    return table(rows)
