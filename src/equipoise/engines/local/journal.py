"""The supervisor's journal: one JSON record a line, appended; ends are on disk before anybody is told of them.

A start needs no such care: if the machine fails, what was started is gone too. A record that was not written whole (the supervisor was
killed, or the disk is full) is cut off. At each start of the supervisor only what still matters is written anew.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from equipoise.errors import EngineError

Record = dict[str, Any]


class Journal:
    """Records in a file. All methods that write raise OSError and then have written nothing."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.records = _read(path)
        self._file = -1
        self._size = 0

    def renew(self, records: Iterable[Record]) -> None:
        """Replace the whole journal; the old one holds until the new one is on disk."""
        text = _text(records)
        fresh = self.path.with_suffix(".new")
        file = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
        try:
            _write_whole(file, text, size=0)
            os.fdatasync(file)
            os.rename(fresh, self.path)
            sync_folder(self.path.parent)
        except OSError:
            os.close(file)
            raise
        self._take(file, len(text))

    def go_on(self) -> None:
        """Append to the journal as it is (there is no room to renew it)."""
        file = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._take(file, os.fstat(file).st_size)

    def append(self, records: Iterable[Record], *, durable: bool) -> None:
        """Write records; ``durable``: return only when they are on disk."""
        text = _text(records)
        _write_whole(self._file, text, size=self._size)
        if durable:
            try:
                os.fdatasync(self._file)
            except OSError:
                os.ftruncate(self._file, self._size)
                raise
        self._size += len(text)

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return self._size

    def _take(self, file: int, size: int) -> None:
        if self._file >= 0:
            os.close(self._file)
        self._file, self._size = file, size


def sync_folder(folder: Path) -> None:
    """Make names in a folder durable."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _text(records: Iterable[Record]) -> bytes:
    return b"".join(json.dumps(record, separators=(",", ":")).encode() + b"\n" for record in records)


def _write_whole(file: int, text: bytes, *, size: int) -> None:
    """Append to a file that has ``size`` bytes, or leave it as it was."""
    view = memoryview(text)
    try:
        while view:
            view = view[os.write(file, view) :]
    except OSError:
        with suppress(OSError):
            os.ftruncate(file, size)
        raise


def _read(path: Path) -> list[Record]:
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        return []
    whole = text[: text.rfind(b"\n") + 1]
    if len(whole) < len(text):
        os.truncate(path, len(whole))
    records: list[Record] = []
    for number, line in enumerate(whole.splitlines(), start=1):
        try:
            record = json.loads(line)
        except ValueError:
            record = None
        if not isinstance(record, dict) or "kind" not in record:
            raise EngineError(
                "E104",
                f"line {number} of the local engine's journal {path} is no record",
                hint="end the jobs that it started, then move the file away",
            )
        records.append(record)  # pyright: ignore[reportUnknownArgumentType]
    return records
