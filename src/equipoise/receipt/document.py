"""A receipt as a file: a checkpoint, and entries with the hashes that lead from each to its root. JSON with one spelling."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from equipoise.errors import VerificationError
from equipoise.ledger.encoding import base64_bytes, base64_text
from equipoise.ledger.proof import MAX_HASHES
from equipoise.ledger.tree import HASH_SIZE, MAX_SIZE

FORMAT = "equipoise receipt v1"
MAX_RECEIPT_BYTES = 32 << 20


@dataclass(frozen=True, slots=True)
class Included:
    """An entry, its number, and the hashes from its leaf to the root."""

    index: int
    entry: bytes
    hashes: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Receipt:
    """A receipt in its parts; nothing about it has been verified.

    Parameters
    ----------
    promise : str
    from_ms, to_ms : int
        The window, Unix milliseconds.
    checkpoint : bytes
        The signed note.
    included : tuple of Included
        By number.
    """

    promise: str
    from_ms: int
    to_ms: int
    checkpoint: bytes
    included: tuple[Included, ...]

    def to_bytes(self) -> bytes:
        """Return the receipt as a file."""
        values = {
            "format": FORMAT,
            "promise": self.promise,
            "from_ms": self.from_ms,
            "to_ms": self.to_ms,
            "checkpoint": self.checkpoint.decode(),
            "included": [
                {"index": one.index, "entry": one.entry.decode(), "hashes": [base64_text(node) for node in one.hashes]}
                for one in self.included
            ],
        }
        return (json.dumps(values, indent=1, ensure_ascii=False) + "\n").encode()


def parse_receipt(data: bytes) -> Receipt:
    """Return a receipt in its parts, so that `Receipt.to_bytes` gives the same bytes again; V104 if it is none."""
    try:
        if len(data) > MAX_RECEIPT_BYTES:
            raise ValueError("too large")
        values = cast("Mapping[str, Any]", json.loads(data.decode(), parse_float=_refused, parse_constant=_refused))
        if values["format"] != FORMAT:
            raise ValueError("another format")
        receipt = Receipt(
            promise=_text(values["promise"]),
            from_ms=_integer(values["from_ms"]),
            to_ms=_integer(values["to_ms"]),
            checkpoint=_text(values["checkpoint"]).encode(),
            included=tuple(map(_included, values["included"])),
        )
        if receipt.to_bytes() != data:
            raise ValueError("another spelling")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise VerificationError(
            "V104", "this is no receipt, or it was changed", hint="get it again from whoever made it"
        ) from error
    return receipt


def _included(values: Mapping[str, Any]) -> Included:
    hashes = [base64_bytes(_text(node), length=HASH_SIZE) for node in values["hashes"]]
    if len(hashes) > MAX_HASHES or None in hashes:
        raise ValueError("hashes")
    return Included(
        _integer(values["index"]), _text(values["entry"]).encode(), tuple(node for node in hashes if node is not None)
    )


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("no text")
    return value


def _integer(value: object) -> int:
    if type(value) is not int or not 0 <= value < MAX_SIZE:
        raise TypeError("no number")
    return value


def _refused(text: str) -> Any:
    raise ValueError(text)
