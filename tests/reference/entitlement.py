"""Entitlement one unit at a time (FAIRNESS 2), by recursion from the top, with fractions and no shortcut."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from equipoise.charter.entitlement import Tree


def fill(units: int, caps: Sequence[int], weights: Sequence[int]) -> list[int]:
    """Each unit to the uncapped sibling with the least ``(2x + 1) / 2w``; weight 0 after all others; ties: first."""
    shares = [0] * len(caps)
    for _ in range(units):
        able = [i for i in range(len(caps)) if shares[i] < caps[i]]
        if not able:
            break
        weighted = [i for i in able if weights[i]]
        if weighted:
            i = min(weighted, key=lambda i: (Fraction(2 * shares[i] + 1, 2 * weights[i]), i))
        else:
            i = min(able, key=lambda i: (shares[i], i))
        shares[i] += 1
    return shares


def entitlements(nodes: Tree, capacity: int, demand: Sequence[int]) -> list[int]:
    """Return every team's entitlement."""
    size = len(nodes.parent)
    result = [0] * size

    def below(team: int) -> list[int]:
        return [child for child in range(size) if nodes.parent[child] == team]

    def ask(team: int) -> int:
        children = below(team)
        wanted = sum(ask(child) for child in children) if children else demand[team]
        return max(min(nodes.limit[team], wanted), nodes.reserve[team])

    def descend(team: int, units: int) -> None:
        children = below(team)
        low = [min(nodes.floor[child], ask(child)) for child in children]
        first = fill(units, low, [nodes.floor[child] for child in children])
        room = [ask(child) - least for child, least in zip(children, low, strict=True)]
        second = fill(units - sum(first), room, [nodes.weight[child] for child in children])
        for child, held, more in zip(children, first, second, strict=True):
            result[child] = held + more
            descend(child, held + more)

    descend(-1, capacity)
    return result
