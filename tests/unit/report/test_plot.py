"""Shapes are where the values are."""

from __future__ import annotations

import re
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from equipoise.report.plot import across, apart, area, heights, line, scale
from equipoise.report.timeaxis import marks, moment

DAY_MS = 86_400_000


def corners(path: str) -> list[tuple[int, int]]:
    """Where a path of level and upright lines turns."""
    x = y = 0
    found: list[tuple[int, int]] = []
    for command, first, second in re.findall(r"([MhvV])(-?\d+)(?: (-?\d+))?", path):
        value = int(first)
        x, y = {"M": (value, int(second or 0)), "h": (x + value, y), "v": (x, y + value), "V": (x, value)}[command]
        found.append((x, y))
    return found


def values_at(path: str, xs: list[float]) -> list[float]:
    """Read the height of a line at some places."""
    turns = corners(path)
    out: list[float] = []
    for x in xs:
        out += [a[1] for a, b in pairwise(turns) if a[1] == b[1] and a[0] < x < b[0]]
    return out


steps = st.lists(st.tuples(st.integers(1, 40), st.integers(0, 100)), min_size=1, max_size=30)


@given(steps)
def test_line_has_the_height_of_each_value_over_its_span(pairs: list[tuple[int, int]]) -> None:
    xs = np.concatenate([[0], np.cumsum([width for width, _ in pairs])])
    ys = np.array([height for _, height in pairs])
    path = line(xs, ys)
    assert values_at(path, ((xs[:-1] + xs[1:]) / 2 + 0.01).tolist()) == ys.tolist()
    assert corners(path)[-1][0] == xs[-1]


@given(steps)
def test_area_goes_along_the_upper_line_and_back_along_the_lower(pairs: list[tuple[int, int]]) -> None:
    xs = np.concatenate([[0], np.cumsum([width for width, _ in pairs])])
    upper = np.array([height for _, height in pairs])
    lower = upper + 7
    path = area(xs, lower, upper)
    there, back = path.split("V", 1)
    assert corners(there) == corners(line(xs, upper))
    assert back.startswith(f"{lower[-1]}h-")
    assert corners(f"M{xs[-1]} {back}")[-1] == (0, lower[0])
    assert path.endswith("z")


def test_values_are_placed_from_the_bottom_and_cut_at_the_end() -> None:
    assert heights(np.array([0.0, 5.0, 10.0, 99.0]), 10.0, 100).tolist() == [100, 50, 0, 0]
    assert heights(np.array([1.0]), 0.0, 100).tolist() == [100]
    edges = np.array([0, 10, 20, 30])
    assert across(edges, 20).tolist() == [0, 500, 1000]
    assert across(edges, 15).tolist() == [0, 667, 1000]
    assert across(edges, 40).tolist() == [0, 250, 500, 750]


@given(st.lists(st.floats(0, 1), min_size=1, max_size=9))
def test_labels_are_apart_and_inside_and_in_order(wanted: list[float]) -> None:
    wanted.sort()
    gap = min(0.1, 1 / len(wanted))
    places = apart(wanted, gap=gap)
    assert len(places) == len(wanted)
    assert places[0] >= gap / 2 - 1e-9
    assert places[-1] <= 1 - gap / 2 + 1e-9
    assert all(after - before >= gap - 1e-9 for before, after in pairwise(places))
    if all(b - a >= gap for a, b in pairwise(wanted)) and gap / 2 <= wanted[0]:
        inside = [place for place in wanted if place <= 1 - gap / 2]
        if len(inside) == len(wanted):
            assert places == pytest.approx(wanted)


@given(st.floats(1e-6, 1e9), st.integers(1, 6))
def test_scale_ends_at_a_round_number_not_less_and_not_far_more(value: float, count: int) -> None:
    end, places = scale(value, steps=count)
    assert value * (1 - 1e-6) <= end
    assert places[0] == 0
    assert places[-1] == pytest.approx(end)
    assert len(places) <= count + 2
    assert end <= 3 * value or end < 1e-5


def test_dates_follow_the_calendar_of_the_charter() -> None:
    origin_ms = 1_774_652_400_000  # 28 March 2026, 00:00 in Berlin; the 29th has 23 hours
    found = marks(4 * DAY_MS, origin_ms=origin_ms, zone="Europe/Berlin")
    assert [text for _, text in found] == ["28 Mar", "29 Mar", "30 Mar", "31 Mar", "1 Apr"]
    assert [at // 3_600_000 for at, _ in found] == [0, 24, 47, 71, 95]
    assert moment(47 * 3_600_000, origin_ms=origin_ms, zone="Europe/Berlin") == "30 Mar 2026"


@pytest.mark.parametrize(
    "until_ms", [1, 999, 5_000, 60_000, 7_200_000, DAY_MS, 9 * DAY_MS, 90 * DAY_MS, 4_000 * DAY_MS]
)
@pytest.mark.parametrize("origin_ms", [None, 0, 1_798_761_600_000])
def test_axes_have_few_marks_inside(until_ms: int, origin_ms: int | None) -> None:
    found = marks(until_ms, origin_ms=origin_ms, zone="UTC")
    assert 1 <= len(found) <= 9
    assert all(0 <= at <= until_ms for at, _ in found)
    assert len({text for _, text in found}) == len(found)
