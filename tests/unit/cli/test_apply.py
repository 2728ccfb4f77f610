"""``equipoise sign`` and ``equipoise apply``: usage, JSON, and what goes to which file; the page runs the rest."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from equipoise.ledger.dsse import parse_envelope
from tests.unit.cli.test_commands import run
from tests.unit.tasks.amended_ledgers import Lab


def test_a_charter_is_signed_and_applied(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lab = Lab(tmp_path)
    first, key = str(lab.charter("first")), str(tmp_path / "lab.example-ledger.key")
    second = lab.charter("second", revision=2, parent=lab.digests[0], floor="20%")
    ledger = ["--ledger", str(lab.ledger)]
    assert run("apply", first, *ledger) == 2  # without its key
    assert not lab.ledger.exists()
    assert run("apply", first, *ledger, "--key", key) == 0
    for name in ("eve", "sana"):
        assert run("sign", str(second), "--key", str(tmp_path / f"{name}.key")) == 0
    envelope = tmp_path / "second.yaml.dsse"
    assert len(parse_envelope(envelope.read_bytes().strip()).signatures) == 2
    capsys.readouterr()
    assert run("apply", str(second), str(envelope), *ledger, "--key", key, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert [one["kind"] for one in found["entries"]] == ["proposal", "signature", "signature"]
    assert {one["board"]: one["missing"] for one in found["signatures"]} == {"executive": 0, "safety": 1}
    assert (found["force_ms"], found["written"]) == (None, True)
    assert run("plan", str(second), *ledger, "--json") == 0
    assert {one["board"]: one["signed"] for one in json.loads(capsys.readouterr().out)["signatures"]} == {
        "executive": ["eve"],
        "safety": ["sana"],
    }
    assert run("audit", str(lab.ledger), "--json") == 0
    assert json.loads(capsys.readouterr().out)["holds"] is True


def test_acts_are_named(tmp_path: Path) -> None:
    lab = Lab(tmp_path)
    first = str(lab.charter("first"))
    assert run("sign", first, "--key", str(tmp_path / "eve.key"), "--as", "wish") == 2
    assert run("apply", first, "--as", "wish") == 2
    assert run("apply") == 2
