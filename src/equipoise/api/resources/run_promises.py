"""Promises of a run as they stood at a moment, with receipts of the windows that were judged by then."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Annotated, Any

from fastapi import Query, Response

from equipoise.api.resources.promises import RECEIPT, Promise
from equipoise.api.resources.words import Instant
from equipoise.api.runs import RunName
from equipoise.api.service import Call, Caller
from equipoise.errors import InputError
from equipoise.ledger.note import parse_note
from equipoise.receipt import make_receipt
from equipoise.screens import LabRun
from equipoise.screens import promises as screen
from equipoise.store import StoredLedger
from equipoise.store.start import checkpoint_of
from equipoise.units import shown

Plain = dict[str, Any]
AtMs = Annotated[Instant | None, Query(description="The moment; left out: now, or the end of a run that is over.")]
First = Annotated[int, Query(ge=0, le=1_000_000, alias="after")]
Few = Annotated[int, Query(ge=1, le=25)]
ToMs = Annotated[Instant, Query(description="The end of the window.")]


async def listed(call: Caller, run: RunName, at_ms: AtMs = None, after: First = 0, limit: Few = 20) -> Plain:
    """Return how each promise of a run stood at a moment: its open window with a forecast, and the latest verdicts."""
    found = await asyncio.to_thread(call.service.runs.one, run)
    return await asyncio.to_thread(screen.promises, found, at_ms, first=after, limit=limit)


async def one(call: Caller, run: RunName, promise: Promise, at_ms: AtMs = None) -> Plain:
    """Return a promise of a run at a moment, with its course, its windows, what counts for it, and what proves it."""
    found = await asyncio.to_thread(call.service.runs.one, run)
    told = await asyncio.to_thread(screen.promise, found, promise, at_ms)
    if told is None:
        raise InputError("N176", f"the run has no promise {shown(promise)}", hint="/runs/RUN/promises lists them")
    return {**told, "evidence": await _evidence(call, found)}


async def receipt(call: Caller, run: RunName, promise: Promise, to_ms: ToMs) -> Response:
    """Return the receipt of a window of a promise, as one file; of a run that is over it proves the replay, and says so."""
    found = await asyncio.to_thread(call.service.runs.one, run)
    if found.live:

        def made(store: Any) -> bytes:
            return make_receipt(store, promise, to_ms=to_ms).to_bytes()

        try:
            data = await asyncio.to_thread(call.service.read_ledger, made)
        except InputError as error:
            raise InputError("N177", error.message, hint=error.hint) from error
    else:
        data = await asyncio.to_thread(call.service.film_ledgers.of(found).receipt, promise, to_ms)
    name = "".join(one if one.isascii() and (one.isalnum() or one in "._-") else "_" for one in promise)[:100]
    return Response(
        data, media_type=RECEIPT, headers={"Content-Disposition": f'attachment; filename="{name}.receipt.json"'}
    )


async def _evidence(call: Call, run: LabRun) -> Plain:
    """Return under whose signatures the record is."""
    if not run.live:
        return await asyncio.to_thread(call.service.film_ledgers.of(run).evidence)

    def read(store: StoredLedger) -> Plain:
        note, head, witnesses = store.checkpoint(), None, list[str]()
        if note is not None:
            head = checkpoint_of(note)
            with suppress(ValueError):
                witnesses = [one.name for one in parse_note(note).signatures if one.name != head.origin]
        return {
            "source": "live",
            "says": "The ledger of this lab, which everything that happens is recorded in as it happens.",
            "origin": None if head is None else head.origin,
            "key": call.service.live.ledger_key,
            "size": None if head is None else head.size,
            "root": None if head is None else head.root.hex(),
            "checkpoint": None if note is None else note.decode(),
            "witnesses": witnesses,
        }

    return await asyncio.to_thread(call.service.read_ledger, read)
