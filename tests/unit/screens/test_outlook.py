"""The screen Outlook: its figures are the prospect's, what is moved is what a file would set, and nothing is told of small teams."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from pydantic import BaseModel

from equipoise.api import answers
from equipoise.api.outlooks import AGAIN_S, EVERY_S, Outlooks, Wish
from equipoise.errors import InputError
from equipoise.outlook.parameters import Beliefs
from equipoise.outlook.room import Asked
from equipoise.outlook.run import forecast
from equipoise.screens.outlook import frontier, movable, outlook
from equipoise.tasks.film import film
from equipoise.tasks.foresight import choices, parameters
from equipoise.tasks.prospect import Prospect, prospect
from equipoise.tasks.scenario import SHIPPED, scenario
from tests.unit.outlook.prospects import CHARTER, PEOPLE, crowded, demo_years, people
from tests.unit.report.test_frontier import small

RUNS = 40


@cache
def small_years() -> Prospect:
    return prospect(crowded(), people(PEOPLE.replace("runs: 300", f"runs: {RUNS}")))


def played(made: Outlooks, wish: Wish, most_s: float = 60) -> dict[str, object]:
    """Ask until it is there, as a page does."""
    until_s = time.monotonic() + most_s
    while (told := made.play(wish))["state"] == "running":
        assert time.monotonic() < until_s
        time.sleep(0.05)
    return told


def fits(kind: type[BaseModel], told: object) -> None:
    """The description of the interface says what is answered, as JSON has it: no NaN, no infinity."""
    kind.model_validate_json(json.dumps(told, allow_nan=False))


@pytest.mark.parametrize("years", [demo_years, small_years])
def test_figures_are_those_of_the_prospect(years: Callable[[], Prospect]) -> None:
    of = years()
    shown, told = outlook(of), of.to_dict()
    fits(answers.Outlook, shown)
    assert [(each["run"], each["measured"], each["fans"]) for each in shown["courses"]] == [
        (each["run"], each["measured"], each["fans"]) for each in told["courses"]
    ]
    assert [each["rows"] for each in shown["differences"]] == [each["differences"] for each in told["outlooks"]]
    assert shown["results"] == told["outlooks"][0]["results"]
    assert " ".join(shown["sentences"]) == told["sentence"]
    by_name = {each["name"]: each for each in told["outlooks"][0]["checks"]}
    assert len(shown["checks"]) == len(by_name) == 8
    for each in shown["checks"]:
        known = by_name[each["name"]]
        assert {name: each[name] for name in ("fact", "rule", "verdict", "held_out", "source")} == {
            name: known[name] for name in ("fact", "rule", "verdict", "held_out", "source")
        }
        assert each["band"]["median"] == pytest.approx(known["band"]["median"])
    for each, known in zip(shown["parameters"], told["outlooks"][0]["parameters"], strict=True):
        assert {name: value for name, value in each.items() if name != "meaning"} == known
        assert each["source"]
        assert each["meaning"]
    assert len(json.dumps(shown)) < 200_000


def test_what_fails_stands_first() -> None:
    verdicts = [each["verdict"] for each in outlook(demo_years())["checks"]]
    assert verdicts == sorted(verdicts, key=lambda one: one == "passed")
    assert verdicts[0] == "FAILED"
    assert verdicts[-1] == "passed"


def test_knowledge_is_what_the_runs_know_against_the_start() -> None:
    of = small_years()
    for course in of.courses:
        fan = course.fan("knowledge", "safety")
        again = forecast(
            course.world, runs=RUNS, asked=Asked(months=24, marks=fan.months[1:], seed=0),
            beliefs=Beliefs().with_set(of.ground.known.settings, ["focal", "other"]),
        )  # fmt: skip
        own = [lab.name for lab in course.world.labs].index("focal")
        known = again.out.team_marks["known"][:, :, own, course.world.teams.index("safety")] / (0.85 * 25)
        expected = np.quantile(known, [0.05, 0.25, 0.5, 0.75, 0.95], axis=0)
        np.testing.assert_allclose(fan.bands[:, 1:], expected)
        assert fan.bands[:, 0].tolist() == [1.0] * 5
        a_head = course.fan("knowledge_a_head", "safety")
        people_then = again.out.team_marks["people"][:, :, own, course.world.teams.index("safety")]
        expected = np.quantile(known * 0.85 * 25 / people_then, [0.05, 0.25, 0.5, 0.75, 0.95], axis=0)
        np.testing.assert_allclose(a_head.bands[:, 1:], expected)
        assert a_head.bands[:, 0].tolist() == [0.85] * 5


def test_nothing_is_told_of_fewer_than_eight_people() -> None:
    of = prospect(crowded(), people(PEOPLE.replace("people: 25", "people: 7").replace("runs: 300", "runs: 20")))
    shown = outlook(of)
    assert (shown["told_of"], shown["not_told_of"], shown["least_people"]) == (["product"], ["safety"], 8)
    assert shown["watched"] == "product"
    assert {fan["team"] for each in shown["courses"] for fan in each["fans"]} == {"product", ""}
    measures = [row["name"] for each in shown["differences"] for row in each["rows"]]
    measures += [row["name"] for row in shown["results"]] + [each["measure"] for each in shown["drivers"]]
    assert measures
    assert not [name for name in measures if "safety" in name]
    assert "safety" in " ".join(shown["notes"])


def test_moved_parameters_are_as_if_the_file_had_set_them() -> None:
    made = Outlooks(small_years())
    wish = Wish("lab", ("beta_s=0", "mu=1"), RUNS)
    moved = played(made, wish)
    fits(answers.Outlook, moved)
    known = replace(small_years().ground.known, settings=("beta_s=0", "mu=1"))
    by_file = outlook(prospect(crowded(), known))
    assert [each["fans"] for each in moved["courses"]] == [each["fans"] for each in by_file["courses"]]  # type: ignore[index]
    for row, other in zip(moved["differences"][0]["rows"], by_file["differences"][0]["rows"], strict=True):  # type: ignore[index]
        assert {**row, "parts": {}} == {**other, "parts": {}}
    assert moved["drivers"] == by_file["drivers"]
    assert moved["moved"] == ["beta_s=0", "mu=1"]
    assert moved["checks"] == []  # nobody held these beliefs against facts
    assert "checks" not in " ".join(moved["sentences"])  # type: ignore[arg-type]
    assert made.play(wish) is moved  # once is enough


def test_scenarios_of_the_lab_are_what_a_file_would_say() -> None:
    own = small_years().ground
    names = [each.name for each in choices(own)]
    assert names == [
        "lab",
        "lab-re-engagement",
        "lab-flat-budget",
        "lab-rival-leapfrogs",
        "lab-architectural-shift",
        *SHIPPED,
    ]
    file = PEOPLE.replace("runs: 300", f"runs: {RUNS}")
    level = "other: {revenue: 1, compute: 1.2, capability: 0, growth: 0.19188209108283716, people"
    texts = {
        "lab-flat-budget": people(file, "flat: true"),
        "lab-rival-leapfrogs": people(file.replace("other: {revenue: 2, compute: 2, people", level)),
        "lab-architectural-shift": people(file, "set: [mu=1]"),
    }
    assert math.log(10) / 12 == pytest.approx(0.19188209108283716, rel=1e-15)
    made = Outlooks(small_years())
    for name, text in texts.items():
        shown, by_file = played(made, Wish(name, (), RUNS)), outlook(prospect(crowded(), text))
        assert [each["fans"] for each in shown["courses"]] == [each["fans"] for each in by_file["courses"]], name  # type: ignore[index]
        assert any(line.startswith("scenario: ") for line in shown["assumptions"])  # type: ignore[union-attr]


def test_charter_that_comes_back_changes_nothing_before_and_much_after() -> None:
    made = Outlooks(small_years())
    back = played(made, Wish("lab-re-engagement", (), RUNS))
    base = outlook(small_years())
    for n, (shown, known) in enumerate(zip(back["courses"], base["courses"], strict=True)):  # type: ignore[arg-type]
        for fan, other in zip(shown["fans"], known["fans"], strict=True):
            until = sum(month <= 18 for month in fan["months"])
            assert [band[:until] for band in fan["bands"]] == [band[:until] for band in other["bands"]]
        ends = [
            next(fan["bands"][2][-1] for fan in each["fans"] if (fan["name"], fan["team"]) == ("knowledge", "safety"))
            for each in (shown, known)
        ]
        assert (ends[0] == ends[1]) == (n == 0)


def test_shipped_scenarios_are_played_where_nothing_is_known_of_a_lab() -> None:
    made = Outlooks()
    assert [each["name"] for each in made.scenarios()["scenarios"]] == list(SHIPPED)
    shown = played(made, Wish("product-pivot", (), RUNS))
    fits(answers.Outlook, shown)
    assert [each["run"] for each in shown["courses"]] == ["charter kept", "product pivot"]  # type: ignore[index]
    again = forecast(scenario("product-pivot").world, runs=RUNS, asked=Asked(months=60, marks=(60,), seed=0))
    fan = next(each for each in shown["courses"][1]["fans"] if (each["name"], each["team"]) == ("kept", "safety"))  # type: ignore[index]
    assert fan["bands"][2][-1] == pytest.approx(float(np.median(again.team("kept", "safety", month=60))))
    alone = played(made, Wish("rival-leapfrogs", (), RUNS))  # its rivals are others, so it is compared with nothing
    assert [each["run"] for each in alone["courses"]] == ["rival leapfrogs"]  # type: ignore[index]
    with pytest.raises(InputError, match="N180"):
        made.play(Wish("lab", (), RUNS))
    with pytest.raises(InputError, match="N180"):
        Outlooks(small_years()).play(Wish("no-such", (), RUNS))


def test_every_slider_can_be_moved_to_both_ends() -> None:
    rows = movable(parameters(small_years().ground))
    fits(answers.Scenarios, Outlooks(small_years()).scenarios())
    assert [each["name"] for each in rows[:2]] == ["beta_s", "beta_m"]
    for each in rows:
        assert each["least"] <= each["low"] <= each["median"] <= each["high"] <= each["most"], each
        assert each["least"] < each["most"]
        assert 0 < each["step"] <= (each["most"] - each["least"]) / 50
        for end in ("least", "most", "median"):
            Beliefs().with_set([f"{each['name']}={each[end]:.12g}"])


# ------------------------------------------------------------------------------------------------ a lab that runs


class Clock:
    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def settled(made: Outlooks, ask: Callable[[], dict[str, object]]) -> dict[str, object]:
    until_s = time.monotonic() + 60
    while (told := ask())["state"] == "running" or made._work is not None:  # pyright: ignore[reportPrivateUsage]
        assert time.monotonic() < until_s
        time.sleep(0.05)
    return told


def test_live_lab_begins_with_its_file_of_people_and_its_own_figures(tmp_path: Path) -> None:
    clock, asked = Clock(), []
    made = Outlooks(folder=tmp_path, clock_s=clock)
    (run,) = film(crowded().runs[1:], text=CHARTER)

    def ask() -> dict[str, object]:
        return made.now(lambda: asked.append(1) or run, ["product", "safety"])

    told = ask()
    fits(answers.Outlook, told)
    assert (told["state"], told["file"]) == ("missing", "people.yaml")
    example = str(told["example"])
    assert people(example).teams.keys() == {"product", "safety"}  # what it shows can be read

    path = tmp_path / "people.yaml"
    path.write_text(PEOPLE.replace("runs: 300", f"runs: {RUNS}"), "utf-8")
    assert made.now(lambda: None, ["safety"])["state"] == "early"
    assert ask()["state"] == "running"
    told = settled(made, ask)
    fits(answers.Outlook, told)
    expected = outlook(prospect(crowded().runs[1], people(path.read_text("utf-8"))))
    assert [each["fans"] for each in told["courses"]] == [each["fans"] for each in expected["courses"]]  # type: ignore[index]
    assert told["courses"][0]["measured"]["safety"]["starved"] > 0.1  # type: ignore[index]
    assert told["checks"] == expected["checks"]
    assert len(asked) == 1

    clock.now_s += EVERY_S - 1  # at most hourly
    settled(made, ask)
    assert len(asked) == 1
    clock.now_s += 2
    settled(made, ask)
    assert len(asked) == 2

    path.write_text("teams: {safety: {role: research, people: 5}}", "utf-8")
    clock.now_s += AGAIN_S / 2  # not even another file begins it anew at once
    settled(made, ask)
    assert len(asked) == 2
    clock.now_s += AGAIN_S
    settled(made, ask)
    told = ask()
    assert told["state"] == "ready"  # what was worked out before stays, and says what is wrong
    assert told["problem"]["code"] == "N123"  # type: ignore[index]


def test_file_that_does_not_read_is_told_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "people.yaml").write_text("teams: {safety: {role: wizard}}", "utf-8")
    made = Outlooks(folder=tmp_path)
    (run,) = film(crowded().runs[:1], text=CHARTER)
    told = settled(made, lambda: made.now(lambda: run, ["safety"]))
    fits(answers.Outlook, told)
    assert told["state"] == "failed"
    assert told["problem"]["code"] == "N120"  # type: ignore[index]
    assert "wizard" in told["problem"]["title"]  # type: ignore[index]


# ------------------------------------------------------------------------------------------------ the frontier


def test_frontier_is_what_tune_wrote(tmp_path: Path) -> None:
    told = json.loads(json.dumps(small().to_dict()))
    shown = frontier(told)
    fits(answers.Frontier, shown)
    assert [each["name"] for each in shown["points"]] == [
        "present charter",
        *(f"point {n:02d}" for n in range(1, len(told["points"]) + 1)),
    ]
    for each, point in zip(shown["points"][1:], small().points, strict=True):
        for objective in small().objectives:
            assert each["searched"][objective.name] == objective.of(point.figures)
        assert each["differences"] == list(point.differences)
    (tmp_path / "frontier.json").write_text(json.dumps(told), "utf-8")
    assert Outlooks(folder=tmp_path).frontier() == shown


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"objectives": [], "present": 3, "points": []}', "[" * 100_000])
def test_file_that_is_no_frontier_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "f.json").write_text(text, "utf-8")
    with pytest.raises(InputError, match="N179"):
        Outlooks(frontier=tmp_path / "f.json").frontier()


def test_without_a_frontier_the_command_is_told(tmp_path: Path) -> None:
    for made in (Outlooks(), Outlooks(folder=tmp_path)):
        told = made.frontier()
        fits(answers.Frontier, told)
        assert told["state"] == "missing"
        assert str(told["command"]).startswith("equipoise tune ")
