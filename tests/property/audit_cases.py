"""A drawn system's run as the entries of a ledger, and the book that an auditor makes of them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from equipoise.audit import Book
from equipoise.charter.canonical import from_values
from equipoise.charter.model import Charter
from equipoise.simulator.bookkeeping import entries
from equipoise.simulator.record import Record
from tests.property.latency_cases import case, promised_case

Values = dict[str, Any]


class ModelBook(Book):
    """A book of a system whose charter was drawn and never written: its canonical form stands for the text."""

    def charter(self) -> Charter:
        return from_values(self._charters[0][1]["canonical"])


def ledger(seed: int, *, promised: bool, policy: str = "charter") -> list[Values]:
    """Run a drawn system and return what goes into a ledger, as it comes out of JSON again."""
    system, closes_ms = promised_case(seed) if promised else case(seed)
    run = system.run(policy, closes_ms=closes_ms, record=True)
    plan = system.plan()
    executing = plan if policy == "charter" else system.plan(policy)
    record = Record(run, system.workload, system.charter, executing, plan, options=system.options)
    return [json.loads(json.dumps(values)) for values in entries(record, "")]


def book(told: Iterable[Mapping[str, Any]]) -> ModelBook:
    found = ModelBook()
    for values in told:
        found.add(values)
    return found
