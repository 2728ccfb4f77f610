"""Labs that no forecast was made for: sizes, charters and courses drawn, parameters as the priors have them."""

from __future__ import annotations

import numpy as np

from equipoise.charter.model import Charter
from equipoise.outlook.labs import Lab, Role, Stage, Team, World, world
from equipoise.tasks.scenario import scenario

ROLES: dict[str, Role] = {"core": "core", "exploration": "exploration", "product": "product", "safety": "research"}
MONTHS = 36
PEOPLE = (10, 60)
"""Of a team; larger ones hardly ever lose a fifth, and would only show that this is known."""


def drawn(seed: int) -> World:
    """Three labs under charters that ship; the focal one keeps its own, turns to the product, or turns back as well."""
    rng = np.random.default_rng((3, seed))
    charters = scenario("product-pivot").charters
    kept, pivot = charters["kept"], charters["product-first"]
    turns = sorted(int(month) for month in rng.integers(1, MONTHS, int(rng.integers(0, 3))))
    course = [Stage(0, kept)]
    for month in turns:
        if month > course[-1].month:
            course.append(Stage(month, pivot if course[-1].charter is kept else kept))
    labs = (_lab(rng, "focal", tuple(course), kept), *(_lab(rng, name, (Stage(0, kept),), None) for name in ("b", "c")))
    return world(f"drawn {seed}", labs, focal="focal")


def _lab(rng: np.random.Generator, name: str, course: tuple[Stage, ...], reference: Charter | None) -> Lab:
    asks = {"core": 0.35, "exploration": 0.25, "product": 0.35, "safety": 0.2}
    teams = tuple(
        Team(
            team,
            role,
            int(rng.integers(*PEOPLE)),
            float(asks[team] * rng.uniform(0.7, 1.3)),
            float(rng.uniform(0, 0.4)),
        )
        for team, role in ROLES.items()
    )
    revenue = float(rng.uniform(1, 8))
    return Lab(
        name,
        teams,
        course,
        reference,
        revenue,
        revenue * float(rng.uniform(1.0, 1.5)),
        0.1,
        float(rng.uniform(0.05, 0.15)),
    )
