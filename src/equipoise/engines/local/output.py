"""What jobs write: files of bounded size under the engine's folder.

Jobs write straight into them, so that nothing is lost when the supervisor dies. Where a file has grown beyond its bound, its middle is
given back to the disk: the beginning and the end stay, the rest reads as zeros and takes no room.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Sequence
from pathlib import Path

HEAD_BYTES = 64 << 10
KEEP_SIZE, PUNCH_HOLE = 1, 2
NAMES = ("stdout", "stderr")


def folder_of(logs: Path, attempt: str) -> Path:
    """Where the output of an attempt is."""
    return logs / attempt


def create(folder: Path, part: int, owner: tuple[int, int] | None) -> tuple[int, int]:
    """Open the two files of one process of an attempt; both are ``owner``'s. Raises OSError."""
    folder.mkdir(mode=0o700, exist_ok=True)
    opened: list[int] = []
    try:
        for name in NAMES:
            path = folder / (f"{name}.{part}" if part else name)
            opened.append(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW, 0o600))
            if owner is not None:
                os.fchown(opened[-1], *owner)
        if owner is not None:
            os.chown(folder, *owner)
    except OSError:
        for descriptor in opened:
            os.close(descriptor)
        raise
    return opened[0], opened[1]


def files(folder: Path) -> Sequence[Path]:
    """Every file of an attempt's output that there is, each process's standard output before its standard error."""
    found = [path for path in folder.glob("std*") if path.name.split(".")[0] in NAMES]
    return sorted(found, key=lambda path: (int(path.suffix[1:] or 0), NAMES.index(path.name.split(".")[0])))


def bound(folder: Path, log_bytes: int) -> None:
    """Give back the middle of files that take more room than ``log_bytes``. Raises OSError."""
    for path in files(folder):
        found = os.lstat(path)
        if found.st_blocks * 512 > log_bytes:
            descriptor = os.open(path, os.O_WRONLY | os.O_NOFOLLOW)
            try:
                _cut(descriptor, found.st_size - log_bytes // 2)
            finally:
                os.close(descriptor)


def _cut(descriptor: int, end: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    offset, length = ctypes.c_longlong(HEAD_BYTES), ctypes.c_longlong(end - HEAD_BYTES)
    if end > HEAD_BYTES and libc.fallocate(descriptor, KEEP_SIZE | PUNCH_HOLE, offset, length):
        os.ftruncate(descriptor, 0)  # this file system has no holes: it begins again
