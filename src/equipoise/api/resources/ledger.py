"""The ledger, read-only: its head, and tiles and checkpoint as C2SP tlog-tiles has them, so that a verifier takes what it needs."""

from __future__ import annotations

import asyncio
import json
from typing import Annotated, Any

from fastapi import Query, Response

from equipoise.api.pages import MOST_BYTES, SPARE_BYTES
from equipoise.api.resources.words import Cursor
from equipoise.api.service import Caller
from equipoise.errors import InputError, VerificationError
from equipoise.ledger.tiles import parse_path
from equipoise.store import StoredLedger
from equipoise.units import shown

Plain = dict[str, Any]
MOST_ENTRIES = 1_000


async def head(call: Caller) -> Plain:
    """Return how large the ledger is, and the key that signs it."""
    size, origin = await asyncio.to_thread(call.service.read_ledger, lambda store: (store.size, store.origin))
    return {"origin": origin, "size": size, "key": call.service.ledger_key}


async def checkpoint(call: Caller) -> Response:
    """Return the latest signed head."""
    note = await asyncio.to_thread(call.service.read_ledger, lambda store: store.checkpoint())
    if note is None:
        raise InputError("N139", "nothing is signed yet", hint="the first checkpoint comes within a minute")
    return Response(note, media_type="text/plain; charset=utf-8")


async def tile(call: Caller, path: str) -> Response:
    """Return a tile of hashes, or of entries."""
    try:
        wanted = parse_path(f"tile/{path}")
        data = await asyncio.to_thread(call.service.read_ledger, lambda store: store.read_tile(wanted))
    except (InputError, VerificationError) as error:
        raise InputError("N139", f"there is no tile {shown(path)}", hint=error.hint) from error
    return Response(data, media_type="application/octet-stream")


async def entries(call: Caller, after: Cursor = 0, limit: Annotated[int, Query(ge=1, le=MOST_ENTRIES)] = 100) -> Plain:
    """Return entries as they are stored, from a number on; ``next`` is where the following page begins."""
    found, size = await asyncio.to_thread(call.service.read_ledger, lambda store: _some(store, after, limit))
    end = after + len(found)
    return {"items": found, "next": end if end < size else None, "size": size}


def _some(store: StoredLedger, first: int, most: int) -> tuple[list[str], int]:
    size = store.size
    found: list[str] = []
    held = 0
    for data in store.entries(min(first, size), min(first + most, size)):
        text = data.decode()
        held += len(json.dumps(text, ensure_ascii=False).encode()) + 1
        if found and held > MOST_BYTES - SPARE_BYTES:
            break
        found.append(text)
    return found, size
