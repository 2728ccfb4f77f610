"""Floors and limits in whole GPUs, for a pool's capacity.

Floors resolve from the top: N% of a floor is N% of the parent's floor (at the top, of the capacity). In whole GPUs
siblings share the parent's floor by Jefferson's method with one virtual sibling that holds what nobody was promised.
So no floor is below its exact fraction rounded down, together they never exceed the parent's, and none falls when
capacity grows.

Amounts: while they fit, a team with an amount has exactly that many, taken from the virtual sibling. When amounts make
the floors of siblings exceed the parent's, all shrink in proportion. To keep every floor monotone in capacity the
parent's floor is then cut in two (percentages together, rounded down, and never more than they have without the
shrinking; amounts together, the rest) and each part is shared by Jefferson's method on its own.

Limits: N% of a limit is N% of the parent's limit; the smallest along the path holds, rounded down, never under the
floor.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from equipoise.charter.apportion import jefferson
from equipoise.charter.model import Charter, Share

_WHOLE = 1_000_000  # percentages have four decimals at most: a millionth of a fraction


@dataclass(frozen=True, slots=True)
class Quota:
    """What a team has in one pool, in whole GPUs.

    Parameters
    ----------
    floor : int
        Had at once when asked for.
    limit : int
        Never exceeded: the smallest along the path (``ceil`` in the rules of entitlement).
    reserve : int
        Kept free even while idle: what it does not lend, or what the teams below it do not.
    """

    floor: int
    limit: int
    reserve: int


def quotas(charter: Charter, pool: str, capacity: int) -> tuple[Quota, ...]:
    """Resolve every team's floor, limit and reserve in a pool.

    Parameters
    ----------
    charter : Charter
    pool : str
        Name of the pool.
    capacity : int
        GPUs that are up, 0 or more.

    Returns
    -------
    tuple of Quota
        Aligned with ``charter.teams``.

    Raises
    ------
    InputError
        C301 when there is no such pool.

    Examples
    --------
    >>> from equipoise.charter.model import EVERYTHING, NOTHING, Pool, Team
    >>> third = Share(fraction=Fraction(333_333, 1_000_000))
    >>> teams = [Team(n, n, None, {"a": third}, {"a": EVERYTHING}, lend=Fraction(1, 2)) for n in "xy"]
    >>> quotas(Charter("Lab", (Pool("a", "A100", 1, 8),), tuple(teams)), "a", 8)
    (Quota(floor=3, limit=8, reserve=2), Quota(floor=2, limit=8, reserve=1))
    """
    charter.pool(pool)
    parents = charter.parents
    limits = [limit.numerator // limit.denominator for limit in _limits(charter, parents, pool, Fraction(capacity))]
    floors = _floors(charter, parents, pool, capacity, limits)
    kept = _reserves(charter, parents, floors)
    return tuple(map(Quota, floors, map(max, limits, floors), kept))


def exact_floors(charter: Charter, pool: str, capacity: Fraction) -> tuple[tuple[Fraction, ...], tuple[Fraction, ...]]:
    """Resolve every team's floor and limit as exact fractions of a GPU, without rounding, shrinking or clamping.

    This is what the checks compare: floors of siblings that exceed their parent's are an error of the charter.

    Returns
    -------
    (tuple of Fraction, tuple of Fraction)
        Floors, and limits (the smallest along the path), aligned with ``charter.teams``.
    """
    parents = charter.parents
    floors: list[Fraction] = []
    for team, parent in zip(charter.teams, parents, strict=True):
        floors.append(team.floor[pool].of(capacity if parent < 0 else floors[parent]))
    return tuple(floors), tuple(_limits(charter, parents, pool, capacity))


def _limits(charter: Charter, parents: Sequence[int], pool: str, capacity: Fraction) -> list[Fraction]:
    limits: list[Fraction] = []
    for team, parent in zip(charter.teams, parents, strict=True):
        base = capacity if parent < 0 else limits[parent]
        share = team.limit[pool]
        limits.append(base if share.fraction == 1 else min(base, share.of(base)))
    return limits


def _floors(charter: Charter, parents: Sequence[int], pool: str, capacity: int, limits: Sequence[int]) -> list[int]:
    groups: list[list[int]] = [[] for _ in range(len(parents) + 1)]
    for team, parent in enumerate(parents):
        groups[parent + 1].append(team)
    floors = [0] * len(parents)
    rigid = [False] * (len(parents) + 1)  # whether an amount decides the floor or limit of a team or one above it
    shares = [team.floor[pool] for team in charter.teams]
    for parent in range(-1, len(parents)):  # preorder: a parent's floor is known before its children's
        group = groups[parent + 1]
        divided = _divide(capacity if parent < 0 else floors[parent], [shares[team] for team in group])
        for team, floor in zip(group, divided, strict=True):
            amount = shares[team].gpus is not None or charter.teams[team].limit[pool].gpus is not None
            rigid[team + 1] = amount or rigid[parent + 1]
            # Percentages scale together and C402 has compared them; an amount may cross a limit as capacity moves.
            floors[team] = min(floor, limits[team]) if rigid[team + 1] else floor
    return floors


def _divide(units: int, shares: Sequence[Share]) -> list[int]:
    """Divide a parent's floor among its children's shares."""
    if not shares:
        return []
    parts = [0 if share.fraction is None else _millionths(share.fraction) for share in shares]
    amounts = [share.gpus or 0 for share in shares]
    promised, fixed = sum(parts), sum(amounts)
    floors = jefferson(units, [*parts, max(0, _WHOLE - promised)])[:-1]
    if promised * units + fixed * _WHOLE <= units * _WHOLE:
        return [floor + amount for floor, amount in zip(floors, amounts, strict=True)]
    if not fixed:
        return floors
    to_parts = promised * units * units // (promised * units + fixed * _WHOLE)
    for_parts = jefferson(min(sum(floors), to_parts), parts)
    for_amounts = jefferson(units - to_parts, amounts)
    return [part + amount for part, amount in zip(for_parts, for_amounts, strict=True)]


def _millionths(fraction: Fraction) -> int:
    scaled = fraction * _WHOLE
    assert scaled.denominator == 1, "percentages have four decimals at most"
    return scaled.numerator


def _reserves(charter: Charter, parents: Sequence[int], floors: Sequence[int]) -> list[int]:
    """Return ``max(0, floor − lent, Σ children's)`` per team; lent is rounded down, so kept is rounded up."""
    below = [0] * len(parents)
    kept = [0] * len(parents)
    for team in range(len(parents) - 1, -1, -1):
        lend = charter.teams[team].lend
        lent = floors[team] * lend.numerator // lend.denominator
        kept[team] = max(floors[team] - lent, below[team])
        if parents[team] >= 0:
            below[parents[team]] += kept[team]
    return kept
