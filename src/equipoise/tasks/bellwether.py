"""The bellwether of a scenario: how likely its teams lose a part of their people within six months, and whether they re-engage."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from equipoise.errors import InputError
from equipoise.outlook.bellwether import AHEAD, Bellwether, bellwethers
from equipoise.outlook.labs import World
from equipoise.outlook.parameters import Beliefs
from equipoise.outlook.reengagement import WITHIN, Regained, regained, restoration
from equipoise.people.groups import GROUP_MIN
from equipoise.report.outlook_tables import frames
from equipoise.tasks.outlook import bounded, learned_by, on_threads
from equipoise.tasks.scenario import scenario

if TYPE_CHECKING:
    import polars as pl

RUNS, RUNS_MOST = 2_000, 10_000  # every month of every run is kept
PERCENT = 10_000  # millionths


@dataclass(frozen=True, slots=True)
class Bellwethers:
    """What was asked for and what came out.

    Parameters
    ----------
    world : World
    runs, months, seed : int
    lost_ppm : int
        The part of a team that the question is about.
    rows : tuple of Bellwether
    restored : int or None
        Month in which the focal lab's charter comes back.
    regained : tuple of Regained
    learned_from : str
        What of the lab's own the beliefs were brought up to date by; empty: nothing.
    """

    world: World
    runs: int
    months: int
    seed: int
    lost_ppm: int
    rows: tuple[Bellwether, ...]
    restored: int | None
    regained: tuple[Regained, ...]
    learned_from: str = ""

    @property
    def small(self) -> int:
        """How many of the focal lab's teams are too small to be told."""
        return sum(team.people < GROUP_MIN for team in self.world.lab(self.world.focal).teams)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return {
            "scenario": self.world.name,
            "told": self.world.told,
            "assumptions": list(self.world.assumptions),
            "runs": self.runs,
            "months": self.months,
            "seed": self.seed,
            "learned_from": self.learned_from,
            "lost_ppm": self.lost_ppm,
            "ahead_months": AHEAD,
            "teams_too_small": self.small,
            "bellwether": [asdict(row) for row in self.rows],
            "restored_month": self.restored,
            "within_months": WITHIN,
            "regained": [asdict(row) for row in self.regained],
        }

    @property
    def frames(self) -> dict[str, pl.DataFrame]:
        """Data frames: ``bellwether``, and ``regained`` where a charter is restored."""
        return frames(self.to_dict())


def bellwether(
    name: str | os.PathLike[str] = "product-pivot",
    *,
    lost_percent: int = 20,
    runs: int = RUNS,
    months: int = 60,
    seed: int = 0,
    settings: Sequence[str] = (),
    staff: str | os.PathLike[str] | None = None,
    threads: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Bellwethers:
    """Say how likely at least ``lost_percent`` of each team leaves within six months, and what a restored floor brings back.

    Parameters
    ----------
    name : str or path
        A shipped scenario or a file.
    lost_percent : int
        1 to 100.
    runs, months, seed, settings, staff, threads, progress
        As for `equipoise.outlook`.

    Raises
    ------
    InputError
        N110 when no team has eight people, N111 when ``lost_percent`` is out of bounds; else as `equipoise.outlook`.
    """
    bounded(runs, months, seed, RUNS_MOST)
    if not 1 <= lost_percent <= 100:
        raise InputError("N111", f"{lost_percent} % of a team is not between 1 and 100", hint="a fifth is 20")
    found = scenario(name)
    beliefs = Beliefs().with_set([*found.settings, *settings], [lab.name for lab in found.world.labs])
    beliefs, (world,), learned_from = learned_by(beliefs, (found.world,), staff)
    lost_ppm = lost_percent * PERCENT
    with on_threads(threads) as execute:
        rows = bellwethers(
            world, months=months, runs=runs, seed=seed, lost_ppm=lost_ppm, beliefs=beliefs, execute=execute, progress=progress
        )  # fmt: skip
        back = regained(world, runs=runs, seed=seed, beliefs=beliefs, execute=execute)
    return Bellwethers(
        world, runs, months, seed, lost_ppm, rows, restoration(world.lab(world.focal)), back, learned_from
    )
