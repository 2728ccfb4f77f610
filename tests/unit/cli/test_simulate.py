"""``equipoise simulate``: what it prints, the fields of ``--json``, files, errors and exit codes."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from itertools import count
from pathlib import Path

import pytest

from equipoise.cli import main
from equipoise.cli.app import EXIT_CODES
from equipoise.cli.progress import watch

CHARTER = """
equipoise: charter/v1
lab: Small
pools: {p: {device: G, expect: 4 nodes of 1 gpu}}
teams: {product: {floor: 50%}, safety: {floor: 50%}}
"""
LOG = "team,submit_s,num_gpu,duration_s\nproduct,0,4,100\nsafety,10,2,50\nproduct,20,2,100\n"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "lab.yaml").write_text(CHARTER, "utf-8")
    (tmp_path / "jobs.csv").write_text(LOG, "utf-8")
    return tmp_path


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as left:
        main(["simulate", *arguments])
    assert isinstance(left.value.code, int)
    assert left.value.code in EXIT_CODES
    return left.value.code


@pytest.mark.usefixtures("here")
def test_json_holds_the_promised_fields(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("jobs.csv", "--charter", "lab.yaml", "--policy", "fifo", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["jobs"], told["policy"]) == (3, "fifo")
    # safety waits 10–100, product's second job 20–100; they end at 150 and 200.
    assert told["makespan_s"] == 200
    assert told["mean_wait_s"] == pytest.approx((0 + 90 + 80) / 3)
    assert told["mean_jct_s"] == pytest.approx((100 + 140 + 180) / 3)
    assert told["utilisation"] == pytest.approx(700 / 800)
    assert told["jobs_per_s"] > 0
    assert len(told["digest"]) == 64
    assert set(told["teams"]) == {"product", "safety"}
    safety = told["teams"]["safety"]
    assert safety["jobs"] == 1
    assert safety["wait_p95_s"] == 90
    assert safety["delivered_gpu_h"] * 3600 == pytest.approx(100)
    assert safety["entitled_gpu_h"] * 3600 == pytest.approx(280)  # two GPUs from 10 to 150
    assert safety["denied_gpu_h"] * 3600 == pytest.approx(100)  # no more than its job needs


@pytest.mark.usefixtures("here")
def test_json_of_several_runs_is_a_list(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("jobs.csv", "-c", "lab.yaml", "--vs", "fifo", "--vs", "lab.yaml", "--json") == 0
    runs = json.loads(capsys.readouterr().out)["runs"]
    assert [one["policy"] for one in runs] == ["charter", "fifo", "lab.yaml"]
    assert runs[0]["digest"] == runs[2]["digest"] != runs[1]["digest"]


@pytest.mark.usefixtures("here")
def test_tables_go_to_standard_output_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("jobs.csv", "-c", "lab.yaml") == 0
    told = capsys.readouterr()
    assert told.out.startswith("jobs.csv under lab.yaml: charter\n3 jobs")
    assert told.err == "" or told.err.startswith("compiling")


def test_files_are_written(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("jobs.csv", "-c", "lab.yaml", "--csv", "out", "--parquet", "out", "--json") == 0
    told = capsys.readouterr()
    assert json.loads(told.out)["jobs"] == 3
    assert "Wrote 26 files to out" in told.err
    assert (here / "out" / "jobs.csv").is_file()
    assert (here / "out" / "closes.parquet").is_file()


def test_columns_map_and_unmapped_reach_the_reader(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "odd.csv").write_text("who,when,size,lasting\nada,1,2,30\nbob,1,1,30\neve,1,1,30\n", "utf-8")
    (here / "map.csv").write_text("field,value,team\nwho,ada,safety\nwho,bob,product\n", "utf-8")
    odd = ["odd.csv", "-c", "lab.yaml", "--map", "map.csv"]
    odd += [f"--column={pair}" for pair in ("team=who", "submit=when:min", "gang=size", "duration=lasting")]
    assert run(*odd) == 1
    assert "T115 1 jobs belong to no team: who 'eve' (1)" in capsys.readouterr().err
    assert run(*odd, "--unmapped", "drop", "--json", "--savepoints", "1h") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["jobs"] == 2
    assert told["teams"]["safety"]["held_gpu_h"] * 3600 == pytest.approx(60)
    assert list(told["skipped"].values()) == [1]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["jobs.csv"], 2, "Missing option '--charter'"),
        (["jobs.csv", "-c", "lab.yaml", "--column", "odd"], 2, "'odd' is not FIELD=COLUMN"),
        (["missing.csv", "-c", "lab.yaml"], 1, "missing.csv T101"),
        (["jobs.csv", "-c", "missing.yaml"], 1, "missing.yaml C100"),
        (["jobs.csv", "-c", "lab.yaml", "--policy", "fair"], 1, "P101 no policy 'fair'"),
        (["jobs.csv", "-c", "lab.yaml", "--vs", "fair"], 1, "P101 no policy 'fair'"),
        (["jobs.csv", "-c", "lab.yaml", "--estimates", "wild"], 1, "S102 estimates 'wild'"),
        (["jobs.csv", "-c", "lab.yaml", "--outages", "jobs.csv"], 1, "jobs.csv:1 S104"),
        (["jobs.csv", "-c", "lab.yaml", "--pool", "q"], 1, "T120"),
        (["jobs.csv", "-c", "lab.yaml", "--csv", "lab.yaml"], 1, "lab.yaml S105"),
        (["jobs.csv", "-c", "lab.yaml", "--savepoints", "soon"], 1, "C201"),
    ],
)
@pytest.mark.usefixtures("here")
def test_errors_name_the_place_and_the_code(
    arguments: list[str], code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*arguments) == code
    told = capsys.readouterr()
    assert said in told.err
    assert "Traceback" not in told.err


@pytest.mark.usefixtures("here")
def test_interruption_leaves_with_130_and_no_result(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from equipoise.tasks import simulate as task

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(task.simulator, "simulate", interrupted)
    assert run("jobs.csv", "-c", "lab.yaml") == 130
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.endswith("interrupted: there is no result\n")


@pytest.mark.usefixtures("here")
def test_interruption_of_a_run_shows_what_had_happened_by_then(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pressed = count()

    def press(self: watch, name: str, now: object) -> None:
        if name == "fifo" and next(pressed) == 0:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(watch, "progress", press)
    before = signal.getsignal(signal.SIGINT)
    # Days of 24 hours, so that the run goes on after the first: product's last job is submitted on the third.
    Path("jobs.csv").write_text(LOG + "product,180000,1,1000\n", "utf-8")
    assert run("jobs.csv", "-c", "lab.yaml", "--vs", "fifo", "--vs", "easy", "--json") == 130
    told = capsys.readouterr()
    assert told.err.endswith("interrupted: the figures are partial\n")
    whole, fifo = json.loads(told.out)["runs"]
    assert (whole["policy"], whole["partial"], whole["finished"]) == ("charter", False, 4)
    assert (fifo["policy"], fifo["partial"], fifo["finished"], fifo["jobs_per_s"]) == ("fifo", True, 3, None)
    assert fifo["mean_wait_s"] == pytest.approx((0 + 90 + 80) / 3)
    assert any("fifo was interrupted after" in note for note in fifo["notes"])
    pressed = count()
    assert run("jobs.csv", "-c", "lab.yaml", "--policy", "fifo", "--vs", "easy", "--json") == 130
    [only] = json.loads(capsys.readouterr().out)["runs"]
    assert (only["policy"], only["partial"]) == ("fifo", True)
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.usefixtures("here")
def test_interruption_twice_leaves_without_a_result(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def press(self: watch, name: str, now: object) -> None:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(watch, "progress", press)
    assert run("jobs.csv", "-c", "lab.yaml") == 130
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.endswith("interrupted: there is no result\n")


def test_help_loads_nothing_heavy() -> None:
    script = "import sys; from equipoise.cli import main\ntry: main(['--help'])\nexcept SystemExit: pass\n"
    script += "assert not {'numpy', 'numba', 'polars'} & set(sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "simulate" in done.stdout
