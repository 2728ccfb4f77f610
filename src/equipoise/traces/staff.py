"""Read a lab's table of team-months: how many were in a team, how many left, and under what conditions.

CSV or Parquet with the columns of ``NEEDED`` and any of ``FURTHER``, one row per team and month. Any other column is
refused, so that nothing about single people is read.
"""

from __future__ import annotations

import os
import re
from decimal import Decimal, InvalidOperation

from equipoise.errors import InputError, Place
from equipoise.people.groups import GROUP_MIN
from equipoise.people.hazard import TeamMonth, TeamMonths, pooled, team_months
from equipoise.people.hazard.team_months import FELT_MONTHS
from equipoise.traces.mapping import TEAM_PATH
from equipoise.traces.records import Columns, Row, records

CODE = "T123"
NEEDED = ("team", "month", "people", "departures", "starvation")
FURTHER = ("breach", "pull")
PEOPLE_MAX = 1_000_000
PULL_MAX = 5

_MONTH = re.compile(r"(\d{4})-(0[1-9]|1[0-2])(?:-01)?")


def read_staff(path: str | os.PathLike[str], *, felt_months: float = FELT_MONTHS) -> TeamMonths:
    r"""Return the team-months of a file, of groups of eight people or more.

    Teams that had fewer in some month are pooled with others under the same path, and left out where that does not
    suffice; ``notes`` says so.

    Parameters
    ----------
    path : path
        CSV, or Parquet if its name ends in ``.parquet``.
    felt_months : float
        How slowly starvation is felt.

    Raises
    ------
    InputError
        T123 with file and line: a column is missing or unknown, a value is not what it should be, more leave than are there,
        a team's month comes twice or is missing between two others, or no group has eight people.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> file = Path(tempfile.mkdtemp()) / "staff.csv"
    >>> _ = file.write_text(
    ...     "team,month,people,departures,starvation,breach\n"
    ...     "safety,2025-01,25,1,0.4,0\nsafety,2025-02,24,0,0.6,1\nevals.a,2025-01,5,0,0.1,0\n")
    >>> staff = read_staff(file)
    >>> staff.teams, staff.people.tolist(), staff.notes
    (('',), [30, 24], ('2 teams are pooled into 1, each of 8 people or more in every month',))
    """
    rows: dict[tuple[str, int], tuple[TeamMonth, Place]] = {}
    for place, record in records(path, Columns(CODE, NEEDED, FURTHER)):
        row = _team_month(record, place)
        earlier = rows.setdefault((row.team, row.month), (row, place))
        if earlier[0] is not row:
            told = f"team {row.team!r} has {record['month']} twice, first in line {earlier[1].line}"
            raise _refused(told, place)
    _refuse_gaps(rows)
    kept, notes = pooled([row for row, _ in rows.values()])
    if not kept:
        told = f"no group of teams has {GROUP_MIN} people in every month" if rows else "holds no row"
        raise _refused(told, Place(os.fspath(path)), f"nothing is computed for fewer than {GROUP_MIN}")
    return team_months(kept, felt_months=felt_months, notes=notes)


def _team_month(row: Row, place: Place) -> TeamMonth:
    team, month = row["team"], _MONTH.fullmatch(row["month"])
    if not TEAM_PATH.fullmatch(team):
        raise _refused(f"{team!r} is no path of a team", place, "such as safety or safety.evals")
    if not month:
        raise _refused(f"month {row['month']!r} is no month", place, "such as 2025-03")
    people = _whole(row, "people", place, least=1, most=PEOPLE_MAX)
    return TeamMonth(
        team=team,
        month=12 * int(month[1]) + int(month[2]) - 1,
        people=people,
        departures=_whole(row, "departures", place, least=0, most=people),
        starved=_number(row, "starvation", place, least=0, most=1),
        breach=_number(row, "breach", place, least=0, most=1) if "breach" in row else 0.0,
        pull=_number(row, "pull", place, least=-PULL_MAX, most=PULL_MAX) if "pull" in row else 0.0,
    )


def _whole(row: Row, column: str, place: Place, *, least: int, most: int) -> int:
    value = _number(row, column, place, least=least, most=most)
    if value != int(value):
        raise _refused(f"{column} {row[column]!r} is no whole number", place)
    return int(value)


def _number(row: Row, column: str, place: Place, *, least: int, most: int) -> float:
    try:
        value = Decimal(row[column])
    except InvalidOperation:
        raise _refused(f"{column} {row[column]!r} is no number", place) from None
    if not value.is_finite() or not least <= value <= most:
        raise _refused(f"{column} {row[column]!r} is out of range", place, f"{least} to {most}")
    return float(value)


def _refuse_gaps(rows: dict[tuple[str, int], tuple[TeamMonth, Place]]) -> None:
    """A month that is missing between two is not a month in which nobody left."""
    first: dict[str, int] = {}
    for team, month in rows:
        first[team] = min(month, first.get(team, month))
    for (team, month), (_, place) in rows.items():
        if month > first[team] and (team, month - 1) not in rows:
            year, number = divmod(month - 1, 12)
            raise _refused(f"team {team!r} has no row for {year}-{number + 1:02}, the month before this one", place)


def _refused(said: str, place: Place, hint: str = "") -> InputError:
    return InputError(CODE, said, hint=hint, place=place)
