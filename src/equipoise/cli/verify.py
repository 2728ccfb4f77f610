"""``equipoise verify``: check a receipt offline."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from equipoise.cli.trust import Keys, PolicyFile


def run(
    receipt: Annotated[Path, typer.Argument(help="The receipt: a file that `equipoise receipt` wrote.")],
    key: Keys = None,
    policy: PolicyFile = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """Check a receipt offline: signatures, proofs, witnesses, and the verdict by the closes.

    Exit code 0: it holds. 1: it does not, or cannot be read.
    """
    from equipoise.receipt.words import plain, told
    from equipoise.tasks.verify import policy_of, verify_file

    found = verify_file(receipt, policy_of(key or [], policy))
    typer.echo(json.dumps(plain(found), indent=2, ensure_ascii=False) if as_json else "\n".join(told(found)))
