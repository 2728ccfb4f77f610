"""The driver that users get counts reclaims by day, as the one that the checker reads does."""

from __future__ import annotations

import pytest

from equipoise.charter_io import loads
from equipoise.policy.plan import plan
from equipoise.simulator.run import Replay, simulate
from equipoise.simulator.timeline import replay
from equipoise.workload.fleet import fleet


def test_both_drivers_decide_alike_and_days_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    workload, text = fleet(6_000, nodes=12, teams=9, divisions=3, seed=1)
    charter = loads(text.encode(), "fleet")
    way = plan(charter)
    wanted = simulate(workload, charter, way, reference=way).digest
    assert replay(workload, charter, way, reference=way).digest == wanted
    monkeypatch.setattr(Replay, "begin_day", lambda self: None)
    assert replay(workload, charter, way, reference=way).digest != wanted
