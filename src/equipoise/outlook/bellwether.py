"""The bellwether: how likely at least a part of a team leaves within six months, as somebody outside of the lab reads it.

The reader sees of each team how many people it has and how many left, whether its promise was broken, and what it was denied of what it
was entitled to: what receipts publish. The reader does not see the lab's parameters, nor what comes. `outlook.run` plays the labs, each
with parameters of its own; `people.hazard` reads what they show; whether it came is in the same runs, so that what is said can be held
against what came.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from equipoise.errors import InputError
from equipoise.outlook.differences import Band
from equipoise.outlook.draws import key_of, parameters
from equipoise.outlook.labs import World
from equipoise.outlook.parameters import Beliefs
from equipoise.outlook.room import WINDOW, Asked
from equipoise.outlook.run import Execute, Forecast, forecast, in_turn
from equipoise.people.groups import GROUP_MIN
from equipoise.people.hazard import Coefficients, Standing, TeamMonth, TeamMonths, chance_of_loss, team_months

I64 = NDArray[np.int64]

AHEAD = 6
"""Months that a bellwether looks ahead."""

BEGINS = (0, 6, 12, 18, 24, 36)
"""Months in which it is asked, as far as the forecast goes."""

READERS = 60
"""Runs that are also read from outside."""

READER_DRAWS = 500
READER_RUN = 1 << 31
"""The reader's own draws of the coefficients: runs of numbers that no forecast has."""

MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Bellwether:
    """Of one team, from one month on.

    Parameters
    ----------
    team : str
    month : int
        Of the course; the six months after it are meant.
    people : Band
        Of the team in that month.
    said : Band
        Probability that the reader gives, over the runs that were read: each shows the reader something else.
    came : float
        Part of the runs in which it came, of those who were there: what the model says, which knows the course.
    runs : int
        In which the team had eight people or more then.
    """

    team: str
    month: int
    people: Band
    said: Band
    came: float
    runs: int


def bellwethers(
    world: World,
    *,
    months: int = 60,
    runs: int = 5_000,
    seed: int = 0,
    lost_ppm: int = 200_000,
    beliefs: Beliefs | None = None,
    execute: Execute = in_turn,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[Bellwether, ...]:
    """Read the focal lab's teams of eight or more.

    Raises
    ------
    InputError
        N110 when no team has eight people.
    """
    beliefs = beliefs or Beliefs()
    teams = watched(world)
    begins = [month for month in BEGINS if month + AHEAD <= months]
    last = begins[-1] + AHEAD
    found = forecast(
        world, runs=runs, asked=Asked(last, tuple(range(1, last + 1)), seed), beliefs=beliefs, execute=execute
    )
    coefficients = believed(beliefs, world, seed, READER_DRAWS)
    rows: list[Bellwether] = []
    for number, month in enumerate(begins):
        read = [readings(found, run, month) for run in range(min(runs, READERS))]
        for team in teams:
            people, lost = losses(found, team, month)
            many = people >= GROUP_MIN
            said = [
                chance_of_loss(coefficients, of[team], lost_ppm=lost_ppm, seed=run).probability
                for run, of in enumerate(read)
                if team in of
            ]
            if many.any() and said:
                came = lost[many] * MILLION >= lost_ppm * people[many]
                bands = Band.of(people[many].astype(np.float64)), Band.of(np.array(said))
                rows.append(Bellwether(team, month, *bands, float(came.mean()), int(many.sum())))
        if progress is not None:
            progress(number + 1, len(begins))
    return tuple(rows)


def watched(world: World) -> tuple[str, ...]:
    """Return the focal lab's teams of eight or more."""
    teams = tuple(team.name for team in world.lab(world.focal).teams if team.people >= GROUP_MIN)
    if not teams:
        raise InputError("N110", f"no team of {world.focal} has {GROUP_MIN} people", hint="nothing is said of fewer")
    return teams


def believed(beliefs: Beliefs, world: World, seed: int, n: int) -> Coefficients:
    """Return what the reader believes of the focal lab: the model's priors, and the lab's retention where it is known."""
    lab = world.lab(world.focal)
    params, own = parameters(beliefs, [lab.name], seed, READER_RUN, n)
    level = own["u_lab"] + lab.baseline
    named = {name: np.ascontiguousarray(params[name]) for name in ("h0", "beta_s", "beta_m", "kappa", "pull")}
    return Coefficients(u_lab=np.ascontiguousarray(level), **named)


def readings(found: Forecast, run: int, month: int) -> dict[str, Standing]:
    """Return where the focal lab's teams of eight or more stand after ``month`` months of a run, as a reader sees it.

    ``found`` keeps every month up to then.
    """
    standings: dict[str, Standing] = {}
    if month == 0:
        for team in found.world.lab(found.world.focal).teams:
            if team.people >= GROUP_MIN:
                standings[team.name] = Standing(team.name, team.people, team.starved, team.breach, felt=team.starved)
        return standings
    table = shown(found, run, month)
    for standing in table.standings:
        people = int(found.team("people", standing.team, month=month)[run])
        if people >= GROUP_MIN:
            standings[standing.team] = replace(standing, people=people)
    return standings


def shown(found: Forecast, run: int, month: int) -> TeamMonths:
    """Return the team-months that a run shows up to ``month``, of the focal lab's teams that had eight people in each."""
    rows: list[TeamMonth] = []
    for team in found.world.lab(found.world.focal).teams:
        own = _team_rows(found, run, month, team.name)
        if all(row.people >= GROUP_MIN for row in own):
            rows += own
    return team_months(rows)


def _team_rows(found: Forecast, run: int, months: int, name: str) -> list[TeamMonth]:
    world = found.world
    start = next(team for team in world.lab(world.focal).teams if team.name == name)
    assert found.asked.marks[:months] == tuple(range(1, months + 1)), "every month is kept"
    labs = [lab.name for lab in world.labs]
    marks = found.out.team_marks[run, :months, labs.index(world.focal), world.teams.index(name)]
    people = [start.people, *(int(one) for one in marks["people"][:-1])]
    left, starved, broken = (np.diff(marks[field], prepend=0.0) for field in ("left", "starved", "broken"))
    rows: list[TeamMonth] = []
    breach = start.breach
    for month in range(months):
        if (month + 1) % WINDOW == 0:  # a verdict, which holds until the next
            breach = float(broken[month] > 0)
        rows.append(TeamMonth(name, month, people[month], int(left[month]), float(starved[month]), breach))
    return rows


def losses(found: Forecast, team: str, month: int) -> tuple[I64, I64]:
    """Return how many people a team had after ``month`` months, and how many of them left within the six after, one each a run.

    People of a team leave alike, so of those who leave in a month the ones who were there from the beginning are a draw without
    replacement. ``found`` keeps every month.
    """
    chance = np.random.Generator(np.random.Philox([found.asked.seed, key_of(team), month]))
    first = people = _people(found, team, month)
    there = first
    for later in range(month + 1, month + AHEAD + 1):
        gone = _left(found, team, later) - _left(found, team, later - 1)
        there = there - chance.hypergeometric(there, people - there, gone)
        people = _people(found, team, later)
    return first, first - there


def _people(found: Forecast, team: str, month: int) -> I64:
    if month:
        return found.team("people", team, month=month).astype(np.int64)
    start = next(each.people for each in found.world.lab(found.world.focal).teams if each.name == team)
    return np.full(found.runs, start, np.int64)


def _left(found: Forecast, team: str, month: int) -> I64:
    return found.team("left", team, month=month).astype(np.int64) if month else np.zeros(found.runs, np.int64)
