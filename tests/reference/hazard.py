"""The slow twin of `equipoise.people.hazard`: the density by its definition, and the posterior by Metropolis' walk."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from equipoise.people.hazard import Standing, TeamMonth

F64 = NDArray[np.float64]


def memories(rows: Sequence[TeamMonth], felt_months: float) -> list[tuple[float, float]]:
    """Return felt starvation and contagion of a team's consecutive months, as sums over all earlier ones."""
    found: list[tuple[float, float]] = []
    keep, fade = 1 - 1 / felt_months, 1 - 1 / 4.5
    for t in range(len(rows)):
        felt = rows[0].starved * keep**t + sum(rows[u].starved * keep ** (t - u) / felt_months for u in range(1, t + 1))
        contagion = sum(rows[u].departures / rows[u].people * fade ** (t - 1 - u) for u in range(t))
        found.append((felt, contagion))
    return found


def log_density(at: Sequence[float], design: F64, people: Sequence[int], departures: Sequence[int]) -> float:
    """Return the logarithm of prior × likelihood of (ln h0, u_lab, beta_s, beta_m, kappa, pull), up to a constant."""
    log_h0, u_lab, beta_s, beta_m, kappa, pull = at
    if kappa < 0:
        return -math.inf
    rate = np.exp(design @ np.array([log_h0 + u_lab, beta_s, beta_m, kappa, pull]))
    leaves = 1 - np.exp(-rate)
    total = float(np.sum(np.array(departures) * np.log(leaves)))
    total += float(np.sum((np.array(people) - np.array(departures)) * np.log(1 - leaves)))
    for value, centre, spread in (
        (log_h0, math.log(0.0093), 0.12), (u_lab, 0, 0.3), (beta_s, 0.9, 0.35), (beta_m, 0.5, 0.25), (kappa, 0, 0.9),
        (pull, 0.25, 0.15),
    ):  # fmt: skip
        total -= ((value - centre) / spread) ** 2 / 2
    return total


def walk(design: F64, people: Sequence[int], departures: Sequence[int], *, steps: int, seed: int) -> dict[str, F64]:
    """Walk through the posterior by random steps (Metropolis); the first tenth is dropped."""
    rng = np.random.default_rng(seed)
    at = np.array([math.log(0.0093), 0.0, 0.9, 0.5, 0.5, 0.25])
    size = 0.6 * np.array([0.12, 0.2, 0.3, 0.15, 0.6, 0.08])
    here = log_density(at.tolist(), design, people, departures)
    seen = np.empty((steps, 6))
    for step in range(steps):
        there = at + size * rng.standard_normal(6)
        value = log_density(there.tolist(), design, people, departures)
        if math.log(rng.random()) < value - here:
            at, here = there, value
        seen[step] = at
    seen = seen[steps // 10 :]
    names = ("log_h0", "u_lab", "beta_s", "beta_m", "kappa", "pull")
    return {name: seen[:, number] for number, name in enumerate(names)}


def binomial_quantile(people: int, chance: float, unit: float) -> int:
    """Return the least k with P(at most k leave) > unit."""
    total = 0.0
    for k in range(people + 1):
        total += math.comb(people, k) * chance**k * (1 - chance) ** (people - k)
        if total > unit:
            return k
    return people


def lost(of: dict[str, float], standing: Standing, starved: float, units: Sequence[float]) -> int:
    """Return how many leave in one future, with one uniform number a month and starvation as given."""
    people, felt, contagion = standing.people, standing.felt, standing.contagion
    for unit in units:
        felt = felt + (starved - felt) / 6
        eta = of["u_lab"] + of["beta_s"] * felt + of["beta_m"] * standing.breach + of["kappa"] * contagion
        chance = 1 - math.exp(-of["h0"] * math.exp(eta + of["pull"] * standing.pull))
        gone = binomial_quantile(people, chance, unit)
        contagion = contagion - contagion / 4.5 + gone / max(people, 1)
        people -= gone
    return standing.people - people
