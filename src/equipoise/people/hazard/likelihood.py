"""The likelihood of departures, and its maximum.

Of ``people`` each leaves within the month with probability h = 1 − exp(−exp(η)), where η is linear in the coefficients: the
complementary log-log link, which makes a month's hazard the sum of a rate over its days (Prentice & Gloeckler 1978,
doi:10.2307/2529588). The logarithm of the likelihood is concave in η, so Newton's method with shorter steps where it
overshoots finds the one maximum.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from equipoise.errors import InputError

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]

ITERATIONS_MAX = 200
HALVINGS_MAX = 60
DECREMENT_SMALL = 1e-6
"""Newton's decrement, twice what the next step gains, below which a step is taken whole: a gain so small drowns in rounding."""
DECREMENT_MIN = 1e-18
"""The decrement at which the maximum is found."""


class Maximum(NamedTuple):
    """Where the (penalised) likelihood is largest, and minus its second derivatives there."""

    at: F64
    information: F64


def maximum(design: F64, people: I64, departures: I64, *, centre: F64, precision: F64) -> Maximum:
    """Find the coefficients that make the departures, weighed by a normal prior, most likely.

    Parameters
    ----------
    design : float64 array of shape (rows, k)
    people, departures : int64 arrays of shape (rows,)
    centre, precision : float64 arrays of shape (k,)
        Of the prior; precision is 1 ÷ variance, and 0 switches it off.

    Raises
    ------
    InputError
        H103 where the maximum is not found: without a prior, the data may not determine one.
    """
    at = np.array(centre)
    for _ in range(ITERATIONS_MAX):
        slope, bend = derivatives(design @ at, people, departures)
        gradient = design.T @ slope - precision * (at - centre)
        information = (design.T * bend) @ design + np.diag(precision)
        try:
            step = np.asarray(np.linalg.solve(information, gradient), np.float64)
        except np.linalg.LinAlgError:
            break
        decrement = float(gradient @ step)
        if abs(decrement) <= DECREMENT_MIN:
            return Maximum(at, information)
        if decrement > DECREMENT_SMALL:
            value = log_likelihood(design @ at, people, departures) - _penalty(at, centre, precision)
            for _ in range(HALVINGS_MAX):
                further = at + step
                if log_likelihood(design @ further, people, departures) - _penalty(further, centre, precision) >= value:
                    break
                step = step / 2
        at = at + step
    raise InputError(
        "H103", "the data alone do not determine the coefficients", hint="a column that never varies needs a prior"
    )


def log_likelihood(eta: F64, people: I64, departures: I64) -> float:
    """Return the logarithm of the likelihood, without the terms that no coefficient changes."""
    rate = np.exp(np.minimum(eta, 700.0))
    left = departures > 0
    with np.errstate(divide="ignore"):  # a rate of 0 where someone left: minus infinity, as it should be
        told = departures[left] * np.log(-np.expm1(-rate[left]))
    return float(np.sum(told)) - float(np.sum((people - departures) * rate))


def derivatives(eta: F64, people: I64, departures: I64) -> tuple[F64, F64]:
    """Return the first derivative of each row by η and minus the second, which is never negative."""
    rate = np.exp(np.minimum(eta, 700.0))
    small = rate < 1e-6
    safe = np.where(small, 1.0, np.minimum(rate, 700.0))
    gain = np.where(small, 1 - rate / 2, safe / np.expm1(safe))  # d log h / d η
    stay = (people - departures) * rate
    curve = np.where(small, rate / 2, rate + gain - 1)  # −d log gain / d η
    return np.asarray(departures * gain - stay, np.float64), np.asarray(departures * gain * curve + stay, np.float64)


def _penalty(at: F64, centre: F64, precision: F64) -> float:
    return float(np.sum(precision * (at - centre) ** 2)) / 2
