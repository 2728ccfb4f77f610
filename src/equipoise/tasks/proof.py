"""A run's promise, proved: recorded in a ledger, put into a receipt, checked as an outsider checks it, and tampered with."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from equipoise.errors import VerificationError
from equipoise.ledger.keys import VerifierKey
from equipoise.ledger.quorum import Party, Policy
from equipoise.receipt import Checked, verify_receipt
from equipoise.simulator.record import Record
from equipoise.tasks.keys import new_key
from equipoise.tasks.ledger import receipt_of, record_run, write_receipt

VERDICT = rb"\"verdict\":{"


@dataclass(frozen=True, slots=True, eq=False)
class Proof:
    """A receipt, what checking it says, and what checking it says after one byte of it was changed.

    Parameters
    ----------
    promise : str
    entries : int
        Of the ledger.
    data : bytes
        The receipt.
    key : VerifierKey
        Whose signature it is under.
    checked : Checked
    refused : VerificationError
        What the changed receipt is refused with.
    """

    promise: str
    entries: int
    data: bytes
    key: VerifierKey
    checked: Checked
    refused: VerificationError

    def write(self, path: Path) -> Path:
        """Write the receipt to a file; V108 where that cannot be done."""
        return write_receipt(self.data, path)


def prove(record: Record, text: str, promise: str, *, origin: str) -> Proof:
    """Record a run in a ledger of its own, which is not kept, and prove what became of a promise.

    Parameters
    ----------
    record : Record
        With events and decisions.
    text : str
        The charter as it was written.
    promise : str
        One with a verdict.
    origin : str
        The name of the ledger.

    Raises
    ------
    InputError
        V105 without a verdict, S109 as `record_run`.
    """
    with tempfile.TemporaryDirectory(prefix="equipoise-") as folder:
        ledger = Path(folder) / "ledger"
        key = new_key(origin, Path(folder) / "key")
        recorded = record_run(record, [text], ledger, key)
        data = receipt_of(ledger, promise)
    policy = Policy(logs=(Party(key.verifier),))
    checked = verify_receipt(data, policy=policy)
    at = data.index(VERDICT)  # of the window's entry, as it stands in the receipt
    at = next(n for n in range(at, len(data)) if 0x30 <= data[n] <= 0x38)  # a digit, made the next one
    changed = data[:at] + bytes([data[at] + 1]) + data[at + 1 :]
    try:
        verify_receipt(changed, policy=policy)
    except VerificationError as error:
        return Proof(promise, recorded.size, data, key.verifier, checked, error)
    raise AssertionError("a changed receipt was believed")
