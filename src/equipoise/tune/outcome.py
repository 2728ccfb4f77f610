"""What a search comes to: the points of the frontier beside the present charter, on both parts of the log."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from equipoise.charter.model import Charter
from equipoise.tune.figures import Case, Figures
from equipoise.tune.frontier import dominates
from equipoise.tune.objectives import Objective
from equipoise.tune.search import Searched, Space, Trial, costs_of
from equipoise.units import DAY_MS


@dataclass(frozen=True, slots=True)
class Point:
    """A charter of the frontier, or the present one.

    Parameters
    ----------
    trial : Trial
        Its figures are those of the part that was searched.
    held_out : Figures or None
        Those of the part that was not.
    changed : mapping of str to str
        Parameters that differ from the present charter, with their values.
    differences : tuple of str
        The same in sentences, one entry for each thing that changes.
    """

    trial: Trial
    held_out: Figures | None
    changed: Mapping[str, str]
    differences: tuple[str, ...]

    @property
    def figures(self) -> Figures:
        """On the part that was searched."""
        return self.trial.figures


@dataclass(frozen=True, slots=True, eq=False)
class Tuned:
    """A search and what it found.

    Parameters
    ----------
    space : Space
    objectives : tuple of Objective
    left_out : tuple of str
        Sentences: what cannot be sought, and why.
    searched : Searched
    frontier_size : int
        How many points the frontier has; ``points`` are those of them that were kept.
    present : Point
    points : tuple of Point
    dominating : tuple of int
        Trials that are better than the present charter in some respect and worse in none.
    case : Case
        The part of the log that was searched.
    held_out : Case or None
    seed : int
    """

    space: Space
    objectives: tuple[Objective, ...]
    left_out: tuple[str, ...]
    searched: Searched
    frontier_size: int
    present: Point
    points: tuple[Point, ...]
    dominating: tuple[int, ...]
    case: Case
    held_out: Case | None
    seed: int

    @property
    def charter(self) -> Charter:
        """The present charter."""
        return self.case.present

    @property
    def is_on_frontier(self) -> bool:
        """Whether the present charter keeps all conditions and nothing that was found dominates it."""
        return self.present.trial.violation == 0 and not self.dominating

    def costs(self, figures: Figures) -> tuple[float, ...]:
        """Return the objectives such that less is better."""
        return costs_of(figures, self.objectives)

    def holds(self, point: Point) -> bool | None:
        """Whether no other point, nor the present charter, dominates a point on the part held out; None without one."""
        if point.held_out is None or any(getattr(point.held_out, each.name) is None for each in self.held_objectives):
            return None
        own = self._held(point)
        return not any(dominates(self._held(other), own) for other in (self.present, *self.points))

    @property
    def held_objectives(self) -> tuple[Objective, ...]:
        """The objectives that the part held out has, too: it may be too short for a window of a promise."""
        found = self.present.held_out
        return tuple([each for each in self.objectives if found is not None and getattr(found, each.name) is not None])

    def _held(self, point: Point) -> tuple[float, ...]:
        assert point.held_out is not None, "it was measured"
        return costs_of(point.held_out, self.held_objectives)

    def frame(self) -> pl.DataFrame:
        """Return one row per charter that was measured: its figures, whether it is on the frontier, and its values."""
        front = {trial.number for trial in self.searched.frontier(self.objectives)}
        rows = [
            {"trial": trial.number, "frontier": trial.number in front, "violation": trial.violation}
            | figures_row(trial.figures)
            | {
                parameter.name: parameter.values[level]
                for parameter, level in zip(self.space.parameters, trial.levels, strict=True)
            }
            for trial in self.searched.trials
        ]
        return pl.DataFrame(rows, infer_schema_length=None)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return {
            "objectives": [{"name": each.name, "better": "more" if each.more else "less"} for each in self.objectives],
            "left_out": list(self.left_out),
            "teams": list(self.case.research),
            "product": list(self.case.product),
            "people": dict(self.case.people),
            "seed": self.seed,
            "charters_in_space": self.space.size,
            "proposed": self.searched.proposed,
            "measured": len(self.searched.trials),
            "refused": dict(self.searched.refused),
            "interrupted": self.searched.halted,
            "searched_days": self.case.span_ms / DAY_MS,
            "held_out_days": None if self.held_out is None else self.held_out.span_ms / DAY_MS,
            "frontier_size": self.frontier_size,
            "present": self._plain(self.present)
            | {"on_frontier": self.is_on_frontier, "dominated_by": list(self.dominating)},
            "points": [self._plain(point) for point in self.points],
        }

    def _plain(self, point: Point) -> dict[str, Any]:
        return {
            "trial": point.trial.number,
            "changed": dict(point.changed),
            "searched": figures_row(point.figures),
            "held_out": None if point.held_out is None else figures_row(point.held_out),
            "holds": self.holds(point),
            "differences": list(point.differences),
        }


def figures_row(figures: Figures) -> dict[str, Any]:
    """Return figures as plain values."""
    return {
        "kept": figures.kept,
        "windows_kept": figures.windows_kept,
        "windows": figures.windows,
        "denied": figures.denied,
        "denied_gpu_h": figures.denied_gpu_h,
        "entitled_gpu_h": figures.entitled_gpu_h,
        "served": figures.served,
        "served_gpu_h": figures.served_gpu_h,
        "demanded_gpu_h": figures.demanded_gpu_h,
        "leaving": figures.leaving,
    }
