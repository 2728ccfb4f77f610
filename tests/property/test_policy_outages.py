"""A machine of which some devices never come up decides and accounts as the smaller machine does, for both charters."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import numpy as np
import pytest

from equipoise.charter.model import Charter
from equipoise.policy.kernel import layout as k
from equipoise.policy.plan import plan
from equipoise.simulator.replay import NodeChange, Run
from equipoise.simulator.run import simulate
from tests.property.policy_systems import COUNTED, POLICIES, System, draw_closes, draw_system

SINGLE = replace(COUNTED, bound=False, jobs=60)
"""Gangs are made single below: what is too large for a machine is told by what is promised, not by what is up."""


def with_other_floors(charter: Charter, chance: Random) -> Charter:
    """Hand floors round among siblings, and draw weights anew."""
    teams = list(charter.teams)
    for parent in {team.parent for team in teams}:
        rows = [row for row, team in enumerate(teams) if team.parent == parent]
        floors = [teams[row].floor for row in rows]
        for row, floor in zip(rows, [*floors[1:], *floors[:1]], strict=True):
            teams[row] = replace(teams[row], floor=floor, weight_e4=chance.choice((10_000, 30_000)))
    return replace(charter, teams=tuple(teams))


def on(
    machine: Charter, executing: Charter, policy: str, system: System, nodes: list[NodeChange], closes: list[int]
) -> Run:
    reference = plan(machine)
    return simulate(
        system.workload,
        executing,
        plan(executing, policy, first=executing.teams[0].path),
        reference=reference,
        options=system.options,
        closes_ms=closes,
        nodes=nodes,
        keep=True,
    )


@pytest.mark.parametrize("policy", POLICIES)
def test_devices_that_never_come_up_are_as_if_they_were_not_there(policy: str) -> None:
    compared = reclaimed = 0
    for seed in range(200):
        chance = Random(seed)
        system = draw_system(chance, SINGLE)
        jobs = replace(system.workload.jobs, gang=np.ones(len(system.workload.jobs), np.int32))
        system = replace(system, workload=replace(system.workload, jobs=jobs))
        (pool,) = system.charter.pools
        out = chance.randint(1, pool.nodes - 1)
        other = with_other_floors(system.charter, chance)
        closes = draw_closes(chance, system)
        nodes = [NodeChange(0, pool.name, node, chance.choice(("down", "maintenance"))) for node in range(out)]
        small = (replace(pool, nodes=pool.nodes - out),)
        wanted = on(replace(system.charter, pools=small), replace(other, pools=small), policy, system, [], closes)
        if (wanted.jobs["state"] == k.REFUSED).any():
            continue
        found = on(system.charter, other, policy, system, nodes, closes)
        assert wanted.decisions is not None
        assert found.decisions is not None
        assert found.decisions.tolist() == wanted.decisions.tolist(), f"seed {seed}"
        assert found.closes_ms.tolist() == wanted.closes_ms.tolist(), f"seed {seed}"
        assert found.teams.tolist() == wanted.teams.tolist(), f"seed {seed}"
        compared += 1
        reclaimed += int(wanted.counters["stops"])
    assert compared > 50
    assert policy != "charter" or reclaimed > 50
