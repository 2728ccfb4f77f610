"""Emergencies: a bounded change without notice that ends by itself.

What it may touch, how much of every floor and sure share it must keep, and how often one may begin is read from the
charter in force. Promises do not change: hours that an emergency denies are denied hours.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from zoneinfo import ZoneInfo

from equipoise.charter.amendment.measured import compared
from equipoise.charter.checks import Breach
from equipoise.charter.governance import Emergency
from equipoise.charter.model import Charter
from equipoise.units import decimal_text, duration_text, percent_text

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MAY_DIFFER = (
    "floor",
    "limit",
    "weight_e4",
    "lend",
    "recover_ms",
    "grace_ms",
    "min_runtime_ms",
    "reclaims_per_day",
)
_OF_EVERY_FILE = ("revision", "parent", "digest")


@dataclass(frozen=True, slots=True)
class Run:
    """An emergency from when it began until it ends; Unix milliseconds."""

    begins_ms: int
    ends_ms: int


def check_emergency(old: Charter, new: Charter) -> Iterator[Breach]:
    """Yield what forbids a charter as an emergency: C509 none is provided for, C510 other fields, C511 keeps too little."""
    rule = None if old.amendments is None else old.amendments.emergency
    if rule is None:
        hint = "amend the charter, or provide for emergencies before there is one"
        yield Breach("C509", ("amendments",), "the charter in force has no emergency", hint)
        return
    other = list(_other_fields(old, new))
    for what in other:
        said = f"an emergency changes {what}"
        yield Breach("C510", (what,), said, "only floor, limit, weight, lend, recover, protect of teams that are there")
    if not other:
        yield from _keeps(old, new, rule.keep)


def check_turn(rule: Emergency, timezone: str, past: Sequence[Run], at_ms: int) -> Iterator[Breach]:
    """Yield C512 where an emergency would begin too soon after the last, or too often in its calendar quarter."""
    if past and at_ms < past[-1].ends_ms + rule.lasts_ms:
        said = f"the last emergency ended less than {duration_text(rule.lasts_ms)} before"
        yield Breach("C512", ("amendments", "emergency"), said, "amend the charter with notice")
    begun = sum(_quarter(run.begins_ms, timezone) == _quarter(at_ms, timezone) for run in past)
    if begun >= rule.per_quarter:
        said = f"{begun} emergencies began in this quarter"
        yield Breach("C512", ("amendments", "emergency"), said, "amend the charter with notice")


def _other_fields(old: Charter, new: Charter) -> Iterator[str]:
    """Yield what differs and may not: what is not named as allowed is not allowed, also if it is added to the language."""
    for field in fields(Charter):
        name = field.name
        if field.compare and name not in (*_OF_EVERY_FILE, "teams") and getattr(old, name) != getattr(new, name):
            yield name.removesuffix("_ms")
    were, are = ({team.path: team for team in charter.teams} for charter in (old, new))
    yield from (
        f"team {path}, which it adds or removes"
        for path in dict.fromkeys([*were, *are])
        if (path in were) != (path in are)
    )
    for path, team in were.items():
        if path in are and replace(are[path], **{name: getattr(team, name) for name in _MAY_DIFFER}) != team:
            yield f"team {path} in another field"


def _keeps(old: Charter, new: Charter, keep: Fraction) -> Iterator[Breach]:
    """Yield C511 for each team whose floor or sure share is, in some pool at some capacity, below ``keep`` of what it was."""
    told: set[tuple[str, str, str]] = set()
    for pool, capacity, was, now in compared(old, new):
        for parent, (group, before) in was.items():
            after = now[parent][1]
            for name, row, other in (("floor", before.floor, after.floor), ("sure share", before.sure, after.sure)):
                for place, path in enumerate(group.teams):
                    had = row.numerators[place] * other.denominator * keep.numerator
                    has = other.numerators[place] * row.denominator * keep.denominator
                    if has < had and (path, name, pool) not in told:
                        told.add((path, name, pool))
                        gpus = (Fraction(of.numerators[place], of.denominator) for of in (row, other))
                        before_gpus, after_gpus = (decimal_text(number) for number in gpus)
                        said = f"the {name} of {path} in {pool} at {capacity:,} GPUs falls from {before_gpus} to {after_gpus}"
                        yield Breach("C511", ("teams", path), said, f"an emergency keeps {percent_text(keep)}")


def _quarter(at_ms: int, timezone: str) -> tuple[int, int]:
    local = (_EPOCH + timedelta(milliseconds=at_ms)).astimezone(ZoneInfo(timezone))
    return local.year, (local.month - 1) // 3
