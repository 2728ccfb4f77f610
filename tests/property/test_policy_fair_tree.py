"""Fair Tree: its ranks against Slurm's own test table and a slow recursion, its starts against a plain event loop."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

import numpy as np
import pytest

from equipoise.charter.model import EVERYTHING, NOTHING, Charter, Pool, Team
from equipoise.policy.core import KERNEL
from equipoise.policy.kernel import jit, layout
from equipoise.policy.plan import plan
from equipoise.policy.state import build, plain
from equipoise.workload.model import Jobs, Workload
from tests.property.policy_systems import COUNTED, System, draw_closes, draw_system, with_outages
from tests.property.test_policy_queue import in_whole_nodes
from tests.reference.policy_easy import QueuedJob
from tests.reference.policy_fair_tree import Association, FairTree, TooCloseError, ranks
from tests.reference.policy_fair_tree import Team as TeamOfTwin

SHAPE = replace(
    COUNTED,
    per_node=(1, 2, 4, 8),
    chains=False,
    limits=False,
    jobs=40,
    estimates=("accurate", "over"),
    enforce=(False,),
    weights_e4=(10_000, 20_000, 35_000, 7_000, 0),
)

# testsuite/expect/test24.4 of SchedMD/slurm: shares, raw usage and the rank that FairShare x 21 users says; without account
# aD, whose shares are `parent` (a charter has no such thing).
SLURM = (
    ("u1", 10, 0), ("u2", 10, 10),
    ("aA", 40, (("aAA", 30, (("uAA1", 1, 20),)), ("aAB", 10, (("uAB1", 1, 25), ("uAB2", 1, 0))))),
    ("aB", 60, (("aBA", 25, (("uBA1", 1, 25),)), ("aBB", 35, (("uBB1", 1, 0),)))),
    ("aC", 0, (("uC1", 0, 30),)),
    ("aE", 10, (("aE1", 10, 0), ("aE2", 10, 0))),
    ("aF", 20, (("uF1", 10, 0), ("uF2", 20, 0))),
    ("aG", 8, (("uG1", 10, 10), ("aGA", 10, (("uGA1", 20, 4), ("uGA2", 20, 6))))),
)  # fmt: skip
SLURM_FAIRSHARE = {
    "u1": 1.0, "aE1": 1.0, "aE2": 1.0, "uF1": 1.0, "uF2": 1.0, "uBB1": 0.761905, "uBA1": 0.714286, "u2": 0.666667,
    "uAA1": 0.619048, "uAB2": 0.571429, "uAB1": 0.523810, "uG1": 0.190476, "uGA1": 0.190476, "uGA2": 0.095238,
    "uC1": 0.047619,
}  # fmt: skip


def association(entry: tuple[str, float, Any]) -> Association:
    name, shares, below = entry
    if not isinstance(below, tuple):
        return Association(shares, below, name=name)
    children = [association(child) for child in below]
    return Association(shares, sum(child.used for child in children), children=children)


def test_the_recursion_ranks_as_slurms_own_test_says() -> None:
    children = [association(entry) for entry in SLURM]
    children.append(Association(50, 110, name="aD"))  # its users lie between uAB1 and uG1: one stands for the six
    found = ranks(Association(1, sum(child.used for child in children), children=children))
    del found["aD"]
    wanted = sorted(set(SLURM_FAIRSHARE.values()), reverse=True)
    order = sorted(set(found.values()))
    assert {name: order.index(rank) for name, rank in found.items()} == {
        name: wanted.index(value) for name, value in SLURM_FAIRSHARE.items()
    }
    assert found["uGA2"] == len([name for name in found if found[name] < found["uGA2"]]) + 1  # aD


def drawn_tree(chance: Random) -> tuple[Charter, list[str]]:
    """Draw a tree of teams, whose leaves hold users."""
    teams: list[Team] = []

    def grow(parent: str | None, depth: int) -> None:
        for number in range(chance.randint(1, 4)):
            path = f"t{number}" if parent is None else f"{parent}.t{number}"
            at = len(teams)
            inner = depth < 4 and chance.random() < 0.45
            teams.append(
                Team(
                    path=path,
                    name=f"t{number}",
                    parent=parent,
                    floor={"p": NOTHING},
                    limit={"p": EVERYTHING},
                    weight_e4=chance.choice((0, 10_000, 10_000, 20_000, 30_000)),
                )
            )
            if inner:
                teams[at] = replace(teams[at], is_leaf=False)
                grow(path, depth + 1)

    grow(None, 1)
    charter = Charter(lab="Drawn", pools=(Pool("p", "GPU", 8, 1),), teams=tuple(teams))
    return charter, [team.path for team in teams if team.is_leaf]


def everyone(leaves: list[str], users: int) -> Workload:
    """One job of every user in every leaf, so that all are known."""
    n = len(leaves) * users
    zeros, numbers = np.zeros(n, np.int32), np.arange(n, dtype=np.int32)
    jobs = Jobs(
        submit_ms=np.zeros(n, np.int64), duration_ms=np.ones(n, np.int64), gang=zeros + 1,
        walltime_ms=np.zeros(n, np.int64), team=numbers // users, pool=zeros, user=numbers % users, priority=zeros,
        preemptible=np.ones(n, np.bool_), savepoint_ms=np.zeros(n, np.int64), after=zeros - 1,
    )  # fmt: skip
    return Workload(jobs, tuple(leaves), ("p",), tuple(f"u{number}" for number in range(users)))


def test_the_kernel_ranks_random_trees_as_the_recursion_does() -> None:
    functions = jit.plain([*KERNEL])
    ties = 0
    for seed in range(500):
        chance = Random(seed)
        charter, leaves = drawn_tree(chance)
        users = chance.randint(1, 4)
        rules = plan(charter, "fair-tree")
        built = build(everyone(leaves, users), charter.pools, rules, reference=plan(charter))
        state: Any = plain(
            built.state._replace(**{name: getattr(built.state, name)[:1] for name in ("ticks", "sums1", "out")})
        )
        usage = [chance.choice((0.0, 0.0, 1.0, 2.0, 4.0, 4.0, 8.0)) for _ in state.users]
        tree = [Association(line.weight_e4, 0.0) for line in rules.lines]
        for line, row in zip(rules.lines, tree, strict=True):
            if line.parent >= 0:
                tree[line.parent].children.append(row)
        for number, (user, used) in enumerate(zip(state.users, usage, strict=True)):
            user.usage = used
            row = state.standings[number].row
            tree[row].children.append(Association(1.0, used, name=number))
            while row >= 0:
                state.rows[row].usage += used
                tree[row].used += used
                row = state.rows[row].parent
        functions["rank_users"](state, 0)
        places = [standing.place for standing in state.standings]
        wanted = ranks(tree[0])
        assert places == [wanted[number] for number in range(len(places))], f"seed {seed}"
        ties += len(set(places)) < len(places)
    assert ties > 100


def twin_of(system: System, fitting: list[int]) -> FairTree:
    jobs, pool = system.workload.jobs, system.charter.pools[0]
    rules = system.plan("fair-tree")
    owners = [
        (rules.line_of(system.workload.teams[team]), int(user))
        for team, user in zip(jobs.team.tolist(), jobs.user.tolist(), strict=True)
    ]
    known = system.options.estimates == "actual"
    return FairTree(
        [
            QueuedJob(
                int(jobs.submit_ms[j]),
                int(jobs.gang[j]),
                int(jobs.duration_ms[j]),
                0 if known else int(jobs.walltime_ms[j]),
            )
            for j in fitting
        ],
        pool.nodes,
        pool.gpus_per_node,
        teams=[TeamOfTwin(line.parent, line.weight_e4) for line in rules.lines],
        owners=[owners[j] for j in fitting],
        users=sorted(set(owners)),
        half_life_ms=rules.half_life_ms,
    )


def test_fair_tree_starts_every_job_as_the_twin_does() -> None:
    compared = apart = 0
    for seed in range(1_500):
        system = in_whole_nodes(draw_system(Random(seed), SHAPE))
        jobs = system.workload.jobs
        run = system.run("fair-tree")
        fitting = np.flatnonzero(run.jobs["state"] != layout.REFUSED).tolist()
        try:
            wanted = twin_of(system, fitting).run()
        except TooCloseError:
            continue
        compared += 1
        assert run.jobs["start_ms"][fitting].tolist() == wanted, f"seed {seed}"
        apart += system.run("easy").jobs["start_ms"][fitting].tolist() != wanted
        assert len(jobs) >= len(wanted)
    assert compared > 500 and apart > 150, (compared, apart)


@pytest.mark.parametrize("seed", range(8))
def test_compiled_and_interpreted_fair_trees_are_equal(seed: int) -> None:
    chance = Random(seed)
    system = draw_system(chance)
    if seed % 2:
        system = with_outages(system, chance)
    closes_ms = draw_closes(chance, system)
    runs = [system.run("fair-tree", closes_ms=closes_ms, interpreted=interpreted) for interpreted in (False, True)]
    assert runs[0].digest == runs[1].digest
    assert np.array_equal(runs[0].teams, runs[1].teams)
