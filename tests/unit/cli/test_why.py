"""``equipoise why`` on the command line: sentences, JSON and errors."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from equipoise.cli.app import main

CHARTER = """equipoise: charter/v1
lab: Four devices
pools: {gpu: {device: GPU, expect: 4 nodes of 1 gpu}}
teams: {product: {floor: 50%}, safety: {floor: 50%}}
"""
LOG = """team,submit_min,num_gpu,duration_min,walltime_min
product,0,3,120,120
safety,1,2,60,60
product,45,1,10,10
"""


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    (tmp_path / "four.yaml").write_text(CHARTER)
    (tmp_path / "three.csv").write_text(LOG)
    return [str(tmp_path / "three.csv"), "--charter", str(tmp_path / "four.yaml")]


def ran(arguments: list[str]) -> int:
    with pytest.raises(SystemExit) as left:
        main(arguments)
    return int(left.value.code or 0)


def test_sentences_name_constraint_holders_prediction_and_changes(
    files: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert ran(["why", "1", *files, "--at", "35m"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(
        "Job 1 of safety (2 GPUs of gpu) waits since 29 min at day 0 00:30:00; devices are being freed"
    )
    assert lines[1].startswith("Protection: 1 job with 3 GPUs must give way to it, and may run on until day 0 00:40:00")
    assert "Held by: product 3 (floor 2, 1 borrowed)." in lines
    assert any(line.startswith("Predicted start: in ") for line in lines)
    assert "  · if 1 job with 3 GPUs ended (0)" in lines


def test_json_says_the_same(files: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert ran(["why", "0", *files, "--at", "50m", "--no-predict", "--json"]) == 0
    plain = json.loads(capsys.readouterr().out)
    assert plain["constraint"]["kind"] == "entitlement"
    assert plain["smallest"] == plain["changes"][0]
    assert plain["smallest"]["kind"] == "size"
    assert plain["forecast"] is None


def test_an_unknown_job_is_an_error_with_a_hint(files: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert ran(["why", "9", *files]) == 1
    told = capsys.readouterr().err
    assert "Y101" in told
    assert "say a row, 0 to 2" in told
