"""What an audit keeps, to go on from when the ledger has grown: everything read so far, and the root of the tree over it.

The file is the auditor's own, like a bookmark; it proves nothing to others. `numpy`'s archive, whose last member is the
SHA-256 of all others.
"""

from __future__ import annotations

import os
import zipfile
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from equipoise.audit import Book
from equipoise.errors import EquipoiseError, InputError, VerificationError
from equipoise.ledger.tree import HASH_SIZE

Columns = dict[str, NDArray[Any]]
_ROOT, _DIGEST, _ORIGIN = "root", "digest", "origin"


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
        with beside.open("wb") as file:
            np.savez(file, allow_pickle=False, **columns, **{_DIGEST: _digest(columns)})
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
        with np.load(path, allow_pickle=False) as archive:
            columns = {name: archive[name] for name in archive.files}
        digest = columns.pop(_DIGEST)
        if not np.array_equal(digest, _digest(columns)):
            raise ValueError("it has another digest")
        origin, root = columns.pop(_ORIGIN).tobytes().decode(), columns.pop(_ROOT).tobytes()
        if len(root) != HASH_SIZE:
            raise ValueError("it has no root")
        return State(origin, root, Book.of(columns))
    except FileNotFoundError:
        return None
    except (
        OSError,
        ValueError,
        KeyError,
        TypeError,
        EOFError,
        NotImplementedError,
        RuntimeError,
        AttributeError,
    ) as error:
        raise _damaged(path, error) from error
    except (zipfile.BadZipFile, MemoryError, SyntaxError, EquipoiseError) as error:
        raise _damaged(path, error) from error


def _digest(columns: Columns) -> NDArray[Any]:
    found = sha256()
    for name in sorted(columns):
        column = np.ascontiguousarray(columns[name])
        found.update(f"{name} {column.dtype.descr} {column.shape}\n".encode())
        found.update(column.tobytes() if column.nbytes < 1 << 20 else column.view(np.uint8).data)
    return np.frombuffer(found.digest(), np.uint8)


def _damaged(path: Path, error: Exception) -> VerificationError:
    return VerificationError(
        "V211",
        f"{path} is not a state that an audit kept, or is damaged: {error}",
        hint="delete it, and the audit reads everything again",
    )
