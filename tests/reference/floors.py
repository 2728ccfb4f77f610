"""Floors one unit at a time: Jefferson's method as it is told, with fractions and no shortcut (FAIRNESS 1)."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction


def jefferson(units: int, weights: Sequence[Fraction | int]) -> list[int]:
    """Hand out units one by one, each to the sibling with the least ``(x + 1) / p``; ties: first."""
    shares = [0] * len(weights)
    able = [i for i, weight in enumerate(weights) if weight]
    for _ in range(units if able else 0):
        shares[min(able, key=lambda i: (Fraction(shares[i] + 1) / weights[i], i))] += 1
    return shares


def divide(units: int, percents: Sequence[Fraction], amounts: Sequence[int]) -> list[int]:
    """Divide a parent's floor among siblings, each with a fraction or an amount (the other one is 0)."""
    promised, fixed = sum(percents, Fraction(0)), sum(amounts)
    alone = jefferson(units, [*percents, max(Fraction(0), 1 - promised)])[:-1]
    if promised * units + fixed <= units:
        return [part + amount for part, amount in zip(alone, amounts, strict=True)]
    if not fixed:
        return alone
    for_percents = promised * units * units / (promised * units + fixed)
    cut = for_percents.numerator // for_percents.denominator
    parts = jefferson(min(sum(alone), cut), percents)
    rest = jefferson(units - cut, amounts)
    return [part + amount for part, amount in zip(parts, rest, strict=True)]
