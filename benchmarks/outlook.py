"""The outlook: its parameters, its checks, and processor seconds of many runs.

`python -m benchmarks.outlook` prints the tables of docs/outlook.md; with `--write` it puts them into the page.
"""

from __future__ import annotations

import sys
import time
from fractions import Fraction
from pathlib import Path

import numpy as np

from benchmarks._machine import machine
from benchmarks._page import table, with_tables
from equipoise.outlook.checks import FELT_AT_START, LEFT_TO_SAFETY, months_to_half, pivot
from equipoise.outlook.equations import printed
from equipoise.outlook.labs import World
from equipoise.outlook.parameters import PARAMETERS
from equipoise.outlook.room import Asked
from equipoise.outlook.run import forecast
from equipoise.report.outlook import mean, number
from equipoise.tasks.outlook import outlook
from equipoise.tasks.scenario import scenario

PAGE = Path(__file__).resolve().parents[1] / "docs" / "outlook.md"
MANY, SCREEN, SLICE = 100_000, 5_000, 20_000
ROUNDS = 3


def main() -> None:
    tables = [printed(), parameters(), checks(), left_to_safety(), speed()]
    print(*tables, sep="\n\n")
    if "--write" in sys.argv[1:]:
        PAGE.write_text(with_tables(PAGE.read_text("utf-8"), "outlook", tables), "utf-8")


def parameters() -> str:
    """Return the table of parameters."""
    rows = ["parameter | meaning | unit | prior | solidity | source", "---|---|---|---|---|---"]
    for p in PARAMETERS:
        name = f"`{p.name}`" + (" (each lab)" if p.per_lab else "")
        rows.append(f"{name} | {p.meaning} | {p.unit} | {p.prior} | {p.badge} | {p.source}")
    return table(rows)


def checks() -> str:
    """Return the table of checks, calibration first."""
    rows = [
        "kind | check | fact | model: median (5 to 95 %) | mean | passes if | verdict",
        "---|---|---|---|---|---|---",
    ]
    for check in outlook("product-pivot", runs=SLICE, checks=True).checks:
        band = check.band
        said = f"{number(band.median)} ({number(band.low)} to {number(band.high)})"
        kind = "held out" if check.held_out else "calibration"
        rows.append(
            f"{kind} | {check.name} | {check.fact} | {said} | {mean(check)} | {check.rule} | **{check.verdict}**"
        )
    return table(rows) + f"\n\n{SLICE:,} runs."


def left_to_safety() -> str:
    """Return the table of how the check of the pivot hangs on what nobody said."""
    own = scenario("product-pivot").charters
    rows = [
        "compute left to safety, at most | starvation felt at the start | months from 30 to 16: median (5 to 95 %)",
        "---:|---:|---:",
    ]
    for left in (Fraction(1, 5), Fraction(1, 10), LEFT_TO_SAFETY, Fraction(0)):
        for felt in (0.0, FELT_AT_START):
            months = months_to_half(pivot(own["kept"], own["product-first"], left=left, felt=felt), runs=SLICE)
            low, median, high = np.quantile(months, (0.05, 0.5, 0.95))
            rows.append(f"{100 * float(left):.0f} % | {felt:g} | {median:.0f} ({low:.0f} to {high:.0f})")
    return table(rows)


def speed() -> str:
    """Return the table of processor seconds, with 12 teams of 3 labs over 60 months."""
    rows = ["runs | scenario | processor seconds, one thread | a team-month", "---:|---|---:|---:"]
    asked = Asked(months=60, marks=(60,))
    for name in ("charter-kept", "product-pivot"):
        world = scenario(name).world
        forecast(world, runs=10, asked=asked)
        for runs in (SCREEN, MANY):
            taken = [took(world, runs, asked) for _ in range(ROUNDS)]
            best = min(taken)
            rows.append(f"{runs:,} | {name} | {best:.2f} s | {best / runs / 720 * 1e9:.0f} ns")
    return table(rows) + f"\n\n{machine()}; least of {ROUNDS}."


def took(world: World, runs: int, asked: Asked) -> float:
    begun = time.process_time()
    forecast(world, runs=runs, asked=asked)
    return time.process_time() - begun


if __name__ == "__main__":
    main()
