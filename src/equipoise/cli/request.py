"""``equipoise request``: ask for credits for a team of a live lab."""

from __future__ import annotations

import secrets
import time
from typing import Annotated

import typer


def run(
    team: Annotated[str, typer.Argument(help="For which team.")],
    hours: Annotated[float, typer.Argument(help="GPU-hours.", min=0.0001, max=1e9)],
    within: Annotated[
        str, typer.Option("--within", metavar="DURATION", help="Until when it is to be spent, from its beginning on.")
    ] = "7d",
    begins: Annotated[str, typer.Option("--begins", metavar="DURATION", help="From when on, from now.")] = "0s",
    pool: Annotated[str, typer.Option("--pool", "-p", help="Which pool; may be left out where there is one.")] = "",
    name: Annotated[str | None, typer.Option("--name", "-n", help="What it is called, such as probe-7.")] = None,
    purpose: Annotated[str, typer.Option("--purpose", help="What for, in a sentence.")] = "",
    avenue: Annotated[str, typer.Option("--avenue", help="The avenue of research that it belongs to.")] = "",
    project: Annotated[str, typer.Option("--project", help="The project.")] = "",
) -> None:
    """Ask for credits for a team; its owner grants, cuts or refuses. Prints the request's name."""
    from equipoise.api.client import calling
    from equipoise.units import HOUR_MS, duration_ms

    begin_ms = time.time_ns() // 1_000_000 + duration_ms(begins)
    body = {
        "team": team, "amount_gpu_ms": round(hours * HOUR_MS), "begin_ms": begin_ms,
        "end_ms": begin_ms + duration_ms(within), "pool": pool, "name": name,
        "purpose": purpose, "avenue": avenue, "project": project,
    }  # fmt: skip
    with calling() as client:
        typer.echo(client.post("/requests", body, key=secrets.token_hex(16))["name"])
