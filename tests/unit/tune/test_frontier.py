"""The frontier against its definition, and the choice of points that lie far apart."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from equipoise.tune import dominates, frontier, spread

COSTS = st.lists(st.tuples(*[st.integers(0, 4).map(float)] * 3), min_size=1, max_size=30)


def itself(point: tuple[float, ...]) -> tuple[float, ...]:
    return point


@given(COSTS)
def test_whatever_is_not_on_the_frontier_is_dominated_by_something_on_it(points: list[tuple[float, ...]]) -> None:
    found = frontier(points, itself)
    assert len(set(found)) == len(found)
    for point in points:
        # By the definition, spelt out: somewhere better and nowhere worse.
        better = [
            other
            for other in found
            if not any(o > p for o, p in zip(other, point, strict=True))
            and any(o < p for o, p in zip(other, point, strict=True))
        ]
        assert (point in found) == (not better)


@given(COSTS)
def test_nothing_dominates_itself_and_no_two_each_other(points: list[tuple[float, ...]]) -> None:
    for one in points:
        for other in points:
            assert not (dominates(one, other) and dominates(other, one))


@given(COSTS, st.integers(1, 12))
def test_points_that_are_kept_are_in_order_and_the_best_in_each_respect_are_among_them(
    points: list[tuple[float, ...]], most: int
) -> None:
    found = frontier(points, itself)
    kept = spread(found, itself, most)
    assert len(kept) == min(most, len(found))
    assert [point for point in found if point in kept] == kept
    if most >= 3:
        for column in range(3):
            assert min(point[column] for point in found) == min(point[column] for point in kept)
