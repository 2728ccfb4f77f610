"""The outlook for those who write Python: however it is imported, in a notebook, as data frames and files, with its progress."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from equipoise import outlook
from equipoise.cli import main
from equipoise.report.outlook_tables import frames

IMPORTS = [
    "from equipoise import outlook",
    "import equipoise.outlook.run as run\nfrom equipoise import outlook\nassert run.forecast",
    "import equipoise.tasks.outlook\nfrom equipoise import outlook\nfrom equipoise.outlook.labs import Lab",
    "import equipoise\noutlook = equipoise.outlook",
]


@pytest.mark.parametrize("lines", IMPORTS)
def test_outlook_can_be_called_however_it_is_imported(lines: str) -> None:
    script = f'{lines}\nprint(outlook("charter-kept", runs=20, months=6).runs)'
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.stderr) == ("20", "")


def test_outlook_shows_itself_in_a_notebook() -> None:
    alone = outlook("charter-kept", runs=20, months=6, checks=True)._repr_html_()
    assert "<table>" in alone and "assumption: " in alone and "held out" in alone and "lead in capability" in alone
    both = outlook("product-pivot", against="charter-kept", runs=20, months=6)._repr_html_()
    assert "first less second" in both and "against charter-kept" in both


def test_frames_hold_what_the_plain_data_hold() -> None:
    found = outlook("product-pivot", against="charter-kept", runs=40, months=6)
    told, own = found.to_dict(), found.frames
    assert set(own) == {"parameters", "results", "differences"}
    first = own["differences"].row(0, named=True)
    assert first["paired_mean"] == told["differences"][0]["paired"]["mean"]
    assert first["parts_contagion"] == told["differences"][0]["parts"]["contagion"]
    assert own["results"]["mean"].to_list() == [row["mean"] for row in told["results"]]


def test_lists_in_records_become_rows() -> None:
    found = frames(
        {
            "drivers": [
                {"name": "lead", "rank": [{"name": "mu", "rank": 0.5}], "variance": [{"name": "mu", "total": 0.1}]}
            ]
        }
    )
    assert found["drivers"].to_dicts() == [
        {"name": "lead", "by": "rank", "rank_name": "mu", "rank": 0.5, "variance_name": None, "total": None},
        {"name": "lead", "by": "variance", "rank_name": None, "rank": None, "variance_name": "mu", "total": 0.1},
    ]


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_command_writes_its_tables_as_files(kind: str, tmp_path: Path) -> None:
    for words, names in ((["--checks"], {"parameters", "results", "checks"}), (["--bellwether"], {"bellwether"})):
        folder = tmp_path / names.copy().pop()
        with pytest.raises(SystemExit) as caught:
            main(["outlook", "product-pivot", "--runs", "40", "--months", "12", *words, f"--{kind}", str(folder)])
        assert caught.value.code == 0
        read = pl.read_csv if kind == "csv" else pl.read_parquet
        assert {path.stem for path in folder.iterdir()} == names
        assert all(read(path).height > 0 for path in folder.iterdir())


def test_progress_counts_every_run_once_and_ends_at_all_of_them() -> None:
    pytest.importorskip("scipy")
    seen: list[tuple[int, int]] = []
    outlook(
        "product-pivot",
        against="charter-kept",
        runs=30,
        months=6,
        checks=True,
        drivers=True,
        progress=lambda *now: seen.append(now),
    )
    done, totals = [now[0] for now in seen], {now[1] for now in seen}
    assert done == sorted(done) and len(set(done)) == len(done)
    assert len(totals) == 1 and done[-1] == totals.pop(), "the total is known beforehand and is met"
