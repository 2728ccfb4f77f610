"""Which entries a verdict follows from, and their proofs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from equipoise.errors import InputError
from equipoise.ledger.checkpoint import parse_checkpoint
from equipoise.ledger.entry import parse_entry
from equipoise.ledger.note import parse_note
from equipoise.ledger.tree import HashReader, inclusion_proof
from equipoise.receipt.document import Included, Receipt


class Log(HashReader, Protocol):
    """What a receipt is made from: a ledger's bytes, hashes and latest checkpoint; a `LedgerStore` is one."""

    def entries(self, first: int = 0, end: int | None = None) -> Iterator[bytes]:
        """Yield entries ``first`` to ``end - 1``."""
        ...

    def checkpoint(self) -> bytes | None:
        """Return the latest signed checkpoint; None if there is none."""
        ...


Values = Mapping[str, Any]
KINDS = ("opened", "charter", "window", "close", "totals", "verdict")


def windows_judged(log: Log, size: int) -> Iterator[tuple[str, int, int]]:
    """Yield the windows that a ledger has a verdict of: promise, from and to (Unix ms)."""
    for _, _, values in _relevant(log, size):
        if values["kind"] == "verdict":
            yield str(values["promise"]), int(values["from_ms"]), int(values["to_ms"])


def make_receipt(log: Log, promise: str, *, to_ms: int | None = None) -> Receipt:
    """Return the receipt of a window of a promise.

    Parameters
    ----------
    log : Log
        With a signed checkpoint.
    promise : str
    to_ms : int or None
        The end of the window, Unix milliseconds; None: the latest that was judged.

    Raises
    ------
    InputError
        V105 where the ledger has no checkpoint, or no verdict of such a window before it.
    """
    checkpoint = log.checkpoint()
    if checkpoint is None:
        raise InputError(
            "V105", "the ledger has no signed checkpoint", hint="a receipt proves that entries are under one"
        )
    size = parse_checkpoint(parse_note(checkpoint).text).size
    found = list(_relevant(log, size))
    verdicts = [
        values
        for _, _, values in found
        if values["kind"] == "verdict" and values["promise"] == promise and to_ms in (None, values["to_ms"])
    ]
    if not verdicts:
        known = sorted({str(values["promise"]) for _, _, values in found if values["kind"] == "verdict"})
        hint = "promises with verdicts: " + (", ".join(known) or "none")
        raise InputError("V105", f"the ledger has no verdict of such a window of '{promise}'", hint=hint)
    window = max(verdicts, key=lambda values: values["to_ms"])
    from_ms, to_ms = int(window["from_ms"]), int(window["to_ms"])
    origin_ms = sum(int(values.get("origin_ms", 0)) for _, _, values in found if values["kind"] == "opened")
    included = tuple(
        Included(index, entry, tuple(inclusion_proof(index, size, log)))
        for index, entry, values in found
        if _belongs(values, promise, from_ms, to_ms, origin_ms)
    )
    return Receipt(promise, from_ms, to_ms, checkpoint, included)


def _relevant(log: Log, size: int) -> Iterator[tuple[int, bytes, Values]]:
    """Yield the entries that may belong to a receipt; most are passes, which are not even read."""
    marks = tuple(f'"kind":"{kind}"'.encode() for kind in (*KINDS, "piece"))
    for index, entry in enumerate(log.entries(0, size)):
        if any(mark in entry for mark in marks):
            values = parse_entry(entry)
            if values.get("kind") in KINDS or values.get("of") in KINDS:
                yield index, entry, values


def _belongs(values: Values, promise: str, from_ms: int, to_ms: int, origin_ms: int) -> bool:
    kind = values.get("of") or values["kind"]
    if kind in ("opened", "charter"):
        return True
    if kind == "totals":
        return origin_ms + int(values["at_ms"]) in (from_ms, to_ms)
    if values["promise"] != promise:
        return False
    if kind == "close":
        return from_ms <= int(values["from_ms"]) and int(values["to_ms"]) <= to_ms
    return (values["from_ms"], values["to_ms"]) == (from_ms, to_ms)
