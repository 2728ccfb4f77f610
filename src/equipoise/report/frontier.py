"""The frontier as one HTML file, and as a section of one: scatters, the table behind them, and what each point gives up."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from equipoise.errors import InputError, Place
from equipoise.report.markup import Markup, element, unbroken
from equipoise.report.page import document, headline
from equipoise.report.parts import Column, behind, keys, section, table
from equipoise.report.plot import WIDE, box, steps
from equipoise.report.trade import changes, method_sentences, point_sentences, present_sentence, value

if TYPE_CHECKING:
    from equipoise.tune import Figures, Objective
    from equipoise.tune.outcome import Point, Tuned

HIGH = 400
ROOM = 0.06  # of an axis, so that no dot is cut off at its end


def write_frontier(found: Tuned, path: str | os.PathLike[str], *, log: str = "", command: str | None = None) -> Path:
    """Write the frontier as one HTML file; raises ``InputError`` S105 if it cannot be written."""
    target = Path(path)
    try:
        target.write_text(frontier_page(found, log=log, command=command), "utf-8")
    except OSError as error:
        raise InputError("S105", f"cannot be written: {error.strerror or error}", place=Place(str(target))) from None
    return target


def frontier_page(found: Tuned, *, log: str = "", command: str | None = None) -> str:
    """Return the frontier as one HTML file.

    Parameters
    ----------
    found : Tuned
    log : str
        What the job log is called.
    command : str or None
        What makes the page again.
    """
    lab = found.charter.lab
    facts = f"{log} · {len(found.searched.trials):,} charters measured" if log else ""
    again = element("section", element("h2", "Again"), element("pre", command), id="again") if command else Markup("")
    body = [
        element("header", element("div", element("bdi", lab, class_="mark"), " · what could be traded for what"),
                element("button", "Dark", id="theme", type="button", hidden="", aria_label="Light or dark"), class_="top"),
        element("main",
                element("section", element("h1", headline(present_sentence(found))),
                        element("p", unbroken(facts), class_="facts"), class_="first"),
                frontier_section(found), points_section(found), method_section(found), again),
        element("footer", "Made by Equipoise. This file needs no network and sends nothing anywhere."),
    ]  # fmt: skip
    return document(f"{lab or 'A lab'}: what could be traded for what", body)


def frontier_section(found: Tuned) -> Markup:
    """The points of the frontier as scatters, with the present charter among them, and as a table."""
    lead = (
        "Each point is a charter that passes every check. None of them is better in one respect without being worse in"
        " another, on the days that were searched."
    )
    if found.held_out is not None:
        lead += " The line leads to what the same charter does on the days that were held out: the longer, the less to rely on."
    held = [] if found.held_out is None else [("line", "to the days held out")]
    legend = keys(("spotkey", "point of the frontier"), ("nowkey", "the present charter"), *held)
    figures = [_scatter(found, across, up) for across, up in _pairs(found.objectives)]
    return section(
        "frontier", "The frontier", lead, legend if figures else "", *figures,
        behind(_columns(found), label="The figures as a table") if figures else table(_columns(found)),
    )  # fmt: skip


def points_section(found: Tuned) -> Markup:
    """What each point gains and gives up, and what differs from the present charter."""
    cards: list[Markup] = []
    for number, point in enumerate(found.points):
        told = [element("p", unbroken(line)) for line in point_sentences(found, number)]
        differing = element("pre", "\n".join(point.differences)) if point.differences else Markup("")
        detail = element("details", element("summary", f"What differs: {changes(point)}"), differing)
        cards.append(element("div", element("h3", f"Point {number + 1}"), *told, detail, class_="point"))
    lead = "Against the present charter, on both parts of the log, and against its neighbour in the table."
    return section("points", "What each point gives up", lead, *cards)


def method_section(found: Tuned) -> Markup:
    """What was searched, what was refused, and what the figures rest on."""
    return section(
        "method", "How this was found", "", *(element("p", unbroken(line)) for line in method_sentences(found))
    )


def _pairs(objectives: Sequence[Objective]) -> list[tuple[Objective, Objective]]:
    """Return what is drawn against what: the product's demand upwards, against what it costs others."""
    by = {each.name: each for each in objectives}
    up = by.get("served") or by.get("kept")
    return [(by[name], up) for name in ("denied", "leaving") if up is not None and name in by]


def _scatter(found: Tuned, across: Objective, up: Objective) -> Markup:
    points: list[tuple[str, Point]] = [(str(n), point) for n, point in enumerate(found.points, start=1)]
    marked = [*points, ("now", found.present)]
    every = [figures for _, point in marked for figures in (point.figures, point.held_out) if figures is not None]
    xs, ys = (_Axis(each, every) for each in (across, up))
    lines: list[Markup] = []
    for name, point in marked:
        held = point.held_out
        if held is not None and xs.has(held) and ys.has(held):
            begin, end = ((xs.at(of) * WIDE, HIGH - ys.at(of) * HIGH) for of in (point.figures, held))
            kind = "now" if name == "now" else ""
            lines.append(
                element("path", d=f"M{begin[0]:.0f} {begin[1]:.0f}L{end[0]:.0f} {end[1]:.0f}", class_=f"tie {kind}")
            )
    grid = [element("path", d=f"M0 {HIGH - HIGH * at:.0f}H{WIDE}", class_="gridline") for at, _ in ys.marks]
    title = f"{up.title} against {across.title}"
    spots = [
        element("span", "" if name == "now" else name, class_="spot now" if name == "now" else "spot",
                style=f"left:{100 * xs.at(point.figures):.2f}%;bottom:{100 * ys.at(point.figures):.2f}%",
                title=f"{'present charter' if name == 'now' else f'point {name}'}: {across.title}"
                f" {value(across, point.figures)}, {up.title} {value(up, point.figures)}")
        for name, point in reversed(marked)
    ]  # fmt: skip
    plot = element(
        "div",
        element("div", *(element("span", text, style=f"bottom:{100 * at:.1f}%") for at, text in ys.marks), class_="y"),
        element("div", box(*grid, *lines, high=HIGH, name=title), *spots, class_="canvas"),
        element("div", *(element("span", text, style=f"left:{100 * at:.2f}%") for at, text in xs.marks), class_="x"),
        class_="plot",
        style=f"--h:{HIGH}px",
    )
    caption = element(
        "figcaption", element("b", f"{up.title} (up)"), element("span", f"against {across.title} (across)")
    )
    return element("figure", caption, plot)


class _Axis:
    """A scale of an objective that holds all figures, with round marks."""

    def __init__(self, objective: Objective, every: Sequence[Figures]) -> None:
        self.objective = objective
        known = [objective.of(figures) for figures in every if self.has(figures)]
        low, high = min(known), max(known)
        room = ROOM * ((high - low) or high or 1.0)
        self._low, self._high = max(0.0, low - room), high + room
        of, unit = (1.0, "") if objective.name == "leaving" else (100.0, " %")
        self.marks = [(self._place(at), f"{of * at:.4g}{unit}") for at in steps(self._low, self._high)]

    def has(self, figures: Figures) -> bool:
        """Whether figures have the objective."""
        return getattr(figures, self.objective.name) is not None

    def at(self, figures: Figures) -> float:
        """Return the place of figures, 0 to 1."""
        return self._place(self.objective.of(figures))

    def _place(self, of: float) -> float:
        return (of - self._low) / (self._high - self._low)


def _columns(found: Tuned) -> list[Column]:
    rows: list[tuple[str, Point]] = [(str(n), point) for n, point in enumerate(found.points, start=1)]
    rows.append(("present", found.present))
    columns = [Column("point", [name for name, _ in rows])]
    columns += [Column(each.title, [value(each, point.figures) for _, point in rows]) for each in found.objectives]
    columns += [
        Column(f"held out:\n{each.title}", [value(each, point.held_out) if point.held_out else "" for _, point in rows])
        for each in found.held_objectives
    ]
    return columns
