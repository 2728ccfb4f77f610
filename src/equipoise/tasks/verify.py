"""Check a receipt in a file, by the keys that a reader trusts. Nothing here needs more than the verifier does."""

from __future__ import annotations

from pathlib import Path

from equipoise.errors import InputError
from equipoise.ledger.quorum import Party, Policy, parse_policy
from equipoise.receipt import Checked, verify_receipt
from equipoise.tasks.keys import read_verifier_key


def policy_of(keys: list[str], file: Path | None) -> Policy:
    """Return whom a reader trusts: a policy file, or the keys of logs alone, without witnesses.

    Raises
    ------
    InputError
        V107 without either or with both, V108 where the file cannot be read, L115 and L122 for what is no key or policy.
    """
    if (file is None) == (not keys):
        raise InputError(
            "V107",
            "whose signature is to be trusted?",
            hint="--key KEY of the ledger, or --policy FILE with its witnesses",
        )
    if file is None:
        return Policy(logs=tuple(Party(read_verifier_key(key)) for key in keys))
    try:
        return parse_policy(file.read_bytes())
    except OSError as error:
        raise InputError("V108", f"{file} cannot be read: {error}") from error


def verify_file(path: Path, policy: Policy) -> Checked:
    """Check a receipt in a file; V108 where it cannot be read, else the errors of `verify_receipt`."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError("V108", f"{path} cannot be read: {error}") from error
    return verify_receipt(data, policy=policy)
