"""What happens, as it happens: server-sent events of the ledger's entries."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

from fastapi.responses import StreamingResponse

from equipoise.api.roles import RIGHTS, Right
from equipoise.api.service import Caller
from equipoise.errors import AuthorizationError, StoreError

ROOM = 1_000
MOST_LISTENERS = 200
BEAT_S = 15.0


async def stream(call: Caller) -> StreamingResponse:
    """Tell of every entry from now on: its number, kind and time, and to who may read the ledger the whole.

    A reader that is too slow is let go; what it missed is at ``/ledger/entries``.
    """
    changes = call.service.changes
    if changes.listeners >= MOST_LISTENERS:
        raise StoreError("N138", "too many listen already", hint="try again later", retryable=True)
    is_whole = Right.READ_LEDGER in RIGHTS[call.bearer.role]
    queue = changes.open(ROOM)

    async def told() -> AsyncIterator[str]:
        try:
            yield ": listening\n\n"
            while True:
                try:
                    entry = await asyncio.wait_for(queue.get(), BEAT_S)
                except TimeoutError:
                    call.service.tokens.still(call.bearer)
                    yield ": still here\n\n"
                    continue
                if entry is None:
                    return
                call.service.tokens.still(call.bearer)
                yield _event(*entry, is_whole=is_whole)
        except AuthorizationError:  # revoked or expired meanwhile
            return
        finally:
            changes.leave(queue)

    return StreamingResponse(told(), media_type="text/event-stream")


def _event(number: int, values: Mapping[str, Any], *, is_whole: bool) -> str:
    shown = values if is_whole else {name: values[name] for name in ("kind", "at_ms") if name in values}
    return f"id: {number}\nevent: entry\ndata: {json.dumps(shown)}\n\n"
