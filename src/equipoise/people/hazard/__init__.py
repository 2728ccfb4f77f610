"""How likely people are to leave, by team and month: from starvation, broken promises, contagion and outside pull.

Main path: rows become a table of team-months with their memories (team_months.py), beliefs with their sources (priors.py)
are updated by it (posterior.py, by the likelihood in likelihood.py), and draws of the coefficients say how likely a part of
a team leaves (loss.py) on a course (course.py). Nothing is computed for fewer than eight people, nothing for one.

>>> rows = [TeamMonth("safety", 24300 + n, 25, n % 2, 0.6) for n in range(24)]
>>> months = team_months(rows)
>>> after = fit(months)
>>> after.departures, months.standings[0].people
(12, 24)
>>> loss = chance_of_loss(after.draws(4000, seed=1), months.standings[0])
>>> 0.1 < loss.probability < 0.4
True
"""

from __future__ import annotations

from equipoise.people.hazard.course import Course, held, like_the_past
from equipoise.people.hazard.loss import Loss, chance_of_loss
from equipoise.people.hazard.posterior import Coefficients, Learned, Posterior, fit
from equipoise.people.hazard.priors import Interval, Prior, Priors, priors
from equipoise.people.hazard.team_months import Standing, TeamMonth, TeamMonths, pooled, team_months

__all__ = [
    "Coefficients",
    "Course",
    "Interval",
    "Learned",
    "Loss",
    "Posterior",
    "Prior",
    "Priors",
    "Standing",
    "TeamMonth",
    "TeamMonths",
    "chance_of_loss",
    "fit",
    "held",
    "like_the_past",
    "pooled",
    "priors",
    "team_months",
]
