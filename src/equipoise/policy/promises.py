"""The promises of a run, laid out for the kernel: which are accounted, which pace, and what each may ask for.

The reference charter's promises are accounted; they also pace where that charter executes. Where another charter executes, its own
promises follow them: they pace, and nobody judges them.

Where charters follow one another, a window is judged by the text in force when it began. So a promise whose terms change is counted
twice, once by each text: the old one paces until its last window is over, the new one from its first window on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import gcd, lcm
from typing import Any

import numpy as np
from numpy.typing import NDArray

from equipoise.charter import pacing
from equipoise.charter.model import Charter, Pool
from equipoise.charter.promise import Commitment
from equipoise.errors import InputError
from equipoise.policy.kernel import layout as k
from equipoise.policy.kernel.promises import look_anew
from equipoise.policy.plan import Plan
from equipoise.units import DAY_MS
from equipoise.workload.model import Workload

_MOST = 1 << 62
_OF = {"delivered": k.BY_DELIVERED, "capacity": k.BY_CAPACITY, "capacity at": k.BY_RECORD}
_LONGEST_MS = {"day": 2, "week": 8, "month": 32, "quarter": 93, "year": 367}


@dataclass(frozen=True, slots=True)
class Promised:
    """A promise of hours as the kernel counts it.

    Parameters
    ----------
    number : int
        Its place in the kernel's arrays.
    promise : Commitment
    foreign : bool
        Of a charter that executes and is not accounted against.
    acting : bool
        Whether it moves floors or limits of what executes.
    p, q : int
        The share in lowest terms.
    weights : mapping of pool name to int
        What a device of each pool counts for; in lowest terms, as in the account.
    first_span, spans : int
        Where its windows stand in the kernel's arrays, and how many may be open at once.
    margin_ms : int
        Delta: how long before a window's end pacing aims.
    largest : int
        The team's largest gang, for the rounded floor.
    charter : Charter
        The text that it is judged by: the first in which it has these terms.
    charters : tuple of int
        Of the charters that come into force one after another, those that promise the same on the same terms.
    """

    number: int
    promise: Commitment
    foreign: bool
    acting: bool
    p: int
    q: int
    weights: dict[str, int]
    first_span: int
    spans: int
    margin_ms: int
    largest: int
    charter: Charter
    charters: tuple[int, ...] = (0,)

    @property
    def longest_ms(self) -> int:
        """The longest that a window of it can be."""
        window = self.promise.window
        days = window.rolling_days if window.calendar is None else _LONGEST_MS[window.calendar]
        assert days is not None
        return days * DAY_MS


def promised(plans: Sequence[Plan], references: Sequence[Plan]) -> tuple[Promised, ...]:
    """Return the promises of hours that a run counts, the accounted ones first; plans in the order in which they come into force."""
    found: list[Promised] = []
    same = plans[0].lines is references[0].lines
    for number, reference in enumerate(references):
        for one in _of_hours(reference.charter):
            _enter(found, _promised(found, one, reference, number, foreign=False, acting=same and plans[0].paces))
    if not same and plans[0].paces:
        for number, plan in enumerate(plans):
            for one in _of_hours(plan.charter):
                _enter(found, _promised(found, one, plan, number, foreign=True, acting=True))
    return tuple(found)


def _enter(found: list[Promised], new: Promised) -> None:
    """Add a promise, or note that another charter promises the same on the same terms."""
    for at, one in enumerate(found):
        if one.foreign == new.foreign and _terms(one) == _terms(new):
            found[at] = replace(one, charters=tuple(sorted({*one.charters, *new.charters})))
            return
    found.append(new)


def _terms(one: Promised) -> tuple[object, ...]:
    """Return all by which a promise's windows are paced and judged."""
    expected = {pool.name: pool.capacity for pool in one.charter.pools}
    leaves = [team.path for team in one.charter.leaves if _within(team.path, one.promise.team)]
    asked = asks(one, one.charter, expected)
    return one.promise, one.weights, one.margin_ms, one.largest, one.charter.timezone, leaves, asked


@dataclass(frozen=True, slots=True)
class StartsPromised:
    """A promise of starts; the kernel tells which jobs it counts by a bit, its place among `starts_promised`."""

    promise: Commitment
    charter: Charter
    charters: tuple[int, ...]


def starts_promised(charters: Sequence[Charter]) -> tuple[StartsPromised, ...]:
    """Return the promises of starts of charters that come into force one after another; equal ones are one."""
    found: list[StartsPromised] = []
    for number, charter in enumerate(charters):
        for promise in charter.commitments:
            if promise.kind == "starts":
                same = [
                    at
                    for at, one in enumerate(found)
                    if _starts_terms(one.promise, one.charter) == _starts_terms(promise, charter)
                ]
                if same:
                    found[same[0]] = replace(found[same[0]], charters=(*found[same[0]].charters, number))
                else:
                    found.append(StartsPromised(promise, charter, (number,)))
    return tuple(found)


def _starts_terms(promise: Commitment, charter: Charter) -> tuple[object, ...]:
    return promise, charter.timezone


def _of_hours(charter: Charter) -> list[Commitment]:
    return [one for one in charter.commitments if one.kind != "starts"]


def _promised(
    before: list[Promised], one: Commitment, plan: Plan, number: int, *, foreign: bool, acting: bool
) -> Promised:
    share = one.at_least if one.at_least is not None else one.at_most
    assert share is not None
    heh = {name: plan.charter.pool(name).heh for name in one.pools}
    below = lcm(*(weight.denominator for weight in heh.values()))
    whole = {name: int(weight * below) for name, weight in heh.items()}
    common = gcd(*whole.values())
    weights = {name: weight // common for name, weight in whole.items()}
    window = one.window
    spans = 1 if window.calendar is not None else (window.rolling_days or 0) + 1
    first = before[-1].first_span + before[-1].spans if before else 0
    team = plan.charter.id_of(one.team)
    return Promised(
        len(before), one, foreign, acting, share.numerator, share.denominator, weights, first, spans,
        2 * pacing.notices_ms(plan.charter)[team], pacing.counted_gang(pacing.largest_gangs(plan.charter)[team]),
        plan.charter, (number,),
    )  # fmt: skip


def _within(path: str, team: str) -> bool:
    return path == team or path.startswith(team + ".")


def lay_out(
    found: Sequence[Promised],
    plan: Plan,
    references: Sequence[Plan],
    pools: Sequence[Pool],
    n_jobs: int,
    workload: Workload,
) -> dict[str, NDArray[Any]]:
    """Return the kernel's arrays of promises, their pools, windows and budgets; lists of promises by reference row."""
    reference = references[0]
    members = sum(len(one.weights) for one in found)
    arrays: dict[str, NDArray[Any]] = {
        "promises": np.zeros(max(1, len(found)), k.PROMISE),
        "members": np.zeros(max(1, members), k.MEMBER),
        "spans": np.zeros(max(1, sum(one.spans for one in found)), k.SPAN),
    }
    arrays["spans"]["to_ms"] = k.NEVER
    names = [pool.name for pool in pools]
    member = span = 0
    for one in found:
        x = arrays["promises"][one.number]
        x["p"], x["q"], x["margin_ms"], x["largest"] = one.p, one.q, one.margin_ms, one.largest
        x["member"], x["members"], x["span"], x["spans"] = member, len(one.weights), span, one.spans
        x["of"], x["forfeit"] = _OF[one.promise.of], one.promise.unused == "forfeit"
        if one.promise.of == "capacity at":
            x["whole"] = sum(weight * pools[names.index(name)].capacity for name, weight in one.weights.items())
        x["rise"] = 0 if x["forfeit"] else one.p * int(x["whole"])  # nobody holds or asks for anything yet
        x["kind"] = k.AT_LEAST if one.promise.kind == "at_least" else k.AT_MOST
        x["foreign"], x["acting"], x["head"], x["tail"] = one.foreign, one.acting, -1, -1
        of = plan if one.foreign else reference
        for name, weight in one.weights.items():
            m = arrays["members"][member]
            pool = names.index(name)
            m["weight"], m["pool"], m["promise"], m["limit"] = weight, pool, one.number, k.NEVER
            m["row"] = pool * len(of.lines) + of.line_of(one.promise.team)
            member += 1
        span += one.spans
    arrays["covers"], arrays["covering"] = _covers(found, reference, len(pools), names)
    arrays["refusals"] = refusal_rows(workload, reference, names) if found else np.zeros(0, k.REFUSAL)
    arrays["budgets"] = np.zeros(len(found) * (n_jobs + len(arrays["refusals"])), k.BUDGET)
    arrays["starts_rules"] = _starts_rules(references, names)
    return arrays


def refusal_rows(workload: Workload, reference: Plan, names: Sequence[str]) -> NDArray[Any]:
    """Refused requests as demand: at the reference row of their team, of the size that they had over their window."""
    told = workload.refusals()
    found = np.zeros(len(told.at_ms), k.REFUSAL)
    lines = np.array([reference.leaf_of(path) for path in workload.teams] or [0], np.int64)
    pools = np.array([names.index(name) if name else 0 for name in workload.pools] or [0], np.int64)
    found["at_ms"], found["amount"], found["gang"] = np.maximum(told.at_ms, 0), told.amount_gpu_ms, told.gpus
    found["row"] = pools[told.pool] * len(reference.lines) + lines[told.team]
    return found


def _starts_rules(references: Sequence[Plan], names: Sequence[str]) -> NDArray[Any]:
    """One record for every pool of every promise of starts; the bit is the promise's number among them."""
    found: list[tuple[int, int, int, int]] = []
    lines = len(references[0].lines)
    for bit, one in enumerate(starts_promised([reference.charter for reference in references])):
        assert one.promise.starts is not None
        row, up_to = references[0].line_of(one.promise.team), one.promise.starts.jobs_up_to
        found += [(names.index(name) * lines + row, up_to, bit, 0) for name in one.promise.pools]
    return np.array(found, k.STARTS_RULE)


def _covers(
    found: Sequence[Promised], reference: Plan, n_pools: int, names: Sequence[str]
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Which accounted promises a row's work counts for: where each row's list begins, and the lists."""
    lists: list[list[int]] = [[] for _ in range(n_pools * len(reference.lines))]
    for one in found:
        if not one.foreign and one.promise.kind == "at_least":
            for pool in one.weights:
                for number, line in enumerate(reference.lines):
                    if line.path and _within(line.path, one.promise.team):
                        lists[names.index(pool) * len(reference.lines) + number].append(one.number)
    begins = np.concatenate([[0], np.cumsum([len(one) for one in lists])]).astype(np.int32)
    flat = [number for one in lists for number in one]
    return begins, np.array(flat or [-1], np.int32)


def settle(
    get: Callable[[str], Any], found: Sequence[Promised], plan: Plan, reference: Plan, pools: Sequence[Pool], p: int
) -> None:
    """Write what floors, limits and promises rest on after the devices or the quotas of pool ``p`` changed.

    ``get`` returns a member of the state as records; floors, limits and reserves stand in it as quotas give them.
    """
    n, n_refs = len(plan.lines), len(reference.lines)
    for v in range(p * n, (p + 1) * n):
        row = get("rows")[v]
        row.rounded = row.firm = row.floor
        row.still_limit, row.still_reserve, row.full = row.limit, row.reserve, 0
    lifts, refs, shares = get("lifts"), get("refs"), get("shares")
    _lay_still(lifts, refs, range(p * n_refs, (p + 1) * n_refs), 0)
    if not found:
        return
    if plan.lines is not reference.lines:
        _lay_still(lifts, shares, range(p * n, (p + 1) * n), n_refs * len(pools))
    capacity: dict[str, int] = {pool.name: int(get("pools")[i].capacity) for i, pool in enumerate(pools)}
    for one in found:
        v = get("promises")[one.number]
        v.capacity = sum(weight * capacity[name] for name, weight in one.weights.items())
        v.most, v.peak, v.live = 0, -1, 1 if is_live(get, one) else 0
        look_anew.py_func(v)
        asked = asks(one, one.charter, capacity)
        for i in range(v.member, v.member + v.members):
            m = get("members")[i]
            ask = asked[pools[int(m.pool)].name]
            m.num, m.den = ask.num, ask.den
            m.most, m.level = (ask.most, ask.level) if v.live else (0, 0)
            m.share = pacing.rounded_floor(m.level, one.largest)
            v.most += m.weight * m.most
            if m.pool == p:
                m.still_limit = m.limit = (shares if one.foreign else refs)[m.row].limit
                m.still = lifts[m.row + (n_refs * len(pools) if one.foreign else 0)].still
                m.wanted = -1
                tree = shares if one.foreign else refs
                m.top = 1 if tree[int(tree[m.row].parent)].parent < 0 else 0
                _mark(get, one, m, n_refs * len(pools))
    get("pools")[p].repace = get("pools")[p].roomy = 1
    for foreign in (False, True):
        _check_room(get, [one for one in found if one.foreign is foreign], p, "shares" if foreign else "refs")


def is_live(get: Callable[[str], Any], one: Promised) -> bool:
    """Whether a promise's charter is in force, or a window of it is open."""
    g, v = get("glob")[0], get("promises")[one.number]
    if int(g.charter) in one.charters:
        return True
    return any(g.now < get("spans")[i].to_ms < k.NEVER for i in range(v.span, v.span + v.spans))


def nominal_shares(found: Sequence[Promised], number: int, pools: Sequence[Pool]) -> dict[tuple[str, str], int]:
    """Return by team and pool what promises of charter ``number`` that act hold on to when all devices are up (rounded B)."""
    expected = {pool.name: pool.capacity for pool in pools}
    shares: dict[tuple[str, str], int] = {}
    for one in found:
        if one.acting and number in one.charters and one.promise.kind == "at_least":
            for name, ask in asks(one, one.charter, expected).items():
                place = (one.promise.team, name)
                shares[place] = max(shares.get(place, 0), pacing.rounded_floor(ask.level, one.largest))
    return shares


def _lay_still(lifts: Any, shares: Any, rows: range, at: int) -> None:
    """Floors as they are without promises, and what the children of each row have together."""
    for v in rows:
        x = lifts[at + v]
        x.still = x.rounded = shares[v].floor
        x.below = x.below_rounded = x.asked = x.on_path = 0
    for v in rows:
        if shares[v].parent >= 0:
            up = lifts[at + int(shares[v].parent)]
            up.below += lifts[at + v].still
            up.below_rounded += lifts[at + v].still


def _check_room(get: Callable[[str], Any], found: Sequence[Promised], p: int, tree: str) -> None:
    """Say whether all rounded floors fit pool ``p`` at once: at their levels (only then are devices kept), and at the most asked for."""
    members = [
        get("members")[i]
        for one in found
        if one.promise.kind == "at_least"
        for i in range(get("promises")[one.number].member, get("promises")[one.number].member + len(one.weights))
        if get("members")[i].pool == p
    ]
    levels = {int(m.row): 0 for m in members}
    most = dict(levels)
    for m in members:
        one = get("promises")[m.promise]
        levels[int(m.row)] = max(levels[int(m.row)], int(m.share))
        most[int(m.row)] = max(most[int(m.row)], pacing.rounded_floor(int(m.most), int(one.largest)))
    fits = _fit(get, p, tree, levels)
    for m in members:
        m.fits = 1 if fits else 0
    if not _fit(get, p, tree, most):
        get("pools")[p].roomy = 0
    rows, _, needs = _needed(get, p, tree, most)
    for one in found:
        for i in range(get("promises")[one.number].member, get("promises")[one.number].member + len(one.weights)):
            m = get("members")[i]
            if one.promise.kind == "at_most" and m.pool == p:
                m.share = needs[rows.index(int(m.row))]


def _fit(get: Callable[[str], Any], p: int, tree: str, asked: dict[int, int]) -> bool:
    """Whether a pool holds everybody's floor and what is asked for some rows, and every limit does."""
    below, parents, needs = _needed(get, p, tree, asked)
    limits = [int(get(tree)[row].limit) for row in below]
    return pacing.fits(parents, needs, limits, int(get("pools")[p].capacity))


def _needed(get: Callable[[str], Any], p: int, tree: str, asked: dict[int, int]) -> tuple[range, list[int], list[int]]:
    """Return the rows of a pool's tree, their parents among them, and what each needs for everybody's floor and what is asked."""
    rows, pool = get(tree), get("pools")[p]
    root = int(pool.root if tree == "shares" else pool.ref_root)
    below = range(root + 1, root + int(pool.n_rows if tree == "shares" else pool.n_refs))
    own = [max(int(rows[row].floor), asked.get(row, 0)) for row in below]
    parents = [int(rows[row].parent) - root - 1 for row in below]
    return below, parents, pacing.needed(parents, own)


def _mark(get: Callable[[str], Any], one: Promised, m: Any, n_refs: int) -> None:
    """Mark the rows whose floors a promise may lift, and let what cannot be stopped fill its share."""
    if one.promise.kind != "at_least":
        return
    tree = get("shares") if one.foreign else get("refs")
    row = m.row
    while tree[row].parent >= 0:
        get("lifts")[row + (n_refs if one.foreign else 0)].on_path = 1
        row = tree[row].parent
    if one.acting:
        get("rows")[m.row].firm = max(get("rows")[m.row].firm, m.share)


@dataclass(frozen=True, slots=True)
class Ask:
    """What a promise may ask for in one pool of so many devices."""

    num: int
    den: int
    most: int
    level: int


def asks(one: Promised, charter: Charter, capacity: dict[str, int]) -> dict[str, Ask]:
    """Return for each pool of a promise what pacing computes with, at the devices that are up (PACING 1).

    ``level`` is B: held from a window's start to delta before its end it delivers what is owed; a pace is never cut below it.

    Raises
    ------
    InputError
        P103 where the promise's numbers pass 2^62.
    """
    whole = sum(weight * capacity[name] for name, weight in one.weights.items())
    share = Fraction(one.p, one.q)
    pace_max = one.promise.pace_max or share
    found: dict[str, Ask] = {}
    window_ms = pacing.shortest_ms(one.promise.window, charter.timezone)
    for name in one.weights:
        devices = capacity[name]
        part = Fraction(devices, whole) if whole else Fraction(0)
        asked = pacing.ask(share, pace_max, devices, window_ms=window_ms, margin_ms=one.margin_ms)
        found[name] = Ask(part.numerator, part.denominator, asked.most, asked.level)
        largest = max(one.q * 2 * one.longest_ms * max(whole, part.denominator * max(devices, 1)), 1)
        if largest * max(1, part.numerator if len(one.weights) > 1 else 1) >= _MOST:
            raise InputError(
                "P103",
                f"the numbers of promise '{one.promise.name}' pass what can be counted exactly",
                hint="fewer decimals in its share or in the pools' heh, or a shorter window",
            )
    return found
