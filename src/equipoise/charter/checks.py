"""The exact checks of a charter's floors, limits and protections (C401 to C405, C504, W601, W603, W606).

Everything is compared at the planning capacity, as exact fractions. Where a value stands in a file is not known here: a
breach names the field by its path in the charter, and whoever read the file adds line and column.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction

from equipoise.charter.floors import exact_floors, quotas
from equipoise.charter.model import Charter
from equipoise.units import amount_text, duration_text, percent_text, shown


@dataclass(frozen=True, slots=True)
class Breach:
    """A rule of the charter language that a charter does not keep.

    Parameters
    ----------
    code : str
        ``C…`` forbids the charter, ``W…`` warns.
    subject : tuple of str
        The field's path, such as ``('teams', 'safety.alignment', 'floor', 'h100')``; a team is one element.
    message, hint : str
        One sentence with the value, and what to do.
    """

    code: str
    subject: tuple[str, ...]
    message: str
    hint: str = ""


def check_floors(charter: Charter) -> Iterator[Breach]:
    """Yield what is wrong with floors and limits at the planning capacity: C401, C402, C403, W601, W606."""
    resolved = {pool.name: exact_floors(charter, pool.name, Fraction(pool.capacity)) for pool in charter.pools}
    for pool in charter.pools:
        floors, limits = resolved[pool.name]
        yield from _siblings(charter, pool.name, floors, Fraction(pool.capacity))
        yield from _above_limit(charter, pool.name, floors, limits)
        yield from _rounded_away(charter, pool.name, pool.capacity, floors)
        yield from _mixed(charter, pool.name)
    yield from _under_nothing(charter, {name: floors for name, (floors, _) in resolved.items()})


def check_protections(charter: Charter) -> Iterator[Breach]:
    """Yield W603: a lender wants its floor back sooner than some borrower may finish saving its work."""
    leaves = charter.leaves
    by_grace = sorted(leaves, key=lambda leaf: -leaf.grace_ms)
    for leaf in leaves:
        if leaf.lend == 0 or all(share.is_zero for share in leaf.floor.values()):
            continue
        borrower = next((other for other in by_grace if other is not leaf), None)
        if borrower is not None and leaf.recover_ms < borrower.grace_ms:
            said = f"recover {duration_text(leaf.recover_ms)} of {leaf.path} is shorter than the grace"
            said += f" {duration_text(borrower.grace_ms)} of {borrower.path}"
            hint = f"recover: {duration_text(borrower.grace_ms)}, or a shorter grace: work will be lost"
            yield Breach("W603", ("teams", leaf.path, "recover"), said, hint)


def check_capacity_dates(charter: Charter) -> Iterator[Breach]:
    """Yield C405: a promise of capacity at a date that is not in the record when the charter takes force."""
    for promise in charter.commitments:
        if promise.capacity_at_ms is None:
            continue
        if charter.effective_ms is None or promise.capacity_at_ms > charter.effective_ms:
            said = "the capacity at that date is not known when the charter takes force"
            hint = "a date no later than `effective`" if charter.effective_ms is not None else "set `effective`"
            yield Breach("C405", ("commitments", promise.name, "of"), said, hint)


def check_succession(old: Charter, new: Charter) -> Iterator[Breach]:
    """Yield C504 where an amendment's revision is not one more than that of the charter in force, or its parent another."""
    if new.revision != old.revision + 1:
        said = f"revision {new.revision} does not follow revision {old.revision}"
        yield Breach("C504", ("revision",), said, f"revision: {old.revision + 1}")
    if not old.digest or new.parent != old.digest:
        said = f"parent {shown(new.parent or 'none')} is not the charter in force"
        yield Breach("C504", ("parent",), said, f"parent: {old.digest}")


def heh_share(charter: Charter, amounts: Mapping[str, Fraction]) -> Fraction:
    """Return Σ heh × amount ÷ Σ heh × capacity over the pools of ``amounts``: a part of several kinds of devices."""
    chosen = [pool for pool in charter.pools if pool.name in amounts]
    whole = sum((pool.heh * pool.capacity for pool in chosen), Fraction(0))
    return sum((pool.heh * amounts[pool.name] for pool in chosen), Fraction(0)) / whole


def check_ceilings(charter: Charter) -> Iterator[Breach]:
    """Yield C402 for a floor above an ``at_most`` of the same team."""
    ceilings = [promise for promise in charter.commitments if promise.at_most is not None]
    if not ceilings:
        return
    floors = {pool.name: exact_floors(charter, pool.name, Fraction(pool.capacity))[0] for pool in charter.pools}
    for promise in ceilings:
        team = charter.id_of(promise.team)
        share = heh_share(charter, {pool: floors[pool][team] for pool in promise.pools})
        assert promise.at_most is not None
        if share > promise.at_most:
            said = f"at_most {percent_text(promise.at_most)} is under the floor of {promise.team},"
            said += f" {percent_text(share)} of the promise's pools"
            yield Breach("C402", ("commitments", promise.name, "at_most"), said, "lower the floor or raise at_most")


def _siblings(charter: Charter, pool: str, floors: tuple[Fraction, ...], capacity: Fraction) -> Iterator[Breach]:
    """C401, at the sibling with which the sum goes over."""
    sums: dict[str | None, Fraction] = {}
    over: set[str | None] = set()
    for team, floor in zip(charter.teams, floors, strict=True):
        sums[team.parent] = sums.get(team.parent, Fraction(0)) + floor
        base = capacity if team.parent is None else floors[charter.id_of(team.parent)]
        if sums[team.parent] > base and team.parent not in over and floor > 0 and base > 0:
            over.add(team.parent)
            total = sum((floors[charter.id_of(other.path)] for other in charter.children(team.parent)), Fraction(0))
            whose = "the pool's capacity" if team.parent is None else f"the floor of {team.parent}"
            said = f"floors below {team.parent or 'the top'} add up to {_gpus(total)} in {pool},"
            said += f" {whose} is {_gpus(base)}"
            yield Breach("C401", ("teams", team.path, "floor", pool), said, f"lower them by {_gpus(total - base)}")


def _above_limit(
    charter: Charter, pool: str, floors: tuple[Fraction, ...], limits: tuple[Fraction, ...]
) -> Iterator[Breach]:
    for team, floor, limit in zip(charter.teams, floors, limits, strict=True):
        if floor > limit:
            said = f"the floor of {team.path} in {pool}, {_gpus(floor)}, is above its limit, {_gpus(limit)}"
            yield Breach("C402", ("teams", team.path, "floor", pool), said, "raise the limit or lower the floor")


def _under_nothing(charter: Charter, floors: dict[str, tuple[Fraction, ...]]) -> Iterator[Breach]:
    """C403. One percentage for all pools is an error only where the parent has no floor in any of them."""
    for team in charter.teams:
        if team.parent is None:
            continue
        parent = charter.id_of(team.parent)
        bare = [pool for pool in floors if not team.floor[pool].is_zero and floors[pool][parent] == 0]
        alike = len({id(share) for share in team.floor.values()}) == 1 and len(floors) > 1
        is_percent = all(share.fraction is not None for share in team.floor.values())
        if not bare or (alike and is_percent and len(bare) < len(floors)):
            continue
        said = f"{team.path} has a floor in {bare[0]} under {team.parent}, which has none there"
        yield Breach("C403", ("teams", team.path, "floor", bare[0]), said, f"give {team.parent} a floor first")


def _rounded_away(charter: Charter, pool: str, capacity: int, floors: tuple[Fraction, ...]) -> Iterator[Breach]:
    if not any(0 < floor < 2 for floor in floors):  # an exact floor of 1 or more is never rounded to 0, but shrinks
        return
    for team, exact, quota in zip(charter.teams, floors, quotas(charter, pool, capacity), strict=True):
        if exact > 0 and quota.floor == 0:
            said = f"the floor of {team.path} in {pool} is {_gpus(exact)} and rounds to 0"
            yield Breach("W601", ("teams", team.path, "floor", pool), said, "raise it to one GPU or more")


def _mixed(charter: Charter, pool: str) -> Iterator[Breach]:
    """W606, at the first sibling that writes the other way than the first."""
    seen: dict[tuple[str | None, str], bool] = {}
    told: set[tuple[str | None, str]] = set()
    for team in charter.teams:
        for name, share in (("floor", team.floor[pool]), ("limit", team.limit[pool])):
            if share.fraction in (0, 1):
                continue
            group = (team.parent, name)
            first = seen.setdefault(group, share.gpus is not None)
            if first != (share.gpus is not None) and group not in told:
                told.add(group)
                said = f"{name}s below {team.parent or 'the top'} mix amounts and percentages in {pool}"
                hint = "use one or the other: when capacity changes they move differently"
                yield Breach("W606", ("teams", team.path, name, pool), said, hint)


def _gpus(value: Fraction) -> str:
    if value.denominator == 1:
        return amount_text(value.numerator)
    return f"{float(value):,.2f} GPUs"
