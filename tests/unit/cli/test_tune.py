"""``equipoise tune``: what it prints, writes and refuses, and Ctrl-C."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest

from equipoise.charter_io import check
from equipoise.cli.progress import watch
from equipoise.workload.synthetic import lab_charter
from tests.unit.cli.test_commands import run

JOBS = "team,submit_s,num_gpu,duration_s\n" + "".join(
    f"{'product' if n % 3 else 'safety'},{900 * n},{1 + n % 8},5400\n" for n in range(400)
)
SMALL = """equipoise: charter/v1
lab: Small
pools: {h100: {device: H100, expect: 1 nodes of 8 gpu}}
teams: {product: {floor: 50%, weight: 4}, safety: {floor: 50%}}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "lab.yaml").write_text(SMALL, "utf-8")
    (tmp_path / "jobs.csv").write_text(JOBS, "utf-8")
    return tmp_path


def test_a_log_of_ones_own_gives_json_charters_a_table_and_a_report(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = [str(folder / name) for name in ("lab.yaml", "jobs.csv")]
    out = ["-o", str(folder / "out"), "--csv", str(folder / "all.csv"), "--report", str(folder / "f.html")]
    assert run("tune", *paths, "--search", "product.floor=30%..50%/10%", *out, "--json", "--savepoints", "1h") == 0
    told = capsys.readouterr()
    found = json.loads(told.out)
    assert found["measured"] == found["charters_in_space"] == 3
    assert [each["name"] for each in found["objectives"]] == ["denied", "served"]
    written = sorted((folder / "out").iterdir())
    assert len(written) == len(found["points"])
    for path in written:
        assert check(path.read_bytes(), against=(folder / "lab.yaml").read_bytes()).charter is not None
        assert f"Wrote {path}" in told.err
    assert (folder / "f.html").read_text("utf-8").startswith("<!doctype html>")
    assert len((folder / "all.csv").read_text("utf-8").splitlines()) == 4


@pytest.mark.parametrize(
    "arguments",
    [[], ["lab.yaml"], ["lab.yaml", "jobs.csv", "--demo", "3"], ["--demo", "3", "--hold-out", "x"], ["--demo", "3", "--on", "moon"]],
)  # fmt: skip
def test_wrong_usage_exits_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run("tune", *arguments) == 2


def test_options_for_reading_a_log_are_refused_where_none_is_read(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("tune", "--demo", "3", "--gpus", "512", "--count", "nodes") == 1
    assert "S102 count" in capsys.readouterr().err


def test_interrupted_it_writes_what_was_found_until_then(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def advance(on: watch, name: str, done: int, total: int) -> None:
        if done == 4:  # a real Ctrl-C, while the search is under way
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(watch, "advance", advance)
    out = ["--csv", str(tmp_path / "all.csv"), "-o", str(tmp_path / "out")]
    code = run("tune", "--demo", "6", "--gpus", "512", "--trials", "60", "--workers", "1", *out)
    told = capsys.readouterr()
    assert code == 130
    assert "interrupted: this is what was found until then" in told.err
    assert "Interrupted: this is what was found until then." in told.out
    assert "4 charters measured" in told.out
    assert len((tmp_path / "all.csv").read_text("utf-8").splitlines()) == 5
    points = sorted((tmp_path / "out").iterdir())
    assert points
    assert all(check(path.read_bytes(), against=lab_charter(512).encode()).charter is not None for path in points)
