"""Families of labs: those that meet the conditions of pacing, then each condition dropped in turn (docs/pacing-evidence.md)."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace

from tests.reference.pacing_admission import Room, room_of
from tests.reference.pacing_draw import MINUTE_MS, one_promise, tight
from tests.reference.pacing_lab import Job, Lab, Level, Outage, Promise, Rules, Team

TEXT = Rules()
MENDED = Rules(rounding="mended", whole=False, level=True, ahead=True, fill=True)
RULES = {
    "static floors": replace(TEXT, pace="none"),
    "just in time": replace(TEXT, pace="late"),
    "as it stood": TEXT,
    "R mended": replace(TEXT, rounding="mended"),
    "R in part": replace(TEXT, rounding="mended", whole=False),
    "mended": MENDED,
    "mended, δ = 0": replace(MENDED, margin=0),
    "mended, δ = τ": replace(MENDED, margin=1),
    "mended, just in time": replace(MENDED, pace="late"),
    "mended, jobs that cannot stop anywhere": replace(MENDED, binding=False),
}
BOTH = ("as it stood", "mended")


@dataclass(frozen=True, slots=True)
class Family:
    """How labs of one kind are drawn, which of the drawn are of the kind, and the rules they are run by."""

    title: str
    make: Callable[[random.Random], Lab]
    accept: Callable[[Room], bool]
    rules: tuple[str, ...] = BOTH


def draw(name: str, number: int) -> Lab:
    """Return a lab of a family; the same number gives the same lab for ever."""
    chance = random.Random(f"pacing/{name}/{number}")
    family = FAMILIES[name]
    while True:
        lab = family.make(chance)
        if family.accept(room_of(lab)):
            return lab


def either(chance: random.Random) -> Lab:
    """Draw a lab with one promise, a tight one or a wider one."""
    return tight(chance) if chance.random() < 0.5 else one_promise(chance)


def as_it_stood(room: Room) -> bool:
    """Whether a lab meets the conditions of PACING 2 and 3 before they were mended."""
    return room.text and room.quantum


def mended(room: Room) -> bool:
    """Whether a lab meets the mended conditions."""
    return room.mended


def anyhow(room: Room) -> bool:
    """Take every lab that is admitted (C404) as it stood: 2.1 and 2.2."""
    return room.fits and room.quantum


def with_all(lab: Lab, change: Callable[[int, Team], Team]) -> Lab:
    """Return the lab with every team changed."""
    return replace(lab, teams=tuple(change(row, team) for row, team in enumerate(lab.teams)))


def owner(lab: Lab) -> int:
    """Return the row of the first promise."""
    return lab.promises[0].row


# ---------------------------------------------------------------------------------------------------- one thing dropped


def too_short(chance: random.Random) -> Lab:
    """Protections of twelve hours in windows of one to fourteen days."""
    lab = either(chance)

    def change(_row: int, team: Team) -> Team:
        jobs = tuple(replace(job, run_ms=12 * job.run_ms) for job in team.jobs[0])
        return replace(team, min_runtime_ms=720 * MINUTE_MS, recover_ms=800 * MINUTE_MS, jobs=(jobs,))

    lab = with_all(lab, change)
    days = chance.choice([1, 2, 3, 7, 14])
    return replace(lab, window_ms=days * 1440 * MINUTE_MS)


def late(chance: random.Random) -> Lab:
    """Demand that comes late or pauses."""
    lab = either(chance)
    gpus = lab.teams[owner(lab)].levels[0].gpus
    away = sorted(chance.randint(0, 19) for _ in range(chance.choice([1, 2, 3, 4])))
    levels = [
        Level(lab.warm_ms + lab.window_ms * part // 20, gpus if k % 2 == 0 else (0,))
        for k, part in enumerate(dict.fromkeys(away))
    ]
    return with_all(lab, lambda row, team: replace(team, levels=tuple(levels)) if row == owner(lab) else team)


def less(chance: random.Random) -> Lab:
    """Demand throughout, but less than B: what is asked for is a part of what is owed, or little more."""
    lab = either(chance)
    level = lab.teams[owner(lab)].levels[0]
    gpus = max(1, level.gpus[0] * chance.randint(20, 90) // 100)
    return with_all(
        lab, lambda row, team: replace(team, levels=(replace(level, gpus=(gpus,)),)) if row == owner(lab) else team
    )


def cannot_stop(chance: random.Random) -> Lab:
    """Some jobs of every team cannot be stopped."""
    lab = either(chance)
    part = chance.choice([0.2, 0.5, 1.0])

    def change(_row: int, team: Team) -> Team:
        jobs = tuple(replace(job, preemptible=chance.random() >= part) for job in team.jobs[0])
        return replace(team, jobs=(jobs,))

    return with_all(lab, change)


def one_pool(chance: random.Random) -> Lab:
    """A promise over two pools, with demand in the first only."""
    lab = either(chance)
    second = chance.choice([lab.capacity[0] // 2, lab.capacity[0]]) or 1

    def change(row: int, team: Team) -> Team:
        mine = row == owner(lab)
        levels = tuple(replace(level, gpus=(level.gpus[0], 0 if mine else 2 * second)) for level in team.levels)
        jobs = team.jobs[0] if mine else tuple(replace(job, size=1) for job in team.jobs[0])
        return replace(
            team, floor=(team.floor[0], 0), limit=(1 << 20, 1 << 20), jobs=(team.jobs[0], jobs), levels=levels
        )

    return replace(with_all(lab, change), capacity=(*lab.capacity, second), node=(0, 0), heh=(chance.choice([1, 2]), 1))


def two_pools(chance: random.Random) -> Lab:
    """The same with demand in both pools."""
    lab = one_pool(chance)
    mine = lab.teams[owner(lab)]
    levels = tuple(replace(level, gpus=(level.gpus[0], level.gpus[0])) for level in mine.levels)
    return with_all(lab, lambda row, team: replace(team, levels=levels) if row == owner(lab) else team)


def several(chance: random.Random) -> Lab:
    """Two or three promises that together ask for nine tenths, P_max 1.5 times each, demand throughout."""
    capacity = chance.choice([8, 10, 12, 16, 20, 24, 32])
    reclaim = chance.choice([10, 40, 60])
    window = reclaim * chance.choice([8, 12, 24, 40])
    count = chance.choice([2, 2, 3])
    cuts = sorted(chance.sample(range(15, 76), count - 1)) if count == 2 else [30, 60]
    shares = [b - a for a, b in zip([0, *cuts], [*cuts, 90], strict=True)]
    quarter = reclaim // 4
    plain = Team(min_runtime_ms=(reclaim - quarter) * MINUTE_MS, grace_ms=quarter * MINUTE_MS)
    teams = list[Team]()
    for _ in range(count):
        jobs = jobs_of_minutes(chance, chance.randint(1, max(1, capacity // chance.choice([3, 4, 8]))), reclaim)
        levels = (Level(reclaim * MINUTE_MS, (2 * capacity,)),)
        teams.append(replace(plain, weight=chance.choice([0, 1, 2]), jobs=(jobs,), levels=levels))
    jobs = jobs_of_minutes(chance, chance.randint(1, max(1, capacity // 4)), 4 * reclaim)
    teams.append(replace(plain, weight=3, jobs=(jobs,), levels=(Level(0, (2 * capacity,)),)))
    promises = [Promise(row, share, 100, (3 * share, 200)) for row, share in enumerate(shares)]
    return Lab((capacity,), tuple(teams), tuple(promises), window * MINUTE_MS, warm_ms=reclaim * MINUTE_MS)


def jobs_of_minutes(chance: random.Random, largest: int, reclaim: int) -> tuple[Job, ...]:
    """Draw jobs up to a size, from minutes to a few times the longest reclaim."""
    sizes = [largest, *(chance.randint(1, largest) for _ in range(chance.randint(1, 4)))]
    return tuple(Job(size, chance.randint(5, 5 + 4 * reclaim) * MINUTE_MS) for size in sizes)


def ceiling(chance: random.Random) -> Lab:
    """Another team has an at_most promise besides."""
    lab = either(chance)
    others = [row for row in range(len(lab.teams)) if row != owner(lab)]
    row = chance.choice(others)
    floor = -(-100 * lab.teams[row].floor[0] // lab.capacity[0])
    most = Promise(row, min(95, floor + chance.randint(5, 40)), 100, at_most=True)
    return replace(lab, promises=(*lab.promises, most))


def rolling(chance: random.Random) -> Lab:
    """The promise is a rolling one over four steps, judged at each step from the first full window on."""
    lab = either(chance)
    step_ms = lab.window_ms // 2
    promises = tuple(replace(promise, rolling_ms=2 * lab.window_ms) for promise in lab.promises)
    return replace(lab, promises=promises, window_ms=step_ms, windows=6)


def make_good(chance: random.Random) -> Lab:
    """Three windows; the first is too tight to be kept, what was denied is made good."""
    lab = replace(late(chance), windows=3)
    return replace(lab, promises=tuple(replace(promise, make_good=(1, 1)) for promise in lab.promises))


def savepoints(chance: random.Random) -> Lab:
    """Work since the last savepoint is lost."""
    minutes = chance.choice([10, 30, 120])
    return with_all(either(chance), lambda _, team: replace(team, savepoint_ms=minutes * MINUTE_MS))


def outages(chance: random.Random) -> Lab:
    """Capacity goes down by up to a half, and comes back."""
    lab = either(chance)
    found = list[Outage]()
    for _ in range(chance.choice([1, 2, 3])):
        down = lab.warm_ms + lab.window_ms * chance.randint(0, 90) // 100
        up = down + lab.window_ms * chance.randint(2, 30) // 100
        left = lab.capacity[0] - chance.randint(1, lab.capacity[0] // 2)
        if not any(a.from_ms <= up and down <= a.from_ms for a in found):
            found += [Outage(down, 0, left), Outage(up, 0, lab.capacity[0])]
    inside = [one for one in found if one.from_ms < lab.warm_ms + lab.window_ms]
    return replace(lab, outages=tuple(sorted(inside, key=lambda one: one.from_ms)))


def nodes(chance: random.Random) -> Lab:
    """Nodes of two to eight GPUs."""
    while True:
        lab = either(chance)
        sizes = [size for size in (2, 4, 8) if lab.capacity[0] % size == 0 and lab.capacity[0] > size]
        if sizes:
            return replace(lab, node=(chance.choice(sizes),))


def deep(chance: random.Random) -> Lab:
    """A tree four deep; the promise is for a leaf or for a team that has teams."""
    lab = either(chance)
    leaves = list(lab.teams)
    mine = leaves[owner(lab)]
    while len(leaves) < 4:
        leaves.append(replace(mine, floor=(0,)) if chance.random() < 0.3 else replace(leaves[-1], floor=(0,)))
    chance.shuffle(leaves)
    a, b, c, *rest = leaves
    # rows: 0 inner(1 a, 2 inner(3 b, 4 inner(5 c, 6 d))), then the rest at the top
    floor_4 = c.floor[0] + rest[0].floor[0]
    floor_2 = floor_4 + b.floor[0]
    spare = lab.capacity[0] - sum(leaf.floor[0] for leaf in leaves)
    floor_0 = floor_2 + a.floor[0] + (chance.randint(0, max(0, spare)) if chance.random() < 0.3 else 0)
    inner = [replace(Team(weight=chance.randint(1, 3)), floor=(floor,)) for floor in (floor_0, floor_2, floor_4)]
    teams = (
        inner[0], replace(a, parent=0), replace(inner[1], parent=0), replace(b, parent=2), replace(inner[2], parent=2),
        replace(c, parent=4), replace(rest[0], parent=4), *rest[1:],
    )  # fmt: skip
    row = next(row for row, team in enumerate(teams) if team.jobs == mine.jobs and team.levels == mine.levels)
    above = [up for up in (0, 2, 4) if teams[row].parent >= 0 and up <= teams[row].parent]
    if above and chance.random() < 0.4:
        row = above[-1] if chance.random() < 0.6 else chance.choice(above)
    return replace(lab, teams=teams, promises=tuple(replace(promise, row=row) for promise in lab.promises))


def everything(chance: random.Random) -> Lab:
    """Nodes, savepoints, outages and late demand at once."""
    lab = late(chance)
    whole = outages(chance).outages
    minutes = chance.choice([10, 30])
    lab = with_all(lab, lambda _, team: replace(team, savepoint_ms=minutes * MINUTE_MS))
    begin, end = lab.warm_ms, lab.warm_ms + lab.window_ms
    cut = [one for one in whole if begin <= one.from_ms < end]
    scaled = tuple(replace(one, capacity=max(lab.capacity[0] // 2, min(lab.capacity[0], one.capacity))) for one in cut)
    return replace(lab, outages=scaled)


ALL = ("static floors", "just in time", "as it stood", "R mended", "R in part", "mended")
FAMILIES = {
    "conditions as they stood": Family("2.1, 2.2, no W602, demand throughout", either, as_it_stood, ALL),
    "mended conditions": Family("the mended admission", either, mended, ("mended",)),
    "the same, other rules": Family(
        "the mended admission", either, mended, ("as it stood", "mended, δ = τ", "mended, δ = 0")
    ),
    "protections of 12 h": Family("windows of 1 to 14 days", too_short, anyhow),
    "protections of 12 h, admitted": Family("the same, mended admission", too_short, mended),
    "late demand": Family("demand comes late or pauses", late, mended, ("just in time", "as it stood", "mended")),
    "little demand": Family("demand below what is owed", less, mended),
    "jobs that cannot stop": Family(
        "jobs that cannot be stopped", cannot_stop, mended, (*BOTH, "mended, jobs that cannot stop anywhere")
    ),
    "demand in one of two pools": Family("a promise over two pools, demand in one", one_pool, anyhow),
    "demand in both pools": Family("a promise over two pools, demand in both", two_pools, mended),
    "promises for nine tenths": Family("two or three promises, Σφ = 0.9", several, lambda room: room.fits),
    "the same, quantum kept": Family("2.2 holds for each", several, anyhow),
    "the same, admitted": Family("the mended admission", several, mended),
    "ceilings": Family("another team has an at_most", ceiling, mended),
    "rolling": Family("a rolling promise", rolling, mended),
    "make-good": Family("late demand, three windows, make-good 100 %", make_good, mended),
    "savepoints": Family("work is lost to reclaim", savepoints, mended),
    "capacity lost": Family("outages", outages, mended),
    "nodes": Family("nodes of 2, 4 or 8 GPUs", nodes, mended),
    "trees four deep": Family("promises for leaves and inner teams", deep, mended),
    "everything": Family("late demand, savepoints, outages", everything, mended),
}
