"""The last signed checkpoint, kept where a restored backup of the database does not reach it.

A database that is put back from an older copy looks sound from inside. The anchor says how far the log had been signed;
a store that is smaller, or has another tree, is then not written to. It catches as much as it is apart from the
database: a file beside it catches a database put back alone, a file on another machine also a disk put back, and a witness
also a lab that puts back both. What was appended after the last signed checkpoint no anchor knows.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Protocol

from equipoise.errors import StoreError
from equipoise.ledger.note import MAX_NOTE_BYTES


class Anchor(Protocol):
    """Where the last signed checkpoint is kept outside the database."""

    def read(self) -> bytes | None:
        """Return the note, or None if none was ever kept."""
        ...

    def write(self, note: bytes, /) -> None:
        """Keep a note durably, in place of the one before."""
        ...


class FileAnchor:
    """A small file, replaced as a whole."""

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)

    def read(self) -> bytes | None:
        """Return the note in the file; None if there is no file."""
        try:
            with self.path.open("rb") as file:
                return file.read(MAX_NOTE_BYTES + 1)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StoreError("L148", f"the anchor {self.path} cannot be read: {error.strerror}") from error

    def write(self, note: bytes, /) -> None:
        """Write beside, sync, rename, sync the folder."""
        beside = self.path.with_name(self.path.name + ".new")
        try:
            with beside.open("wb") as file:
                file.write(note)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(self.path)
            sync_folder(self.path.parent)
        except OSError as error:
            raise StoreError(
                "L145",
                f"the anchor {self.path} cannot be written: {error.strerror}",
                hint="nothing was signed beyond it; mend the cause, then reopen",
                retryable=True,
            ) from error


def anchor_of(database: Path, given: Anchor | Path | str | None) -> Anchor:
    """Return the anchor that was given, or a file ``NAME.checkpoint`` beside the database."""
    if given is None:
        given = database.with_name(database.name + ".checkpoint")
    return FileAnchor(given) if isinstance(given, (str, Path)) else given


def sync_folder(path: Path) -> None:
    """Make the names in a folder durable."""
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
