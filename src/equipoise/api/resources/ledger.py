"""The ledger, read-only: its head, and tiles and checkpoint as C2SP tlog-tiles has them, so that a verifier takes what it needs."""

from __future__ import annotations

import asyncio
import json
from typing import Annotated, Any

from fastapi import Query, Response

from equipoise.api.paging import MOST_BYTES, SPARE_BYTES
from equipoise.api.resources.words import SAFE, Cursor
from equipoise.api.service import Caller
from equipoise.errors import InputError, VerificationError
from equipoise.ledger.checkpoint import parse_checkpoint
from equipoise.ledger.encoding import base64_text
from equipoise.ledger.note import parse_note
from equipoise.ledger.tiles import parse_path
from equipoise.ledger.tree import consistency_proof, inclusion_proof, leaf_hash, root
from equipoise.store import StoredLedger
from equipoise.units import shown

Plain = dict[str, Any]
MOST_ENTRIES = 1_000
Number = Annotated[int, Query(ge=0, le=SAFE)]
Size = Annotated[
    int | None, Query(ge=1, le=SAFE, description="How many entries; left out: those of the latest signed head.")
]


async def head(call: Caller) -> Plain:
    """Return how large the ledger is, and the key that signs it."""
    size, origin = await asyncio.to_thread(call.service.read_ledger, lambda store: (store.size, store.origin))
    return {"origin": origin, "size": size, "key": call.service.live.ledger_key}


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


async def inclusion(call: Caller, entry: Number, size: Size = None) -> Plain:
    """Prove that an entry is in the ledger: the hashes from its leaf to the root of the ledger's first ``size`` entries.

    Without a size, to the latest signed head, whose checkpoint is given too.
    """

    def proved(store: StoredLedger) -> Plain:
        to, note = _head(store, size)
        if entry >= to:
            raise InputError("N167", f"there is no entry {entry} among the first {to}", hint="entries count from 0")
        (data,) = store.entries(entry, entry + 1)
        return {
            "entry": entry, "size": to, "leaf": base64_text(leaf_hash(data)), "root": base64_text(root(to, store)),
            "hashes": [base64_text(one) for one in inclusion_proof(entry, to, store)], "checkpoint": note,
        }  # fmt: skip

    return await asyncio.to_thread(call.service.read_ledger, proved)


async def consistency(call: Caller, first: Number, size: Size = None) -> Plain:
    """Prove that the ledger's first ``size`` entries begin with its first ``first``, so that nothing before was changed."""

    def proved(store: StoredLedger) -> Plain:
        to, note = _head(store, size)
        if not 0 < first <= to:
            raise InputError("N167", f"there is no ledger of {first} entries within one of {to}", hint="1 or more")
        return {
            "first": first, "size": to, "first_root": base64_text(root(first, store)),
            "root": base64_text(root(to, store)),
            "hashes": [base64_text(one) for one in consistency_proof(first, to, store)], "checkpoint": note,
        }  # fmt: skip

    return await asyncio.to_thread(call.service.read_ledger, proved)


def _head(store: StoredLedger, size: int | None) -> tuple[int, str | None]:
    """Return to which size something is proved, and the checkpoint that signs it, if it is the latest."""
    note = store.checkpoint()
    signed = 0 if note is None else parse_checkpoint(parse_note(note).text).size
    to = size if size is not None else signed or store.size
    if to > store.size:
        raise InputError("N167", f"the ledger has {store.size} entries, not {to}", hint="/ledger says how many")
    return to, None if note is None or signed != to else note.decode()


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
