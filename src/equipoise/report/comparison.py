"""Runs of one log side by side, and what each team gains or loses by another rule."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from equipoise.report.figures import NOTHING, change, count, hours, part, span
from equipoise.report.markup import Markup, element
from equipoise.report.parts import Column, Entry, bar, names, rows, section, strong, table
from equipoise.report.plot import scale
from equipoise.report.tables import LAB_FIGURES
from equipoise.report.view import View
from equipoise.report.waiting import ROWS_MAX


def comparison_section(view: View) -> Markup:
    """Differences to the first run, by team; nothing where there is one run only."""
    if len(view.runs) < 2:
        return Markup("")
    lead = (
        f"Everything is measured by the same charter, whatever was executed. Differences are to “{view.labels[0]}”;"
        f" GPU-hours and starvation are {view.over}, waits are of the whole run."
    )
    content: list[Markup] = []
    for number in range(1, len(view.runs)):
        title = f"Compute delivered, {view.labels[number]} against {view.labels[0]}"
        content.append(element("figure", element("figcaption", element("b", title)), gains(view, number)))
        content.append(differences(view, number, view.order))
    content.append(element("h3", "The lab as a whole, over the whole run", style="margin-top:30px"))
    content.append(_lab(view))
    return section("comparison", "The comparison", lead, *content)


def gains(view: View, number: int) -> Markup:
    """Return bars of how many GPU-hours more or less each team is delivered than in the first run."""
    base, other = view.accounts[0], view.accounts[number]
    listed = [path for path in view.chosen(ROWS_MAX) if base[path]["delivered_gpu_h"] or other[path]["delivered_gpu_h"]]
    by = {path: other[path]["delivered_gpu_h"] - base[path]["delivered_gpu_h"] for path in listed}
    most, places = scale(max([0.0, *map(abs, by.values())]), steps=2)
    marks = [(0.5 + at / most / 2, signed(at)) for at in [*(-at for at in reversed(places[1:])), *places]]
    entries: list[Entry] = []
    for path in listed:
        size = abs(by[path]) / most / 2
        gained = by[path] > 0
        strip = bar([(size, "plus" if gained else "minus")], begin=0.5 if gained else 0.5 - size)
        relative = change(other[path]["delivered_gpu_h"], base[path]["delivered_gpu_h"])
        entries.append(Entry(path, [strip], [strong(relative, f" · {signed(by[path])} GPU-h")], deep="." in path))
    return rows(entries, marks)


def differences(view: View, number: int, paths: list[str]) -> Markup:
    """Return a table of teams: delivered, starved, waits in both runs, and the differences."""
    pair = (0, number)
    columns = [names(paths)]

    def add(head: str, cells: list[str], classes: list[str | None] | None = None) -> None:
        columns.append(Column(head, cells, classes or ()))

    for n in pair:
        add(f"delivered\n{view.labels[n]}", [hours(view.accounts[n][path]["delivered_gpu_h"]) for path in paths])
    by = [view.accounts[number][p]["delivered_gpu_h"] - view.accounts[0][p]["delivered_gpu_h"] for p in paths]
    add("difference", [signed(value) for value in by], [_good(value) for value in by])
    for n in pair:
        add(f"starved\n{view.labels[n]}", [part(view.accounts[n][path]["starvation"]) for path in paths])
    points = [_minus(view.accounts[number][path]["starvation"], view.accounts[0][path]["starvation"]) for path in paths]
    add("difference,\npoints", [_points(value) for value in points],
        [_good(None if value is None else -value) for value in points])  # fmt: skip
    for n in pair:
        add(f"wait p95\n{view.labels[n]}", [span(view.teams[n][path]["wait_p95_s"]) for path in paths])
    for n in pair:
        add(f"lost\n{view.labels[n]}", [hours(view.accounts[n][path]["lost_gpu_h"]) for path in paths])
    return table(columns, top=["." not in path for path in paths])


def signed(value: float) -> str:
    """Write a difference of GPU-hours with its sign.

    Examples
    --------
    >>> signed(1234.0), signed(-0.5), signed(0.0)
    ('+1,234', '−0.5', '±0')
    """
    text = hours(abs(value))
    return "±0" if text == "0" else f"{'+' if value > 0 else '−'}{text}"


def _minus(value: float | None, base: float | None) -> float | None:
    return None if value is None or base is None else value - base


def _points(value: float | None) -> str:
    if value is None:
        return NOTHING
    return "±0" if abs(value) < 0.0005 else f"{'+' if value > 0 else '−'}{100 * abs(value):.1f}"


def _good(value: float | None) -> str | None:
    if value is None or abs(value) < 0.0005:
        return None
    return "good" if value > 0 else "bad"


def _lab(view: View) -> Markup:
    figures: list[tuple[str, Callable[[Any], str]]] = [("jobs", lambda run: count(run.n_jobs)), *LAB_FIGURES]
    found = [(name, [write(run) for run in view.runs]) for name, write in figures]
    shown = [(name, cells) for name, cells in found if any(text not in (NOTHING, "0") for text in cells)]
    columns = [Column("", [name for name, _ in shown])]
    columns += [Column(label, [cells[n] for _, cells in shown]) for n, label in enumerate(view.labels)]
    return table(columns)
