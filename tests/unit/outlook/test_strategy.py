"""Strategic risk: concentration, what a paradigm shift would cost, and depth of knowledge."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from equipoise.outlook import strategy
from equipoise.outlook.differences import RISK, measures
from equipoise.outlook.labs import Lab, Role, Stage, Team, world
from equipoise.outlook.parameters import Beliefs
from equipoise.outlook.room import Asked
from equipoise.outlook.run import Forecast, forecast
from equipoise.tasks.outlook import outlook
from equipoise.tasks.scenario import scenario
from tests.property.outlook_worlds import charter

NAMES: dict[str, Role] = {
    "core": "core",
    "explore": "exploration",
    "product": "product",
    "safety": "product",
}  # two lines that sell
FLOORS = {"core": 30, "explore": 20, "product": 30, "safety": 20}


def lab(name: str, explore: float) -> Lab:
    teams = tuple(
        Team(team, role, 40, explore if team == "explore" else FLOORS[team] / 100) for team, role in NAMES.items()
    )
    return Lab(name, teams, (Stage(0, charter(FLOORS)),), flat=True)


def paradigms(months: int, runs: int) -> Forecast:
    """Labs in which capability moves by paradigm shifts alone."""
    beliefs = Beliefs().with_set(["eta=0", "spill=0", "mu=0.25", "jump=1", "absorb=U(0.02, 0.2)"])
    labs = (lab("a", 0.2), lab("b", 0.05), lab("c", 0.1))
    return forecast(
        world("paradigms", labs, focal="b"),
        runs=runs,
        asked=Asked(months, tuple(range(1, months + 1))),
        beliefs=beliefs,
    )


def test_part_of_a_paradigm_that_is_lacked_is_what_runs_lack_a_year_after_a_shift() -> None:
    found = paradigms(14, 40_000)
    one = found.end("shifts") == 1
    heights = np.stack(
        [found.lab("capability", month=month, lab=name) for month in (1, 2, 14) for name in "abc"], axis=1
    )
    best = heights.reshape(-1, 3, 3).max(axis=2)
    came = one & (best[:, 0] == 0) & (best[:, 1] > 0)  # in the second month: twelve months before the last
    assert came.sum() > 500
    lacks = (best[:, 2] - found.lab("capability", month=14))[came]
    said = strategy.lacked(found, month=1)[came]
    assert abs(lacks.mean() - said.mean()) < 4.5 * lacks.std() / came.sum() ** 0.5, (lacks.mean(), said.mean())
    # and not only on average: runs where it is said to take up fast do lack less
    fast = said < np.median(said)
    assert lacks[fast].mean() < lacks[~fast].mean()


def test_concentration_is_what_the_parts_come_to() -> None:
    found = paradigms(6, 20)
    teams = np.array([found.team("share", team, month=6) for team in NAMES])
    assert strategy.among_teams(found, month=6) == pytest.approx(np.square(teams / teams.sum(axis=0)).sum(axis=0))
    product, other = teams[2], teams[3]
    assert strategy.among_lines(found, month=6) == pytest.approx((product**2 + other**2) / (product + other) ** 2)
    assert strategy.among_labs(found, "compute", month=6) == pytest.approx(np.full(20, 1 / 3))


def test_lab_of_mean_size_and_exploration_has_its_part_of_the_chances() -> None:
    found = forecast(
        world("alike", tuple(lab(name, 0.2) for name in "abc"), focal="b"), runs=2_000, asked=Asked(6, (6,))
    )
    gap = strategy.chance_beyond_size(found, month=6)
    assert abs(gap.mean()) < 0.005
    poor = replace(
        found.world.lab("b"),
        teams=tuple(replace(t, asks=0.02) if t.role == "exploration" else t for t in lab("b", 0.2).teams),
    )
    less = forecast(found.world.with_lab(poor), runs=200, asked=Asked(6, (6,)))
    assert strategy.chance_beyond_size(less, month=6).mean() < -0.05


def test_knowledge_left_is_one_at_the_start_and_falls_where_people_leave_and_nobody_learns() -> None:
    beliefs = Beliefs().with_set(["h0=0.05", "q0=0", "carried=0", "tau_ramp=1000", "chi=1"])
    asked = Asked(12, (12,))
    found = forecast(world("leaving", (lab("a", 0.2),), focal="a"), runs=300, asked=asked, beliefs=beliefs)
    left = strategy.knowledge_left(found, "core", month=12)
    assert left.mean() == pytest.approx(found.team("kept", "core", month=12).mean(), abs=0.03)


def test_risks_are_in_the_result_by_their_kind() -> None:
    found = outlook("product-pivot", against="charter-kept", runs=100, months=12)
    kinds = {row["name"]: row["kind"] for row in found.to_dict()["results"]}
    names = {measure.name for measure in measures(scenario("product-pivot").world, 12) if measure.kind == RISK}
    assert {name for name, kind in kinds.items() if kind == RISK} == names and "compute among the lab's teams" in names
    risks = {row.measure.name: row for row in found.differences if row.measure.kind == RISK}
    assert risks["compute among the lab's teams"].paired.low > 0, "the pivot puts compute on fewer teams"
    assert risks["revenue among its product lines"].first.mean == 1, "there is one product line"
