"""The small labs of the slow model of pacing as the product's inputs: a charter, and all jobs that teams may ask for.

A charter's windows are whole days, so the times of a lab are stretched until its window is some.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import gcd
from typing import Literal

import numpy as np

from equipoise.charter.admission import check_promises
from equipoise.charter.model import EVERYTHING, Charter, Pool, Share
from equipoise.charter.model import Team as Node
from equipoise.charter.promise import Commitment, Window
from equipoise.policy.kernel import layout as k
from equipoise.units import DAY_MS
from equipoise.workload.model import Jobs, Workload
from tests.reference.pacing_lab import Job, Lab

Reclaim = Literal["floors", "shares"]
Walltime = Literal["exact", "none", "double"]
FOREVER_MS = 1 << 40
MILLION = 1_000_000  # the four decimals that a percentage may have


@dataclass(frozen=True, slots=True)
class Block:
    """The jobs that a leaf may submit in a pool, in order, at ``first`` and after in the workload."""

    leaf: int
    pool: int
    first: int
    count: int
    list: tuple[Job, ...]


def stretched(lab: Lab) -> Lab:
    """Return the lab with its windows as few whole days long as keep all its times whole; everything keeps its proportion."""
    unit_ms = gcd(*_times(lab), lab.window_ms)
    days = Fraction(DAY_MS * unit_ms, lab.window_ms).denominator
    by = Fraction(days * DAY_MS, lab.window_ms)
    if not any(promise.rolling_ms for promise in lab.promises) and lab.window_ms % DAY_MS == 0:
        by = Fraction(1)

    def ms(time_ms: int) -> int:
        return int(time_ms * by) if time_ms < FOREVER_MS else FOREVER_MS

    teams = tuple(
        replace(
            team,
            min_runtime_ms=ms(team.min_runtime_ms),
            grace_ms=ms(team.grace_ms),
            recover_ms=ms(team.recover_ms),
            savepoint_ms=ms(team.savepoint_ms),
            jobs=tuple(tuple(replace(job, run_ms=ms(job.run_ms)) for job in jobs) for jobs in team.jobs),
            levels=tuple(replace(level, from_ms=ms(level.from_ms)) for level in team.levels),
        )
        for team in lab.teams
    )
    return replace(
        lab,
        teams=teams,
        promises=tuple(replace(promise, rolling_ms=ms(promise.rolling_ms)) for promise in lab.promises),
        window_ms=ms(lab.window_ms),
        warm_ms=ms(lab.warm_ms),
        outages=tuple(replace(outage, from_ms=ms(outage.from_ms)) for outage in lab.outages),
    )


def _times(lab: Lab) -> Iterator[int]:
    """Yield all times of a lab, but its windows."""
    yield lab.warm_ms
    yield from (promise.rolling_ms for promise in lab.promises)
    yield from (outage.from_ms for outage in lab.outages)
    for team in lab.teams:
        own = (team.min_runtime_ms, team.grace_ms, team.recover_ms, team.savepoint_ms)
        yield from (time_ms for time_ms in own if time_ms < FOREVER_MS)
        yield from (job.run_ms for jobs in team.jobs for job in jobs)
        yield from (level.from_ms for level in team.levels)


def charter_of(lab: Lab, *, reclaim: Reclaim = "floors") -> Charter:
    """Return the charter of a stretched lab; the row of a team is its place among the teams."""
    pools = tuple(
        Pool(f"p{number}", "GPU", gpus // (node or 1), node or 1, Fraction(heh))
        for number, (gpus, node, heh) in enumerate(zip(lab.capacity, lab.node, lab.heh, strict=True))
    )
    inner = {team.parent for team in lab.teams}
    paths: list[str] = []
    nodes: list[Node] = []
    for row, team in enumerate(lab.teams):
        name = f"t{row:02}"
        above = paths[team.parent] if team.parent >= 0 else None
        paths.append(name if above is None else f"{above}.{name}")
        largest = max((job.size for jobs in team.jobs for job in jobs), default=None)
        nodes.append(
            Node(
                paths[row], name, above,
                floor={pool.name: floor_of(lab, gpus, pool) for pool, gpus in zip(pools, team.floor, strict=True)},
                limit={pool.name: EVERYTHING for pool in pools},
                weight_e4=10_000 * team.weight,
                recover_ms=team.recover_ms,
                grace_ms=team.grace_ms,
                min_runtime_ms=team.min_runtime_ms,
                reclaims_per_day=k.NEVER,
                max_job=None if row in inner else largest,
                is_leaf=row not in inner,
            )
        )  # fmt: skip
    promises = tuple(
        commitment(lab, number, paths[promise.row], [pool.name for pool in pools])
        for number, promise in enumerate(lab.promises)
    )
    return Charter("Small lab", pools, tuple(nodes), reclaim=reclaim, commitments=promises)


def floor_of(lab: Lab, gpus: int, pool: Pool) -> Share:
    """Return a floor as an amount; where devices are lost as a share of the pool, which shrinks with it as in the model."""
    return Share(fraction=Fraction(-(-MILLION * gpus // pool.capacity), MILLION)) if lab.outages else Share(gpus=gpus)


def commitment(lab: Lab, number: int, team: str, pools: Sequence[str]) -> Commitment:
    """Return a promise as the charter says it."""
    promise = lab.promises[number]
    length_ms = promise.rolling_ms or lab.window_ms
    window = Window(calendar="day") if length_ms == DAY_MS else Window(rolling_days=length_ms // DAY_MS)
    share = Fraction(promise.p, promise.q)
    if promise.at_most:
        return Commitment(f"c{number}", team, window, tuple(pools), at_most=share)
    return Commitment(
        f"c{number}", team, window, tuple(pools), at_least=share, make_good=Fraction(*promise.make_good),
        pace_max=Fraction(*promise.pace_max),
    )  # fmt: skip


def certain(lab: Lab) -> bool:
    """Whether the charter's own checks take the lab (no C404) and promise the bound (no W608)."""
    return not any(breach.code in ("C404", "W608") for breach in check_promises(charter_of(stretched(lab))))


def blocks_of(lab: Lab, times: int) -> list[Block]:
    """Return how many jobs of its list each leaf may submit in each pool: ``times`` as many as the pool can run if it is alone."""
    found: list[Block] = []
    first = 0
    end_ms = lab.warm_ms + lab.window_ms * lab.windows
    for leaf in lab.below_any():
        team = lab.teams[leaf]
        for pool, jobs in enumerate(team.jobs):
            level = max((one.gpus[pool] for one in team.levels), default=0)
            if jobs and level:
                pauses = sum(1 for one in team.levels if one.gpus[pool]) + 1
                gpus = sum(job.size for job in jobs)
                ran = min(lab.capacity[pool], level + max(job.size for job in jobs)) * end_ms
                rounds = pauses * (level // gpus + 2) + ran // sum(job.size * job.run_ms for job in jobs)
                count = times * len(jobs) * (rounds + 1)
                found.append(Block(leaf, pool, first, count, jobs))
                first += count
    return found


def workload_of(lab: Lab, charter: Charter, blocks: Sequence[Block], walltime: Walltime) -> Workload:
    """Return all jobs that may be submitted; when they are is told by events."""

    def column(of: Sequence[Sequence[int]], dtype: type) -> np.ndarray:
        return np.concatenate(
            [np.resize(np.array(one, dtype), block.count) for one, block in zip(of, blocks, strict=True)]
        )

    leaves = [team.path for team in charter.leaves]
    rows = [row for row, team in enumerate(charter.teams) if team.is_leaf]
    run_ms = column([[job.run_ms for job in block.list] for block in blocks], np.int64)
    n = len(run_ms)
    zero = np.zeros(n, np.int32)
    jobs = Jobs(
        submit_ms=np.zeros(n, np.int64),
        duration_ms=run_ms,
        gang=column([[job.size for job in block.list] for block in blocks], np.int32),
        walltime_ms=run_ms * {"exact": 1, "none": 0, "double": 2}[walltime],
        team=column([[rows.index(block.leaf)] for block in blocks], np.int32),
        pool=column([[block.pool] for block in blocks], np.int32),
        user=zero,
        priority=zero,
        preemptible=column([[job.preemptible for job in block.list] for block in blocks], np.bool_),
        savepoint_ms=column([[lab.teams[block.leaf].savepoint_ms or 1] for block in blocks], np.int64),
        after=np.full(n, -1, np.int32),
    )
    return Workload(jobs, tuple(leaves), tuple(pool.name for pool in charter.pools))
