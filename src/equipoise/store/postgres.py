"""A ledger in PostgreSQL, for several machines that read it and for servers with disks of their own (extra ``postgres``).

The same five tables as in SQLite, in a schema of their own. One session writes: it holds an advisory lock, which falls
with the session, and every append names the head that it continues, so that a session that lost its lock writes nothing.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from threading import Lock
from typing import Any

from equipoise.errors import InputError, StoreError
from equipoise.ledger.keys import VerifierKey
from equipoise.store.anchor import Anchor, FileAnchor
from equipoise.store.ledger import StoredLedger
from equipoise.store.tables import FORMAT, Growth, Head, KeptNote, Row
from equipoise.store.verification import Verification, verified

try:
    import psycopg
    from psycopg import sql
except ImportError:  # without the extra, or without libpq
    raise InputError(
        "L149", "PostgreSQL needs psycopg", hint="install the extra: pip install 'equipoise[postgres]'"
    ) from None

_TABLES = (
    "CREATE SCHEMA {schema}",
    "CREATE TABLE {schema}.head (one integer PRIMARY KEY CHECK (one = 1), format integer NOT NULL, origin text NOT NULL,"
    " size bigint NOT NULL, root bytea NOT NULL, keys bytea NOT NULL, time_ms bigint NOT NULL, mark bytea NOT NULL)",
    'CREATE TABLE {schema}.entry (place bigint PRIMARY KEY, data bytea NOT NULL, key text COLLATE "C")',
    "CREATE UNIQUE INDEX entry_key ON {schema}.entry (key) WHERE key IS NOT NULL",
    "CREATE TABLE {schema}.tile (level integer NOT NULL, place bigint NOT NULL, hashes bytea NOT NULL,"
    " PRIMARY KEY (level, place))",
    "CREATE TABLE {schema}.checkpoint (size bigint PRIMARY KEY, note bytea NOT NULL, mark bytea NOT NULL)",
)
_HEAD = "origin, size, root, keys, time_ms, mark"


def open_postgres(
    url: str,
    *,
    schema: str = "equipoise_ledger",
    origin: str | None = None,
    anchor: Anchor | Path | str | None = None,
    read_only: bool = False,
) -> StoredLedger:
    """Open a ledger, or found it.

    Parameters
    ----------
    url : str
        As libpq takes it.
    schema : str
        One for each ledger of the database.
    origin : str or None
        Which log; needed for a new one, checked for one that is there.
    anchor : Anchor, path or None
        Where the last signed checkpoint is kept outside the database; without one a restored backup is not noticed here.
    read_only : bool
        Read while another session writes.

    Raises
    ------
    StoreError
        As ``open_sqlite``; L150 a server that acknowledges what is not on its disk.
    """
    outside = FileAnchor(anchor) if isinstance(anchor, (str, Path)) else anchor

    def connect() -> PostgresTables:
        return PostgresTables(url, schema=schema, origin=origin, read_only=read_only)

    return StoredLedger(connect, anchor=None if read_only else outside, read_only=read_only)


def verify_postgres(
    url: str,
    *,
    schema: str = "equipoise_ledger",
    anchor: Anchor | Path | str | None = None,
    keys: Sequence[VerifierKey] = (),
) -> Verification:
    """Verify a ledger in PostgreSQL; parameters as of ``verify_store`` and :func:`open_postgres`."""
    outside = FileAnchor(anchor) if isinstance(anchor, (str, Path)) else anchor
    return verified(lambda: PostgresTables(url, schema=schema, read_only=True), anchor=outside, keys=keys)


class PostgresTables:
    """The tables of a ledger in one schema; implements :class:`~equipoise.store.tables.Tables`."""

    def __init__(
        self, url: str, *, schema: str = "equipoise_ledger", origin: str | None = None, read_only: bool = False
    ) -> None:
        self._name = f"schema {schema!r}"
        self._schema = schema
        self._reading = Lock()
        self._writer: psycopg.Connection[Any] | None = None
        self._reader: psycopg.Connection[Any] | None = None
        try:
            with self._translated("opened"):
                self._reader = psycopg.connect(url, autocommit=True, application_name="equipoise")
                if not read_only:
                    self._writer = psycopg.connect(url, autocommit=True, application_name="equipoise writer")
                    self._lock_and_found(self._writer, origin)
                self._check(origin)
        except BaseException:
            self.close()
            raise

    # --------------------------------------------------------------------------------------------------------- opening

    def _lock_and_found(self, writer: psycopg.Connection[Any], origin: str | None) -> None:
        number = int.from_bytes(sha256(f"equipoise ledger {self._schema}".encode()).digest()[:8], "big", signed=True)
        if not writer.execute("SELECT pg_try_advisory_lock(%s)", (number,)).fetchall()[0][0]:
            raise StoreError(
                "L141",
                f"another session writes to {self._name} already",
                hint="a ledger has one writer; open it read-only, or end the other",
                retryable=True,
            )
        writer.execute("SET synchronous_commit = on")
        for name in ("fsync", "full_page_writes"):
            if writer.execute("SELECT current_setting(%s)", (name,)).fetchall() != [("on",)]:
                raise StoreError("L150", f"the server runs with {name} off", hint="set it to on: a crash loses entries")
        there = writer.execute("SELECT 1 FROM pg_namespace WHERE nspname = %s", (self._schema,)).fetchall()
        if there:
            return
        if origin is None:
            raise StoreError("L140", f"{self._name} is not there", hint="a new ledger needs an origin")
        with writer.transaction():
            for text in _TABLES:
                writer.execute(self._sql(text))
            cells = (FORMAT, *_cells(Head(origin)))
            writer.execute(
                self._sql(f"INSERT INTO {{schema}}.head (one, format, {_HEAD}) VALUES (1{', %s' * 7})"), cells
            )

    def _check(self, origin: str | None) -> None:
        there = self._rows("SELECT to_regclass(%s) IS NOT NULL", (f'"{self._schema}".head',))
        if not there[0][0] or self._rows("SELECT format FROM {schema}.head") != [(FORMAT,)]:
            raise StoreError("L140", f"{self._name} is not a ledger of this version")
        found = self.head()[0].origin
        if origin not in (None, found):
            raise StoreError("L140", f"{self._name} is the ledger of {found!r}, not of {origin!r}")

    # --------------------------------------------------------------------------------------------------------- writing

    def grow(self, growth: Growth) -> None:
        """Write all of it in one durable transaction."""
        old, new = growth.old, growth.new
        update = (
            "UPDATE {schema}.head SET origin = %s, size = %s, root = %s, keys = %s, time_ms = %s, mark = %s"
            " WHERE size = %s AND root = %s"
        )
        with self._transaction() as writer, writer.cursor() as cursor:
            cursor.execute(self._sql(update), (*_cells(new), old.size, old.root))
            if cursor.rowcount != 1:
                raise StoreError("L141", f"another writer has appended to {self._name}")
            if len(growth.entries) == 1:  # COPY takes two turns more
                row = next(growth.rows())
                cursor.execute(self._sql("INSERT INTO {schema}.entry VALUES (%s, %s, %s)"), row)
            else:
                with cursor.copy(self._sql("COPY {schema}.entry FROM STDIN (FORMAT BINARY)")) as copy:
                    copy.set_types(["int8", "bytea", "text"])
                    for row in growth.rows():
                        copy.write_row(row)
            put = (
                "INSERT INTO {schema}.tile VALUES (%s, %s, %s)"
                " ON CONFLICT (level, place) DO UPDATE SET hashes = excluded.hashes"
            )
            cursor.executemany(self._sql(put), [(tile.level, tile.index, data) for tile, data in growth.tiles])

    def keep(self, note: KeptNote) -> None:
        """Write or replace the checkpoint of this size, durably."""
        put = (
            "INSERT INTO {schema}.checkpoint VALUES (%s, %s, %s)"
            " ON CONFLICT (size) DO UPDATE SET note = excluded.note, mark = excluded.mark"
        )
        with self._transaction() as writer:
            writer.execute(self._sql(put), (note.size, note.note, note.mark))

    @contextmanager
    def _transaction(self) -> Generator[psycopg.Connection[Any]]:
        assert self._writer is not None
        with self._translated("written"), self._writer.transaction():
            yield self._writer

    # --------------------------------------------------------------------------------------------------------- reading

    def head(self) -> tuple[Head, bytes]:
        """Return the head and the mark stored beside it."""
        rows = self._rows(f"SELECT {_HEAD} FROM {{schema}}.head")
        if len(rows) != 1:
            raise StoreError("L144", f"{self._name} has {len(rows)} heads")
        *cells, mark = rows[0]
        return Head(*cells), mark

    def known(self, keys: Sequence[str]) -> dict[str, Row]:
        """Return the entries that have one of these keys."""
        wanted = "SELECT place, data, key FROM {schema}.entry WHERE key = ANY(%s)"
        return {row[2]: Row(*row) for row in self._rows(wanted, (list(keys),))}

    def rows(self, first: int, end: int) -> list[Row]:
        """Return the entries that there are in ``[first, end)``, in order."""
        between = "SELECT place, data, key FROM {schema}.entry WHERE place >= %s AND place < %s ORDER BY place"
        return [Row(*row) for row in self._rows(between, (first, end))]

    def tile(self, level: int, index: int) -> bytes | None:
        """Return a stored tile."""
        found = self._rows("SELECT hashes FROM {schema}.tile WHERE level = %s AND place = %s", (level, index))
        return found[0][0] if found else None

    def notes(self, first: int, *, most: int) -> list[KeptNote]:
        """Return checkpoints of at least ``first`` entries, by size, at most so many."""
        wanted = "SELECT size, note, mark FROM {schema}.checkpoint WHERE size >= %s ORDER BY size LIMIT %s"
        return [KeptNote(*row) for row in self._rows(wanted, (first, most))]

    def note(self, size: int | None = None) -> KeptNote | None:
        """Return the checkpoint of a size, or the largest."""
        wanted = (
            "SELECT size, note, mark FROM {schema}.checkpoint"
            " WHERE size = coalesce(%s::bigint, (SELECT max(size) FROM {schema}.checkpoint))"
        )
        return next((KeptNote(*row) for row in self._rows(wanted, (size,))), None)

    def counts(self) -> tuple[int, int]:
        """Return how many entries and tiles are stored, whatever the head says."""
        found = self._rows("SELECT (SELECT count(*) FROM {schema}.entry), (SELECT count(*) FROM {schema}.tile)")
        return found[0][0], found[0][1]

    def faults(self) -> list[str]:
        """Return nothing: PostgreSQL's own checks are data checksums and ``pg_amcheck``."""
        return []

    def freeze(self) -> None:
        """Show from now on only what is committed now."""
        self._rows("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        self._rows("SELECT 1")

    def _rows(self, text: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        with self._translated("read"), self._reading:
            assert self._reader is not None
            found = self._reader.execute(self._sql(text), values, binary=True)
            return found.fetchall() if found.description else []

    def _sql(self, text: str) -> sql.Composed:
        return sql.SQL(text).format(schema=sql.Identifier(self._schema))  # pyright: ignore[reportArgumentType]

    # --------------------------------------------------------------------------------------------------------- closing

    def close(self) -> None:
        """Let go of connections, and with the writer's of its lock."""
        for connection in (self._writer, self._reader):
            if connection is not None:
                with suppress(psycopg.Error):
                    connection.close()

    @contextmanager
    def _translated(self, verb: str) -> Generator[None]:
        try:
            yield
        except psycopg.Error as error:
            said = str(error).strip().split("\n")[0]
            if isinstance(error, (psycopg.errors.DataCorrupted, psycopg.errors.IndexCorrupted)):
                raise StoreError("L151", f"{self._name} is damaged: {said}", hint="put a backup back") from error
            hint = "when the server is back, `reopen()`, and append again with the same keys"
            # Lost connections, full disks, a server that starts or stops: those pass. A refused statement does not.
            passes = isinstance(error, psycopg.OperationalError)
            raise StoreError("L145", f"{self._name} cannot be {verb}: {said}", hint=hint, retryable=passes) from error


def _cells(head: Head) -> tuple[str, int, bytes, bytes, int, bytes]:
    return head.origin, head.size, head.root, head.keys, head.time_ms, head.mark()
