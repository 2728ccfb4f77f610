"""The early warning: how likely it is that a part of a team leaves within the next months."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from equipoise.people.hazard.course import Course, held
from equipoise.people.hazard.posterior import Coefficients
from equipoise.people.hazard.team_months import CONTAGION_MONTHS, Standing
from equipoise.workload.draws import Draws

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]

MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Loss:
    """How many of those who are there leave within ``months``.

    Parameters
    ----------
    team : str
    people : int
    months : int
    lost_ppm : int
        The part of the team that the question is about.
    probability : float
        That at least so many leave. Doubt about the coefficients is in it.
    low, median, high : int
        5 %, half and 95 % of the number who leave.
    mean : float
    """

    team: str
    people: int
    months: int
    lost_ppm: int
    probability: float
    low: int
    median: int
    high: int
    mean: float


def chance_of_loss(
    coefficients: Coefficients,
    standing: Standing,
    course: Course | None = None,
    *,
    lost_ppm: int = 200_000,
    seed: int = 0,
) -> Loss:
    """Return how likely at least ``lost_ppm`` of a team's people leave within the months of a course: six, if it is held.

    Felt starvation follows the course, and contagion lives of the departures. Nobody joins: it is about those who are
    there. Each draw of the coefficients is one future, and equal seeds make equal chance, so that more starvation never
    lowers a probability where beta_s and kappa are not negative.

    Examples
    --------
    >>> from equipoise.people.hazard.posterior import fit
    >>> draws = fit().draws(2000, seed=1)
    >>> calm, starved = Standing("safety", 25), Standing("safety", 25, starved=0.8, breach=1.0, felt=0.8)
    >>> chance_of_loss(draws, calm).probability < chance_of_loss(draws, starved).probability
    True
    """
    assert 0 < lost_ppm <= MILLION, lost_ppm
    n = len(coefficients)
    course = course or held(standing)
    starved, breach, pull = (
        np.broadcast_to(of, (n, course.months)) for of in (course.starved, course.breach, course.pull)
    )
    chance = Draws(seed, stream=3)
    left = np.full(n, standing.people, np.int64)
    felt, contagion = np.full(n, standing.felt), np.full(n, standing.contagion)
    for month in range(course.months):
        felt = felt + (starved[:, month] - felt) / standing.felt_months
        rate = coefficients.rate(felt=felt, breach=breach[:, month], contagion=contagion, pull=pull[:, month])
        gone = departures(left, rate, chance.unit(n))
        contagion = contagion + gone / np.maximum(left, 1) - contagion / CONTAGION_MONTHS
        left = left - gone
    lost = standing.people - left
    low, median, high = np.quantile(lost, [0.05, 0.5, 0.95], method="inverted_cdf")
    return Loss(
        team=standing.team,
        people=standing.people,
        months=course.months,
        lost_ppm=lost_ppm,
        probability=float(np.mean(lost * MILLION >= lost_ppm * standing.people)),
        low=int(low),
        median=int(median),
        high=int(high),
        mean=float(np.mean(lost)),
    )


def departures(people: I64, rate: F64, unit: F64) -> I64:
    """Turn uniform numbers into binomial ones, of ``people`` with probability 1 − exp(−rate), by inverting the sum.

    A higher rate never makes fewer leave, and one person more makes at most one more leave.
    """
    odds = rate + np.log(-np.expm1(-rate))  # of leaving: ln(e^rate − 1)
    log_part = -people * rate  # nobody leaves
    total = np.exp(log_part)
    gone = np.zeros(len(people), np.int64)
    open_ = np.flatnonzero((unit >= total) & (people > 0))
    while len(open_):
        gone[open_] += 1
        k, n = gone[open_], people[open_]
        log_part[open_] += np.log((n - k + 1) / k) + odds[open_]
        total[open_] += np.exp(log_part[open_])
        open_ = open_[(unit[open_] >= total[open_]) & (k < n)]
    return gone
