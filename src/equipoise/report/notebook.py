"""How results show themselves in a notebook: the sentence, the machine over time, a small table."""

from __future__ import annotations

from collections.abc import Sequence

from equipoise.report import comparison, machine, theme
from equipoise.report.figures import count, hours, part, span
from equipoise.report.markup import Markup, element
from equipoise.report.page import headline
from equipoise.report.parts import Column, names, table
from equipoise.report.view import View, view
from equipoise.simulator.results import Results

TEAMS_MAX = 30
HIGH_PX = 220


def show(results: Results) -> str:
    """Return one run for a notebook."""
    about = view((results,))
    paths = about.chosen(TEAMS_MAX)
    rows, teams = about.accounts[0], about.teams[0]
    columns = [
        names(paths),
        Column("jobs", [count(teams[path]["jobs"]) for path in paths]),
        Column("floor\nGPUs", [count(about.floor(path)) for path in paths]),
        Column("delivered\nGPU-h", [hours(rows[path]["delivered_gpu_h"]) for path in paths]),
        Column("entitled\nGPU-h", [hours(rows[path]["entitled_gpu_h"]) for path in paths]),
        Column("starved", [part(rows[path]["starvation"]) for path in paths]),
        Column("wait p50", [span(teams[path]["wait_p50_s"]) for path in paths]),
        Column("wait p95", [span(teams[path]["wait_p95_s"]) for path in paths]),
    ]
    return _note(about, [table(columns, top=["." not in path for path in paths])])


def show_comparison(runs: Sequence[Results]) -> str:
    """Return several runs for a notebook: each over time, and the differences by team."""
    about = view(runs)
    paths = about.chosen(TEAMS_MAX)
    return _note(about, [comparison.differences(about, number, paths) for number in range(1, len(runs))])


def _note(about: View, tables: list[Markup]) -> str:
    charts = [
        machine.stack(about, run, series, title=label, high_px=HIGH_PX)
        for run, series, label in zip(about.runs, about.series, about.labels, strict=True)
    ]
    left = len(about.order) - len(about.chosen(TEAMS_MAX))
    more = element("p", f"{count(left)} more teams are in .teams", class_="soft") if left else ""
    style = Markup(f"<style>{theme.style()}</style>")
    verdict = element("p", headline(about.sentence))
    return element("div", style, verdict, *charts, *tables, more, class_="eq note")
