"""``equipoise report`` and ``simulate --report``: one file, by one way."""

from __future__ import annotations

import inspect
import signal
from itertools import count
from pathlib import Path

import pytest

from equipoise.cli import main, report, simulate
from equipoise.cli.progress import watch

CHARTER = """
equipoise: charter/v1
lab: Small
pools: {p: {device: G, expect: 4 nodes of 1 gpu}}
teams: {product: {floor: 50%}, safety: {floor: 50%}} # as written
"""
LOG = "team,submit_s,num_gpu,duration_s\nproduct,0,4,7200\nsafety,600,2,3600\nproduct,900,2,7200\n"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "lab.yaml").write_text(CHARTER, "utf-8")
    (tmp_path / "jobs.csv").write_text(LOG, "utf-8")
    return tmp_path


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as left:
        main(arguments)
    assert isinstance(left.value.code, int)
    return left.value.code


def test_both_commands_write_the_same_report_but_for_the_command(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one = ("report", "jobs.csv", "-c", "lab.yaml", "--vs", "product-first", "-o", "one.html")
    two = ("simulate", "jobs.csv", "-c", "lab.yaml", "--vs", "product-first", "--report", "two.html")
    assert run(*one) == 0
    told = capsys.readouterr()
    assert told.out.startswith("With the product first, ")
    assert told.err == "Wrote one.html\n"
    assert run(*two) == 0
    told = capsys.readouterr()
    assert told.out.startswith("jobs.csv under lab.yaml\n")
    assert told.err == "Wrote two.html\n"
    pages = [(here / f"{name}.html").read_text("utf-8") for name in ("one", "two")]
    commands = [" ".join(("equipoise", *words)) for words in (one, two)]
    assert pages[0].replace(commands[0], "") == pages[1].replace(commands[1], "")
    for page, command in zip(pages, commands, strict=True):
        assert page.count(command) == 1
        assert "# as written" in page


def test_report_goes_to_report_html_unless_told(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("report", "jobs.csv", "--charter", "lab.yaml", "--policy", "fifo") == 0
    assert (here / "report.html").is_file()
    assert "First in, first out" in capsys.readouterr().out


@pytest.mark.parametrize("command", [["report", "-o"], ["simulate", "--report"]])
def test_place_that_cannot_be_written_is_told(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(command[0], "jobs.csv", "-c", "lab.yaml", command[1], "nowhere/r.html") == 1
    told = capsys.readouterr().err
    assert "nowhere/r.html S105 cannot be written" in told
    assert "Traceback" not in told


def test_interruption_leaves_a_report_that_says_so(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pressed = count()

    def press(self: watch, name: str, now: object) -> None:
        if next(pressed) == 3:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(watch, "progress", press)
    assert run("report", "jobs.csv", "-c", "lab.yaml", "--vs", "fifo") == 130
    told = capsys.readouterr()
    assert told.err.endswith("Wrote report.html\ninterrupted: the figures are partial\n")
    page = (here / "report.html").read_text("utf-8")
    assert "<b>Interrupted. </b>charter was interrupted after" in page
    assert "first in, first out" not in page  # it had not begun


def test_a_log_with_errors_writes_nothing(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("report", "missing.csv", "-c", "lab.yaml") == 1
    assert "missing.csv T101" in capsys.readouterr().err
    assert not (here / "report.html").exists()


def test_options_of_a_replay_are_those_of_both_commands() -> None:
    both = [inspect.signature(module.run).parameters for module in (report, simulate)]
    own = ({"output", "as_json", "trust", "state"}, {"as_json", "csv", "parquet", "report"})
    assert both[0].keys() - own[0] == both[1].keys() - own[1]
    shared = both[0].keys() - own[0]
    assert {"log", "charter", "policy", "vs", "outages", "mapping"} <= shared
    of_periods_too = {"log", "charter", "ledger", "key"}  # each says more of itself there
    assert all(both[0][name] == both[1][name] for name in shared - of_periods_too)
