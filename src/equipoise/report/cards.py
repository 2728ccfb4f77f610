"""Team by team: small charts of what each held, against its floor and what the charter entitled it to."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from equipoise.report import timeaxis
from equipoise.report.figures import count, hours, part, shortened
from equipoise.report.markup import Markup, element, joined, unbroken
from equipoise.report.parts import behind, figures, keys, names, section
from equipoise.report.plot import across, area, box, heights, line, rule
from equipoise.report.view import View
from equipoise.simulator.series import Series

HIGH = 100
POINTS = 120
CARDS_MAX = 48
NAME_MAX = 33


def teams_section(view: View) -> Markup:
    """One small chart for each team and run: held, floor, entitled, denied."""
    lead = (
        "What a team held against what the charter owed it while it asked. It is denied where it asks, is entitled to"
        f" more than it holds, and waits. Each team has a scale of its own.{view.left_out(CARDS_MAX)}"
    )
    return section("teams", "Team by team", lead, *small_charts(view, CARDS_MAX), _owed_table(view))


def small_charts(view: View, limit: int) -> tuple[Markup, Markup]:
    """Return the key of the small charts of at most so many teams, and the charts."""
    legend = keys(
        ("heldkey", "held (in its own colour)"),
        ("denied", "denied, on top of it"),
        ("line", "entitled while it asks"),
        ("dash", "floor"),
    )
    coarse = [view.series_of(run, points=POINTS) for run in view.runs]
    lines = {line.path: number for number, line in enumerate(view.reference.lines)}
    cards = [_card(view, path, lines[path], coarse) for path in view.chosen(limit)]
    return legend, element("div", *cards, class_="cards")


def _card(view: View, path: str, number: int, coarse: list[Series]) -> Markup:
    floor = view.floor(path)
    most = max([float(floor), 1e-9, *(_peak(view, series, number) for series in coarse)])
    minis = [_mini(view, series, number, path, most=most, floor=floor, run=n) for n, series in enumerate(coarse)]
    ends = [timeaxis.moment(at, origin_ms=view.origin_ms, zone=view.zone) for at in (0, view.until_ms)]
    parent, dot, own = shortened(path, NAME_MAX).rpartition(".")
    name = joined(element("span", parent + dot, class_="soft"), own) if parent else own
    scale = f"{f'floor {count(floor)} GPUs' if floor else 'no floor'} · scale to {_amount(most)}"
    return element(
        "div",
        element("h3", name, title=path),
        element("p", unbroken(scale), class_="sub"),
        *minis,
        element("div", *(element("span", text) for text in ends), class_="minix"),
        class_=f"card {'leaf' if '.' in path else 'top'} {view.colour(path)}",
    )


def _peak(view: View, series: Series, number: int) -> float:
    size = len(across(series.edges_ms, view.until_ms)) - 1
    wanted = np.maximum(series.held[:, number] + series.denied[:, number], series.entitled[:, number])
    return float(wanted[:size].max(initial=0.0))


def _amount(gpus: float) -> str:
    return count(round(gpus)) if gpus >= 10 else f"{gpus:.2g}"


def _mini(view: View, series: Series, number: int, path: str, *, most: float, floor: int, run: int) -> Markup:
    xs = across(series.edges_ms, view.until_ms)
    n = len(xs) - 1
    held, denied, entitled = (values[:n, number] for values in (series.held, series.denied, series.entitled))
    base, top = heights(held, most, HIGH), heights(held + denied, most, HIGH)
    shapes = [
        element("path", d=area(xs, heights(0 * held, most, HIGH), base), class_="band"),
        element("path", d=area(xs, base, top), class_="denied") if denied.any() else "",
        element("path", d=line(xs, heights(entitled, most, HIGH)), class_="entitled"),
        rule(floor / most, HIGH, "floor") if floor else "",
    ]
    account = view.accounts[run][path]
    name = f"{path}, {view.labels[run]}: held, floor, entitled and denied over time"
    label = view.labels[run] if len(view.runs) > 1 else ""
    starved = account["starvation"]
    value = joined("denied ", element("b", unbroken(part(starved)))) if starved else "denied nothing"
    if starved is None:
        value = "asked for nothing"
    return element(
        "div",
        element("span", label, class_="name"),
        element("span", value, class_="value"),
        box(*shapes, high=HIGH, name=name),
        class_="mini",
    )


def _owed_table(view: View) -> Markup:
    columns = [
        names(view.order),
        figures("floor\nGPUs", "floor_gpus", [view.floor(path) for path in view.order], count),
    ]
    kinds: tuple[tuple[str, str, Callable[[float | None], str]], ...] = (
        ("delivered", "delivered_gpu_h", hours),
        ("entitled", "entitled_gpu_h", hours),
        ("denied", "denied_gpu_h", hours),
        ("denied ÷\nentitled", "starvation", part),
    )
    for head, field, write in kinds:
        for number, label in enumerate(view.labels):
            values = [view.accounts[number][path][field] for path in view.order]
            columns.append(figures(f"{head}\n{label}" if len(view.runs) > 1 else head, field, values, write))
    return behind(
        columns,
        sheet=view.sheet("teams"),
        top=["." not in path for path in view.order],
        label="GPU-hours of every team, as a table",
    )
