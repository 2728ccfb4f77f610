"""Labs and their teams as they start, and the course that each takes: which charter acts from which month on."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Literal

from equipoise.charter.model import Charter, Pool, Share
from equipoise.errors import InputError
from equipoise.people.groups import GROUP_MIN

Role = Literal["research", "exploration", "core", "product"]
ROLES: tuple[Role, ...] = ("research", "exploration", "core", "product")

H0 = 0.0093  # a month: the field's departures, which a lab's own retention is measured against
POOL = "compute"
WHOLE = 1_000_000  # a lab's compute, in millionths: what its charter divides


@dataclass(frozen=True, slots=True)
class Team:
    """A team at the start.

    Parameters
    ----------
    name : str
        Its path in the lab's charters.
    role : str
        ``core`` research raises capability, ``exploration`` wins paradigm shifts, ``product`` serves (it asks for compute as
        revenue grows; the others as their people do), ``research`` does none of these.
    people : int
    asks : float
        Part of the lab's compute that it asks for at the start.
    growth : float
        Of the people it wants, a year.
    starved, breach : float
        What it has behind it: starvation as felt, and whether a promise to it was broken last.
    """

    name: str
    role: Role
    people: int
    asks: float
    growth: float = 0.0
    starved: float = 0.0
    breach: float = 0.0


@dataclass(frozen=True, slots=True)
class Stage:
    """From ``month`` on (0 is the first) the lab acts under ``charter``; ``mission`` is what people think of it, an assumption."""

    month: int
    charter: Charter
    mission: float = 0.0


@dataclass(frozen=True, slots=True)
class Lab:
    """A lab at the start, and its course.

    Parameters
    ----------
    name : str
    teams : tuple of Team
    course : tuple of Stage
        By rising month, the first 0.
    reference : Charter or None
        The charter that it is held to: starvation and broken promises are told by it. None: the one it acts under.
    revenue, compute : float
        $ bn a year.
    capability : float
        In units of ln 3 a year of the mean lab: a head start.
    growth : float or None
        Revenue's growth before the start, log a month: what differs from ``g0`` is the first shock. None: no shock.
    retention : float or None
        Part of its people who stay for two years, where known: its departures when it wants for nothing. None: as the field.
    flat : bool
        Whether its compute stays what it is.
    """

    name: str
    teams: tuple[Team, ...]
    course: tuple[Stage, ...]
    reference: Charter | None = None
    revenue: float = 1.0
    compute: float = 1.2
    capability: float = 0.0
    growth: float | None = None
    retention: float | None = None
    flat: bool = False

    @property
    def baseline(self) -> float:
        """What its known retention says of its departures against the field's, as a logarithm; 0 where it is not known."""
        return 0.0 if self.retention is None else math.log(-math.log(self.retention) / 24 / H0)

    def stage(self, month: int) -> Stage:
        """Return the stage that a month belongs to."""
        return [stage for stage in self.course if stage.month <= month][-1]


@dataclass(frozen=True, slots=True)
class World:
    """Labs that compete for people and for the lead; the focal one is the one asked about.

    Parameters
    ----------
    name, told : str
        Title, and what it is about in a sentence.
    focal : str
    labs : tuple of Lab
        By name. All have teams of the same names and roles.
    assumptions : tuple of str
        What was decided by hand, in words; printed with every result.
    outside : int
        People outside of the labs whom they may hire.
    """

    name: str
    told: str
    focal: str
    labs: tuple[Lab, ...]
    assumptions: tuple[str, ...] = ()
    outside: int = 100_000

    @property
    def teams(self) -> tuple[str, ...]:
        """The names of the teams, which every lab has."""
        return tuple(team.name for team in self.labs[0].teams)

    @property
    def groups(self) -> tuple[str, ...]:
        """The focal lab's teams of at least eight people: of fewer nothing is told."""
        return tuple(team.name for team in self.lab(self.focal).teams if team.people >= GROUP_MIN)

    def lab(self, name: str) -> Lab:
        """Return a lab by name."""
        return next(lab for lab in self.labs if lab.name == name)

    def with_lab(self, lab: Lab) -> World:
        """Return the world with a lab of the same name replaced."""
        return replace(self, labs=tuple(lab if lab.name == each.name else each for each in self.labs))


def world(
    name: str,
    labs: tuple[Lab, ...],
    *,
    focal: str,
    told: str = "",
    assumptions: tuple[str, ...] = (),
    outside: int = 100_000,
) -> World:
    """Return labs as a world, in the order of their names, or say what does not fit.

    Raises
    ------
    InputError
        N103 when labs or teams do not fit to one another or to their charters.
    """
    labs = tuple(sorted((_by_name(lab) for lab in labs), key=lambda lab: lab.name))
    wrong = list(_faults(labs, focal))
    if wrong:
        raise InputError("N103", wrong[0], hint="see docs/outlook.md, scenarios")
    return World(name, told, focal, labs, assumptions, outside)


def _by_name(lab: Lab) -> Lab:
    return replace(lab, teams=tuple(sorted(lab.teams, key=lambda team: team.name)))


def _faults(labs: tuple[Lab, ...], focal: str) -> list[str]:
    names = [lab.name for lab in labs]
    found = [f"there is no lab {focal!r} to ask about"] if focal not in names else []
    found += [f"two labs are called {name!r}" for name in names if names.count(name) > 1]
    if not 0 < len(labs) <= 16:
        return [*found, f"a world has 1 to 16 labs, not {len(labs)}"]
    shape = [(team.name, team.role) for team in labs[0].teams]
    for lab in labs:
        if [(team.name, team.role) for team in lab.teams] != shape or not 0 < len(shape) <= 64:
            found.append(
                f"{lab.name} has other teams than {labs[0].name}: every lab has the same 1 to 64, with the same roles"
            )
        if not lab.course or lab.course[0].month != 0:
            found.append(f"{lab.name} has no charter in month 0")
        if not (lab.revenue > 0 and lab.compute > 0):
            found.append(f"{lab.name} needs revenue and compute above 0")
        found += [
            f"{lab.name}: a retention of {lab.retention} is not between 0 and 1"
            for _ in "."
            if not 0 < (lab.retention or 0.5) < 1
        ]
        for team in lab.teams:
            if not (0 <= team.people <= 50_000 and 0 <= team.asks <= 1 and -0.9 <= team.growth <= 5):
                found.append(
                    f"{lab.name}, {team.name}: people from 0 to 50,000, asks from 0 to 1, growth from −0.9 to 5"
                )
        for charter in [stage.charter for stage in lab.course] + ([lab.reference] if lab.reference else []):
            leaves = sorted(team.path for team in charter.leaves)
            if leaves != [name for name, _ in shape]:
                found.append(
                    f"{lab.name}: a charter has the teams {', '.join(leaves)}; the lab has {', '.join(n for n, _ in shape)}"
                )
    return found


def whole(charter: Charter) -> Charter:
    """Return a charter as it divides the whole lab: one pool of a million parts, that of its first pool.

    Raises
    ------
    InputError
        N104 when floors or limits are numbers of devices: a lab that grows needs percentages.
    """
    pool = charter.pools[0].name

    def one(shares: Mapping[str, Share], path: str) -> dict[str, Share]:
        share = shares[pool]
        if share.gpus is not None and not share.is_zero:
            raise InputError(
                "N104",
                f"team '{path}' has a floor or limit of {share.gpus} devices",
                hint="give a percentage of the pool",
            )
        return {POOL: share}

    teams = tuple(
        replace(team, floor=one(team.floor, team.path), limit=one(team.limit, team.path)) for team in charter.teams
    )
    return replace(charter, pools=(Pool(POOL, "part", WHOLE, 1),), teams=teams)


def promises(charter: Charter) -> dict[str, Fraction]:
    """Return the largest part of the lab's compute that is promised to each team (commitments with `at_least`)."""
    found: dict[str, Fraction] = {}
    for commitment in charter.commitments:
        if commitment.at_least is not None:
            found[commitment.team] = max(found.get(commitment.team, Fraction(0)), commitment.at_least)
    return found
