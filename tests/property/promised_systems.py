"""Promises over time for drawn systems: windows of a day or a few, so that several begin and end while work runs."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from random import Random

from equipoise.charter.promise import Commitment, Window
from tests.property.policy_systems import Shape, System

PROMISED = Shape(ticks=(400_000, 9_000_000, 30_000_000))
"""Systems whose dozens of ticks are hours to weeks."""


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
        charter = replace(charter, timezone=chance.choice(("Asia/Kathmandu", "America/Los_Angeles")))
        workload = replace(workload, origin_ms=1_700_000_000_123 + chance.randrange(300) * 86_400_000)
    return replace(system, charter=charter, workload=workload)


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
        make_good=Fraction(chance.choice((0, 0, 10, 11)), 10) if calendar and least else Fraction(0),
        pace_max=min(Fraction(1), share * chance.choice((1, Fraction(3, 2), 2))) if least else None,
    )
