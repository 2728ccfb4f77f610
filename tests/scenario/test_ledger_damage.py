"""Every byte of a small ledger flipped, and the file cut at every length; writes that were torn by a power cut."""

from __future__ import annotations

import random
import shutil
import sqlite3
from collections import Counter
from pathlib import Path

import pytest

from equipoise.errors import StoreError
from equipoise.ledger.tree import leaf_hashes, root_of
from equipoise.store import FileAnchor, StoredLedger, open_sqlite, verify_sqlite
from equipoise.store.sqlite import SqliteTables
from tests.contract.ledger_stores import LOG, ORIGIN, made, signer
from tests.scenario.sqlite_space import unused

PAGE = 512  # the smallest, so that a file with every kind of row has few bytes


def small(path: Path) -> FileAnchor:
    """A ledger of 12 entries with keys, signed twice, in as few bytes as there can be."""
    anchor = FileAnchor(path.with_name("anchor"))
    with StoredLedger(lambda: SqliteTables(path, origin=ORIGIN, page_bytes=PAGE), anchor=anchor) as store:
        store.append(made(7), [f"key {number}" for number in range(7)], time_ms=1_800_000_000_000)
        store.sign(signer)
        store.append(made(5, first=7))
        store.sign(signer)
    assert not path.with_name(path.name + "-wal").exists()
    return anchor


def contents(path: Path) -> list[object]:
    """Everything that can be read out of the tables."""
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        names = [name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        return [(name, connection.execute(f"SELECT * FROM {name}").fetchall()) for name in sorted(names)]
    finally:
        connection.close()


def faults(path: Path, anchor: FileAnchor) -> list[str]:
    return [fault.what for fault in verify_sqlite(path, anchor=anchor, keys=[LOG.verifier]).faults]


@pytest.fixture
def memory(tmp_path: Path) -> Path:
    """A folder that need not reach a disk: tens of thousands of files are written into it."""
    fast = Path("/dev/shm")
    if not fast.is_dir():
        return tmp_path
    folder = fast / f"equipoise-{tmp_path.name}-{random.randrange(2**48)}"
    folder.mkdir()
    return folder


@pytest.mark.slow
def test_every_flipped_byte_is_found_or_lies_where_nothing_is(memory: Path) -> None:
    try:
        path = memory / "ledger.db"
        anchor = small(path)
        whole, before = path.read_bytes(), contents(path)
        assert faults(path, anchor) == []
        holes, unnoticed = unused(whole), Counter[str]()
        for place in range(len(whole)):
            damaged = bytearray(whole)
            damaged[place] ^= 1 << place % 8
            path.write_bytes(damaged)
            if not faults(path, anchor):
                assert place in holes, f"byte {place} of {len(whole)} was flipped and not noticed"
                assert contents(path) == before
                unnoticed[holes[place]] += 1
        caught = len(whole) - unnoticed.total()
        print(f"{len(whole)} bytes flipped: {caught} caught, unnoticed where nothing is: {dict(unnoticed)}")
        assert caught > len(whole) / 2
    finally:
        shutil.rmtree(memory)


def test_every_flipped_byte_of_the_anchor_is_found(tmp_path: Path) -> None:
    anchor = small(tmp_path / "ledger.db")
    whole = anchor.path.read_bytes()
    for place in range(len(whole)):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << place % 8
        anchor.path.write_bytes(damaged)
        assert faults(tmp_path / "ledger.db", anchor), f"byte {place}: {bytes(damaged)!r}"


def test_a_file_cut_at_any_length_is_found(memory: Path) -> None:
    try:
        path = memory / "ledger.db"
        anchor = small(path)
        whole = path.read_bytes()
        for length in range(len(whole)):
            path.write_bytes(whole[:length])
            assert faults(path, anchor), f"cut to {length} of {len(whole)} bytes"
        path.write_bytes(whole)
        assert not faults(path, anchor)
    finally:
        shutil.rmtree(memory)


# ------------------------------------------------------------------------------------------------------------- torn writes


def grown(path: Path) -> tuple[list[int], bytes, bytes, list[bytes]]:
    """A ledger that is still open: sizes after each commit, the file, its write-ahead log, and notes by commit."""
    sizes = [0]
    with StoredLedger(lambda: SqliteTables(path, origin=ORIGIN, page_bytes=PAGE), anchor=None) as store:
        base = path.read_bytes()
        for count in (1, 3, 1, 9, 2):
            store.append(made(count, first=sizes[-1]), [f"key {sizes[-1] + i}" for i in range(count)])
            sizes.append(store.size)
        note = store.sign(signer)
        log = path.with_name(path.name + "-wal").read_bytes()
    return sizes, base, log, [note]


@pytest.mark.parametrize("tear", ["cut", "zeroes", "noise"])
def test_a_torn_write_ahead_log_gives_a_state_that_was_acknowledged_or_is_refused(memory: Path, tear: str) -> None:
    # The file as a power cut leaves it: the log's end did not reach the disk, or a sector of it is of something else.
    try:
        first = memory / "first" / "ledger.db"
        first.parent.mkdir()
        sizes, base, log, notes = grown(first)
        chance, seen = random.Random(tear), Counter[int]()
        anchor = FileAnchor(memory / "anchor")
        anchor.write(notes[0])
        for number, length in enumerate(range(0, len(log), 97)):
            path = memory / f"{number}" / "ledger.db"
            path.parent.mkdir()
            path.write_bytes(base)
            rest = {"cut": b"", "zeroes": bytes(512), "noise": chance.randbytes(512)}[tear]
            path.with_name("ledger.db-wal").write_bytes(log[:length] + rest[: len(log) - length])
            with StoredLedger(lambda path=path: SqliteTables(path, origin=ORIGIN), anchor=None) as store:
                seen[store.size] += 1
                assert store.size in sizes
                assert store.root == root_of(leaf_hashes(made(store.size)))
                lost = store.size < sizes[-1]
            assert faults(path, FileAnchor(memory / "none")) == []
            if lost:  # less than was signed: whoever has the anchor refuses
                with pytest.raises(StoreError) as error:
                    open_sqlite(path, anchor=anchor)
                assert error.value.code == "L143"
            else:
                open_sqlite(path, anchor=anchor).close()
            shutil.rmtree(path.parent)
        assert set(seen) == set(sizes), "every commit was the last one that survived, at some length"
    finally:
        shutil.rmtree(memory)
