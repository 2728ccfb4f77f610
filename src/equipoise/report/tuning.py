"""The frontier for a terminal, and the charters of its points as files."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from equipoise.errors import InputError, Place
from equipoise.report.columns import Column, fitted
from equipoise.report.figures import NOTHING
from equipoise.report.trade import changes, head, method_sentences, point_sentences, present_sentence, value

if TYPE_CHECKING:
    from equipoise.tune import Figures, Objective
    from equipoise.tune.outcome import Point, Tuned


def print_tuned(found: Tuned, console: Console) -> None:
    """Print the frontier as a table, the present charter marked on it, and what each point gives up."""
    for line in method_sentences(found):
        console.print(line)
    console.print()
    console.print(
        fitted(_columns(found, found.objectives, "searched", [point.figures for _, point in _rows(found)]), console)
    )
    if found.held_out is not None:
        held = [point.held_out for _, point in _rows(found)]
        columns = _columns(found, found.held_objectives, "held out", held)
        columns.append(Column("undominated", [_answer(found.holds(point)) for _, point in _rows(found)], 0))
        console.print()
        console.print(fitted(columns, console))
    console.print()
    console.print(present_sentence(found))
    for number, point in enumerate(found.points):
        console.print()
        console.print(f"{number + 1}: {changes(point)}")
        for line in point_sentences(found, number):
            console.print(f"   {line}")


def _rows(found: Tuned) -> list[tuple[str, Point]]:
    """Return the points and the present charter, which is marked where it is one of them."""
    rows = [
        (f"{number}{' = present' if point.trial.number == 0 else ''}", point)
        for number, point in enumerate(found.points, start=1)
    ]
    return rows if any(point.trial.number == 0 for _, point in rows) else [*rows, ("present", found.present)]


def _columns(
    found: Tuned, objectives: Sequence[Objective], title: str, figures: Sequence[Figures | None]
) -> list[Column]:
    names = [name for name, _ in _rows(found)]
    cells = [[NOTHING if each is None else value(of, each) for each in figures] for of in objectives]
    return [Column(title, names, 0), *(Column(of.name, cell, 0) for of, cell in zip(objectives, cells, strict=True))]


def _answer(holds: bool | None) -> str:  # noqa: FBT001 - an answer
    return NOTHING if holds is None else "yes" if holds else "no"


def write_points(found: Tuned, folder: str | os.PathLike[str], *, log: str) -> list[Path]:
    """Write each point as a charter, ``point-01.yaml`` and so on, which says at its beginning what it gives up.

    It follows the present charter: its revision is the next, its parent the present file.

    Raises
    ------
    InputError
        S105 if something cannot be written.
    """
    target = Path(folder)
    also = {("revision",): str(found.charter.revision + 1), ("parent",): found.charter.digest}
    written: list[Path] = []
    try:
        target.mkdir(parents=True, exist_ok=True)
        for number, point in enumerate(found.points):
            data = found.space.written(point.trial.levels, also=also, head=head(found, number, log=log))
            written.append(target / f"point-{number + 1:02d}.yaml")
            written[-1].write_bytes(data)
    except OSError as error:
        raise InputError("S105", f"cannot be written: {error.strerror or error}", place=Place(str(target))) from None
    return written


def write_table(found: Tuned, path: str | os.PathLike[str]) -> Path:
    """Write all charters that were measured as CSV; raises ``InputError`` S105 if it cannot be written."""
    target = Path(path)
    try:
        found.frame().write_csv(target)
    except OSError as error:
        raise InputError("S105", f"cannot be written: {error.strerror or error}", place=Place(str(target))) from None
    return target
