"""Who works in the teams that a charter names, and among which rivals: the file that ``--outlook`` takes."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from equipoise.errors import InputError
from equipoise.outlook.labs import ROLES, Role
from equipoise.tasks.reading import Reading

CODE, HINT = "N120", "docs/outlook.md says what the file holds"
KEYS = {
    "teams", "revenue", "compute", "capability", "growth", "retention", "flat", "rivals", "set", "assumptions", "months", "runs",
    "seed",
}  # fmt: skip
FIGURES = {"revenue", "compute", "capability", "growth", "retention", "flat"}
MONTHS, RUNS = 36, 2_000


@dataclass(frozen=True, slots=True)
class Members:
    """Those of a team: what it is there for, how many people, and how fast it wants to grow, a year."""

    role: Role = "research"
    people: int = 0
    growth: float = 0.0


@dataclass(frozen=True, slots=True)
class Economy:
    """A lab in money: $ bn a year, a head start in capability, growth of revenue before, and who stays for two years, where known."""

    revenue: float = 1.0
    compute: float = 1.2
    capability: float = 0.0
    growth: float | None = None
    retention: float | None = None
    flat: bool = False


@dataclass(frozen=True, slots=True)
class Roster:
    """What a file says of a lab and its rivals.

    Parameters
    ----------
    teams : mapping of str to Members
    economy : Economy
    rivals : mapping of str to (Economy, people by team)
    settings, assumptions : tuple of str
    months, runs, seed : int
    """

    teams: Mapping[str, Members]
    economy: Economy
    rivals: Mapping[str, tuple[Economy, Mapping[str, int]]]
    settings: tuple[str, ...] = ()
    assumptions: tuple[str, ...] = ()
    months: int = MONTHS
    runs: int = RUNS
    seed: int = 0


def read_roster(path: str | os.PathLike[str]) -> Roster:
    """Read the people of a lab and its rivals from a file.

    Raises
    ------
    InputError
        N120 when it is not there or does not read.
    """
    try:
        content = Path(path).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(CODE, f"'{os.fspath(path)}' cannot be read: {error}", hint=HINT) from None
    return roster(content, os.fspath(path))


def roster(content: str, name: str) -> Roster:
    """Read the people of a lab and its rivals from text; raises as `read_roster`.

    Examples
    --------
    >>> found = roster("teams: {safety: {role: research, people: 30}}", "people.yaml")
    >>> found.teams["safety"].people, found.months
    (30, 36)
    """
    reading = _Reading(name, CODE, HINT)
    root = reading.root(content, KEYS)
    teams = {
        str(team): reading.members(str(team), body) for team, body in reading.map(root.get("teams"), "teams").items()
    }
    rivals = {
        str(rival): reading.rival(str(rival), body, set(teams))
        for rival, body in reading.map(root.get("rivals") or {}, "rivals").items()
    }
    return Roster(
        teams, reading.economy(root, "the lab"), rivals,
        tuple(str(line) for line in reading.list(root.get("set"), "set")),
        tuple(str(line) for line in reading.list(root.get("assumptions"), "assumptions")),
        *(reading.whole(root.get(key, default), key) for key, default in (("months", MONTHS), ("runs", RUNS), ("seed", 0))),
    )  # fmt: skip


class _Reading(Reading):
    """One file of people."""

    def members(self, team: str, body: Any) -> Members:
        """Read who is in a team."""
        parts = self.map(body, team, {"role", "people", "growth"})
        role = parts.get("role")
        if role not in ROLES:
            raise self.wrong(f"team {team} has the role {role!r}; roles are {', '.join(ROLES)}")
        return Members(
            role, self.whole(parts.get("people", 0), f"{team}: people"), self.number(parts.get("growth", 0), team)
        )

    def rival(self, name: str, body: Any, teams: set[str]) -> tuple[Economy, Mapping[str, int]]:
        """Read a rival: what it earns and buys, and its people in teams of the same names."""
        parts = self.map(body, name, FIGURES | {"people"})
        people = self.map(parts.get("people"), f"{name}: people", teams)
        return self.economy(parts, name), {
            str(team): self.whole(number, f"{name}: {team}") for team, number in people.items()
        }

    def economy(self, parts: Mapping[Any, Any], name: str) -> Economy:
        """Read a lab in money."""
        given = {
            key: self.number(parts[key], f"{name}: {key}") for key in FIGURES - {"flat"} if parts.get(key) is not None
        }
        return Economy(**given, flat=bool(parts.get("flat")))

    def whole(self, value: Any, what: str) -> int:
        """Return a whole number that is not negative."""
        number = self.number(value, what)
        if not (0 <= number < 1 << 53 and number == int(number)):
            raise self.wrong(f"{what} is {value}, which is no whole number from 0 on")
        return int(number)
