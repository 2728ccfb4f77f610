"""The bellwether: what a reader from outside says, what came, and what is regained after a restoration."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from equipoise.cli import main
from equipoise.errors import InputError
from equipoise.outlook.bellwether import AHEAD, bellwethers, losses, readings, shown
from equipoise.outlook.labs import World
from equipoise.outlook.reengagement import regained, restoration
from equipoise.outlook.room import Asked
from equipoise.outlook.run import forecast
from equipoise.people.groups import GROUP_MIN
from equipoise.tasks.bellwether import bellwether
from equipoise.tasks.scenario import scenario

MONTHS = 18
EVERY = Asked(MONTHS, tuple(range(1, MONTHS + 1)), 5)


def with_people(world: World, **people: int) -> World:
    lab = world.lab(world.focal)
    teams = tuple(replace(team, people=people.get(team.name, team.people)) for team in lab.teams)
    return world.with_lab(replace(lab, teams=teams))


def test_those_who_leave_are_as_many_as_the_rates_say_of_those_who_were_there() -> None:
    found = forecast(scenario("product-pivot").world, runs=4_000, asked=EVERY)
    for month in (0, 6, 12):
        people, lost = losses(found, "safety", month)
        assert (lost >= 0).all() and (lost <= people).all()
        stays = found.team("kept", "safety", month=month + AHEAD) / (
            found.team("kept", "safety", month=month) if month else 1.0
        )
        apart = lost - people * (1 - stays)  # the kernel multiplies the chances to stay; nobody is counted there
        assert abs(apart.mean()) < 4.5 * apart.std() / 4_000**0.5, month
        everybody = found.team("left", "safety", month=month + AHEAD) - (
            found.team("left", "safety", month=month) if month else 0.0
        )
        assert (lost <= everybody).all() and lost.sum() < everybody.sum(), "newcomers leave too, and are not meant"


def test_reader_sees_people_departures_verdicts_and_what_was_denied() -> None:
    found = forecast(scenario("product-pivot").world, runs=40, asked=EVERY)
    for run in range(3):
        table = shown(found, run, MONTHS)
        for number, name in enumerate(table.teams):
            own = table.team == number
            assert table.departures[own].sum() == found.team("left", name, month=MONTHS)[run]
            assert table.starved[own].sum() == pytest.approx(found.team("starved", name, month=MONTHS)[run])
            joined = np.diff(table.people[own]) + table.departures[own][:-1]
            assert (joined >= 0).all()
        safety = table.team == table.teams.index("safety")
        verdicts = table.breach[safety]
        assert verdicts[:5].tolist() == [0.0] * 5, (
            "the pivot comes in month 3; its first quarter is judged at the end of month 5"
        )
        assert verdicts.sum() == 3 * found.team("broken", "safety", month=MONTHS)[run] - 2, (
            "each verdict holds for a quarter"
        )
        assert readings(found, run, MONTHS)["safety"].people == found.team("people", "safety", month=MONTHS)[run]


def test_reader_warns_of_safety_once_the_promise_is_broken_and_not_where_it_is_kept() -> None:
    said = {
        name: {(row.team, row.month): row for row in bellwethers(scenario(name).world, months=24, runs=300)}
        for name in ("product-pivot", "charter-kept")
    }
    pivot, kept = said["product-pivot"], said["charter-kept"]
    assert pivot["safety", 12].said.mean > 5 * pivot["safety", 0].said.mean
    assert pivot["safety", 12].said.low > kept["safety", 12].said.high
    assert pivot["safety", 12].came > 0.2 > 0.1 > kept["safety", 12].came


def test_beliefs_that_are_set_reach_the_reader() -> None:
    calm, wild = (bellwether(runs=40, months=12, settings=[f"beta_s={value}", "beta_m=0"]) for value in (0, 2))
    last = [{row.team: row for row in found.rows if row.month == 6}["safety"] for found in (calm, wild)]
    assert last[0].said.mean < last[1].said.mean


def test_own_months_reach_the_reader_and_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "staff.csv"
    rows = [f"safety,{2023 + n // 12}-{n % 12 + 1:02},40,{2 + n % 2},0.1" for n in range(36)]
    file.write_text("team,month,people,departures,starvation\n" + "\n".join(rows) + "\n", "utf-8")
    bare, found = (bellwether("charter-kept", runs=40, months=12, staff=table) for table in (None, file))
    said = [next(row.said.mean for row in of.rows if (row.team, row.month) == ("safety", 0)) for of in (bare, found)]
    # a fifth in six months is rare at the belief's 1 % a month; at this table's 6 % it is the rule, for one lab's own rate is less sure
    assert said[0] < 0.1 < 0.4 < said[1]
    assert bare.learned_from == "" and found.to_dict()["learned_from"].startswith("90 departures in 1,440")
    with pytest.raises(SystemExit) as caught:
        main(["outlook", "charter-kept", "--bellwether", "--runs", "40", "--staff", str(file)])
    assert caught.value.code == 0
    assert "brought up to date by 90 departures" in " ".join(capsys.readouterr().out.split())


def test_nothing_is_said_of_fewer_than_eight() -> None:
    world = with_people(scenario("product-pivot").world, safety=GROUP_MIN - 1)
    rows = bellwethers(world, months=12, runs=40)
    assert {row.team for row in rows} == {"core", "exploration", "product"}
    small = with_people(world, core=1, exploration=0, product=7)
    with pytest.raises(InputError) as caught:
        bellwethers(small, months=12, runs=40)
    assert caught.value.code == "N110"
    shrinking = bellwethers(with_people(scenario("product-pivot").world, safety=GROUP_MIN), months=24, runs=200)
    later = next(row for row in shrinking if (row.team, row.month) == ("safety", 18))
    assert later.runs < 200, "runs in which it has shrunk below eight are not counted"


@pytest.mark.parametrize("lost", [0, 101, -3])
def test_part_that_is_none_is_refused(lost: int) -> None:
    with pytest.raises(InputError) as caught:
        bellwether(lost_percent=lost, runs=20)
    assert caught.value.code == "N111"


def test_restoration_is_the_last_turn_back_to_the_charter_held_to() -> None:
    months = {
        name: restoration(scenario(name).world.lab("focal"))
        for name in ("re-engagement", "product-pivot", "charter-kept")
    }
    assert months == {"re-engagement": 18, "product-pivot": None, "charter-kept": None}
    assert regained(scenario("product-pivot").world, runs=20) == ()


def test_restored_floor_regains_more_than_none_and_knowledge_less_than_people() -> None:
    rows = {(row.team, row.what): row for row in regained(scenario("re-engagement").world, runs=600)}
    for team in ("safety", "exploration"):
        people, knowledge = rows[team, "people"], rows[team, "knowledge"]
        assert people.half > people.half_left_alone and knowledge.half > knowledge.half_left_alone
        assert knowledge.restored.median < people.restored.median, "newcomers know less"
        assert knowledge.left_alone.median < 0, "without a restoration the loss grows"
    assert ("core", "people") not in rows, "core is given what it asks for"


def test_command_prints_the_bellwether_and_gives_the_same_as_data(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["outlook", "re-engagement", "--bellwether", "--runs", "100", "--lost", "25"]
    outputs: list[str] = []
    for more in ([], ["--json"]):
        with pytest.raises(SystemExit) as caught:
            main([*words, *more])
        assert caught.value.code == 0
        outputs.append(capsys.readouterr().out)
    told = json.loads(outputs[1])
    assert told["lost_ppm"] == 250_000 and told["restored_month"] == 18
    assert "at least 25 % of a team" in outputs[0] and "comes back in month 18" in outputs[0]
    assert {row["team"] for row in told["bellwether"]} == {"core", "exploration", "product", "safety"}
    assert bellwether("re-engagement", runs=100, lost_percent=25).frames["bellwether"].height == len(told["bellwether"])
