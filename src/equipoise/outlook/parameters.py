"""Every number that the outlook believes, in one place: its prior, where it comes from, and how solid that is.

Solidity: H high, M medium, L low, A assumption. What bounds a prior keeps the model's laws (`known ≤ people`, rates above 0).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from equipoise.errors import InputError
from equipoise.outlook.learned import Learned
from equipoise.outlook.priors import Prior, parse

F64 = NDArray[np.float64]
INF = math.inf


@dataclass(frozen=True, slots=True)
class Parameter:
    """A number of the model.

    Parameters
    ----------
    name, meaning, unit : str
    prior : Prior
    solidity : str
        H, M, L or A.
    source : str
        Where it comes from, or why it is assumed.
    per_lab : bool
        Whether each lab draws its own.
    """

    name: str
    meaning: str
    unit: str
    prior: Prior
    solidity: str
    source: str
    per_lab: bool = False

    @property
    def badge(self) -> str:
        """How solid it is, in a word."""
        return {"H": "high", "M": "medium", "L": "low", "A": "assumption"}[self.solidity]


def _p(
    name: str, meaning: str, unit: str, prior: Prior, solidity: str, source: str, *, per_lab: bool = False
) -> Parameter:
    return Parameter(name, meaning, unit, prior, solidity, source, per_lab)


def _u(low: float, high: float, least: float = -INF, most: float = INF) -> Prior:
    return Prior("uniform", (low, high), least, most)


def _n(mean: float, deviation: float, least: float = -INF, most: float = INF) -> Prior:
    return Prior("normal", (mean, deviation), least, most)


def _ln(median: float, deviation: float, least: float = 0.0, most: float = INF) -> Prior:
    return Prior("lognormal", (median, deviation), least, most)


PARAMETERS: tuple[Parameter, ...] = (
    _p("h0", "departures of a team that wants for nothing", "1/month", _ln(0.0093, 0.12), "M",
       "two-year retention of 0.80 = exp(−24 h0): SignalFire 2025, from profiles"),
    _p("u_lab", "what is particular to a lab's departures", "log", _n(0, 0.3), "A", "spread between labs", per_lab=True),
    _p("beta_s", "starvation to departures", "log per 1", _n(0.9, 0.35, 0, 2), "A",
       "no study links constraints to quits; satisfaction and turnover r ≈ −.19 to −.28 at a base of 20 % a year"),
    _p("beta_m", "a broken promise to departures", "log", _n(0.5, 0.25, 0, 1.5), "A",
       "one exodus of a safety team, ≈ 3.8 times its lab's rate"),
    _p("kappa", "departures to departures in a team", "log per 1", Prior("halfnormal", (0.9,), 0, 3), "L",
       "ln 1.09 for an eighth of a team: Visier 2022, vendor, observational"),
    _p("tau_x", "how long a departure is felt", "months", Prior("fixed", (4.5,), 1, 24), "L", "window of 135 days: Visier 2022"),
    _p("pull", "attraction of the other labs, since the start, to departures", "log per 1", _n(0.25, 0.15, 0, 0.8), "A", "assumed"),
    _p("mobility", "how much what a lab is worth decides where people go", "log per 1", _n(0.9, 0.4, 0, 2), "A", "assumed"),
    _p("per_head", "worth of compute a head (its logarithm), against mission", "1", _n(0.3, 0.15, 0, 1), "A",
       "heavy users of compute want more of it: CSET at AAAI 2024; the size is assumed"),
    _p("draw", "what else draws people to a lab", "log", _n(0, 0.5), "A", "pay, place, standing; the spread is assumed", per_lab=True),
    _p("repute", "how much a lab that its people do not leave draws others", "log per log", _u(0, 4, 0, 10), "A",
       "from nothing to 1 ÷ the mean of pull, where all that keeps one lab's people longer than another's is attraction"),
    _p("out", "who leaves and goes to none of the labs", "1", _u(0.3, 0.7, 0, 1), "A", "assumed"),
    _p("tau_s", "how long until starvation is felt in full", "months", _u(3, 9, 1, INF), "A", "assumed"),
    _p("tau_hire", "how long a place stays open", "months", _u(3, 8, 1, INF), "A", "assumed"),
    _p("tau_ramp", "how long until a newcomer knows the work", "months", _u(6, 18, 1, INF), "A", "assumed"),
    _p("chi", "knowledge that leaves with a person, in people", "1", _u(1, 2.5, 0, INF), "A",
       "who leaves knows more than most; concentration of authorship can set it"),
    _p("q0", "knowledge of a newcomer, in people", "1", _u(0.15, 0.5, 0, 1), "A", "assumed"),
    _p("carried", "knowledge of who comes from another lab, in people", "1", _u(0.4, 0.75, 0, 1), "A", "q0 and a quarter"),
    _p("sigma", "elasticity of substitution of compute and people", "1", Prior("halves", (0.15, 0.8, 1.2, 2.6), 0.05, 20), "M",
       "2.58, or near 0 for frontier experiments: Whitfill and Wu 2025, arXiv 2507.23181"),
    _p("alpha", "weight of compute in research", "1", _u(0.4, 0.75, 0, 1), "L", "α ν ≈ .43 to .5: five times less compute, half the pace"),
    _p("nu", "returns to scale of research", "1", _u(0.4, 0.9, 0, 2), "L", "as α"),
    _p("eta", "capability from the mean of core research", "log/month", _ln(math.log(3) / 12, 0.3), "M",
       "software progress of ≈ 3 times a year: Epoch AI"),
    _p("spill", "part of the gap to the first that spills over", "1/month", _u(0.02, 0.12, 0, 1), "A", "assumed"),
    _p("mu", "paradigm shifts", "1/year", _ln(1 / 6, 0.5), "A", "one in six years"),
    _p("jump", "capability that a new paradigm gives its finder", "log", _ln(1, 0.5), "A", "assumed"),
    _p("absorb", "part of a new paradigm that a lab of mean exploration takes up", "1/month", _u(0.05, 0.3, 0, 1), "A", "assumed"),
    _p("g0", "growth of revenue at the start", "log/month", _n(0.09, 0.02), "M", "2 to 6 $ bn a year, ln 3 / 12: OpenAI 2023 to 2024"),
    _p("tau_g", "how long that growth lasts", "months", _u(24, 60, 1, INF), "A", "assumed"),
    _p("gamma", "a lead in capability to growth of revenue", "1/month per log", _n(0.03, 0.015, 0, 0.2), "A", "assumed"),
    _p("shock_memory", "what remains of a shock to growth", "1/month", _u(0.85, 0.97, 0, 0.99), "A",
       "half gone after 4 to 23 months; one year of two labs cannot show it"),
    _p("shock_size", "size of such shocks", "log/month", _ln(0.035, 0.5), "L",
       "a year's mean growth of two labs, ln 3 and ln 10 in 2024, lies ln(10/3)/12 apart: 0.07 each; Student's t of 4 degrees"),
    _p("revenue_cap", "revenue that serving compute can earn", "$ a year per $ a year", _ln(4, 0.3, 3), "L",
       "≈ $10 bn for each GW in all (OpenAI 2023 to 2025), ≈ 2/7 of it serving, $12 bn a year for a GW: 3 was in use"),
    _p("market", "revenue of all labs at which none grows any more", "$ bn a year", _ln(2000, 0.7, 30), "A",
       "assumed; growth slows in proportion to what is left of it"),
    _p("multiple", "compute that a lab buys", "$ per $ of revenue", _n(1.2, 0.25, 0.6, 2), "L", "≈ 7/6: OpenAI 2024, by Epoch AI"),
    _p("lag", "part of the way to it", "1/month", _u(1 / 9, 1 / 3, 0, 1), "A", "assumed"),
)  # fmt: skip

NAMES = tuple(parameter.name for parameter in PARAMETERS)
SHARED = tuple(parameter.name for parameter in PARAMETERS if not parameter.per_lab)
PER_LAB = tuple(parameter.name for parameter in PARAMETERS if parameter.per_lab)
RECORD = np.dtype([(name, np.float64) for name in SHARED], align=True)
LAB_RECORD = np.dtype([(name, np.float64) for name in PER_LAB], align=True)


@dataclass(frozen=True, slots=True)
class Beliefs:
    """All parameters, as they are or as a user set them; ``of_lab``: set for one lab alone; ``learned``: from a lab's own table."""

    parameters: tuple[Parameter, ...] = PARAMETERS
    of_lab: Mapping[tuple[str, str], Prior] | None = None
    learned: Learned | None = None

    def prior(self, name: str, lab: str = "") -> Prior:
        """Return the prior of a parameter, for a lab if it has one of its own."""
        own = None if self.of_lab is None else self.of_lab.get((name, lab))
        return own or next(parameter.prior for parameter in self.parameters if parameter.name == name)

    def with_set(self, settings: Iterable[str], labs: Iterable[str] = ()) -> Beliefs:
        """Return the beliefs with ``name=value`` or ``name=distribution`` set; ``name.LAB`` for what labs draw on their own.

        Raises
        ------
        InputError
            N101 for a name that there is not, N102 for what is no value.

        Examples
        --------
        >>> str(Beliefs().with_set(["beta_s=0"]).prior("beta_s"))
        '0'
        """
        found, of_lab, labs = self, dict(self.of_lab or {}), tuple(labs)
        for setting in settings:
            key, _, text = setting.partition("=")
            name, _, lab = key.strip().partition(".")
            known = next((parameter for parameter in found.parameters if parameter.name == name), None)
            if known is None or (lab and (not known.per_lab or lab not in labs)):
                hint = (
                    "parameters: " + ", ".join(NAMES) if known is None else f"{', '.join(PER_LAB)} of {', '.join(labs)}"
                )
                raise InputError("N101", f"there is no parameter {key.strip()!r}", hint=hint)
            prior = parse(text, least=known.prior.least, most=known.prior.most)
            if lab:
                of_lab[name, lab] = prior
            else:
                changed = replace(known, prior=prior, solidity="A", source="set by the user")
                found = replace(found, parameters=tuple(changed if p is known else p for p in found.parameters))
        return replace(found, of_lab=of_lab or None)
