"""Worlds drawn at random for the outlook: labs, teams, charters that are valid, courses."""

from __future__ import annotations

from random import Random

from equipoise.charter import Charter
from equipoise.charter_io import loads
from equipoise.outlook.labs import Lab, Role, Stage, Team, World, world

HEAD = "equipoise: charter/v1\nlab: L\npools: {compute: {device: GPU, expect: 1000 nodes of 8 gpu}}\n"
NAMES = ("core", "explore", "product", "safety")
ROLE: dict[str, Role] = {"core": "core", "explore": "exploration", "product": "product", "safety": "research"}


def charter(
    floors: dict[str, int],
    weights: dict[str, int] | None = None,
    promise: tuple[str, int] | None = None,
    nested: bool = False,
) -> Charter:
    """Return a charter of whole percentages."""
    teams = {name: f"{{floor: {floor}%, weight: {(weights or {}).get(name, 1)}}}" for name, floor in floors.items()}
    text = HEAD + "teams: {" + ", ".join(f"{name}: {rule}" for name, rule in teams.items()) + "}\n"
    if promise is not None:
        text += f"commitments: {{one: {{team: {promise[0]}, at_least: {promise[1]}%, window: quarter}}}}\n"
    return loads(text)


def drawn_charter(chance: Random) -> Charter:
    """Return a charter with floors that fit and, half of the time, a promise within a floor."""
    left, floors = 100, dict[str, int]()
    for name in NAMES:
        floors[name] = chance.randint(0, min(left, 40))
        left -= floors[name]
    able = [name for name in NAMES if floors[name] >= 3]
    promise = (chance.choice(able), 2) if able and chance.random() < 0.5 else None
    return charter(floors, {name: chance.choice((0, 1, 2, 5, 200)) for name in NAMES}, promise)


def drawn_world(chance: Random, labs: int = 3) -> World:
    """Return a world in which anything may be out of proportion."""
    found: list[Lab] = []
    for name in ("a", "b", "c", "d")[:labs]:
        teams = tuple(
            Team(
                n,
                ROLE[n],
                chance.randint(0, 60),
                chance.choice((0.0, 0.05, 0.31, 0.6, 1.0)),
                chance.choice((-0.3, 0.0, 0.4)),
            )
            for n in NAMES
        )
        first = Stage(0, drawn_charter(chance), chance.choice((0.0, 0.0, 0.4)))
        course = (first, Stage(chance.randint(1, 9), drawn_charter(chance))) if chance.random() < 0.6 else (first,)
        reference = chance.choice((None, first.charter, drawn_charter(chance)))
        growth = chance.choice((None, 0.05, 0.2))
        retention = chance.choice((None, 0.6))
        found.append(
            Lab(
                name,
                teams,
                course,
                reference,
                chance.uniform(0.5, 9),
                chance.uniform(0.5, 9),
                chance.random(),
                growth,
                retention,
                chance.random() < 0.2,
            )
        )
    return world(
        "drawn", tuple(found), focal=chance.choice([lab.name for lab in found]), outside=chance.choice((50, 100_000))
    )
