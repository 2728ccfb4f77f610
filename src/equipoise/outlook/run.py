"""The Monte Carlo: runs in chunks, each on records of its own; which thread takes a chunk changes no bit."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from equipoise.outlook.draws import parameters
from equipoise.outlook.kernel.month import run_all
from equipoise.outlook.labs import World
from equipoise.outlook.parameters import PER_LAB, Beliefs
from equipoise.outlook.room import Asked, Outputs, Start

F64 = NDArray[np.float64]
CHUNK = 500


class Execute(Protocol):
    """Carries out calls in any order, on any number of threads, and yields when each is done."""

    def __call__(self, calls: Iterable[Callable[[], int]], /) -> Iterator[int]:
        """Carry out the calls; yield what they return."""
        ...


def in_turn(calls: Iterable[Callable[[], int]], /) -> Iterator[int]:
    """Carry out calls one after the other."""
    return (call() for call in calls)


@dataclass(frozen=True, slots=True)
class Forecast:
    """What many runs of a world came to.

    Parameters
    ----------
    world : World
    asked : Asked
    out : Outputs
        One record for each run, mark, lab and team, as `outlook.kernel.layout` has them.
    params, per_lab : structured arrays
        What each run believed: one record a run, and runs × labs records.
    """

    world: World
    asked: Asked
    out: Outputs
    params: Any
    per_lab: Any

    @property
    def runs(self) -> int:
        """How many runs."""
        return len(self.out.run_ends)

    def team(self, field: str, team: str, *, month: int, lab: str | None = None) -> F64:
        """Return a field of a team's marks after a month, one number a run.

        ``share`` and ``knowledge`` are also fields: the part of the lab's compute that it has, and known ÷ people.
        """
        record = self.out.team_marks[:, self.asked.marks.index(month), self._lab(lab), self.world.teams.index(team)]
        if field == "knowledge":
            return record["known"] / np.maximum(record["people"], 1)
        return np.ascontiguousarray(record["share_ppm"] / 1e6 if field == "share" else record[field])

    def lab(self, field: str, *, month: int, lab: str | None = None) -> F64:
        """Return a field of a lab's marks after a month, one number a run."""
        return np.ascontiguousarray(self.out.lab_marks[:, self.asked.marks.index(month), self._lab(lab)][field])

    def team_end(self, field: str, team: str, *, lab: str | None = None) -> F64:
        """Return what only the end tells of a team, one number a run."""
        return np.ascontiguousarray(self.out.team_ends[:, self._lab(lab), self.world.teams.index(team)][field])

    def end(self, field: str) -> F64:
        """Return what only the end of a run tells, one number a run."""
        return np.ascontiguousarray(self.out.run_ends[field])

    def lead(self, *, month: int) -> F64:
        """Return the focal lab's capability above the best rival's."""
        rivals = [lab.name for lab in self.world.labs if lab.name != self.world.focal]
        best = np.max([self.lab("capability", month=month, lab=name) for name in rivals], axis=0) if rivals else 0.0
        return self.lab("capability", month=month) - best

    def flow(self, origin: str, to: str) -> NDArray[np.int64]:
        """Return how many people went from one lab to another (or to ``outside``), one number a run."""
        end = len(self.world.labs) if to == "outside" else self._lab(to)
        return self.out.flows[:, self._lab(origin), end]

    def _lab(self, name: str | None) -> int:
        return [lab.name for lab in self.world.labs].index(self.world.focal if name is None else name)


def forecast(
    world: World,
    *,
    runs: int = 5_000,
    asked: Asked | None = None,
    beliefs: Beliefs | None = None,
    without: Iterable[str] = (),
    execute: Execute = in_turn,
    progress: Callable[[int, int], None] | None = None,
) -> Forecast:
    """Run a world many times.

    Parameters
    ----------
    world : World
    runs : int
    asked : Asked or None
        Months, marks and seed; two worlds with the same seed share every number that is drawn.
    beliefs : Beliefs or None
    without : iterable of str
        Channels that are shut: ``compute``, ``breach``, ``mission``, ``contagion`` (see `decomposition`).
    execute : Execute
        Carries out the chunks.
    progress : callable or None
        Gets how many runs of how many are done.
    """
    asked, beliefs = asked or Asked(), beliefs or Beliefs()
    labs = [lab.name for lab in world.labs]
    params, per_lab = parameters(beliefs, labs, asked.seed, 0, runs)
    return run_with(world, params, per_lab, asked=asked, without=without, execute=execute, progress=progress)


def run_with(
    world: World,
    params: Any,
    per_lab: Any,
    *,
    asked: Asked,
    numbers: NDArray[np.int64] | None = None,
    without: Iterable[str] = (),
    execute: Execute = in_turn,
    progress: Callable[[int, int], None] | None = None,
) -> Forecast:
    """Run a world once with each record of ``params``; ``numbers``: the runs whose luck each has (None: 0, 1, …)."""
    params = params.copy()
    world = shut(world, params, frozenset(without))
    start, labs, runs = Start(world, asked), len(world.labs), len(params)
    out = Outputs.empty(world, asked, runs)

    def chunk(begin: int) -> int:
        end = min(begin + CHUNK, runs)
        room = start.room(params[begin:end], per_lab[begin * labs : end * labs], out.part(begin, end))
        run_all(room, np.arange(begin, end) if numbers is None else numbers[begin:end], end - begin)
        return end - begin

    done = 0
    for count in execute([lambda begin=begin: chunk(begin) for begin in range(0, runs, CHUNK)]):
        done += count
        if progress is not None:
            progress(done, runs)
    return Forecast(world, asked, out, params, per_lab)


CHANNELS = {"compute": ("beta_s", "per_head"), "breach": ("beta_m",), "mission": (), "contagion": ("kappa",)}
"""Ways in which a charter reaches people, and the parameters that are 0 while one is shut. Mission is what a scenario says of it."""


def shut(world: World, params: Any, without: frozenset[str]) -> World:
    """Shut channels: set their parameters to 0 in place, and return the world without missions if that one is shut."""
    assert without <= set(CHANNELS), without
    for channel in without:
        for name in CHANNELS[channel]:
            assert name not in PER_LAB
            params[name] = 0.0
    if "mission" not in without:
        return world
    labs = tuple(replace(lab, course=tuple(replace(stage, mission=0.0) for stage in lab.course)) for lab in world.labs)
    return replace(world, labs=labs)
