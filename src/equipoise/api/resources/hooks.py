"""Webhooks of alerts: listed without their secrets, added, tried and removed by operators."""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
import time
from contextlib import suppress
from typing import Annotated, Any, Literal

from fastapi import Path
from pydantic import Field

from equipoise.api.paging import page
from equipoise.api.resources.words import Body, Limit, Line, Mark
from equipoise.api.service import Caller
from equipoise.controller.alerts import Webhook, deliver

Plain = dict[str, Any]
LOG = logging.getLogger("equipoise.api")
HookName = Annotated[str, Path(pattern="^[a-z0-9][a-z0-9_-]{0,39}$")]
Wanted = Literal["at_risk", "no_return", "starving", "emergency", "gate", "ledger"]


class NewHook(Body):
    """A webhook that is asked for. The secret signs what is sent, and cannot be read again."""

    name: Annotated[str, Field(pattern="^[a-z0-9][a-z0-9_-]{0,39}$")]
    url: Annotated[Line, Field(pattern="^https?://", max_length=1_000)]
    secret: Annotated[str, Field(min_length=16, max_length=4_096, pattern="^[!-~]+$")]
    kinds: Annotated[list[Wanted] | None, Field(min_length=1, max_length=20)] = None
    timeout_ms: Annotated[int, Field(ge=1, le=60_000)] = 10_000


async def listed(call: Caller, after: Mark = "", limit: Limit = 100) -> Plain:
    """Return where alerts are posted; those of ``equipoise.toml`` too, which can be tried and not removed."""
    live = call.service.live
    fixed = [_plain(one, fixed=True) for one in live.alerts.fixed if isinstance(one, Webhook)]
    rows = sorted([*fixed, *(_plain(one, fixed=False) for one in live.hooks.all())], key=lambda row: str(row["name"]))
    return page((row for row in rows if row["name"] > after), limit=limit, key=lambda row: str(row["name"]))


async def add(call: Caller, body: NewHook) -> Plain:
    """Add a webhook; alerts are posted there from now on."""
    table: Plain = {"name": body.name, "url": body.url, "timeout_ms": body.timeout_ms}
    if body.kinds is not None:
        table["kinds"] = body.kinds
    found = await asyncio.to_thread(call.service.live.hooks.add, table, body.secret.encode())
    LOG.warning("%s added the webhook %s", call.bearer.person, body.name)
    return _plain(found, fixed=False)


async def try_out(call: Caller, name: HookName) -> Plain:
    """Post a message of the kind ``test``, now and once; what it is answered is not read, only whether it was taken."""
    hook = call.service.live.hooks.one(name)
    now_ms = time.time_ns() // 1_000_000
    told: Plain = {"format": 1, "alert": f"test-{secrets.token_hex(6)}", "kind": "test", "state": "raised", "since_ms": now_ms,
            "subject": name, "sentence": f"{call.bearer.person} tries this webhook", "numbers": {}}  # fmt: skip
    trouble = await deliver(hook, told["alert"], json.dumps(told).encode(), now_ms)
    return {"name": name, "delivered": not trouble, "trouble": trouble}


async def remove(call: Caller, name: HookName) -> Plain:
    """Remove a webhook with its secret; what was not delivered there is given up."""
    await asyncio.to_thread(call.service.live.hooks.remove, name)
    LOG.warning("%s removed the webhook %s", call.bearer.person, name)
    return {"name": name}


def _plain(hook: Webhook, *, fixed: bool) -> Plain:
    host = ""
    with suppress(ValueError):
        from urllib.parse import urlsplit

        host = urlsplit(hook.url).hostname or ""
    return {"name": hook.name, "host": host, "kinds": sorted(hook.kinds), "timeout_ms": hook.timeout_ms, "fixed": fixed}
