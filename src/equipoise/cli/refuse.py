"""``equipoise refuse``: refuse a request for credits, with a reason."""

from __future__ import annotations

from typing import Annotated

import typer


def run(
    name: Annotated[str, typer.Argument(help="The request's name.")],
    reason: Annotated[str, typer.Option("--reason", help="Why; it is in the ledger for ever.")],
) -> None:
    """Refuse a request for credits, as the owner of its team in the charter in force; what was asked for counts as demand."""
    from equipoise.api.client import calling

    with calling() as client:
        client.post(f"/requests/{name}/answer", {"granted_gpu_ms": 0, "reason": reason})
        typer.echo(f"{name} is refused")
