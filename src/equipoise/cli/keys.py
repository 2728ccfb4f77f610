"""``equipoise keys``: make a key to sign with, and show the public part of one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer


def run(
    action: Annotated[str, typer.Argument(help="new: make a key. show: print the public part of a key file.")],
    name: Annotated[
        str,
        typer.Argument(help="new: what the key signs for (lab.example/ledger, or a board's member). show: a key file."),
    ],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="new: the file to write; NAME.key by default.")
    ] = None,
    kind: Annotated[
        str,
        typer.Option(
            help="ed25519 signs ledgers, charters and attestations; witness, or ml-dsa-44, cosigns checkpoints."
        ),
    ] = "ed25519",
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """Make a key to sign with, and show the public part of one.

    A key file is readable by its owner only and never written over. Who loses it loses the signature; who gives it away gives it away.
    """
    from equipoise.cli.output import wrote
    from equipoise.errors import InputError
    from equipoise.ledger.keys import Algorithm
    from equipoise.tasks.keys import member_text, new_key, read_verifier_key

    if action == "new":
        path = out if out is not None else Path(name.replace("/", "-") + ".key")
        key = new_key(name, path, kind=kind).verifier
        wrote(path)
    elif action == "show":
        key = read_verifier_key(name)
    else:
        raise InputError("L173", f"keys cannot '{action}'", hint="equipoise keys new NAME, or equipoise keys show FILE")
    found: dict[str, Any] = {"name": key.name, "verifier_key": str(key)}
    if key.algorithm == Algorithm.ED25519:
        found["member"] = member_text(key)
    if as_json:
        typer.echo(json.dumps(found, indent=2, ensure_ascii=False))
        return
    typer.echo(f"verifier key   {found['verifier_key']}")
    if "member" in found:
        typer.echo(f"in a charter   {key.name}: {found['member']}")
