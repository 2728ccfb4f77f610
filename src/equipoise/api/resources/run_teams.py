"""The lab and its teams at a moment of a run: the screens Now and Teams, a team's page, its queue with reasons, and series."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from typing import Annotated, Any

from fastapi import Query, Response

from equipoise.api.resources.words import Instant
from equipoise.api.runs import RunName
from equipoise.api.service import Call, Caller, told
from equipoise.charter.model import Charter
from equipoise.controller import Standing
from equipoise.errors import EquipoiseError
from equipoise.report.why import binding
from equipoise.screens import LabRun
from equipoise.screens.live import live_moment, live_queue
from equipoise.screens.moment import Moment
from equipoise.screens.now import now as now_screen
from equipoise.screens.now import told as told_now
from equipoise.screens.queue import queue as queue_screen
from equipoise.screens.series import MEASURES
from equipoise.screens.series import series as series_screen
from equipoise.screens.team import LISTED, team_now, team_number
from equipoise.screens.team import team as team_screen
from equipoise.screens.teams import table
from equipoise.screens.teams import teams as teams_screen

Plain = dict[str, Any]
LIVE = "live"
AtMs = Annotated[Instant | None, Query(description="The moment; left out: now, or the end of a run that is over.")]
Pool = Annotated[str | None, Query(max_length=200, description="One pool; left out: all of them together.")]
Names = Annotated[str, Query(max_length=5_000, description="Several, with commas between them.")]
Points = Annotated[int, Query(ge=1, le=2_000, description="Buckets at most: one for each pixel.")]


async def now(call: Caller, run: RunName, at_ms: AtMs = None) -> Response:
    """Return the lab at a moment: who is below their floor and since when, pools, loans, what waits, what has changed of late."""
    if not _is_this_second(call, run, at_ms):
        found = await asyncio.to_thread(call.service.runs.one, run)
        return await _answered(now_screen, found, at_ms)
    this, _, origin_ms, known = await _live(call)
    plain = (
        await asyncio.to_thread(told_now, this, origin_ms, None)
        if known is None
        else await asyncio.to_thread(now_screen, known, None, live=this)
    )
    alerts = [one.to_json() for one in call.service.live.alerts.status.open]
    return _json({**plain, "alerts": alerts})


async def teams(call: Caller, run: RunName, at_ms: AtMs = None, pool: Pool = None) -> Response:
    """Return every team at a moment, one row each: floor, entitlement, held, borrowed, lent, waiting, and whether it starves."""
    if not _is_this_second(call, run, at_ms):
        found = await asyncio.to_thread(call.service.runs.one, run)
        return await _answered(teams_screen, found, at_ms, pool)
    this, _, origin_ms, known = await _live(call)
    record = None if known is None else known.record
    return _json(await asyncio.to_thread(table, this, record, pool, origin_ms=origin_ms))


async def team(call: Caller, run: RunName, path: str, at_ms: AtMs = None) -> Response:
    """Return a team's page: where it stands in each pool, loans, who waits, waits by gang, reclaims, and requests for credits."""
    if not _is_this_second(call, run, at_ms):
        found = await asyncio.to_thread(call.service.runs.one, run)
        return await _answered(team_screen, found, path, at_ms)
    this, standing, origin_ms, known = await _live(call)
    if known is not None:
        plain = await asyncio.to_thread(team_screen, known, path, None, live=this)
    else:
        plain = await asyncio.to_thread(team_now, this, path, origin_ms)
    return _json({**plain, "queue": live_queue(standing, path)})


async def queue(call: Caller, run: RunName, path: str, at_ms: AtMs = None, *, predict: bool = True) -> Response:
    """Say of the jobs of a team that have waited longest what keeps each from starting, and when it may start.

    A recorded run is played again for it, which takes a second or a few; the first time the scheduler is compiled.
    """
    if not _is_this_second(call, run, at_ms):
        found = await asyncio.to_thread(call.service.runs.one, run)
        return _json(await asyncio.to_thread(queue_screen, found, path, at_ms, predict=predict))
    standing, charter = await _standing(call)
    team_number(charter, path)
    listed = live_queue(standing, path)
    rows = [await _reason(call, int(row[0])) for row in listed["rows"][:LISTED]]
    return _json({
        "at_ms": standing.origin_ms + standing.at_ms,
        "path": path,
        "explained": True,
        "in_all": listed["in_all"],
        "columns": ["job", "kind", "reason", "earliest_ms", "latest_ms"],
        "rows": rows,
        "next": None,
    })  # fmt: skip


async def series(
    call: Caller,
    run: RunName,
    team: Names = "",
    pool: Pool = None,
    measures: Annotated[str, Query(max_length=200, description=f"Some of {', '.join(MEASURES)}.")] = "held",
    from_ms: Instant | None = None,
    to_ms: Instant | None = None,
    points: Points = 400,
) -> Response:
    """Return what teams held, waited for, were entitled to, promised and denied over time: least, most and mean of each bucket."""
    found = await asyncio.to_thread(call.service.runs.one, run)
    return await _answered(
        series_screen,
        found,
        team.split(","),
        measures.split(","),
        pool=pool,
        from_ms=from_ms,
        to_ms=to_ms,
        points=points,
    )


def _is_this_second(call: Call, run: str, at_ms: int | None) -> bool:
    return run == LIVE and at_ms is None and call.service.lab is not None


async def _live(call: Call) -> tuple[Moment, Standing, int, LabRun | None]:
    """Return how things stand, and what is recorded of the time before, where that is to be had."""
    standing, charter = await _standing(call)
    known: LabRun | None = None
    with suppress(EquipoiseError):  # it has no history yet, or one that cannot be followed
        known = await asyncio.to_thread(call.service.runs.one, LIVE)
    return live_moment(standing, charter), standing, standing.origin_ms, known


async def _standing(call: Call) -> tuple[Standing, Charter]:
    return await told(call.controller.standing()), await told(call.controller.charter())


async def _reason(call: Call, job: int) -> list[str | int | None]:
    try:
        found = await told(call.controller.why(job, changes=False))
    except EquipoiseError:  # it has started, or is over, meanwhile
        return [job, None, None, None, None]
    if found.constraint is None:
        return [job, None, None, None, None]
    return [job, found.constraint.kind, binding(found, found.constraint, str), None, None]


async def _answered(make: Any, *of: Any, **how: Any) -> Response:
    return _json(await asyncio.to_thread(make, *of, **how))


def _json(plain: Plain) -> Response:
    """Return plain values as they are: walking through thousands of cells to find what could not be sent takes longer than the rest."""
    return Response(json.dumps(plain, ensure_ascii=False, separators=(",", ":")), media_type="application/json")
