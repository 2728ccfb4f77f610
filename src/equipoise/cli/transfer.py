"""``equipoise transfer``: move what a grant has left to another grant, or to a team."""

from __future__ import annotations

from typing import Annotated

import typer


def run(
    name: Annotated[str, typer.Argument(help="The grant that gives.")],
    to: Annotated[str, typer.Argument(help="Another grant, or a team, which gets a new grant.")],
    hours: Annotated[float, typer.Option("--hours", help="GPU-hours.", min=0.0001)],
    reason: Annotated[str, typer.Option("--reason", help="Why; it stands in the ledger.")],
) -> None:
    """Move GPU-hours that a grant has left, as the owner of the giving team in the charter in force."""
    from equipoise.api.client import calling
    from equipoise.units import HOUR_MS

    with calling() as client:
        told = client.post(f"/requests/{name}/transfer", {"to": to, "gpu_ms": round(hours * HOUR_MS), "reason": reason})
    typer.echo(f"{told['name']}: {hours:,.6g} GPU-hours received from {name}")
