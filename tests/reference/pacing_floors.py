"""Effective floors and rounded floors of one pool at an instant (PACING 1), found by trying.

Rows are those of ``policy_tree``. A paced row may be a leaf or stand above others; what is asked for a row lifts every row
above it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from tests.reference.pacing_pace import rounded_mended, rounded_text
from tests.reference.policy_tree import POOL, Tree

TEXT, MENDED, EXACT = "text", "mended", "exact"


@dataclass(frozen=True, slots=True)
class Paced:
    """What one promise asks for in this pool: its pace, the whole GPUs of its share, and its team's gang sizes."""

    row: int
    pace: int
    share: Fraction
    sizes: tuple[int, ...]
    level: int
    """What a pace is never cut below, and from which on the team keeps its rounded floor (``Rules.level``)."""


@dataclass(frozen=True, slots=True)
class Floors:
    """Effective floor and rounded floor per row, and the rows whose pace has reached P_max."""

    floor: tuple[int, ...]
    rounded: tuple[int, ...]
    full: frozenset[int]


def effective(tree: Tree, demand: Sequence[int], asked: Mapping[int, int]) -> list[int]:
    """Return min(max(static floor, what is asked for the row, the children's), demand, limit) per row."""
    floor = [0] * len(tree)
    for row in reversed(range(len(tree))):
        below = sum(floor[child] for child in tree.children(row))
        floor[row] = min(max(tree.floor[row], asked.get(row, 0), below), demand[row], tree.limit[row])
    return floor


def at_top(tree: Tree, values: Sequence[int]) -> int:
    """Return the sum over the top rows."""
    return sum(values[row] for row in tree.children(POOL))


def floors_of(
    tree: Tree,
    capacity: int,
    demand: Sequence[int],
    paced: Sequence[Paced],
    *,
    rounding: str,
    whole: bool = True,
    first: bool = False,
) -> Floors:
    """Return the effective floors with their premiums, then the rounded floors.

    Parameters
    ----------
    tree : Tree
        Its floors are the static ones.
    demand : sequence of int
        Running and pending per row, inner rows included.
    whole : bool
        Grant a rounded floor whole or not at all; otherwise as much of it as there is room for.
    first : bool
        Grant the rounded floors of what is never cut before anybody's premium; otherwise after all premiums.
    """
    order = sorted(paced, key=lambda one: (-one.pace / one.share, one.row))
    asked = {one.row: min(one.pace, max(tree.floor[one.row], one.level)) for one in paced}
    granted: dict[int, int] = {}

    def grant(one: Paced) -> None:
        """Grant the rounded floor of what is asked for a row, as far as there is room."""
        floor = effective(tree, demand, asked)
        wanted = rounded_of(floor[one.row], one.sizes, rounding)
        room = largest(floor[one.row], wanted, lambda gpus: needed(floor, {**granted, one.row: gpus}) <= capacity)
        if room == wanted or not whole:
            granted[one.row] = room

    def needed(floor: Sequence[int], more: Mapping[int, int]) -> int:
        return at_top(tree, lifted(tree, floor, more))

    def with_premium(one: Paced, gpus: int) -> bool:
        return needed(effective(tree, demand, {**asked, one.row: gpus}), granted) <= capacity

    if first:
        for one in order:
            grant(one)
    for one in order:
        asked[one.row] = largest(asked[one.row], one.pace, lambda gpus, one=one: with_premium(one, gpus))
        if first:
            grant(one)
    if not first:
        for one in order:
            grant(one)
    floor = effective(tree, demand, asked)
    # Where not all rounded floors fit at once, GPUs kept for one promise are GPUs that another lacks.
    fit = needed(tree.floor, {one.row: rounded_of(one.level, one.sizes, rounding) for one in paced}) <= capacity
    full = frozenset(one.row for one in paced if fit and one.pace >= one.level)
    return Floors(tuple(floor), tuple(lifted(tree, floor, granted)), full)


def lifted(tree: Tree, floor: Sequence[int], granted: Mapping[int, int]) -> list[int]:
    """Return rounded floors: what is granted to a row or its floor, and never less than its children's together."""
    rounded = [0] * len(tree)
    for row in reversed(range(len(tree))):
        below = sum(rounded[child] for child in tree.children(row))
        rounded[row] = max(min(granted.get(row, 0), tree.limit[row]), floor[row], below)
    return rounded


def rounded_of(floor: int, sizes: Sequence[int], rounding: str) -> int:
    """Return the rounded floor that a row wants."""
    if rounding == TEXT:
        return rounded_text(floor, sizes)
    return rounded_mended(floor, sizes) if rounding == MENDED else floor


def largest(low: int, high: int, fits: Callable[[int], bool]) -> int:
    """Return the largest value up to ``high`` that fits, tried from above; ``low`` without trying it."""
    for level in range(high, low, -1):
        if fits(level):
            return level
    return low
