"""``equipoise init --from-log``: a charter proposed from a log, on the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from equipoise import charter_io
from equipoise.cli import main

LOG = "vc,submit_s,num_gpu,duration_s\nNLP,0,8,3600\ncv,0,24,3600\n,0,8,1\n"


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as left:
        main(["init", *arguments])
    assert isinstance(left.value.code, int)
    return left.value.code


def test_a_charter_is_written_that_passes(tmp_path: Path) -> None:
    log, charter = tmp_path / "log.csv", tmp_path / "charter.yaml"
    log.write_text(LOG)
    assert run(str(charter), "--from-log", str(log), "--unmapped", "drop", "--nodes", "4 nodes of 8 gpu") == 0
    proposed = charter_io.load(charter)
    assert [team.path for team in proposed.leaves] == ["cv", "nlp"]
    assert proposed.pools[0].capacity == 32


def test_a_mapping_gives_the_paths(tmp_path: Path) -> None:
    log, mapping, charter = tmp_path / "log.csv", tmp_path / "map.csv", tmp_path / "charter.yaml"
    log.write_text(LOG)
    mapping.write_text("field,value,team\nvc,NLP,research.language\nvc,cv,product\nvc,,research.other\n")
    assert run(str(charter), "--from-log", str(log), "--map", str(mapping)) == 0
    leaves = [team.path for team in charter_io.load(charter).leaves]
    assert leaves == ["product", "research.language", "research.other"]


def test_columns_are_named_and_malformed_rows_are_counted_as_for_a_replay(tmp_path: Path) -> None:
    log, charter = tmp_path / "log.csv", tmp_path / "charter.yaml"
    log.write_text("wer;wann;karten;minuten\nSehen;0;8;60\nHoeren;30;8;x\nHoeren;60;24;60\n")
    named = ["team=wer", "submit=wann:s", "gang=karten", "duration=minuten:min"]
    columns = [argument for pair in named for argument in ("--column", pair)]
    assert run(str(charter), "--from-log", str(log), "--format", "csv", "--pool", "a", *columns) == 1
    assert run(str(charter), "--from-log", str(log), "--pool", "a", "--skip-malformed", *columns) == 0
    proposed = charter_io.load(charter)
    assert ([pool.name for pool in proposed.pools], [team.path for team in proposed.leaves]) == (
        ["a"],
        ["hoeren", "sehen"],
    )
    text = charter.read_text("utf-8")
    assert "hoeren: {floor: 75%}   # 75.0% of the GPU-hours: 24 by 1 job" in text
    assert "# Left out of the log: 1 row, malformed" in text


def test_a_team_that_used_less_than_one_gpu_is_told_why_it_has_no_floor(tmp_path: Path) -> None:
    log, charter = tmp_path / "log.csv", tmp_path / "charter.yaml"
    log.write_text("vc,submit_s,num_gpu,duration_s\nbig,0,8,360000\nsmall,0,1,3600\nnone,0,8,0\nno,0,0,5\n")
    assert run(str(charter), "--from-log", str(log), "--nodes", "1 nodes of 8 gpu") == 0
    text = charter.read_text("utf-8")
    assert (
        "small: {floor: 0%}   # 0.1% of the GPU-hours: 1 by 1 job, the largest of 1 GPU; less than one whole GPU"
        in text
    )
    assert text.count("less than one whole GPU, so no floor\n") == 1  # who used nothing needs no reason
    assert "# Left out of the log: 1 row, no GPU.\n" in text


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--nodes", "4 nodes of 8 gpu"], 2, "--from-log"),
        (["--map", "map.csv"], 2, "--from-log"),
        (["--column", "team=wer"], 2, "--from-log"),
        (["--from-log", "log.csv", "--column", "wer"], 2, "FIELD=COLUMN"),
        (["--from-log", "log.csv", "--unmapped", "x", "--column", "gang=cards"], 1, "T107"),
        (["--from-log", "absent.csv"], 1, "T101"),
        (["--from-log", "log.csv"], 1, "T115"),
        (["--from-log", "log.csv", "--unmapped", "x", "--nodes", "8 boxes"], 1, "C201"),
        (["--from-log", "log.csv", "--unmapped", "x", "--timezone", "Nowhere"], 1, "T117"),
    ],
)
def test_what_cannot_be_done_is_said(
    arguments: list[str],
    code: int,
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("log.csv").write_text(LOG)
    assert run("-", *arguments) == code
    captured = capsys.readouterr()
    assert words in captured.err
    assert captured.out == ""
