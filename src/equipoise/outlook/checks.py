"""The model against public facts: some it is calibrated on, others held out. Each is printed with what came out, also where it fails.

The labs of the facts as they were at the turn of 2024 to 2025: who stays is measured by what profiles said of each lab (calibration),
growth before the start by its run-rate a year earlier, OpenAI's 1,750 people by interpolation between 770 (2023-11) and 4,500 (2026-03).
What no source tells is in round numbers. No prior was moved to pass what is held out.

A quantity passes where the fact lies between the 5 and 95 % quantiles of the runs, an event where its probability is at least 5 %; what
is calibrated passes where the median does.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from equipoise.charter.model import Charter, Share
from equipoise.outlook.differences import Band
from equipoise.outlook.labs import Lab, Stage, Team, World, world
from equipoise.outlook.parameters import Beliefs
from equipoise.outlook.room import Asked
from equipoise.outlook.run import Execute, Forecast, forecast, in_turn

F64 = NDArray[np.float64]
SAFETY = "safety"
FOCAL, RIVAL, GIANT, SOCIAL = "openai-like", "anthropic-like", "deepmind-like", "meta-like"
CHECK_RUNS = 5_000  # at least: with fewer, chance turns the verdict of a fact that lies near the end of a band
OUT_OF_REACH = 1e9  # a ratio of flows whose lower part is nobody

MONTHS = 27
LOSS = 16 / 30

EVENT_LEAST = 0.05
"""How probable what happened must be to the model."""

LEFT_TO_SAFETY = Fraction(1, 20)
"""What the pivot of the facts leaves to safety: "never near" a fifth. Six people said so, none said how much: an assumption."""

FELT_AT_START = 0.2
"""Requests had been refused for some two months (pledge 2023-07; 8 to 14 months before 2024-08): most of two months' starvation."""


@dataclass(frozen=True, slots=True)
class Check:
    """A fact and what the model says of it.

    Parameters
    ----------
    name, fact, source : str
    held_out : bool
        Whether the model was kept from it.
    band : Band
        What the runs say.
    rule : str
        When it passes.
    passed : bool
    """

    name: str
    fact: str
    source: str
    held_out: bool
    band: Band
    rule: str
    passed: bool

    @property
    def verdict(self) -> str:
        """``passed`` or ``FAILED``."""
        return "passed" if self.passed else "FAILED"


def check_all(
    steady: Charter,
    pivoted: Charter,
    *,
    runs: int = CHECK_RUNS,
    seed: int = 0,
    beliefs: Beliefs | None = None,
    execute: Execute = in_turn,
) -> tuple[Check, ...]:
    """Run the labs of the facts, as they were and through a pivot, and check every fact.

    Parameters
    ----------
    steady, pivoted : Charter
        What all labs act under, and what the focal lab turns to in month 0 while it is held to the first.
    """
    asked = Asked(months=MONTHS, marks=(12, 16, 24, MONTHS), seed=seed, loss=LOSS)
    still = forecast(public_labs(steady), runs=runs, asked=asked, beliefs=beliefs, execute=execute)
    turned = forecast(pivot(steady, pivoted), runs=runs, asked=asked, beliefs=beliefs, execute=execute)
    return (*calibration(still, turned), *held_out(still))


def public_labs(steady: Charter) -> World:
    """Return the labs of the facts."""
    course = (Stage(0, steady),)
    return world(
        "public",
        (
            Lab(FOCAL, _teams(30, 150, 400, 1170, 0.78), course, steady, 6.0, 7.0, 0.2, math.log(3) / 12, 0.67),
            Lab(RIVAL, _teams(40, 100, 250, 500, 0.8), course, None, 1.0, 1.5, 0.1, math.log(10) / 12, 0.80),
            Lab(GIANT, _teams(60, 300, 500, 900, 0.1), course, None, 8.0, 10.0, 0.1, None, 0.78),
            Lab(SOCIAL, _teams(20, 14, 300, 600, 0.1), course, None, 5.0, 8.0, 0.0, None, 0.64),
        ),
        focal=FOCAL,
    )


def pivot(steady: Charter, pivoted: Charter, *, left: Fraction = LEFT_TO_SAFETY, felt: float = FELT_AT_START) -> World:
    """Return the labs of the facts where the focal one acts under ``pivoted``, with at most ``left`` of its compute for safety."""

    def cut(share: Share) -> Share:
        return Share(fraction=min(left, share.fraction or Fraction(1)))

    acts = replace(
        pivoted,
        teams=tuple(
            replace(team, limit={pool: cut(share) for pool, share in team.limit.items()})
            if team.path == SAFETY
            else team
            for team in pivoted.teams
        ),
    )
    labs = public_labs(steady)
    lab = labs.lab(FOCAL)
    teams = tuple(replace(team, starved=felt) if team.name == SAFETY else team for team in lab.teams)
    return labs.with_lab(replace(lab, teams=teams, course=(Stage(0, acts),)))


def _teams(safety: int, exploration: int, core: int, product: int, growth: float) -> tuple[Team, ...]:
    return (
        Team("core", "core", core, 0.35, growth),
        Team("exploration", "exploration", exploration, 0.2, growth),
        Team("product", "product", product, 0.35, growth),
        Team(SAFETY, "research", safety, 0.2, growth),
    )


def calibration(still: Forecast, turned: Forecast) -> tuple[Check, ...]:
    """Check what the model may be set by."""
    found = [
        _within("two-year retention, safety-first rival", 0.80, 0.03, retention(still, RIVAL), "SignalFire 2025"),
        _within("two-year retention, OpenAI-like lab", 0.67, 0.04, retention(still, FOCAL), "SignalFire 2025"),
    ]
    band = Band.of(lost_after(turned))
    found.append(
        Check(
            "months from 30 to 16 under the pivot",
            "8 to 14",
            "one former employee, 2024-08",
            False,
            band,
            "median from 8 to 14",
            8 <= band.median <= 14,
        )
    )
    return tuple(found)


def held_out(still: Forecast) -> tuple[Check, ...]:
    """Check what the model was kept from."""
    passed = (still.lab("revenue", month=16, lab=RIVAL) > still.lab("revenue", month=16)).astype(np.float64)
    left = 14 * (1 - still.team("kept", "exploration", month=MONTHS, lab=SOCIAL))
    spread = (
        np.random.Generator(np.random.Philox(still.asked.seed))
        .binomial(14, np.clip(left / 14, 0, 1))
        .astype(np.float64)
    )
    return (
        _holds("ARR after 12 months, from 6", 20.0, "20+", still.lab("revenue", month=12), "OpenAI 2026-01"),
        Check(
            "the rival earns more at month 16", "it did", "run-rates, 2026-04, unaudited", True, Band.of(passed),
            f"probability at least {100 * EVENT_LEAST:.0f} %", float(passed.mean()) >= EVENT_LEAST,
        ),
        _holds("flow to the rival : back", 8.2, "8.2 : 1", flow_ratio(still, FOCAL, RIVAL), "SignalFire 2025"),
        _holds("DeepMind-like lab to the rival : back", 10.6, "10.6 : 1", flow_ratio(still, GIANT, RIVAL), "SignalFire 2025"),
        _holds("of 14 authors, gone after 27 months", 11.0, "11", spread, "press, n = 14"),
    )  # fmt: skip


def months_to_half(world: World, *, runs: int) -> F64:
    """Return after how many months 16 of 30 are left of the focal lab's safety, one number a run."""
    return lost_after(forecast(world, runs=runs, asked=Asked(months=MONTHS, marks=(MONTHS,), loss=LOSS)))


def lost_after(found: Forecast) -> F64:
    """Return after how many months safety was lost; one more than there are if it was not."""
    months = found.team_end("lost_month", SAFETY)
    return np.where(months < 0, found.asked.months + 1.0, months)


def flow_ratio(found: Forecast, origin: str, to: str) -> F64:
    """Return how many went from one lab to another for each who went back; 1 where nobody moved."""
    there, back = found.flow(origin, to), found.flow(to, origin)
    return np.where(back > 0, there / np.maximum(back, 1), np.where(there > 0, OUT_OF_REACH, 1.0))


def retention(found: Forecast, lab: str) -> F64:
    """Return the part of a lab's first people who are there after 24 months."""
    people = {team.name: team.people for team in found.world.lab(lab).teams}
    kept = [people[team] * found.team("kept", team, month=24, lab=lab) for team in people]
    return np.sum(kept, axis=0) / sum(people.values())


def _within(name: str, fact: float, give: float, values: F64, source: str) -> Check:
    band = Band.of(values)
    return Check(
        name, f"{fact:.2f} ± {give:.2f}", source, False, band, "median within", abs(band.median - fact) <= give
    )


def _holds(name: str, fact: float, told: str, values: F64, source: str) -> Check:
    band = Band.of(values)
    return Check(name, told, source, True, band, "within 5 to 95 % of the runs", band.low <= fact <= band.high)
