"""The bellwether, for a terminal."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from rich.console import Console

from equipoise.outlook.bellwether import AHEAD
from equipoise.outlook.reengagement import WITHIN
from equipoise.people.groups import GROUP_MIN
from equipoise.report.columns import Column, fitted
from equipoise.report.outlook import number

if TYPE_CHECKING:
    from equipoise.tasks.bellwether import Bellwethers


def print_bellwether(found: Bellwethers, console: Console) -> None:
    """Print what a reader from outside says and what came, then what is regained after a restoration."""
    console.print(f"{found.world.name}: {found.world.told}")
    for line in found.world.assumptions:
        console.print(f"  assumption: {line}")
    lost = f"{found.lost_ppm / 10_000:g} %"
    console.print(f"Will at least {lost} of a team leave within {AHEAD} months? {found.runs:,} runs.")
    if found.learned_from:
        console.print(f"What is believed of the lab is brought up to date by {found.learned_from}.")
    if found.small:
        console.print(f"{found.small} teams have fewer than {GROUP_MIN} people; nothing is said of them.")
    console.print()
    rows = found.rows
    columns = [
        Column("team", [row.team for row in rows], 0),
        Column("after month", [str(row.month) for row in rows], 0),
        Column("people", [f"{row.people.median:,.0f}" for row in rows], 1),
        Column("a reader says", percents(row.said.mean for row in rows), 0),
        Column("5 to 95 %", [f"{percent(row.said.low)} … {percent(row.said.high)}" for row in rows], 0),
        Column("it came", percents(row.came for row in rows), 0),
    ]
    console.print(fitted(columns, console))
    console.print(
        "A reader sees people, departures, broken promises and what was denied until then, and holds that for the future."
    )
    console.print()
    _print_regained(found, console)


def _print_regained(found: Bellwethers, console: Console) -> None:
    if found.restored is None:
        console.print("No charter is restored on this course; see the scenario re-engagement.")
        return
    console.print(
        f"The charter comes back in month {found.restored}. Of what was lost until then, regained {WITHIN} months later:"
    )
    rows = found.regained
    columns = [
        Column("team", [row.team for row in rows], 0),
        Column("", [row.what for row in rows], 0),
        Column("lost", [number(row.lost.median) for row in rows], 1),
        Column("regained", percents(row.restored.median for row in rows), 0),
        Column("5 to 95 %", [f"{percent(row.restored.low)} … {percent(row.restored.high)}" for row in rows], 0),
        Column("without it", percents(row.left_alone.median for row in rows), 0),
        Column("half or more", percents(row.half for row in rows), 0),
        Column("without it ", percents(row.half_left_alone for row in rows), 0),
    ]
    console.print(fitted(columns, console))
    console.print(
        "lost, regained: medians of the runs that lost anything. Below 0: more was lost. Half or more: probability."
    )


def percents(values: Iterable[float]) -> list[str]:
    """Write parts as percentages."""
    return [percent(value) for value in values]


def percent(value: float) -> str:
    """Write a part as a percentage; what is nearly nothing is not nothing."""
    if 0 < value < 0.005:
        return "< 1 %"
    return f"{100 * value:.0f} %".replace("-", "−")
