"""What is believed of the hazard after a lab's own team-months: the mode, and a normal around it (Laplace's method).

One lab shows only the sum of ln h0 and u_lab, its *level*. So the fit has five coordinates: level, beta_s, beta_m, kappa
and pull; what the level says about each of the two is normal too and is exact, for no other coordinate is linked to them.

Contagion is not negative. Its half-normal is a normal that is cut at 0, so the posterior is the one of the whole normal,
cut at 0: without data the prior itself, exactly; with data as good as a normal is near the mode.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from equipoise.people.hazard.likelihood import log_likelihood, maximum
from equipoise.people.hazard.priors import Interval, Priors, priors
from equipoise.people.hazard.team_months import TeamMonths
from equipoise.workload.draws import Draws

F64 = NDArray[np.float64]

KAPPA = 3
"""Where contagion stands among the coordinates."""

SUMMARY_DRAWS = 20_000
SUMMARY_SEED = 1


@dataclass(frozen=True, slots=True)
class Coefficients:
    """Draws of the six coefficients, one array each; h0 per month."""

    h0: F64
    u_lab: F64
    beta_s: F64
    beta_m: F64
    kappa: F64
    pull: F64

    def __len__(self) -> int:
        return len(self.h0)

    def rate(self, *, felt: F64 | float, breach: F64 | float, contagion: F64 | float, pull: F64 | float) -> F64:
        """Return h0 · exp(u_lab + β_s·S + β_m·breach + κ·X + pull·ΔV) of each draw; h = 1 − exp(−rate)."""
        eta = self.u_lab + self.beta_s * felt + self.beta_m * breach + self.kappa * contagion + self.pull * pull
        return np.asarray(self.h0 * np.exp(np.minimum(eta, 50.0)), np.float64)


@dataclass(frozen=True, slots=True)
class Learned:
    """A coefficient before and after the data: 95 % intervals."""

    name: str
    prior: Interval
    posterior: Interval

    @property
    def width_left(self) -> float:
        """Width of the posterior interval ÷ that of the prior: near 1, the data say nothing."""
        return self.posterior.width / self.prior.width


@dataclass(frozen=True, slots=True)
class Posterior:
    """Beliefs after the data. Made by `fit`.

    Parameters
    ----------
    priors : Priors
    mode, covariance : float64 arrays of shape (5,) and (5, 5)
        Of level, beta_s, beta_m, kappa, pull, before contagion is cut at 0.
    team_months, people_months, departures : int
        What was learned from.
    """

    priors: Priors
    mode: F64
    covariance: F64
    team_months: int
    people_months: int
    departures: int

    def draws(self, n: int, seed: int) -> Coefficients:
        """Draw ``n`` sets of coefficients; the same seed gives the same."""
        at = self._coordinates(n, seed)
        return self._coefficients(at, _normals(Draws(seed, stream=2), n))

    def coefficients(self, unit: F64, normal: F64) -> Coefficients:
        """Turn numbers that were drawn elsewhere into coefficients.

        Without data the result is what the priors make of the same numbers, one by one: so whoever draws from the priors can draw
        from the posterior with the same luck.

        Parameters
        ----------
        unit : float64 array of shape (n,)
            Uniform in (0, 1): of contagion.
        normal : float64 array of shape (n, 5)
            Standard normal: of h0, u_lab, beta_s, beta_m and pull.
        """
        h0, u = self.priors.h0.spread, self.priors.u_lab.spread
        both = math.hypot(h0, u)
        level, own = (h0 * normal[:, 0] + u * normal[:, 1]) / both, (u * normal[:, 0] - h0 * normal[:, 1]) / both
        return self._coefficients(self._placed(unit, np.column_stack([level, normal[:, 2:]])), own)

    def _coefficients(self, at: F64, own: F64) -> Coefficients:
        """Divide the level among h0 and u_lab by how sure one was of each, and what none of the data can tell by ``own``."""
        h0, u = self.priors.h0, self.priors.u_lab
        part = h0.spread**2 / (h0.spread**2 + u.spread**2)
        surprise = at[:, 0] - math.log(h0.centre) - u.centre
        log_h0 = math.log(h0.centre) + part * surprise + math.sqrt(part) * u.spread * own
        return Coefficients(np.exp(log_h0), at[:, 0] - log_h0, at[:, 1], at[:, 2], at[:, KAPPA], at[:, 4])

    def learned(self) -> tuple[Learned, ...]:
        """Return each coefficient's interval before and after, in the order of `Priors`."""
        draws = self.draws(SUMMARY_DRAWS, SUMMARY_SEED)
        return tuple([Learned(prior.name, prior.interval, middle(getattr(draws, prior.name))) for prior in self.priors])

    def effective_share(self, months: TeamMonths, *, draws: int = 4000, seed: int = SUMMARY_SEED) -> float:
        """Return how good the normal is: the effective part of the draws, weighed by the true posterior.

        Near 1 the normal is the posterior; below about a half, intervals of this posterior are not to be relied on.
        """
        at = self._coordinates(draws, seed)
        design = months.design
        centre, precision = _centre(self.priors), _precision(self.priors)
        away = at - self.mode
        information = np.linalg.inv(self.covariance)
        told = np.array([log_likelihood(design @ one, months.people, months.departures) for one in at])
        told -= np.sum(precision * (at - centre) ** 2, axis=1) / 2
        told += np.sum((away @ information) * away, axis=1) / 2
        weight = np.exp(told - np.max(told))
        return float(np.sum(weight)) ** 2 / (draws * float(np.sum(weight**2)))

    def _coordinates(self, n: int, seed: int) -> F64:
        """Draw the coordinates from uniform and normal numbers of a seed's streams."""
        free = _normals(Draws(seed, stream=1), n * (len(self.mode) - 1)).reshape(n, -1)
        return self._placed(Draws(seed, stream=0).unit(n), free)

    def _placed(self, unit: F64, free: F64) -> F64:
        """Take contagion from its cut normal, and the others from the normal that they follow given contagion."""
        spread = math.sqrt(self.covariance[KAPPA, KAPPA])
        kappa = _above_zero(self.mode[KAPPA], spread, unit)
        others = [number for number in range(len(self.mode)) if number != KAPPA]
        slope = self.covariance[others, KAPPA] / spread**2
        rest = self.covariance[np.ix_(others, others)] - np.outer(slope, slope) * spread**2
        at = np.empty((len(unit), len(self.mode)))
        at[:, KAPPA] = kappa
        at[:, others] = (
            self.mode[others] + np.outer(kappa - self.mode[KAPPA], slope) + free @ np.linalg.cholesky(rest).T
        )
        return at


def fit(months: TeamMonths | None = None, beliefs: Priors | None = None) -> Posterior:
    """Return what is believed after the team-months of a lab; without any, what is believed before.

    Examples
    --------
    >>> from equipoise.people.hazard.team_months import TeamMonth, team_months
    >>> rows = [TeamMonth("core", 24300 + n, 40, 2, 0.8) for n in range(24)]
    >>> before, after = fit(), fit(team_months(rows))
    >>> before.learned()[2].width_left > 0.97, after.learned()[2].posterior.median > 0.9
    (True, True)
    """
    beliefs = beliefs or priors()
    centre, precision = _centre(beliefs), _precision(beliefs)
    if months is None or not len(months):
        return Posterior(beliefs, centre, np.diag(1 / precision), 0, 0, 0)
    found = maximum(months.design, months.people, months.departures, centre=centre, precision=precision)
    return Posterior(
        priors=beliefs,
        mode=found.at,
        covariance=np.asarray(np.linalg.inv(found.information), np.float64),
        team_months=len(months),
        people_months=int(months.people.sum()),
        departures=int(months.departures.sum()),
    )


def middle(values: F64) -> Interval:
    """Return the middle 95 % of draws."""
    low, median, high = np.quantile(values, [0.025, 0.5, 0.975])
    return Interval(float(low), float(median), float(high))


def _centre(beliefs: Priors) -> F64:
    level = math.log(beliefs.h0.centre) + beliefs.u_lab.centre
    return np.array([level, beliefs.beta_s.centre, beliefs.beta_m.centre, beliefs.kappa.centre, beliefs.pull.centre])


def _precision(beliefs: Priors) -> F64:
    level = beliefs.h0.spread**2 + beliefs.u_lab.spread**2
    others = [beliefs.beta_s, beliefs.beta_m, beliefs.kappa, beliefs.pull]
    return 1 / np.array([level, *(prior.spread**2 for prior in others)])


def _above_zero(mean: float, spread: float, unit: F64) -> F64:
    """Turn uniform numbers into a normal that is cut at 0, exact also where hardly anything of it is above."""
    above = math.erfc(-mean / spread / math.sqrt(2)) / 2
    inverse = NormalDist().inv_cdf
    values = [mean - spread * inverse(min(max(part, 5e-324), 1 - 2**-53)) for part in (above * (1 - unit)).tolist()]
    return np.maximum(np.array(values), 0.0)


def _normals(draws: Draws, n: int) -> F64:
    """Draw standard normals by Box and Muller, from bits that no version changes."""
    radius = np.sqrt(-2 * np.log(1 - draws.unit(n)))
    return np.asarray(radius * np.cos(2 * math.pi * draws.unit(n)), np.float64)
