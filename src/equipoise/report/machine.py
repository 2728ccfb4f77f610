"""The machine over time: who held it, what each team held of what it was due, and where the idle time was."""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np

from equipoise.report import timeaxis
from equipoise.report.figures import count, hours, part
from equipoise.report.markup import Markup, element, joined, unbroken
from equipoise.report.parts import Column, Entry, bar, behind, keys, names, rows, section, strong
from equipoise.report.plot import F64, WIDE, across, apart, area, box, heights, line, rule
from equipoise.report.view import Band, View
from equipoise.simulator.results import Results
from equipoise.simulator.series import Series

STACK_HIGH = 400
MINI_HIGH = 100
MINI_POINTS = 120
CARDS_MAX = 48
LABEL_GAP = 0.062
GPU_MS_PER_H = 3_600_000.0


def held_section(view: View) -> Markup:
    """Who held the machine: a stacked area for each run, and for each pool of the first."""
    lead = (
        "Each band is what a team’s running work held, from its first job on; the blank above is idle. Dashed: the"
        " floors of the charter, added up in the same order, as in the column on the right. A band that ends below its"
        " dashed line means that the teams up to there hold less than they were promised together."
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
    capacity = float(sum(each.capacity for each in pools)) if pool is None else float(pools[pool].capacity)
    xs = across(series.edges_ms, view.shown_ms)
    size = len(xs) - 1
    most = max(capacity, float(series.up.max(initial=0.0)))
    floors = [_floor(view, band, pool) for band in view.bands]
    shapes = [element("rect", x=0, y=0, width=WIDE, height=STACK_HIGH, class_="idle")]
    below = np.zeros(size)
    for band in view.bands:
        above = below + held_by(series, band)[:size]
        path = area(xs, heights(below, most, STACK_HIGH), heights(above, most, STACK_HIGH))
        shapes.append(element("path", element("title", band.name), d=path, class_=f"band {band.colour}"))
        below = above
    for level in np.cumsum(floors):
        if level > 0:
            shapes += [rule(level / most, STACK_HIGH, kind) for kind in ("case", "floor")]
    shapes.append(element("path", d=line(xs, heights(series.up[:size], most, STACK_HIGH)), class_="cap"))
    name = f"{title}: accelerators held over time by {', '.join(band.name for band in view.bands)}"
    caption = element(
        "figcaption",
        element("b", title),
        element("span", unbroken(f"{_held_part(view, run, pool)} of {count(round(capacity))} GPUs held {view.over}")),
    )
    canvas = element("div", box(*shapes, high=STACK_HIGH, name=name), _end_of_accounts(view), class_="canvas")
    grid = element(
        "div", _y_marks(most), canvas, _beside(view, floors, most, capacity), element("span"), _x_marks(view),
        class_="plot floors", style=f"--h:{high_px}px",
    )  # fmt: skip
    told = json.dumps(_told(view, series, size), separators=(",", ":"))
    return element("figure", caption, grid, element("p", class_="readout", aria_live="polite"), data_series=told)


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
    return sum(view.record.reference.lines[number].quotas[pool].floor for number in band.lines)


def _told(view: View, series: Series, size: int) -> dict[str, object]:
    """Return what the script shows under the pointer."""
    workload = view.record.workload
    zone = view.record.charter.timezone
    starts = [int(at) for at in series.edges_ms[:size]]
    return {
        "at": [round(at * WIDE / view.shown_ms) for at in starts],
        "when": [timeaxis.moment(at, origin_ms=workload.origin_ms, zone=zone) for at in starts],
        "names": [band.name for band in view.bands],
        "held": [np.rint(held_by(series, band)[:size]).astype(int).tolist() for band in view.bands],
    }


def _y_marks(most: float) -> Markup:
    texts = [(0.0, "0"), (0.5, count(round(most / 2))), (1.0, count(round(most)))]
    return element("div", *(element("span", text, style=f"bottom:{100 * at:.0f}%") for at, text in texts), class_="y")


def _x_marks(view: View) -> Markup:
    workload, zone = view.record.workload, view.record.charter.timezone
    marks = timeaxis.marks(view.shown_ms, origin_ms=workload.origin_ms, zone=zone)
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


def _beside(view: View, floors: list[int], most: float, capacity: float) -> Markup:
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
            element("i", class_=f"key {band.colour}") if not floor else "",
            element("b", band.name),
            unbroken(f" {part(floor / capacity)}" if floor else ""),
        )
        for band, floor in zip(view.bands, floors, strict=True)
    ]
    if free / capacity >= 0.02:
        wanted.append((at + free / 2) / most)
        texts.append(joined("no floor", unbroken(f" {part(free / capacity)}")))
    gap = min(LABEL_GAP, 1 / max(1, len(texts)))
    spans = [
        element("span", text, style=f"bottom:{100 * place:.2f}%", class_=None if n < len(floors) else "none")
        for n, (text, place) in enumerate(zip(texts, apart(wanted, gap=gap), strict=True))
    ]
    return element("div", box(*shapes, high=STACK_HIGH), *spans, class_="beside")


def _held_table(view: View) -> Markup:
    """What the bands held, by month-like spans of equal length."""
    columns: list[Column] = []
    edges = np.linspace(0, view.shown_ms, 13)
    workload, zone = view.record.workload, view.record.charter.timezone
    first = [timeaxis.moment(int(at), origin_ms=workload.origin_ms, zone=zone) for at in edges[:-1]]
    columns.append(Column("from", first))
    for _, series, label in _runs(view):
        for band in view.bands:
            means = _means(series, held_by(series, band), edges)
            columns.append(Column(f"{band.name}\n{label}", [count(round(value)) for value in means]))
    return behind(columns, label="Mean GPUs held, as a table")


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
            figures.append(stack(view, run, run.series(pool=number), title=title, high_px=190, pool=number))
    summary = element("summary", f"Each of the {len(view.record.charter.pools)} pools")
    return element("details", summary, *figures)


def teams_section(view: View) -> Markup:
    """One small chart for each team and run: held, floor, entitled, denied."""
    listed = view.chosen(CARDS_MAX)
    left = "" if len(listed) == len(view.order) else f" Shown are {len(listed)} of {len(view.order)} teams."
    lead = (
        "What a team held against what the charter owed it while it asked. It is denied where it asks, is entitled to"
        f" more than it holds, and waits. Each team has a scale of its own.{left}"
    )
    legend = keys(
        ("heldkey", "held"), ("denied", "denied, on top of it"), ("line", "entitled while it asks"), ("dash", "floor")
    )
    coarse = [run.series(points=MINI_POINTS) for run in view.runs]
    lines = {line.path: number for number, line in enumerate(view.record.reference.lines)}
    cards = [_card(view, path, lines[path], coarse) for path in listed]
    return section(
        "teams", "Team by team", lead, legend, element("div", *cards, class_="cards"), _owed_table(view)
    )  # fmt: skip


def _card(view: View, path: str, number: int, coarse: list[Series]) -> Markup:
    floor = view.floor(path)
    sizes = [len(across(series.edges_ms, view.until_ms)) - 1 for series in coarse]
    most = max(
        [float(floor), 1e-9]
        + [
            float(np.maximum(series.held[:n, number] + series.denied[:n, number], series.entitled[:n, number]).max())
            for series, n in zip(coarse, sizes, strict=True)
            if n
        ]
    )
    minis = [_mini(view, series, number, path, most=most, floor=floor, run=n) for n, series in enumerate(coarse)]
    kind = "leaf" if "." in path else "top"
    workload, zone = view.record.workload, view.record.charter.timezone
    ends = [timeaxis.moment(at, origin_ms=workload.origin_ms, zone=zone) for at in (0, view.until_ms)]
    name = path if kind == "top" else joined(element("span", path.rpartition(".")[0] + ".", class_="soft"),
                                             path.rpartition(".")[2])  # fmt: skip
    floor_text = f"floor {count(floor)} GPUs" if floor else "no floor"
    return element(
        "div",
        element("h3", name, title=path),
        element("p", unbroken(f"{floor_text} · scale to {count(round(most)) if most >= 10 else f'{most:.2g}'}"),
                class_="sub"),
        *minis,
        element("div", *(element("span", text) for text in ends), class_="minix"),
        class_=f"card {kind} {view.colour(path)}",
    )  # fmt: skip


def _mini(view: View, series: Series, number: int, path: str, *, most: float, floor: int, run: int) -> Markup:
    xs = across(series.edges_ms, view.until_ms)
    n = len(xs) - 1
    held, denied, entitled = (values[:n, number] for values in (series.held, series.denied, series.entitled))
    base, top = heights(held, most, MINI_HIGH), heights(held + denied, most, MINI_HIGH)
    shapes = [
        element("path", d=area(xs, heights(0 * held, most, MINI_HIGH), base), class_="band"),
        element("path", d=area(xs, base, top), class_="denied") if denied.any() else "",
        element("path", d=line(xs, heights(entitled, most, MINI_HIGH)), class_="entitled"),
        rule(floor / most, MINI_HIGH, "floor") if floor else "",
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
        box(*shapes, high=MINI_HIGH, name=name),
        class_="mini",
    )


def _owed_table(view: View) -> Markup:
    columns = [names(view.order), Column("floor\nGPUs", [count(view.floor(path)) for path in view.order])]
    kinds: tuple[tuple[str, str, Callable[[float | None], str]], ...] = (
        ("delivered", "delivered_gpu_h", hours),
        ("entitled", "entitled_gpu_h", hours),
        ("denied", "denied_gpu_h", hours),
        ("denied ÷\nentitled", "starvation", part),
    )
    for head, field, write in kinds:
        for number, label in enumerate(view.labels):
            cells = [write(view.accounts[number][path][field]) for path in view.order]
            columns.append(Column(f"{head}\n{label}" if len(view.runs) > 1 else head, cells))
    return behind(columns, top=["." not in path for path in view.order], label="GPU-hours of every team, as a table")


def idle_section(view: View) -> Markup:
    """Where the capacity of each pool went, and what of the idle time was stranded."""
    lead = (
        f"All capacity {view.over}, by pool. Idle unused: nothing waited there. Idle blocked: something waited, but could"
        " not start: its gang is too large for what was free, or a reservation or an agreed limit stands before it."
    )
    whole = [sum(int(frame[f"{name}_gpu_ms"].sum()) for frame in view.pools) for name in _PARTS]
    legend = keys(*(key for key, ms in zip(_KEYS, whole, strict=True) if ms))
    entries: list[Entry] = []
    columns: list[list[str]] = [[] for _ in range(8)]
    for place, pool in enumerate(view.record.charter.pools):
        found = [frame.row(place, named=True) for frame in view.pools]
        entries.append(
            Entry(f"{pool.name} · {count(pool.capacity)} {pool.device}", [_idle_bar(row) for row in found],
                  [_idle_figures(row, label if len(view.runs) > 1 else "")
                   for row, label in zip(found, view.labels, strict=True)])
        )  # fmt: skip
        for row, label in zip(found, view.labels, strict=True):
            cells = [pool.name, label]
            cells += [hours(row[f"{kind}_gpu_ms"] / GPU_MS_PER_H) for kind in _PARTS]
            cells.append(hours(row["stranded_gpu_ms"] / GPU_MS_PER_H))
            for column, cell in zip(columns, cells, strict=True):
                column.append(cell)
    heads = ("pool", "run", "held", "idle, blocked", "idle, unused", "down", "maintenance", "of idle:\nstranded")
    shown = [Column(head, cells) for head, cells in zip(heads, columns, strict=True)]
    return section(
        "idle", "The idle machine", lead, legend, rows(entries), _stranded(view),
        behind(shown, label="GPU-hours, as a table"),
    )  # fmt: skip


def _stranded(view: View) -> Markup:
    """Say how much of the idle time lay on nodes that were partly in use."""
    texts: list[str] = []
    for frame, label in zip(view.pools, view.labels, strict=True):
        idle = int(frame["idle_unused_gpu_ms"].sum()) + int(frame["idle_blocked_gpu_ms"].sum())
        of = part(int(frame["stranded_gpu_ms"].sum()) / idle if idle else None)
        texts.append(f"{of} ({label})" if len(view.runs) > 1 else of)
    text = f"Stranded, that is on nodes partly in use: {', '.join(texts)} of the idle time."
    return element("p", unbroken(text), class_="soft")


_PARTS = ("held", "idle_blocked", "idle_unused", "down", "maintenance")
_KINDS = ("held", "blocked", "unused", "down", "maintenance")
_KEYS = (
    ("heldkey", "held"), ("blockedkey", "idle, blocked"), ("unusedkey", "idle, unused"), ("downkey", "down"),
    ("maintkey", "maintenance"),
)  # fmt: skip


def _idle_bar(row: dict[str, int]) -> Markup:
    whole = row["capacity_gpu_ms"] or 1
    return bar([(row[f"{name}_gpu_ms"] / whole, kind) for name, kind in zip(_PARTS, _KINDS, strict=True)])


def _idle_figures(row: dict[str, int], label: str) -> Markup:
    whole = row["capacity_gpu_ms"]
    held, blocked = (part(row[f"{name}_gpu_ms"] / whole if whole else None) for name in ("held", "idle_blocked"))
    return strong(held, f" held · {blocked} blocked" + (f" · {label}" if label else ""))
