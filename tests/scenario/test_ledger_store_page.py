"""The figures of docs/ledger-store.md cannot be made anew in a test; that its tables are those that are measured can."""

from __future__ import annotations

import re

import pytest

from benchmarks import ledger_store

FIGURE = re.compile(r"≥ ([\d,]+)")


def names(text: str) -> list[str]:
    """First cells of the lines of tables."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [re.sub(r"log of [\d,]+", "log of so many", line.strip("|").split("|")[0].strip()) for line in lines]


def test_page_says_missed_where_a_figure_misses_its_target_and_nowhere_else() -> None:
    compared = 0
    for line in ledger_store.PAGE.read_text("utf-8").splitlines():
        target = FIGURE.search(line)
        if not line.startswith("|") or target is None:
            assert "**missed**" not in line
            continue
        measured = line.split("|")[2].strip()
        figure, bound = (float(text.replace(",", "")) for text in (measured.split()[0], target[1]))
        assert ("**missed**" in measured) == (figure < bound), line
        compared += 1
    assert compared == 2 + 3 + 1


def test_page_has_the_tables_that_are_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, small in {"BATCHED": 600, "BATCH": 300, "SINGLE_S": 0.05, "PROOFS": 50, "ROUNDS": 1}.items():
        monkeypatch.setattr(ledger_store, name, small)
    made = names(ledger_store.appends(None)) + names(ledger_store.proofs(3000, None))
    page = names(ledger_store.PAGE.read_text("utf-8").split("## How fast")[1].split("## Errors")[0])
    assert [name.replace("300 in a", "5,000 in a").replace("50 drawn", "20,000 drawn") for name in made] == page[3:]
