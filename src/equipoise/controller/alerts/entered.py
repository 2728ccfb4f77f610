"""What the entries of a ledger say of emergencies and release gates, entry by entry, from the first one on.

Only entries of a few kinds are read; what is none of them is told by its bytes and passed over.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from equipoise.audit.register import Register
from equipoise.charter.explanation import instant_text, listed
from equipoise.charter.model import Charter
from equipoise.controller.alerts.alert import Condition, Kind
from equipoise.gates.decision import Dossier, GateDecision
from equipoise.gates.evidence import Recorded
from equipoise.ledger.entry import parse_entry
from equipoise.ledger.pieces import Pieces
from equipoise.receipt.verification import IN_FORCE

MARKS = tuple(f'"kind":"{kind}"'.encode() for kind in ("charter", "release", "attestation", "piece"))
WAKING = ("charter", "release", "attestation", "emergency", "emergency_end")
"""Kinds of entries after which it is looked at once."""


class Entered:
    """What was entered, in order.

    Attributes
    ----------
    read : int
        How many entries were read.
    over : list of (int, Condition, int)
        Emergencies that are over: the number of the entry that put them in force, what was said, and until when, Unix milliseconds.
    """

    def __init__(self) -> None:
        self.read = 0
        self.over: list[tuple[int, Condition, int]] = []
        self._pieces = Pieces()
        self._register = Register()
        self._emergency: tuple[int, Condition] | None = None
        self._dossiers: dict[tuple[str, str, str, int], Dossier] = {}
        self._decided: dict[tuple[str, str], tuple[Dossier, GateDecision]] = {}

    def take(self, entries: Sequence[bytes], *, origin_ms: int) -> None:
        """Take the next entries."""
        for data in entries:
            number, self.read = self.read, self.read + 1
            if any(mark in data for mark in MARKS):
                values = self._pieces.take(number, parse_entry(data))
                if values is not None:
                    self._take(number, values, origin_ms)

    def conditions(self, charter: Charter, now_ms: int, *, origin_ms: int) -> Iterator[Condition]:
        """Yield what holds under the charter that is in force at a Unix time."""
        if self._emergency is not None:
            yield self._emergency[1]
        for gate in charter.release_gates:
            for digest in sorted(set(self._register.digests.values())):
                yield from _waiting(self._decision(charter, gate.name, digest, now_ms, origin_ms))

    def _take(self, number: int, values: Any, origin_ms: int) -> None:
        kind = values["kind"]
        if kind in ("release", "attestation"):
            self._register.take(values, number=number, passed_ms=None)
        elif kind == "charter" and values.get("how") in IN_FORCE:
            at_ms = origin_ms + int(values["at_ms"])
            if self._emergency is not None:
                self.over.append((*self._emergency, at_ms))
                self._emergency = None
            if values["how"] == "emergency":
                digest = str(values["digest"])
                said = f"an emergency charter came into force {instant_text(at_ms)}: {digest}"
                told = Condition(Kind.EMERGENCY, digest, at_ms, said, {"entry": number})
                self._emergency = number, told

    def _decision(self, charter: Charter, gate: str, digest: str, now_ms: int, origin_ms: int) -> GateDecision:
        records = self._register.attestations
        dossier = self._dossiers.get(key := (charter.digest, gate, digest, len(records)))
        if dossier is None:
            told = [Recorded(origin_ms + at_ms, envelope) for at_ms, envelope in records]
            self._dossiers = {known: one for known, one in self._dossiers.items() if known[0::3] == key[0::3]}
            dossier = self._dossiers[key] = Dossier(charter, gate, digest, told)
        before, found = self._decided.get((gate, digest), (None, None))
        if before is not dossier or found is None or (found.next_ms is not None and found.next_ms <= now_ms):
            found = dossier.decide(now_ms)
            self._decided[gate, digest] = dossier, found
        return found


def _waiting(found: GateDecision) -> Iterator[Condition]:
    """Yield the stage that a release waits for, if there is one."""
    if found.next_stage is None:
        return
    lacks = listed([need.says for need in found.unmet]) if found.unmet else ""
    when = f"it opens {instant_text(found.opens_ms)}" if found.opens_ms is not None else lacks
    said = f"the stage '{found.next_stage}' of the gate '{found.gate}' is closed to {found.release[:19]}…: {when or 'it waits'}"
    numbers: dict[str, int | float | str] = {
        "gate": found.gate, "release": found.release, "stage": found.next_stage, "open_stage": found.stage or "",
        "quota_ppm": int(found.quota * 1_000_000), "unmet": len(found.unmet),
    }  # fmt: skip
    yield Condition(Kind.GATE, f"{found.gate}/{found.next_stage}/{found.release}", found.now_ms, said, numbers)
