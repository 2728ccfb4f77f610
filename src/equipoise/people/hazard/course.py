"""What a team goes through in the months to come: its course held, one that a scenario gives, or ones like the lab's past.

Spells of starvation end and others begin, so whoever forecasts on a held course says too much of teams in trouble and too
little of the others (docs/people.md measures it). The lab's own past knows how long its spells last.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from equipoise.people.hazard.team_months import Standing, TeamMonths
from equipoise.workload.draws import Draws

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]

ANALOGUES = 40
"""How many moments of the past a course is drawn from."""


@dataclass(frozen=True, slots=True)
class Course:
    """Starvation, breach and pull, month by month.

    Parameters
    ----------
    starved, breach, pull : float64 arrays of shape (months,), or (draws, months) for one course per draw
    """

    starved: F64
    breach: F64
    pull: F64

    @property
    def months(self) -> int:
        """How far it goes."""
        return int(self.starved.shape[-1])


def held(standing: Standing, months: int = 6) -> Course:
    """Return the course on which everything stays what it was in the last month."""
    one = np.ones(months)
    return Course(standing.starved * one, standing.breach * one, standing.pull * one)


def like_the_past(past: TeamMonths, standing: Standing, n: int, *, months: int = 6, seed: int = 0) -> Course:
    """Return ``n`` courses, each as some team of the lab went on from a month much like the team's last one.

    Much like: among the `ANALOGUES` nearest in starvation, breach and pull, each measured in its own standard deviation.
    Where the table has fewer months that are followed by ``months`` others, the course is held.

    Examples
    --------
    >>> from equipoise.people.hazard.team_months import TeamMonth, team_months
    >>> rows = [TeamMonth("core", 24300 + n, 40, 0, float(n % 8 < 4)) for n in range(80)]
    >>> table = team_months(rows)
    >>> course = like_the_past(table, Standing("core", 40, starved=1.0), 1000)
    >>> course.starved.mean(axis=0).round(1).tolist()[::5]  # a spell of four months, from somewhere within
    [0.7, 0.5]
    """
    starts = _followed(past, months)
    if len(starts) < ANALOGUES:
        return held(standing, months)
    away = np.zeros(len(starts))
    for column, now in ((past.starved, standing.starved), (past.breach, standing.breach), (past.pull, standing.pull)):
        spread = float(np.std(column))
        if spread > 0:
            away += ((column[starts] - now) / spread) ** 2
    nearest = starts[np.argsort(away, kind="stable")[:ANALOGUES]]
    chosen = nearest[Draws(seed, stream=4).below(ANALOGUES, n)]
    ahead = chosen[:, None] + np.arange(1, months + 1)
    return Course(past.starved[ahead], past.breach[ahead], past.pull[ahead])


def _followed(past: TeamMonths, months: int) -> I64:
    """Return the rows that ``months`` rows of the same team follow, one a month."""
    rows = np.arange(max(0, len(past) - months))
    same = past.team[rows] == past.team[rows + months]
    return np.asarray(rows[same & (past.month[rows] + months == past.month[rows + months])], np.int64)
