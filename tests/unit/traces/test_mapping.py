"""From names in a log to teams of a charter: rules, defaults, and what belongs to nobody."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from equipoise import traces
from equipoise.errors import InputError
from equipoise.workload import Workload

LOG = (
    "vc,user,submit_s,num_gpu,duration_s\n"
    "NLP,ada,0,1,1\nNLP,bob,1,1,1\nCV,bob,2,1,1\nCV,eve,3,1,1\nX 1,eve,4,1,1\n,eve,5,1,1\n"
)


def read(folder: Path, text: str = LOG, rules: str | None = None, **options: Any) -> Workload:
    path = folder / "log.csv"
    path.write_text(text)
    if rules is not None:
        options["map"] = folder / "map.csv"
        options["map"].write_text("field,value,team\n" + rules)
    return traces.read(path, **options)


def teams(workload: Workload) -> list[str]:
    return [workload.teams[team] for team in workload.jobs.team]


def refusal(folder: Path, **options: Any) -> InputError:
    with pytest.raises(InputError) as caught:
        read(folder, **options)
    return caught.value


def test_the_first_rule_that_matches_wins(tmp_path: Path) -> None:
    rules = "user,bob,b\nvc,NLP,n.first\nuser,eve,e\nvc,CV,never\n"
    assert teams(read(tmp_path, rules=rules)) == ["n.first", "b", "b", "e", "e", "e"]


def test_unmapped_values_are_listed_with_their_jobs(tmp_path: Path) -> None:
    error = refusal(tmp_path, rules="vc,NLP,n\n")
    assert error.code == "T115"
    assert error.message == "4 jobs belong to no team: vc 'CV' (2), vc 'X 1' (1), vc '' (1)"
    assert "--unmapped" in error.hint


def test_unmapped_jobs_go_to_a_team_or_are_counted(tmp_path: Path) -> None:
    assert teams(read(tmp_path, rules="vc,NLP,n\n", unmapped="rest")) == ["n", "n", "rest", "rest", "rest", "rest"]
    workload = read(tmp_path, rules="vc,NLP,n\n", unmapped="drop")
    assert teams(workload) == ["n", "n"]
    [skipped] = workload.skipped
    assert (skipped.reason, skipped.rows) == ("belongs to no team", 4)
    assert [place.rpartition(":")[2] for place in skipped.examples] == ["4", "5", "6", "7"]


def test_without_a_mapping_the_value_is_the_team(tmp_path: Path) -> None:
    assert teams(read(tmp_path, unmapped="rest")) == ["NLP", "NLP", "CV", "CV", "X 1", "rest"]
    assert "vc '' (1)" in refusal(tmp_path).message


def test_with_leaves_a_value_is_the_leaf_of_its_name(tmp_path: Path) -> None:
    workload = read(tmp_path, leaves=["nlp", "cv", "x-1", "rest"], unmapped="rest")
    assert teams(workload) == ["nlp", "nlp", "cv", "cv", "x-1", "rest"]
    error = refusal(tmp_path, leaves=["nlp", "x-1"])
    assert error.code == "T115"
    assert "vc 'CV' (2)" in error.message
    assert "nlp, x-1" in error.hint


def test_a_path_is_a_leaf_as_it_stands_and_by_its_names(tmp_path: Path) -> None:
    text = "vc,submit_s,num_gpu,duration_s\nsafety.evals,0,1,1\nSafety.Red Team,1,1,1\n"
    leaves = ["safety.evals", "safety.red-team"]
    assert teams(read(tmp_path, text, leaves=leaves)) == leaves


def test_two_values_of_one_name_are_refused(tmp_path: Path) -> None:
    text = "vc,submit_s,num_gpu,duration_s\nA b,0,1,1\na-b,1,1,1\n"
    error = refusal(tmp_path, text=text, leaves=["a-b"])
    assert error.code == "T116"
    assert "'A b'" in error.message
    assert "'a-b'" in error.message


def test_a_number_that_is_a_group_and_a_user_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "log.swf"
    tail = "-1 -1 -1 -1 -1 -1"
    path.write_text(f"1 0 -1 9 1 {tail} 7 2 {tail[:14]}\n2 0 -1 9 1 {tail} 2 -1 {tail[:14]}\n")
    with pytest.raises(InputError) as caught:
        traces.read(path, leaves=["t-2", "t-7"])
    assert caught.value.code == "T116"


def test_a_team_that_is_no_leaf_maps_nothing(tmp_path: Path) -> None:
    rules = "vc,NLP,n\nvc,CV,gone\nvc,X 1,n\nuser,eve,n\n"
    error = refusal(tmp_path, rules=rules, leaves=["n"])
    assert error.code == "T115"
    assert error.message == "2 jobs belong to no team: vc 'CV' user 'bob' (1), vc 'CV' user 'eve' (1)"


@pytest.mark.parametrize(
    ("rules", "line", "words"),
    [
        ("user,bob\n", 2, "2 fields"),
        ("user,bob,b\nvc,NLP,N L P\n", 3, "'N L P' is no path"),
        ("user,bob,b\n\ncolour,red,b\n", 4, "no column 'colour'"),
        (",bob,b\n", 2, "fields"),
        ("", 0, "no rule"),
        ('user,"bob,b\n', 2, "quoting"),
    ],
)
def test_a_faulty_mapping_is_refused_with_its_line(tmp_path: Path, rules: str, line: int, words: str) -> None:
    error = refusal(tmp_path, rules=rules)
    assert (error.code, error.place and error.place.line) == ("T114", line)
    assert error.place is not None
    assert error.place.file.endswith("map.csv")
    assert words in error.message


def test_a_mapping_without_its_header_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "map.csv"
    path.write_text("user,bob,b\n")
    with pytest.raises(InputError, match="field,value,team"):
        traces.load_rules(path)


def test_a_pool_that_the_charter_lacks_is_refused(tmp_path: Path) -> None:
    text = "vc,pool,submit_s,num_gpu,duration_s\nx,H100,0,1,1\nx,b200,1,1,1\n"
    error = refusal(tmp_path, text=text, pools=["h100", "a100"])
    assert error.code == "T120"
    assert "'b200'" in error.message
    workload = read(tmp_path, text, pools=["h100", "b200"])
    assert [workload.pools[pool] for pool in workload.jobs.pool] == ["h100", "b200"]


@given(st.text(max_size=100))
def test_every_value_gets_a_name_that_a_charter_takes(value: str) -> None:
    name = traces.team_name(value)
    assert re.fullmatch(r"[a-z][a-z0-9-]{0,62}", name)
    assert name not in {"lab", "all", "everyone"}
    assert traces.team_name(name) == name


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ("ee9e8c", "ee9e8c"),
        ("103959", "t-103959"),
        ("vcpDC", "vcpdc"),
        ("a b_c.d", "a-b-c-d"),
        ("-x", "t--x"),
        ("LAB", "t-lab"),
    ],
)
def test_names_are_the_nearest_that_the_rule_allows(value: str, name: str) -> None:
    assert traces.team_name(value) == name
