"""``equipoise receipt``: what proves a verdict about a promise, as one file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def run(
    ledger: Annotated[Path, typer.Argument(help="The ledger's file.")],
    promise: Annotated[
        str | None, typer.Argument(help="The promise; without it, all windows that were judged are listed.")
    ] = None,
    until: Annotated[
        str | None,
        typer.Option(
            "--until", metavar="DATE", help="A window that ends then: 2027-04-01, or an instant. Default: the latest."
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="The file to write; PROMISE.receipt.json by default.")
    ] = None,
) -> None:
    """Take from a ledger what proves a verdict about a promise, as one file.

    Give the file to the promise's beneficiary, or publish it: `equipoise verify` needs nothing else but the ledger's key.
    """
    from equipoise.cli.output import wrote
    from equipoise.tasks.ledger import judged_windows, receipt_of, window_end, write_receipt

    if promise is None:
        for name, begins, ends in judged_windows(ledger):
            typer.echo(f"{name:24} {begins} to {ends}")
        return
    data = receipt_of(ledger, promise, to_ms=None if until is None else window_end(ledger, until))
    wrote(write_receipt(data, out if out is not None else Path(f"{promise}.receipt.json")))
