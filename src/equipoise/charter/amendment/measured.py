"""How the numbers of teams differ between two charters, in every pool and at every capacity that is looked at.

`measured` is the main path. With percentages alone all numbers are linear in the capacity, and one capacity tells. With
amounts the two charters are compared at 34: every sixteenth of the larger planning capacity up to twice of it, and at
both planning capacities; and at all powers of two, which do not depend on what the charters expect (`FIXED`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from typing import TypeAlias

from equipoise.charter.amendment.measures import Group, Measures, Row, Shape
from equipoise.charter.amendment.moves import Direction, Move
from equipoise.charter.model import Charter, Pool

NUMBERS = ("floor", "sure", "limit", "kept")
"""What is compared of each team: its floor, its sure share, its limit, what is kept free while idle."""
STEPS = 16
FIXED = tuple(1 << octave for octave in range(30))
"""Capacities at which all charters with amounts are compared, whatever they expect: no pool is larger than the last by twice.

The others depend on the two charters that are compared. With them alone a chain could lower the expected capacity, which is
neutral, then lower what is only looked at above twice of it, and so weaken somebody whom no step weakens.
"""

Found: TypeAlias = "dict[tuple[str, str, str, Direction], Move]"
"""The first move of a team, pool, number and direction, in the order of `capacities`."""
At: TypeAlias = "Mapping[str, tuple[Group, Measures]]"


def measured(old: Charter, new: Charter) -> dict[str, list[Move]]:
    """Return how each team's numbers differ, by path; of teams that both charters have, in the pools of ``old``.

    Examples
    --------
    >>> from equipoise.charter import EVERYTHING, NOTHING, Share, Team
    >>> def lab(weight: int) -> Charter:
    ...     floors = {"safety": Share(fraction=Fraction(1, 2)), "product": NOTHING}
    ...     weights = {"safety": 10_000, "product": weight}
    ...     teams = [Team(n, n, None, {"p": floors[n]}, {"p": EVERYTHING}, weights[n]) for n in sorted(floors)]
    ...     return Charter("Lab", (Pool("p", "GPU", 1, 80),), tuple(teams))
    >>> move, = measured(lab(10_000), lab(30_000))["safety"]
    >>> move.direction, move.field, str(move.before_gpus), str(move.after_gpus)
    ('weaker', 'sure', '60', '50')
    """
    found: Found = {}
    for pool, capacity, was, now in compared(old, new):
        _compare(was, now, pool, capacity, found)
    there = {pool.name for pool in new.pools}
    for pool in old.pools:
        if pool.name not in there:
            _gone(pool, new, Shape.of(old, pool.name, {}), found)
    by_team: dict[str, list[Move]] = {}
    for (path, _, _, _), move in found.items():
        by_team.setdefault(path, []).append(move)
    return by_team


def compared(old: Charter, new: Charter) -> Iterator[tuple[str, int, At, At]]:
    """Yield what groups of teams have in each pool of both at each reference capacity, unless nothing there is changed."""
    pools = {pool.name: pool for pool in new.pools}
    for pool in old.pools:
        if pool.name not in pools:
            continue
        texts: dict[object, int] = {}
        before, after = Shape.of(old, pool.name, texts), Shape.of(new, pool.name, texts)
        if before.groups[0].text == after.groups[0].text:
            continue
        for capacity in capacities(pool, pools[pool.name], with_amounts=before.has_amounts or after.has_amounts):
            was = before.at(capacity, {})
            yield pool.name, capacity, was, after.at(capacity, was)


def capacities(old: Pool, new: Pool, *, with_amounts: bool) -> Sequence[int]:
    """Return the reference capacities of a pool: the planning capacity in force, those near it ascending, then `FIXED`."""
    if not with_amounts:
        return [old.capacity]
    most = max(old.capacity, new.capacity)
    near = {-(-k * most // STEPS) for k in range(1, 2 * STEPS + 1)} | {new.capacity}
    return list(dict.fromkeys([old.capacity, *sorted(near), *FIXED]))


def _compare(was: At, now: At, pool: str, capacity: int, found: Found) -> None:
    for parent, (group, before) in was.items():
        if parent not in now:
            continue
        other, after = now[parent]
        if before is after:
            continue
        alike = group.teams == other.teams
        places = range(len(group.teams)) if alike else _places(group, other)
        for name in NUMBERS:
            rows: tuple[Row, Row] = getattr(before, name), getattr(after, name)
            if alike and (rows[0] is rows[1] or rows[0] == rows[1]):
                continue
            _rows(*rows, group.teams, places, (pool, name, capacity), found)


def _places(group: Group, other: Group) -> Sequence[int]:
    """Return of each team its place in the other group; -1 where it is not there."""
    there = {path: place for place, path in enumerate(other.teams)}
    return [there.get(path, -1) for path in group.teams]


def _rows(
    was: Row, now: Row, teams: Sequence[str], places: Sequence[int], where: tuple[str, str, int], found: Found
) -> None:
    pool, name, capacity = where
    across, up = was.denominator, now.denominator
    for team, place in enumerate(places):
        if place < 0:
            continue
        before, after = was.numerators[team] * up, now.numerators[place] * across
        if before == after:
            continue
        direction: Direction = "stronger" if after > before else "weaker"
        key = (teams[team], pool, name, direction)
        if key not in found:
            gpus = Fraction(was.numerators[team], across), Fraction(now.numerators[place], up)
            found[key] = Move(direction, name, None, None, pool, capacity, *gpus)


def _gone(pool: Pool, new: Charter, before: Shape, found: Found) -> None:
    """A pool that is no longer there has a capacity of 0."""
    paths = {team.path for team in new.teams}
    for group, measures in before.at(pool.capacity, {}).values():
        for place, path in enumerate(group.teams):
            if path not in paths:
                continue
            for name in NUMBERS:
                row: Row = getattr(measures, name)
                if row.numerators[place]:
                    gpus = Fraction(row.numerators[place], row.denominator), Fraction(0)
                    found[path, pool.name, name, "weaker"] = Move(
                        "weaker", name, None, None, pool.name, pool.capacity, *gpus
                    )
