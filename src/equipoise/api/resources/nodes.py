"""Nodes: how each stands, and putting one into maintenance."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Path

from equipoise.api.resources.words import Body
from equipoise.api.service import Caller, told
from equipoise.policy.kernel import capacity

Plain = dict[str, Any]
CONDITIONS = {capacity.UP: "up", capacity.DOWN: "down", capacity.MAINTENANCE: "maintenance"}


class Draining(Body):
    """Whether the node comes back instead."""

    back: bool = False


async def listed(call: Caller) -> Plain:
    """Return every node that is not up, and how many there are in each pool."""
    found = await told(call.controller.nodes())
    totals: dict[str, int] = {}
    for pool, _ in found:
        totals[pool] = totals.get(pool, 0) + 1
    away = [
        {"pool": pool, "node": number, "condition": CONDITIONS.get(condition, str(condition))}
        for (pool, number), condition in found.items()
        if condition != capacity.UP
    ]
    return {"totals": totals, "away": away}


async def drain(
    call: Caller, pool: str, node: Annotated[int, Path(ge=0, le=(1 << 31) - 1)], body: Draining | None = None
) -> Plain:
    """Put a node into maintenance, or take it back; its jobs are stopped and wait again."""
    back = body is not None and body.back
    await told(call.controller.drain(pool, node, back=back))
    return {"pool": pool, "node": node, "back": back}
