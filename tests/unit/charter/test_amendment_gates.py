"""Each field of a release gate by itself: tighter strengthens the gate and weakens the team behind it."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest

from equipoise.charter import EVERYTHING, NOTHING, Charter, Gate, Pool, Stage, Team
from equipoise.charter.amendment import effect
from equipoise.units import DAY_MS

STAGE = Stage("canary", Fraction(1, 10), {"bio": "b"}, 7 * DAY_MS)
GATE = Gate("g", ("a",), (STAGE,), 120 * DAY_MS, 14 * DAY_MS)


def lab(gate: Gate) -> Charter:
    team = Team("a", "a", None, {"p": NOTHING}, {"p": EVERYTHING})
    return Charter("Lab", (Pool("p", "GPU", 1, 8),), (team,), release_gates=(gate,))


@pytest.mark.parametrize(
    "tighter",
    [
        {"max_age_ms": 90 * DAY_MS},
        {"drain_ms": 0},
        {"stages": (replace(STAGE, quota=Fraction(1, 20)),)},
        {"stages": (replace(STAGE, after_ms=8 * DAY_MS),)},
        {"stages": (replace(STAGE, needs={"bio": "b", "cyber": "b"}),)},
    ],
)
def test_tighter_is_stronger_for_the_gate_and_weaker_for_the_team(tighter: dict[str, Any]) -> None:
    old, new = lab(GATE), lab(replace(GATE, **tighter))
    assert [thing.outcome for thing in reversed(effect(old, new).things)] == [
        "strengthened",
        "weakened",
    ]
    assert [thing.outcome for thing in reversed(effect(new, old).things)] == [
        "weakened",
        "strengthened",
    ]
