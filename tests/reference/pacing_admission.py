"""Whether the promises of a lab can be kept: PACING 2 as it stood, and as it is mended."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from tests.reference.pacing_account import ceil_div
from tests.reference.pacing_lab import Lab, Promise
from tests.reference.pacing_pace import level_gpus, most_gpus, rounded_mended


@dataclass(frozen=True, slots=True)
class Room:
    """Whether a lab's promises can be kept, by the admission of PACING 2 and as it is mended."""

    fits: bool
    text: bool
    quantum: bool
    rounded: bool
    long: bool

    level: bool

    @property
    def mended(self) -> bool:
        """Whether the mended bound is promised."""
        return self.level and self.long


def room_of(lab: Lab, *, margin: int = 2) -> Room:
    """Judge a lab: one pool, promises for leaves.

    * ``fits``: PACING 2.1 as it stood, ``text``: the same with P_max (no W602), and 2.3; ``quantum``: 2.2;
    * ``rounded``: the rounded floors at P_max fit together, Σ max(floor, R(P_max)) ≤ C, limits included;
    * ``level``: the same at B = ⌈φC·W/(W − δ)⌉; ``long``: p·C·W ≤ q·P_max·(W − δ).
    """
    promises = [promise for promise in lab.promises if not promise.at_most]
    top = [row for row, team in enumerate(lab.teams) if team.parent < 0]
    fits = text = quantum = rounded = long = level = True
    for k, capacity in enumerate(lab.capacity):
        most = {one.row: most_gpus(one.pace_max, capacity) for one in promises}
        share = {one.row: Fraction(one.p * capacity, one.q) for one in promises}
        sizes = {one.row: lab.sizes(one.row, k) or (1,) for one in promises}
        full = {row: rounded_mended(most[row], sizes[row]) for row in most}
        floor = {row: Fraction(team.floor[k]) for row, team in enumerate(lab.teams)}
        whole = {row: Fraction(ceil_div_of(gpus, 1)) for row, gpus in share.items()}
        fits &= need(lab, top, floor, whole) <= capacity
        text &= need(lab, top, floor, {row: Fraction(gpus) for row, gpus in most.items()}) <= capacity
        text &= all(most[row] >= share[row] for row in most)
        rounded &= need(lab, top, floor, {row: Fraction(gpus) for row, gpus in full.items()}) <= capacity
        rounded &= all(full[row] <= min(lab.teams[up].limit[k] for up in lab.path(row)) for row in full)
        for one in promises:
            left = capacity - need(lab, top, {**floor, one.row: Fraction(0)}, {**share, one.row: Fraction(0)})
            largest = max(sizes[one.row])
            quantum &= all(g * ceil_div_of(share[one.row], g) <= left for g in range(1, largest + 1))
            length_ms = one.rolling_ms or lab.window_ms
            run_ms = length_ms - margin * lab.reclaim_ms(one.row)
            long &= one.p * capacity * length_ms <= one.q * most[one.row] * run_ms
        base = {one.row: base_of(lab, one, capacity, most[one.row], margin) for one in promises}
        held = {row: rounded_mended(base[row], sizes[row]) for row in base}
        level &= need(lab, top, floor, {row: Fraction(gpus) for row, gpus in held.items()}) <= capacity
        level &= all(held[row] <= min(lab.teams[up].limit[k] for up in lab.path(row)) for row in held)
    return Room(fits, text, quantum, rounded, long, level)


def base_of(lab: Lab, one: Promise, capacity: int, most: int, margin: int) -> int:
    """Return B of a promise in a pool."""
    length_ms = one.rolling_ms or lab.window_ms
    margin_ms = margin * lab.reclaim_ms(one.row)
    return level_gpus(one.p, one.q, pool=capacity, length_ms=length_ms, margin_ms=margin_ms, most=most)


def need(lab: Lab, rows: list[int], floor: dict[int, Fraction], asked: dict[int, Fraction]) -> Fraction:
    """Return what rows need together: the most of floor, what is asked for them, and what the rows below them need."""
    total = Fraction(0)
    for row in rows:
        below = [child for child, team in enumerate(lab.teams) if team.parent == row]
        total += max(floor[row], asked.get(row, Fraction(0)), need(lab, below, floor, asked))
    return total


def ceil_div_of(amount: Fraction, gang: int) -> int:
    """Return how many gangs hold an amount."""
    return ceil_div(amount.numerator, amount.denominator * gang)
