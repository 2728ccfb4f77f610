"""What is believed of the hazard of leaving before a lab's own data are seen, each belief with its source.

Solidity: H high, M medium, L low, A assumption. Nobody has published evidence that links a want of compute to people who
actually leave; the coefficient of starvation is therefore an assumption and says so.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, fields
from statistics import NormalDist
from typing import Literal, NamedTuple

from equipoise.errors import InputError

Family = Literal["normal", "lognormal", "half-normal"]
Solidity = Literal["H", "M", "L", "A"]


class Interval(NamedTuple):
    """The middle of a distribution: 2.5 %, half and 97.5 %."""

    low: float
    median: float
    high: float

    @property
    def width(self) -> float:
        """From ``low`` to ``high``."""
        return self.high - self.low


@dataclass(frozen=True, slots=True)
class Prior:
    """A belief about one coefficient.

    Parameters
    ----------
    name : str
    family : "normal", "lognormal" or "half-normal"
    centre : float
        The mean of a normal, the median of a lognormal, 0 for a half-normal.
    spread : float
        Standard deviation: of the value (normal), of its logarithm (lognormal), of the normal that is folded (half-normal).
    meaning : str
        What a unit of the coefficient does.
    basis : str
        Where the numbers are from, or that they are an assumption.
    solidity : "H", "M", "L" or "A"

    Raises
    ------
    InputError
        H102 where a spread is not above 0, a lognormal's median is not above 0, or a half-normal has a centre.
    """

    name: str
    family: Family
    centre: float
    spread: float
    meaning: str
    basis: str
    solidity: Solidity

    def __post_init__(self) -> None:
        finite = math.isfinite(self.centre) and math.isfinite(self.spread)
        shaped = {"normal": True, "lognormal": self.centre > 0, "half-normal": self.centre == 0}[self.family]
        if not (finite and self.spread > 0 and shaped):
            told = f"the prior of {self.name}, {self.text}, is no distribution"
            raise InputError("H102", told, hint="a spread is above 0, so is the median of a lognormal")

    @property
    def text(self) -> str:
        """The distribution as people write it."""
        if self.family == "half-normal":
            return f"HalfN({self.spread:g})"
        return f"{'LogNormal' if self.family == 'lognormal' else 'N'}({self.centre:g}, {self.spread:g})"

    def quantile(self, probability: float) -> float:
        """Return the value below which the coefficient lies with ``probability``, which is inside 0 and 1."""
        if self.family == "half-normal":
            return self.spread * NormalDist().inv_cdf((1 + probability) / 2)
        z = NormalDist().inv_cdf(probability)
        return self.centre * math.exp(self.spread * z) if self.family == "lognormal" else self.centre + self.spread * z

    @property
    def interval(self) -> Interval:
        """The middle 95 %."""
        return Interval(self.quantile(0.025), self.quantile(0.5), self.quantile(0.975))


@dataclass(frozen=True, slots=True)
class Priors:
    """The six beliefs; ``dataclasses.replace`` changes one. Their families stay what they are."""

    h0: Prior
    u_lab: Prior
    beta_s: Prior
    beta_m: Prior
    kappa: Prior
    pull: Prior

    def __iter__(self) -> Iterator[Prior]:
        for field in fields(self):
            yield getattr(self, field.name)


def priors() -> Priors:
    """Return the beliefs that ship.

    Examples
    --------
    >>> [(prior.name, prior.text, prior.solidity) for prior in priors()][:3]
    [('h0', 'LogNormal(0.0093, 0.12)', 'M'), ('u_lab', 'N(0, 0.3)', 'A'), ('beta_s', 'N(0.9, 0.35)', 'A')]
    """
    return Priors(
        h0=Prior(
            "h0", "lognormal", 0.0093, 0.12, "rate of leaving per month where nothing is amiss",
            "0.80 = exp(-24 h0): two-year retention of 80 % (SignalFire, State of Talent 2025, from public profiles)", "M",
        ),
        u_lab=Prior("u_lab", "normal", 0.0, 0.3, "how the lab differs, in logarithms of the rate", "assumption", "A"),
        beta_s=Prior(
            "beta_s", "normal", 0.9, 0.35, "from never to always starved, in logarithms of the rate",
            "assumption: no direct evidence links a want of compute to quits; the size is that of dissatisfaction"
            " (r from -0.19 to -0.28, Griffeth 2000 and Rubenstein 2018, figures not checked against the papers)", "A",
        ),
        beta_m=Prior(
            "beta_m", "normal", 0.5, 0.25, "all promises broken, in logarithms of the rate",
            "assumption; one former employee's account of a team of safety, about 30 to 16 people (Fortune, 2024-08)", "A",
        ),
        kappa=Prior(
            "kappa", "half-normal", 0.0, 0.9, "a whole team's worth of recent departures, in logarithms of the rate",
            "+9.1 % when one leaves a team of about eight: ln 1.09 per 1/8 (Visier 2022, a vendor, observational)", "L",
        ),
        pull=Prior(
            "pull", "normal", 0.25, 0.15, "one unit of outside pull, in logarithms of the rate", "assumption", "A",
        ),
    )  # fmt: skip
