"""A small SQLite file whose every transaction is on the disk before it returns; the desk and the book of alerts are such files."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from equipoise.errors import StoreError


class DurableFile:
    """The file, readable by its owner only; whoever is one adds what it keeps.

    Parameters
    ----------
    path : path
    schema : sequence of str
        Statements that make what is not there yet.
    application : int
        What kind of file it is.
    code, what : str
        Of errors: their code, and what the file is called.

    Raises
    ------
    StoreError
        With that code, where the file cannot be used.
    """

    def __init__(self, path: Path, schema: Sequence[str], application: int, *, code: str, what: str) -> None:
        self.path = path
        self._code, self._what = code, what
        with self._translated("opened"):
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
            self._file = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            self._file.execute("PRAGMA journal_mode = WAL")
            self._file.execute("PRAGMA synchronous = FULL")
            self._file.execute("PRAGMA busy_timeout = 5000")
            for sql in schema:
                self._file.execute(sql)
            self._file.execute(f"PRAGMA application_id = {application:d}")

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def _one(self, sql: str, *values: object) -> tuple[Any, ...]:
        with self._translated("read"):
            return self._file.execute(sql, values).fetchone()

    @contextmanager
    def _transaction(self) -> Generator[None]:
        with self._translated("written"):
            self._file.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._file.execute("COMMIT")
            except BaseException:
                if self._file.in_transaction:
                    self._file.execute("ROLLBACK")
                raise

    @contextmanager
    def _translated(self, verb: str) -> Generator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise StoreError(
                self._code,
                f"{self._what} {self.path} cannot be {verb}: {error}",
                hint="free some space or mend the disk",
                retryable=True,
            ) from error
