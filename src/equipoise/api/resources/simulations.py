"""Simulations of charters and policies on the jobs that this lab recorded: begun, followed, read and cancelled."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, Literal

from fastapi import Path
from pydantic import Field

from equipoise.api.paging import following, page
from equipoise.api.resources.words import Body, Cursor, Limit, Mark, Text
from equipoise.api.roles import Right, Role, require_any
from equipoise.api.service import Caller
from equipoise.charter_io import loads
from equipoise.errors import AuthorizationError

Plain = dict[str, Any]
Number = Annotated[int, Path(ge=1, le=(1 << 31) - 1)]
Policy = Literal[
    "charter", "no-floors", "product-first", "fair-tree", "easy", "fifo", "sjf", "smallest", "srtf", "srsf", "las"
]


class NewSimulation(Body):
    """What is tried, on the jobs of this lab that ended; without a text the charter in force."""

    text: Text | None = None
    policy: Policy = "charter"
    run: Annotated[str, Field(pattern="^live$")] = "live"


async def listed(call: Caller, after: Cursor = 0, limit: Limit = 100) -> Plain:
    """Return the simulations that are kept, from a number on."""
    found = await asyncio.to_thread(call.service.live.simulations.all)
    rows = (row for row in found if row["simulation"] >= after)
    return page(rows, limit=limit, key=lambda row: int(row["simulation"]) + 1)


async def begin(call: Caller, body: NewSimulation) -> Plain:
    """Begin a simulation, in a process of its own; a token has one at a time."""
    require_any(call.bearer.role, (Right.SIMULATE,))
    simulations = call.service.live.simulations
    if body.text is not None:
        await asyncio.to_thread(loads, body.text.encode())  # what is wrong is told now, with its line
    begun = await asyncio.to_thread(
        simulations.begin, body.model_dump(), token=call.bearer.token, person=call.bearer.person
    )
    return await asyncio.to_thread(simulations.status, begun)


async def one(call: Caller, number: Number) -> Plain:
    """Return how a simulation stands."""
    return await asyncio.to_thread(call.service.live.simulations.status, number)


async def result(call: Caller, number: Number, after: Mark = "", limit: Limit = 1_000) -> Plain:
    """Return what came of a simulation: of each team its figures before and after, page by page."""
    found = await asyncio.to_thread(call.service.live.simulations.result, number)
    rows = following(found.pop("teams"), after, lambda row: str(row["team"]))
    spare = 4_000 + len(str(found)) * 2
    return {**found, **page(rows, limit=limit, key=lambda row: str(row["team"]), spare=spare)}


async def cancel(call: Caller, number: Number) -> Plain:
    """End a simulation: whoever began it, or an operator. Whether it still ran."""
    simulations = call.service.live.simulations
    status = await asyncio.to_thread(simulations.status, number)
    if call.bearer.role is not Role.OPERATOR and call.bearer.person != status["person"]:
        raise AuthorizationError(
            "N134",
            f"{call.bearer.person} did not begin simulation {number}",
            hint=f"{status['person']} may, or an operator",
        )
    return {"simulation": number, "cancelled": await asyncio.to_thread(simulations.cancel, number)}
