"""Makes a lab with a broken promise smaller while it stays broken, to see why."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from tests.reference.pacing_lab import NEVER_MS, Job, Lab, Level, Outage, Team


def shrink(lab: Lab, wrong: Callable[[Lab], bool], *, tries: int = 4_000) -> Lab:
    """Return a smaller lab for which ``wrong`` still holds; no single step makes it smaller, unless tries run out."""
    seen = {lab}
    while True:
        for smaller in steps(lab):
            if smaller in seen:
                continue
            seen.add(smaller)
            tries -= 1
            if tries < 0:
                return lab
            if wrong(smaller):
                lab = smaller
                break
        else:
            return lab


def steps(lab: Lab) -> Iterator[Lab]:
    """Yield labs that are one step smaller, the largest steps first."""
    rows = {promise.row for promise in lab.promises}
    flat = all(team.parent < 0 for team in lab.teams)
    for row in range(len(lab.teams)):
        if row not in rows and flat:
            teams = lab.teams[:row] + lab.teams[row + 1 :]
            moved = tuple(replace(one, row=one.row - (one.row > row)) for one in lab.promises)
            yield replace(lab, teams=teams, promises=moved)
    if lab.outages:
        yield replace(lab, outages=lab.outages[:-1])
    for row, team in enumerate(lab.teams):
        for smaller in team_steps(team, lab):
            yield replace(lab, teams=(*lab.teams[:row], smaller, *lab.teams[row + 1 :]))
    for smaller in fewer(lab.window_ms):
        if smaller:
            yield replace(lab, window_ms=smaller)
    for smaller in fewer(lab.warm_ms):
        yield replace(lab, warm_ms=smaller)
    for smaller in fewer(lab.capacity[0]):
        if smaller:
            yield replace(lab, capacity=(smaller, *lab.capacity[1:]))


def team_steps(team: Team, lab: Lab) -> Iterator[Team]:
    """Yield teams that are one step smaller."""
    jobs = team.jobs[0]
    for k in range(len(jobs) if len(jobs) > 1 else 0):
        yield replace(team, jobs=(jobs[:k] + jobs[k + 1 :],))
    for k, job in enumerate(jobs):
        for run_ms in fewer(job.run_ms):
            if run_ms:
                yield replace(team, jobs=((*jobs[:k], replace(job, run_ms=run_ms), *jobs[k + 1 :]),))
        if job.size > 1:
            yield replace(team, jobs=((*jobs[:k], replace(job, size=job.size - 1), *jobs[k + 1 :]),))
    for name in ("min_runtime_ms", "grace_ms", "recover_ms", "weight"):
        value = getattr(team, name)
        for smaller in fewer(value) if value < NEVER_MS else ():
            yield replace(team, **{name: smaller})
    if team.floor[0]:
        yield replace(team, floor=(0,))
        yield replace(team, floor=(team.floor[0] - 1,))
    for k, level in enumerate(team.levels):
        for gpus in fewer(level.gpus[0]):
            yield replace(team, levels=(*team.levels[:k], replace(level, gpus=(gpus,)), *team.levels[k + 1 :]))
        for from_ms in fewer(level.from_ms):
            yield replace(team, levels=(*team.levels[:k], replace(level, from_ms=from_ms), *team.levels[k + 1 :]))


def fewer(value: int) -> list[int]:
    """Return a few smaller values, the smallest first."""
    return sorted({0, value // 2, value * 3 // 4, value - 1}) if value > 0 else []


def in_units(lab: Lab, unit_ms: int) -> Lab:
    """Return the lab with all times divided: a minute becomes one of its milliseconds."""

    def cut(value: int) -> int:
        return value if value >= NEVER_MS else value // unit_ms

    def team(one: Team) -> Team:
        jobs = tuple(tuple(Job(j.size, cut(j.run_ms), j.preemptible) for j in pool) for pool in one.jobs)
        return replace(
            one,
            min_runtime_ms=cut(one.min_runtime_ms),
            grace_ms=cut(one.grace_ms),
            recover_ms=cut(one.recover_ms),
            savepoint_ms=cut(one.savepoint_ms),
            jobs=jobs,
            levels=tuple(Level(cut(level.from_ms), level.gpus) for level in one.levels),
        )

    return replace(
        lab,
        teams=tuple(team(one) for one in lab.teams),
        promises=tuple(replace(one, rolling_ms=cut(one.rolling_ms)) for one in lab.promises),
        window_ms=cut(lab.window_ms),
        warm_ms=cut(lab.warm_ms),
        outages=tuple(Outage(cut(one.from_ms), one.pool, one.capacity) for one in lab.outages),
    )
