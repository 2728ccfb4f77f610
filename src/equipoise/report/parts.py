"""Pieces that several sections are made of: a section, a table behind a chart, rows with strips, keys."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from equipoise.report.downloads import csv_link
from equipoise.report.figures import shortened
from equipoise.report.markup import Markup, element, joined, unbroken
from equipoise.report.plot import WIDE, box

TABLE_MAX = 400
STRIP_HIGH = 10
T = TypeVar("T")

LABELS_MAX = 26  # letters of a scale on a telephone
WHO_MAX = 30  # letters of a name beside a strip


def section(anchor: str, title: str, lead: str, *content: str) -> Markup:
    """Return a section of the page: title, how to read it, content."""
    return element("section", element("h2", title), element("p", lead, class_="lead"), *content, id=anchor)


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table: its head, its cells, and a class for each cell; for a CSV file its name and values, if not these."""

    head: str
    cells: Sequence[str]
    classes: Sequence[str | None] = ()
    name: str = ""
    values: Sequence[object] = ()


def figures(head: str, name: str, values: Sequence[T], write: Callable[[T], str]) -> Column:
    """Return a column of values, written for people in the table, and as they are in a file."""
    return Column(head, [write(value) for value in values], name=name, values=values)


def table(columns: Sequence[Column], *, top: Sequence[bool] = (), sheet: str = "") -> Markup:
    """Return a table that scrolls where it has no room.

    Parameters
    ----------
    columns : sequence of Column
    top : sequence of bool
        Marks rows that others belong to.
    sheet : str
        What the table is called as a CSV file that stands beside it; empty: there is none.
    """
    head = element("tr", *(element("th", column.head, scope="col", class_=_head_class(column)) for column in columns))
    size = len(columns[0].cells)
    rows = [
        element(
            "tr",
            *(
                element("td", _cell(column.cells[row]), class_=column.classes[row] if column.classes else None)
                for column in columns
            ),
            class_="top" if top and top[row] else None,
        )
        for row in range(min(size, TABLE_MAX))
    ]
    where = "the CSV file" if sheet else "the tables that --csv writes"
    more = f"{size - TABLE_MAX:,} more rows are in {where}." if size > TABLE_MAX else ""
    body = element("table", element("thead", head), element("tbody", *rows))
    shown = element("div", body, element("p", more, class_="soft") if more else "", class_="scroll", tabindex=0)
    return joined(shown, element("p", _csv(columns, sheet), class_="files")) if sheet else shown


def _csv(columns: Sequence[Column], sheet: str) -> Markup:
    heads = [column.name or column.head.replace("\n", " ") for column in columns]
    return csv_link(sheet, heads, zip(*[column.values or column.cells for column in columns], strict=True))


def _head_class(column: Column) -> str | None:
    return "text" if "text" in column.classes else None


def _cell(text: str) -> str:
    return text if isinstance(text, Markup) else unbroken(text)


def behind(
    columns: Sequence[Column], *, top: Sequence[bool] = (), label: str = "The figures as a table", sheet: str = ""
) -> Markup:
    """Return a table that opens when asked for; parameters are those of `table`."""
    return element("details", element("summary", label), table(columns, top=top, sheet=sheet))


def names(paths: Iterable[str]) -> Column:
    """Return the first column of a table of teams: each under its parent."""
    listed = list(paths)
    return Column("team", listed, ["deep" if "." in path else None for path in listed])


@dataclass(frozen=True, slots=True)
class Entry:
    """A row beside others: who, a strip for each run, and the figures of each."""

    who: str
    strips: Sequence[Markup]
    figures: Sequence[Markup]
    deep: bool = False


def rows(entries: Sequence[Entry], marks: Sequence[tuple[float, str]] = (), *, wide: bool = False) -> Markup:
    """Return rows of strips under each other on one scale; its marks are at parts of the width.

    ``wide``: the figures are long; on a narrow screen they have a line of their own.
    """
    shapes = [element("path", d=f"M{round(at * WIDE)} 0V{STRIP_HIGH}", class_="gridline") for at, _ in marks]
    grid = element("div", box(*shapes, high=STRIP_HIGH), class_="grid") if marks else Markup("")
    many = " many" if wide else ""
    cells: list[Markup] = []
    if marks:
        texts = [element("span", text, style=f"left:{100 * at:.2f}%", class_=_edge(at)) for at, text in marks]
        long = " long" if sum(len(text) for _, text in marks) > LABELS_MAX else ""
        blank = element("span", class_="scale blank")
        cells += [blank, element("div", *texts, class_=f"scale{long}"), blank]
    for number, entry in enumerate(entries):
        if number and not entry.deep:
            cells.append(element("div", class_="rule"))
        cells += [
            element(
                "div",
                shortened(entry.who, WHO_MAX),
                class_=f"who{' deep' if entry.deep else ''}{many}",
                title=entry.who,
            ),
            element("div", grid, *(element("div", strip, class_="strip") for strip in entry.strips), class_="strips"),
            element("div", *(element("div", figure) for figure in entry.figures), class_=f"nums{many}"),
        ]
    return element("div", *cells, class_="rows")


def _edge(at: float) -> str | None:
    """Which labels would stick out on a narrow screen."""
    return "lo" if at < 0.03 else "hi" if at > 0.97 else None


def bar(segments: Sequence[tuple[float, str]], *, begin: float = 0.0) -> Markup:
    """Return a level bar of segments: a part of the width each, and a class."""
    shapes: list[Markup] = []
    at = begin
    for width, kind in segments:
        left, right = round(at * WIDE, 1), round((at + width) * WIDE, 1)
        if right > left:
            rect = {"x": left, "y": 0, "width": round(right - left, 1), "height": STRIP_HIGH, "class_": kind}
            shapes.append(element("rect", **rect))
        at += width
    return box(*shapes, high=STRIP_HIGH)


def whisker(places: Sequence[float], *, kind: str) -> Markup:
    """Return a line from the first to the last of three places, with a dot at each."""
    half = STRIP_HIGH // 2
    xs = [round(place * WIDE) for place in places]
    shapes = [element("path", d=f"M{xs[0]} {half}H{xs[-1]}", class_="whisk")]
    for x, size in zip(xs, ("dot", "dot mid", "dot far"), strict=False):
        shapes.append(element("path", d=f"M{x} {half}h.01", class_=size))
    return box(element("g", *shapes, class_=kind), high=STRIP_HIGH)


def keys(*pairs: tuple[str, str]) -> Markup:
    """Return what colours and lines stand for: (a class, the words)."""
    shown = [element("span", element("i", class_=f"key {kind}"), words) for kind, words in pairs]
    return element("p", *shown, class_="keys")


def run_keys(labels: Sequence[str]) -> Markup:
    """Return the colour of each run; nothing where there is only one."""
    if len(labels) < 2:
        return Markup("")
    return keys(*((run_class(number), label) for number, label in enumerate(labels)))


def run_class(number: int) -> str:
    """Return the class of the colour of a run."""
    return f"run{min(number, 5)}"


def strong(value: str, rest: str = "") -> Markup:
    """Return a figure, and softer words after it."""
    return joined(element("b", unbroken(value)), unbroken(rest))
