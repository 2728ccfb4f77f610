"""Random systems: a charter, a workload, and what a run of them may assume, small enough for the slow twins.

Everything is drawn from one ``random.Random``, so that a seed repeats a system and Hypothesis, which brings its own
``Random``, can shrink it. Times are a few dozen ticks, so that ends, submissions and deadlines often coincide.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from random import Random
from typing import Any

import numpy as np

from equipoise.charter.model import EVERYTHING, NOTHING, Charter, Pool, Share, Team
from equipoise.policy.course import Enactment, course
from equipoise.policy.latency import Latency
from equipoise.policy.plan import POLICIES, Plan, plan
from equipoise.policy.state import Options
from equipoise.simulator.run import CapChange, NodeChange, Run, simulate
from equipoise.workload.model import Jobs, Service, Workload

__all__ = ["COUNTED", "POLICIES", "Shape", "System", "draw_closes", "draw_system", "with_outages"]

TICKS_MS = (1, 1, 1, 7_919, 400_000)  # the last reaches every class of estimated lengths


@dataclass(frozen=True, slots=True)
class Shape:
    """Which kinds of systems are drawn."""

    reclaim: Sequence[str] = ("floors", "shares")
    pools: int = 3
    per_node: Sequence[int] = (1, 1, 2, 4, 8)
    capacity: int = 24
    depth: int = 4
    jobs: int = 24
    priorities: bool = True
    services: bool = True
    carry: bool = True
    lend: bool = True
    weights_e4: Sequence[int] = (10_000, 10_000, 20_000, 35_000, 1, 10_000_000, 0)
    bound: bool = True  # some jobs are not preemptible
    chains: bool = True
    limits: bool = True
    estimates: Sequence[str] = ("accurate", "over", "under", "none", "mixed")
    enforce: Sequence[bool] = (False, False, True)
    ticks: Sequence[int] = TICKS_MS


COUNTED = Shape(pools=1, per_node=(1,), services=False, lend=False, priorities=False)
"""One pool whose devices are only counted, nothing reserved: the systems that the rules of reclaim were proved on."""


@dataclass(frozen=True, slots=True)
class System:
    """One charter with the workload that is run under it."""

    charter: Charter
    workload: Workload
    options: Options
    tick_ms: int
    outages: tuple[NodeChange, ...] = ()
    enact: tuple[tuple[int, Charter], ...] = ()
    caps: tuple[CapChange, ...] = ()

    def ways(self, policy: str = "charter") -> list[tuple[Plan, Plan]]:
        """Return what executes and what is accounted against, under the first charter and under each that follows."""
        charters = [self.charter, *(charter for _, charter in self.enact)]
        references = course(charters)
        executing = references if policy == "charter" else course(charters, policy, first=self.charter.teams[0].path)
        return list(zip(executing, references, strict=True))

    def plan(self, policy: str = "charter") -> Plan:
        """Return the plan of a policy; ``product-first`` leads with the first team."""
        return plan(self.charter, policy, first=self.charter.teams[0].path)

    def run(
        self,
        policy: str = "charter",
        *,
        interpreted: bool = False,
        closes_ms: Sequence[int] = (),
        record: bool = False,
    ) -> Run:
        """Run the system and keep every decision."""
        (executing, reference), *later = self.ways(policy)
        return simulate(
            self.workload,
            self.charter,
            executing,
            reference=reference,
            options=self.options,
            closes_ms=closes_ms,
            nodes=self.outages,
            enact=[Enactment(at_ms, *way) for (at_ms, _), way in zip(self.enact, later, strict=True)],
            caps=self.caps,
            keep=True,
            record=record,
            interpreted=interpreted,
        )


def draw_system(chance: Random, shape: Shape = Shape()) -> System:
    """Draw a system of the given shape."""
    tick_ms = chance.choice(tuple(shape.ticks))
    pools = _pools(chance, shape)
    charter = Charter(
        lab="Drawn",
        pools=pools,
        teams=draw_teams(chance, shape, pools, tick_ms),
        usage_half_life_ms=chance.choice((5, 40, 1000)) * tick_ms,
        reclaim=chance.choice(tuple(shape.reclaim)),  # pyright: ignore[reportArgumentType]
    )
    workload = _workload(chance, shape, charter, tick_ms)
    options = Options(
        trace=True,
        estimates=chance.choice(("declared", "declared", "actual")),
        enforce_walltime=chance.choice(tuple(shape.enforce)),
        savepoint_cost_ms=5 * tick_ms,
    )
    return System(charter, workload, options, tick_ms)


def with_outages(system: System, chance: Random) -> System:
    """Let nodes go down, into maintenance and mostly come back."""
    changes: list[NodeChange] = []
    for _ in range(chance.randint(1, 4)):
        pool = chance.choice(system.charter.pools)
        node = chance.randrange(pool.nodes)
        at_ms = chance.randint(0, 60) * system.tick_ms
        changes.append(NodeChange(at_ms, pool.name, node, chance.choice(("down", "maintenance"))))
        if chance.random() < 0.8:
            changes.append(NodeChange(at_ms + chance.randint(1, 40) * system.tick_ms, pool.name, node, "up"))
    changes.sort(key=lambda change: change.at_ms)
    return replace(system, outages=tuple(changes))


def with_latency(system: System, chance: Random) -> System:
    """Let starts and stops be confirmed after some ticks, or at once."""
    startup, drain = (sorted(chance.choice((0, 0, 1, 4, 15)) * system.tick_ms for _ in range(2)) for _ in range(2))
    seed = chance.choice((0, 1, chance.getrandbits(62)))
    latency = Latency((startup[0], startup[1]), (drain[0], drain[1]), seed)
    return replace(system, options=replace(system.options, latency=latency))


def draw_closes(chance: Random, system: System) -> list[int]:
    """Draw the times of a few closes."""
    return sorted({chance.randint(0, 90) * system.tick_ms for _ in range(3)})


def _pools(chance: Random, shape: Shape) -> tuple[Pool, ...]:
    pools: list[Pool] = []
    for number in range(chance.choice((1, 1, 1, *range(2, shape.pools + 1)))):
        per_node = chance.choice(tuple(shape.per_node))
        nodes = chance.randint(1 if per_node > 1 else 2, max(2, shape.capacity // per_node))
        pools.append(Pool(f"p{number}", "GPU", nodes, per_node))
    return tuple(pools)


def draw_teams(chance: Random, shape: Shape, pools: tuple[Pool, ...], tick_ms: int) -> tuple[Team, ...]:
    teams: list[Team] = []

    def grow(parent: Team | None, depth: int, inherited: dict[str, Any]) -> None:
        siblings = chance.randint(2 if parent is None else 1, 4 if parent is None else 3)
        floors = [divide(chance, siblings) for _ in pools]
        for number in range(siblings):
            name = f"t{number}"
            terms = draw_terms(chance, shape, tick_ms) if chance.random() < 0.5 else inherited
            if terms["max_job"] is None or (inherited["max_job"] or 99) < terms["max_job"]:
                terms = {**terms, "max_job": inherited["max_job"]}  # the smallest along the path holds
            floor = {pool.name: floors[p][number] for p, pool in enumerate(pools)}
            at = len(teams)
            teams.append(
                Team(
                    path=name if parent is None else f"{parent.path}.{name}",
                    name=name,
                    parent=None if parent is None else parent.path,
                    floor=floor,
                    limit={pool.name: draw_limit(chance, shape, floor[pool.name]) for pool in pools},
                    weight_e4=chance.choice(tuple(shape.weights_e4)),
                    **terms,
                )
            )
            if depth < shape.depth and len(teams) < 10 and chance.random() < (0.55 if depth == 1 else 0.35):
                teams[at] = replace(teams[at], is_leaf=False)
                grow(teams[at], depth + 1, terms)

    grow(None, 1, draw_terms(chance, shape, tick_ms))
    return tuple(teams)


def divide(chance: Random, siblings: int) -> list[Share]:
    """Percentages of the parent's floor that together are at most the whole."""
    parts = [chance.choice((0, 0, 1, 1, 2, 3)) for _ in range(siblings)]
    whole = sum(parts) + chance.choice((0, 1, 2, 4))
    return [Share(fraction=Fraction(1_000_000 * part // whole, 1_000_000)) if part else NOTHING for part in parts]


def draw_limit(chance: Random, shape: Shape, floor: Share) -> Share:
    if not shape.limits or chance.random() < 0.6:
        return EVERYTHING
    floor_e6 = int((floor.fraction or Fraction(0)) * 1_000_000)
    return Share(fraction=Fraction(chance.randint(max(floor_e6, 150_000), 1_000_000), 1_000_000))


def draw_terms(chance: Random, shape: Shape, tick_ms: int) -> dict[str, Any]:
    """What ``defaults`` or a team above may set: lend, recover, protect, max_job."""
    lend = Fraction(chance.choice((0, 1, 2, 4)), 4) if shape.lend and chance.random() < 0.4 else Fraction(1)
    return {
        "lend": lend,
        "recover_ms": chance.choice((0, 3, 10, 30, 100)) * tick_ms,
        "grace_ms": chance.choice((0, 0, 2, 6, 12)) * tick_ms,
        "min_runtime_ms": chance.choice((0, 0, 5, 25)) * tick_ms,
        "reclaims_per_day": chance.choice((0, 1, 4)),
        "max_job": chance.choice((None, None, None, 3, 8)),
    }


def _workload(chance: Random, shape: Shape, charter: Charter, tick_ms: int) -> Workload:
    leaves = [team.path for team in charter.leaves]
    n = chance.randint(1, shape.jobs)
    until = chance.choice((0, 10, 40, 80))
    submit = sorted(chance.randint(0, until) for _ in range(n))
    pool = [chance.randrange(len(charter.pools)) for _ in range(n)]
    duration = [chance.choice((0, 1, 3, 8, 8, 20, 40, 77)) for _ in range(n)]
    hungry = chance.random() < 0.5  # one team asks for most
    favourite = chance.randrange(len(leaves))
    team = [favourite if hungry and chance.random() < 0.6 else chance.randrange(len(leaves)) for _ in range(n)]
    estimates = chance.choice(tuple(shape.estimates))
    bound = chance.choice((0.0, 0.2, 0.5)) if shape.bound else 0.0
    saved = chance.choice((0.0, 0.5, 1.0))
    priorities = (0, 1, 5) if shape.priorities and chance.random() < 0.4 else (0,)
    chains = 0.2 if shape.chains and chance.random() < 0.4 else 0.0
    jobs = Jobs(
        submit_ms=np.array(submit, np.int64) * tick_ms,
        duration_ms=np.array(duration, np.int64) * tick_ms,
        gang=np.array([_gang(chance, charter.pools[p].capacity) for p in pool], np.int32),
        walltime_ms=np.array([_estimate(chance, estimates, length) for length in duration], np.int64) * tick_ms,
        team=np.array(team, np.int32),
        pool=np.array(pool, np.int32),
        user=np.array([chance.randrange(3) for _ in range(n)], np.int32),
        priority=np.array([chance.choice(priorities) for _ in range(n)], np.int32),
        preemptible=np.array([chance.random() >= bound for _ in range(n)], np.bool_),
        savepoint_ms=np.array([chance.choice((1, 4, 9)) if chance.random() < saved else 0 for _ in range(n)]) * tick_ms,
        after=np.array(
            [chance.randrange(row) if row and chance.random() < chains else -1 for row in range(n)], np.int32
        ),
    )
    services = tuple(_service(chance, shape, charter, tick_ms, number) for number in range(_how_many(chance, shape)))
    return Workload(jobs, tuple(leaves), tuple(p.name for p in charter.pools), ("u0", "u1", "u2"), services)


def _gang(chance: Random, capacity: int) -> int:
    most = max(1, chance.choice((1, 2, capacity // 3, capacity // 2, capacity, capacity + 1)))
    return chance.randint(1, most)


def _estimate(chance: Random, kind: str, length: int) -> int:
    """Declared walltime in ticks; 0 where none is declared."""
    if kind == "mixed":
        kind = chance.choice(("accurate", "over", "under", "none"))
    if kind == "none":
        return 0
    if kind == "over":
        return max(1, length * chance.choice((1, 2, 3)) + chance.randint(0, 3))
    return max(1, length if kind == "accurate" else length // 2)


def _how_many(chance: Random, shape: Shape) -> int:
    return chance.choice((0, 0, 0, 1, 2)) if shape.services else 0


def _service(chance: Random, shape: Shape, charter: Charter, tick_ms: int, number: int) -> Service:
    pool = chance.randrange(len(charter.pools))
    at = sorted({chance.randint(0, 70) for _ in range(chance.randint(1, 6))})
    most = max(1, charter.pools[pool].capacity // 2)
    replicas = [chance.randint(0, most) for _ in at]
    return Service(
        name=f"s{number}",
        team=chance.randrange(len(charter.leaves)),
        pool=pool,
        gang=chance.choice((1, 1, 2, 3)),
        minimum=chance.choice((0, 0, 1, 2)),
        at_ms=np.array([*at, 90], np.int64) * tick_ms,
        replicas=np.array([*replicas, 0], np.int32),
        carry=shape.carry and chance.random() < 0.3,
    )
