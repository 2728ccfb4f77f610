"""A drawn system's run as the entries of a ledger, and the book that an auditor makes of them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from equipoise.audit import Book
from equipoise.charter.canonical import from_values
from equipoise.charter.model import Charter
from equipoise.policy.course import Enactment
from equipoise.simulator.bookkeeping import entries
from equipoise.simulator.record import Record
from tests.property.latency_cases import amended_case, case, promised_case

Values = dict[str, Any]


class ModelBook(Book):
    """A book of a system whose charter was drawn and never written: its canonical form stands for the text."""

    def _read_charter(self, values: Mapping[str, Any]) -> Charter:
        return from_values(values["canonical"])


CASES = {"plain": case, "promised": promised_case, "amended": amended_case}


def ledger(seed: int, kind: str = "plain", *, policy: str = "charter") -> list[Values]:
    """Run a drawn system and return what goes into a ledger, as it comes out of JSON again; the caller may change it."""
    return json.loads(_ledger(seed, kind, policy))


@cache
def _ledger(seed: int, kind: str, policy: str) -> str:
    system, closes_ms = CASES[kind](seed)
    run = system.run(policy, closes_ms=closes_ms, record=True)
    (plan, reference), *later = system.ways("charter")
    if policy != "charter":
        (plan, _), *_ = system.ways(policy)
    enacted = tuple(Enactment(at_ms, *ways) for (at_ms, _), ways in zip(system.enact, later, strict=True))
    record = Record(run, system.workload, system.charter, plan, reference, options=system.options, enacted=enacted)
    texts = [""] * (1 + len(enacted))
    return json.dumps(list(entries(record, texts)))


def book(told: Iterable[Mapping[str, Any]]) -> ModelBook:
    """Return what an auditor reads of these entries."""
    found = ModelBook()
    for values in told:
        found.add(values)
    return found
