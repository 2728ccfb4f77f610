"""The record of a run, as a file: nothing of an event is lost."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from equipoise.policy.kernel import layout as k
from equipoise.tasks.events import read_events, write_events
from tests.property.latency_cases import amended_case, promised_case


def test_a_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    amounts = 0
    for seed, case in ((2, promised_case), (4, promised_case), (2, amended_case), (3, amended_case)):
        system, closes_ms = case(seed)
        events = system.run(closes_ms=closes_ms, record=True).events
        assert events is not None
        write_events(events, tmp_path / "events.parquet")
        again = read_events(tmp_path / "events.parquet")
        for name in k.EVENT.names or ():
            if name not in ("pad", "refused"):
                assert np.array_equal(again[name], events[name]), f"seed {seed}, {name}"
        amounts += int((events["amount"] != 0).sum())
    assert amounts > 0  # of windows that make good, or of caps
