"""``equipoise-verify``: check a receipt offline, with the standard library and `cryptography`; as `equipoise verify` does."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from equipoise.errors import EquipoiseError, InputError
from equipoise.receipt.words import plain, told
from equipoise.tasks.verify import policy_of, verify_file


def main(arguments: Sequence[str] | None = None) -> int:
    """Check a receipt. Exit code 0: it holds; 1: it does not, or cannot be read; 2: wrong usage."""
    asked = _options().parse_args(arguments)
    try:
        _refuse_beside_equipoise()
        found = verify_file(asked.receipt, policy_of(asked.key, asked.policy))
    except EquipoiseError as error:
        sys.stderr.write(f"{error.code} {error.message}\n" + (f"  {error.hint}\n" if error.hint else ""))
        return 1
    said = json.dumps(plain(found), indent=2, ensure_ascii=False) if asked.json else "\n".join(told(found))
    sys.stdout.write(f"{said}\n")
    return 0


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="equipoise-verify", description="Check a lab's receipt of a promise offline.")
    parser.add_argument("receipt", type=Path, help="the file that `equipoise receipt` wrote")
    parser.add_argument("--key", "-k", action="append", default=[], help="the ledger's verifier key, or its file")
    parser.add_argument("--policy", type=Path, help="keys of ledgers and witnesses, and how many must have seen it")
    parser.add_argument("--json", action="store_true", help="print as JSON")
    return parser


def _refuse_beside_equipoise() -> None:
    """Fail where the whole of Equipoise is installed too: both bring the same files, and either's may be there."""
    try:
        version = distribution("equipoise").version
    except PackageNotFoundError:
        return
    raise InputError(
        "V112",
        f"equipoise {version} is installed here too, and brings the same files",
        hint="use `equipoise verify`, or an environment of its own",
    )


if __name__ == "__main__":
    sys.exit(main())
