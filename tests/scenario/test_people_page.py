"""docs/people.md: what it shows is what is found, coefficients are recovered, and early warnings come true as often as said."""

from __future__ import annotations

import re

import numpy as np
import pytest

from benchmarks import people as measured
from benchmarks._reliability import EDGES

PAGE = measured.PAGE.read_text("utf-8")


def section(heading: str) -> str:
    return PAGE.split(f"\n{heading}\n", 1)[1]


def test_page_shows_the_beliefs_that_ship() -> None:
    assert measured.beliefs() in PAGE, "run: python -m benchmarks.people --write"


def test_page_shows_coverage_of_every_coefficient_within_91_to_98_of_100() -> None:
    for heading, columns in (
        ("## What a lab's own data add", 2),
        ("Without any belief, by likelihood alone, in labs of 40 teams", 2),
    ):
        rows = re.findall(r"(?m)^\| `(\w+)` \|(?: -?[\d.]+ \|)? ([\d.]+) % \| ([\d.]+) % \|", PAGE.split(heading, 1)[1])
        shown = {name: [float(first), float(second)][:columns] for name, first, second in reversed(rows)}
        assert set(measured.NAMES) <= set(shown)
        assert all(91 <= share <= 98 for name in measured.NAMES for share in shown[name]), shown


@pytest.mark.slow
@pytest.mark.parametrize("way", [measured.HOLDS, measured.BY_PAST], ids=lambda way: way.name)
def test_page_shows_the_reliability_that_is_found_and_chance_explains_what_is_off(way: measured.Way) -> None:
    found = measured.reliable(way)
    assert found in PAGE, "run: python -m benchmarks.people --write"
    bands = re.findall(r"\| ([\d.]+) % \| ([\d.]+) to ([\d.]+) % \|", found)
    assert len(bands) == len(EDGES) - 1
    outside = sum(not float(low) <= float(came) <= float(high) for came, low, high in bands)
    assert outside <= 1  # of eight bands of 95 %
    of = measured.forecasts(way)
    brier = {name: float(np.mean((getattr(of, name) - of.came) ** 2)) for name in ("updated", "prior", "climatology")}
    assert brier["updated"] < brier["prior"] < brier["climatology"], brier


def test_page_does_not_hide_that_the_coefficient_of_starvation_is_an_assumption() -> None:
    assert "No direct evidence links resource constraints to actual quits" in PAGE
    assert re.search(r"(?m)^\| `beta_s` \| N\(0\.9, 0\.35\) \| .* \| A \|", PAGE)
