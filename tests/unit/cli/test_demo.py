"""``equipoise demo``: a table and a sentence, or JSON."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from equipoise.cli import main


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as left:
        main(["demo", *arguments])
    assert isinstance(left.value.code, int)
    return left.value.code


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_demo_prints_a_table_and_a_sentence_and_writes_a_report(capsys: pytest.CaptureFixture[str], here: Path) -> None:
    assert run("--days", "3") == 0
    out, err = capsys.readouterr()
    assert err.endswith("Wrote report.html\n")
    page = (here / "report.html").read_text("utf-8").replace("\u202f", " ").replace("\xa0", " ")
    assert " ".join(re.sub("<[^>]+>", "", page.split("<h1>", 1)[1].split("</h1>", 1)[0]).split()) in " ".join(
        out.split()
    )
    assert "equipoise demo --days 3" in page
    assert "# The charter of the demo" in page
    assert out.startswith("A synthetic lab of 4,096 GPUs over 3 days: ")
    for team in ("product", "frontier", "safety", "exploration", "platform", "  alignment"):
        assert f"\n{team} " in out
    told = " ".join(out.split("With the product first, safety gets", 1)[1].split())
    assert "compute over the 3 days (" in told
    assert told.endswith(".")
    last = told.split("36 months on, of the people now in ", 1)[1]
    assert "under product-first and" in last and "under the charter" in last and "checks against public facts" in last
    assert 'id="people"' in page and 'id="outlook"' in page and 'id="gates"' in page
    gated = "The new model of chat-next stands at a release gate that holds nothing back in this time."
    assert gated in " ".join(out.split()) and gated in " ".join(page.split())


def test_demo_as_json(capsys: pytest.CaptureFixture[str], here: Path) -> None:
    assert run("--days", "3", "--seed", "2", "--json", "--no-report") == 0
    assert list(here.iterdir()) == []
    told = json.loads(capsys.readouterr().out)
    assert told["days"] == 3
    gates = [row["gpus"] for row in told["gated"]["gates"] if row["service"] == "chat-next"]
    assert gates[:2] == [0, 8]
    assert [len(course["measured"]) for course in told["outlook"]["courses"]] == [5, 5]
    assert [one["policy"] for one in told["runs"]] == ["charter", "product-first"]
    kept, first = (told["accounts"][name]["safety"]["delivered_gpu_h"] for name in ("charter", "product-first"))
    assert f"({first:,.0f} GPU-hours instead of {kept:,.0f})" in told["sentence"]


def test_days_must_be_days(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--days", "0") == 2
    assert "--days" in capsys.readouterr().err


def test_report_goes_where_it_is_asked_for(capsys: pytest.CaptureFixture[str], here: Path) -> None:
    assert run("--days", "1", "--report", "demo.html") == 0
    assert [path.name for path in here.iterdir()] == ["demo.html"]
    assert run("--days", "1", "--report", "nowhere/demo.html") == 1
    assert "nowhere/demo.html S105 cannot be written" in capsys.readouterr().err
