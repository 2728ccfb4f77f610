"""A drawn system's run as a signed and witnessed ledger whose totals stand at the windows' ends, and its receipts."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from hashlib import sha256
from typing import Any

from equipoise.ledger.entry import parse_entry
from equipoise.ledger.keys import SigningKey
from equipoise.ledger.note import cosign
from equipoise.ledger.pieces import encoded, joined
from equipoise.ledger.quorum import Policy
from equipoise.receipt import Receipt, make_receipt, parse_receipt, windows_judged
from equipoise.simulator.bookkeeping import entries
from equipoise.simulator.record import Record
from tests.property.latency_cases import promised_case
from tests.property.ledger_parties import EYES, LOG, TIME_S, GrowingLog, policy_of

Values = dict[str, Any]
WITNESSED = policy_of(EYES[0])
ALONE = policy_of()


class SignedLog:
    """What a receipt is made from: entries, hashes, and a checkpoint of the log and a witness."""

    def __init__(self, told: Sequence[Mapping[str, Any]], *, key: SigningKey = LOG, beyond: int = 0) -> None:
        raw = [data for values in told for data in encoded(values)]
        self._log = GrowingLog(raw, key, key.name)
        self._note = cosign(self._log.note(), [EYES[0]], time_s=TIME_S)
        self._log.add([b"later %d" % n for n in range(beyond)])

    @property
    def size(self) -> int:
        return len(self._log.entries)

    def entries(self, first: int = 0, end: int | None = None) -> Iterator[bytes]:
        return iter(self._log.entries[first:end])

    def read(self, level: int, index: int, /) -> bytes:
        return self._log.hashes.read(level, index)

    def checkpoint(self) -> bytes:
        return self._note


@cache
def _told(seed: int, at_window_ends: bool) -> str:
    system, closes_ms = promised_case(seed)
    text = f"the text of charter {seed}\n"
    system = replace(system, charter=replace(system.charter, digest=f"sha256:{sha256(text.encode()).hexdigest()}"))
    origin_ms = system.workload.origin_ms or 0
    told: list[Values] = []
    for _ in range(2 if at_window_ends else 1):
        run = system.run("charter", closes_ms=closes_ms, record=True)
        ((plan, reference),) = system.ways("charter")
        record = Record(run, system.workload, system.charter, plan, reference, options=system.options)
        told = list(entries(record, [text]))
        ends = {
            one[name] - origin_ms
            for one in told
            if one["kind"] in ("window", "verdict")
            for name in ("from_ms", "to_ms")
        }
        closes_ms = sorted({*closes_ms, *(at_ms for at_ms in ends if 0 < at_ms < run.closes_ms[-1])})
    return json.dumps(told)


def told_ledger(seed: int, *, at_window_ends: bool = True) -> list[Values]:
    """Return the entries of a run of promises, new ones at each call."""
    return json.loads(_told(seed, at_window_ends))


def receipts(seed: int, *, at_window_ends: bool = True) -> Iterator[bytes]:
    """Yield the receipt of every window of a run that was judged."""
    log = SignedLog(told_ledger(seed, at_window_ends=at_window_ends))
    for promise, _, to_ms in windows_judged(log, log.size):
        yield make_receipt(log, promise, to_ms=to_ms).to_bytes()


def said_in(receipt: bytes) -> list[Mapping[str, Any]]:
    """Return what the entries of a receipt say."""
    parsed: Receipt = parse_receipt(receipt)
    return [values for _, values in joined((one.index, parse_entry(one.entry)) for one in parsed.included)]


__all__ = ["ALONE", "WITNESSED", "Policy", "SignedLog", "receipts", "said_in", "told_ledger"]
