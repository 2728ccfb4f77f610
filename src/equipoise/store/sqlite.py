"""A ledger in one SQLite file, the default.

Write-ahead log with ``synchronous=FULL``: a transaction is on the disk when it is acknowledged. One process writes, which
a lock on the file beside (``NAME-lock``) enforces; it falls with the process. Others may read meanwhile.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from types import UnionType
from typing import Any
from urllib.parse import quote

from equipoise.errors import InputError, StoreError
from equipoise.store.anchor import Anchor, anchor_of, sync_folder
from equipoise.store.ledger import StoredLedger
from equipoise.store.tables import FORMAT, Growth, Head, KeptNote, Row

_APPLICATION = 0x45514C47  # "EQLG", by which `file` knows it
_SCHEMA = {
    "head": (
        "CREATE TABLE head (one INTEGER PRIMARY KEY CHECK (one = 1), origin TEXT NOT NULL, size INTEGER NOT NULL,"
        " root BLOB NOT NULL, keys BLOB NOT NULL, time_ms INTEGER NOT NULL, mark BLOB NOT NULL) STRICT"
    ),
    "entry": "CREATE TABLE entry (place INTEGER PRIMARY KEY, data BLOB NOT NULL, key TEXT) STRICT",
    "entry_key": "CREATE UNIQUE INDEX entry_key ON entry (key) WHERE key IS NOT NULL",
    "tile": (
        "CREATE TABLE tile (level INTEGER NOT NULL, place INTEGER NOT NULL, hashes BLOB NOT NULL,"
        " PRIMARY KEY (level, place)) STRICT"
    ),
    "checkpoint": "CREATE TABLE checkpoint (size INTEGER PRIMARY KEY, note BLOB NOT NULL, mark BLOB NOT NULL) STRICT",
}
_OF_TILE = "sqlite_autoindex_tile_1"  # SQLite's own name for the index of its primary key
_LARGEST_QUERY = 900  # parameters; older builds take 999
_WAL_PAGES = 4000  # 16 MB, then it is carried over into the file
_ENTRY = (int, bytes, str | None)
_NOTE = (int, bytes, bytes)
_HEADER = {
    18: b"\2\2\0\x40\x20\x20",  # write-ahead log; no reserved space; fractions of payload
    44: b"\0\0\0\4",  # schema format
    52: bytes(4) + b"\0\0\0\1",  # no vacuum; UTF-8
    64: bytes(4) + _APPLICATION.to_bytes(4, "big") + bytes(20),
}
"""Fields of the file's header that stay, part of which SQLite itself does not look at (sqlite.org/fileformat.html, 1.3)."""
_PLACE_LIMIT = 2**63 - 1


def open_sqlite(
    path: Path | str,
    *,
    origin: str | None = None,
    anchor: Anchor | Path | str | None = None,
    read_only: bool = False,
) -> StoredLedger:
    """Open a ledger, or found it.

    Parameters
    ----------
    path : path
        The file.
    origin : str or None
        Which log; needed for a new one, checked for one that is there.
    anchor : Anchor, path or None
        Where the last signed checkpoint is kept outside the file; by default in ``NAME.checkpoint`` beside it. On
        another disk or machine it catches more.
    read_only : bool
        Read while another process writes; see :meth:`StoredLedger.refresh`.

    Raises
    ------
    StoreError
        L140 no ledger, or another; L141 another process writes to it; L143, L144 or L148 it is not as it was signed;
        L145 the file system fails.
    """
    path = Path(path).resolve()
    outside = anchor_of(path, anchor)

    def connect() -> SqliteTables:
        return SqliteTables(path, origin=origin, read_only=read_only)

    return StoredLedger(connect, anchor=None if read_only else outside, read_only=read_only)


class SqliteTables:
    """The tables of a ledger in one file; implements :class:`~equipoise.store.tables.Tables`."""

    def __init__(
        self, path: Path, *, origin: str | None = None, read_only: bool = False, page_bytes: int = 4096
    ) -> None:
        self._path = path
        self._lock = -1
        self._reading = Lock()
        if not read_only:
            self._lock = _locked(path)
        elif not path.is_file():
            raise StoreError("L140", f"{path} is not there")
        try:
            with self._translated("opened"):
                self._reader = self._connection(read_only=True) if read_only else self._founded(origin, page_bytes)
                self._writer = None if read_only else self._connection(read_only=False)
                self._check(origin)
        except BaseException:
            self.close()
            raise

    # --------------------------------------------------------------------------------------------------------- opening

    def _founded(self, origin: str | None, page_bytes: int) -> sqlite3.Connection:
        """Make the tables if the file is new, and return a connection that reads."""
        is_new = not self._path.exists()
        if is_new and origin is None:
            raise StoreError("L140", f"{self._path} is not there", hint="a new ledger needs an origin")
        found = self._connection(read_only=False)
        if not found.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0] and origin is not None:
            found.execute(f"PRAGMA page_size = {page_bytes:d}")
            found.execute("PRAGMA journal_mode = WAL")
            head = Head(origin)
            found.execute("BEGIN IMMEDIATE")
            for sql in _SCHEMA.values():
                found.execute(sql)
            found.execute(f"PRAGMA application_id = {_APPLICATION:d}")
            found.execute(f"PRAGMA user_version = {FORMAT:d}")
            found.execute("INSERT INTO head VALUES (1, ?, ?, ?, ?, ?, ?)", _cells(head))
            found.execute("COMMIT")
            sync_folder(self._path.parent)
        found.execute("PRAGMA query_only = ON")
        return found

    def _connection(self, *, read_only: bool) -> sqlite3.Connection:
        mode = "ro" if read_only else "rwc"
        found = sqlite3.connect(
            f"file:{quote(str(self._path))}?mode={mode}",
            uri=True,
            isolation_level=None,
            check_same_thread=False,
            timeout=10,
        )
        # FULL is asked of every connection: it is not kept in the file. fullfsync is macOS's true fsync.
        settings = (
            "synchronous = FULL",
            "fullfsync = ON",
            f"wal_autocheckpoint = {_WAL_PAGES}",
            "trusted_schema = OFF",
        )
        for setting in (*settings, "cell_size_check = ON"):
            found.execute(f"PRAGMA {setting}")
        return found

    def _check(self, origin: str | None) -> None:
        """Compare what the file says it is."""
        read = self._reader.execute
        schema = set(read("SELECT type, name, tbl_name, sql FROM sqlite_schema").fetchall())
        expected = {(sql.split()[1].lower(), name, name, sql) for name, sql in _SCHEMA.items() if name != "entry_key"}
        expected |= {("index", "entry_key", "entry", _SCHEMA["entry_key"]), ("index", _OF_TILE, "tile", None)}
        numbers = [read(f"PRAGMA {name}").fetchone()[0] for name in ("application_id", "user_version", "encoding")]
        if schema != expected or numbers != [_APPLICATION, FORMAT, "UTF-8"]:
            raise StoreError("L140", f"{self._path} is not a ledger of this version")
        mode = read("PRAGMA journal_mode").fetchone()[0]
        if mode != "wal":
            raise StoreError("L140", f"{self._path} keeps its journal as {mode!r}, not as 'wal'")
        found = self.head()[0].origin
        if origin not in (None, found):
            raise StoreError("L140", f"{self._path} is the ledger of {found!r}, not of {origin!r}")

    # --------------------------------------------------------------------------------------------------------- writing

    def grow(self, growth: Growth) -> None:
        """Write all of it in one durable transaction."""
        old, new = growth.old, growth.new
        with self._transaction() as writer:
            changed = writer.execute(
                "UPDATE head SET origin = ?, size = ?, root = ?, keys = ?, time_ms = ?, mark = ?"
                " WHERE size = ? AND root = ?",
                (*_cells(new), old.size, old.root),
            )
            if changed.rowcount != 1:
                raise StoreError("L141", f"another writer has appended to {self._path}")
            writer.executemany("INSERT INTO entry VALUES (?, ?, ?)", growth.rows())
            writer.executemany(
                "INSERT OR REPLACE INTO tile VALUES (?, ?, ?)",
                ((tile.level, tile.index, data) for tile, data in growth.tiles),
            )

    def keep(self, note: KeptNote) -> None:
        """Write or replace the checkpoint of this size, durably."""
        with self._transaction() as writer:
            writer.execute("INSERT OR REPLACE INTO checkpoint VALUES (?, ?, ?)", (note.size, note.note, note.mark))

    @contextmanager
    def _transaction(self) -> Generator[sqlite3.Connection]:
        writer = self._writer
        assert writer is not None
        with self._translated("written"):
            writer.execute("BEGIN IMMEDIATE")
            try:
                yield writer
                writer.execute("COMMIT")
            except BaseException:
                if writer.in_transaction:
                    writer.execute("ROLLBACK")
                raise

    # --------------------------------------------------------------------------------------------------------- reading

    def head(self) -> tuple[Head, bytes]:
        """Return the head and the mark stored beside it."""
        kinds = (str, int, bytes, bytes, int, bytes)
        rows = self._rows("SELECT origin, size, root, keys, time_ms, mark FROM head WHERE one = 1", kinds=kinds)
        if len(rows) != 1:
            raise StoreError("L144", f"{self._path} has {len(rows)} heads")
        *cells, mark = rows[0]
        return Head(*cells), mark

    def known(self, keys: Sequence[str]) -> dict[str, Row]:
        """Return the entries that have one of these keys."""
        found: dict[str, Row] = {}
        for start in range(0, len(keys), _LARGEST_QUERY):
            some = keys[start : start + _LARGEST_QUERY]
            marks = ",".join("?" * len(some))
            for row in self._rows(f"SELECT place, data, key FROM entry WHERE key IN ({marks})", some, kinds=_ENTRY):
                found[row[2]] = Row(*row)
        return found

    def rows(self, first: int, end: int) -> list[Row]:
        """Return the entries that there are in ``[first, end)``, in order."""
        between = "SELECT place, data, key FROM entry WHERE place >= ? AND place < ? ORDER BY place"
        return [Row(*row) for row in self._rows(between, (first, end), kinds=_ENTRY)]

    def tile(self, level: int, index: int) -> bytes | None:
        """Return a stored tile."""
        found = self._rows("SELECT hashes FROM tile WHERE level = ? AND place = ?", (level, index), kinds=(bytes,))
        return found[0][0] if found else None

    def notes(self, first: int, *, most: int) -> list[KeptNote]:
        """Return checkpoints of at least ``first`` entries, by size, at most so many."""
        wanted = "SELECT size, note, mark FROM checkpoint WHERE size >= ? ORDER BY size LIMIT ?"
        return [KeptNote(*row) for row in self._rows(wanted, (first, most), kinds=_NOTE)]

    def note(self, size: int | None = None) -> KeptNote | None:
        """Return the checkpoint of a size, or the largest."""
        low, high = (-1, _PLACE_LIMIT) if size is None else (size, size)
        wanted = "SELECT size, note, mark FROM checkpoint WHERE size BETWEEN ? AND ? ORDER BY size DESC LIMIT 1"
        return next((KeptNote(*row) for row in self._rows(wanted, (low, high), kinds=_NOTE)), None)

    def counts(self) -> tuple[int, int]:
        """Return how many entries and tiles are stored, whatever the head says."""
        return self._rows("SELECT (SELECT count(*) FROM entry), (SELECT count(*) FROM tile)")[0]

    def faults(self) -> list[str]:
        """Return what SQLite's own check of its file finds."""
        found = [text for (text,) in self._rows("PRAGMA integrity_check") if text != "ok"]
        log = self._path.with_name(self._path.name + "-wal")
        if log.exists() and log.stat().st_size:
            return found  # the header that counts may be in it, behind the log's own checksum
        with self._path.open("rb") as file:
            header = file.read(100)
        for place, wanted in _HEADER.items():
            if header[place : place + len(wanted)] != wanted:
                found.append(f"byte {place} of the file's header or one that follows is not as written")
        return found

    def freeze(self) -> None:
        """Show from now on only what is committed now."""
        self._rows("BEGIN")
        self.head()

    def _rows(
        self, sql: str, values: Sequence[object] = (), *, kinds: tuple[type | UnionType, ...] = ()
    ) -> list[tuple[Any, ...]]:
        """Return all rows; STRICT keeps other kinds of values out, but damage does not."""
        with self._translated("read"), self._reading:
            found = self._reader.execute(sql, tuple(values)).fetchall()
        for column, kind in zip(zip(*found, strict=True), kinds, strict=False):
            if not all(issubclass(one, kind) for one in set(map(type, column))):
                raise StoreError("L151", f"{self._path} is damaged: a value is of another kind")
        return found

    # --------------------------------------------------------------------------------------------------------- closing

    def close(self) -> None:
        """Let go of connections and locks; the write-ahead log is carried over into the file where that is possible."""
        for name in ("_writer", "_reader"):
            connection: sqlite3.Connection | None = getattr(self, name, None)
            if connection is not None:
                with self._reading:
                    connection.close()
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    @contextmanager
    def _translated(self, verb: str) -> Generator[None]:
        try:
            yield
        except OverflowError as error:
            raise InputError("L111", f"a place beyond what {self._path} can hold") from error
        except (sqlite3.Error, UnicodeDecodeError) as error:
            raise _store_error(self._path, verb, error) from error


def _cells(head: Head) -> tuple[str, int, bytes, bytes, int, bytes]:
    return head.origin, head.size, head.root, head.keys, head.time_ms, head.mark()


def _locked(path: Path) -> int:
    """Take the lock of the one writer, until the process ends or lets go."""
    beside = path.with_name(path.name + "-lock")
    try:
        lock = os.open(beside, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise StoreError("L145", f"{beside} cannot be opened: {error.strerror}", retryable=True) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        holder = os.pread(lock, 20, 0).decode("ascii", "replace").strip()
        os.close(lock)
        raise StoreError(
            "L141",
            f"process {holder or 'unknown'} writes to {path} already",
            hint="a ledger has one writer; open it read-only, or end the other",
            retryable=True,
        ) from None
    try:
        os.ftruncate(lock, 0)
        os.pwrite(lock, f"{os.getpid()}\n".encode("ascii"), 0)
    except OSError:
        pass  # a full disk: the number is a courtesy
    return lock


def _store_error(path: Path, verb: str, error: Exception) -> StoreError:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB) or isinstance(error, UnicodeDecodeError):
        return StoreError("L151", f"{path} is damaged: {error}", hint="put a backup back, or ask the witness")
    if code in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_CANTOPEN):
        hint = "free some space or mend the disk, then `reopen()`, and append again with the same keys"
        return StoreError("L145", f"{path} cannot be {verb}: {error}", hint=hint, retryable=True)
    return StoreError("L145", f"{path} cannot be {verb}: {error}")
