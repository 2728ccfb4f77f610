"""What a log does under a charter and under its amendment, as a table for a terminal."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rich.console import Console

from equipoise.report.columns import Column, fitted
from equipoise.report.figures import NOTHING, count, hours, span
from equipoise.report.tables import TEAMS_MAX


def print_amendment(rows: Sequence[Mapping[str, Any]], console: Console, *, one_measure: bool) -> None:
    """Print what each team gets and waits, before and after.

    Parameters
    ----------
    rows : sequence of mapping
        One per team: ``team``, and for each figure the pair before and after; None where the team is not there.
    console : Console
    one_measure : bool
        Whether both are accounted against the charter in force.
    """
    moved = [row for row in rows if any(pair[0] != pair[1] for name, pair in row.items() if name != "team")]
    if not moved:
        console.print("Replayed: nothing differs for any team.")
        return
    shown = moved[:TEAMS_MAX]
    columns = [Column("team", [row["team"] for row in shown], 0)]
    for title, field, write, rank in _COLUMNS:
        for head, place in (("before", 0), ("after", 1)):
            columns.append(Column(f"{title}\n{head}", [_cell(row[field][place], write) for row in shown], rank))
    console.print(fitted(columns, console))
    if len(moved) > len(shown):
        console.print(f"… and {count(len(moved) - len(shown))} teams more: --json has all")
    measure = "the charter in force" if one_measure else "each charter itself, as machine or teams differ"
    console.print(f"GPU-hours over the whole log. denied: of what a team was entitled to, by {measure}.")


_COLUMNS: tuple[tuple[str, str, Callable[[Any], str], int], ...] = (
    ("delivered", "delivered_gpu_h", hours, 2),
    ("denied", "denied_gpu_h", hours, 0),
    ("wait p95", "wait_p95_s", span, 0),
    ("reclaims", "reclaims", count, 1),
)


def _cell(value: Any, write: Callable[[Any], str]) -> str:
    return NOTHING if value is None else write(value)
