"""What follows a run for people, knowledge and the lead; the same played anew; and what could be traded for what."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from pydantic import Field

from equipoise.api.outlooks import Wish
from equipoise.api.resources.words import Body, Slug
from equipoise.api.runs import RunName
from equipoise.api.service import Call, Caller, told
from equipoise.errors import InputError, StoreError
from equipoise.screens import LabRun
from equipoise.tasks.foresight import DRAWS, DRAWS_MOST, NAMES, OWN
from equipoise.units import shown

Plain = dict[str, Any]
LIVE = "live"
MOST_MOVED = 12
NOTHING_YET = ("N151", "N173")
Value = Annotated[float, Field(allow_inf_nan=False, ge=-1e12, le=1e12)]


class NewOutlook(Body):
    """In which scenario the years are played anew, by which values of parameters, and how many times."""

    scenario: Slug = OWN
    moved: Annotated[dict[Annotated[str, Field(max_length=40)], Value], Field(max_length=MOST_MOVED)] = Field(
        default_factory=dict[str, float]
    )
    draws: Annotated[int, Field(ge=20, le=DRAWS_MOST)] = DRAWS


async def outlook(call: Caller, run: RunName) -> Plain:
    """Return what follows a run: fans, differences, what they hang on, checks, and every parameter; of a live lab hourly.

    `state` is `ready`; `running` while it is worked out; `missing` where a file is; `early` where nothing is recorded yet; `failed`.
    """
    if call.service.lab is None:
        await asyncio.to_thread(call.service.runs.one, run)
        return await asyncio.to_thread(call.service.outlooks.now)
    _only_live(run)
    charter = await told(call.controller.charter())
    tops = [team.path for team in charter.teams if team.parent is None]
    return await asyncio.to_thread(call.service.outlooks.now, lambda: _recorded(call), tops)


async def scenarios(call: Caller, run: RunName) -> Plain:
    """Return the scenarios that can be chosen, and the parameters that can be moved."""
    await _known(call, run)
    return await asyncio.to_thread(call.service.outlooks.scenarios)


async def play(call: Caller, run: RunName, body: NewOutlook) -> Plain:
    """Play the years anew, one wish at a time; while that goes on, `state` is `running`: ask the same again."""
    await _known(call, run)
    strange = [name for name in body.moved if name not in NAMES]
    if strange:
        raise InputError("N101", f"there is no parameter {shown(strange[0])}", hint="GET …/scenarios lists them")
    moved = tuple(f"{name}={value:.12g}" for name, value in sorted(body.moved.items()))
    return await asyncio.to_thread(call.service.outlooks.play, Wish(body.scenario, moved, body.draws))


async def frontier(call: Caller, run: RunName) -> Plain:
    """Return the charters of the frontier, where somebody has searched for them; else `missing`, with the command that does."""
    await _known(call, run)
    return await asyncio.to_thread(call.service.outlooks.frontier)


async def _known(call: Call, run: str) -> None:
    if call.service.lab is None:
        await asyncio.to_thread(call.service.runs.one, run)
    else:
        _only_live(run)


def _only_live(run: str) -> None:
    if run != LIVE:
        raise InputError("N151", f"no run {shown(run)}", hint=f"there are: {LIVE}")


def _recorded(call: Call) -> LabRun | None:
    """Return the live run, or None where nothing has happened yet."""
    try:
        run = call.service.runs.one(LIVE)
    except (InputError, StoreError) as error:
        if error.code in NOTHING_YET:
            return None
        raise
    return run if run.results.n_jobs else None
