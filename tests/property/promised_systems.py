"""Promises over time for drawn systems: windows of a day or a few, so that several begin and end while work runs."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from random import Random

import numpy as np

from equipoise.charter.model import Charter
from equipoise.charter.promise import Commitment, Starts, Window
from equipoise.units import DAY_MS
from equipoise.workload.requests import Requests
from tests.property.policy_systems import Shape, System

PROMISED = Shape(ticks=(400_000, 9_000_000, 30_000_000))
"""Systems whose dozens of ticks are hours to weeks."""
ZONES = ("Asia/Kathmandu", "America/Los_Angeles")


def with_promises(system: System, chance: Random) -> System:
    """Promise one to three teams a share of some pools, and give half of the systems a calendar."""
    charter = system.charter
    pools = tuple(replace(pool, heh=chance.choice((Fraction(1), Fraction(3, 10)))) for pool in charter.pools)
    teams = chance.sample(charter.teams, min(len(charter.teams), chance.randint(1, 3)))
    promises = tuple(
        _promise(chance, f"c{number}", team.path, [pool.name for pool in pools]) for number, team in enumerate(teams)
    )
    charter = replace(charter, pools=pools, commitments=promises)
    workload = system.workload
    if chance.random() < 0.5:
        charter = replace(charter, timezone=chance.choice(ZONES))
        workload = replace(workload, origin_ms=1_700_000_000_123 + chance.randrange(300) * 86_400_000)
    return replace(system, charter=charter, workload=workload)


def with_more_promised(system: System, chance: Random) -> System:
    """Add what promises may have beside: a second one of a team, starts, refused requests, a midnight in a short run."""
    charter, workload = system.charter, system.workload
    if chance.random() < 0.3:
        team = chance.choice(charter.commitments).team
        charter = _with(charter, _promise(chance, "again", team, [pool.name for pool in charter.pools]))
    for number in range(chance.choice((0, 0, 1, 2))):
        charter = _with(charter, _of_starts(chance, f"s{number}", charter, system.tick_ms))
    if chance.random() < 0.4:
        workload = replace(workload, requests=_requests(chance, system))
    if workload.origin_ms is not None:
        at_midnight = chance.randint(1, 60) * system.tick_ms
        into_ms = at_midnight if system.tick_ms < 1_000_000 else chance.choice((chance.randrange(DAY_MS), at_midnight))
        ahead_ms = 20_700_000 if charter.timezone == ZONES[0] else -28_800_000  # of UTC; an hour less behind in summer
        workload = replace(workload, origin_ms=workload.origin_ms // DAY_MS * DAY_MS - ahead_ms - into_ms)
    return replace(system, charter=charter, workload=workload)


def _with(charter: Charter, promise: Commitment) -> Charter:
    return replace(charter, commitments=(*charter.commitments, promise))


def _promise(chance: Random, name: str, team: str, pools: list[str]) -> Commitment:
    share = Fraction(chance.choice((1, 2, 5, 8, 12)), 20)
    calendar = chance.random() < 0.5
    least = chance.random() < 0.8
    return Commitment(
        name,
        team,
        Window(calendar=chance.choice(("day", "week"))) if calendar else Window(rolling_days=chance.choice((1, 2, 3))),
        tuple(chance.sample(pools, chance.randint(1, len(pools)))),
        at_least=share if least else None,
        at_most=None if least else share,
        of=chance.choice(("delivered", "capacity", "capacity at")),
        unused=chance.choice(("carry", "forfeit")),
        make_good=Fraction(chance.choice((0, 10, 11, 30)), 10) if calendar and least else Fraction(0),
        pace_max=min(Fraction(1), share * chance.choice((1, Fraction(3, 2), 2))) if least else None,
    )


def _of_starts(chance: Random, name: str, charter: Charter, tick_ms: int) -> Commitment:
    pools = [pool.name for pool in charter.pools]
    starts = Starts(chance.choice((2, 99)), chance.choice((0, 2, 20)) * tick_ms, Fraction(chance.randint(1, 10), 10))
    window = chance.choice((Window(calendar="day"), Window(calendar="week"), Window(rolling_days=2)))
    team = chance.choice(charter.children(None)).path  # those below rarely have a floor that holds a job
    return Commitment(name, team, window, tuple(chance.sample(pools, chance.randint(1, len(pools)))), starts=starts)


def _requests(chance: Random, system: System) -> Requests:
    """A few requests, most of them cut or refused while work runs."""
    n = chance.randint(1, 4)
    tick_ms, workload = system.tick_ms, system.workload
    asked = [chance.choice((1, 7, 60, 400)) * tick_ms for _ in range(n)]
    granted = [chance.choice((-1, 0, 0, amount // 3, amount)) for amount in asked]
    begin = [chance.randint(0, 60) * tick_ms for _ in range(n)]
    words = ("",) * n
    return Requests(
        name=tuple(f"r{number}" for number in range(n)),
        team=np.array([chance.randrange(len(workload.teams)) for _ in range(n)], np.int32),
        pool=np.array([chance.randrange(len(workload.pools)) for _ in range(n)], np.int32),
        amount_gpu_ms=np.array(asked, np.int64),
        asked_ms=np.zeros(n, np.int64),
        begin_ms=np.array(begin, np.int64),
        end_ms=np.array([at_ms + chance.choice((1, 10, 50)) * tick_ms for at_ms in begin], np.int64),
        answered_ms=np.array([chance.randint(-3, 70) * tick_ms for _ in range(n)], np.int64),
        granted_gpu_ms=np.array(granted, np.int64),
        reason=words,
        avenue=words,
        purpose=words,
        project=words,
    )
