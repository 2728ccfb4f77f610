"""The measurements of docs/ledger-store.md: appends, beside plain inserts of the same rows in the same run, and proofs.

`python -m benchmarks.ledger_store` prints the page's tables, proofs at a million entries; with `--large` at ten million, and with
`--write` it measures at ten million and puts the tables into the page. `--folder` names the disk to measure.
"""

from __future__ import annotations

import argparse
import os
import random
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks._machine import machine
from benchmarks._page import table, with_tables
from equipoise.ledger.tree import consistency_proof, inclusion_proof, leaf_hash, verify_inclusion
from equipoise.store import StoredLedger, open_sqlite, verify_sqlite

PAGE = Path(__file__).resolve().parents[1] / "docs" / "ledger-store.md"
ORIGIN = "lab.example/log"
ENTRY_BYTES = 140
BATCH = 5_000
BATCHED = 200_000
SINGLE_S = 3.0  # how long single appends are counted
THREADS = (1, 16, 64)
PROOFS = 20_000
ROUNDS = 3


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.ledger_store", description="Measure the ledger's store."
    )
    parser.add_argument("--large", action="store_true", help="proofs at ten million entries")
    parser.add_argument("--write", action="store_true", help="measure all and put it into the page")
    parser.add_argument("--folder", type=Path, help="where to write, by default the folder of temporary files")
    given = parser.parse_args()
    made = [table([f"machine | {machine()}", "--- | ---", f"disk | {waits(given.folder):,.0f} waits for it a second"])]
    made += [appends(given.folder), proofs(10_000_000 if given.large or given.write else 1_000_000, given.folder)]
    for text in made:
        print(text, end="\n\n")
    if given.write:
        PAGE.write_text(with_tables(PAGE.read_text("utf-8"), "ledger_store", made), "utf-8")


# ----------------------------------------------------------------------------------------------------------------- appends


def appends(folder: Path | None) -> str:
    """Every way to append, and plain inserts of the same rows: no hashes, no tiles, no keys."""
    entries = made_entries(BATCHED)
    rows = ["what | entries/s | by a whole processor | target", "--- | ---: | ---: | ---:"]
    with place(folder) as path:
        connection = plain(path)
        found = best(BATCHED, lambda: inserted(connection, entries))
        rows.append(f"plain SQLite insert, {BATCH:,} in a transaction | {found} |")
        found = counted(lambda number: connection.execute("INSERT INTO entry (data) VALUES (?)", (entries[number],)))
        rows.append(f"plain SQLite insert, 1 in a transaction | {found} |")
        connection.close()
    with place(folder) as path, open_sqlite(path, origin=ORIGIN) as store:
        for keyed, name in ((False, "without keys"), (True, "with keys")):
            found = best(BATCHED, lambda keyed=keyed: batched(store, entries, keyed=keyed))
            rows.append(f"SQLite store, {BATCH:,} in a call, {name} | {found.beside(50_000)}")
        rows += singles(store, entries, "SQLite store", target=2_500)
    memory = Path("/dev/shm")
    if memory.is_dir():
        with place(memory) as path, open_sqlite(path, origin=ORIGIN) as store:
            rows += singles(store, entries, "SQLite store in memory, so without waiting for a disk")[:1]
    return table([*rows, *in_postgres(entries)])


def singles(store: StoredLedger, entries: list[bytes], name: str, *, target: float = 0) -> list[str]:
    """Single appends with a key each, by how many threads append at once."""
    found: list[str] = []
    for threads in THREADS:

        def one(number: int, threads: int = threads) -> object:
            return store.append([entries[number % BATCHED]], [f"single {threads} {number}"])

        rate = counted(one, threads=threads)
        found.append(f"{name}, 1 in a call, {threads} thread{'s' * (threads > 1)} | {rate.beside(target)}")
    return found


def in_postgres(entries: list[bytes]) -> list[str]:
    """The same over a server of its own, where PostgreSQL is installed."""
    from tests.contract.postgres_server import programs, server

    try:
        from equipoise.store.postgres import open_postgres
    except ImportError:
        return []
    if programs() is None:
        return []
    with server() as address, open_postgres(address, origin=ORIGIN) as store:
        found = best(BATCHED, lambda: batched(store, entries, keyed=True))
        rows = [f"PostgreSQL store, {BATCH:,} in a call, with keys | {found} |"]
        return rows + singles(store, entries, "PostgreSQL store")


def plain(path: Path) -> sqlite3.Connection:
    """A table of rows, as durable as the store's."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    for setting in ("journal_mode = WAL", "synchronous = FULL"):
        connection.execute(f"PRAGMA {setting}")
    connection.execute("CREATE TABLE entry (place INTEGER PRIMARY KEY, data BLOB NOT NULL)")
    return connection


def inserted(connection: sqlite3.Connection, entries: list[bytes]) -> None:
    for start in range(0, len(entries), BATCH):
        connection.execute("BEGIN")
        some = ((entry,) for entry in entries[start : start + BATCH])
        connection.executemany("INSERT INTO entry (data) VALUES (?)", some)
        connection.execute("COMMIT")


def batched(store: StoredLedger, entries: list[bytes], *, keyed: bool) -> None:
    for start in range(0, len(entries), BATCH):
        some, first = entries[start : start + BATCH], store.size
        store.append(some, [f"event {first + number}" for number in range(len(some))] if keyed else None)


# ------------------------------------------------------------------------------------------------------------------ proofs


def proofs(size: int, folder: Path | None) -> str:
    """Build a large log, then prove entries drawn at random."""
    chance = random.Random(size)
    with place(folder) as path:
        with open_sqlite(path, origin=ORIGIN) as store:
            some = made_entries(BATCHED)
            build = best(size, lambda: built(store, some, size), rounds=1)
        begun_s = time.perf_counter()
        with open_sqlite(path) as store:
            open_s = time.perf_counter() - begun_s
            root = store.root

            def included(_: int) -> None:
                index = chance.randrange(size)
                inclusion_proof(index, size, store)

            cold = counted(included, most=200)
            warm = counted(included, most=PROOFS)
            consistent = counted(lambda _: consistency_proof(chance.randrange(1, size), size, store), most=PROOFS // 4)
            for index in chance.sample(range(size), 100):
                leaf = leaf_hash(next(store.entries(index, index + 1)))
                verify_inclusion(inclusion_proof(index, size, store), index=index, size=size, leaf=leaf, root=root)
        on_disk = path.stat().st_size

        def verified() -> None:
            found = verify_sqlite(path)
            assert found.ok and found.size == size, found

        again = best(size, verified, rounds=1)
    rows = [f"log of {size:,} entries | measured | by a whole processor | target", "--- | ---: | ---: | ---:"]
    rows += [
        f"appended, {BATCH:,} in a call, entries/s | {build} |",
        f"bytes on disk for an entry of {ENTRY_BYTES} | {on_disk / size:.0f} | |",
        f"opened and checked, s | {open_s:.2f} | |",
        f"inclusion proofs/s, the first 200 | {cold} |",
        f"inclusion proofs/s, {PROOFS:,} drawn at random | {warm.beside(1_000)}",
        f"consistency proofs/s | {consistent} |",
        f"read and hashed again by `verify_sqlite`, entries/s | {again} |",
    ]
    return table(rows)


def built(store: StoredLedger, some: list[bytes], size: int) -> None:
    for start in range(0, size, BATCH):
        at = start % len(some)
        store.append([start.to_bytes(8, "big") + entry[8:] for entry in some[at : at + BATCH]])
        print(f"{start + BATCH:,} of {size:,}", end="\r", file=sys.stderr, flush=True)


# ---------------------------------------------------------------------------------------------------------------- measuring


def made_entries(count: int) -> list[bytes]:
    """Entries of the length that an event of a job has."""
    chance = random.Random(1)
    return [chance.randbytes(ENTRY_BYTES) for _ in range(count)]


@dataclass(frozen=True)
class Rate:
    """How many in a second on the wall, and in a second of one processor, which others' work takes less from."""

    wall: float
    cpu: float

    def __str__(self) -> str:
        return f"{self.wall:,.0f} | {self.cpu:,.0f}"

    def beside(self, target: float) -> str:
        """Return the cells with a target, which the wall is held against."""
        missed = " **missed**" * (self.wall < target)
        return f"{self.wall:,.0f}{missed} | {self.cpu:,.0f} | " + (f"≥ {target:,.0f}" if target else "")


def best(count: int, call: Callable[[], object], *, rounds: int = ROUNDS) -> Rate:
    """Return the fastest of some rounds, each of ``count``."""
    found: list[Rate] = []
    for _ in range(rounds):
        begun_s, begun_cpu_s = time.perf_counter(), time.process_time()
        call()
        found.append(Rate(count / (time.perf_counter() - begun_s), count / (time.process_time() - begun_cpu_s)))
    return max(found, key=lambda rate: rate.wall)


def counted(call: Callable[[int], object], *, threads: int = 1, most: int = 10**9) -> Rate:
    """Count calls by several threads: for some seconds, or until there are ``most``."""
    begun_s, begun_cpu_s = time.perf_counter(), time.process_time()

    def work(first: int) -> int:
        number = first
        while number < most and (time.perf_counter() - begun_s < SINGLE_S or most < 10**9):
            call(number)
            number += threads
        return len(range(first, number, threads))

    with ThreadPoolExecutor(threads) as pool:
        calls = sum(pool.map(work, range(threads)))
    return Rate(calls / (time.perf_counter() - begun_s), calls / (time.process_time() - begun_cpu_s))


def waits(folder: Path | None) -> float:
    """How often a second the disk can be waited for, one small write each: what bounds a single append."""
    with place(folder) as path:
        file = os.open(path, os.O_CREAT | os.O_WRONLY)

        def once(number: int) -> None:
            os.pwrite(file, bytes(4096), number * 4096)
            os.fdatasync(file)

        rate = counted(once)
        os.close(file)
    return rate.wall


@contextmanager
def place(folder: Path | None) -> Generator[Path]:
    """A file in a folder that goes afterwards."""
    with tempfile.TemporaryDirectory(dir=folder, prefix="equipoise-bench-") as found:
        yield Path(found) / "ledger.db"


if __name__ == "__main__":
    main()
