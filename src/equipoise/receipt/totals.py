"""The totals of pools and teams at both ends of a window, held against what its closes add up to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from equipoise.account import Judgement
from equipoise.errors import VerificationError
from equipoise.units import read_json_integer

Values = Mapping[str, Any]
HELD, LOST = 0, 3  # of a team's row, behind pool and team
CAPACITY, DOWN, MAINTENANCE = 0, 4, 5  # of a pool's row, behind its name
WHOLE_LAB = ""


def agree(judgement: Judgement, totals: Sequence[Values], *, origin_ms: int) -> bool:
    """Whether hours owed and delivered were found to be those of the totals; False where there are none to compare with.

    Raises
    ------
    VerificationError
        V106 where they differ, or totals are of other times.
    """
    span = judgement.terms.span
    at = {origin_ms + int(values["at_ms"]): values for values in totals}
    if len(at) != len(totals) or not set(at) <= {span.from_ms, span.to_ms}:
        raise VerificationError(
            "V106", "the receipt has totals that do not belong to it", hint="they are of the window's two ends"
        )
    end, begin = at.get(span.to_ms), at.get(span.from_ms)
    if end is None or (begin is None and span.from_ms != origin_ms):
        return False
    owed, delivered = _of_totals(judgement, begin, end)
    if owed is None or delivered is None:
        return False
    if (owed, delivered) != _of_closes(judgement):
        raise VerificationError(
            "V106", "the closes do not agree with the totals of pools and teams", hint="ask for an audit"
        )
    return True


def _of_closes(judgement: Judgement) -> tuple[int, int]:
    """Return all that was owed and delivered in the window, whatever it paid for."""
    verdict, made_good = judgement.verdict, judgement.made_good
    lapsed = judgement.lapsed if judgement.terms.promise.kind == "at_least" else 0
    return verdict.owed + lapsed, verdict.delivered + (made_good.delivered if made_good is not None else 0)


def _of_totals(judgement: Judgement, begin: Values | None, end: Values) -> tuple[int | None, int | None]:
    """Return the same by the totals; None where a row is missing."""
    terms = judgement.terms
    scale, promise = terms.scale, terms.promise

    def grown(team: str | None) -> int | None:
        last, first = _sum(scale.weights, end, team), 0 if begin is None else _sum(scale.weights, begin, team)
        return None if last is None or first is None else last - first

    if promise.of == "capacity at":
        whole = None if terms.capacity is None else terms.capacity * terms.span.length_ms
    else:
        whole = grown(WHOLE_LAB if promise.of == "delivered" else None)
    own = grown(promise.team)
    return None if whole is None else scale.p * whole, None if own is None else scale.q * own


def _sum(weights: Mapping[str, int], values: Values, team: str | None) -> int | None:
    """Weighted GPU-milliseconds of the promise's pools: held less lost by a team, or (None) of devices that were up."""
    found: dict[str, int] = {}
    for pool, *row in values["pools" if team is None else "teams"]:
        if pool not in weights or (team is not None and row[0] != team):
            continue
        numbers = [read_json_integer(value) for value in row[team is not None :]]
        if pool in found or None in numbers:
            raise ValueError("a row of totals")
        known = [number for number in numbers if number is not None]
        less = known[LOST] if team is not None else known[DOWN] + known[MAINTENANCE]
        found[pool] = weights[pool] * (known[HELD if team is not None else CAPACITY] - less)
    return sum(found.values()) if len(found) == len(weights) else None
