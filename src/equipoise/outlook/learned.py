"""What a lab's own team-months say of the parameters: draws of the hazard's posterior in place of those of the priors.

The fit starts from the beliefs as they are here, so that a coefficient has one prior. What is drawn is a function of the numbers that the
priors would have been drawn with: without data the parameters are the same to the last digits that rounding leaves, and two courses share
them as before. `pull` is not taken over: its unit in a table is the lab's own, here it is that of the labs' worth.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from equipoise.outlook.priors import Prior
from equipoise.people.hazard import Coefficients, Posterior, Priors, TeamMonths, fit, priors

if TYPE_CHECKING:
    from equipoise.outlook.parameters import Beliefs

F64 = NDArray[np.float64]
SHARED = ("h0", "beta_s", "beta_m", "kappa")
OWN = "u_lab"
NAMES = (SHARED[0], OWN, *SHARED[1:])
KINDS = {"normal": "normal", "lognormal": "lognormal", "halfnormal": "half-normal"}
DRAWS, SEED = 20_000, 1  # that what was learned is told by


@dataclass(frozen=True, slots=True)
class Learned:
    """What was learned of a lab.

    Parameters
    ----------
    posterior : Posterior
    lab : str
        Whose `u_lab` it is; the others are what all labs share.
    names : tuple of str
        What is drawn from it. A parameter that was set to a number, or to another kind of distribution, stays as set.
    """

    posterior: Posterior
    lab: str
    names: tuple[str, ...]

    def enter(self, beliefs: Beliefs, shared: Any, own: Any, unit: F64, own_unit: F64) -> None:
        """Put draws into the records of parameters, made of the same uniform numbers: those of all labs, and the lab's own."""
        found = self.draws(
            {name: unit[:, column] for column, name in enumerate(shared.dtype.names)}
            | {name: own_unit[:, column] for column, name in enumerate(own.dtype.names)}
        )
        for name in self.names:
            known = beliefs.prior(name, self.lab)
            record = own if name == OWN else shared
            record[name] = np.clip(getattr(found, name), known.least, known.most)

    def draws(self, unit: dict[str, F64]) -> Coefficients:
        """Return draws of the posterior from uniform numbers by name."""
        standard = Prior("normal", (0.0, 1.0))
        names = ("h0", OWN, "beta_s", "beta_m", "pull")
        normal = np.column_stack([standard.quantiles(np.ascontiguousarray(unit[name])) for name in names])
        return self.posterior.coefficients(np.ascontiguousarray(unit["kappa"]), normal)

    def lessons(self) -> tuple[Lesson, ...]:
        """Return how much was learned of each."""
        before, after = fit(None, self.posterior.priors).draws(DRAWS, SEED), self.posterior.draws(DRAWS, SEED)
        return tuple(
            [
                Lesson(name, *(number(getattr(of, name)) for of in (before, after) for number in (_mean, _deviation)))
                for name in self.names
            ]
        )


@dataclass(frozen=True, slots=True)
class Lesson:
    """A parameter before and after the lab's data: mean and standard deviation."""

    name: str
    before: float
    before_deviation: float
    after: float
    after_deviation: float

    @property
    def left(self) -> float:
        """Deviation after ÷ before: near 1, the data say nothing."""
        return self.after_deviation / self.before_deviation


def learn(beliefs: Beliefs, lab: str, months: TeamMonths) -> Beliefs:
    """Return the beliefs brought up to date by a lab's team-months."""
    start, names = priors(), list[str]()
    for name in (*NAMES, "pull"):
        known, shipped = beliefs.prior(name, lab), getattr(start, name)
        if KINDS.get(known.kind) == shipped.family and known.numbers[-1] > 0:
            start = _with(start, name, known)
            names += [name] if name in NAMES else []
    return replace(beliefs, learned=Learned(fit(months, start), lab, tuple(names)))


def _with(start: Priors, name: str, known: Prior) -> Priors:
    *centre, spread = known.numbers
    return replace(start, **{name: replace(getattr(start, name), centre=sum(centre), spread=spread)})


def _mean(values: F64) -> float:
    return float(values.mean())


def _deviation(values: F64) -> float:
    return float(values.std())
