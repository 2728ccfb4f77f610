"""Dividing whole units among siblings: Jefferson's method for floors, Webster's with caps for entitlements.

Both are divisor methods: the next unit goes to the sibling with the least key, ``(x + 1) / p`` or ``(2x + 1) / 2w``.
Given one unit at a time that is slow; instead the answer starts at the threshold where all keys would be equal and is
mended by the few units that rounding leaves (Balinski and Young, Fair Representation, 1982, chapters 4 and A). Keys
are compared as integers: a fraction with a denominator below 2^b, scaled by 2^2b and rounded down, keeps its order
exactly, because two different such fractions lie more than 2^-2b apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from heapq import heapify, heapreplace


def jefferson(units: int, weights: Sequence[int]) -> list[int]:
    """Divide ``units`` by Jefferson's method; ties go to the earlier sibling, weight 0 gets nothing.

    Parameters
    ----------
    units : int
        Whole units, 0 or more.
    weights : sequence of int
        0 or more; only their ratios count.

    Returns
    -------
    list of int
        Never below the exact share rounded down; the sum is ``units`` unless every weight is 0.

    Examples
    --------
    >>> jefferson(7, [34, 33, 33])
    [3, 2, 2]
    """
    total = sum(weights)
    if total == 0:
        return [0] * len(weights)
    shares = [units * weight // total for weight in weights]
    left = units - sum(shares)
    if left == 0:
        return shares
    shift = 2 * max(weights).bit_length()
    heap = [(((shares[i] + 1) << shift) // weight, i) for i, weight in enumerate(weights) if weight]
    heapify(heap)
    for _ in range(left):
        i = heap[0][1]
        shares[i] += 1
        heapreplace(heap, (((shares[i] + 1) << shift) // weights[i], i))
    return shares


def fill(units: int, caps: Sequence[int], weights: Sequence[int]) -> list[int]:
    """Divide up to ``units`` by Webster's method under caps; ties go to the earlier sibling.

    A sibling of weight 0 comes after every other one: it gets units only when all siblings of positive weight are at
    their caps, and then siblings of weight 0 count alike. (So nothing stays idle that somebody may have.)

    Parameters
    ----------
    units : int
        Whole units to give, 0 or more.
    caps, weights : sequence of int
        Per sibling, 0 or more.

    Returns
    -------
    list of int
        Units per sibling; the sum is ``min(units, sum(caps))``.

    Examples
    --------
    >>> fill(14, [8, 8, 9], [3, 1, 6]), fill(15, [8, 8, 9], [3, 1, 6])
    ([4, 1, 9], [5, 1, 9])
    """
    if units <= 0:
        return [0] * len(caps)
    if units >= sum(caps):
        return list(caps)
    some = [i for i, cap in enumerate(caps) if cap and weights[i]]
    given = sum(caps[i] for i in some)
    shares = [0] * len(caps)
    if units < given:
        _fill_weighted(units, caps, weights, some, shares)
        return shares
    for i in some:
        shares[i] = caps[i]
    rest = [i for i, cap in enumerate(caps) if cap and not weights[i]]
    if units > given:
        _fill_weighted(units - given, caps, [1] * len(caps), rest, shares)
    return shares


def _fill_weighted(units: int, caps: Sequence[int], weights: Sequence[int], some: list[int], shares: list[int]) -> None:
    """Fill ``shares`` of the siblings in ``some`` (positive weight and cap); fewer units than their caps."""
    shift = 2 * max(weights[i] for i in some).bit_length() + 2
    up, down = water_level(units, caps, weights, some, shift)
    for i in some:
        shares[i] = min(caps[i], (2 * up * weights[i] + down) // (2 * down))
    left = units - sum(shares[i] for i in some)
    if left > 0:
        _add(left, caps, weights, some, shares, shift)
    elif left < 0:
        _remove(-left, weights, some, shares, shift)


def water_level(
    units: int, caps: Sequence[int], weights: Sequence[int], some: list[int], shift: int
) -> tuple[int, int]:
    """Return λ = up/down with Σ min(cap, λ·weight) = units, by raising λ over the caps in the order they bind.

    Of the siblings in ``some``, whose weights and caps are positive and whose caps together exceed ``units``. ``shift``
    is at least twice the bits of the largest weight.
    """
    order = sorted(some, key=lambda i: (caps[i] << shift) // weights[i])
    left, weight = units, sum(weights[i] for i in order)
    for i in order:
        if caps[i] * weight > left * weights[i]:
            break
        left -= caps[i]
        weight -= weights[i]
    return left, weight


def _add(
    left: int, caps: Sequence[int], weights: Sequence[int], some: list[int], shares: list[int], shift: int
) -> None:
    heap = [(((2 * shares[i] + 1) << shift) // (2 * weights[i]), i) for i in some if shares[i] < caps[i]]
    heapify(heap)
    full = (1 << (shift + 80), -1)  # above every key, so a capped sibling is never chosen again
    for _ in range(left):
        i = heap[0][1]
        shares[i] += 1
        capped = shares[i] == caps[i]
        heapreplace(heap, full if capped else (((2 * shares[i] + 1) << shift) // (2 * weights[i]), i))


def _remove(left: int, weights: Sequence[int], some: list[int], shares: list[int], shift: int) -> None:
    heap = [(-(((2 * shares[i] - 1) << shift) // (2 * weights[i])), -i) for i in some if shares[i]]
    heapify(heap)
    for _ in range(left):
        i = -heap[0][1]
        shares[i] -= 1
        heapreplace(heap, (-(((2 * shares[i] - 1) << shift) // (2 * weights[i])), -i))
