"""What was recorded of any run is found to follow from its events; and nothing else is."""

from __future__ import annotations

import pytest

from equipoise.audit import audit
from tests.property.audit_cases import book, ledger


@pytest.mark.parametrize("promised", [False, True])
def test_a_ledger_of_any_run_holds(promised: bool) -> None:
    for seed in range(60):
        found = audit(book(ledger(seed, promised=promised)))
        assert found.holds, f"seed {seed}: {found.findings[0]}"
        assert found.record is not None
