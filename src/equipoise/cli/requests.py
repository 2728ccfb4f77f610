"""``equipoise requests``: list the requests for credits of a live lab."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from equipoise.api.client import Client


def run(as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False) -> None:
    """List the requests for credits: what was asked for, what was answered and why, what is left to spend."""
    from equipoise.api.client import calling

    with calling() as client:
        rows = list(client.rows("/requests", limit=1000))
    typer.echo(json.dumps(rows, indent=2, ensure_ascii=False) if as_json else "\n".join(map(_line, rows)))


def find(client: Client, name: str) -> dict[str, Any]:
    """Return a request; R112 for one that is not there."""
    from equipoise.errors import InputError

    for row in client.rows("/requests", limit=1000):
        if row["name"] == name:
            return row
    raise InputError("R112", f"there is no request '{name}'", hint="`equipoise requests` lists them")


def amount_ms(row: dict[str, Any], name: str) -> int:
    """Return an amount of a request, which is a text where it is large."""
    return int(row[name] or 0)


def _line(row: dict[str, Any]) -> str:
    from equipoise.units import HOUR_MS

    asked, granted, left = (amount_ms(row, f"{one}_gpu_ms") / HOUR_MS for one in ("amount", "granted", "left"))
    if row["granted_gpu_ms"] is None:
        state = "open"
    elif not granted:
        state = f"refused: {row['reason']}"
    else:
        over = ", over" if row["is_over"] else ""
        state = f"granted {granted:,.6g}, left {left:,.6g}{over}" + (f": {row['reason']}" if row["reason"] else "")
    return f"{row['name']}  {row['team']}  {asked:,.6g} GPU-hours of {row['pool']}  {state}"
