"""Spans of time, half open: a list of them in order, none touching the next, in milliseconds."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

Span: TypeAlias = "tuple[int, int]"
"""From its first millisecond to the one after its last."""

FOREVER = 1 << 62
"""The end of a span that nothing known will end."""


def union(spans: Iterable[Span]) -> list[Span]:
    """Return the times that lie in any of the spans.

    >>> union([(5, 9), (1, 3), (3, 6), (7, 7)])
    [(1, 9)]
    """
    joined: list[Span] = []
    for start, end in sorted(span for span in spans if span[0] < span[1]):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((start, end))
    return joined


def intersection(first: list[Span], second: list[Span]) -> list[Span]:
    """Return the times that lie in both.

    >>> intersection([(0, 5), (8, 12)], [(3, 10)])
    [(3, 5), (8, 10)]
    """
    return union((max(a, c), min(b, d)) for a, b in first for c, d in second)


def without(spans: list[Span], taken: list[Span]) -> list[Span]:
    """Return the times that lie in the first but not in the second.

    >>> without([(0, 10)], [(2, 4), (9, 20)])
    [(0, 2), (4, 9)]
    """
    edges = [-FOREVER, *(edge for span in taken for edge in span), FOREVER]
    return intersection(spans, list(zip(edges[::2], edges[1::2], strict=True)))


def covering(spans: Iterable[Span], at_ms: int) -> Span | None:
    """Return the span that a time lies in."""
    return next((span for span in spans if span[0] <= at_ms < span[1]), None)
