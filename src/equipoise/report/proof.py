"""What became of a promise, as an outsider checks it: what a verifier says of a receipt, and of one with a byte changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console

from equipoise.receipt.words import told

if TYPE_CHECKING:
    from equipoise.tasks.proof import Proof


def print_proof(proof: Proof, console: Console) -> None:
    """Print what checking the receipt says, and what it says once a byte was changed."""
    console.print(
        f"The run with the product first, recorded in a ledger of {proof.entries:,} entries; its receipt for '{proof.promise}',"
        f" {len(proof.data) / 1000:,.0f} kB, checked without the ledger:"
    )
    answer, *rest = told(proof.checked)
    console.print(f"✓ {answer}", style="bold")
    for line in rest:
        console.print(line)
    console.print(
        f"✗ The same receipt with one byte of the verdict changed: {proof.refused.code} {proof.refused.message}.",
        style="bold",
    )
    console.print(f"Check it yourself: equipoise verify {proof.promise}.receipt.json --key {proof.key}", soft_wrap=True)
