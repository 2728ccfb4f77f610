"""``equipoise checkpoint``: sign a ledger's head, and have witnesses cosign it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def run(
    ledger: Annotated[Path, typer.Argument(help="The ledger's file.")],
    key: Annotated[Path, typer.Option("--key", "-k", help="The ledger's key file.")],
    policy: Annotated[
        Path | None, typer.Option("--policy", help="Whom to ask: lines `witness NAME VKEY URL` (C2SP tlog-policy).")
    ] = None,
) -> None:
    """Sign a ledger's head, and have the witnesses of a policy cosign it.

    Exit code 0: signed, and cosigned by the policy's quorum. 1: the quorum is not met.
    """
    from equipoise.ledger.quorum import Policy
    from equipoise.tasks.keys import read_key
    from equipoise.tasks.verify import policy_of
    from equipoise.tasks.witness import cosign_head

    own = read_key(key)
    asked = Policy() if policy is None else policy_of([], policy)
    found = cosign_head(ledger, own, asked)
    typer.echo(found.note.decode(), nl=False)
    for name, why in found.refusals.items():
        typer.echo(f"{name}: {why}", err=True)
    if policy is not None and found.witnessed is None:
        typer.echo("L123 the quorum of the policy is not met", err=True)
        raise typer.Exit(1)
