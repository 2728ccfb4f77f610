"""How a live lab stands, for a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from equipoise.report.figures import NOTHING, count, span

Plain = dict[str, Any]


def standing_view(found: Plain) -> RenderableType:
    """Return what `equipoise top` shows of a standing with its jobs; times are Unix milliseconds."""
    parts: list[RenderableType] = [_pools(found["pools"]), _teams(found["teams"])]
    if found["jobs"]:
        parts.append(_jobs(found["jobs"], found["now_ms"]))
    trouble = found["ledger"]["trouble"]
    line = f"{count(found['ledger']['entries'])} entries in the ledger"
    parts.append(Text(line if not trouble else f"{line}; IT IS NOT WRITTEN: {trouble}", style="red" if trouble else ""))
    return Group(*_spaced(parts))


def team_view(found: Plain) -> RenderableType:
    """Return what `equipoise team` shows of a team of a live lab with its jobs."""
    rows: list[Plain] = found["items"]
    parts: list[RenderableType] = [_teams(rows)]
    short = [row for row in rows if row["waiting"] and row["held"] < row["floor"]]
    for row in short:
        missing = count(min(row["floor"] - row["held"], row["waiting"]))
        parts.append(Text(f"In {row['pool']} {missing} of the floor are missing, and are taken back for it."))
    if found["jobs"]:
        parts.append(_jobs(found["jobs"], found["now_ms"]))
    return Group(*_spaced(parts))


def _spaced(parts: list[RenderableType]) -> Iterator[RenderableType]:
    for n, one in enumerate(parts):
        if n:
            yield ""
        yield one


def _table(*columns: str, left: int = 1) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for n, name in enumerate(columns):
        table.add_column(name, justify="left" if n < left else "right", no_wrap=True)
    return table


def _pools(rows: list[Plain]) -> Table:
    names = ("capacity", "held", "starting", "draining", "idle", "down", "maintenance")
    table = _table("POOL", *(name.upper() for name in names))
    for row in rows:
        table.add_row(row["name"], *(count(row[name]) for name in names))
    return table


def _teams(rows: list[Plain]) -> Table:
    names = ("floor", "entitlement", "held", "borrowed", "waiting")
    table = _table("TEAM", "POOL", "FLOOR", "ENTITLED", "HELD", "BORROWED", "WAITING", "LIMIT", left=2)
    for row in rows:
        limit = NOTHING if row["limit"] is None else count(row["limit"])
        table.add_row(row["path"], row["pool"], *(count(row[name]) for name in names), limit)
    return table


def _jobs(rows: list[Plain], now_ms: int) -> Table:
    table = _table("JOB", "NAME", "TEAM", "POOL", "OWNER", "STATE", "GPUS", "SINCE", left=6)
    for row in rows:
        state = "starting" if row["starting"] else row["state"]
        since = span(max(0, now_ms - row["since_ms"]) / 1000)
        cells = (row["job"], row["name"], row["team"], row["pool"], row["owner"], state, row["gang"], since)
        table.add_row(*(Text(str(cell)) for cell in cells))
    return table
