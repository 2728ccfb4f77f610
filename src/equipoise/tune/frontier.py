"""The frontier: charters of which none is better in one respect without being worse in another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

Costs = tuple[float, ...]
T = TypeVar("T")


def dominates(one: Costs, other: Costs) -> bool:
    """Whether one is nowhere worse than another and somewhere better; less is better.

    Examples
    --------
    >>> dominates((1.0, 2.0), (1.0, 3.0)), dominates((1.0, 2.0), (1.0, 2.0)), dominates((0.0, 3.0), (1.0, 2.0))
    (True, False, False)
    """
    return one != other and all(a <= b for a, b in zip(one, other, strict=True))


def frontier(points: Sequence[T], costs: Callable[[T], Costs]) -> list[T]:
    """Return the points that no other dominates, one of each costs, the earlier first.

    Examples
    --------
    >>> frontier([(2.0, 2.0), (1.0, 3.0), (2.0, 2.0), (3.0, 3.0)], costs=lambda point: point)
    [(2.0, 2.0), (1.0, 3.0)]
    """
    first: dict[Costs, T] = {}
    for point in points:
        first.setdefault(costs(point), point)
    known = list(first)
    return [point for cost, point in first.items() if not any(dominates(other, cost) for other in known)]


def spread(points: Sequence[T], costs: Callable[[T], Costs], most: int) -> list[T]:
    """Return at most so many points that lie far apart, in the order that they had.

    The best in each respect, then the farthest from those taken, each respect measured by its range.

    Examples
    --------
    >>> spread([(0.0, 9.0), (1.0, 8.5), (5.0, 5.0), (9.0, 0.0)], lambda point: point, 3)
    [(0.0, 9.0), (5.0, 5.0), (9.0, 0.0)]
    """
    if len(points) <= most:
        return list(points)
    rows = [costs(point) for point in points]
    lows = [min(column) for column in zip(*rows, strict=True)]
    ranges = [max(column) - low or 1.0 for column, low in zip(zip(*rows, strict=True), lows, strict=True)]
    scaled = [tuple((value - low) / size for value, low, size in zip(row, lows, ranges, strict=True)) for row in rows]
    best = [min(range(len(rows)), key=lambda n: (scaled[n][k], sum(scaled[n]), n)) for k in range(len(lows))]
    taken = list(dict.fromkeys(best))[:most]
    while len(taken) < most:
        left = [n for n in range(len(rows)) if n not in taken]
        taken.append(max(left, key=lambda n: (min(_apart(scaled[n], scaled[m]) for m in taken), -n)))
    return [points[n] for n in sorted(taken)]


def _apart(one: Sequence[float], other: Sequence[float]) -> float:
    return sum((a - b) ** 2 for a, b in zip(one, other, strict=True))
