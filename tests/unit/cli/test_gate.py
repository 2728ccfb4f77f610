"""``equipoise attest`` and ``equipoise gate`` with files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from equipoise.charter_io import loads
from equipoise.cli import main
from equipoise.gates import Dossier, Kind, parse_attested
from equipoise.units import DAY_MS
from equipoise.workload.synthetic.release import NEW, SERVING, demonstration_key, gated_charter, release_records


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as left:
        main(arguments)
    assert isinstance(left.value.code, int)
    return left.value.code


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("charter.yaml").write_text(gated_charter(), "utf-8")
    for member in ("evals-1", "evals-2", "safety-1", "executive-1"):
        Path(f"{member}.key").write_text(demonstration_key(member).text() + "\n", "utf-8")
    return tmp_path


def test_release_is_taken_to_its_stage_by_files(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    say = ("attest", "--type", "cyber", "--release", NEW, "--issued", "2027-02-01")
    assert run(*say, "--key", "evals-1.key", "-o", "one.json") == 0
    assert run("attest", "--cosign", "one.json", "--key", "evals-2.key", "-o", "two.json") == 0
    assert run("attest", "--cosign", "two.json", "--key", "evals-2.key", "-o", "three.json") == 0
    assert Path("two.json").read_bytes() == Path("three.json").read_bytes()  # signing again adds nothing
    capsys.readouterr()
    ask = ("gate", "charter.yaml", "--release", NEW, "--now", "2027-02-02", "--json", "--require", "internal")
    assert run(*ask, "-a", "one.json") == 1
    told = json.loads(capsys.readouterr().out)
    assert (told["stage"], told["needs"][0]["reason"]) == (None, "too few")
    assert told["needs"][0]["can_sign"] == ["evals-2", "evals-3"]
    assert run(*ask, "-a", "two.json") == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["stage"], told["quota"], told["gpus"]["product.chat"]) == (
        "internal",
        "1/100",
        {"train": 16, "flex": 14, "eval": 2},
    )
    assert run(*ask, "-a", "one.json", "-a", "two.json") == 0


def test_lines_of_a_file_are_attestations(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file of all records decides as the library does with their times."""
    records = release_records()
    Path("all.jsonl").write_bytes(b"\n".join(record.envelope for record in records) + b"\n")
    charter = loads(gated_charter())
    for day in (1, 3, 10, 70, 300):
        at_ms = 1_798_761_600_000 + day * DAY_MS
        wanted = Dossier(charter, "models", NEW, records).decide(at_ms)
        now = ["2027-01-02", "2027-01-04", "2027-01-11", "2027-03-12", "2027-10-28"][(1, 3, 10, 70, 300).index(day)]
        assert run("gate", "charter.yaml", "--release", NEW, "-a", "all.jsonl", "--now", now, "--json") == 0
        told = json.loads(capsys.readouterr().out)
        assert (told["now_ms"], told["stage"], told["next_ms"]) == (at_ms, wanted.stage, wanted.next_ms)
    assert [Dossier(charter, None, SERVING, records).decide(1_798_761_600_000).stage] == ["general"]


def test_revocation_is_signed_and_dated(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("attest", "--revoke", "--type", "cyber", "--release", NEW, "--key", "evals-1.key") == 0
    told = capsys.readouterr()
    statement = parse_attested(told.out.encode())[1]
    assert (statement.kind, statement.type, statement.releases) == (Kind.REVOCATION, "cyber", (NEW,))
    assert statement.issued_ms > 1_700_000_000_000
    assert told.err.startswith(f"Signed: revocation of cyber for {NEW} on ")


def test_revocation_that_is_dated_ahead_counts_at_once(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("all.jsonl").write_bytes(b"\n".join(record.envelope for record in release_records()))
    for issued, name in (("2999-01-01", "ahead.json"), ("2027-01-20", "later.json")):
        no = ("--revoke", "--type", "cyber", "--release", NEW, "--issued", issued, "-o", name)
        assert run("attest", *no, "--key", "evals-1.key", "--key", "evals-2.key") == 0
    ask = ("gate", "charter.yaml", "--release", NEW, "-a", "all.jsonl", "--json", "--now")
    capsys.readouterr()
    for now, file, stage in (
        ("2027-01-25", "all.jsonl", "canary"),
        ("2027-01-25", "ahead.json", "canary"),
        ("2027-01-25", "later.json", "canary"),
    ):
        assert run(*ask, now, "-a", file) == 0
        told = json.loads(capsys.readouterr().out)
        assert told["stage"] == stage
        assert (told["falls_since_ms"] is None) == (file == "all.jsonl")


def test_what_cannot_be_read_is_told_and_does_not_count(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("bad.json").write_text("{}", "utf-8")
    assert run("gate", "charter.yaml", "--release", NEW, "-a", "bad.json", "--now", "2027-02-02") == 0
    told = capsys.readouterr().out
    assert "In no stage: it may use nothing." in told
    assert "Not counted: L125 the envelope has no payloadType" in told


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("gate", "charter.yaml", "--release", "sha256:12"), "G105"),
        (("gate", "charter.yaml", "--release", NEW, "--gate", "x"), "G106"),
        (("gate", "charter.yaml", "--release", NEW, "-a", "none.json"), "G109"),
        (("gate", "charter.yaml", "--release", NEW, "--now", "yesterday"), "C201"),
        (("attest", "--type", "Cyber", "--release", NEW, "--dry-run"), "G104"),
        (("attest", "--type", "cyber", "--release", NEW, "--key", "none.key"), "G109"),
        (("attest", "--type", "cyber", "--release", NEW, "--key", "charter.yaml"), "L115"),
        (("attest", "--type", "cyber", "--release", NEW, "--key", "evals-1.key", "-o", "charter.yaml"), "G109"),
        (("attest", "--cosign", "charter.yaml", "--key", "evals-1.key"), "L125"),
    ],
    ids=range(9),
)
def test_errors_have_their_codes(
    files: Path, arguments: tuple[str, ...], code: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*arguments) == 1
    assert f"{code} " in capsys.readouterr().err
    assert Path("charter.yaml").read_text("utf-8") == gated_charter()


@pytest.mark.parametrize(
    "arguments",
    [
        ("attest", "--type", "cyber", "--release", NEW),
        ("attest", "--type", "cyber", "--dry-run"),
        ("attest", "--cosign", "one.json", "--type", "cyber", "--key", "evals-1.key"),
        ("gate", "charter.yaml", "--release", NEW, "--require", "beta"),
    ],
    ids=range(4),
)
def test_options_that_do_not_go_together_are_wrong_usage(files: Path, arguments: tuple[str, ...]) -> None:
    assert run(*arguments) == 2
