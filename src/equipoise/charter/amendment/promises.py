"""How promises differ: field by field, in the unit they are paid in, and by what others take from the room above floors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any

from equipoise.charter import difference_fields as fields
from equipoise.charter.amendment.moves import Direction, Move, Rule, fixed, higher, lower, moves
from equipoise.charter.checks import heh_share
from equipoise.charter.floors import exact_floors
from equipoise.charter.model import Charter
from equipoise.charter.promise import Calendar, Commitment, Window
from equipoise.units import decimal_text, percent_text

_PARTS: Mapping[Calendar, frozenset[Calendar]] = {
    "year": frozenset({"quarter", "month", "day"}),
    "quarter": frozenset({"month", "day"}),
    "month": frozenset({"day"}),
    "week": frozenset({"day"}),
    "day": frozenset(),
}


def is_split(old: Window, new: Window) -> bool:
    """Whether every old window is a disjoint union of new ones.

    Examples
    --------
    >>> is_split(Window("quarter"), Window("month")), is_split(Window("month"), Window("week"))
    (True, False)
    >>> is_split(Window(rolling_days=28), Window(rolling_days=14)), is_split(Window("quarter"), Window(rolling_days=1))
    (True, False)
    """
    if old.calendar is not None:
        return new.calendar is not None and new.calendar in _PARTS[old.calendar]
    if new.rolling_days is None or old.rolling_days is None:
        return False
    return new.rolling_days < old.rolling_days and old.rolling_days % new.rolling_days == 0


def _by_window(was: Window, now: Window) -> Direction | None:
    if was == now:
        return None
    return "stronger" if is_split(was, now) else "weaker" if is_split(now, was) else "unordered"


def _by_denominator(was: Commitment, now: Commitment) -> Direction | None:
    """Capacity is at least what is delivered: a floor under it is more, a ceiling less."""
    if (was.of, was.capacity_at_ms) == (now.of, now.capacity_at_ms):
        return None
    if {was.of, now.of} != {"delivered", "capacity"}:
        return "unordered"
    grows = now.of == "capacity"
    return "stronger" if grows == (now.at_most is None) else "weaker"


def _pools(promise: Commitment) -> Any:
    """Return what a change of pools is told by. Starts are counted, not paid: for them all pools stay all pools."""
    if promise.kind == "starts" and promise.all_pools:
        return "all"
    return frozenset(promise.pools)


def _itself(promise: Commitment) -> Commitment:
    return promise


_RULES: Mapping[str, Rule[Commitment]] = {
    "team": (fixed, lambda p: p.team),
    "pools": (fixed, _pools),
    "of": (_by_denominator, _itself),
    "window": (_by_window, lambda p: p.window),
    "unused": (higher, lambda p: p.unused == "carry"),
    "make_good": (higher, lambda p: p.make_good),
    "settle": (lower, lambda p: p.settle_ms),
    "warn_below": (higher, lambda p: p.warn_below),
    "public": (higher, lambda p: p.public),
}
_BY_KIND: Mapping[str, Mapping[str, Rule[Commitment]]] = {
    "at_least": {"at_least": (higher, lambda p: p.at_least), "pace_max": (higher, lambda p: p.pace_max)},
    "at_most": {"at_most": (lower, lambda p: p.at_most)},
    "starts": {
        "starts.jobs_up_to": (higher, lambda p: p.starts and p.starts.jobs_up_to),
        "starts.within": (lower, lambda p: p.starts and p.starts.within_ms),
        "starts.at_least": (higher, lambda p: p.starts and p.starts.at_least),
    },
}


def promise_moves(old: Charter, new: Charter, was: Commitment, now: Commitment) -> Iterator[Move]:
    """Yield how a promise that both charters have differs, by its own text and by the unit it is paid in."""
    if was.kind != now.kind:
        yield Move("unordered", "kind", was.kind, now.kind)
        return
    yield from moves({**_BY_KIND[was.kind], **_RULES}, was, now, fields.promise)
    if was.kind != "starts":
        yield from _unit(old, new, was, now)
    if old.timezone != new.timezone and None not in (was.window.calendar, now.window.calendar):
        yield Move("unordered", "timezone", old.timezone, new.timezone)


def _unit(old: Charter, new: Charter, was: Commitment, now: Commitment) -> Iterator[Move]:
    """Device-hours of several pools are added up by their weights: what counts is the ratio of any two."""
    common = [name for name in was.pools if name in now.pools]
    before, after = ([charter.pool(name).heh for name in common] for charter in (old, new))
    if any(x * after[0] != y * before[0] for x, y in zip(before, after, strict=True)):
        yield Move("unordered", "heh", _worth(common, before), _worth(common, after))


def _worth(pools: Sequence[str], heh: Sequence[Fraction]) -> str:
    return ", ".join(f"{name} {decimal_text(weight)}" for name, weight in zip(pools, heh, strict=True))


def cap_moves(was: Commitment | None, now: Commitment | None) -> Iterator[Move]:
    """Yield how an ``at_most`` differs for those whom it limits: tighter is weaker for them."""
    before, after = (
        None if promise is None else percent_text(promise.at_most or Fraction(0)) for promise in (was, now)
    )
    if was is None or now is None:
        yield Move("weaker" if was is None else "stronger", "at_most", before, after)
        return
    rules = {**_BY_KIND["at_most"], "window": _RULES["window"], "of": _RULES["of"]}
    if not (was.all_pools and now.all_pools):
        rules["pools"] = _RULES["pools"]
    for move in moves(rules, was, now, fields.promise):
        yield Move(opposite(move.direction), move.field, move.before, move.after)


def opposite(direction: Direction) -> Direction:
    """Return how a move looks to whom it binds."""
    return "unordered" if direction == "unordered" else "weaker" if direction == "stronger" else "stronger"


# Competition


def competition(old: Charter, new: Charter) -> dict[str, list[Move]]:
    """Return by promise how much more others' promises take from the room above floors that it may have to be kept from.

    That is what an ``at_least`` promise asks for above the floor of its team, at the planning capacity, where the two
    teams are unrelated and the promises share a pool.
    """
    before, after = _excess(old), _excess(new)
    found: dict[str, list[Move]] = {}
    were = {promise.name: promise for promise in old.commitments if promise.at_least is not None}
    are = {promise.name: promise for promise in new.commitments if promise.at_least is not None}
    for name, own in are.items():
        if name not in were:
            continue
        for rival, now in are.items():
            if rival == name:
                continue
            had = before[rival] if rival in were and _compete(were[name], were[rival]) else Fraction(0)
            has = after[rival] if _compete(own, now) else Fraction(0)
            if has > had:
                move = Move("weaker", f"competition of {rival}", percent_text(had), percent_text(has))
                found.setdefault(name, []).append(move)
    return found


def _compete(one: Commitment, other: Commitment) -> bool:
    return not _related(one.team, other.team) and not set(one.pools).isdisjoint(other.pools)


def _related(one: str, other: str) -> bool:
    return f"{one}.".startswith(f"{other}.") or f"{other}.".startswith(f"{one}.")


def _excess(charter: Charter) -> dict[str, Fraction]:
    floors: dict[str, tuple[Fraction, ...]] = {}
    found: dict[str, Fraction] = {}
    for promise in charter.commitments:
        if promise.at_least is None:
            continue
        team = charter.id_of(promise.team)
        for name in promise.pools:
            if name not in floors:
                floors[name] = exact_floors(charter, name, Fraction(charter.pool(name).capacity))[0]
        share = heh_share(charter, {name: floors[name][team] for name in promise.pools})
        found[promise.name] = max(Fraction(0), promise.at_least - share)
    return found
