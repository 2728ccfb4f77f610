"""Rows of jobs: long ones until a share of the machine is spent, short ones until a number is reached, the great runs.

Each stream draws from its own numbers, so a change of one leaves the others as they were.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from equipoise.workload.draws import F64, I64, Draws, Quantiles, choose
from equipoise.workload.synthetic import asks, rhythm
from equipoise.workload.synthetic.asks import Ask, Short
from equipoise.workload.synthetic.published import FAILED, GPU_H_PER_INTERRUPTION

LONG_LEAST_MIN, LONG_MOST_MIN = 5, 14 * 24 * 60
MOST_ATTEMPTS = 6
PRIORITY_EVAL, PRIORITY_LONG, PRIORITY_URGENT = 0, 1, 2
URGENT = 0.1  # part of long jobs that go first in their team; *assumption*


@dataclass(frozen=True, slots=True)
class Rows:
    """Jobs of one stream: columns of equal length; ``group`` counts batches, chains and tries, ``step`` inside each.

    ``after_previous`` says that the row waits for the row before it.
    """

    kind: str
    team: str
    pool: str
    submit_ms: I64
    duration_ms: I64
    gang: I64
    user: I64
    priority: I64
    preemptible: NDArray[np.bool_]
    savepoint_ms: I64
    after_previous: NDArray[np.bool_]
    group: I64
    step: I64

    def __len__(self) -> int:
        return len(self.submit_ms)

    @property
    def gpu_ms(self) -> int:
        """What the jobs need in all."""
        return int((self.gang * self.duration_ms).sum())


def long_jobs(ask: Ask, draws: Draws, *, days: int, pools: Mapping[str, int], gpus: int, spent_gpu_ms: int = 0) -> Rows:
    """Make jobs until the ask's share of the pool is spent, less what the team's short jobs there spend."""
    weight = hourly(ask.rhythm, days) * rhythm.surge(days, ask.surge)
    target = int(pools[ask.pool] * ask.share_e3 / 1000.0 * rhythm.HOUR_MS * float(np.cumsum(weight)[-1])) - spent_gpu_ms
    sizes = np.array([scaled(gang, gpus) for gang, _ in ask.gangs], np.int64)
    weights = np.array([w for _, w in ask.gangs], np.float64)
    median_ms, minute = ask.median_minutes * asks.MINUTE_MS, asks.MINUTE_MS
    table = Quantiles.lognormal(median_ms, ask.sigma, least=LONG_LEAST_MIN * minute, most=LONG_MOST_MIN * minute)
    gang, duration = _until(target, draws, sizes, weights, table)
    n = len(gang)
    group, step = np.divmod(np.arange(n), ask.chain)
    groups = int(group[-1]) + 1 if n else 0
    urgent = draws.unit(groups) < URGENT
    return Rows(
        kind=ask.kind,
        team=ask.team,
        pool=ask.pool,
        submit_ms=_instants(weight, draws, groups)[group],
        duration_ms=duration,
        gang=gang,
        user=_users(ask.team, draws, groups)[group],
        priority=np.where(urgent, PRIORITY_URGENT, PRIORITY_LONG)[group],
        preemptible=np.ones(n, np.bool_),
        savepoint_ms=np.full(n, ask.savepoint_minutes * minute, np.int64),
        after_previous=step > 0,
        group=group,
        step=step,
    )


def short_jobs(short: Short, draws: Draws, *, days: int, n: int) -> Rows:
    """Make ``n`` short jobs: evaluations in batches, debugging that fails and is tried again, or single ones."""
    if short.kind == "eval":
        sizes = np.array([size for size, _ in asks.BATCHES])
        length = sizes[draws.pick([w for _, w in asks.BATCHES], n)]
    elif short.kind == "debug":
        length = 1 + np.searchsorted(_powers(FAILED, MOST_ATTEMPTS), draws.unit(n), side="right")
    else:
        length = np.ones(n, np.int64)
    group = np.repeat(np.arange(n), length)[:n]
    step = np.arange(n) - np.searchsorted(group, group)
    groups = int(group[-1]) + 1 if n else 0
    weight = hourly("flat" if short.kind == "ci" else "office", days) * rhythm.surge(days, short.surge)
    most, least = asks.SHORT_MOST_S * 1000, asks.SHORT_LEAST_S * 1000
    table = Quantiles.lognormal(asks.SHORT_MEDIAN_S * 1000, asks.SHORT_SIGMA, least=least, most=most)
    sizes = np.array([gang for gang, _ in asks.SHORT_GANGS], np.int64)
    by_row = short.kind != "debug"  # who tries again asks for the same gang
    drawn = sizes[draws.pick([w for _, w in asks.SHORT_GANGS], n if by_row else groups)]
    gang = drawn if by_row else drawn[group]
    firm = (gang <= asks.DEBUG_LARGEST_FIRM) if short.kind == "debug" else np.zeros(n, np.bool_)
    priority = PRIORITY_EVAL if short.kind == "eval" else PRIORITY_URGENT
    return Rows(
        kind=short.kind,
        team=short.team,
        pool=short.pool,
        submit_ms=_instants(weight, draws, groups)[group],
        duration_ms=table.read(draws.unit(n)).astype(np.int64),
        gang=gang,
        user=_users(short.team, draws, groups)[group],
        priority=np.full(n, priority, np.int64),
        preemptible=~firm,
        savepoint_ms=np.zeros(n, np.int64),
        after_previous=(step > 0) if short.kind == "debug" else np.zeros(n, np.bool_),
        group=group,
        step=step,
    )


def great_runs(draws: Draws, *, days: int, pools: Mapping[str, int]) -> Rows:
    """Make the pretraining runs: each a chain of jobs, one for each stretch between two interruptions."""
    pool = pools[asks.RUN_POOL]
    gang = max(1, pool // asks.RUN_GANG_PART // 8 * 8)
    span_ms = days * 24 * rhythm.HOUR_MS
    run_ms = pool * asks.RUN_SHARE_E3 * span_ms // (1000 * gang * len(asks.RUN_STARTS))
    stretch = Quantiles.exponential(GPU_H_PER_INTERRUPTION / gang * rhythm.HOUR_MS)
    duration: list[int] = []
    group: list[int] = []
    step: list[int] = []
    for run in range(len(asks.RUN_STARTS)):
        left, k = run_ms, 0
        while left > 0:
            duration.append(min(left, max(rhythm.HOUR_MS // 2, int(stretch.read(draws.unit(1))[0]))))
            group.append(run)
            step.append(k)
            left, k = left - duration[-1], k + 1
    runs, steps, n = np.array(group, np.int64), np.array(step, np.int64), len(group)
    starts = np.array([int(part * span_ms) for part in asks.RUN_STARTS], np.int64)
    return Rows(
        kind="pretraining",
        team=asks.RUN_TEAM,
        pool=asks.RUN_POOL,
        submit_ms=starts[runs],
        duration_ms=np.array(duration, np.int64),
        gang=np.full(n, gang, np.int64),
        user=np.zeros(n, np.int64),
        priority=np.full(n, PRIORITY_URGENT, np.int64),
        preemptible=np.ones(n, np.bool_),
        savepoint_ms=np.full(n, rhythm.HOUR_MS // 2, np.int64),
        after_previous=steps > 0,
        group=runs,
        step=steps,
    )


def hourly(name: asks.Rhythm, days: int) -> F64:
    """Weight of each hour of the named rhythm."""
    return {"office": rhythm.office, "deadlines": rhythm.deadlines, "flat": rhythm.flat}[name](days)


def scaled(gang: int, gpus: int) -> int:
    """A gang above a node grows and shrinks with the lab, in whole nodes; the mix below stays what is published."""
    return gang if gang <= 8 else max(8, gang * gpus // asks.GPUS // 8 * 8)


def _until(target: int, draws: Draws, sizes: I64, weights: F64, table: Quantiles) -> tuple[I64, I64]:
    """Draw gangs and durations until they need ``target`` GPU-milliseconds; the last one may pass it."""
    mean = float(np.cumsum(sizes * weights)[-1] / np.cumsum(weights)[-1]) * table.mean
    gang, duration = np.empty(0, np.int64), np.empty(0, np.int64)
    while True:
        needed = np.cumsum(gang * duration)
        if target <= 0 or (len(needed) and needed[-1] >= target):
            n = 0 if target <= 0 else int(np.searchsorted(needed, target)) + 1
            return gang[:n], duration[:n]
        more = int(1.1 * target / mean) + 16
        gang = np.concatenate((gang, sizes[choose(weights, draws.unit(more))]))
        duration = np.concatenate((duration, table.read(draws.unit(more)).astype(np.int64)))


def _instants(weight: F64, draws: Draws, n: int) -> I64:
    """Draw instants with the density of the hourly weights."""
    return choose(weight, draws.unit(n)) * rhythm.HOUR_MS + draws.below(rhythm.HOUR_MS, n)


def _users(team: str, draws: Draws, n: int) -> I64:
    """Draw users of a team; the k-th asks 1/k as often as the first (*assumption*; Helios: a few users dominate)."""
    return draws.pick([1.0 / (k + 1) for k in range(asks.USERS[team])], n)


def _powers(base: float, n: int) -> F64:
    """1 − base, 1 − base², …: how many fail at least that often in a row, as edges."""
    powers = [base]
    for _ in range(n - 2):
        powers.append(powers[-1] * base)
    return 1.0 - np.array(powers)
