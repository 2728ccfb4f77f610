"""A ledger's file as the values of its entries, and what an audit of such values finds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from equipoise.audit import Audit, Book, audit
from equipoise.errors import EquipoiseError
from equipoise.ledger.entry import parse_entry
from equipoise.ledger.pieces import joined
from equipoise.store import open_sqlite

Values = dict[str, Any]


def entries_of(path: Path) -> list[Values]:
    with closing(open_sqlite(path, read_only=True)) as store:
        return [dict(values) for _, values in joined(enumerate(map(parse_entry, store.entries())))]


def audited(told: Iterable[Mapping[str, Any]]) -> Audit:
    book = Book()
    for values in told:
        book.add(values)
    return audit(book)


def codes(told: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the codes of what is found, or that of the error with which the audit ends."""
    try:
        return [finding.code for finding in audited(told).findings]
    except EquipoiseError as error:
        return [error.code]


def as_live(run: list[Values]) -> list[Values]:
    """Return entries of a simulation as a live ledger that goes on has them: starts do not say in which row of the tree."""
    found = [one | {"source": "live"} if one["kind"] == "opened" else one for one in run if one["kind"] != "ended"]
    return [
        one | {"decisions": [row[:3] if row[0] == "start" else row for row in one["decisions"]]}
        if "decisions" in one
        else one
        for one in found
    ]
