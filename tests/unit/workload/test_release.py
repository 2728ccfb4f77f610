"""The lab whose new model waits at its gate."""

from __future__ import annotations

import pytest

from equipoise.charter_io import check, loads
from equipoise.units import DAY_MS
from equipoise.workload.synthetic import lab
from equipoise.workload.synthetic.release import NEXT, gated_charter, gated_lab, release_caps


@pytest.mark.parametrize("gpus", [512, 4096, 10_000])
def test_charter_has_no_findings(gpus: int) -> None:
    assert check(gated_charter(gpus).encode(), "gated.yaml").findings == ()


def test_lab_is_that_of_the_demo_with_one_more_service() -> None:
    plain, gated = lab(3, days=20, gpus=512), gated_lab(3, days=20, gpus=512)
    assert (gated.jobs.submit_ms == plain.jobs.submit_ms).all()
    assert [service.name for service in gated.services] == [*(each.name for each in plain.services), NEXT.name]
    for old, new in zip(plain.services, gated.services[:-1], strict=True):
        assert (old.replicas == new.replicas).all()
    grown = gated.services[-1]
    assert set(grown.replicas[grown.at_ms < 3 * DAY_MS].tolist()) == {0}
    assert grown.replicas.max() > 4
    assert grown.replicas[-1] == 0


def test_model_is_held_until_its_safety_case_is_signed() -> None:
    """Of flex the chat may hold 80 % of 1,792 GPUs, 1,433: 1 % and 5 % of it are 14 and 71, in replicas of 8."""
    workload = gated_lab()
    caps = release_caps(loads(gated_charter()), workload)
    held = [(cap.at_ms // DAY_MS, cap.replicas) for cap in caps if cap.service == NEXT.name]
    assert held == [(0, 0), (2, 14 // 8), (9, 71 // 8), (61, 1433 // 8)]
    grown = workload.services[-1]
    waiting = (grown.at_ms >= 20 * DAY_MS) & (grown.at_ms < 61 * DAY_MS)
    assert (grown.replicas[waiting] > 8).mean() > 0.9  # it asks for more all the while
    # The model in service is not held below what the team may have, and the api is behind no gate.
    assert [(cap.service, cap.replicas) for cap in caps if cap.service != NEXT.name] == [
        ("chat-large", int(0.8 * 2048) // 16),
        ("chat", 179),
        ("api", None),
    ]
