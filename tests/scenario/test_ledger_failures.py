"""Real processes and real files: a disk that fails, two writers, a backup put back, a forked log against a witness."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from equipoise.errors import StoreError
from equipoise.ledger.checkpoint import parse_checkpoint
from equipoise.ledger.note import parse_note
from equipoise.ledger.tree import consistency_proof
from equipoise.ledger.witness import Head, Request, add_cosignatures, decide
from equipoise.store import StoredLedger, open_sqlite
from tests.conftest import ROOT
from tests.contract.ledger_stores import EYE, LOG, ORIGIN, made, signer
from tests.scenario.ledger_disk import BATCH


def ran(words: list[str]) -> dict[str, Any]:
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def own_mounts() -> list[str]:
    """How to run a command that may mount file systems which nobody else sees."""
    return ["unshare", "--mount"] if os.getuid() == 0 else ["unshare", "--mount", "--map-root-user"]


def may_mount() -> bool:
    if not shutil.which("unshare"):
        return False
    line = [*own_mounts(), "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
    return subprocess.run(line, capture_output=True, check=False).returncode == 0


def check_disk(told: dict[str, Any]) -> None:
    assert (told["code"], told["retryable"], told["state"]) == ("L145", True, "stopped")
    assert told["read"] == told["acknowledged"] > 0, "what was acknowledged is still read"
    assert (told["append"], told["sign"]) == ("L146", "L146"), "nothing is written or signed meanwhile"
    assert told["early"] in ("L145", "written")
    assert told["whole"], "with the spool appended, each entry is there once and in order"
    assert told["signed"] and told["faults"] == []


def test_a_full_disk_stops_the_ledger_and_loses_nothing(tmp_path: Path) -> None:
    if not may_mount():
        pytest.skip("no small file system can be mounted here")
    script = f'mount -t tmpfs -o size=2m tmpfs "{tmp_path}" && exec "$@"'
    words = [sys.executable, "-m", "tests.scenario.ledger_disk", "full", str(tmp_path)]
    told = ran([*own_mounts(), "sh", "-c", script, "sh", *words])
    check_disk(told)
    assert "full" in told["message"]


def test_failing_writes_stop_the_ledger_and_lose_nothing(tmp_path: Path) -> None:
    told = ran([sys.executable, "-m", "tests.scenario.ledger_disk", "limit", str(tmp_path)])
    check_disk(told)
    assert "I/O error" in told["message"]


def test_a_disk_that_fails_to_sync_stops_the_ledger_and_loses_nothing(tmp_path: Path) -> None:
    if not shutil.which("strace"):
        pytest.skip("strace is not installed")
    trace = ["strace", "-f", "-qq", "-o", str(tmp_path / "calls"), "-e", "trace=fdatasync"]
    trace += ["-e", "inject=fdatasync:error=EIO:when=20"]
    told = ran([*trace, sys.executable, "-m", "tests.scenario.ledger_disk", "sync", str(tmp_path)])
    calls = [line for line in (tmp_path / "calls").read_text("utf-8").splitlines() if "fdatasync" in line]
    assert "EIO" in calls[19] and sum("EIO" in line for line in calls) == 1
    # Each acknowledged append waited for the disk, which a kill cannot show.
    assert 0 < told["acknowledged"] <= 19 * BATCH
    check_disk(told)
    assert "I/O error" in told["message"]


def test_of_two_processes_one_writes_until_it_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    line = [sys.executable, "-m", "tests.scenario.ledger_writer", str(path), "0", "0"]
    writer = subprocess.Popen(line, cwd=ROOT, stdout=subprocess.PIPE)
    assert writer.stdout is not None
    with writer.stdout:
        while b"ack" not in writer.stdout.readline():
            pass
        with pytest.raises(StoreError) as error:
            open_sqlite(path)
        assert error.value.code == "L141" and f"process {writer.pid} " in error.value.message
        other = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
        assert other.returncode == 1 and "L141" in other.stderr and "ack" not in other.stdout
        writer.kill()
    writer.wait()
    with open_sqlite(path) as store:
        store.append([b"mine"])


# -------------------------------------------------------------------------------------------------------- backups and forks


@dataclass
class Witness:
    """A witness that remembers, over the pure decision."""

    heads: dict[str, Head] = field(default_factory=dict[str, Head])

    def ask(self, store: StoredLedger, old_size: int) -> int:
        """Ask it to cosign the latest checkpoint; keep the cosignature, return the status."""
        note = store.checkpoint()
        assert note is not None
        size = parse_checkpoint(parse_note(note).text).size
        proof = consistency_proof(old_size, size, store) if 0 < old_size <= size else []
        body = Request(old_size, tuple(proof), note).to_bytes()
        answer = decide(body, logs={ORIGIN: [LOG.verifier]}, heads=self.heads, keys=[EYE], time_s=1_800_000_000)
        if answer.status == 200:
            assert answer.head is not None
            self.heads[ORIGIN] = answer.head
            store.put_checkpoint(add_cosignatures(note, answer.body, [EYE.verifier]))
        return answer.status


def backed_up(folder: Path) -> tuple[Path, Path, Witness]:
    """A ledger of 600 entries that a witness cosigned, and a copy of its folder from when it had 300."""
    path, backup, witness = folder / "now" / "ledger.db", folder / "backup", Witness()
    path.parent.mkdir()
    with open_sqlite(path, origin=ORIGIN) as store:
        store.append(made(300))
        store.sign(signer)
        assert witness.ask(store, 0) == 200
    shutil.copytree(path.parent, backup)
    with open_sqlite(path) as store:
        store.append(made(300, first=300))
        store.sign(signer)
        assert witness.ask(store, 300) == 200
    return path, backup, witness


def test_an_older_copy_of_the_file_is_refused(tmp_path: Path) -> None:
    path, backup, _ = backed_up(tmp_path)
    newest = path.read_bytes()
    shutil.copy(backup / path.name, path)
    with pytest.raises(StoreError) as error:
        open_sqlite(path)
    assert error.value.code == "L143" and "300 entries" in error.value.message and "600" in error.value.message
    path.write_bytes(newest)
    open_sqlite(path).close()


def test_an_older_copy_of_file_and_anchor_is_refused_by_the_witness(tmp_path: Path) -> None:
    # What the store itself cannot know: residual without a witness, and docs/ledger-store.md says so.
    path, backup, witness = backed_up(tmp_path)
    shutil.rmtree(path.parent)
    shutil.copytree(backup, path.parent)
    with open_sqlite(path) as store:
        assert witness.ask(store, 300) == 409  # the witness has 600
        store.append(made(400, first=5000))  # another history
        store.sign(signer)
        assert [witness.ask(store, old) for old in (300, 600)] == [409, 422]


def test_a_forked_log_gets_no_second_cosignature(tmp_path: Path) -> None:
    path, _, witness = backed_up(tmp_path)
    fork = tmp_path / "fork" / path.name
    fork.parent.mkdir()
    with open_sqlite(fork, origin=ORIGIN) as store:  # signed by the log's own key, so by the log itself
        store.append([*made(599), b"something else"])
        store.sign(signer)
        assert [witness.ask(store, old) for old in (0, 600)] == [409, 409]
        store.append([b"and more"])
        store.sign(signer)
        assert witness.ask(store, 600) == 422
    with open_sqlite(path) as store:
        store.append([b"honest"])
        store.sign(signer)
        assert witness.ask(store, 600) == 200
