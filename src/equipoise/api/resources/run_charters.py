"""The charter of a run at a moment, its texts, and what a changed text would change."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import Path, Query
from pydantic import Field
from starlette.responses import PlainTextResponse, Response

from equipoise.api.resources.amendments import Digest, fitting
from equipoise.api.resources.run_promises import AtMs
from equipoise.api.resources.words import Body, Instant, Text
from equipoise.api.runs import RunName
from equipoise.api.service import Call, Caller, told
from equipoise.audit.minutes import Minutes
from equipoise.charter_io import CharterError
from equipoise.errors import InputError
from equipoise.screens import LabRun
from equipoise.screens import charter as screen
from equipoise.tasks.plan import plain_plan, propose_beside, propose_to

Plain = dict[str, Any]
First = Annotated[int, Query(ge=0, le=1_000_000, alias="after", description="Which team is the first to be told of.")]
Few = Annotated[int, Query(ge=1, le=200)]
Replay = Annotated[str, Path(pattern="^[0-9a-f]{24}$", description="As the plan named it.")]
MOST_DAYS = 28


class ChangedText(Body):
    """A charter's text as it might be, and how many days of the run before ``at_ms`` are to be replayed under it."""

    text: Annotated[Text, Field(max_length=2_000_000)]
    at_ms: Instant | None = None
    days: Annotated[int, Field(ge=0, le=MOST_DAYS)] = 0


async def document(call: Caller, run: RunName, at_ms: AtMs = None, after: First = 0, limit: Few = 100) -> Plain:
    """Return the charter that was in force at a moment: text, meaning, who signs what, what came before, and where gates stood."""
    found = await asyncio.to_thread(call.service.runs.one, run)
    minutes = await _minutes(call, found)
    return await asyncio.to_thread(screen.document, found, at_ms, minutes, first=after, limit=limit)


async def text(call: Caller, run: RunName, digest: Digest) -> Response:
    """Return the text of a charter that was in force, or is proposed, byte for byte."""
    found = await asyncio.to_thread(call.service.runs.one, run)
    given = screen.text(found, digest, await _minutes(call, found))
    if given is None:
        raise InputError("N176", f"the text of {digest} is not known", hint="/runs/RUN/charter has the digests")
    return PlainTextResponse(given, headers={"ETag": f'"{digest}"'})


async def plan(call: Caller, run: RunName, body: ChangedText) -> Plain:
    """Say what a changed text would change, who must sign it, and what is wrong with it; with ``days`` a replay of it begins."""
    found = await asyncio.to_thread(call.service.runs.one, run)
    minutes = await _minutes(call, found)
    held = (await asyncio.to_thread(screen.versions, found, body.at_ms, minutes))[-1]
    data = body.text.encode()
    try:
        if minutes is not None and body.at_ms is None:
            proposal = await asyncio.to_thread(propose_to, minutes, data)
        else:
            proposal = await asyncio.to_thread(propose_beside, held.charter, held.text, data)
    except CharterError as error:
        return {"findings": [one.to_dict() for one in error.findings], "plan": None, "replay": None}
    told_of = fitting(await asyncio.to_thread(plain_plan, proposal))
    replay = None
    if body.days and proposal.changes and not found.live:
        until_ms = found.own_ms(body.at_ms)
        replay = call.service.plan_replays.begin(found, held.charter, body.text, until_ms=until_ms, days=body.days)
    return {"findings": [one.to_dict() for one in proposal.warnings], "plan": told_of, "replay": replay}


async def replayed(call: Caller, run: RunName, replay: Replay) -> Plain:
    """Return how the replay of a plan stands, and when it is done what came of it: of each team its figures before and after."""
    await asyncio.to_thread(call.service.runs.one, run)
    state = call.service.plan_replays.state(replay)
    if state["result"] is not None:
        teams = state["result"]["teams"]
        state["result"] = {**state["result"], "teams": teams[:200], "more_teams": max(0, len(teams) - 200)}
    return state


async def _minutes(call: Call, run: LabRun) -> Minutes | None:
    return await told(call.controller.minutes()) if run.live else None
