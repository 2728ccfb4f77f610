"""Two courses under the same luck: the difference of each measure, run by run, and by which way it comes about.

A course reaches people in four ways: compute (starvation, and compute a head against the other labs), broken promises, what people think
of the mission, and departures that lead to departures. With all of them shut what is left of a difference is `direct`: what compute does
to research and revenue without anybody leaving for it. Ways are opened in the order of `ORDER`; parts add up to the whole exactly, and in
another order they would be others.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from equipoise.outlook import strategy
from equipoise.outlook.labs import World
from equipoise.outlook.parameters import Beliefs
from equipoise.outlook.room import Asked
from equipoise.outlook.run import Execute, Forecast, forecast, in_turn

F64 = NDArray[np.float64]
ORDER = ("compute", "breach", "mission", "contagion")
OUTCOME, RISK = "outcome", "strategic risk"
PARTS: tuple[str, ...] = ("direct", *ORDER)


@dataclass(frozen=True, slots=True)
class Measure:
    """A number that each run comes to; ``kind`` is what it is about."""

    name: str
    unit: str
    of: Callable[[Forecast], F64]
    kind: str = OUTCOME


@dataclass(frozen=True, slots=True)
class Band:
    """Mean, median, and the 5 and 95 % quantiles of the runs."""

    mean: float
    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: F64) -> Band:
        """Summarise one number a run."""
        low, median, high = (float(value) for value in np.quantile(values, (0.05, 0.5, 0.95)))
        return cls(float(values.mean()), median, low, high)


@dataclass(frozen=True, slots=True)
class Difference:
    """The first course less the second.

    Parameters
    ----------
    measure : Measure
    first, second, paired : Band
        Of each course, and of the differences run by run.
    flips : float
        Part of the runs in which the difference has another sign than its mean; ties count neither way.
    parts : mapping of str to float
        Mean by way, in the order of `PARTS`; they add up to the mean. Empty if it was not asked for.
    """

    measure: Measure
    first: Band
    second: Band
    paired: Band
    flips: float
    parts: dict[str, float]


def measures(world: World, month: int) -> tuple[Measure, ...]:
    """Return what courses are compared by, after a month; among rivals only where there are some."""
    found = [Measure(f"{team}: first people still there", "part", _team("kept", team, month)) for team in world.groups]
    found += [
        Measure(f"{team}: knowledge for each of its people", "part", _team("knowledge", team, month))
        for team in world.groups
    ]
    found += [
        Measure(f"{team}: lost a fifth within six months", "probability", _bellwether(team)) for team in world.groups
    ]
    lead = Measure("lead in capability", "log", lambda f: f.lead(month=month))
    found += [lead] if len(world.labs) > 1 else []
    found += [
        Measure("revenue", "$ bn a year", lambda f: f.lab("revenue", month=month)),
        Measure("compute", "$ bn a year", lambda f: f.lab("compute", month=month)),
    ]
    return (*found, *_risks(world, month))


def _risks(world: World, month: int) -> tuple[Measure, ...]:
    """Return the measures of strategic risk; those among rivals only where there are some."""

    def risk(name: str, unit: str, of: Callable[[Forecast], F64]) -> Measure:
        return Measure(name, unit, of, RISK)

    among = (
        risk("a rival leapfrogs", "probability", lambda f: (f.end("leapfrog_month") > 0).astype(np.float64)),
        risk("a rival earns more", "probability", lambda f: (f.end("overtaken_month") > 0).astype(np.float64)),
        risk("would find the next paradigm", "probability", lambda f: f.lab("exploration", month=month)),
        risk("that chance less its part of compute", "part", lambda f: strategy.chance_beyond_size(f, month=month)),
        risk("part of a new paradigm lacked a year on", "part", lambda f: strategy.lacked(f, month=month)),
        risk("compute among the labs", "HHI", lambda f: strategy.among_labs(f, "compute", month=month)),
        risk("revenue among the labs", "HHI", lambda f: strategy.among_labs(f, "revenue", month=month)),
    )
    return (
        *(among if len(world.labs) > 1 else ()),
        risk("compute among the lab's teams", "HHI", lambda f: strategy.among_teams(f, month=month)),
        risk("revenue among its product lines", "HHI", lambda f: strategy.among_lines(f, month=month)),
        *(risk(f"{team}: knowledge, of the start's", "part", _left(team, month)) for team in world.groups),
    )


BELLWETHER = 0.2  # of a team, within six months


def _team(field: str, team: str, month: int) -> Callable[[Forecast], F64]:
    return lambda f: f.team(field, team, month=month)


def _left(team: str, month: int) -> Callable[[Forecast], F64]:
    return lambda f: strategy.knowledge_left(f, team, month=month)


def _bellwether(team: str) -> Callable[[Forecast], F64]:
    return lambda f: (f.team_end("worst_six", team) >= BELLWETHER).astype(np.float64)


def compare(
    first: World,
    second: World,
    *,
    runs: int = 5_000,
    asked: Asked | None = None,
    beliefs: Beliefs | None = None,
    parted: bool = True,
    played: tuple[Forecast, Forecast] | None = None,
    execute: Execute = in_turn,
) -> tuple[Difference, ...]:
    """Run two worlds under the same luck and return how they differ, and by which way.

    Parameters
    ----------
    first, second : World
        Labs and teams of the same names; all else may differ.
    parted : bool
        Whether differences are also told by way; that takes up to eight forecasts more (`forecasts`).
    played : (Forecast, Forecast) or None
        The two, where they have been run already with all of these.
    """
    asked = asked or Asked()

    worlds = first, second
    done = played or tuple(
        forecast(world, runs=runs, asked=asked, beliefs=beliefs, execute=execute) for world in worlds
    )
    known = {(n, frozenset[str]()): one for n, one in enumerate(done)}
    for n, world in enumerate(worlds if parted else ()):
        for shut in _steps(world):
            if (n, shut) not in known:
                known[n, shut] = forecast(world, runs=runs, asked=asked, beliefs=beliefs, without=shut, execute=execute)
    steps = [[known[n, shut] for shut in _steps(world)] for n, world in enumerate(worlds if parted else ())]
    found: list[Difference] = []
    for measure in measures(first, asked.marks[-1]):
        a, b = measure.of(done[0]), measure.of(done[1])
        means = [float((measure.of(x) - measure.of(y)).mean()) for x, y in zip(*steps, strict=True)]
        parts = dict(zip(PARTS, np.diff(means, prepend=0.0).tolist(), strict=True)) if parted else {}
        found.append(Difference(measure, Band.of(a), Band.of(b), Band.of(a - b), flips(a - b), parts))
    return tuple(found)


def _steps(world: World) -> tuple[frozenset[str], ...]:
    """Return what is shut at each step, as ways are opened one by one; a course that says nothing of its mission has none to shut."""
    said = any(stage.mission for lab in world.labs for stage in lab.course)
    ways = [frozenset(ORDER[n:]) for n in range(len(ORDER) + 1)]
    return tuple(shut if said else shut - {"mission"} for shut in ways)


def forecasts(first: World, second: World) -> int:
    """Return how many forecasts `compare` takes if it tells differences by way, those that were ``played`` among them."""
    return sum(len(set(_steps(world))) for world in (first, second))


def flips(difference: F64) -> float:
    """Return the part of the runs in which a difference has another sign than its mean."""
    return float((difference * np.sign(difference.mean()) < 0).mean())
