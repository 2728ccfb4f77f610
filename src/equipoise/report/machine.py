"""Who held the machine over time: stacked areas of the teams at the top, with the floors of the charter drawn on them."""

from __future__ import annotations

import json

import numpy as np

from equipoise.report import timeaxis
from equipoise.report.figures import count, part, shortened
from equipoise.report.markup import Markup, element, joined, unbroken
from equipoise.report.parts import Column, behind, figures, section
from equipoise.report.plot import F64, WIDE, across, apart, area, box, heights, line, rule
from equipoise.report.view import Band, View
from equipoise.simulator.results import Results
from equipoise.simulator.series import Series

STACK_HIGH = 400
LABEL_PX = 19
LEVEL_GAP = 0.025
LABEL_MAX = 17  # letters of a name


def held_section(view: View) -> Markup:
    """Who held the machine: a stacked area for each run, and for each pool of the first."""
    lead = "Each band is what a team’s running work held; the blank above it is idle."
    if any(band.floor for band in view.bands):
        lead += (
            " Dashed: the floors of the charter, added up in the same order, as in the column on the right. Where a band"
            " ends below its dashed line, the teams up to there hold less than they were promised together."
        )
    charts = [stack(view, run, series, title=label) for run, series, label in _runs(view)]
    content = [*charts, _held_table(view)]
    if len(view.record.charter.pools) > 1:
        content.append(_pools(view))
    return section("machine", "Who held the machine", lead, *content)


def stack(
    view: View, run: Results, series: Series, *, title: str, high_px: int = 330, pool: int | None = None
) -> Markup:
    """Return one run as a stacked area of its top teams, with floors and capacity.

    Parameters
    ----------
    view : View
    run : Results
        One of the view's.
    series : Series
        The run's, of all pools or one.
    title : str
    high_px : int
    pool : int or None
        The pool of the series.
    """
    pools = view.record.charter.pools
    capacity = float(sum(each.capacity for each in pools if pool is None or each is pools[pool]))
    size = len(across(series.edges_ms, view.shown_ms)) - 1
    most = max(capacity, float(series.up.max(initial=0.0)))
    floors = [_floor(view, band, pool) for band in view.bands]
    held = f"{_held_part(view, run, pool)} of {count(round(capacity))} GPUs held {view.over}"
    picture = box(
        *_shapes(view, series, floors, most),
        high=STACK_HIGH,
        name=f"{title}: accelerators held over time by {', '.join(band.name for band in view.bands)}",
    )
    grid = element(
        "div",
        _y_marks(most),
        element("div", picture, _end_of_accounts(view), class_="canvas"),
        _beside(view, floors, most, capacity, gap=LABEL_PX / high_px),
        element("span"),
        _x_marks(view),
        class_="plot floors",
        style=f"--h:{high_px}px",
    )
    return element(
        "figure",
        element("figcaption", element("b", title), element("span", unbroken(held))),
        grid,
        element("p", class_="readout", aria_live="polite"),
        data_series=json.dumps(_told(view, series, size), separators=(",", ":")),
    )


def _shapes(view: View, series: Series, floors: list[int], most: float) -> list[Markup]:
    """Bands on top of each other, the floors as dashed lines, the capacity as a line."""
    xs = across(series.edges_ms, view.shown_ms)
    size = len(xs) - 1
    shapes = [element("rect", x=0, y=0, width=WIDE, height=STACK_HIGH, class_="idle")]
    below = np.zeros(size)
    for band in view.bands:
        above = below + held_by(series, band)[:size]
        path = area(xs, heights(below, most, STACK_HIGH), heights(above, most, STACK_HIGH))
        shapes.append(element("path", element("title", band.name), d=path, class_=f"band {band.colour}"))
        below = above
    for level in _levels(floors, most):
        shapes += [rule(level, STACK_HIGH, kind) for kind in ("case", "floor")]
    shapes.append(element("path", d=line(xs, heights(series.up[:size], most, STACK_HIGH)), class_="cap"))
    return shapes


def _levels(floors: list[int], most: float) -> list[float]:
    """Where the floors that were added up end, without those too near to each other to be told apart."""
    found: list[float] = []
    for floor, level in zip(floors, np.cumsum(floors) / most, strict=True):
        if floor and (not found or level - found[-1] >= LEVEL_GAP):
            found.append(float(level))
    return found


def _held_part(view: View, run: Results, pool: int | None) -> str:
    frame = view.pools[view.runs.index(run)]
    frame = frame if pool is None else frame[pool : pool + 1]
    capacity = int(frame["capacity_gpu_ms"].sum())
    return part(int(frame["held_gpu_ms"].sum()) / capacity if capacity else None)


def held_by(series: Series, band: Band) -> F64:
    """Return what the teams of a band held together in each span."""
    return series.held[:, list(band.lines)].sum(axis=1)


def _runs(view: View) -> list[tuple[Results, Series, str]]:
    return list(zip(view.runs, view.series, view.labels, strict=True))


def _floor(view: View, band: Band, pool: int | None) -> int:
    if pool is None:
        return band.floor
    return sum(view.reference.lines[number].quotas[pool].floor for number in band.lines)


def _told(view: View, series: Series, size: int) -> dict[str, object]:
    """Return what the script shows under the pointer."""
    starts = [int(at) for at in series.edges_ms[:size]]
    return {
        "at": [round(at * WIDE / view.shown_ms) for at in starts],
        "when": [timeaxis.moment(at, origin_ms=view.origin_ms, zone=view.zone) for at in starts],
        "names": [band.name for band in view.bands],
        "held": [np.rint(held_by(series, band)[:size]).astype(int).tolist() for band in view.bands],
    }


def _y_marks(most: float) -> Markup:
    texts = [(0.0, "0"), (0.5, count(round(most / 2))), (1.0, count(round(most)))]
    return element("div", *(element("span", text, style=f"bottom:{100 * at:.0f}%") for at, text in texts), class_="y")


def _x_marks(view: View) -> Markup:
    marks = timeaxis.marks(view.shown_ms, origin_ms=view.origin_ms, zone=view.zone)
    texts = [(at / view.shown_ms, text) for at, text in marks]
    spans = [
        element("span", text, style=f"left:{100 * at:.2f}%", class_="edge" if at > 0.97 else None) for at, text in texts
    ]
    return element("div", *spans, class_="x")


def _end_of_accounts(view: View) -> Markup:
    if not view.windowed or view.until_ms >= view.shown_ms:
        return Markup("")
    at = view.until_ms / view.shown_ms
    return element("div", element("i", "last submission"), class_="mark-x", style=f"left:{100 * at:.2f}%")


def _beside(view: View, floors: list[int], most: float, capacity: float, *, gap: float) -> Markup:
    """The floors as a column, each with the name of its team: the key of the colours."""
    shapes: list[Markup] = []
    wanted: list[float] = []
    at = 0.0
    for band, floor in zip(view.bands, floors, strict=True):
        top = STACK_HIGH * (1 - (at + floor) / most)
        if floor:
            size = {"x": 0, "y": round(top, 1), "width": WIDE, "height": round(STACK_HIGH * floor / most, 1)}
            shapes.append(element("rect", class_=f"block {band.colour}", **size))
        wanted.append((at + floor / 2) / most)
        at += floor
    free = capacity - at
    texts = [
        joined(
            element("em", class_=f"key {band.colour}") if not floor else "",
            element("b", shortened(band.name, LABEL_MAX)),
            element("i", unbroken(f" {part(floor / capacity)}")) if floor else "",
        )
        for band, floor in zip(view.bands, floors, strict=True)
    ]
    if at and free / capacity >= 0.02:
        wanted.append((at + free / 2) / most)
        texts.append(joined("no floor", element("i", unbroken(f" {part(free / capacity)}"))))
    gap = min(gap, 1 / max(1, len(texts)))
    spans = [
        element("span", text, style=f"bottom:{100 * place:.2f}%", class_=None if n < len(floors) else "none")
        for n, (text, place) in enumerate(zip(texts, apart(wanted, gap=gap), strict=True))
    ]
    return element("div", box(*shapes, high=STACK_HIGH), *spans, class_="beside")


def _held_table(view: View) -> Markup:
    """What the bands held, by month-like spans of equal length."""
    columns: list[Column] = []
    edges = np.linspace(0, view.shown_ms, 13)
    first = [timeaxis.moment(int(at), origin_ms=view.origin_ms, zone=view.zone) for at in edges[:-1]]
    columns.append(Column("from", first))
    for _, series, label in _runs(view):
        for band in view.bands:
            means = _means(series, held_by(series, band), edges)
            head = band.name if view.period else f"{band.name}\n{label}"
            columns.append(figures(head, "", means, lambda value: count(round(value))))
    return behind(columns, label="Mean GPUs held, as a table", sheet=view.sheet("held"))


def _means(series: Series, values: F64, edges: F64) -> list[float]:
    """Means over other spans than those of the series."""
    so_far = np.concatenate([[0.0], np.cumsum(values * np.diff(series.edges_ms))])
    at = np.interp(edges, series.edges_ms, so_far)
    return (np.diff(at) / np.diff(edges)).tolist()


def _pools(view: View) -> Markup:
    figures: list[Markup] = []
    for number, pool in enumerate(view.record.charter.pools):
        for run, label in zip(view.runs, view.labels, strict=True):
            title = f"{pool.name}, {pool.device}" + (f": {label}" if len(view.runs) > 1 else "")
            figures.append(stack(view, run, view.series_of(run, pool=number), title=title, high_px=190, pool=number))
    summary = element("summary", f"Each of the {len(view.record.charter.pools)} pools")
    return element("details", summary, *figures)
