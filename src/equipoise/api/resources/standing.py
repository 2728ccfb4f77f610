"""How pools and teams stand now."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import Any

from equipoise.api.paging import SPARE_BYTES, following, page
from equipoise.api.resources.words import MOST_ITEMS, Limit, Mark
from equipoise.api.service import Caller, known_charter, told
from equipoise.controller import Standing

Plain = dict[str, Any]


async def standing(call: Caller) -> Plain:
    """Return pools, teams and the ledger as of the latest pass (``at_ms``); times are Unix milliseconds."""
    found = await told(call.controller.standing(jobs=False))
    pools = [asdict(pool) for pool in found.pools]
    first = page(map(asdict, found.teams), limit=MOST_ITEMS, key=_key, spare=SPARE_BYTES + 250 * len(pools))
    return {
        **_when(found),
        "pools": pools,
        "teams": first["items"],
        "next": first["next"],
        "ledger": {"entries": found.entries, "spooled": found.spooled, "trouble": found.trouble},
    }


async def capacity(call: Caller) -> Plain:
    """Return the devices of every pool."""
    found = await told(call.controller.standing(jobs=False))
    return {**_when(found), "items": [asdict(pool) for pool in found.pools]}


async def teams(call: Caller, after: Mark = "", limit: Limit = MOST_ITEMS) -> Plain:
    """Return every team in every pool; ``next`` is ``POOL/PATH``."""
    found = await told(call.controller.standing(jobs=False))
    rows = following([asdict(team) for team in found.teams], after, _key)
    return {**_when(found), **page(rows, limit=limit, key=_key)}


async def team(call: Caller, path: str) -> Plain:
    """Return a team in every pool."""
    await known_charter(call, path)
    found = await told(call.controller.standing(jobs=False))
    return {**_when(found), "path": path, "items": [asdict(one) for one in found.teams if one.path == path]}


def _key(row: Plain) -> str:
    return f"{row['pool']}/{row['path']}"


def _when(found: Standing) -> Plain:
    at_ms = found.origin_ms + found.at_ms
    return {"at_ms": at_ms, "now_ms": max(at_ms, time.time_ns() // 1_000_000)}
