"""``equipoise team``: what it says, of whom, at which instant."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.unit.cli.test_commands import run

LAB = (
    "equipoise: charter/v1\nlab: S\npools: {h100: {device: H100, expect: 2 nodes of 8 gpu}}\ntimezone: UTC\n"
    "teams: {product: {floor: 50%}, safety: {floor: 50%, recover: 30m, teams: {a: {floor: 50%}, b: {floor: 25%}}}}\n"
)
JOBS = (
    "job_id,team,submit,num_gpu,duration_s,walltime_s\nrun,product,2027-03-01T00:00:00,8,14400,14400\n"
    "more,product,2027-03-01T00:00:00,8,14400,14400\nbig,safety.a,2027-03-01T00:10:00,6,3600,3600\n"
)


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    (tmp_path / "lab.yaml").write_text(LAB, "utf-8")
    (tmp_path / "jobs.csv").write_text(JOBS, "utf-8")
    return [str(tmp_path / "jobs.csv"), "--charter", str(tmp_path / "lab.yaml")]


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    assert run("team", *arguments, "--json") == 0
    return json.loads(capsys.readouterr().out)


def test_who_borrows_from_whom_and_until_when(files: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    found = told(capsys, "product", *files, "--at", "1m")["pools"]["h100"]
    # Floors are 8 for product, 4 and 2 for safety's leaves; 2 are promised to no leaf and count as used first.
    assert found["borrows"] == [
        {"team": "safety.a", "gpus": 4, "back_within_s": 1800.0},
        {"team": "safety.b", "gpus": 2, "back_within_s": 1800.0},
    ]
    assert (found["held_gpus"], found["insecure_gpus"], found["entitlement_gpus"]) == (16, 8, 16)
    assert told(capsys, "safety", *files, "--at", "1m")["pools"]["h100"]["lends"] == [
        {"team": "product", "gpus": 4, "back_within_s": 1800.0},
        {"team": "product", "gpus": 2, "back_within_s": 1800.0},
    ]


def test_an_instant_is_a_duration_or_a_date_and_has_happened(
    files: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    before = told(capsys, "safety.a", *files, "--at", "599s")["pools"]["h100"]
    at = told(capsys, "safety.a", *files, "--at", "2027-03-01T00:10:00")
    assert (before["waiting_gpus"], at["pools"]["h100"]["waiting_gpus"], at["at_s"]) == (0, 6, 600.0)
    assert at == told(capsys, "safety.a", *files)  # the last submission
    assert at["pools"]["h100"]["head"] == {"job": "big", "gpus": 6, "waited_s": 0.0}
    assert at["account"]["started"] == 0


def test_a_gang_above_its_leafs_floor_saves_up_for_a_turn(
    files: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    longer = JOBS.replace("00:10:00,6", "00:10:00,12").replace("14400,14400", "28800,28800")
    (tmp_path / "jobs.csv").write_text(longer, "utf-8")
    # It saves the 8 GPUs that it is due (safety's half), from minute 10 on, until it has 12 GPUs times its hour.
    for minutes in (10, 20, 64, 99):
        turn = told(capsys, "safety.a", *files, "--at", f"{minutes}m")["pools"]["h100"]["turn"]
        assert turn == {"job": "big", "gpus": 12, "saved": pytest.approx(8 * (minutes - 10) / (12 * 60))}
    assert told(capsys, "safety.a", *files, "--at", "101m")["pools"]["h100"]["turn"]["saved"] == 1.0
    assert told(capsys, "product", *files, "--at", "20m")["pools"]["h100"]["turn"] is None


def test_the_account_is_that_of_the_instant(files: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    found = told(capsys, "product", *files, "--at", "5m")["account"]
    assert found["entitled_gpu_h"] == pytest.approx(16 * 5 / 60)
    assert found["delivered_gpu_h"] == pytest.approx(16 * 5 / 60)
    assert told(capsys, "safety", *files, "--at", "9m", "--policy", "fifo")["account"]["entitled_gpu_h"] == 0


def test_it_is_told_in_sentences(files: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run("team", "safety", *files, "--at", "1m") == 0
    out = capsys.readouterr().out
    assert "product holds 4 GPUs of its idle floor, back within 30m." in out
    assert "its floor is 8, it is entitled to 0" in out


@pytest.mark.parametrize(
    ("arguments", "code"), [(["nobody"], "C301"), (["safety", "--at", "soon"], "S102"), (["safety", "--at", "2026-01-01"], "S102")]
)  # fmt: skip
def test_what_cannot_be_is_refused(
    arguments: list[str], code: str, files: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("team", arguments[0], *files, *arguments[1:]) == 1
    assert code in capsys.readouterr().err
