"""What a team can count on in a pool of some capacity: floor, sure share, limit, and what is kept free; exact.

`Shape.at` is the main path: floors and limits from the top down, what is kept and what could be used at all from the
leaves up, and sure shares from the top down again. The *sure share* of a team is its entitlement while every leaf asks
for everything, in exact fractions: as no team rises from another's demand, it is the least that the team is entitled to
when it asks for everything itself.

Siblings share one denominator, so all of it is integers: a `Row` is reduced, and two rows are equal exactly if what they
stand for is. What a subtree has depends on its own text and on what its parent has there, so a subtree of the same text
under a parent of the same numbers is taken from the other charter as it is (`Shape.at` with ``like``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import gcd, lcm
from typing import NamedTuple, TypeAlias

from equipoise.charter.apportion import water_level
from equipoise.charter.model import Charter, Share

WHOLE = 1_000_000
"""Percentages have four decimals at most: they are whole millionths."""

Ratio: TypeAlias = "tuple[int, int]"
"""A numerator, and a denominator above 0."""


class Row(NamedTuple):
    """Numbers of the teams of a group over one denominator, reduced."""

    numerators: Sequence[int]
    denominator: int


class Part(NamedTuple):
    """Floors, limits or what is not lent, as siblings write them: ``parts`` of ``whole`` of the base, plus ``gpus``.

    Where ``gpus`` is not empty, a sibling's one or other is 0.
    """

    parts: tuple[int, ...]
    whole: int
    gpus: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """The teams below one parent, as they are written for one pool.

    Parameters
    ----------
    parent : str
        Path; empty at the top.
    teams : tuple of str
        Paths, sorted.
    above : int
        The parent's group, a smaller number than its own; -1 at the top.
    place : int
        The parent's place among the teams of that group.
    below : tuple of (int, int)
        Of each team that has teams: its place, and the number of their group.
    floor, limit, kept : Part
        ``kept`` is the part of the own floor that is not lent.
    limit_is_whole : bool
        Whether no team has a limit of its own.
    weights : tuple of int
        Without common divisor.
    text : int
        Numbers what is written here and anywhere below: equal numbers, equal text.
    """

    parent: str
    teams: tuple[str, ...]
    above: int
    place: int
    below: tuple[tuple[int, int], ...]
    floor: Part
    limit: Part
    kept: Part
    limit_is_whole: bool
    weights: tuple[int, ...]
    text: int


class Measures(NamedTuple):
    """The numbers of a group's teams: floor, limit, kept free, what could be used at all, sure share."""

    floor: Row
    limit: Row
    kept: Row
    usable: Row
    sure: Row


@dataclass(frozen=True, slots=True)
class Shape:
    """The tree of a charter as it is written for one pool, in preorder of groups.

    Parameters
    ----------
    groups : tuple of Group
    has_amounts : bool
        Whether a floor or limit is an amount of GPUs: else all numbers are linear in the capacity.
    """

    groups: tuple[Group, ...]
    has_amounts: bool

    @classmethod
    def of(cls, charter: Charter, pool: str, texts: dict[object, int]) -> Shape:
        """Return the shape of a charter in one of its pools; ``texts`` numbers the texts of all shapes to compare."""
        return _shape(charter, pool, texts)

    def at(self, capacity: int, like: Mapping[str, tuple[Group, Measures]]) -> dict[str, tuple[Group, Measures]]:
        """Return the measures of every group at a capacity, by the path of its parent.

        Parameters
        ----------
        capacity : int
            GPUs, 0 or more.
        like : Mapping of str to (Group, Measures)
            What another shape has at the same capacity: subtrees that are the same there are not computed again.
        """
        floors: list[Row] = []
        limits: list[Row] = []
        taken: list[Measures | None] = []
        for group in self.groups:
            floor, limit = _parent(floors, group, capacity), _parent(limits, group, capacity)
            same = _same(group, floor, limit, like)
            limits.append(_limits(group, limit) if same is None else same.limit)
            floors.append(_floors(group, floor, limits[-1]) if same is None else same.floor)
            taken.append(same)
        kept, usable = self._from_below(floors, limits, taken)
        sure: list[Row] = []
        found: dict[str, tuple[Group, Measures]] = {}
        for number, group in enumerate(self.groups):
            share = _parent(sure, group, capacity)
            same = taken[number]
            if same is not None and share == _share(like, group, capacity):
                sure.append(same.sure)
            else:
                sure.append(_sure(group, share, floors[number], usable[number]))
            measures = Measures(floors[number], limits[number], kept[number], usable[number], sure[number])
            found[group.parent] = (group, measures)
        return found

    def _from_below(
        self, floors: Sequence[Row], limits: Sequence[Row], taken: Sequence[Measures | None]
    ) -> tuple[list[Row], list[Row]]:
        kept = list(floors)
        usable = list(limits)
        for number in range(len(self.groups) - 1, -1, -1):
            same, group = taken[number], self.groups[number]
            if same is None:
                kept[number] = _kept(group, floors[number], kept)
                usable[number] = _usable(group, limits[number], kept[number], usable)
            else:
                kept[number], usable[number] = same.kept, same.usable
        return kept, usable


# What is written


def _shape(charter: Charter, pool: str, texts: dict[object, int]) -> Shape:
    teams, parents = charter.teams, charter.parents
    members: list[list[int]] = [[] for _ in range(len(teams) + 1)]
    for team, parent in enumerate(parents):
        members[parent + 1].append(team)
    numbers: dict[int, int] = {}  # of the group below each team, -1 for the top
    for parent in range(-1, len(teams)):
        if members[parent + 1]:
            numbers[parent] = len(numbers)
    found: list[Group] = []
    below_text: dict[int, int] = {}
    has_amounts = False
    for parent in reversed(numbers):
        ids = members[parent + 1]
        own = [teams[team] for team in ids]
        floor = _part([team.floor[pool] for team in own])
        limit = _part([team.limit[pool] for team in own])
        kept = _reduced([WHOLE - _millionths(Share(fraction=team.lend)) for team in own], ())
        common = gcd(*(team.weight_e4 for team in own)) or 1
        weights = tuple(team.weight_e4 // common for team in own)
        paths = tuple(team.path for team in own)
        texts_below = tuple(below_text.get(team, -1) for team in ids)
        text = texts.setdefault((paths, floor, limit, kept, weights, texts_below), len(texts))
        below_text[parent] = text
        has_amounts = has_amounts or bool(floor.gpus or limit.gpus)
        below = tuple((place, numbers[team]) for place, team in enumerate(ids) if team in numbers)
        above = -1 if parent < 0 else numbers[parents[parent]]
        place = 0 if parent < 0 else members[parents[parent] + 1].index(parent)
        is_whole = not limit.gpus and all(part == limit.whole for part in limit.parts)
        path = "" if parent < 0 else teams[parent].path
        found.append(Group(path, paths, above, place, below, floor, limit, kept, is_whole, weights, text))
    return Shape(tuple(reversed(found)), has_amounts)


def _part(shares: Sequence[Share]) -> Part:
    gpus = tuple(share.gpus or 0 for share in shares)
    return _reduced([_millionths(share) for share in shares], gpus if any(gpus) else ())


def _reduced(parts: Sequence[int], gpus: tuple[int, ...]) -> Part:
    common = gcd(WHOLE, *parts)
    return Part(tuple(part // common for part in parts), WHOLE // common, gpus)


def _millionths(share: Share) -> int:
    if share.fraction is None:
        return 0
    scaled = share.fraction * WHOLE
    assert scaled.denominator == 1, "percentages have four decimals at most"
    return scaled.numerator


# From the top down


def _parent(rows: Sequence[Row], group: Group, capacity: int) -> Ratio:
    if group.above < 0:
        return capacity, 1
    row = rows[group.above]
    return _lowest(row.numerators[group.place], row.denominator)


def _lowest(numerator: int, denominator: int) -> Ratio:
    common = gcd(numerator, denominator)
    return numerator // common, denominator // common


def _row(numerators: Sequence[int], denominator: int) -> Row:
    common = gcd(denominator, *numerators)
    if common == 1:
        return Row(numerators, denominator)
    return Row([number // common for number in numerators], denominator // common)


def _same(group: Group, floor: Ratio, limit: Ratio, like: Mapping[str, tuple[Group, Measures]]) -> Measures | None:
    """Return the measures of a group of the same text below a parent of the same floor and limit."""
    other = like.get(group.parent)
    if other is None or other[0].text != group.text:
        return None
    if group.above < 0:
        return other[1]
    place, above = _above(other[0], like)
    floors, limits = above.floor, above.limit
    same = _lowest(floors.numerators[place], floors.denominator) == floor
    return other[1] if same and _lowest(limits.numerators[place], limits.denominator) == limit else None


def _above(group: Group, like: Mapping[str, tuple[Group, Measures]]) -> tuple[int, Measures]:
    return group.place, like[group.parent.rpartition(".")[0]][1]


def _share(like: Mapping[str, tuple[Group, Measures]], group: Group, capacity: int) -> Ratio:
    """Return the sure share that the group's parent has in the other shape."""
    if group.above < 0:
        return capacity, 1
    place, measures = _above(like[group.parent][0], like)
    return _lowest(measures.sure.numerators[place], measures.sure.denominator)


def _limits(group: Group, parent: Ratio) -> Row:
    """The smallest along the path: N% of the parent's limit, or an amount if that is smaller."""
    above, denominator = parent
    if group.limit_is_whole:
        return Row([above] * len(group.teams), denominator)
    parts, whole, gpus = group.limit
    limits = [part * above for part in parts]
    denominator *= whole
    if gpus:
        most = above * whole
        limits = [
            min(most, amount * denominator) if amount else limit for limit, amount in zip(limits, gpus, strict=True)
        ]
    return _row(limits, denominator)


def _floors(group: Group, parent: Ratio, limits: Row) -> Row:
    """What each wants, within its limit; in proportion where that is more than the parent has."""
    above, under = parent
    parts, whole, gpus = group.floor
    denominator = under * whole
    wants = [part * above for part in parts]
    if gpus:
        wants = [want + amount * denominator for want, amount in zip(wants, gpus, strict=True)]
    if max(wants) * limits.denominator > min(limits.numerators) * denominator:
        common = lcm(denominator, limits.denominator)
        up, across = common // denominator, common // limits.denominator
        wants = [min(want * up, limit * across) for want, limit in zip(wants, limits.numerators, strict=True)]
        denominator = common
    total = sum(wants)
    if total * under > above * denominator:
        return _row([want * above for want in wants], under * total)
    return _row(wants, denominator)


def _sure(group: Group, share: Ratio, floors: Row, usable: Row) -> Row:
    """Floors first, the rest by weight up to what each could use; weight 0 comes after all others."""
    common = lcm(share[1], floors.denominator, usable.denominator)
    up, across = common // floors.denominator, common // usable.denominator
    caps = [cap * across for cap in usable.numerators]
    low = [min(floor * up, cap) for floor, cap in zip(floors.numerators, caps, strict=True)]
    left = share[0] * (common // share[1]) - sum(low)
    rooms = [cap - least for cap, least in zip(caps, low, strict=True)]
    assert left >= 0, "floors within what the parent could use fit into its share"
    if left >= sum(rooms):
        return _row(caps, common)
    weights: Sequence[int] = group.weights
    for_weighted = sum(room for room, weight in zip(rooms, weights, strict=True) if weight)
    if left >= for_weighted:  # all that have a weight are full: those that have none share what is left alike
        low = [cap if weight else least for least, cap, weight in zip(low, caps, weights, strict=True)]
        weights = [0 if weight else 1 for weight in weights]
        left -= for_weighted
    total = sum(weights)
    if max(weights) * left <= min(rooms) * total:  # no cap binds
        numerators = [least * total + left * weight for least, weight in zip(low, weights, strict=True)]
        return _row(numerators, common * total)
    some = [i for i, room in enumerate(rooms) if room and weights[i]]
    level, per = water_level(left, rooms, weights, some, 2 * max(weights).bit_length() + 2)
    numerators = [
        least * per + min(room * per, level * weight) for least, room, weight in zip(low, rooms, weights, strict=True)
    ]
    return _row(numerators, common * per)


# From the leaves up


def _kept(group: Group, floors: Row, kept: Sequence[Row]) -> Row:
    """What a team does not lend of its floor, or what the teams below it keep together, if that is more."""
    parts, whole, _ = group.kept
    below = [(place, sum(kept[number].numerators), kept[number].denominator) for place, number in group.below]
    below = [each for each in below if each[1]]
    if not below and not any(parts):
        return Row([0] * len(parts), 1)
    denominator = floors.denominator * whole
    own = [floor * part for floor, part in zip(floors.numerators, parts, strict=True)]
    common = lcm(denominator, *(under for _, _, under in below))
    if common != denominator:
        own = [number * (common // denominator) for number in own]
    for place, total, under in below:
        own[place] = max(own[place], total * (common // under))
    return _row(own, common)


def _usable(group: Group, limits: Row, kept: Row, usable: Sequence[Row]) -> Row:
    """What a team asks for while every leaf asks for everything: within its limit, and never less than it keeps.

    What is kept counts as demand of the team and of every team above, as in `equipoise.charter.entitlement`.
    """
    numerators, denominator = limits
    bound: list[tuple[int, int, int]] = []
    for place, number in group.below:
        total, under = sum(usable[number].numerators), usable[number].denominator
        if total * denominator < numerators[place] * under:
            bound.append((place, total, under))
    if not bound:
        return limits
    common = lcm(denominator, kept.denominator, *(under for _, _, under in bound))
    caps = [limit * (common // denominator) for limit in numerators]
    for place, total, under in bound:
        caps[place] = max(total * (common // under), kept.numerators[place] * (common // kept.denominator))
    return _row(caps, common)
