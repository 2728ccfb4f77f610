"""Columns of a table that is as wide as its terminal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table: heading, cells, and how soon it is left out where there is no room (0: never)."""

    name: str
    cells: list[str]
    rank: int


def fitted(columns: Sequence[Column], console: Console, *, left: bool = False) -> Table:
    """Return a table of as many of the columns as the console has room for; the first is aligned to the left, or all."""
    kept = list(columns)
    while True:
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
        for number, column in enumerate(kept):
            table.add_column(column.name, justify="right" if number and not left else "left", no_wrap=True)
        for cells in zip(*[column.cells for column in kept], strict=True):
            table.add_row(*[Text(cell) for cell in cells])
        worst = max(column.rank for column in kept)
        if worst == 0 or console.measure(table, options=console.options.update(width=10_000)).maximum <= console.width:
            return table
        kept = [column for column in kept if column.rank < worst]
