"""The laws of the outlook: what holds in every run, whatever the parameters."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import replace
from random import Random

import numpy as np
import pytest

from equipoise.outlook.differences import ORDER, PARTS, compare
from equipoise.outlook.labs import H0, Lab, Stage, Team, World, world
from equipoise.outlook.parameters import PARAMETERS, Beliefs
from equipoise.outlook.room import Asked
from equipoise.outlook.run import CHUNK, Forecast, forecast, run_with
from tests.property.outlook_worlds import NAMES, ROLE, charter, drawn_charter, drawn_world

ASKED = Asked(months=30, marks=tuple(range(1, 31)))
WORLDS = range(60)


@pytest.mark.parametrize("number", WORLDS)
def test_nobody_is_made_or_lost_and_shares_fit_and_knowledge_is_bounded(number: int) -> None:
    found = forecast(drawn_world(Random(number)), runs=20, asked=replace(ASKED, seed=number))
    assert found.end("people_error").max() == 0
    assert found.end("ppm_error").max() == 0
    marks = found.out.team_marks
    assert (marks["known"] <= marks["people"]).all() and (marks["known"] >= 0).all() and (marks["people"] >= 0).all()
    assert (np.diff(marks["kept"], axis=1) <= 0).all() and (marks["kept"] > 0).all()
    # Flows are departures: each lab's, wherever they went.
    assert (found.out.flows.sum(axis=2) == marks["left"][:, -1].sum(axis=2)).all()
    for names in (found.out.team_marks, found.out.lab_marks):
        assert all(np.isfinite(names[name]).all() for name in names.dtype.names)


def still(floors: dict[str, int], *, names: tuple[str, ...] = ("a", "b", "c"), people: int = 40) -> World:
    """Labs that are alike, whose charters give every team what it asks for."""
    one = charter(floors)
    teams = tuple(Team(name, ROLE[name], people, floors[name] / 100) for name in NAMES)
    return world("still", tuple(Lab(name, teams, (Stage(0, one),), flat=True) for name in names), focal=names[0])


def test_without_starvation_breach_or_contagion_people_leave_at_the_base_rate() -> None:
    found = forecast(
        still({"core": 30, "explore": 20, "product": 30, "safety": 20}),
        runs=200, asked=ASKED, beliefs=Beliefs().with_set(["kappa=0", "pull=0", "g0=0", "shock_size=0.0000001", "gamma=0"]),
    )  # fmt: skip
    rate = found.params["h0"][:, None] * np.exp(found.per_lab["u_lab"].reshape(200, 3))
    for month in (1, 30):
        kept = found.out.team_marks[:, month - 1]["kept"]
        np.testing.assert_allclose(kept, np.exp(-rate * month)[:, :, None] * np.ones(4), rtol=1e-9)


def test_base_rate_is_the_published_retention() -> None:
    assert math.exp(-24 * H0) == pytest.approx(0.80, abs=0.001)
    assert next(p for p in PARAMETERS if p.name == "h0").prior.numbers[0] == H0


@pytest.mark.parametrize("number", range(200))
def test_raising_a_floor_never_raises_the_hazard_of_its_team_in_that_month(number: int) -> None:
    draw = Random(number)
    base = drawn_world(draw)
    lab = base.lab(base.focal)
    before = {name: draw.randint(0, 20) for name in NAMES}
    raised = draw.choice(NAMES)
    after = before | {raised: before[raised] + draw.randint(1, 20)}
    weights = {name: draw.choice((0, 1, 5)) for name in NAMES}
    reference = drawn_charter(draw)
    one = Asked(months=1, marks=(1,), seed=number)
    kept = [
        forecast(
            base.with_lab(replace(lab, course=(Stage(0, charter(floors, weights)),), reference=reference)),
            runs=10,
            asked=one,
        ).team("kept", raised, month=1)
        for floors in (before, after)
    ]
    assert (kept[1] >= kept[0]).all(), (number, raised, before, after)


def test_contagion_dies_out_in_all_priors() -> None:
    # One departure from a team of n adds 1/n to X, which lasts τ_x months, and so n · h · κ · τ_x / n further departures.
    drawn = forecast(
        still({"core": 30, "explore": 20, "product": 30, "safety": 20}), runs=5_000, asked=Asked(months=6, marks=(6,))
    )
    p = drawn.params
    assert (p["h0"] * math.exp(2.0) * p["kappa"] * p["tau_x"] < 1).all()


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_threads_and_chunks_change_no_bit(threads: int) -> None:
    base = drawn_world(Random(7))
    runs = 2 * CHUNK + 137
    wanted = forecast(base, runs=runs, asked=ASKED)
    with ThreadPoolExecutor(threads) as pool:

        def backwards(calls: Iterable[Callable[[], int]], /) -> Iterator[int]:
            return (done.result() for done in as_completed([pool.submit(call) for call in reversed(list(calls))]))

        got = forecast(base, runs=runs, asked=ASKED, execute=backwards)
    assert same(got, wanted)
    # A run is what it is by its number alone.
    labs, some = len(base.labs), np.array([3, CHUNK + 5, 0])
    rows = (some[:, None] * labs + np.arange(labs)).reshape(-1)
    alone = run_with(base, wanted.params[some], wanted.per_lab[rows], asked=ASKED, numbers=some)
    assert alone.out.team_marks.tobytes() == wanted.out.team_marks[some].tobytes()


def same(a: Forecast, b: Forecast) -> bool:
    return all(
        getattr(a.out, name).tobytes() == getattr(b.out, name).tobytes()
        for name in ("team_marks", "lab_marks", "team_ends", "run_ends", "flows")
    )


def test_order_of_labs_and_teams_in_a_scenario_changes_no_bit() -> None:
    base = drawn_world(Random(3))
    turned = world(
        "drawn",
        tuple(replace(lab, teams=lab.teams[::-1]) for lab in base.labs[::-1]),
        focal=base.focal,
        outside=base.outside,
    )
    assert same(forecast(base, runs=50, asked=ASKED), forecast(turned, runs=50, asked=ASKED))


def test_label_of_a_lab_changes_no_distribution() -> None:
    # Names are keys of chance, so runs differ; what 4,000 of them come to does not.
    floors = {"core": 30, "explore": 20, "product": 30, "safety": 20}
    a, b = (
        forecast(still(floors, names=names), runs=4_000, asked=Asked(months=24, marks=(24,)))
        for names in (("a", "b", "c"), ("x", "y", "z"))
    )
    for team in NAMES:
        first, second = a.team("people", team, month=24), b.team("people", team, month=24)
        error = math.hypot(first.std(), second.std()) / math.sqrt(4_000)
        assert abs(first.mean() - second.mean()) < 4.5 * error


def test_a_course_does_not_differ_from_itself_and_parts_add_up() -> None:
    base = drawn_world(Random(11))
    lab = base.lab(base.focal)
    other = base.with_lab(
        replace(lab, course=(Stage(0, drawn_charter(Random(12)), mission=0.5),), reference=drawn_charter(Random(13)))
    )
    asked = Asked(months=24, marks=(24,))
    for row in compare(base, base, runs=100, asked=asked):
        assert (row.paired.mean, row.paired.low, row.paired.high, row.flips) == (0, 0, 0, 0)
        assert set(row.parts.values()) == {0.0}
    for row in compare(base, other, runs=300, asked=asked):
        assert list(row.parts) == list(PARTS)
        assert sum(row.parts.values()) == pytest.approx(row.paired.mean, abs=1e-9 * max(1, abs(row.first.mean)))
        if "people still there" in row.measure.name:
            assert row.parts["direct"] == 0, "with every way shut nobody leaves for a charter"


def test_each_way_alone_reaches_people() -> None:
    base = still({"core": 30, "explore": 20, "product": 30, "safety": 20}, people=200)
    floors = {"core": 30, "explore": 20, "product": 50, "safety": 0}
    acts, held = (
        charter(floors, {"safety": 0}),
        charter({"core": 30, "explore": 20, "product": 30, "safety": 20}, promise=("safety", 20)),
    )
    teams = tuple(replace(team, asks=0.5) if team.name == "product" else team for team in base.labs[0].teams)
    course = (Stage(0, acts), Stage(3, acts, mission=-1.0))
    base = base.with_lab(replace(base.labs[0], teams=teams, course=course, reference=held))
    shut = forecast(base, runs=60, asked=ASKED, without=ORDER)
    for way in ORDER:
        alone = forecast(base, runs=60, asked=ASKED, without=[other for other in ORDER if other != way])
        assert alone.team("kept", "safety", month=30).mean() < shut.team("kept", "safety", month=30).mean(), way
