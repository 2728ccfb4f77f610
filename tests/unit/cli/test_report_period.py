"""``equipoise report`` of a period: which ledger, which period, exit codes, and what goes with what."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from equipoise.cli import main
from tests.unit.tasks.quarters import KEY, write_ledger


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("period")
    write_ledger(folder)
    (folder / "lab.pub").write_text(f"{KEY.verifier}\n")
    (folder / "lab").mkdir()
    for file in folder.glob("lab.ledger*"):
        (folder / "lab" / file.name.replace("lab.ledger", "ledger.db")).write_bytes(file.read_bytes())
    return folder


@pytest.fixture(autouse=True)
def here(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)


def ran(*arguments: str) -> int:
    with pytest.raises(SystemExit) as left:
        main(arguments)
    assert isinstance(left.value.code, int)
    return left.value.code


def test_a_period_of_a_ledger_and_of_the_usual_one_are_the_same(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told: list[str] = []
    for number, named in enumerate((["--ledger", "lab.ledger"], [])):
        assert (
            ran("report", "2027-Q1", *named, "--key", "lab.pub", "--state", f"{number}.state", "-o", f"{number}.html")
            == 0
        )
        out = capsys.readouterr()
        assert out.err.endswith(f"Wrote {number}.html\n")
        told.append(out.out)
        assert (folder / f"{number}.html").stat().st_size < 1_000_000
        assert (folder / f"{number}.state").exists()
    assert told[0] == told[1]
    assert told[0].startswith("In Q1 2027, ")


def test_a_ledger_alone_is_told_as_a_whole_and_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert ran("report", "lab.ledger", "--json", "-o", "whole.html") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["sentence"].startswith("From 1 Mar 2027 to ")
    assert found["proof"]["signed_by"] is None
    assert found["from_ms"] == 0


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["jobs.csv"], "S132"),
        (["nowhere"], "S132"),
        (["jobs.csv", "--ledger", "lab.ledger"], "S132"),
        (["2027-13", "--ledger", "lab.ledger"], "S129"),
        (["2031", "--ledger", "lab.ledger"], "S130"),
        (["2027", "--ledger", "none.ledger"], "L140"),
    ],
)
def test_what_cannot_be_told_is_refused(arguments: list[str], code: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert ran("report", *arguments, "-o", "no.html") == 1
    assert code in capsys.readouterr().err


def test_options_of_a_replay_and_of_a_period_do_not_mix(capsys: pytest.CaptureFixture[str]) -> None:
    assert ran("report", "2027", "--ledger", "lab.ledger", "--vs", "fifo") == 2
    assert "--vs" in capsys.readouterr().err
    assert ran("report", "jobs.csv", "--charter", "first.yaml", "--json") == 2


def test_a_log_without_dates_has_no_periods(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "plain.csv").write_text("team,submit_s,num_gpu,duration_s\nsafety,0,8,7200\nproduct.chat,60,8,7200\n")
    assert ran("keys", "new", "lab.example/plain", "-o", "plain.key") == 0
    assert ran("simulate", "plain.csv", "-c", "first.yaml", "--ledger", "plain.ledger", "--key", "plain.key") == 0
    assert ran("report", "2027", "--ledger", "plain.ledger") == 1
    assert "S131" in capsys.readouterr().err
    assert ran("report", "plain.ledger", "-o", "plain.html") == 0
    assert "Of all that is recorded" in capsys.readouterr().out
