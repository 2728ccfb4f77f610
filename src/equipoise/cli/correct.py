"""``equipoise correct``: say of an entry of a ledger what is wrong in it, without changing it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer


def run(
    ledger: Annotated[Path, typer.Argument(help="The ledger's file.")],
    entry: Annotated[int, typer.Argument(help="Number of the entry; the first is 0.")],
    reason: Annotated[str, typer.Option("--reason", help="How it is known.")],
    right: Annotated[str, typer.Option("--right", help="What is right.")],
    wrong: Annotated[str, typer.Option("--wrong", help="What is wrong; without it, all that the entry says.")] = "",
    by: Annotated[str, typer.Option("--by", metavar="NAME", help="Who says so; the ledger's name by default.")] = "",
    key: Annotated[Path | None, typer.Option("--key", "-k", metavar="FILE", help="The ledger's private key.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be entered; write nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """Enter a correction of an earlier entry into a ledger, and sign its head.

    Nothing is edited, no close is reopened and no verdict changes: receipts and audits show the correction beside them.
    """
    from equipoise.tasks.correct import correct
    from equipoise.tasks.keys import read_key

    if key is None and not dry_run:
        raise typer.BadParameter("--key FILE signs the ledger")
    signer = None if key is None else read_key(key)
    found = correct(
        ledger,
        entry,
        wrong=wrong,
        right=right,
        by=by or ("the ledger" if signer is None else signer.name),
        reason=reason,
        key=signer,
        dry_run=dry_run,
    )
    if as_json:
        told = {"written": found.written, "size": found.size, "entry": found.correction.to_json()}
        typer.echo(json.dumps(told, indent=2, ensure_ascii=False))
        return
    typer.echo(f"Entry {entry} ({found.corrected.get('kind')}) stays as it is.")
    verb = "Entered" if found.written else "Would be entered"
    typer.echo(f"{verb} as entry {found.correction.number:,}: {found.correction}")
