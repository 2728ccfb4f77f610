"""Values replaced in a charter's text: it means what was asked for and nothing else, and all else stays as it was written."""

from __future__ import annotations

import dataclasses
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from equipoise.charter.model import Charter, Share, Team
from equipoise.charter_io import check, loads
from equipoise.charter_io.editing import Editable
from equipoise.errors import InputError
from equipoise.tune.parameters import file_path
from equipoise.workload.synthetic import lab_charter
from tests.unit.cli.test_commands import FRONTIER

TEXTS = {"demo": lab_charter().encode(), "frontier": FRONTIER.read_bytes()}


def team_of(charter: Charter, path: str, **changed: object) -> Charter:
    """Replace fields of a team in the model."""
    teams = tuple(dataclasses.replace(team, **changed) if team.path == path else team for team in charter.teams)
    return dataclasses.replace(charter, teams=teams)


def leaves_that_say_nothing_of(charter: Charter, text: Editable, field: str) -> list[Team]:
    return [team for team in charter.leaves if text.written(file_path(team.path, field)) is None]


@pytest.mark.parametrize("name", TEXTS)
@given(data=st.data())
def test_a_leaf_means_what_was_asked_for_and_all_else_is_unchanged(name: str, data: st.DataObject) -> None:
    before, text = loads(TEXTS[name]), Editable(TEXTS[name])
    leaf = data.draw(st.sampled_from(before.leaves))
    lend, minutes = data.draw(st.integers(0, 100)), data.draw(st.integers(1, 600))
    weight = data.draw(st.integers(1, 10_000_000))
    whole, places = divmod(weight, 10_000)
    asked = {"lend": f"{lend}%", "recover": f"{minutes}m", "weight": f"{whole}.{places:04d}"}
    edited = text.edited({file_path(leaf.path, field): value for field, value in asked.items()}, head="a comment")
    after = check(edited).charter
    assert after is not None
    wanted = team_of(before, leaf.path, lend=Fraction(lend, 100), recover_ms=minutes * 60_000, weight_e4=weight)
    assert dataclasses.replace(after, digest=before.digest) == wanted
    # Taking the new words away again leaves the text as it was: no line is lost, none is moved.
    assert edited.startswith(b"# a comment\n")
    kept = [line.split(b"#")[-1] for line in TEXTS[name].splitlines() if b"#" in line]
    assert [line.split(b"#")[-1] for line in edited.splitlines()[1:] if b"#" in line] == kept


def test_a_floor_of_one_pool_is_replaced_where_pools_have_their_own() -> None:
    before, text = loads(TEXTS["demo"]), Editable(TEXTS["demo"])
    path = (*file_path("safety.alignment", "floor"), "train")
    assert text.written(path) == "50%"
    after = loads(text.edited({path: "40%"}))
    assert after.team("safety.alignment").floor["train"] == Share(fraction=Fraction(2, 5))
    assert after.team("safety.alignment").floor["flex"] == before.team("safety.alignment").floor["flex"]
    with pytest.raises(InputError, match="written as a map"):
        text.edited({path[:-1]: "40%"})


def test_what_is_missing_is_made_in_maps_of_both_kinds_and_at_the_top() -> None:
    text = Editable(
        b"equipoise: charter/v1\nlab: S\npools: {a: {device: A, expect: 1 nodes of 8 gpu}}\n"
        b"teams:\n  x: {}\n  y:\n    teams:\n      z: {weight: 2}\n"
    )
    after = loads(
        text.edited(
            {
                ("defaults", "reclaim"): "shares",
                ("revision",): "2",
                file_path("x", "lend"): "10%",
                file_path("x", "floor"): "8 gpu",
                file_path("y", "lend"): "20%",
            }
        )
    )
    assert (after.reclaim, after.revision, after.team("x").floor["a"]) == ("shares", 2, Share(gpus=8))
    assert [after.team(path).lend for path in ("x", "y", "y.z")] == [Fraction(1, 10), Fraction(1, 5), Fraction(1, 5)]
