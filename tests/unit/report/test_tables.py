"""What a person reads: numbers, tables that fit, and files."""

from __future__ import annotations

import io
import json
from pathlib import Path

import polars as pl
import pytest
from rich.console import Console

from equipoise.charter_io import loads
from equipoise.errors import InputError
from equipoise.report import print_comparison, print_results, write_frames
from equipoise.report.export import FRAMES
from equipoise.report.figures import change, hours, part, span
from equipoise.tasks.simulate import Comparison, simulate

CHARTER = """
equipoise: charter/v1
lab: Small
pools: {p: {device: G, expect: 4 nodes of 1 gpu}}
teams:
  product: {floor: 50%}
  safety: {floor: 50%, teams: {evals: {floor: 50%}, alignment: {}}}
"""
LOG = "team,submit_s,num_gpu,duration_s\nproduct,0,4,7200\nsafety.evals,10,2,3600\nproduct,20,9,100\nproduct,30,0,5\n"


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Comparison:
    log = tmp_path_factory.mktemp("log") / "jobs.csv"
    log.write_text(LOG, "utf-8")
    return simulate(log, loads(CHARTER), policy="fifo", vs=["product-first"])


def printed(show: object, width: int) -> str:
    out = io.StringIO()
    show(Console(file=out, width=width, highlight=False))  # type: ignore[operator]
    return out.getvalue()


def test_results_show_teams_under_their_parents_and_what_was_left_out(runs: Comparison) -> None:
    text = printed(lambda console: print_results(runs[0], console, title="jobs.csv"), 110)
    lines = [line.rstrip() for line in text.splitlines()]
    names = [line.split()[0] for line in lines if line.startswith(("product", "safety", "  "))]
    assert names == ["product", "safety", "alignment", "evals"]
    # product: 4 GPUs for 2 h; evals: 2 GPUs for 1 h, after the product's.
    product = next(line for line in lines if line.startswith("product"))
    assert product.split()[:3] == ["product", "2", "8"]
    evals = next(line for line in lines if line.startswith("  evals"))
    assert evals.split()[:3] == ["evals", "1", "2"]
    assert "120 min" in evals
    assert "1 row of the log was left out: no GPU" in text
    assert "fifo: 1 job not run, larger than the pool: " in text
    assert "(product, 9 GPUs)" in text


@pytest.mark.parametrize("width", [200, 110, 80])
def test_tables_leave_columns_out_rather_than_cut_them(runs: Comparison, width: int) -> None:
    for show in (
        lambda console: print_results(runs[0], console),
        lambda console: print_comparison(runs.runs, console),
    ):
        text = printed(show, width)
        table = [line for line in text.splitlines() if line.startswith(("team", "product ", "  evals", "─"))]
        assert len(table) >= 4
        assert "…" not in "".join(table)
        assert max(len(line.rstrip()) for line in table) <= width
        assert "starved" in text.split("GPU-hours. denied", 1)[0]


def test_comparison_shows_every_run(runs: Comparison) -> None:
    text = printed(lambda console: print_comparison(runs.runs, console, title="jobs.csv under lab.yaml"), 120)
    assert text.startswith("jobs.csv under lab.yaml\n")
    assert "product-first" in text
    assert "machine held" in text


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_frames_are_written_and_read_back(runs: Comparison, kind: str, tmp_path: Path) -> None:
    written = write_frames(runs.runs, tmp_path / "new" / "folder", kind=kind)  # type: ignore[arg-type]
    assert sorted({path.parent.name for path in written}) == ["1-fifo", "2-product-first"]
    assert len(written) == 2 * (len(FRAMES) + 1)
    read = pl.read_csv if kind == "csv" else pl.read_parquet
    teams = read(written[0].parent / f"teams.{kind}")
    assert teams["denied_gpu_h"].to_list() == pytest.approx(runs[0].teams["denied_gpu_h"].to_list())
    jobs = read(written[0].parent / f"jobs.{kind}")
    assert jobs["wait_s"].to_list() == runs[0].jobs["wait_s"].to_list()
    summary = json.loads((written[0].parent / "summary.json").read_text("utf-8"))
    assert summary["digest"] == runs[0].digest


def test_folder_that_cannot_be_made_is_told(runs: Comparison, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", "utf-8")
    with pytest.raises(InputError) as caught:
        write_frames([runs[0]], tmp_path / "file", kind="csv")
    assert caught.value.code == "S105"


def test_figures_for_people() -> None:
    assert [hours(x) for x in (0.004, 99.94, 100.4, 12345.6)] == ["0.004", "99.9", "100", "12,346"]
    assert [part(x) for x in (1.0, 0.1234, 0.0001)] == ["100.0 %", "12.3 %", "<0.1 %"]
    assert [span(x) for x in (0.5, 119, 121, 7200, 172_800, 8_640_000)] == [
        "0.5 s", "119 s", "2 min", "2.0 h", "2.0 d", "100 d",
    ]  # fmt: skip
    assert change(None, 3.0) == "–"
