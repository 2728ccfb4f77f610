"""Which entries a verdict follows from, and their proofs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Protocol, cast

from equipoise.account import Correction, Evidence, Span, correction_from_json
from equipoise.errors import InputError, VerificationError
from equipoise.ledger.checkpoint import parse_checkpoint
from equipoise.ledger.entry import parse_entry
from equipoise.ledger.note import parse_note
from equipoise.ledger.pieces import joined
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
Found = list[tuple[Values, list[tuple[int, bytes]]]]
"""What may belong to a receipt: the values of an entry, and the numbers and bytes of the entries that say it."""
KINDS = ("opened", "charter", "window", "close", "totals", "verdict", "heartbeat", "correction")


def windows_judged(log: Log, size: int) -> Iterator[tuple[str, int, int]]:
    """Yield the windows that a ledger has a verdict of: promise, from and to (Unix ms)."""
    for values, _ in _relevant(log, size):
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
    (receipt,) = make_receipts(log, [(promise, to_ms)])
    return receipt


def make_receipts(log: Log, windows: Iterable[tuple[str, int | None]]) -> Iterator[Receipt]:
    """Yield the receipts of several windows, each a promise and the window's end, by reading the ledger once; as `make_receipt`."""
    checkpoint = log.checkpoint()
    if checkpoint is None:
        raise InputError(
            "V105", "the ledger has no signed checkpoint", hint="a receipt proves that entries are under one"
        )
    size = parse_checkpoint(parse_note(checkpoint).text).size
    found = list(_relevant(log, size))
    for promise, to_ms in windows:
        yield _made(log, checkpoint, size, found, promise, to_ms)


def _made(log: Log, checkpoint: bytes, size: int, found: Found, promise: str, to_ms: int | None) -> Receipt:
    verdicts = [
        values
        for values, _ in found
        if values["kind"] == "verdict" and values["promise"] == promise and to_ms in (None, values["to_ms"])
    ]
    if not verdicts:
        known = sorted({str(values["promise"]) for values, _ in found if values["kind"] == "verdict"})
        hint = "promises with verdicts: " + (", ".join(known) or "none")
        raise InputError("V105", f"the ledger has no verdict of such a window of '{promise}'", hint=hint)
    window = max(verdicts, key=lambda values: values["to_ms"])
    from_ms, to_ms = int(window["from_ms"]), int(window["to_ms"])
    included = tuple(
        Included(index, entry, tuple(inclusion_proof(index, size, log)))
        for index, entry in _chosen(found, promise, from_ms, to_ms)
    )
    return Receipt(promise, from_ms, to_ms, checkpoint, included)


def _relevant(log: Log, size: int) -> Iterator[tuple[Values, list[tuple[int, bytes]]]]:
    """Yield what may belong to a receipt, and the entries that say it; most are passes, which are not even read."""
    marks = tuple(f'"kind":"{kind}"'.encode() for kind in (*KINDS, "piece"))
    pieces: list[tuple[int, bytes]] = []
    for index, entry in enumerate(log.entries(0, size)):
        if not any(mark in entry for mark in marks):
            continue
        values = parse_entry(entry)
        if values.get("kind") in KINDS:
            yield values, [(index, entry)]
        elif values.get("kind") == "piece" and values.get("of") in KINDS:
            pieces.append((index, entry))
            if values["piece"] == cast(int, values["pieces"]) - 1:
                ((_, whole),) = joined((number, parse_entry(piece)) for number, piece in pieces)
                yield whole, pieces
                pieces = []


def _chosen(found: Found, promise: str, from_ms: int, to_ms: int) -> Iterator[tuple[int, bytes]]:
    """Yield the entries of a window, in their order."""
    origin_ms = next((int(values.get("origin_ms", 0)) for values, _ in found if values["kind"] == "opened"), 0)
    text, opens, closes = "", -1, -1
    for values, entries in found:
        if values["kind"] in ("window", "verdict") and _is_of(values, promise, from_ms, to_ms):
            if values["kind"] == "window":
                text, opens = str(values["text"]), entries[-1][0]
            else:
                closes = entries[-1][0]
    if opens < 0:
        raise InputError(
            "V105", f"the ledger has a verdict of '{promise}' whose window was never opened", hint="audit it"
        )
    beats = _beats(found, text, Span(from_ms, to_ms), closes, origin_ms)
    for values, entries in found:
        match values["kind"]:
            case "opened":
                belongs = True
            case "charter":
                at_ms = origin_ms + int(values["at_ms"])
                began = values["how"] != "announced" and at_ms <= from_ms
                broke = values["how"] == "re-founded" and from_ms < at_ms < to_ms
                belongs = broke or (began and (values["digest"] == text or at_ms == from_ms))
            case "totals":
                belongs = origin_ms + int(values["at_ms"]) in (from_ms, to_ms)
            case "close":
                within = from_ms <= int(values["from_ms"]) and int(values["to_ms"]) <= to_ms
                belongs = values["promise"] == promise and values["text"] == text and within
            case "heartbeat":
                belongs = entries[-1][0] in beats
            case "correction":
                corrected = _correction(entries[-1][0], values)
                belongs = corrected is not None and opens <= corrected.entry <= closes
            case _:
                belongs = _is_of(values, promise, from_ms, to_ms)
        if belongs:
            yield from entries


def _beats(found: Found, text: str, span: Span, closes: int, origin_ms: int) -> set[int]:
    """Return the entries of the fewest heartbeats that show where the recorder was silent for too long."""
    charters = (values for values, _ in found if values["kind"] == "charter" and values["digest"] == text)
    charter = next(charters, None)
    if charter is None:  # then there is no receipt that holds
        return set()
    every_ms = int(charter["canonical"]["evidence"]["checkpoint_every_ms"])
    entry_at: dict[int, int] = {}
    for values, entries in found:
        if values["kind"] == "heartbeat" and entries[-1][0] < closes and type(values.get("at_ms")) is int:
            entry_at.setdefault(origin_ms + int(values["at_ms"]), entries[-1][0])
    needed = Evidence(origin_ms, sorted(entry_at)).needed(span, every_ms)
    return {entry_at[at_ms] for at_ms in needed}


def _correction(number: int, values: Values) -> Correction | None:
    try:
        return correction_from_json(number, values)
    except VerificationError:  # an audit finds it
        return None


def _is_of(values: Values, promise: str, from_ms: int, to_ms: int) -> bool:
    return (values["promise"], values["from_ms"], values["to_ms"]) == (promise, from_ms, to_ms)
