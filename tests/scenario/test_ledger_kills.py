"""Kill -9 at random instants: nothing acknowledged is lost, nothing is there twice.

A process that is killed loses nothing that the kernel holds; what a power cut leaves is test_ledger_damage.py. The soak
profile kills a thousand times: `script/soak tests/scenario/test_ledger_kills.py`.
"""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

from equipoise.store import StoredLedger, open_sqlite, verify_sqlite
from tests.conftest import ROOT
from tests.contract.ledger_stores import LOG
from tests.contract.postgres_server import Server, programs, server
from tests.scenario.ledger_writer import entry_of

THREADS = 3
KILLS = 1000 if settings.get_current_profile_name() == "soak" else 30


Stop = Callable[["subprocess.Popen[bytes]"], None]


def killed(where: str, seed: int, counts: list[int], after_s: float, *, appending: bool, stop: Stop) -> list[str]:
    """Kill a writer some time after it starts to open the ledger, or to append; return the whole lines it told."""
    line = [sys.executable, "-m", "tests.scenario.ledger_writer", where, str(seed), *map(str, counts)]
    writer = subprocess.Popen(line, cwd=ROOT, stdout=subprocess.PIPE)
    assert writer.stdout is not None
    with writer.stdout:
        assert writer.stdout.readline() == b"ready\n"
        first = writer.stdout.readline() if appending else b""
        time.sleep(after_s)
        assert writer.poll() is None, "the writer ended by itself"
        stop(writer)
        told = (first + writer.stdout.read()).decode()
    writer.wait()
    return told.split("\n")[:-1]


def test_killed_at_random_nothing_acknowledged_is_lost_or_twice(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    check(str(path), KILLS, lambda: open_sqlite(path, read_only=True), slow=1)
    found = verify_sqlite(path, keys=[LOG.verifier])
    assert found.ok and found.checkpoints > 1, found


def test_the_same_over_postgresql() -> None:
    if programs() is None:
        pytest.skip("PostgreSQL is not installed")
    from equipoise.store.postgres import open_postgres, verify_postgres

    with server() as address:
        check(address, KILLS // 3, lambda: open_postgres(address, read_only=True), slow=2)
        found = verify_postgres(address, keys=[LOG.verifier])
    assert found.ok and found.checkpoints > 1, found


def test_postgresqls_own_server_killed_loses_nothing_acknowledged() -> None:
    if programs() is None:
        pytest.skip("PostgreSQL is not installed")
    from equipoise.store.postgres import open_postgres, verify_postgres

    running = Server()

    def stop(writer: subprocess.Popen[bytes]) -> None:
        running.crash()
        writer.kill()
        running.start()

    try:
        where = running.address
        check(where, max(KILLS // 10, 6), lambda: open_postgres(where, read_only=True), slow=2, stop=stop)
        found = verify_postgres(where, keys=[LOG.verifier])
    finally:
        running.stop()
    assert found.ok and found.checkpoints > 1, found


def check(
    where: str,
    kills: int,
    read: Callable[[], StoredLedger],
    *,
    slow: int,
    stop: Stop = subprocess.Popen.kill,
) -> None:
    """Kill writers, and hold what they told against what is read; ``slow`` gives each more time."""
    seed = random.randrange(2**32)
    chance = random.Random(seed)
    counts = [0] * THREADS
    acknowledged: dict[int, str] = {}
    idle = 0
    for kill in range(kills):
        after_s = slow * chance.choice([0.02, 0.1, 0.4]) * chance.random()
        told = killed(where, seed + kill, counts, after_s, appending=chance.random() < 0.6, stop=stop)
        idle += not told
        new: dict[int, str] = {}
        for line in told:
            _, number, done, *indices = line.split()
            keys = [f"{number}/{place}" for place in range(int(done) - len(indices), int(done))]
            new |= dict(zip(map(int, indices), keys, strict=True))
            counts[int(number)] = int(done)
        assert not new.keys() & acknowledged.keys(), f"seed {seed}: an index was acknowledged twice"
        acknowledged |= new
        if new:
            with read() as store:
                found = {index: entry for index, entry in enumerate(store.entries(min(new)), min(new)) if index in new}
            assert found == {index: entry_of(key) for index, key in new.items()}, f"seed {seed}, kill {kill}"
    with read() as store:
        entries = list(store.entries())
    assert [entries[index] for index in acknowledged] == list(map(entry_of, acknowledged.values())), f"seed {seed}"
    assert len(set(entries)) == len(entries), f"seed {seed}: an entry is there twice"
    print(f"{kills} kills, {idle} before the first append; {len(acknowledged)} of {len(entries)} entries acknowledged")
    assert len(acknowledged) > 100, "the writer did too little to prove anything"
