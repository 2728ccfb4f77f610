"""Random charters and random amendments of them: valid or not, small steps or any two."""

from __future__ import annotations

import random
from dataclasses import replace
from fractions import Fraction

from equipoise.charter import Charter, Commitment, Gate, Pool, Share, Stage, Starts, Team, Window
from equipoise.units import DAY_MS, HOUR_MS, MINUTE_MS

WINDOWS = [Window(c) for c in ("day", "week", "month", "quarter", "year")] + [
    Window(rolling_days=n) for n in (4, 7, 14, 28)
]  # type: ignore[arg-type]
GROUPS = ("group:a", "group:b", "group:c")


def share(r: random.Random, amounts: float, *, high: int = 12) -> Share:
    if r.random() < amounts:
        return Share(gpus=r.randint(0, 40))
    return Share(fraction=Fraction(r.randint(0, high), 20))


def charter(r: random.Random, *, amounts: float = 0.0, pools: int = 2, depth: int = 3, width: int = 3) -> Charter:
    """Return a random charter: its floors may exceed what there is."""
    machine = tuple(
        Pool(f"p{n}", "GPU", r.randint(1, 40), r.choice((1, 4)), Fraction(r.randint(1, 4))) for n in range(pools)
    )
    teams: list[Team] = []
    level(r, None, machine, teams, amounts, depth, width)
    built = Charter("Lab", machine, tuple(teams), timezone=r.choice(("UTC", "Europe/Paris")))
    promises = tuple(promise(r, built, f"c{n}") for n in range(r.randint(0, 3)))
    gates = tuple(gate(r, built, f"g{n}") for n in range(r.randint(0, 2)))
    return replace(built, commitments=promises, release_gates=gates)


def level(
    r: random.Random,
    parent: Team | None,
    pools: tuple[Pool, ...],
    teams: list[Team],
    amounts: float,
    depth: int,
    width: int,
) -> None:
    for n in range(r.randint(1, width)):
        nested = depth > 1 and r.random() < 0.4
        made = team(r, f"t{n}", parent, pools, amounts, is_leaf=not nested)
        teams.append(made)
        if nested:
            level(r, made, pools, teams, amounts, depth - 1, width)


def team(
    r: random.Random, name: str, parent: Team | None, pools: tuple[Pool, ...], amounts: float, *, is_leaf: bool
) -> Team:
    whole = Share(fraction=Fraction(1))
    return Team(
        name if parent is None else f"{parent.path}.{name}",
        name,
        None if parent is None else parent.path,
        {p.name: share(r, amounts, high=9) for p in pools},
        {p.name: whole if r.random() < 0.6 else share(r, amounts, high=20) for p in pools},
        weight_e4=10_000 * r.choice((0, 1, 1, 2, 3)),
        lend=Fraction(r.randint(0, 4), 4),
        recover_ms=r.choice((1, 2)) * HOUR_MS,
        grace_ms=r.choice((10, 20)) * MINUTE_MS,
        max_job=r.choice((None, None, 8, 16)),
        submit=tuple(sorted(r.sample(GROUPS, r.randint(1, 3)))) if r.random() < 0.2 else ("group:a", "group:b"),
        owner=r.choice((None, None, "group:o")),
        is_leaf=is_leaf,
    )


def promise(r: random.Random, of: Charter, name: str) -> Commitment:
    chosen = [p.name for p in of.pools if r.random() < 0.7] or [of.pools[0].name]
    all_pools = r.random() < 0.5
    pools = tuple(p.name for p in of.pools) if all_pools else tuple(chosen)
    kind = r.choice(("at_least", "at_least", "at_most", "starts"))
    least = Fraction(r.randint(1, 10), 20)
    return Commitment(
        name, r.choice(of.teams).path, r.choice(WINDOWS), pools,
        at_least=least if kind == "at_least" else None,
        at_most=least + Fraction(1, 2) if kind == "at_most" else None,
        starts=Starts(r.choice((8, 16)), r.choice((1, 2)) * HOUR_MS, least) if kind == "starts" else None,
        all_pools=all_pools,
        of=r.choice(("delivered", "delivered", "capacity")),
        unused=r.choice(("carry", "forfeit")),
        make_good=r.choice((Fraction(0), Fraction(1))),
        pace_max=least * Fraction(3, 2) if kind == "at_least" else None,
        settle_ms=r.choice((7, 14)) * DAY_MS,
        public=r.random() < 0.5,
    )  # fmt: skip


def gate(r: random.Random, of: Charter, name: str) -> Gate:
    teams = tuple(sorted({r.choice(of.teams).path for _ in range(r.randint(1, 2))}))
    names = r.choice((("canary", "general"), ("canary", "general"), ("internal", "general")))
    needs = [("bio", "b"), ("cyber", "b"), ("cyber", "c")]
    stages = tuple(
        Stage(stage, Fraction(r.randint(1, 3), 10), dict(r.sample(needs, r.randint(1, 2))), r.choice((0, DAY_MS)))
        for stage in names
    )
    return Gate(name, teams, stages, r.choice((90, 180)) * DAY_MS, r.choice((0, DAY_MS)))


# Amendments


def amended(r: random.Random, old: Charter, *, amounts: float = 0.0, edits: int | None = None) -> Charter:
    """Return the charter with one to three edits, each of some part of it."""
    for _ in range(edits or r.randint(1, 3)):
        old = r.choice((_team, _team, _team, _new_team, _no_team, _promise, _promise, _gate, _machine))(r, old, amounts)
    return old


def _with(old: Charter, teams: list[Team]) -> Charter:
    """Return the charter with these teams, as a reader would: in preorder, sorted, leaves known; nothing names what is gone."""
    by_parent: dict[str | None, list[Team]] = {}
    for each in teams:
        by_parent.setdefault(each.parent, []).append(each)
    ordered: list[Team] = []

    def walk(parent: str | None) -> None:
        for each in sorted(by_parent.get(parent, []), key=lambda t: t.name):
            ordered.append(replace(each, is_leaf=each.path not in by_parent))
            walk(each.path)

    walk(None)
    paths = {t.path for t in ordered}
    gates = (replace(g, teams=tuple(t for t in g.teams if t in paths)) for g in old.release_gates)
    return replace(
        old,
        teams=tuple(ordered),
        commitments=tuple(p for p in old.commitments if p.team in paths),
        release_gates=tuple(g for g in gates if g.teams),
    )


def _team(r: random.Random, old: Charter, amounts: float) -> Charter:
    one = r.choice(old.teams)
    other = team(r, one.name, None, old.pools, amounts, is_leaf=one.is_leaf)
    fields = "floor floor limit weight_e4 lend recover_ms grace_ms min_runtime_ms reclaims_per_day max_job submit owner"
    field = r.choice(fields.split())
    value = getattr(other, field)
    if field in ("floor", "limit"):
        value = {**getattr(one, field), (p := r.choice(old.pools).name): value[p]}
    if field == "min_runtime_ms":
        value = r.choice((30, 60)) * MINUTE_MS
    if field == "reclaims_per_day":
        value = r.choice((2, 4))
    if field in ("floor", "limit") and amounts and r.random() < 0.4:
        value = {**getattr(one, field), (p := r.choice(old.pools)).name: _rewritten(r, getattr(one, field)[p.name], p)}
    changed = replace(one, **{field: value})
    return _with(old, [changed if t.path == one.path else t for t in old.teams])


def _rewritten(r: random.Random, was: Share, pool: Pool) -> Share:
    """Return a share written the other way, worth much the same at the planning capacity."""
    if was.fraction is not None:
        return Share(gpus=round(was.fraction * pool.capacity) + r.choice((0, 0, 1)))
    return Share(fraction=min(Fraction(1), Fraction(round(Fraction(20 * (was.gpus or 0), pool.capacity)), 20)))


def _new_team(r: random.Random, old: Charter, amounts: float) -> Charter:
    parent = r.choice((None, *old.teams))
    path = None if parent is None else parent.path
    free = [n for n in ("t0", "t1", "t2", "t3", "t4") if n not in {t.name for t in old.children(path)}]
    if not free:
        return old
    made = team(r, r.choice(free), parent, old.pools, amounts, is_leaf=True)
    if r.random() < 0.5:
        nothing = Share(fraction=Fraction(0))
        made = replace(
            made, floor={p.name: nothing for p in old.pools}, submit=made.submit if parent is None else parent.submit
        )
    return _with(old, [*old.teams, made])


def _no_team(r: random.Random, old: Charter, amounts: float) -> Charter:
    one = r.choice(old.teams)
    left = [t for t in old.teams if not f"{t.path}.".startswith(f"{one.path}.")]
    return _with(old, left) if left else old


def _promise(r: random.Random, old: Charter, amounts: float) -> Charter:
    made = promise(r, old, f"c{r.randint(0, 3)}")
    was = next((p for p in old.commitments if p.name == made.name), None)
    others = tuple(p for p in old.commitments if p.name != made.name)
    if was is not None and r.random() < 0.2:
        return replace(old, commitments=others)
    if was is not None and r.random() < 0.8:
        field = r.choice(("window", "of", "unused", "make_good", "settle_ms", "public", "team", "pools", "share"))
        if field == "pools":
            made = replace(was, pools=made.pools, all_pools=made.all_pools)
        elif field == "share":
            if was.kind != made.kind:
                return old
            made = replace(
                was, at_least=made.at_least, at_most=made.at_most, starts=made.starts, pace_max=made.pace_max
            )
        else:
            made = replace(was, **{field: getattr(made, field)})
    return replace(old, commitments=(*others, made))


def _gate(r: random.Random, old: Charter, amounts: float) -> Charter:
    made = gate(r, old, f"g{r.randint(0, 2)}")
    was = next((g for g in old.release_gates if g.name == made.name), None)
    others = tuple(g for g in old.release_gates if g.name != made.name)
    if was is not None and r.random() < 0.2:
        return replace(old, release_gates=others)
    if was is not None:
        field = r.choice(("teams", "stages", "max_age_ms", "drain_ms"))
        made = replace(was, **{field: getattr(made, field)})
    return replace(old, release_gates=(*others, made))


def _machine(r: random.Random, old: Charter, amounts: float) -> Charter:
    if r.random() < 0.2:
        return replace(old, timezone=r.choice(("UTC", "Europe/Paris")))
    if r.random() < 0.1:
        return replace(old, reclaim="shares" if old.reclaim == "floors" else "floors")
    which = r.randrange(len(old.pools))
    if r.random() < 0.3:
        return _pools(r, old, which)
    pool = old.pools[which]
    pool = replace(pool, nodes=r.randint(1, 40)) if r.random() < 0.5 else replace(pool, heh=Fraction(r.randint(1, 4)))
    return replace(old, pools=(*old.pools[:which], pool, *old.pools[which + 1 :]))


def _pools(r: random.Random, old: Charter, which: int) -> Charter:
    """Take a pool away, or add one in which nobody has a floor."""
    names = {p.name for p in old.pools}
    if r.random() < 0.5 and len(old.pools) > 1:
        gone = old.pools[which].name
        pools = tuple(p for p in old.pools if p.name != gone)
        left = {p.name for p in pools}
        teams = [
            replace(t, floor={p: t.floor[p] for p in left}, limit={p: t.limit[p] for p in left}) for t in old.teams
        ]
        promises = tuple(replace(p, pools=tuple(q for q in p.pools if q in left)) for p in old.commitments)
        old = replace(old, commitments=tuple(p for p in promises if p.pools))
    else:
        made = Pool(
            next(n for n in map("p{}".format, range(len(names) + 1)) if n not in names),
            "GPU",
            r.randint(1, 40),
            1,
            Fraction(r.randint(1, 4)),
        )
        pools = (*old.pools, made)
        floor, limit = Share(fraction=Fraction(0)), Share(fraction=Fraction(1))
        teams = [
            replace(t, floor={**t.floor, made.name: floor}, limit={**t.limit, made.name: limit}) for t in old.teams
        ]
        promises = tuple(replace(p, pools=(*p.pools, made.name)) if p.all_pools else p for p in old.commitments)
        old = replace(old, commitments=promises)
    return _with(replace(old, pools=pools), teams)
