"""Entitlement one device at a time (FAIRNESS 2): Webster's method as it is told, with fractions and no shortcut."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from tests.reference.policy_tree import POOL, Tree


def fill(units: int, cap: Sequence[int], weight: Sequence[int]) -> list[int]:
    """Hand out ``units`` one by one, each to the child below its cap with the least ``(2x + 1) / 2w``; ties: first.

    A child of weight 0 has an infinite key: it is served only once nobody else can take a unit, in order of ``2x + 1``.
    """
    share = [0] * len(cap)
    for _ in range(units):
        open_ = [i for i in range(len(cap)) if share[i] < cap[i]]
        if not open_:
            break
        share[min(open_, key=lambda i: (key(share[i], weight[i]), i))] += 1
    return share


def key(share: int, weight: int) -> tuple[bool, Fraction]:
    """Return what the next unit is given by; weight 0 sorts after every other weight."""
    return (weight == 0, Fraction(2 * share + 1, 2 * weight if weight else 1))


def asks(tree: Tree, demand: Sequence[int]) -> list[int]:
    """Return what each row asks for: demand within its limit, and never less than its reserve."""
    ask = [0] * len(tree)
    for row in reversed(range(len(tree))):
        below = tree.children(row)
        wanted = sum(ask[child] for child in below) if below else demand[row]
        ask[row] = max(min(tree.limit[row], wanted), tree.reserve[row])
    return ask


def entitlements(tree: Tree, capacity: int, demand: Sequence[int]) -> list[int]:
    """Return the entitlement of every row, given the demand of the leaves (other rows of ``demand`` are not read)."""
    ask = asks(tree, demand)
    given = [0] * len(tree)
    for row in (POOL, *range(len(tree))):
        below = tree.children(row)
        units = capacity if row == POOL else given[row]
        low = [min(tree.floor[child], ask[child]) for child in below]
        first = fill(units, low, [tree.floor[child] for child in below])
        rest = [ask[child] - low[i] for i, child in enumerate(below)]
        second = fill(units - sum(first), rest, [tree.weight[child] for child in below])
        for i, child in enumerate(below):
            given[child] = first[i] + second[i]
    return given
