"""Staff tables: every fault has its place, small teams are pooled, nothing about single people is read."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from equipoise.errors import InputError
from equipoise.people.hazard import TeamMonths
from equipoise.traces import read_staff

HEADER = "team,month,people,departures,starvation,breach,pull\n"
GOOD = "safety,2025-01,25,1,0.4,0,0.5\n"


def staff(tmp_path: Path, text: str) -> TeamMonths:
    (tmp_path / "staff.csv").write_text(text, "utf-8")
    return read_staff(tmp_path / "staff.csv")


def test_rows_in_any_order_become_a_table(tmp_path: Path) -> None:
    found = staff(tmp_path, HEADER + "safety,2025-02,24,0,0.6,1,-1\ncore,2025-01,40,2,0,0,0\n\n" + GOOD)
    assert found.teams == ("core", "safety")
    assert found.month.tolist() == [2025 * 12, 2025 * 12, 2025 * 12 + 1]
    assert (found.people.tolist(), found.departures.tolist()) == ([40, 25, 24], [2, 1, 0])
    assert (found.starved.tolist(), found.breach.tolist(), found.pull.tolist()) == (
        [0, 0.4, 0.6],
        [0, 0, 1],
        [0, 0.5, -1],
    )
    assert found.notes == ()


def test_breach_and_pull_may_be_missing(tmp_path: Path) -> None:
    found = staff(tmp_path, "month,team,people,departures,starvation\n2025-01,safety,25,1,0.4\n")
    assert (found.breach.tolist(), found.pull.tolist()) == ([0.0], [0.0])


def test_parquet_holds_the_same(tmp_path: Path) -> None:
    text = HEADER + GOOD + "safety,2025-02,24,0,0.6,1,-1\n"
    of_csv = staff(tmp_path, text)
    pl.read_csv(tmp_path / "staff.csv", try_parse_dates=False).write_parquet(tmp_path / "staff.parquet")
    of_parquet = read_staff(tmp_path / "staff.parquet")
    assert of_parquet.design.tolist() == of_csv.design.tolist()


@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        (GOOD.replace("safety", ""), "'' is no path of a team"),
        (GOOD.replace("safety", "Safety Team"), "'Safety Team' is no path of a team"),
        (GOOD.replace("2025-01", "2025-13"), "month '2025-13' is no month"),
        (GOOD.replace("2025-01", "2025-01-15"), "month '2025-01-15' is no month"),
        (GOOD.replace("25,1", "25,26"), "departures '26' is out of range"),
        (GOOD.replace("25,1", "25,1.5"), "departures '1.5' is no whole number"),
        (GOOD.replace("25,1", "25,"), "departures '' is no number"),
        (GOOD.replace("25,1", "0,0"), "people '0' is out of range"),
        (GOOD.replace("0.4", "40"), "starvation '40' is out of range"),
        (GOOD.replace("0.4", "40%"), "starvation '40%' is no number"),
        (GOOD.replace("0.4", "nan"), "starvation 'nan' is out of range"),
        (GOOD.replace(",0,0.5", ",2,0.5"), "breach '2' is out of range"),
        (GOOD.replace(",0.5", ",9"), "pull '9' is out of range"),
        (GOOD.replace(",0.5", ""), "6 fields where 7 are expected"),
        ("core,2025-01,30,0,0,0,0\n", "team 'core' has 2025-01 twice, first in line 2"),
        ("core,2025-04,30,0,0,0,0\n", "team 'core' has no row for 2025-03, the month before this one"),
    ],
)
def test_a_fault_is_told_with_its_line(tmp_path: Path, row: str, complaint: str) -> None:
    with pytest.raises(InputError) as caught:
        staff(tmp_path, HEADER + "core,2025-01,30,0,0,0,0\ncore,2025-02,30,0,0,0,0\n" + row)
    assert caught.value.code == "T123"
    assert complaint in str(caught.value)
    assert caught.value.place is not None
    assert (Path(caught.value.place.file).name, caught.value.place.line) == ("staff.csv", 4)


@pytest.mark.parametrize("column", ["name", "email", "employee", "manager"])
def test_columns_about_single_people_are_refused(tmp_path: Path, column: str) -> None:
    with pytest.raises(InputError, match=f"T123 column {column}"):
        staff(tmp_path, HEADER.replace("team,", f"team,{column},") + GOOD)


@pytest.mark.parametrize(("header", "said"), [("team,month", "no column people"), ("", "no column team")])
def test_a_file_without_its_columns_is_refused(tmp_path: Path, header: str, said: str) -> None:
    with pytest.raises(InputError, match=f"T123 {said}"):
        staff(tmp_path, header + "\n")


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="T123 cannot be read"):
        read_staff(tmp_path / "none.csv")


def test_small_teams_are_pooled_and_what_stays_small_is_refused(tmp_path: Path) -> None:
    rows = "safety.a,2025-01,5,1,0.2,0,0\nsafety.b,2025-01,5,0,0.6,1,0\ncore,2025-01,30,0,0,0,0\n"
    found = staff(tmp_path, HEADER + rows)
    assert (found.teams, found.people.tolist(), found.departures.tolist()) == (("core", "safety"), [30, 10], [0, 1])
    assert (found.starved[1], found.breach[1]) == (pytest.approx(0.4), 0.5)
    with pytest.raises(InputError, match="T123 no group of teams has 8 people in every month"):
        staff(tmp_path, HEADER + "safety.a,2025-01,7,1,0.2,0,0\n")
    with pytest.raises(InputError, match="T123 holds no row"):
        staff(tmp_path, HEADER)
