"""The hazard of leaving on simulated labs: what is recovered, and whether early warnings come true as often as they say.

`python -m benchmarks.people` prints the tables of docs/people.md; with `--write` it puts them into the page.
"""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks._page import table, with_tables
from benchmarks._people_labs import Lab, Truth, drawn, lab, typical
from benchmarks._reliability import Forecasts, gained
from benchmarks._reliability import reliable as reliability_of
from equipoise.people.hazard import (
    Coefficients,
    Priors,
    TeamMonths,
    chance_of_loss,
    fit,
    held,
    like_the_past,
    priors,
    team_months,
)
from equipoise.people.hazard.likelihood import Maximum, maximum
from equipoise.people.hazard.posterior import middle

PAGE = Path(__file__).resolve().parents[1] / "docs" / "people.md"
STUDIES = 200
MANY = 2000
UNAIDED = 1000
FEW = 50
TEAMS, MONTHS = 20, 36
DRAWS = 1000
LOST_PPM = 200_000
NAMES = ("level", "beta_s", "beta_m", "kappa", "pull")
"""What a lab shows; h0 and u_lab are told apart only by their priors, and their sum is the level."""

F64 = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Study:
    """One lab: per coefficient whether the 95 % interval holds the truth and what is left of the prior's width."""

    covered: dict[str, bool]
    width_left: dict[str, float]
    departures: int
    effective_share: float
    kappa_away: float


def main() -> None:
    made = [beliefs(), recovery(), unaided(), laplace(), unlike(), scores(), reliability()]
    print(*made, sep="\n\n")
    if "--write" in sys.argv[1:]:
        PAGE.write_text(with_tables(PAGE.read_text("utf-8"), "people", made), "utf-8")


def beliefs() -> str:
    """Return the table of priors."""
    rows = ["coefficient | prior | 95 % | | what it does | from", "---|---|---|---|---|---"]
    for prior in priors():
        low, _, high = prior.interval
        cells = [f"`{prior.name}`", prior.text, f"{low:.3g} to {high:.3g}", prior.solidity, prior.meaning, prior.basis]
        rows.append(" | ".join(cells))
    return table(rows)


def recovery() -> str:
    """Return the table of coverage and of what the data left of the priors."""
    studies, first = [study(seed) for seed in range(MANY)], slice(STUDIES)
    rows = [
        f"coefficient | covered, {STUDIES} labs | covered, {MANY:,} labs | interval's width ÷ prior's",
        "---|---:|---:|---:",
    ]
    for name in studies[0].covered:
        covered = [one.covered[name] for one in studies]
        width = float(np.median([one.width_left[name] for one in studies]))
        rows.append(f"`{name}` | {100 * np.mean(covered[first]):.1f} % | {100 * np.mean(covered):.1f} % | {width:.2f}")
    departures = int(np.median([one.departures for one in studies]))
    share = min(one.effective_share for one in studies[first])
    return (
        f"{table(rows)}\n\nEach lab has {TEAMS} teams over {MONTHS} months; the median has {departures} departures. The effective share"
        f" of Laplace's normal was {share:.2f} in the worst of {STUDIES} labs."
    )


def study(seed: int, *, uneven: float = 0.0, slow: bool = False) -> Study:
    """Fit a lab whose truth is drawn from the priors."""
    made = simulated(seed, uneven=uneven, slow=slow)
    months = team_months(made.rows)
    after = fit(months)
    shown = level(after.draws(20_000, 1))
    covered: dict[str, bool] = {"level": holds(shown, math.log(made.truth.h0) + made.truth.u_lab)}
    left = {"level": middle(shown).width / believed_width()}
    for one in after.learned():
        covered[one.name] = bool(one.posterior.low <= getattr(made.truth, one.name) <= one.posterior.high)
        left[one.name] = one.width_left
    share = after.effective_share(months, draws=500) if seed < STUDIES else 1.0
    kappa = next(one.posterior.median for one in after.learned() if one.name == "kappa")
    return Study(covered, left, after.departures, share, kappa - made.truth.kappa)


def simulated(seed: int, *, uneven: float = 0.0, slow: bool = False, hold: bool = False) -> Lab:
    """A lab with a truth as the priors have it; ``slow`` draws how slowly starvation is felt, 3 to 9 months."""
    rng = np.random.default_rng(seed)
    truth = drawn(rng)._replace(uneven=uneven, felt_months=float(rng.uniform(3, 9)) if slow else 6.0)
    return lab(rng, truth, teams=TEAMS, months=MONTHS, hold=hold)


def level(draws: Coefficients) -> F64:
    """What a lab shows of h0 and u_lab: the logarithm of its rate where nothing is amiss."""
    return np.log(draws.h0) + draws.u_lab


@cache
def believed_width() -> float:
    """How wide the interval of the level is before any data."""
    return middle(level(fit().draws(20_000, 1))).width


def holds(draws: F64, truth: float) -> bool:
    low, _, high = middle(draws)
    return low <= truth <= high


def unaided() -> str:
    """Return the table of coverage without priors, for one truth, in labs of more data."""
    truth = typical()
    wanted = np.array([math.log(truth.h0), truth.beta_s, truth.beta_m, truth.kappa, truth.pull])
    found, errors = map(np.array, zip(*(alone(seed, truth) for seed in range(UNAIDED)), strict=True))
    hits = np.abs(found - wanted) < 1.959963984540054 * errors
    of = priors()
    spreads = [math.hypot(of.h0.spread, of.u_lab.spread), *(getattr(of, name).spread for name in NAMES[1:])]
    rows = [
        f"coefficient | truth | covered, {STUDIES} labs | covered, {UNAIDED:,} labs | standard error | mean error"
        " | spread of the prior",
        "---|---:|---:|---:|---:|---:|---:",
    ]
    for number, name in enumerate(NAMES):
        shares = [f"{100 * hits[:labs, number].mean():.1f} %" for labs in (STUDIES, UNAIDED)]
        error, away = np.median(errors[:, number]), np.mean(found[:, number]) - wanted[number]
        cells = [
            f"`{name}`",
            f"{wanted[number]:.3f}",
            *shares,
            f"{error:.2f}",
            f"{away:+.2f}",
            f"{spreads[number]:.2f}",
        ]
        rows.append(" | ".join(cells))
    return table(rows)


def alone(seed: int, truth: Truth) -> tuple[F64, F64]:
    """Return the coefficients by likelihood alone, and their standard errors, of a lab of 40 teams over 48 months."""
    rng = np.random.default_rng((1, seed))
    months = team_months(lab(rng, truth, teams=40, months=48).rows)
    found = by_likelihood(months)
    return found.at, np.sqrt(np.diag(np.linalg.inv(found.information)))


def by_likelihood(months: TeamMonths) -> Maximum:
    """Fit without priors, from the rate of all."""
    centre = np.zeros(5)
    centre[0] = math.log(months.departures.sum() / months.people.sum())
    return maximum(months.design, months.people, months.departures, centre=centre, precision=np.zeros(5))


SIZES = ((1, 12), (5, 24), (20, 36))


def laplace() -> str:
    """Return the table of how good Laplace's normal is, with the beliefs that ship and with wider ones."""
    rows = [
        f"teams × months, {FEW} labs each | departures, median | beliefs that ship, worst | five times as wide, worst"
    ]
    rows.append("---|---:|---:|---:")
    wide = Priors(*(replace(prior, spread=5 * prior.spread) for prior in priors()))
    for teams, months in SIZES:
        found = [few(seed, teams, months) for seed in range(FEW)]
        worst = [min(fit(one, of).effective_share(one) for one in found) for of in (priors(), wide)]
        gone = np.median([one.departures.sum() for one in found])
        rows.append(f"{teams} × {months} | {gone:.0f} | {worst[0]:.2f} | {worst[1]:.2f}")
    return table(rows)


def few(seed: int, teams: int, months: int) -> TeamMonths:
    rng = np.random.default_rng((2, seed))
    return team_months(lab(rng, drawn(rng), teams=teams, months=months).rows)


KINDS: dict[str, tuple[float, bool]] = {
    "as the model has it": (0.0, False),
    "starvation felt over 3 to 9 months, not 6": (0.0, True),
    "teams differ: ± 35 % in their rate": (0.3, False),
    "teams differ much: ± 80 %": (0.6, False),
}


def unlike() -> str:
    """Return the table of coverage in labs that are unlike the model."""
    rows = [f"{STUDIES} labs | {' | '.join(f'`{name}`' for name in NAMES)} | `kappa` is off by", "---" + "|---:" * 6]
    for kind, (uneven, slow) in KINDS.items():
        studies = [study(seed, uneven=uneven, slow=slow) for seed in range(STUDIES)]
        shares = [f"{100 * np.mean([one.covered[name] for one in studies]):.1f} %" for name in NAMES]
        away = f"{np.median([one.kappa_away for one in studies]):+.2f}"
        rows.append(" | ".join([kind, *shares, away]))
    return table(rows)


@dataclass(frozen=True, slots=True)
class Way:
    """How labs go on after their table, and how they are forecast."""

    name: str
    uneven: float = 0.0
    slow: bool = False
    hold: bool = False
    by_past: bool = True


HOLDS = Way("course held, and forecast so", hold=True, by_past=False)
GOES_ON = Way("course goes on, forecast as held", by_past=False)
BY_PAST = Way("course goes on, forecast by the lab's past")
WAYS = (HOLDS, GOES_ON, BY_PAST, *(Way(f"{kind}; by its past", *how) for kind, how in list(KINDS.items())[1:]))


def scores() -> str:
    """Return the table of Brier scores."""
    rows = [
        "labs | it came | climatology | priors alone | with the lab's data | gained on climatology | gained on priors"
    ]
    rows.append("---|---:|---:|---:|---:|---:|---:")
    for way in WAYS:
        of = forecasts(way)
        brier = [of.brier(p) for p in (of.climatology, of.prior, of.updated)]
        gains = [gained(of, of.updated, of.climatology), gained(of, of.updated, of.prior)]
        rows.append(" | ".join([way.name, f"{100 * of.came.mean():.1f} %", *(f"{b:.4f}" for b in brier), *gains]))
    return table(rows)


def reliability() -> str:
    """Return the tables of how often it came, by what was said."""
    return "\n\n".join(f"**{way.name[0].upper()}{way.name[1:]}**\n\n{reliable(way)}" for way in (*WAYS[:3], WAYS[4]))


def reliable(way: Way) -> str:
    of = forecasts(way)
    return reliability_of(of.updated, of.came)


@cache
def forecasts(way: Way, *, labs: int = STUDIES) -> Forecasts:
    """Fit labs, and forecast their teams over months that the fit has not seen."""
    believed = fit().draws(DRAWS, 1)
    found: list[tuple[int, float, float, bool]] = []
    for seed in range(labs):
        made = simulated(seed, uneven=way.uneven, slow=way.slow, hold=way.hold)
        months = team_months(made.rows)
        learned = fit(months).draws(DRAWS, 1)
        for standing in months.standings:
            people, left = made.later[standing.team]
            assert people == standing.people
            course = like_the_past(months, standing, DRAWS) if way.by_past else held(standing)
            said = [chance_of_loss(of, standing, course, lost_ppm=LOST_PPM).probability for of in (learned, believed)]
            found.append((seed, said[0], said[1], left * 1_000_000 >= LOST_PPM * people))
    lab_of, updated, prior, came = zip(*found, strict=True)
    return Forecasts(np.array(lab_of), np.array(updated), np.array(prior), np.array(came))


if __name__ == "__main__":
    main()
