"""What may change, and what is asked of it: the words of users, refusals, and what weakens a team."""

from __future__ import annotations

import pytest

from equipoise.charter_io import loads
from equipoise.charter_io.editing import Editable
from equipoise.errors import InputError
from equipoise.tune import condition, guarded_teams, parameters
from equipoise.tune.objectives import weakened_teams
from equipoise.workload.synthetic import lab_charter
from tests.unit.cli.test_commands import FRONTIER

DATA = lab_charter().encode()
DEMO, TEXT = loads(DATA), Editable(DATA)


def test_everything_of_the_top_is_searched_if_nothing_is_said() -> None:
    found = parameters(DEMO, TEXT)
    tops = ["exploration", "frontier", "platform", "product", "safety"]
    names = [f"{team}.{field}" for field in ("floor", "weight", "lend", "recover") for team in tops]
    assert [each.name for each in found] == [*names, "reclaim"]


def test_the_present_values_are_among_the_values_and_write_the_same_charter() -> None:
    for each in parameters(DEMO, TEXT):
        for value in each.values:
            edited = loads(TEXT.edited({each.path: value})) if each.name.split(".")[-1] != "floor" else DEMO
            assert edited.lab == DEMO.lab
        same = loads(TEXT.edited({each.path: each.values[each.present]}))
        assert (same.teams, same.reclaim) == (DEMO.teams, DEMO.reclaim), each.name


@pytest.mark.parametrize(
    ("word", "values", "present"),
    [
        ("safety.floor=10%..30%/10%", ("10%", "20%", "30%"), "20%"),
        ("safety.floor=10%..25%/10%", ("10%", "20%"), "20%"),
        ("product.weight=1..2/0.5", ("1", "1.5", "2", "4"), "4"),
        ("safety.recover=1h..3h", ("1h", "2h", "3h"), "1h"),
        ("safety.alignment.floor.train=40%..60%/10%", ("40%", "50%", "60%"), "50%"),
        ("reclaim", ("floors", "shares"), "floors"),
    ],
)
def test_a_range_is_a_ladder_with_the_present_value(word: str, values: tuple[str, ...], present: str) -> None:
    (found,) = parameters(DEMO, TEXT, [word])
    assert found.values == values
    assert found.values[found.present] == present


@pytest.mark.parametrize(
    "word",
    ["", "safety", "safety.limit", "reclaim=1..2", "safety.floor=", "safety.floor=10%", "safety.floor=30%..10%",
     "safety.floor=10%..2x", "product.weight=0..1000/0.0001", "safety.floor=1%..2%/0%", "SAFETY.floor"],
)  # fmt: skip
def test_what_is_no_parameter_is_refused(word: str) -> None:
    with pytest.raises(InputError) as caught:
        parameters(DEMO, TEXT, [word])
    assert caught.value.code in ("U102", "C301")


@pytest.mark.parametrize(
    "text", ["", "safety.floor=20%", "safety.floor>=20", "denied<=x%", "safety.limit>=1%", "kept>=2"]
)
def test_what_is_no_condition_is_refused(text: str) -> None:
    with pytest.raises(InputError) as caught:
        condition(DEMO, text)
    assert caught.value.code == "U103"


# Of the twelve examples of AMENDMENTS, section 4, those that change what a search changes; the charter is their parent.
EXAMPLES = {
    "1: product weight 4 to 8": ({("teams", "product", "weight"): "8"}, "all but product"),
    "3: safety 20 to 25 %, product 35 to 30 %": (
        {("teams", "safety", "floor"): "25%", ("teams", "product", "floor"): "30%"},
        "product",
    ),
    "4: safety 20 to 22 % out of the rest": ({("teams", "safety", "floor"): "22%"}, "exploration"),
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_weakened_are_those_that_the_rules_of_amendments_name(name: str) -> None:
    values, who = EXAMPLES[name]
    before, text = loads(FRONTIER.read_bytes()), Editable(FRONTIER.read_bytes())
    found = {path for path in weakened_teams(before, loads(text.edited(values))) if "." not in path}
    tops = {team.path for team in before.teams if team.parent is None}
    if who == "all but product":
        assert found == tops - {"product"}
    else:
        assert who in found
        assert "safety" not in found


def test_boards_guard_their_teams_and_those_of_their_promises() -> None:
    charter = loads(FRONTIER.read_bytes())
    guarded = guarded_teams(charter)
    assert {team.path for team in charter.teams if team.protected_by} <= set(guarded)
    assert {each.team for each in charter.commitments if each.protected_by} <= set(guarded)
    assert guarded_teams(DEMO) == ()
