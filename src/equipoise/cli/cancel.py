"""``equipoise cancel``: withdraw jobs of a live lab."""

from __future__ import annotations

from typing import Annotated

import typer


def run(jobs: Annotated[list[int], typer.Argument(help="Numbers of jobs.", min=0)]) -> None:
    """Withdraw jobs: what waits is taken from the queue, what runs is stopped. A member for their team, an operator any."""
    from equipoise.api.client import calling

    with calling() as client:
        for job in jobs:
            did = client.post(f"/jobs/{job}/cancel")["cancelled"]
            typer.echo(f"job {job} {'is cancelled' if did else 'was over already'}")
