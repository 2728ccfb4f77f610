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


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--nodes", "4 nodes of 8 gpu"], 2, "--from-log"),
        (["--map", "map.csv"], 2, "--from-log"),
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
