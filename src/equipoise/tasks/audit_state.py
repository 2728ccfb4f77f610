"""What an audit keeps, to go on from when the ledger has grown: everything read so far, and the root of the tree over it.

The file is the auditor's own, like a bookmark; it proves nothing to others. It is an archive of numpy's, followed by its SHA-256,
which is compared before anything is read from it.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from equipoise.audit import Book
from equipoise.errors import InputError, VerificationError
from equipoise.ledger.tree import HASH_SIZE

Columns = dict[str, NDArray[Any]]
_ROOT, _ORIGIN = "root", "origin"
_PART = 1 << 20


@dataclass(frozen=True, slots=True, eq=False)
class State:
    """A book of the first entries of a ledger, and the root of the tree over them."""

    origin: str
    root: bytes
    book: Book


def write_state(state: State, path: Path) -> None:
    """Write or replace a state file, whole or not at all; V108 where that cannot be done."""
    columns = dict(state.book.columns())
    columns[_ROOT] = np.frombuffer(state.root, np.uint8)
    columns[_ORIGIN] = np.frombuffer(state.origin.encode(), np.uint8)
    beside = path.with_name(path.name + ".part")
    try:
        with beside.open("w+b") as file:
            np.savez(file, allow_pickle=False, **columns)
            file.write(_digest(file, file.seek(0, os.SEEK_END)))
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError as error:
        raise InputError("V108", f"{path} cannot be written: {error}") from error


def read_state(path: Path) -> State | None:
    """Return what an audit kept; None where there is no file yet.

    Raises
    ------
    VerificationError
        V211 for a file that is not as it was written.
    """
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END) - HASH_SIZE
            if size < 0 or _digest(file, size) != file.read():
                raise ValueError("it has another digest")
            file.seek(0)
            with np.load(file, allow_pickle=False) as archive:
                columns = {name: archive[name] for name in archive.files}
        origin, root = columns.pop(_ORIGIN).tobytes().decode(), columns.pop(_ROOT).tobytes()
        if len(root) != HASH_SIZE:
            raise ValueError("it has no root")
        return State(origin, root, Book.of(columns))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:  # the last three: of another version
        raise _damaged(path, error) from error


def _digest(file: BinaryIO, size: int) -> bytes:
    """Return the SHA-256 of the first bytes of a file, which then stands behind them."""
    file.seek(0)
    found = sha256()
    while size > 0:
        part = file.read(min(size, _PART))
        found.update(part)
        size -= len(part) or size
    return found.digest()


def _damaged(path: Path, error: Exception) -> VerificationError:
    return VerificationError(
        "V211",
        f"{path} is not a state that an audit kept, or is damaged: {error}",
        hint="delete it, and the audit reads everything again",
    )
