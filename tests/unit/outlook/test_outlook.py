"""Parameters, scenarios, drivers and the command of the outlook."""

from __future__ import annotations

import json
import math
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from equipoise.cli import main
from equipoise.errors import InputError
from equipoise.outlook.checks import GIANT, RIVAL, SOCIAL, check_all, pivot, public_labs
from equipoise.outlook.drivers import by_rank, by_variance, ranks
from equipoise.outlook.parameters import PARAMETERS, Beliefs
from equipoise.outlook.priors import parse
from equipoise.outlook.room import Asked
from equipoise.outlook.run import forecast
from equipoise.tasks.outlook import outlook
from equipoise.tasks.scenario import SHIPPED, scenario

UNIT = (np.arange(100_000) + 0.5) / 100_000


def test_every_parameter_has_unit_source_and_badge_and_a_prior_within_its_bounds() -> None:
    for parameter in PARAMETERS:
        assert parameter.meaning and parameter.unit and parameter.source and parameter.badge
        values = parameter.prior.quantiles(UNIT)
        assert (
            (np.diff(values) >= 0).all() and values[0] >= parameter.prior.least and values[-1] <= parameter.prior.most
        )
    assert len({parameter.name for parameter in PARAMETERS}) == len(PARAMETERS)


@pytest.mark.parametrize(
    ("text", "mean", "deviation"),
    [
        ("U(3, 9)", 6, 6 / 12**0.5),
        ("N(0.9, 0.35)", 0.9, 0.35),
        ("HalfN(2)", 2 * (2 / np.pi) ** 0.5, 2 * (1 - 2 / np.pi) ** 0.5),
        ("4", 4, 0),
    ],
)
def test_priors_have_the_moments_that_they_say(text: str, mean: float, deviation: float) -> None:
    values = parse(text).quantiles(UNIT)
    assert values.mean() == pytest.approx(mean, rel=1e-3)
    assert values.std() == pytest.approx(deviation, rel=2e-3, abs=1e-9)


@pytest.mark.parametrize(
    "setting",
    ["beta_s", "beta_s=", "beta_s=x", "beta_s=U(2, 1)", "beta_s=N(1)", "beta_s=5", "h0=LogNormal(0, 1)", "h0=nan"],
)
def test_what_is_no_value_is_refused(setting: str) -> None:
    with pytest.raises(InputError) as caught:
        Beliefs().with_set([setting])
    assert caught.value.code == "N102"


@pytest.mark.parametrize("setting", ["beta=1", "beta_s.focal=1", "u_lab.nobody=0"])
def test_what_is_no_parameter_is_refused(setting: str) -> None:
    with pytest.raises(InputError) as caught:
        Beliefs().with_set([setting], ["focal"])
    assert caught.value.code == "N101"


def test_what_is_set_acts_and_is_told_as_the_users() -> None:
    beliefs = Beliefs().with_set(["h0=0.05", "u_lab.focal=0.5"], ["focal"])
    world = scenario("charter-kept").world
    found = forecast(world, runs=30, beliefs=beliefs)
    assert set(found.params["h0"]) == {0.05}
    focal = [lab.name for lab in world.labs].index("focal")
    own = found.per_lab["u_lab"].reshape(30, -1)
    assert set(own[:, focal]) == {0.5} and own.std(axis=0).max() > 0.1
    assert next(p for p in beliefs.parameters if p.name == "h0").source == "set by the user"


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_scenario_runs_and_says_what_it_assumes(name: str) -> None:
    found = outlook(name, runs=100, months=24)
    assert found.world.assumptions and found.world.told
    assert all(stage.mission == 0 for lab in found.world.labs for stage in lab.course), "no mission is typed in"


def test_floor_that_is_restored_ends_the_starvation() -> None:
    asked = Asked(months=40, marks=(17, 30, 40))
    pivot, back = (forecast(scenario(name).world, runs=200, asked=asked) for name in ("product-pivot", "re-engagement"))
    assert (pivot.team("kept", "safety", month=17) == back.team("kept", "safety", month=17)).all(), (
        "the same until then"
    )
    late = [
        found.team("starved", "safety", month=40) - found.team("starved", "safety", month=30) for found in (pivot, back)
    ]
    assert late[0].mean() > 5
    assert late[1].max() == 0
    assert (back.team("kept", "safety", month=40) >= pivot.team("kept", "safety", month=40)).all()


def test_flat_budget_does_not_move() -> None:
    found = forecast(scenario("flat-budget").world, runs=50, asked=Asked(months=36, marks=(36,)))
    assert set(found.lab("compute", month=36)) == {7.0}


LAB = "labs: {x: {course: {0: k}, revenue: 1, compute: 1, teams: {a: {}}}}"
WRONG = [
    ("labs: 3", "N105"),
    ("a: [", "N105"),
    ("surprise: 1", "N105"),
    ("teams: {a: {role: core}}\ncharters: {k: {teams: {a: {floor: 120%}}}}\nlabs: {}", "C"),
    ("teams: {a: {role: boss}}\ncharters: {k: {teams: {a: {floor: 10%}}}}\n" + LAB, "N105"),
    ("teams: {a: {role: core}}\ncharters: {k: {teams: {b: {floor: 10%}}}}\nfocal: x\n" + LAB, "N103"),
    ("teams: {a: {role: core}}\ncharters: {k: {teams: {a: {floor: 10 gpu}}}}\nfocal: x\n" + LAB, "N104"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "code"), WRONG)
def test_scenario_that_does_not_read_says_so(text: str, code: str, tmp_path: Path) -> None:
    file = tmp_path / "s.yaml"
    file.write_text(text, "utf-8")
    with pytest.raises(Exception) as caught:
        outlook(file, runs=20)
    findings = getattr(caught.value, "findings", ())
    assert (findings[0].code if findings else getattr(caught.value, "code", "")).startswith(code), caught.value


def test_checks_keep_calibration_and_hold_out_apart_and_fail_where_the_model_is_wrong() -> None:
    own = scenario("product-pivot").charters
    found = check_all(own["kept"], own["product-first"], runs=300)
    assert [check.held_out for check in found] == [False] * 3 + [True] * 5
    wrong = check_all(own["kept"], own["product-first"], runs=300, beliefs=Beliefs().with_set(["h0=0.05", "g0=0.2"]))
    assert [check.verdict for check in wrong[:2]] == ["FAILED", "FAILED"]


def test_shocks_are_as_large_as_the_growth_of_two_labs_lay_apart_before_the_start() -> None:
    # ln 3 and ln 10 in 2024: of two labs the spread of a year's mean growth is their difference ÷ √2. The process: stationary, order 1.
    apart = (math.log(10) - math.log(3)) / 12 / math.sqrt(2)
    size, memory = (next(p.prior for p in PARAMETERS if p.name == f"shock_{name}") for name in ("size", "memory"))
    rho = float(memory.quantiles(np.array([0.5]))[0])
    year = math.sqrt(sum(rho ** abs(i - j) for i in range(12) for j in range(12)) / 144 / (1 - rho * rho))
    assert size.numbers[0] * year == pytest.approx(apart, rel=0.02)


def test_what_repute_may_be_is_up_to_all_of_the_difference_in_retention() -> None:
    pull, repute = (next(p.prior for p in PARAMETERS if p.name == name) for name in ("pull", "repute"))
    assert repute.numbers == (0, 1 / pull.numbers[0])


def test_labs_that_keep_their_people_draw_others_the_more_the_larger_repute_is() -> None:
    labs = public_labs(scenario("product-pivot").charters["kept"])
    alike = ["u_lab=0", "draw=0", "mobility=0", "out=0.3", "h0=0.02"]
    went = [
        forecast(
            labs, runs=4_000, asked=Asked(months=1, marks=(1,)), beliefs=Beliefs().with_set([*alike, f"repute={value}"])
        )
        for value in (0, 2)
    ]
    odds = [found.flow(GIANT, RIVAL).sum() / found.flow(GIANT, SOCIAL).sum() for found in went]
    # a logit: twice what the two labs' retention says of the logarithms of their rates; places that open in the month loosen it
    assert math.log(odds[1] / odds[0]) == pytest.approx(2 * math.log(math.log(0.64) / math.log(0.80)), rel=0.1)


def test_less_compute_for_safety_in_the_pivot_loses_it_sooner() -> None:
    own = scenario("product-pivot").charters
    worlds = [
        pivot(own["kept"], own["product-first"], left=left) for left in (Fraction(1, 5), Fraction(1, 20), Fraction(0))
    ]
    shares = [
        found.team("share", "safety", month=1)
        for found in (forecast(w, runs=20, asked=Asked(6, (1, 6))) for w in worlds)
    ]
    assert [float(share.max()) for share in shares[1:]] == [0.05, 0.0] and 0.05 < shares[0].max() <= 0.2


def test_ranks_share_what_is_equal() -> None:
    assert ranks(np.array([3.0, 1.0, 3.0, 2.0])).tolist() == [3.5, 1.0, 3.5, 2.0]


def test_drivers_find_what_moves_a_result() -> None:
    world, asked = scenario("product-pivot").world, Asked(months=24, marks=(24,))
    found = forecast(world, runs=2_000, asked=asked)
    by = {driver.name: driver.rank or 0.0 for driver in by_rank(found, found.team("kept", "safety", month=24))}
    assert by["h0"] < -0.1 and by["beta_s"] < -0.3 and abs(by["absorb"]) < 0.1
    pytest.importorskip("scipy")
    variance = {
        d.name: d for d in by_variance(world, lambda f: f.team("kept", "safety", month=24), asked=asked, samples=128)
    }
    assert (variance["beta_s"].total or 0) > 0.1
    assert abs(variance["absorb"].total or 0) < 0.02


def said(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    with pytest.raises(SystemExit) as caught:
        main(["outlook", *words])
    assert caught.value.code == 0
    return capsys.readouterr().out


def test_command_prints_assumptions_differences_and_failures(capsys: pytest.CaptureFixture[str]) -> None:
    out = said(capsys, "product-pivot", "--vs", "charter-kept", "--runs", "200", "--checks", "--parameters")
    assert "assumption: " in out and "of the mean, by way" in out and "held out" in out and "FAILED" in out
    assert all(parameter.name in out for parameter in PARAMETERS)


def test_command_gives_data_that_a_seed_repeats(capsys: pytest.CaptureFixture[str]) -> None:
    words = ("flat-budget", "--runs", "100", "--months", "12", "--json", "--seed", "3", "--set", "beta_s=0")
    first = json.loads(said(capsys, *words))
    assert first == json.loads(said(capsys, *words))
    assert next(p for p in first["parameters"] if p["name"] == "beta_s")["prior"] == "0"
