"""``equipoise grant``: grant a request for credits, or part of it."""

from __future__ import annotations

from typing import Annotated

import typer


def run(
    name: Annotated[str, typer.Argument(help="The request's name.")],
    hours: Annotated[
        float | None, typer.Option("--hours", help="Less than was asked for; default: all of it.", min=0.0001)
    ] = None,
    reason: Annotated[str, typer.Option("--reason", help="Why; needed where less is granted.")] = "",
) -> None:
    """Grant a request for credits, as the owner of its team in the charter in force; jobs then spend it (run --request)."""
    from equipoise.api.client import calling
    from equipoise.cli.requests import amount_ms, find
    from equipoise.units import HOUR_MS

    with calling() as client:
        asked = find(client, name)
        granted = amount_ms(asked, "amount_gpu_ms") if hours is None else round(hours * HOUR_MS)
        client.post(f"/requests/{name}/answer", {"granted_gpu_ms": granted, "reason": reason})
        typer.echo(f"{name}: {granted / HOUR_MS:,.6g} GPU-hours granted to {asked['team']}")
