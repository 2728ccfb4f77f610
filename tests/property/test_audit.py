"""What was recorded of any run is found to follow from its events; and nothing else is."""

from __future__ import annotations

import pytest

from equipoise.audit import audit
from tests.property.audit_cases import CASES, book, ledger


@pytest.mark.parametrize("kind", CASES)
def test_a_ledger_of_any_run_holds(kind: str) -> None:
    for seed in range(60):
        found = audit(book(ledger(seed, kind)))
        assert found.holds, f"seed {seed}: {found.findings[0]}"
        assert found.record is not None
