"""What differs between two charters: what people wrote, and what that does to everybody's floors and promises.

`differences` is the main path. Names are identities: a team at another path is a removal and an addition, marked as
moved where its name says so. Beside each written value stand GPUs at the planning capacity, and a team whose own text
is the same appears all the same when its floor, its limit, what it keeps free or what it is due moves with others'.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, Protocol, TypeVar

from equipoise.charter import difference_fields as fields
from equipoise.charter.difference_fields import Fields
from equipoise.charter.entitlement import entitlements, tree
from equipoise.charter.explanation import share_text
from equipoise.charter.model import EVERYTHING, NOTHING, Charter, Pool, Team
from equipoise.charter.promise import Commitment

Mark = Literal["add", "change", "remove"]
Section = Literal["charter", "pool", "team", "promise", "gate", "board", "rules"]
Cause = Literal["written", "capacity", "parent", "siblings", "limit", "floor", "below", "others"]


class _Named(Protocol):
    @property
    def name(self) -> str: ...


R = TypeVar("R")
Named = TypeVar("Named", bound=_Named)


@dataclass(frozen=True, slots=True)
class Difference:
    """One value that is not what it was.

    Parameters
    ----------
    field : str
        As the language calls it (``floor``, ``protect.grace``); or what follows from it: ``kept`` (free while idle),
        ``due`` (when every team asks for everything), ``owed`` (of a promise, on average).
    before, after : str or None
        As people write it; None where it was not or is not there.
    pool : str or None
        Of a value that each pool has for itself.
    before_gpus, after_gpus : Fraction or None
        What it comes to at the planning capacity.
    cause : str
        ``written``: its own text. Else what moved it: the ``capacity`` of the machine, the floor or limit of its
        ``parent``, the floors of its ``siblings``, its own ``limit`` or ``floor``, teams ``below`` it, ``others``.
    """

    field: str
    before: str | None
    after: str | None
    pool: str | None = None
    before_gpus: Fraction | None = None
    after_gpus: Fraction | None = None
    cause: Cause = "written"

    def to_dict(self) -> dict[str, object]:
        """Return plain values for JSON; GPUs as numbers."""
        return {
            "field": self.field,
            "pool": self.pool,
            "before": self.before,
            "after": self.after,
            "before_gpus": _number(self.before_gpus),
            "after_gpus": _number(self.after_gpus),
            "cause": self.cause,
        }


@dataclass(frozen=True, slots=True)
class Change:
    """A part of the charter that is added, changed or removed.

    Parameters
    ----------
    mark : {'add', 'change', 'remove'}
    section : {'charter', 'pool', 'team', 'promise', 'gate', 'board', 'rules'}
    name : str
        A team's path, or the name.
    differences : tuple of Difference
    moved : str or None
        Of a team that is added or removed: the path that it seems to have had, or to have now.
    """

    mark: Mark
    section: Section
    name: str
    differences: tuple[Difference, ...] = ()
    moved: str | None = None

    @property
    def is_written(self) -> bool:
        """Whether its own text differs; else only what others' changes do to it."""
        return self.mark != "change" or any(each.cause == "written" for each in self.differences)

    def to_dict(self) -> dict[str, object]:
        """Return plain values for JSON."""
        return {
            "mark": self.mark,
            "section": self.section,
            "name": self.name,
            "written": self.is_written,
            "moved": self.moved,
            "differences": [each.to_dict() for each in self.differences],
        }


def differences(before: Charter | None, after: Charter) -> tuple[Change, ...]:
    """Compare two charters.

    Parameters
    ----------
    before : Charter or None
        The charter in force; None where there is none, and everything is added.
    after : Charter

    Returns
    -------
    tuple of Change
        In the order of the language: the charter itself, pools, teams, promises, gates, boards, rules; of the teams
        those of ``after`` in preorder, then those removed. Neither revision, parent nor comments make a change.

    Examples
    --------
    >>> def small(safety: int, product: int) -> Charter:
    ...     floors = {"product": Share(fraction=Fraction(product, 100)), "safety": Share(fraction=Fraction(safety, 100))}
    ...     teams = [Team(name, name, None, {"a": floor}, {"a": EVERYTHING}) for name, floor in floors.items()]
    ...     return Charter("Small", (Pool("a", "A100", 2, 8),), tuple(teams))
    >>> from equipoise.charter.model import Share
    >>> [(c.name, d.field, int(d.before_gpus), int(d.after_gpus), d.cause)
    ...  for c in differences(small(25, 50), small(50, 50)) for d in c.differences]
    [('product', 'due', 10, 8, 'others'), ('safety', 'floor', 4, 8, 'written'), ('safety', 'due', 6, 8, 'written')]
    """
    old = before or Charter("", (), ())
    found = [
        *_records("charter", {"charter": before} if before else {}, {"charter": after}, fields.CHARTER),
        *_records("pool", _by_name(old.pools), _by_name(after.pools), fields.POOL),
        *_teams(old, after),
        *_promises(old, after),
        *_records("gate", _by_name(old.release_gates), _by_name(after.release_gates), fields.gate),
        *_records("board", _by_name(old.boards), _by_name(after.boards), fields.board),
        *_records("rules", _rules(before, fields.RULES), _rules(after, fields.RULES), fields.rule),
    ]
    return tuple(found)


def _by_name(records: Sequence[Named]) -> dict[str, Named]:
    return {record.name: record for record in records}


def _rules(charter: Charter | None, rules: Mapping[str, Fields[Charter]]) -> dict[str, Mapping[str, str]]:
    """Return the texts of evidence, people and amendments; a rule without any text is not there."""
    found = {} if charter is None else {name: fields.texts(rule, charter) for name, rule in rules.items()}
    return {name: texts for name, texts in found.items() if texts}


def _records(section: Section, before: Mapping[str, R], after: Mapping[str, R], of: Fields[R]) -> Iterator[Change]:
    """Yield changes of records that are told apart by name."""
    for name, record in after.items():
        was = before.get(name)
        found = tuple(_texts({} if was is None else fields.texts(of, was), fields.texts(of, record)))
        if was is None or found:
            yield Change("add" if was is None else "change", section, name, found)
    for name, record in before.items():
        if name not in after:
            yield Change("remove", section, name, tuple(_texts(fields.texts(of, record), {})))


def _texts(before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[Difference]:
    for name in dict.fromkeys([*before, *after]):
        if before.get(name) != after.get(name):
            yield Difference(name, before.get(name), after.get(name))


# Promises


def _promises(before: Charter, after: Charter) -> Iterator[Change]:
    """Yield changes of promises, with what they owe on average in each pool."""
    old, new = _by_name(before.commitments), _by_name(after.commitments)
    for name in dict.fromkeys([*new, *old]):
        was, now = old.get(name), new.get(name)
        texts = _texts(fields.texts(fields.promise, was), fields.texts(fields.promise, now))
        written = tuple(texts)
        found = written + tuple(_owed(_owes(before, was), _owes(after, now), written=bool(written)))
        if was is None or now is None:
            yield Change("add" if was is None else "remove", "promise", name, found)
        elif found:
            yield Change("change", "promise", name, found)


def _owes(charter: Charter, promise: Commitment | None) -> dict[str, Fraction]:
    if promise is None or promise.at_least is None:
        return {}
    return {name: promise.at_least * charter.pool(name).capacity for name in promise.pools}


def _owed(before: Mapping[str, Fraction], after: Mapping[str, Fraction], *, written: bool) -> Iterator[Difference]:
    for pool in dict.fromkeys([*before, *after]):
        was, now = before.get(pool), after.get(pool)
        if was != now:
            yield Difference("owed", None, None, pool, was, now, "written" if written else "capacity")


# Teams


@dataclass(frozen=True, slots=True)
class _Standing:
    """What every team of a charter has in one pool, in whole GPUs at the planning capacity."""

    floor: Sequence[int]
    limit: Sequence[int]
    kept: Sequence[int]
    due: Sequence[int]
    capacity: int

    @classmethod
    def of(cls, charter: Charter, pool: Pool) -> _Standing:
        nodes = tree(charter, pool.name, pool.capacity)
        everything = [pool.capacity] * len(charter.teams)
        due = entitlements(nodes, pool.capacity, everything)
        return cls(nodes.floor, nodes.limit, nodes.reserve, due, pool.capacity)


@dataclass(frozen=True, slots=True)
class _Side:
    """One of the two charters: its teams by path and what they have in each pool."""

    charter: Charter
    teams: Mapping[str, int]
    pools: Mapping[str, _Standing]

    @classmethod
    def of(cls, charter: Charter) -> _Side:
        places = {team.path: number for number, team in enumerate(charter.teams)}
        return cls(charter, places, {pool.name: _Standing.of(charter, pool) for pool in charter.pools})

    def base(self, team: Team, pool: str, *, limit: bool = False) -> int | None:
        """Return what the team's percentage refers to, in GPUs; None where there is no such pool."""
        if pool not in self.pools:
            return None
        if team.parent is None:
            return self.pools[pool].capacity
        of = self.pools[pool].limit if limit else self.pools[pool].floor
        return of[self.teams[team.parent]]


def _teams(before: Charter, after: Charter) -> Iterator[Change]:
    old, new = _Side.of(before), _Side.of(after)
    pools = list(dict.fromkeys([*new.pools, *old.pools]))
    came = _moves(old, new)
    went = {source: target for target, source in came.items()}
    disturbed = {(t.parent, pool) for pool in pools for t in _rewritten(old, new, pool)}
    for team in after.teams:
        was = before.teams[old.teams[team.path]] if team.path in old.teams else None
        found = tuple(_team(old, new, was, team, pools, disturbed))
        if was is None:
            yield Change("add", "team", team.path, found, came.get(team.path))
        elif found:
            yield Change("change", "team", team.path, found)
    for team in before.teams:
        if team.path not in new.teams:
            found = tuple(_team(old, new, team, None, pools, disturbed))
            yield Change("remove", "team", team.path, found, went.get(team.path))


def _moves(old: _Side, new: _Side) -> dict[str, str]:
    """Return the former paths of added teams whose name only they have, and only one of the removed teams had."""
    added = [team for team in new.charter.teams if team.path not in old.teams]
    removed = [team for team in old.charter.teams if team.path not in new.teams]
    once = Counter(team.name for team in added)
    gone = Counter(team.name for team in removed)
    paths = {team.name: team.path for team in removed}
    return {team.path: paths[team.name] for team in added if once[team.name] == gone[team.name] == 1}


def _rewritten(old: _Side, new: _Side, pool: str) -> Iterator[Team]:
    """Yield the teams that come, go or have another floor written: their siblings' rounding may follow."""
    for team in new.charter.teams:
        was = old.charter.teams[old.teams[team.path]] if team.path in old.teams else None
        if was is None or was.floor.get(pool) != team.floor.get(pool):
            yield team
    yield from (team for team in old.charter.teams if team.path not in new.teams)


def _team(
    old: _Side,
    new: _Side,
    was: Team | None,
    now: Team | None,
    pools: Sequence[str],
    disturbed: set[tuple[str | None, str]],
) -> Iterator[Difference]:
    for pool in pools:
        yield from _in_pool(old, new, was, now, pool, disturbed)
    yield from _texts(fields.texts(fields.TEAM, was), fields.texts(fields.TEAM, now))


def _in_pool(
    old: _Side, new: _Side, was: Team | None, now: Team | None, pool: str, disturbed: set[tuple[str | None, str]]
) -> Iterator[Difference]:
    """Yield how a team's floor, limit, what it keeps and what it is due differ in a pool, in this order."""
    team = now or was
    assert team is not None
    had, has = _gpus(old, was, pool), _gpus(new, now, pool)
    floors, limits = _shares(was, now, pool, of="floor"), _shares(was, now, pool, of="limit")
    own = floors[0] != floors[1] or limits[0] != limits[1]
    if floors[0] != floors[1] or had["floor"] != has["floor"]:
        moved = was is None or now is None or old.base(was, pool) != new.base(now, pool)
        cause: Cause = "siblings" if (team.parent, pool) in disturbed else "limit"
        cause = ("capacity" if team.parent is None else "parent") if moved else cause
        cause = "written" if floors[0] != floors[1] else cause
        yield Difference("floor", *floors, pool, had["floor"], has["floor"], cause)
    if limits[0] != limits[1] or (had["limit"] != has["limit"] and None not in limits):
        moved = was is None or now is None or old.base(was, pool, limit=True) != new.base(now, pool, limit=True)
        cause = ("capacity" if team.parent is None else "parent") if moved else "floor"
        yield Difference(
            "limit", *limits, pool, had["limit"], has["limit"], "written" if limits[0] != limits[1] else cause
        )
    if had["kept"] != has["kept"]:
        lent = was is not None and now is not None and was.lend == now.lend
        cause = "written" if not lent else "floor" if had["floor"] != has["floor"] else "below"
        yield Difference("kept", None, None, pool, had["kept"], has["kept"], cause)
    if had["due"] != has["due"]:
        own = own or was is None or now is None or was.weight_e4 != now.weight_e4
        yield Difference("due", None, None, pool, had["due"], has["due"], "written" if own else "others")


def _gpus(side: _Side, team: Team | None, pool: str) -> dict[str, Fraction | None]:
    if team is None or pool not in side.pools:
        return dict.fromkeys(("floor", "limit", "kept", "due"))
    place, of = side.teams[team.path], side.pools[pool]
    return {
        "floor": Fraction(of.floor[place]),
        "limit": Fraction(of.limit[place]),
        "kept": Fraction(of.kept[place]),
        "due": Fraction(of.due[place]),
    }


def _shares(
    was: Team | None, now: Team | None, pool: str, *, of: Literal["floor", "limit"]
) -> tuple[str | None, str | None]:
    """Return a team's floor or limit in a pool as written before and after, the default where the pool is missing."""
    default = NOTHING if of == "floor" else EVERYTHING

    def text(team: Team | None) -> str | None:
        if team is None:
            return None
        return share_text((team.floor if of == "floor" else team.limit).get(pool, default))

    return text(was), text(now)


def _number(gpus: Fraction | None) -> int | float | None:
    if gpus is None:
        return None
    return gpus.numerator if gpus.denominator == 1 else float(gpus)
