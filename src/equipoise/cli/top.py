"""``equipoise top``: a live lab at a glance, refreshed."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from equipoise.api.client import Client

Plain = dict[str, Any]


def run(
    once: Annotated[bool, typer.Option("--once", help="Print once and leave.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print once, as JSON.")] = False,
    team: Annotated[str, typer.Option("--team", "-t", help="Only the jobs of this team and those below it.")] = "",
    jobs: Annotated[
        int, typer.Option("--jobs", "-j", metavar="N", help="How many jobs are shown.", min=0, max=1000)
    ] = 20,
    every: Annotated[
        float, typer.Option("--every", metavar="SECONDS", help="How often it is refreshed.", min=0.2)
    ] = 1.0,
) -> None:
    """Show pools, teams (floor, entitled, held, borrowed, waiting) and the jobs that run and wait; ends with Ctrl-C."""
    from equipoise.api.client import calling
    from equipoise.cli.output import terminal

    with calling() as client:
        if as_json:
            typer.echo(json.dumps(_look(client, team, jobs), indent=2, ensure_ascii=False))
            return
        from equipoise.report.live import standing_view

        console = terminal()
        if once or not console.is_terminal:
            console.print(standing_view(_look(client, team, jobs)))
            return
        from rich.live import Live

        try:
            with Live(
                standing_view(_look(client, team, jobs)), console=console, screen=True, auto_refresh=False
            ) as live:
                while True:
                    time.sleep(every)
                    live.update(standing_view(_look(client, team, jobs)), refresh=True)
        except KeyboardInterrupt:
            return


def _look(client: Client, team: str, jobs: int) -> Plain:
    found = client.get("/standing")
    if found["next"] is not None:
        found["teams"] += client.rows("/teams", after=found["next"])
    listed: Plain = (
        {"items": []} if jobs == 0 else client.get("/jobs", open="true", limit=jobs, **({"team": team} if team else {}))
    )
    return {**found, "jobs": listed["items"]}
