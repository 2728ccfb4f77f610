"""Simulated labs whose truth is known: teams, months, who leaves. Written without the product's model, person by person."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from equipoise.people.hazard import Priors, TeamMonth, priors

CONTAGION_MONTHS = 4.5
FIRST_MONTH = 12 * 2023
AHEAD = 6
PEOPLE = (10, 40)


class Truth(NamedTuple):
    """What a lab is made with. ``uneven`` is the spread of teams around their lab, in logarithms of the rate."""

    h0: float
    u_lab: float
    beta_s: float
    beta_m: float
    kappa: float
    pull: float
    felt_months: float = 6.0
    uneven: float = 0.0


class Lab(NamedTuple):
    """A table, and per team how many there were at its end and how many of those left within the next ``AHEAD`` months."""

    truth: Truth
    rows: list[TeamMonth]
    later: dict[str, tuple[int, int]]


def typical(beliefs: Priors | None = None) -> Truth:
    """The middle of the priors, with contagion as the vendor has it: 9.1 % per eighth of a team."""
    of = beliefs or priors()
    return Truth(of.h0.centre, 0.0, of.beta_s.centre, of.beta_m.centre, 8 * math.log(1.091), of.pull.centre)


def drawn(rng: np.random.Generator) -> Truth:
    """A truth as the priors have it."""
    of = priors()
    return Truth(
        h0=of.h0.centre * math.exp(of.h0.spread * rng.standard_normal()),
        u_lab=of.u_lab.spread * rng.standard_normal(),
        beta_s=of.beta_s.centre + of.beta_s.spread * rng.standard_normal(),
        beta_m=of.beta_m.centre + of.beta_m.spread * rng.standard_normal(),
        kappa=of.kappa.spread * abs(rng.standard_normal()),
        pull=of.pull.centre + of.pull.spread * rng.standard_normal(),
    )


def lab(rng: np.random.Generator, truth: Truth, *, teams: int, months: int, hold: bool = False) -> Lab:
    """Simulate a lab: starvation comes in spells, promises break more often under it, the market moves slowly.

    With ``hold`` all that stays, after the table, what it was in its last month.
    """
    market = [rng.standard_normal()]
    for _ in range(months + AHEAD):
        market.append(0.9 * market[-1] + math.sqrt(1 - 0.81) * rng.standard_normal())
    if hold:
        market[months:] = [market[months - 1]] * (AHEAD + 1)
    rows: list[TeamMonth] = []
    later: dict[str, tuple[int, int]] = {}
    for number in range(teams):
        name = f"team-{number:02}"
        history, later[name] = team(rng, truth, name, market, hold=hold)
        rows += history
    return Lab(truth, rows, later)


def team(
    rng: np.random.Generator, truth: Truth, name: str, market: list[float], *, hold: bool
) -> tuple[list[TeamMonth], tuple[int, int]]:
    """Simulate a team: its rows but for the last ``AHEAD`` months, in which those who were there are followed."""
    wanted = int(rng.integers(*PEOPLE, endpoint=True))
    people, own = wanted, truth.uneven * rng.standard_normal()
    hungry, broken = rng.random() < 0.3, False
    starved = felt = contagion = 0.0
    rows: list[TeamMonth] = []
    cohort = followed = 0
    ends = len(market) - 1 - AHEAD
    for month, outside in enumerate(market[:-1]):
        if month == ends:
            cohort = followed = people = rows[-1].people - rows[-1].departures
        if month < ends or not hold:
            hungry = rng.random() < (0.9 if hungry else 0.05)
            broken = rng.random() < (0.8 if broken else 0.2 if hungry else 0.02)
            starved = round(float(rng.beta(4, 3) if hungry else rng.beta(1, 9)), 3)
        felt = starved if month == 0 else felt + (starved - felt) / truth.felt_months
        eta = truth.u_lab + own + truth.beta_s * felt + truth.beta_m * broken + truth.kappa * contagion
        chance = 1 - math.exp(-truth.h0 * math.exp(eta + truth.pull * outside))
        leave = rng.random(people) < chance
        gone = int(leave.sum())
        if month < ends:
            rows.append(TeamMonth(name, FIRST_MONTH + month, people, gone, starved, float(broken), outside))
        followed -= int(leave[:followed].sum())  # who was there stands in front of who joins
        contagion += gone / max(people, 1) - contagion / CONTAGION_MONTHS
        people += -gone + int(rng.binomial(max(0, wanted - people + gone), 0.25))
        people = max(people, 8)
    return rows, (cohort, cohort - followed)
