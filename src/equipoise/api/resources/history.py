"""The history of a run: its timeline, its jobs, and why one of them waited then."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Annotated, Any

from fastapi import Path, Query

from equipoise.api.runs import RunName
from equipoise.api.service import Call, Caller
from equipoise.screens import LabRun
from equipoise.screens.job import job as job_of
from equipoise.screens.jobs import Doing, Order, Wanted, page
from equipoise.screens.timeline import MOST_HEIGHT, MOST_WIDTH, raster

Plain = dict[str, Any]
Instant = Annotated[int | None, Query(ge=0, le=1 << 52, description="Unix time in milliseconds.")]
Job = Annotated[int, Path(ge=0, le=(1 << 31) - 1)]
Text = Annotated[str, Query(max_length=200)]


async def picture(
    call: Caller,
    run: RunName,
    pool: Text = "",
    from_ms: Instant = None,
    to_ms: Instant = None,
    width: Annotated[int, Query(ge=1, le=MOST_WIDTH)] = 1_600,
    height: Annotated[int, Query(ge=1, le=MOST_HEIGHT)] = 500,
    waiting_height: Annotated[int, Query(ge=1, le=MOST_HEIGHT)] = 120,
) -> Plain:
    """Return who held what over time as a picture: planes of pixels, deflated and in base64; docs/dashboard.md says how to read it."""

    def answer() -> Plain:
        return raster(
            call.service.runs.one(run),
            pool=pool,
            from_ms=from_ms,
            to_ms=to_ms,
            width=width,
            height=height,
            waiting_height=waiting_height,
        )

    return await asyncio.to_thread(answer)


async def jobs(
    call: Caller,
    run: RunName,
    team: Text = "",
    pool: Text = "",
    doing: Doing = "any",
    from_ms: Instant = None,
    to_ms: Instant = None,
    order: Order = "job",
    after: Annotated[str, Query(max_length=60)] = "",
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> Plain:
    """Return the jobs that were ``doing`` something at some time of a span, by team, in columns; ``next`` is a cursor."""
    wanted = Wanted(team, pool, doing, from_ms, to_ms, order, after, limit)
    return await asyncio.to_thread(lambda: page(call.service.runs.one(run), wanted))


async def job(call: Caller, run: RunName, job: Job, at_ms: Instant = None) -> Plain:
    """Return a job and its life in spans of waiting and running."""
    return await asyncio.to_thread(lambda: job_of(call.service.runs.one(run), job, at_ms))


async def why(
    call: Caller, run: RunName, job: Job, at_ms: Instant = None, *, changes: bool = True, predict: bool = False
) -> Plain:
    """Explain why a job waited at an instant, by the policy itself; times are milliseconds since the run's beginning (``origin_ms``)."""
    return await asyncio.to_thread(lambda: _why(call, run, job, at_ms, changes=changes, predict=predict))


def _why(call: Call, name: str, job: int, at_ms: int | None, *, changes: bool, predict: bool) -> Plain:
    from equipoise.report.why import plain_why, predicted, why_text
    from equipoise.tasks.hindsight import hindsight

    run = call.service.runs.one(name)
    own_ms = run.own_ms(at_ms)
    found = hindsight(run).why(run, job, own_ms, changes=changes, predict=predict)
    named = _names(run)
    explained = found.explanation
    if run.record.workload.origin_ms is not None:
        explained = replace(explained, origin_ms=run.origin_ms)  # so that sentences name times of the calendar
    plain = plain_why(explained, name=named(job), name_of=named, forecast=found.forecast)
    sentences = why_text(explained, name_of=named, changes=changes).splitlines()
    return {
        **plain,
        "number": job,
        "asked_ms": run.origin_ms + own_ms,
        "origin_ms": run.origin_ms,
        "sentences": sentences,
        "predicted": None if found.forecast is None else predicted(explained.at_ms, found.forecast),
    }


def _names(run: LabRun) -> Any:
    work = run.record.workload.jobs

    def named(job: int) -> str:
        if job >= len(work):
            return f"replica {job - len(work)}"
        return str(job) if work.name is None else work.name[job]

    return named
