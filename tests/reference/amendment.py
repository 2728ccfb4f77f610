"""Effect of an amendment as it is told (AMENDMENTS 3): recursion and fractions, every capacity, every team, no shortcut."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from equipoise.charter import Charter, Commitment, Gate, Share, Team

Numbers = dict[str, tuple[Fraction, Fraction, Fraction, Fraction]]
"""Floor, sure share, limit and kept free, by path."""
ZERO = Fraction(0)
SPLITS = {
    ("year", "quarter"), ("year", "month"), ("year", "day"), ("quarter", "month"), ("quarter", "day"), ("month", "day"),
    ("week", "day"),
}  # fmt: skip


def numbers(charter: Charter, pool: str, capacity: int) -> Numbers:
    """Return what every team can count on in a pool of a capacity."""
    floor: dict[str | None, Fraction] = {None: Fraction(capacity)}
    limit: dict[str | None, Fraction] = {None: Fraction(capacity)}
    sure: dict[str | None, Fraction] = {}

    def of(share: Share, base: Fraction) -> Fraction:
        return base * share.fraction if share.fraction is not None else Fraction(share.gpus or 0)

    def down(parent: str | None) -> None:
        children = charter.children(parent)
        for child in children:
            limit[child.path] = min(limit[parent], of(child.limit[pool], limit[parent]))
        want = {child.path: min(limit[child.path], of(child.floor[pool], floor[parent])) for child in children}
        total = sum(want.values(), ZERO)
        for path, wanted in want.items():
            floor[path] = wanted * floor[parent] / total if total > floor[parent] else wanted
            down(path)

    def kept(team: Team) -> Fraction:
        return max(floor[team.path] * (1 - team.lend), sum(map(kept, charter.children(team.path)), ZERO))

    def usable(team: Team) -> Fraction:
        children = charter.children(team.path)
        asked = sum(map(usable, children), ZERO) if children else limit[team.path]
        return max(min(limit[team.path], asked), kept(team))

    def share_out(parent: str | None) -> None:
        children = charter.children(parent)
        cap = {child.path: usable(child) for child in children}
        have = {child.path: min(floor[child.path], cap[child.path]) for child in children}
        rest = min(sure[parent], sum(cap.values(), ZERO)) - sum(have.values(), ZERO)
        rest = rise({c.path: Fraction(c.weight_e4) for c in children if c.weight_e4}, cap, have, rest)
        rise({c.path: Fraction(1) for c in children if not c.weight_e4}, cap, have, rest)  # weight 0 is last, and alike
        for child in children:
            sure[child.path] = have[child.path]
            share_out(child.path)

    down(None)
    sure[None] = min(Fraction(capacity), sum(map(usable, charter.children(None)), ZERO))
    share_out(None)
    return {t.path: (floor[t.path], sure[t.path], limit[t.path], kept(t)) for t in charter.teams}


def rise(weights: dict[str, Fraction], cap: dict[str, Fraction], have: dict[str, Fraction], rest: Fraction) -> Fraction:
    """Raise the water until the rest is gone or all are full, stopping whenever somebody is; return what is left."""
    while rest > 0:
        able = [path for path in weights if have[path] < cap[path]]
        if not able:
            break
        total = sum((weights[path] for path in able), ZERO)
        level = min(rest / total, *((cap[path] - have[path]) / weights[path] for path in able))
        for path in able:
            have[path] += level * weights[path]
        rest -= level * total
    return rest


def capacities(old: Charter, new: Charter, pool: str) -> list[int]:
    """Return the reference capacities; all of them also where one would do, and with amounts all powers of two."""
    expects = [p.capacity for charter in (old, new) for p in charter.pools if p.name == pool]
    most = max(expects)
    shares = [s for charter in (old, new) for t in charter.teams for s in (t.floor.get(pool), t.limit.get(pool)) if s]
    fixed = [2**n for n in range(30)] if any(share.gpus is not None for share in shares) else []
    return [-(-k * most // 16) for k in range(1, 33)] + expects + fixed


def number_changes(
    old: Charter, new: Charter
) -> tuple[dict[str, set[tuple[str, str]]], dict[str, set[tuple[str, str]]]]:
    """Return by path what is smaller and what is larger somewhere, as (pool, number)."""
    smaller: dict[str, set[tuple[str, str]]] = {}
    larger: dict[str, set[tuple[str, str]]] = {}
    for pool in (p.name for p in old.pools):
        for capacity in capacities(old, new, pool):
            was = numbers(old, pool, capacity)
            there = any(p.name == pool for p in new.pools)
            now = numbers(new, pool, capacity) if there else {t.path: (ZERO,) * 4 for t in new.teams}
            for path in was.keys() & now.keys():
                for name, before, after in zip(("floor", "sure", "limit", "kept"), was[path], now[path], strict=True):
                    if after != before:
                        (smaller if after < before else larger).setdefault(path, set()).add((pool, name))
    return smaller, larger


# Outcomes


def outcomes(old: Charter, new: Charter) -> dict[tuple[str, str], str]:
    """Return strengthened, weakened or neutral for every team, promise and gate."""
    found: dict[tuple[str, str], str] = {}
    smaller, larger = number_changes(old, new)
    for path in {t.path for t in (*old.teams, *new.teams)}:
        was, now = (next((t for t in c.teams if t.path == path), None) for c in (old, new))
        if was is None or now is None:
            found["team", path] = "strengthened" if was is None else "weakened"
            continue
        weaker = bool(smaller.get(path)) or old.reclaim != new.reclaim or any(team_falls(was, now))
        weaker = weaker or any(below(old, new, was)) or any(bound(old, new, path))
        stronger = bool(larger.get(path)) or any(team_falls(now, was)) or any(bound(new, old, path))
        found["team", path] = outcome(weaker, stronger)
    for name in {p.name for p in (*old.commitments, *new.commitments)}:
        was, now = (next((p for p in c.commitments if p.name == name), None) for c in (old, new))
        if was is None or now is None:
            found["promise", name] = "strengthened" if was is None else "weakened"
            continue
        weaker = not promise_at_least_as_strong(old, new, was, now) or crowded(old, new, was, now)
        found["promise", name] = outcome(weaker, not promise_at_least_as_strong(new, old, now, was))
    for name in {g.name for g in (*old.release_gates, *new.release_gates)}:
        was, now = (next((g for g in c.release_gates if g.name == name), None) for c in (old, new))
        if was is None or now is None:
            found["gate", name] = "strengthened" if was is None else "weakened"
            continue
        found["gate", name] = outcome(not gate_at_least_as_strong(was, now), was != now)
    return found


def outcome(weaker: bool, stronger: bool) -> str:
    return "weakened" if weaker else "strengthened" if stronger else "neutral"


def team_falls(was: Team, now: Team) -> Iterator[bool]:
    """Yield what is worse for a team by its own text; what cannot be ordered is worse both ways."""
    yield now.recover_ms > was.recover_ms
    yield now.grace_ms < was.grace_ms
    yield now.min_runtime_ms < was.min_runtime_ms
    yield now.reclaims_per_day > was.reclaims_per_day
    yield now.max_job is not None and (was.max_job is None or now.max_job < was.max_job)
    yield set(now.submit) != set(was.submit)
    yield now.owner != was.owner


def below(old: Charter, new: Charter, was: Team) -> Iterator[bool]:
    """Yield whether leaves below a team went, and whether any there now lets in others."""
    paths = {t.path for t in new.teams}
    for leaf in old.leaves:
        if leaf.path.startswith(was.path + "."):
            yield leaf.path not in paths
    for leaf in new.leaves:
        if leaf.path.startswith(was.path + "."):
            before = next((t for t in old.teams if t.path == leaf.path), was)
            yield not set(leaf.submit) <= set(before.submit)


def bound(old: Charter, new: Charter, path: str) -> Iterator[bool]:
    """Yield whether a ceiling or a gate that binds the team now is not one that bound it as much before."""

    def under(top: str) -> bool:
        return path == top or path.startswith(top + ".")

    for ceiling in new.commitments:
        if ceiling.at_most is not None and under(ceiling.team):
            before = [
                p
                for p in old.commitments
                if p.name == ceiling.name and p.team == ceiling.team and p.at_most is not None
            ]
            yield not before or not ceiling_no_tighter(before[0], ceiling)
    for gate in new.release_gates:
        if any(map(under, gate.teams)):
            gates = [g for g in old.release_gates if g.name == gate.name and any(map(under, g.teams))]
            yield not gates or not gate_asks_no_more(gates[0], gate)


def window_splits(old: Commitment, new: Commitment) -> bool:
    """Whether old windows are disjoint unions of new ones, or the same."""
    a, b = old.window, new.window
    if a == b or (a.calendar, b.calendar) in SPLITS:
        return True
    return bool(a.rolling_days and b.rolling_days and a.rolling_days % b.rolling_days == 0)


def ceiling_no_tighter(was: Commitment, now: Commitment) -> bool:
    assert was.at_most is not None
    assert now.at_most is not None
    same_pools = set(was.pools) == set(now.pools) or (was.all_pools and now.all_pools)
    of = (was.of, was.capacity_at_ms) == (now.of, now.capacity_at_ms) or (was.of, now.of) == ("delivered", "capacity")
    return now.at_most >= was.at_most and window_splits(now, was) and of and same_pools


def gate_asks_no_more(was: Gate, now: Gate) -> bool:
    if [s.name for s in was.stages] != [s.name for s in now.stages]:
        return False
    stages = zip(was.stages, now.stages, strict=True)
    looser = all(
        b.quota >= a.quota and b.after_ms <= a.after_ms and set(b.needs.items()) <= set(a.needs.items())
        for a, b in stages
    )
    return looser and now.max_age_ms >= was.max_age_ms and now.drain_ms >= was.drain_ms


def gate_at_least_as_strong(was: Gate, now: Gate) -> bool:
    return gate_asks_no_more(now, was) and set(was.teams) <= set(now.teams)


def promise_at_least_as_strong(old: Charter, new: Charter, was: Commitment, now: Commitment) -> bool:
    if was.kind != now.kind or was.team != now.team:
        return False
    if was.kind == "starts":
        assert was.starts is not None
        assert now.starts is not None
        same = (was.all_pools and now.all_pools) or (
            was.all_pools == now.all_pools and set(was.pools) == set(now.pools)
        )
        kind = now.starts.within_ms <= was.starts.within_ms and now.starts.at_least >= was.starts.at_least
        kind = kind and now.starts.jobs_up_to >= was.starts.jobs_up_to and (was.of, was.capacity_at_ms) in (
            (now.of, now.capacity_at_ms), ("delivered" if now.of == "capacity" else "", None)
        )  # fmt: skip
    else:
        same = set(was.pools) == set(now.pools) and len({new.pool(p).heh / old.pool(p).heh for p in was.pools}) == 1
        better = ("delivered", "capacity") if was.kind == "at_least" else ("capacity", "delivered")
        kind = (was.of, was.capacity_at_ms) == (now.of, now.capacity_at_ms) or (was.of, now.of) == better
        if was.kind == "at_least":
            kind = kind and (now.at_least or 0) >= (was.at_least or 0) and (now.pace_max or 0) >= (was.pace_max or 0)
        else:
            kind = kind and (now.at_most or 0) <= (was.at_most or 0)
    zone = old.timezone == new.timezone or was.window.calendar is None or now.window.calendar is None
    rest = (was.unused == now.unused or now.unused == "carry") and now.make_good >= was.make_good
    rest = rest and now.settle_ms <= was.settle_ms and now.warn_below >= was.warn_below and now.public >= was.public
    return same and kind and zone and rest and window_splits(was, now)


def crowded(old: Charter, new: Charter, was: Commitment, now: Commitment) -> bool:
    """Whether some other promise takes more of the room above floors than it did from this one."""
    if was.at_least is None or now.at_least is None:
        return False

    def taken(charter: Charter, own: Commitment, name: str) -> Fraction:
        rival = next((p for p in charter.commitments if p.name == name and p.at_least is not None), None)
        if rival is None or not set(rival.pools) & set(own.pools):
            return ZERO
        a, b = rival.team.split("."), own.team.split(".")
        return ZERO if a[: len(b)] == b or b[: len(a)] == a else excess(charter, rival)

    return any(taken(new, now, p.name) > taken(old, was, p.name) for p in new.commitments if p.name != now.name)


def excess(charter: Charter, promise: Commitment) -> Fraction:
    def floor(path: str, pool: str) -> Fraction:
        team = charter.team(path)
        share = team.floor[pool]
        if share.gpus is not None:
            return Fraction(share.gpus)
        base = Fraction(charter.pool(pool).capacity) if team.parent is None else floor(team.parent, pool)
        return base * (share.fraction or 0)

    hours = sum((charter.pool(p).heh * floor(promise.team, p) for p in promise.pools), ZERO)
    whole = sum((charter.pool(p).heh * charter.pool(p).capacity for p in promise.pools), ZERO)
    return max(ZERO, (promise.at_least or ZERO) - hours / whole)
