"""``equipoise demo``: a table and a sentence, or JSON."""

from __future__ import annotations

import json

import pytest

from equipoise.cli import main


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as left:
        main(["demo", *arguments])
    assert isinstance(left.value.code, int)
    return left.value.code


def test_demo_prints_a_table_and_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--days", "3") == 0
    out = capsys.readouterr().out
    assert out.startswith("A synthetic lab of 4,096 GPUs over 3 days: ")
    for team in ("product", "frontier", "safety", "exploration", "platform", "  alignment"):
        assert f"\n{team} " in out
    told = " ".join(out.split("With the product first, safety gets", 1)[1].split())
    assert "compute over the 3 days (" in told
    assert told.endswith(".")


def test_demo_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--days", "3", "--seed", "2", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["days"] == 3
    assert [one["policy"] for one in told["runs"]] == ["charter", "product-first"]
    kept, first = (told["accounts"][name]["safety"]["delivered_gpu_h"] for name in ("charter", "product-first"))
    assert f"({first:,.0f} GPU-hours instead of {kept:,.0f})" in told["sentence"]


def test_days_must_be_days(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--days", "0") == 2
    assert "--days" in capsys.readouterr().err
