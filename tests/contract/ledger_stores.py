"""The kinds of ledger stores, as the contract suite opens and damages them."""

from __future__ import annotations

import sqlite3
from abc import ABC, abstractmethod
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from equipoise.ledger.checkpoint import Checkpoint
from equipoise.ledger.keys import Algorithm, SigningKey
from equipoise.ledger.note import sign_note
from equipoise.store import FileAnchor, StoredLedger, Verification, open_sqlite, verify_sqlite

ORIGIN = "lab.example/log"
LOG = SigningKey(ORIGIN, Algorithm.ED25519, bytes(range(32)))
EYE = SigningKey("witness.example/eye", Algorithm.COSIGNATURE, bytes(range(1, 33)))


def signer(text: str) -> bytes:
    return sign_note(text, [LOG])


def made(count: int, *, first: int = 0) -> list[bytes]:
    """Entries of 20 to 200 bytes, each different."""
    digests = (sha256(b"entry %d" % number).digest() for number in range(first, first + count))
    return [b'{"entry":"%s"}' % (digest.hex().encode() * 3)[: 10 + digest[0] % 180] for digest in digests]


def note_of(entries: int, root: bytes, *, origin: str = ORIGIN) -> bytes:
    return sign_note(Checkpoint(origin, entries, root).text(), [LOG])


@dataclass
class Kind(ABC):
    """One implementation, with the place of one ledger of it."""

    folder: Path

    @property
    def anchor(self) -> FileAnchor:
        return FileAnchor(self.folder / "anchor")

    @abstractmethod
    def open(self, **options: Any) -> StoredLedger: ...

    @abstractmethod
    def verify(self, **options: Any) -> Verification: ...

    @abstractmethod
    def tamper(self, sql: str, *values: object) -> None:
        """Change rows behind the store's back; values stand for question marks."""

    def with_anchor(self, options: dict[str, Any]) -> dict[str, Any]:
        return {"anchor": self.anchor} | options

    def new(self, **options: Any) -> StoredLedger:
        return self.open(origin=ORIGIN, **options)


@dataclass
class Sqlite(Kind):
    @property
    def path(self) -> Path:
        return self.folder / "ledger.db"

    def open(self, **options: Any) -> StoredLedger:
        return open_sqlite(self.path, **self.with_anchor(options))

    def verify(self, **options: Any) -> Verification:
        return verify_sqlite(self.path, **self.with_anchor(options))

    def tamper(self, sql: str, *values: object) -> None:
        with sqlite3.connect(self.path) as connection:
            connection.execute(sql, values)
        connection.close()


@dataclass
class Postgres(Kind):
    address: str

    @property
    def schema(self) -> str:
        return "ledger_" + sha256(str(self.folder).encode()).hexdigest()[:16]

    def open(self, **options: Any) -> StoredLedger:
        from equipoise.store.postgres import open_postgres

        return open_postgres(self.address, schema=self.schema, **self.with_anchor(options))

    def verify(self, **options: Any) -> Verification:
        from equipoise.store.postgres import verify_postgres

        return verify_postgres(self.address, schema=self.schema, **self.with_anchor(options))

    def tamper(self, sql: str, *values: object) -> None:
        import psycopg

        with psycopg.connect(self.address, autocommit=True) as connection:
            connection.execute("SELECT set_config('search_path', %s, false)", (self.schema,))
            connection.execute(sql.replace("?", "%s").encode(), values)
