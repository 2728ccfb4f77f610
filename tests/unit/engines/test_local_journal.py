"""The journal of the local engine's supervisor: what it promises about the disk."""

from __future__ import annotations

import errno
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from equipoise.engines.local.journal import Journal
from equipoise.engines.local.machine import Machine
from equipoise.engines.local.roster import Roster, Run

ENGINE = {"kind": "engine", "id": "1", "boot": "b"}


def journal_in(folder: Path) -> Journal:
    made = Journal(folder / "journal")
    made.renew([ENGINE])
    return made


def test_a_record_that_does_not_reach_the_disk_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = journal_in(tmp_path)

    def fails(_: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fdatasync", fails)
        with pytest.raises(OSError, match="Input"):
            journal.append([{"kind": "forget", "attempt": "1.0"}], durable=True)
    assert Journal(tmp_path / "journal").records == [ENGINE]
    journal.append([{"kind": "forget", "attempt": "2.0"}], durable=True)
    assert [record.get("attempt") for record in Journal(tmp_path / "journal").records] == [None, "2.0"]


def test_an_end_is_on_the_disk_before_anybody_is_told_and_before_its_devices_are_free(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    happened: list[str] = []
    real = os.fdatasync

    def syncs(file: int) -> None:
        real(file)
        happened.append(f"on disk, {len(machine.holders)} held")

    def tell(message: dict[str, Any]) -> None:
        happened.append(f"told {message['event']}")

    machine = Machine("host", (("p", 1, 1),), None)
    roster = Roster(journal_in(tmp_path), machine, tmp_path, "1", tell, signal.SIGUSR1)
    run = Run("4.0", ("0",), savepoint=False, exit_code=0)
    roster.runs["4.0"] = roster.live["4.0"] = run
    machine.hold("4.0", run.devices)
    monkeypatch.setattr(os, "fdatasync", syncs)
    roster.ends.append(run)
    roster.write_ends()
    assert happened == ["on disk, 1 held", "told last"] and machine.holders == {}
