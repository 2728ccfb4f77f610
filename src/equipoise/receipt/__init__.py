"""Receipts: what a promise's beneficiary, or anybody, needs to check a verdict without asking the lab.

The main path: :func:`make_receipt` picks from a ledger the entries that a verdict follows from, with the proof of each;
:func:`verify_receipt` checks signatures, proofs and witnesses, and judges the window again by the closes. It needs the
standard library and `cryptography`, and is part of what an outsider installs. How far a receipt goes is its *level*:

* L1, published: the verdict is in a log whose checkpoint is signed, as it was told to everybody else who sees that checkpoint;
* L2, recomputed: the verdict follows from the charter and the closes, and these agree with the totals of pools and teams;
* L3, re-executed: the closes follow from every event (`equipoise audit`, which needs the whole ledger).
"""

from __future__ import annotations

from equipoise.receipt.document import Included, Receipt, parse_receipt
from equipoise.receipt.making import Log, make_receipt, make_receipts, windows_judged
from equipoise.receipt.verification import Checked, verify_receipt

__all__ = ["Checked", "Included", "Log", "Receipt", "make_receipt", "make_receipts", "parse_receipt", "verify_receipt",
           "windows_judged"]  # fmt: skip
