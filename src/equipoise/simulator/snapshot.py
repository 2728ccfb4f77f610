"""A run put aside as bytes: facts and columns, compressed, with a checksum and the version of their layout.

This module knows how they are written; what they are, and whether they fit, `replay` knows.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from equipoise.errors import InputError

Columns = Mapping[str, NDArray[Any]]

MAGIC = b"equipoise snapshot 1\n"
_CHECKSUM = 32
_LEVEL = 1  # a higher one takes several times as long for a tenth less


def pack(facts: Mapping[str, Any], columns: Columns) -> bytes:
    """Return facts and columns as bytes; the same give the same.

    Parameters
    ----------
    facts : mapping
        Values that JSON can hold.
    columns : mapping of str to array
        Arrays of plain numbers; records are to be given column by column, because the gaps between their fields hold
        anything.
    """
    kinds = [[name, array.dtype.str, list(array.shape)] for name, array in columns.items()]
    head = json.dumps({"facts": facts, "columns": kinds}, sort_keys=True, separators=(",", ":"))
    squeeze = zlib.compressobj(_LEVEL)
    parts = [head.encode(), b"\n"]
    parts += [squeeze.compress(np.ascontiguousarray(array).tobytes()) for array in columns.values()]
    parts.append(squeeze.flush())
    body = b"".join(parts)
    return MAGIC + hashlib.sha256(body).digest() + body


def unpack(data: bytes) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Return the facts and columns of a snapshot; raises ``InputError`` S106 for what is none, or is damaged."""
    if not data.startswith(MAGIC):
        raise InputError(
            "S106", "this is no snapshot of a run, or one of another version", hint="replay from the start"
        )
    begins = len(MAGIC) + _CHECKSUM
    if hashlib.sha256(data[begins:]).digest() != data[len(MAGIC) : begins]:
        raise InputError("S106", f"the snapshot of {len(data)} bytes is damaged", hint="replay from the start")
    ends = data.index(b"\n", begins)
    head = json.loads(data[begins:ends])
    body = zlib.decompress(data[ends + 1 :])
    columns: dict[str, NDArray[Any]] = {}
    at = 0
    for name, kind, shape in head["columns"]:
        count = int(np.prod(shape, dtype=np.int64))
        columns[name] = np.frombuffer(body, np.dtype(kind), count, at).reshape(shape)
        at += columns[name].nbytes
    return head["facts"], columns
