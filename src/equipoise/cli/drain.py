"""``equipoise drain``: put a node of a live lab into maintenance, or take it back."""

from __future__ import annotations

from typing import Annotated

import typer


def run(
    node: Annotated[
        str, typer.Argument(help="POOL/NUMBER, or the number alone where there is one pool; counts from 0.")
    ],
    back: Annotated[bool, typer.Option("--back", help="Take it back.")] = False,
) -> None:
    """Put a node into maintenance: its jobs are stopped and wait again, and nothing starts there until it is taken back."""
    from equipoise.api.client import calling

    pool, _, number = node.rpartition("/")
    if not number.isdecimal():
        raise typer.BadParameter("NODE is POOL/NUMBER")
    with calling() as client:
        if not pool:
            pools = list(client.get("/nodes")["totals"])
            if len(pools) != 1:
                raise typer.BadParameter("of which pool: " + ", ".join(pools))
            pool = pools[0]
        client.post(f"/nodes/{pool}/{int(number)}/drain", {"back": back})
        typer.echo(f"{pool}/{int(number)} {'comes back' if back else 'goes into maintenance'}")
