"""Whether all promises can be kept at the planning capacity, in exact fractions (C404, W602, W607).

In every pool a team needs its floor, or what its promises ask for there, or what the teams below it need, whichever is
most. Three tests follow (φ is a promise's share, C a pool's capacity):

1. what the teams at the top need fits into C, and what a team needs fits under its limit;
2. the quantum: gangs start whole, so for every gang size g up to the team's largest, ``g·⌈φC/g⌉`` must fit into what
the
   others' needs leave; without ``max_job`` the largest size below which all fit is reported instead (W607);
3. with ``pace_max`` for ``at_least`` the needs at the top still fit, else the pacing bound is not promised (W602).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction

from equipoise.charter.checks import Breach
from equipoise.charter.floors import exact_floors
from equipoise.charter.model import Charter, Pool
from equipoise.charter.promise import Commitment
from equipoise.units import amount_text, percent_text


def check_promises(charter: Charter) -> Iterator[Breach]:
    """Yield C404, W602 and W607 for the ``at_least`` promises of a charter."""
    promises = [promise for promise in charter.commitments if promise.at_least is not None]
    unsafe: dict[str, tuple[int, str]] = {}
    for pool in charter.pools:
        chosen = [promise for promise in promises if pool.name in promise.pools]
        if chosen:
            yield from _in_pool(charter, pool, chosen, unsafe)
    named = {promise.name: promise for promise in promises}
    for name, (largest, pool) in unsafe.items():
        promise = named[name]
        said = f"{promise.team} has no max_job: gangs above {amount_text(largest)} in {pool} run outside the bound"
        hint = f"max_job: {largest} gpu" if largest else "leave more capacity unpromised"
        yield Breach("W607", ("commitments", name, "team"), said, hint)


def largest_safe_gang(owed: Fraction, room: Fraction) -> int | None:
    """Return the largest size up to which every gang size g has ``g·⌈owed/g⌉ ≤ room``; None where all have.

    Parameters
    ----------
    owed : Fraction
        φC, in GPUs.
    room : Fraction
        What the others' needs leave, in GPUs.

    Examples
    --------
    >>> largest_safe_gang(Fraction(10), Fraction(12)), largest_safe_gang(Fraction(10), Fraction(20))
    (6, 20)
    """
    if owed <= 0:
        return None
    # Rounding up to whole gangs wastes less than one gang: sizes within the slack are safe, and need no search.
    gang = max(1, int(room - owed))
    while True:
        count = -(-owed // gang)  # how many gangs of this size it takes
        if gang * count > room:
            return gang - 1
        if count == 1:
            return room.numerator // room.denominator
        # The same count holds up to the last g < owed / (count − 1); in that stretch g·count only grows.
        last = -(-owed // (count - 1)) - 1
        last = max(gang, int(last))
        if last * count > room:
            return int(room // count)
        gang = last + 1


def _in_pool(
    charter: Charter, pool: Pool, promises: Sequence[Commitment], unsafe: dict[str, tuple[int, str]]
) -> Iterator[Breach]:
    capacity = Fraction(pool.capacity)
    floors, limits = exact_floors(charter, pool.name, capacity)
    reach = _reachable(charter, limits)
    shares = [promise.at_least or Fraction(0) for promise in promises]
    needs = _needs(charter, floors, promises, [share * capacity for share in shares])
    broken = False
    for promise, share in zip(promises, shares, strict=True):
        team = charter.id_of(promise.team)
        if share * capacity > reach[team]:
            broken = True
            said = f"{percent_text(share)} of {pool.name} is {_gpus(share * capacity)}, above what the limits of"
            said += f" {promise.team} allow, {_gpus(reach[team])}"
            yield Breach("C404", ("commitments", promise.name, "at_least"), said, "raise the limit or name `pools`")
    total = _at_top(charter, needs)
    if total > capacity:
        said = f"floors and promises need {_gpus(total)} of {pool.name}, which has {_gpus(capacity)}"
        last = max(promises, key=lambda promise: promise.at_least or 0)
        yield Breach("C404", ("commitments", last.name, "at_least"), said, f"lower them by {_gpus(total - capacity)}")
        return
    if broken:
        return
    rooms, largest = _rooms(charter, capacity, needs, limits), _largest_jobs(charter)
    for promise, share in zip(promises, shares, strict=True):
        team = charter.id_of(promise.team)
        yield from _quantum(
            pool, promise, owed=share * capacity, room=rooms[team], largest=largest[team], unsafe=unsafe
        )
    paces = [(promise.pace_max or Fraction(0)) * capacity for promise in promises]
    total = _at_top(charter, _needs(charter, floors, promises, paces))
    if total > capacity:
        said = f"with pace_max, floors and promises need {_gpus(total)} of {pool.name}, which has {_gpus(capacity)}"
        largest = max(promises, key=lambda promise: promise.pace_max or 0)
        hint = "the pacing bound is not promised; lower pace_max or the floors of others"
        yield Breach("W602", ("commitments", largest.name, "pace_max"), said, hint)


def _quantum(
    pool: Pool,
    promise: Commitment,
    *,
    owed: Fraction,
    room: Fraction,
    largest: int | None,
    unsafe: dict[str, tuple[int, str]],
) -> Iterator[Breach]:
    safe = largest_safe_gang(owed, room)
    if safe is None:
        return
    if largest is None:
        if promise.name not in unsafe or safe < unsafe[promise.name][0]:
            unsafe[promise.name] = (safe, pool.name)
    elif largest > safe:
        count = -(-owed // (safe + 1))
        said = f"{promise.team} is owed {_gpus(owed)} of {pool.name}; in gangs of {safe + 1} that takes"
        said += f" {_gpus(Fraction((safe + 1) * count))}, and the others leave {_gpus(room)}"
        hint = f"max_job: {safe} gpu" if safe else "leave more capacity unpromised"
        yield Breach("C404", ("commitments", promise.name, "at_least"), said, hint)


def _needs(
    charter: Charter, floors: Sequence[Fraction], promises: Sequence[Commitment], asked: Sequence[Fraction]
) -> list[Fraction]:
    """Return per team the most of its floor, what its promises ask, and what the teams below it need."""
    needs = list(floors)
    for promise, wanted in zip(promises, asked, strict=True):
        team = charter.id_of(promise.team)
        needs[team] = max(needs[team], wanted)
    below = [Fraction(0)] * len(needs)
    parents = charter.parents
    for team in range(len(needs) - 1, -1, -1):
        needs[team] = max(needs[team], below[team])
        if parents[team] >= 0:
            below[parents[team]] += needs[team]
    return needs


def _reachable(charter: Charter, limits: Sequence[Fraction]) -> list[Fraction]:
    """Return per team what it can hold at most: its limit, and no more than the teams below it can."""
    parents = charter.parents
    below = [Fraction(0)] * len(limits)
    reach = list(limits)
    for team in range(len(limits) - 1, -1, -1):
        if not charter.teams[team].is_leaf:
            reach[team] = min(limits[team], below[team])
        if parents[team] >= 0:
            below[parents[team]] += reach[team]
    return reach


def _at_top(charter: Charter, needs: Sequence[Fraction]) -> Fraction:
    return sum((need for need, parent in zip(needs, charter.parents, strict=True) if parent < 0), Fraction(0))


def _rooms(
    charter: Charter, capacity: Fraction, needs: Sequence[Fraction], limits: Sequence[Fraction]
) -> list[Fraction]:
    """Return per team what the needs of all others leave to it, under the limits above it."""
    parents = charter.parents
    together = [Fraction(0)] * (len(needs) + 1)  # needs of all children, by parent id + 1
    for need, parent in zip(needs, parents, strict=True):
        together[parent + 1] += need
    rooms: list[Fraction] = []
    for team, parent in enumerate(parents):
        above = capacity if parent < 0 else rooms[parent]
        rooms.append(min(above - (together[parent + 1] - needs[team]), limits[team]))
    return rooms


def _largest_jobs(charter: Charter) -> list[int | None]:
    """Return per team the largest gang that a leaf below it may submit; None where one of them may submit any size."""
    largest: list[int | None] = [team.max_job if team.is_leaf else 0 for team in charter.teams]
    parents = charter.parents
    for team in range(len(largest) - 1, -1, -1):
        if parents[team] >= 0:
            above, own = largest[parents[team]], largest[team]
            largest[parents[team]] = None if above is None or own is None else max(above, own)
    return largest


def _gpus(value: Fraction) -> str:
    return amount_text(value.numerator) if value.denominator == 1 else f"{float(value):,.2f} GPUs"
