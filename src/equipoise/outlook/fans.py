"""How results of a forecast spread over the months: the quantiles that a fan chart is drawn from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from equipoise.outlook.room import KNOWN0
from equipoise.outlook.run import Forecast
from equipoise.outlook.strategy import knowledge_left

F64 = NDArray[np.float64]
LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)


@dataclass(frozen=True, slots=True, eq=False)
class Fan:
    """One number of a lab over time.

    Parameters
    ----------
    name, unit : str
    team : str
        Empty for what the whole lab has.
    months : tuple of int
        From 0, the start.
    bands : float64 array of shape (5, months)
        Quantiles at `LEVELS`.
    """

    name: str
    unit: str
    team: str
    months: tuple[int, ...]
    bands: F64

    def at_end(self) -> tuple[float, float, float]:
        """Return 5 %, median and 95 % after the last month."""
        low, _, median, _, high = self.bands[:, -1].tolist()
        return low, median, high


def fans(found: Forecast) -> tuple[Fan, ...]:
    """Return, of each group of eight or more, people who are still there, people, and what is known; then lead and revenue of the lab."""
    world, lab = found.world, found.world.lab(found.world.focal)
    made: list[Fan] = []
    for team in lab.teams:
        if team.name in world.groups:
            for field, unit, start in (("kept", "part", 1.0), ("people", "people", float(team.people))):
                made.append(
                    _fan(
                        found, field, unit, team.name, start, lambda m, f=field, t=team.name: found.team(f, t, month=m)
                    )
                )
            made.append(_fan(found, "knowledge", "part", team.name, 1.0, _knowledge(found, team.name)))
            made.append(_fan(found, "knowledge_a_head", "part", team.name, KNOWN0, _a_head(found, team.name)))
    if len(world.labs) > 1:
        lead = lab.capability - max(each.capability for each in world.labs if each is not lab)
        made.append(_fan(found, "lead", "log", "", lead, lambda m: found.lead(month=m)))
    made.append(_fan(found, "revenue", "$ bn a year", "", lab.revenue, lambda m: found.lab("revenue", month=m)))
    return tuple(made)


def _knowledge(found: Forecast, team: str) -> Callable[[int], F64]:
    return lambda month: knowledge_left(found, team, month=month)


def _a_head(found: Forecast, team: str) -> Callable[[int], F64]:
    return lambda month: found.team("knowledge", team, month=month)


def _fan(found: Forecast, name: str, unit: str, team: str, start: float, at: Callable[[int], F64]) -> Fan:
    marks = found.asked.marks
    bands = np.column_stack([np.full(len(LEVELS), start), *(np.quantile(at(month), LEVELS) for month in marks)])
    return Fan(name, unit, team, (0, *marks), bands)
