"""Strategic risk: what a lab has put on few cards, and what it would lose with them.

Concentration is Herfindahl's index: the sum of squared parts, from 1 ÷ (how many) up to 1, where one has it all.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from equipoise.outlook.parameters import F64
from equipoise.outlook.room import KNOWN0
from equipoise.outlook.run import Forecast

YEAR = 12


def herfindahl(amounts: NDArray[np.float64]) -> F64:
    """Return the sum of squared parts along the last axis; 1 where there is nothing to divide.

    Examples
    --------
    >>> herfindahl(np.array([[1.0, 1.0], [3.0, 0.0]])).tolist()
    [0.5, 1.0]
    """
    whole = amounts.sum(axis=-1, keepdims=True)
    parts = np.divide(amounts, whole, out=np.zeros_like(amounts), where=whole > 0)
    return np.where(whole[..., 0] > 0, (parts**2).sum(axis=-1), 1.0)


def among_labs(found: Forecast, field: str, *, month: int) -> F64:
    """Return how concentrated ``compute`` or ``revenue`` of all labs is among them."""
    return herfindahl(found.out.lab_marks[:, found.asked.marks.index(month)][field])


def among_teams(found: Forecast, *, month: int, lab: str | None = None) -> F64:
    """Return how concentrated a lab's compute is among its teams."""
    teams = [team.name for team in found.world.lab(lab or found.world.focal).teams]
    return herfindahl(_shares(found, teams, month, lab))


def among_lines(found: Forecast, *, month: int, lab: str | None = None) -> F64:
    """Return how concentrated a lab's revenue is among its product lines: its teams that serve.

    The model knows revenue by lab only; within one, a line earns in proportion to the compute that it serves with.
    """
    lines = [team.name for team in found.world.lab(lab or found.world.focal).teams if team.role == "product"]
    return herfindahl(_shares(found, lines, month, lab)) if lines else np.ones(found.runs)


def _shares(found: Forecast, teams: list[str], month: int, lab: str | None) -> F64:
    return np.stack([found.team("share", team, month=month, lab=lab) for team in teams], axis=-1)


def chance_beyond_size(found: Forecast, *, month: int, lab: str | None = None) -> F64:
    """Return the chance to find the next paradigm less the part of all labs' compute: below 0, a lab explores less than its size."""
    compute = found.out.lab_marks[:, found.asked.marks.index(month)]["compute"].sum(axis=1)
    return found.lab("exploration", month=month, lab=lab) - found.lab("compute", month=month, lab=lab) / compute


def lacked(found: Forecast, *, month: int, lab: str | None = None, after: int = YEAR) -> F64:
    """Return what part of a paradigm that comes now the lab is expected to lack ``after`` months later, if exploration stays as it is.

    It finds it with the chance of its exploration, and lacks nothing; else it takes up `absorb` times its exploration ÷ mean a month.
    """
    chance = found.lab("exploration", month=month, lab=lab)
    taken_up = np.minimum(found.params["absorb"] * chance * len(found.world.labs), 1.0)
    return (1.0 - chance) * (1.0 - taken_up) ** after


def knowledge_left(found: Forecast, team: str, *, month: int, lab: str | None = None) -> F64:
    """Return what a team knows ÷ what it knew at the start; 1 if nobody was there."""
    people = next(each.people for each in found.world.lab(lab or found.world.focal).teams if each.name == team)
    return found.team("known", team, month=month, lab=lab) / (KNOWN0 * people) if people else np.ones(found.runs)
