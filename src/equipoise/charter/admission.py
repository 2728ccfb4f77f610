"""Whether all promises can be kept at the planning capacity, in exact fractions (C404, W602, W607, W608).

In every pool a team needs its floor, or what its promises ask for there, or what the teams below it need, whichever is
most. Three tests follow (φ is a promise's share, C a pool's capacity):

1. what the teams at the top need fits into C, and what a team needs fits under its limit;
2. the quantum: gangs start whole, so for every gang size g up to the team's largest, ``g·⌈φC/g⌉`` must fit into what the
   others' needs leave; without ``max_job`` the largest size below which all fit is reported instead (W607);
3. with ``pace_max`` for ``at_least`` the needs at the top still fit, else the pacing bound is not promised (W602).

Passing these does not make a promise certain. What does is in `equipoise.charter.pacing`, in whole GPUs: the rounded floors at
all levels fit at once, and windows are long enough for pace_max. Where that fails it is said with what would mend it (W608).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction

from equipoise.charter import pacing
from equipoise.charter.checks import Breach
from equipoise.charter.floors import exact_floors, quotas
from equipoise.charter.model import Charter, Pool
from equipoise.charter.promise import Commitment
from equipoise.units import DAY_MS, MINUTE_MS, amount_text, duration_text, percent_text


def check_promises(charter: Charter) -> Iterator[Breach]:
    """Yield C404, W602, W607 and W608 for the ``at_least`` promises of a charter."""
    promises = [promise for promise in charter.commitments if promise.at_least is not None]
    unsafe: dict[str, tuple[int, str]] = {}
    notices = pacing.notices_ms(charter)
    for pool in charter.pools:
        chosen = [promise for promise in promises if pool.name in promise.pools]
        if chosen:
            found = list(_in_pool(charter, pool, chosen, unsafe))
            yield from found
            if all(breach.code != "C404" for breach in found):
                yield from _uncertain(charter, pool, chosen, notices)
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
    rooms, largest = _rooms(charter, capacity, needs, limits), pacing.largest_gangs(charter)
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


def _uncertain(
    charter: Charter, pool: Pool, promises: Sequence[Commitment], notices: Sequence[int]
) -> Iterator[Breach]:
    """W608, where the bound of pacing is not promised: at the largest rounded floor, and at each window that is too short."""
    asked = {promise.name: asked_in(charter, promise, pool, notices) for promise in promises}
    for promise in promises:
        if not asked[promise.name].keeps_up:
            yield _too_short(promise, pool, asked[promise.name])
    largest = pacing.largest_gangs(charter)
    gangs = {promise.name: pacing.counted_gang(largest[charter.id_of(promise.team)]) for promise in promises}
    whole = quotas(charter, pool.name, pool.capacity)
    own = [quota.floor for quota in whole]
    for promise in promises:
        team = charter.id_of(promise.team)
        own[team] = max(own[team], pacing.rounded_floor(asked[promise.name].level, gangs[promise.name]))
    parents, limits = charter.parents, [quota.limit for quota in whole]
    needs = pacing.needed(parents, own)
    if pacing.fits(parents, needs, limits, pool.capacity):
        return
    widest = max(promises, key=lambda one: asked[one.name].level + gangs[one.name])
    level, gang = asked[widest.name].level, gangs[widest.name]
    total = sum(need for need, parent in zip(needs, parents, strict=True) if parent < 0)
    said = f"floors and promises in whole gangs need {amount_text(total)} of {pool.name}, which has {pool.capacity:,}"
    over = total - pool.capacity
    for team, need, limit in zip(charter.teams, needs, limits, strict=True):
        if need > limit and over <= 0:
            said = f"with promises in whole gangs {team.path} needs {amount_text(need)} of {pool.name}, its limit is {limit:,}"
            over = need - limit
    said += f" ({widest.team}: {level:,} - 1 + gangs of up to {gang:,} = {pacing.rounded_floor(level, gang):,});"
    said += " pacing keeps no devices then, and a shortfall can happen"
    hint = f"lower max_job of {widest.team}, floors of others, or what is promised, by {over:,} GPUs together"
    yield Breach("W608", ("commitments", widest.name, "at_least"), said, hint)


def asked_in(charter: Charter, promise: Commitment, pool: Pool, notices: Sequence[int]) -> pacing.Asked:
    """Return what an ``at_least`` promise asks for in a pool at the planning capacity; ``notices`` is τ of every team."""
    share = promise.at_least or Fraction(0)
    margin_ms = 2 * notices[charter.id_of(promise.team)]
    window_ms = pacing.shortest_ms(promise.window, charter.timezone)
    return pacing.ask(share, promise.pace_max or share, pool.capacity, window_ms=window_ms, margin_ms=margin_ms)


def _too_short(promise: Commitment, pool: Pool, asked: pacing.Asked) -> Breach:
    run_ms = asked.window_ms - asked.margin_ms
    said = f"{promise.team} is owed {_gpus(asked.share)} of {pool.name} over {duration_text(asked.window_ms)}, of which"
    said += f" {duration_text(asked.margin_ms)} are a margin (borrowers go on for up to {duration_text(asked.margin_ms // 2)});"
    remedies: list[str] = []
    if run_ms > 0:
        wanted = asked.share * asked.window_ms / run_ms
        said += f" in the rest that takes {_gpus(wanted)}, and pace_max allows {asked.most:,}"
        points = -(-wanted * 10_000 // pool.capacity)
        if points <= 10_000:
            remedies.append(f"pace_max: {percent_text(Fraction(points, 10_000))}")
    else:
        said += " nothing is left to catch up in"
    spare = 1 - asked.share / asked.most  # of a window: what may be lost to the margin at P_max
    notice_ms = int(asked.window_ms * spare / 2) // MINUTE_MS * MINUTE_MS
    if notice_ms > 0:
        remedies.append(f"recover: {duration_text(notice_ms)}")
    if spare > 0:
        remedies.append(f"a window of {-(-asked.margin_ms // (spare * DAY_MS))}d or longer")
    said += "; a shortfall can happen"
    return Breach("W608", ("commitments", promise.name, "window"), said, ", or ".join(remedies) or "promise less")


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


def _gpus(value: Fraction) -> str:
    return amount_text(value.numerator) if value.denominator == 1 else f"{float(value):,.2f} GPUs"
