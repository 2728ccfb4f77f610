"""Nodes: how each stands, and putting one into maintenance."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Path

from equipoise.api.paging import page
from equipoise.api.resources.words import Body, Limit, Mark
from equipoise.api.service import Caller, told
from equipoise.policy.kernel import capacity

Plain = dict[str, Any]
CONDITIONS = {capacity.UP: "up", capacity.DOWN: "down", capacity.MAINTENANCE: "maintenance"}


class Draining(Body):
    """Whether the node comes back instead."""

    back: bool = False


async def listed(call: Caller, after: Mark = "", limit: Limit = 100) -> Plain:
    """Return the nodes that are not up, and how many there are in each pool; ``next`` is ``POOL/NUMBER``."""
    found = await told(call.controller.nodes())
    pool, _, number = after.rpartition("/")
    begins = (pool, int(number) if number.isdecimal() and number.isascii() and len(number) < 12 else -1)
    totals: dict[str, int] = {}
    for pool, _ in found:
        totals[pool] = totals.get(pool, 0) + 1
    away = [
        {"pool": pool, "node": number, "condition": CONDITIONS.get(condition, str(condition))}
        for (pool, number), condition in sorted(found.items())
        if condition != capacity.UP and (pool, number) > begins
    ]
    told_of = page(away, limit=limit, key=lambda row: f"{row['pool']}/{row['node']}")
    return {"totals": totals, "away": told_of["items"], "next": told_of["next"]}


async def drain(
    call: Caller, pool: str, node: Annotated[int, Path(ge=0, le=(1 << 31) - 1)], body: Draining | None = None
) -> Plain:
    """Put a node into maintenance, or take it back; its jobs are stopped and wait again."""
    back = body is not None and body.back
    await told(call.controller.drain(pool, node, back=back))
    return {"pool": pool, "node": node, "back": back}
