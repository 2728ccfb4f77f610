"""Whose signature a reader of a ledger or receipt trusts: the options that `audit` and `verify` share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Keys = Annotated[
    list[str] | None,
    typer.Option("--key", "-k", help="The ledger's verifier key, or its file; not from whom the receipt or ledger is."),
]
PolicyFile = Annotated[
    Path | None,
    typer.Option("--policy", help="Keys of ledgers and witnesses, and how many must have seen it (C2SP tlog-policy)."),
]
