"""The outlook of a lab, for a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Console

from equipoise.outlook.checks import OUT_OF_REACH, Check
from equipoise.outlook.differences import OUTCOME, PARTS, RISK, Band, Difference, Measure
from equipoise.outlook.drivers import Driver
from equipoise.report.columns import Column, fitted

if TYPE_CHECKING:
    from equipoise.tasks.outlook import Outlook

DRIVERS_SHOWN = 6


def print_outlook(found: Outlook, console: Console) -> None:
    """Print the assumptions first, then results or differences, checks and drivers."""
    console.print(f"{found.world.name}: {found.world.told}")
    if found.against is not None:
        console.print(f"against {found.against.name}: {found.against.told}")
    words = [*found.world.assumptions, *(line for line in (found.against.assumptions if found.against else ()))]
    for line in dict.fromkeys(words):
        console.print(f"  assumption: {line}")
    assumed = sum(parameter.solidity == "A" for parameter in found.parameters)
    console.print(
        f"{found.runs:,} runs of {found.months} months; {assumed} of {len(found.parameters)} parameters are assumptions (--parameters)."
    )
    print_learned(found, console)
    console.print()
    if found.differences:
        _differences(found, console)
    else:
        _results("after these months", [row for row in found.results if row[0].kind == OUTCOME], console)
        console.print()
        _results(RISK, [row for row in found.results if row[0].kind == RISK], console)
    for held_out in (False, True):
        rows = [check for check in found.checks if check.held_out == held_out]
        if rows:
            console.print()
            _checks("held out" if held_out else "calibration", rows, console)
    for measure, rank, variance in found.drivers:
        console.print()
        _drivers(measure, rank, variance, console)


def print_learned(found: Outlook, console: Console) -> None:
    """Print how much the lab's own months taught, if there are any."""
    if not found.learned:
        return
    console.print()
    rows = found.learned
    columns = [
        Column("learned from the lab's own months", [row.name for row in rows], 0),
        Column("before", [three(row.before) for row in rows], 0),
        Column("±", [three(row.before_deviation) for row in rows], 0),
        Column("after", [three(row.after) for row in rows], 0),
        Column("±", [three(row.after_deviation) for row in rows], 0),
        Column("± left", [f"{100 * row.left:.0f} %" for row in rows], 0),
    ]
    console.print(fitted(columns, console))
    console.print(
        f"{found.learned_from}. ±: standard deviation; where nearly all of it is left the months say next to nothing."
    )


def print_parameters(found: Outlook, console: Console) -> None:
    """Print every parameter with its prior, how solid it is, and its source."""
    rows = found.parameters
    console.print()
    columns = [
        Column("parameter", [row.name for row in rows], 0),
        Column("unit", [row.unit for row in rows], 2),
        Column("prior", [str(row.prior) for row in rows], 0),
        Column("solidity", [row.badge for row in rows], 0),
        Column("source", [row.source for row in rows], 1),
    ]
    console.print(fitted(columns, console))


def _results(kind: str, rows: Sequence[tuple[Measure, Band]], console: Console) -> None:
    columns = [
        Column(kind, [measure.name for measure, _ in rows], 0),
        Column("mean", [number(band.mean) for _, band in rows], 0),
        Column("5 %", [_edge(measure, band.low) for measure, band in rows], 0),
        Column("median", [_edge(measure, band.median) for measure, band in rows], 0),
        Column("95 %", [_edge(measure, band.high) for measure, band in rows], 0),
        Column("unit", [measure.unit for measure, _ in rows], 1),
    ]
    console.print(fitted(columns, console))


def _differences(found: Outlook, console: Console) -> None:
    for kind, title in ((OUTCOME, "first less second"), (RISK, RISK)):
        _courses(title, [row for row in found.differences if row.measure.kind == kind], console)
        console.print()
    console.print("flips: runs in which the difference has the other sign. Both courses share their luck.")
    console.print()
    rows = found.differences
    parts = [Column(part, [signed(row.parts[part]) for row in rows], 0) for part in PARTS]
    console.print(fitted([Column("of the mean, by way", [row.measure.name for row in rows], 0), *parts], console))
    console.print(
        "direct: without anybody leaving for it. Ways are opened from left to right; another order gives other parts."
    )


def _courses(title: str, rows: Sequence[Difference], console: Console) -> None:
    columns = [
        Column(title, [row.measure.name for row in rows], 0),
        Column("first", [number(row.first.mean) for row in rows], 1),
        Column("second", [number(row.second.mean) for row in rows], 1),
        Column("mean", [signed(row.paired.mean) for row in rows], 0),
        Column("5 to 95 %", [f"{signed(row.paired.low)} … {signed(row.paired.high)}" for row in rows], 0),
        Column("flips", [f"{100 * row.flips:.0f} %" for row in rows], 0),
    ]
    console.print(fitted(columns, console))


def _checks(kind: str, rows: Sequence[Check], console: Console) -> None:
    columns = [
        Column(kind, [row.name for row in rows], 0),
        Column("fact", [row.fact for row in rows], 0),
        Column(
            "model",
            [f"{reach(row.band.median)} ({reach(row.band.low)} to {reach(row.band.high)})" for row in rows],
            0,
        ),
        Column("mean", [mean(row) for row in rows], 1),
        Column("passes if", [row.rule for row in rows], 2),
        Column("", [row.verdict for row in rows], 0),
    ]
    console.print(fitted(columns, console))


def _drivers(measure: Measure, rank: Sequence[Driver], variance: Sequence[Driver], console: Console) -> None:
    ranked = {driver.name: driver.rank for driver in rank}
    rows = variance[:DRIVERS_SHOWN]
    columns = [
        Column(f"what hangs on: {measure.name}", [row.name for row in rows], 0),
        Column("Sobol total", [number(row.total or 0.0) for row in rows], 0),
        Column("first", [number(row.first or 0.0) for row in rows], 0),
        Column(
            "rank correlation", ["" if row.name not in ranked else signed(ranked[row.name] or 0.0) for row in rows], 0
        ),
    ]
    console.print(fitted(columns, console))


def mean(check: Check) -> str:
    """Write the mean of the runs; there is none where in some of them a ratio has no lower part."""
    return "–" if check.band.mean > OUT_OF_REACH / 1e6 else number(check.band.mean)


def number(value: float) -> str:
    """Write a number with two or three digits that matter."""
    text = f"{value:,.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"
    return text.replace("-", "−")


def signed(value: float) -> str:
    """Write a number with its sign; what rounds to nothing has none."""
    text = number(abs(value))
    return text if not text.strip("0.") else f"{'−' if value < 0 else '+'}{text}"


def three(value: float) -> str:
    """Write a number with three digits that matter, however small."""
    return f"{value:.3g}".replace("-", "−")


def _edge(measure: Measure, value: float) -> str:
    return "" if measure.unit == "probability" and value in (0.0, 1.0) else number(value)


def reach(value: float) -> str:
    """Write a ratio of flows; where nobody came back there is none."""
    return "only one way" if value > OUT_OF_REACH / 1e6 else number(value)
