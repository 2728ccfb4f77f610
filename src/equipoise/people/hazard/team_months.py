"""Team-months: what a lab knows about leaving, of groups of eight people or more.

A row is a team in a month. Two columns are memories and are computed, never read: how starvation is felt, and contagion.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from equipoise.errors import InputError
from equipoise.people.groups import GROUP_MIN, folded

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]

CONTAGION_MONTHS = 4.5
"""How long a departure is felt: 135 days (Visier 2022, a vendor, observational)."""

FELT_MONTHS = 6.0
"""How slowly starvation is felt: the middle of 3 to 9 months, which is an assumption."""


@dataclass(frozen=True, slots=True)
class TeamMonth:
    """A row: one team in one month.

    Parameters
    ----------
    team : str
        Path of the team.
    month : int
        12 × year + month − 1.
    people : int
        At the beginning of the month.
    departures : int
        How many of them left the lab within it; who changes the team inside the lab does not count.
    starved : float
        Denied ÷ entitled over the month, 0 to 1.
    breach : float
        Part of the team's promises that are broken at the time, 0 to 1.
    pull : float
        Outside pull; 0 is usual, the unit is the lab's own choice (say, standard deviations of an index of offers).
    """

    team: str
    month: int
    people: int
    departures: int
    starved: float
    breach: float = 0.0
    pull: float = 0.0


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a team stands at the end of a table: what a forecast begins with.

    Parameters
    ----------
    team : str
    people : int
        Those of the last month's beginning who are still there; who joined since is not known.
    starved, breach, pull : float
        Of the last month.
    felt, contagion : float
        The memories, ``contagion`` after the last month's departures.
    felt_months : float
        How slowly starvation is felt.

    Raises
    ------
    InputError
        H101 for fewer than eight people.
    """

    team: str
    people: int
    starved: float = 0.0
    breach: float = 0.0
    pull: float = 0.0
    felt: float = 0.0
    contagion: float = 0.0
    felt_months: float = FELT_MONTHS

    def __post_init__(self) -> None:
        if self.people < GROUP_MIN:
            raise too_few(self.team, self.people)


@dataclass(frozen=True, slots=True)
class TeamMonths:
    """Rows in order of team and month, in columns, with the memories. Made by `team_months`.

    Parameters
    ----------
    teams : tuple of str
        Names that ``team`` indexes, in order; ``""`` is what was pooled at the top.
    team, month, people, departures : int64 arrays
    starved, breach, pull, felt, contagion : float64 arrays
    felt_months : float
    standings : tuple of Standing
        Of the teams that have the table's last month and at least eight people left.
    notes : tuple of str
        What was pooled and left out.
    """

    teams: tuple[str, ...]
    team: I64
    month: I64
    people: I64
    departures: I64
    starved: F64
    breach: F64
    pull: F64
    felt: F64
    contagion: F64
    felt_months: float
    standings: tuple[Standing, ...]
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.month)

    @property
    def design(self) -> F64:
        """The columns that the coefficients multiply: 1, felt, breach, contagion, pull."""
        return np.column_stack([np.ones(len(self)), self.felt, self.breach, self.contagion, self.pull])


def team_months(
    rows: Iterable[TeamMonth], *, felt_months: float = FELT_MONTHS, notes: tuple[str, ...] = ()
) -> TeamMonths:
    """Make the table of rows in any order.

    Felt starvation begins as what the first month has, as though it had been so before, and follows by
    S += (s − S) ÷ ``felt_months``. Contagion begins with 0 and follows by X += d ÷ N − X ÷ 4.5, so a month is under the
    departures of earlier ones only. Over months without a row S stays and X fades.

    Raises
    ------
    InputError
        H101 where a row has fewer than eight people: see `pooled`.

    Examples
    --------
    >>> table = team_months([TeamMonth("safety", 24302, 9, 0, 0.0), TeamMonth("safety", 24301, 10, 1, 0.6)])
    >>> table.felt.round(2).tolist(), table.contagion.tolist()
    ([0.6, 0.5], [0.0, 0.1])
    """
    assert felt_months >= 1, felt_months
    ordered = sorted(rows, key=lambda row: (row.team, row.month))
    teams = sorted({row.team for row in ordered})
    felt, contagion = np.zeros(len(ordered)), np.zeros(len(ordered))
    ends: dict[str, tuple[TeamMonth, Standing | None]] = {}
    before: TeamMonth | None = None
    s = x = 0.0
    for number, row in enumerate(ordered):
        if row.people < GROUP_MIN:
            raise too_few(row.team, row.people)
        if before is None or before.team != row.team:
            s, x = row.starved, 0.0
        else:
            assert row.month > before.month, row
            s += (row.starved - s) / felt_months
            x *= (1 - 1 / CONTAGION_MONTHS) ** (row.month - before.month - 1)
        felt[number], contagion[number] = s, x
        x += row.departures / row.people - x / CONTAGION_MONTHS
        ends[row.team] = row, _standing(row, s, x, felt_months)
        before = row
    last = max((row.month for row in ordered), default=0)
    number_of = {team: number for number, team in enumerate(teams)}
    return TeamMonths(
        teams=tuple(teams),
        team=np.array([number_of[row.team] for row in ordered], np.int64),
        month=np.array([row.month for row in ordered], np.int64),
        people=np.array([row.people for row in ordered], np.int64),
        departures=np.array([row.departures for row in ordered], np.int64),
        starved=np.array([row.starved for row in ordered], np.float64),
        breach=np.array([row.breach for row in ordered], np.float64),
        pull=np.array([row.pull for row in ordered], np.float64),
        felt=felt,
        contagion=contagion,
        felt_months=felt_months,
        standings=tuple([end for row, end in ends.values() if row.month == last and end is not None]),
        notes=notes,
    )


def _standing(row: TeamMonth, felt: float, contagion: float, felt_months: float) -> Standing | None:
    left = row.people - row.departures
    if left < GROUP_MIN:
        return None
    return Standing(row.team, left, row.starved, row.breach, row.pull, felt, contagion, felt_months)


def pooled(rows: Iterable[TeamMonth]) -> tuple[list[TeamMonth], tuple[str, ...]]:
    """Pool the teams that had fewer than eight people in some month, and leave out what stays too small.

    Whole teams are pooled, over all their months, with others under the same path (`folded`). People and departures add
    up; starvation, breach and pull become means over people.

    Returns
    -------
    rows : list of TeamMonth
        Every one of eight people or more.
    notes : tuple of str
        What was pooled and left out, without the names or sizes of small teams.

    Examples
    --------
    >>> small = [TeamMonth("lab-a.x", 24300, 5, 1, 0.2), TeamMonth("lab-a.y", 24300, 15, 0, 0.6)]
    >>> rows, notes = pooled(small)
    >>> [(row.team, row.people, row.departures, row.starved) for row in rows], len(notes)
    ([('lab-a', 20, 1, 0.5)], 1)
    """
    at: dict[str, dict[int, TeamMonth]] = {}
    for row in sorted(rows, key=lambda row: (row.team, row.month)):  # sums do not depend on the order of the file
        at.setdefault(row.team, {})[row.month] = row
    groups = folded({team: {team} for team in at}, lambda teams: _fewest(at, teams), separator=".")
    made = [
        _sum(name, [at[team][month] for team in sorted(teams) if month in at[team]])
        for name, teams in groups.items()
        for month in sorted(set[int]().union(*(at[team] for team in teams)))
    ]
    told = {team for teams in groups.values() for team in teams}
    joined = [name for name, teams in groups.items() if teams != {name}]
    notes: list[str] = []
    if joined:
        sources = sum(len(groups[name]) for name in joined)
        notes.append(
            f"{sources} teams are pooled into {len(joined)}, each of {GROUP_MIN} people or more in every month"
        )
    if len(told) < len(at):
        notes.append(f"left out: {len(at) - len(told)} teams, too small to be told even together")
    return made, tuple(notes)


def too_few(team: str, people: int) -> InputError:
    """Return the refusal to look at a small group."""
    said = f"team {team!r} has {people} people, and nothing is computed for fewer than {GROUP_MIN}"
    return InputError("H101", said, hint="pool it with its siblings")


def _fewest(at: dict[str, dict[int, TeamMonth]], teams: set[str]) -> int:
    """Return how many people a group of teams has in its smallest month."""
    people: dict[int, int] = {}
    for team in teams:
        for month, row in at[team].items():
            people[month] = people.get(month, 0) + row.people
    return min(people.values())


def _sum(name: str, rows: list[TeamMonth]) -> TeamMonth:
    if len(rows) == 1:
        row = rows[0]
        return TeamMonth(name, row.month, row.people, row.departures, row.starved, row.breach, row.pull)
    people = sum(row.people for row in rows)

    def mean(column: str) -> float:
        return sum(row.people * getattr(row, column) for row in rows) / people

    departures = sum(row.departures for row in rows)
    return TeamMonth(name, rows[0].month, people, departures, mean("starved"), mean("breach"), mean("pull"))
