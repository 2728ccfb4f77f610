"""One instant of a small system in the kernel: who runs, who asks, and what the policy does about it.

Workloads that run start one millisecond after another in the order given, so that a later one is newer. Then all that
wait are submitted at once, and the decisions of that instant are read. Nobody is protected (no grace, no least running
time) and every job saves its work, because the peers' tables know neither.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from equipoise.charter.model import EVERYTHING, Charter, Pool, Reclaim, Share, Team
from equipoise.policy.kernel.layout import REFUSED, RUNNING, START, STOP
from equipoise.policy.plan import plan
from equipoise.policy.state import Layout, Options, build
from equipoise.simulator.replay import POOL_TOTALS, TEAM_TOTALS, Replay
from equipoise.units import DAY_MS
from equipoise.workload.model import Jobs, Workload

INSTANT_MS = 10_000  # when the waiting workloads are submitted
LONG_MS = 10_000_000
POOL = "device"


@dataclass(frozen=True, slots=True)
class Terms:
    """One team: floor and limit (None: none) in devices of the pool."""

    name: str
    parent: str | None
    floor: int
    limit: int | None
    weight_e4: int


@dataclass(frozen=True, slots=True)
class Asking:
    """One workload. ``node`` is where it runs, where that matters; a workload that waits has none."""

    name: str
    team: str
    gang: int
    priority: int = 0
    preemptible: bool = True
    node: str | None = None


@dataclass(frozen=True, slots=True)
class Small:
    """A system at one instant."""

    teams: tuple[Terms, ...]
    nodes: int
    per_node: int
    running: tuple[Asking, ...]
    waiting: tuple[Asking, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of every workload, by name."""

    victims: tuple[str, ...]
    started: tuple[str, ...]
    kept: tuple[str, ...]
    waiting: tuple[str, ...]
    refused: tuple[str, ...] = ()
    restarted: tuple[str, ...] = ()


def charter_of(teams: Sequence[Terms], nodes: int, per_node: int = 1, *, reclaim: Reclaim = "floors") -> Charter:
    """Return a charter with amounts as floors and limits; ``nodes`` is what it expects."""
    rows: list[Team] = []

    def add(parent: Terms | None, path: str | None) -> None:
        name = None if parent is None else parent.name
        for team in sorted((t for t in teams if t.parent == name), key=lambda t: t.name):
            below = team.name if path is None else f"{path}.{team.name}"
            rows.append(
                Team(
                    path=below,
                    name=team.name,
                    parent=path,
                    floor={POOL: Share(gpus=team.floor)},
                    limit={POOL: EVERYTHING if team.limit is None else Share(gpus=team.limit)},
                    weight_e4=team.weight_e4,
                    grace_ms=0,
                    min_runtime_ms=0,
                    reclaims_per_day=1_000_000,
                    is_leaf=all(other.parent != team.name for other in teams),
                )
            )
            add(team, below)

    add(None, None)
    return Charter("Peer", (Pool(POOL, "any", nodes, per_node),), tuple(rows), reclaim=reclaim)


def run(small: Small, *, reclaim: Reclaim) -> Outcome:
    """Return what the kernel decides at the instant.

    Raises
    ------
    AssertionError
        Where the kernel would not have let the running workloads run, or puts them on other nodes: the case is not the
        one that was asked for.
    """
    charter = charter_of(small.teams, small.nodes, small.per_node, reclaim=reclaim)
    asked, submit_ms, duration_ms = _schedule(small)
    layout = _build(charter, asked, submit_ms, duration_ms)
    replay = Replay(layout, keep=True)
    replay.advance(INSTANT_MS)
    _assert_begun(small, layout, asked)
    replay.advance(INSTANT_MS + 1)
    done = replay.result()
    assert done.decisions is not None
    rows = done.decisions[done.decisions["time_ms"] == INSTANT_MS]
    stopped = {asked[job].name for job in rows["job"][rows["kind"] == STOP].tolist()}
    begun = {asked[job].name for job in rows["job"][rows["kind"] == START].tolist()}
    refused = {asked[job].name for job in np.flatnonzero(done.jobs["state"] == REFUSED).tolist()}
    waiting = [job.name for job in small.waiting]
    return Outcome(
        victims=tuple(job.name for job in small.running if job.name in stopped),
        started=tuple(name for name in waiting if name in begun),
        kept=tuple(job.name for job in small.running if job.name not in stopped),
        waiting=tuple(name for name in waiting if name not in begun | refused),
        refused=tuple(name for name in waiting if name in refused),
        restarted=tuple(job.name for job in small.running if job.name in stopped & begun),
    )


def held_part(capacity: int, gang: int) -> Fraction:
    """Return the part of a pool that one running gang holds, as the kernel's account has it after a while."""
    charter = charter_of([Terms("one", None, 0, None, 10_000)], capacity)
    replay = Replay(_build(charter, [Asking("job", "one", gang)], [0], [LONG_MS]), keep=False)
    replay.advance(INSTANT_MS)
    replay.close(INSTANT_MS)
    done = replay.result()
    held, whole = done.teams[0][:, TEAM_TOTALS.index("acc_held")], done.pools[0][0][POOL_TOTALS.index("acc_capacity")]
    return Fraction(int(held[-1]), int(whole))


def order_of_start(teams: Sequence[Terms], used: Mapping[str, int]) -> list[str]:
    """Return the leaves in the order in which they start one more job each, after having used what is told."""
    ran_ms = DAY_MS
    charter = charter_of(teams, max(sum(used.values()), len(used)))
    past = [Asking(team, team, devices) for team, devices in used.items() if devices]
    asked = [*past, *(Asking(team, team, 1) for team in used)]
    submit_ms = [0] * len(past) + [ran_ms] * len(used)
    duration_ms = [ran_ms] * len(past) + [LONG_MS] * len(used)
    replay = Replay(_build(charter, asked, submit_ms, duration_ms), keep=True)
    replay.advance(ran_ms + 1)
    decisions = replay.result().decisions
    assert decisions is not None
    begun = decisions["job"][(decisions["kind"] == START) & (decisions["time_ms"] == ran_ms)]
    return [asked[job].name for job in begun.tolist()]


def _schedule(small: Small) -> tuple[list[Asking], list[int], list[int]]:
    """Return jobs with their submission and duration; fillers keep other nodes full while one is chosen."""
    asked: list[Asking] = []
    submit_ms: list[int] = []
    duration_ms: list[int] = []
    placed = small.per_node > 1 and small.nodes > 1
    free = dict.fromkeys(sorted({job.node for job in small.running if job.node}), small.per_node)
    at_ms = 0
    for job in small.running:
        others = [room for node, room in free.items() if placed and node != job.node and room]
        for room in others:
            asked.append(Asking("filler", job.team, room))
            submit_ms.append(at_ms)
            duration_ms.append(2)
        asked.append(job)
        submit_ms.append(at_ms + 1 if others else at_ms)
        duration_ms.append(LONG_MS)
        if placed and job.node:
            free[job.node] -= job.gang
        at_ms += 3 if others else 1
    waiting = len(small.waiting)
    return (
        [*asked, *small.waiting],
        [*submit_ms, *[INSTANT_MS] * waiting],
        [*duration_ms, *[LONG_MS] * waiting],
    )


def _build(charter: Charter, asked: Sequence[Asking], submit_ms: Sequence[int], duration_ms: Sequence[int]) -> Layout:
    leaves = [team.path for team in charter.leaves]
    of = {team.name: leaves.index(team.path) for team in charter.leaves}
    n = len(asked)
    jobs = Jobs(
        submit_ms=np.array(submit_ms, np.int64),
        duration_ms=np.array(duration_ms, np.int64),
        gang=np.array([job.gang for job in asked], np.int32),
        walltime_ms=np.array(duration_ms, np.int64),
        team=np.array([of[job.team] for job in asked], np.int32),
        pool=np.zeros(n, np.int32),
        user=np.zeros(n, np.int32),
        priority=np.array([job.priority for job in asked], np.int32),
        preemptible=np.array([job.preemptible for job in asked], np.bool_),
        savepoint_ms=np.ones(n, np.int64),
        after=np.full(n, -1, np.int32),
    )
    rules = plan(charter)
    return build(
        Workload(jobs, tuple(leaves)), charter.pools, rules, reference=rules, options=Options(savepoint_cost_ms=0)
    )


def _assert_begun(small: Small, layout: Layout, asked: Sequence[Asking]) -> None:
    """Assert that exactly the running workloads run, together on nodes as asked."""
    jobs, slots = layout.state.jobs, layout.state.slots
    running = {asked[job].name: slots[jobs["slot"][job]] for job in np.flatnonzero(jobs["state"] == RUNNING).tolist()}
    assert set(running) == {job.name for job in small.running}, f"{sorted(running)} run"
    if small.per_node > 1 and small.nodes > 1:
        at = {name: int(max(slot["node"], slot["part_node"])) for name, slot in running.items()}
        for one in small.running:
            for other in small.running:
                assert (at[one.name] == at[other.name]) == (one.node == other.node), (one.name, other.name)
