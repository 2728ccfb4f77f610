"""Drawn systems whose charter changes while they run, and whose services are capped."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

import numpy as np

from equipoise.charter.model import Charter, Team
from equipoise.simulator.run import CapChange
from equipoise.workload.model import Workload
from tests.property.policy_systems import Shape, System, divide, draw_limit, draw_teams, draw_terms
from tests.property.promised_systems import with_promises


def with_enactments(system: System, chance: Random, *, shape: Shape, promised: bool = False) -> System:
    """Let one to three other charters come into force; work is also asked for by teams that only some of them have."""
    times = sorted(chance.sample(range(1, 90), chance.randint(1, 3)))
    enact: list[tuple[int, Charter]] = []
    for at in times:
        before = chance.choice([system.charter, *(charter for _, charter in enact)])
        kind = chance.choice(("terms", "terms", "teams", "again"))
        charter = before
        if kind == "terms":
            charter = _with_other_terms(before, chance, shape, system.tick_ms)
        elif kind == "teams":
            charter = replace(before, teams=draw_teams(chance, shape, before.pools, system.tick_ms), commitments=())
        if promised and (kind == "teams" or chance.random() < 0.5):
            drawn = with_promises(replace(system, charter=charter), chance).charter
            charter = replace(drawn, timezone=chance.choice((drawn.timezone, before.timezone)))
        enact.append((at * system.tick_ms, charter))
    leaves = {team.path: None for _, charter in enact for team in charter.leaves}
    return replace(system, enact=tuple(enact), workload=_asked_by(system.workload, list(leaves), chance))


def with_caps(system: System, chance: Random) -> System:
    """Cap every service once to three times."""
    caps: list[CapChange] = []
    for number, service in enumerate(system.workload.services):
        most = int(service.replicas.max(initial=0)) * service.gang
        amounts = [chance.choice((None, 0, chance.randint(0, most))) for _ in range(chance.randint(1, 3))]
        caps += [CapChange(chance.randint(0, 80) * system.tick_ms, number, gpus) for gpus in amounts]
    caps.sort(key=lambda cap: cap.at_ms)
    return replace(system, caps=tuple(caps))


def _with_other_terms(charter: Charter, chance: Random, shape: Shape, tick_ms: int) -> Charter:
    """Keep the teams; give some of them other floors, limits, weights and terms."""
    floors = dict[tuple[str, str], Any]()
    for parent in [None, *(team.path for team in charter.teams)]:
        below = charter.children(parent)
        for pool in charter.pools if below and chance.random() < 0.5 else ():
            for team, share in zip(below, divide(chance, len(below)), strict=True):
                floors[team.path, pool.name] = share

    def other(team: Team) -> Team:
        floor = {name: floors.get((team.path, name), share) for name, share in team.floor.items()}
        limit = dict(team.limit)
        for name, share in limit.items():
            assert share.fraction is not None
            assert floor[name].fraction is not None
            if chance.random() < 0.3 or share.fraction < floor[name].fraction:
                limit[name] = draw_limit(chance, shape, floor[name])
        terms = draw_terms(chance, shape, tick_ms) if chance.random() < 0.3 else {}
        weight = chance.choice(tuple(shape.weights_e4)) if chance.random() < 0.3 else team.weight_e4
        return replace(team, floor=floor, limit=limit, weight_e4=weight, **terms)

    return replace(
        charter,
        teams=tuple(other(team) for team in charter.teams),
        usage_half_life_ms=chance.choice((charter.usage_half_life_ms, charter.usage_half_life_ms, 17 * tick_ms)),
        reclaim=chance.choice((charter.reclaim, charter.reclaim, *shape.reclaim)),  # pyright: ignore[reportArgumentType]
    )


def _asked_by(workload: Workload, leaves: list[str], chance: Random) -> Workload:
    """Let half of the jobs, and some services, belong to any leaf that some charter has."""
    teams = list(dict.fromkeys([*workload.teams, *leaves]))
    own = [chance.randrange(len(teams)) if chance.random() < 0.5 else int(team) for team in workload.jobs.team]
    jobs = replace(workload.jobs, team=np.array(own, np.int32))
    services = tuple(
        replace(service, team=chance.randrange(len(teams)) if chance.random() < 0.3 else service.team)
        for service in workload.services
    )
    return replace(workload, jobs=jobs, teams=tuple(teams), services=services)
