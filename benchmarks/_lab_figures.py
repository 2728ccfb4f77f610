"""The figures of docs/synthetic-lab.md as SVG: the synthetic lab beside what was published."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from textwrap import wrap
from typing import Any

import numpy as np
import polars as pl

from equipoise.report.markup import Markup, element
from equipoise.report.theme import DARK, LIGHT
from equipoise.workload.model import Service, Workload
from equipoise.workload.synthetic.asks import GPUS
from equipoise.workload.synthetic.measure import asked_gpu_ms
from equipoise.workload.synthetic.published import MARGINALS, Marginal

DAY_MS = 86_400_000
HOUR_MS = 3_600_000
WIDE = 900

_SHEET = (
    "text{font:12px system-ui,-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif;fill:var(--ink)}"
    "text.soft{fill:var(--soft);font-size:11px}text.head{font-weight:650;font-size:13px}"
    "text.end{text-anchor:end}text.mid{text-anchor:middle}"
    ".paper{fill:var(--paper)}.range{fill:var(--faint);stroke:var(--line)}.mark{stroke:var(--accent);stroke-width:2}"
    ".at{fill:var(--ink)}.out{fill:var(--denied)}.rule{stroke:var(--line);stroke-width:1}.grid{stroke:var(--faint)}"
    "text.mark{fill:var(--accent);font-size:11px;stroke:none}"
    ".curve{fill:none;stroke-width:1.8;stroke-linejoin:round;stroke:var(--c)}.band{fill:var(--c)}"
    ".dash{stroke:var(--ink);stroke-width:1.2;stroke-dasharray:5 4;fill:none}.ref{fill:var(--accent);opacity:.16}"
    + "".join(f".t{n}{{--c:var(--t{n})}}" for n in range(5))
)


def drawing(*shapes: str, high: int, title: str) -> str:
    """Return a file that is light or dark as its reader is."""
    light, dark = ("".join(f"--{name}:{colour};" for name, colour in theme.items()) for theme in (LIGHT, DARK))
    style = Markup(f"<style>svg{{{light}}}@media(prefers-color-scheme:dark){{svg{{{dark}}}}}{_SHEET}</style>")
    ground = element("rect", width=WIDE, height=high, class_="paper", rx=8)
    named = {"xmlns": "http://www.w3.org/2000/svg", "viewBox": f"0 0 {WIDE} {high}", "role": "img", "aria_label": title}
    return element("svg", style, element("title", title), ground, *shapes, **named) + "\n"


def marginals_figure(frame: pl.DataFrame) -> str:
    """Return every marginal on a scale of its own: published, accepted, measured.

    Parameters
    ----------
    frame : pl.DataFrame
        What ``marginals`` says of the lab.
    """
    left, track, row_high, top = 390, 290, 34, 64
    shapes = _marginals_key(left)
    for number, (marginal, row) in enumerate(zip(MARGINALS, frame.iter_rows(named=True), strict=True)):
        assert marginal.name == row["name"]
        y = top + number * row_high + row_high // 2
        place = _own_scale(marginal, row["measured"])
        x = lambda value, place=place: round(left + track * place(value), 1)  # noqa: E731
        low, high = x(marginal.low), x(marginal.high)
        shapes += [
            element("path", d=f"M20 {y + row_high // 2}H{WIDE - 20}", class_="grid"),
            element("text", marginal.name, x=left - 24, y=y + 4, class_="end"),
            element("path", d=f"M{left} {y}h{track}", class_="rule"),
            element("rect", x=low - 2, y=y - 5, width=round(high - low + 4, 1), height=10, rx=5, class_="range"),
        ]
        for value, name in marginal.marks:
            shapes.append(element("path", d=f"M{x(value)} {y - 8}v16", class_="mark"))
            if name and len(marginal.marks) == 1:
                shapes.append(element("text", name, x=x(value), y=y - 9, class_="mark mid"))
        kind = "at" if row["within"] else "out"
        shapes.append(element("circle", cx=x(row["measured"]), cy=y, r=4.5, class_=kind))
        shapes.append(element("text", _number(row["measured"]), x=left + track + 84, y=y + 4, class_="end"))
        bounds = _number(marginal.low) if marginal.low == marginal.high else (
            f"{_number(marginal.low)} – {_number(marginal.high)}"
        )  # fmt: skip
        shapes.append(element("text", bounds, x=WIDE - 20, y=y + 4, class_="soft end"))
    title = "The synthetic lab’s figures beside the published ones they come from"
    return drawing(*shapes, high=top + len(MARGINALS) * row_high + 16, title=title)


def _marginals_key(left: int) -> list[Markup]:
    y = 26
    return [
        element("circle", cx=left + 6, cy=y, r=4.5, class_="at"),
        element("text", "measured", x=left + 16, y=y + 4),
        element("rect", x=left + 92, y=y - 5, width=26, height=10, rx=5, class_="range"),
        element("text", "accepted", x=left + 124, y=y + 4),
        element("path", d=f"M{left + 202} {y - 8}v16", class_="mark"),
        element("text", "published or assumed", x=left + 210, y=y + 4),
        element("text", "each line has a scale of its own", x=20, y=y + 4, class_="soft"),
    ]


def _own_scale(marginal: Marginal, measured: float) -> Callable[[float], float]:
    """Place values on a line: in proportion, or by their logarithms where they are far apart."""
    values = [marginal.low, marginal.high, measured, *(value for value, _ in marginal.marks)]
    low, high = min(values), max(values)
    if low > 0 and high / low > 12:
        first, last = math.log(low), math.log(high)
        return lambda value: 0.06 + 0.88 * (math.log(value) - first) / (last - first)
    if high == low:
        return lambda value: 0.5
    return lambda value: 0.06 + 0.88 * (value - low) / (high - low)


def distributions_figure(workload: Workload) -> str:
    """Return four pictures: durations, gangs, the day of the services, and what teams ask for."""
    panels = (_durations, _gangs, _serving_day, _asked)
    shapes: list[Markup] = []
    for number, panel in enumerate(panels):
        x, y = (number % 2) * 450, (number // 2) * 300
        shapes.append(element("g", *panel(workload), transform=f"translate({x + 56} {y + 62})"))
    return drawing(*shapes, high=620, title="Durations, gangs, serving and load of the synthetic lab")


PANEL_WIDE, PANEL_HIGH = 340, 190


def panel_frame(
    title: str, about: str, xs: Sequence[tuple[float, str]], ys: Sequence[tuple[float, str]]
) -> list[Markup]:
    shapes = [
        element("text", title, x=-40, y=-38, class_="head"),
        element("text", about, x=-40, y=-21, class_="soft"),
    ]
    for at, text in xs:
        x = round(at * PANEL_WIDE, 1)
        shapes += [element("path", d=f"M{x} 0V{PANEL_HIGH}", class_="grid"),
                   element("text", text, x=x, y=PANEL_HIGH + 17, class_="soft mid")]  # fmt: skip
    for at, text in ys:
        y = round((1 - at) * PANEL_HIGH, 1)
        shapes += [element("path", d=f"M0 {y}H{PANEL_WIDE}", class_="grid"),
                   element("text", text, x=-7, y=y + 4, class_="soft end")]  # fmt: skip
    shapes.append(element("path", d=f"M0 {PANEL_HIGH}H{PANEL_WIDE}", class_="rule"))
    return shapes


def _curve(xs: Sequence[float], ys: Sequence[float], kind: str) -> Markup:
    points = [f"{x * PANEL_WIDE:.1f} {(1 - y) * PANEL_HIGH:.1f}" for x, y in zip(xs, ys, strict=True)]
    return element("path", d="M" + "L".join(points), class_=f"curve {kind}")


def _note(x: float, y: float, text: str, *, kind: str = "mark", letters: int = 44) -> Markup:
    lines = [element("tspan", line, x=round(x * PANEL_WIDE, 1), dy=0 if n == 0 else 13)
             for n, line in enumerate(wrap(text, letters))]  # fmt: skip
    return element("text", *lines, y=round((1 - y) * PANEL_HIGH, 1), class_=kind)


def _durations(workload: Workload) -> list[Markup]:
    durations_s = np.sort(workload.jobs.duration_ms) / 1000
    longest = math.log(60 * 86_400)
    place = lambda seconds: math.log(max(seconds, 1.0)) / longest  # noqa: E731
    parts = np.linspace(0, 1, 121)
    values = durations_s[np.minimum((parts * len(durations_s)).astype(int), len(durations_s) - 1)]
    marks = [(1, "1 s"), (60, "1 min"), (3600, "1 h"), (86_400, "1 d"), (30 * 86_400, "30 d")]
    shapes = panel_frame(
        "How long jobs run", "part of jobs that run at most so long", [(place(at), text) for at, text in marks],
        [(0, "0"), (0.5, "0.5"), (1, "1")],
    )  # fmt: skip
    shapes.append(_curve([place(value) for value in values], parts.tolist(), "t0"))
    published = [value for value, _ in _marks("median duration of a job, s")]
    for value in published:
        x = round(place(value) * PANEL_WIDE, 1)
        shapes.append(element("path", d=f"M{x} {PANEL_HIGH * 0.5 - 9}v18", class_="mark"))
    shapes.append(
        _note(place(published[-1]) + 0.03, 0.40, "published medians: " + " and ".join(f"{v:g} s" for v in published))
    )
    (most, _), = _marks("part of jobs that last over a day")  # fmt: skip
    x, y = round(place(86_400) * PANEL_WIDE, 1), round(most * PANEL_HIGH, 1)
    shapes.append(element("rect", x=x, y=0, width=round(PANEL_WIDE - x, 1), height=y, class_="ref"))
    shapes.append(_note(0.64, 0.62, f"published: at most {most:g} of jobs last over a day", letters=24))
    return shapes


def _gangs(workload: Workload) -> list[Markup]:
    gangs = workload.jobs.gang.astype(np.int64)
    gpu_ms = gangs * workload.jobs.duration_ms
    sizes = 2 ** np.arange(10)
    place = lambda size: math.log2(size) / 9  # noqa: E731
    jobs = [float(np.mean(gangs <= size)) for size in sizes]
    time = [float(gpu_ms[gangs <= size].sum() / gpu_ms.sum()) for size in sizes]
    shapes = panel_frame(
        "How many GPUs a job asks for", "part of jobs, and of their GPU-time, in gangs of at most so many",
        [(place(size), str(size)) for size in (1, 8, 64, 512)], [(0, "0"), (0.5, "0.5"), (1, "1")],
    )  # fmt: skip
    low, high = (value for value, _ in _marks("mean gang"))
    x = round(place(low) * PANEL_WIDE, 1)
    shapes.append(
        element("rect", x=x, y=0, width=round(place(high) * PANEL_WIDE - x, 1), height=PANEL_HIGH, class_="ref")
    )
    shapes.append(_note(0.55, 0.3, f"published means {low:g} and {high:g} (shaded); dashed: measured", letters=27))
    mean = float(gangs.mean())
    shapes.append(element("path", d=f"M{round(place(mean) * PANEL_WIDE, 1)} 0V{PANEL_HIGH}", class_="dash"))
    shapes += [_curve([place(s) for s in sizes], jobs, "t0"), _curve([place(s) for s in sizes], time, "t1")]
    shapes.append(_note(0.03, 0.6, "jobs", kind="soft"))
    shapes.append(_note(0.72, 0.55, "GPU-time", kind="soft"))
    (most, _), = _marks("part of GPU-time in gangs of 1")  # fmt: skip
    shapes.append(_note(0.02, 0.27, f"published: at most {most:g} of GPU-time in gangs of 1", letters=16))
    return shapes


def _serving_day(workload: Workload) -> list[Markup]:
    days = int(workload.services[0].at_ms[-1] // DAY_MS)
    top = 4.0
    shapes = panel_frame(
        "The day of the services", "most ÷ least GPUs wanted in an hour of a day; lines: medians",
        [(day / days, f"day {day}") for day in (0, 30, 60, 90) if day <= days],
        [(n / top, f"{n}") for n in (1, 2, 3, 4)],
    )  # fmt: skip
    low, high = (value for value, _ in _marks("serving, peak ÷ trough of a day (mean of services)"))
    y = round((1 - high / top) * PANEL_HIGH, 1)
    shapes.append(
        element("rect", x=0, y=y, width=PANEL_WIDE, height=round((high - low) / top * PANEL_HIGH, 1), class_="ref")
    )
    shapes.append(_note(0.02, 0.93, f"published medians of 14 days: {low:g} to {high:g} (shaded)", letters=60))
    for number, service in enumerate(workload.services):
        ratios = np.minimum(_swings(service, days), top)
        for day, ratio in enumerate(ratios.tolist()):
            at = {"cx": round((day + 0.5) / days * PANEL_WIDE, 1), "cy": round((1 - ratio / top) * PANEL_HIGH, 1)}
            shapes.append(element("circle", r=1.8, class_=f"band t{number}", **at))
        median = float(np.median(ratios)) / top
        shapes.append(_curve([0, 1], [median, median], f"t{number}"))
        x, y = 8 + 92 * number, PANEL_HIGH - 14
        shapes.append(element("path", d=f"M{x} {y}h16", class_=f"curve t{number}"))
        shapes.append(element("text", service.name, x=x + 21, y=y + 4, class_="soft"))
    return shapes


def _swings(service: Service, days: int) -> Any:
    """Most ÷ least wanted, by day."""
    at = np.arange(days * 24) * HOUR_MS
    wanted = service.replicas[np.searchsorted(service.at_ms, at, side="right") - 1].reshape(days, 24)
    return wanted.max(axis=1) / wanted.min(axis=1)


def _asked(workload: Workload) -> list[Markup]:
    days = int(workload.services[0].at_ms[-1] // DAY_MS)
    tops = ["product", "frontier", "safety", "exploration", "platform"]
    span = 3  # days taken together
    edges = list(range(0, days + 1, span))
    loads = np.array([[asked_gpu_ms(workload, {top}, a * DAY_MS, b * DAY_MS) / GPUS / (b - a) / DAY_MS
                       for a, b in pairwise(edges)] for top in tops])  # fmt: skip
    high = 1.7
    shapes = panel_frame(
        "What teams ask for", "GPU-time asked for ÷ capacity, by three days",
        [(day / days, f"day {day}") for day in (0, 30, 60, 90) if day <= days],
        [(n / high, f"{n:g}") for n in (0, 0.5, 1)],
    )  # fmt: skip
    below = np.zeros(loads.shape[1])
    for number, row in enumerate(loads):
        above = below + row
        there = [f"{edges[n + k] / days * PANEL_WIDE:.1f} {(1 - above[n] / high) * PANEL_HIGH:.1f}"
                 for n in range(len(row)) for k in (0, 1)]  # fmt: skip
        back = [f"{edges[n + k] / days * PANEL_WIDE:.1f} {(1 - below[n] / high) * PANEL_HIGH:.1f}"
                for n in reversed(range(len(row))) for k in (1, 0)]  # fmt: skip
        shapes.append(element("path", d="M" + "L".join([*there, *back]) + "z", class_=f"band t{number}"))
        below = above
    y = round((1 - 1 / high) * PANEL_HIGH, 1)
    shapes.append(element("path", d=f"M0 {y}H{PANEL_WIDE}", class_="dash"))
    shapes.append(_note(0.02, 1 / high + 0.03, "all there is", kind="soft"))
    low, top = (value for value, _ in _marks("offered load in the code red"))
    begin = round(0.5 * PANEL_WIDE, 1)
    for value in (low, top):
        shapes.append(
            element("path", d=f"M{begin} {round((1 - value / high) * PANEL_HIGH, 1)}H{PANEL_WIDE}", class_="dash")
        )
    shapes.append(_note(0.46, 0.95, f"assumed in the code red: {low:g} to {top:g}"))
    x = 0
    for number, top_team in enumerate(tops):
        shapes.append(element("rect", x=x, y=PANEL_HIGH + 25, width=10, height=10, class_=f"band t{number}", rx=2))
        shapes.append(element("text", top_team, x=x + 14, y=PANEL_HIGH + 34, class_="soft"))
        x += 24 + 6 * len(top_team)
    return shapes


def _marks(name: str) -> tuple[tuple[float, str], ...]:
    return next(marginal.marks for marginal in MARGINALS if marginal.name == name)


def _number(value: float) -> str:
    from benchmarks.lab_marginals import number

    return number(value)
