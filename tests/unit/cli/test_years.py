"""``--outlook`` and ``--staff`` of ``simulate`` and ``report``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from equipoise.cli import main
from tests.unit.outlook.prospects import CHARTER, PEOPLE


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    jobs = (f"{'safety' if n % 3 == 0 else 'product'},{n * 1800},8,14400\n" for n in range(300))
    (tmp_path / "jobs.csv").write_text("team,submit_s,num_gpu,duration_s\n" + "".join(jobs), "utf-8")
    (tmp_path / "lab.yaml").write_text(CHARTER, "utf-8")
    (tmp_path / "people.yaml").write_text(PEOPLE, "utf-8")
    (tmp_path / "staff.csv").write_text(
        "team,month,people,departures,starvation\n"
        + "".join(f"safety,{2024 + n // 12}-{n % 12 + 1:02},40,{n % 2},0.2\n" for n in range(24)),
        "utf-8",
    )
    return tmp_path


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as left:
        main([*arguments])
    assert isinstance(left.value.code, int)
    return left.value.code


REPLAY = ("jobs.csv", "-c", "lab.yaml", "--vs", "product-first", "--outlook", "people.yaml")


def test_simulate_goes_on_for_years_and_says_so_last(capsys: pytest.CaptureFixture[str], here: Path) -> None:
    assert run("simulate", *REPLAY, "--report", "report.html") == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "24 months on, of the people now in safety" in out.split("direct: without anybody leaving for it.")[1]
    assert "where it starts, product first" in out and "FAILED" in out
    assert 'id="people"' in (here / "report.html").read_text("utf-8")


def test_json_has_the_whole_chain(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("simulate", *REPLAY, "--staff", "staff.csv", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    for run_of, course in zip(told["runs"], told["outlook"]["courses"], strict=True):
        start = course["measured"][
            "safety"
        ]  # of the time in which work was submitted, so no more than of the whole run
        assert 0 < start["entitled_gpu_h"] <= run_of["teams"]["safety"]["entitled_gpu_h"]
        assert start["starved"] == pytest.approx(start["denied_gpu_h"] / start["entitled_gpu_h"])
    (found,) = told["outlook"]["outlooks"]
    assert [row["name"] for row in found["learned"]] == ["h0", "u_lab", "beta_s", "beta_m", "kappa"]
    assert len(found["checks"]) == 8 and found["differences"][0]["parts"]


def test_report_prints_the_sentence(capsys: pytest.CaptureFixture[str], here: Path) -> None:
    assert run("report", *REPLAY) == 0
    assert "24 months on" in capsys.readouterr().out
    assert "People, on each course" in (here / "report.html").read_text("utf-8")
    assert run("report", *REPLAY[:-2]) == 0
    assert "People, on each course" not in (here / "report.html").read_text("utf-8")


def test_staff_without_outlook_is_wrong_usage_and_a_bad_row_is_named(
    capsys: pytest.CaptureFixture[str], here: Path
) -> None:
    assert run("simulate", "jobs.csv", "-c", "lab.yaml", "--staff", "staff.csv") == 2
    assert "--outlook" in capsys.readouterr().err
    (here / "staff.csv").write_text("team,month,people,departures,starvation\nsafety,2024-01,9,1,2\n", "utf-8")
    assert run("simulate", *REPLAY, "--staff", "staff.csv") == 1
    assert "staff.csv:2 T123" in capsys.readouterr().err


def test_outlook_of_a_scenario_takes_staff(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("outlook", "charter-kept", "--runs", "60", "--months", "12", "--staff", "staff.csv") == 0
    assert "12 departures in 960 people-months of 1 team" in capsys.readouterr().out
