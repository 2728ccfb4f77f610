"""Jobs: submitted, listed, waited for, explained and cancelled."""

from __future__ import annotations

import pwd
import time
from dataclasses import asdict
from functools import partial
from typing import Annotated, Any

from fastapi import Path, Query
from pydantic import Field

from equipoise.api.paging import page
from equipoise.api.resources.words import (
    Body,
    Cursor,
    Duration,
    Gang,
    IdempotencyKey,
    Limit,
    Line,
    Name,
    Word,
)
from equipoise.api.roles import Right, Role, covers
from equipoise.api.service import Call, Caller, known_charter, told
from equipoise.controller import JobRecord
from equipoise.engines.protocol import Command
from equipoise.errors import AuthorizationError, InputError
from equipoise.units import shown
from equipoise.workload.roll import Asked

Plain = dict[str, Any]
JobNumber = Annotated[int, Path(ge=0, le=(1 << 31) - 1)]
LONGEST_WAIT_S = 60


Variable = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,254}$")]


class NewJob(Body):
    """A job that is asked for."""

    team: Name
    gang: Gang
    argv: Annotated[list[Word], Field(min_length=1, max_length=10_000)]
    pool: Name = ""
    environment: Annotated[dict[Variable, Word], Field(default_factory=dict[str, str], max_length=1_000)]
    directory: Annotated[Line, Field(max_length=4_000)] = ""
    walltime_ms: Duration = 0
    savepoint_ms: Duration = 0
    priority: Annotated[int, Field(ge=-1_000_000, le=1_000_000)] = 0
    preemptible: bool = True
    after: Annotated[int, Field(ge=-1, le=(1 << 31) - 1)] = -1
    name: Name = ""
    request: Name = ""


async def submit(call: Caller, body: NewJob, idempotency_key: IdempotencyKey = None) -> Plain:
    """Submit a job for the caller's team; answers once it is durable."""
    call.acts_for(body.team, Right.SUBMIT)
    charter = await known_charter(call, body.team)
    team = charter.team(body.team)
    if not call.bearer.is_among(team.submit):
        said = f"{call.bearer.person} may not submit to {shown(body.team)} by the charter in force"
        raise AuthorizationError("N134", said, hint=f"{', '.join(team.submit)} may")
    asked = Asked(
        body.gang, body.team, body.pool, call.bearer.person, body.walltime_ms, body.priority, body.preemptible,
        body.savepoint_ms, body.after, body.name, body.request,
    )  # fmt: skip
    command = Command(tuple(body.argv), dict(body.environment), body.directory, _login(call))
    key = f"{call.bearer.person} {idempotency_key}" if idempotency_key else ""
    accepted = await told(call.controller.submit(asked, command, owner=call.bearer.person, key=key))
    return {"job": accepted.job, "refused": accepted.refused}


async def listed(
    call: Caller,
    after: Cursor = 0,
    limit: Limit = 100,
    team: str = "",
    *,
    open_only: Annotated[bool, Query(alias="open")] = False,
) -> Plain:
    """Return jobs by number, at most ``limit`` from ``after`` on; ``next`` is where the following page begins."""
    origin_ms = await _origin_ms(call)
    of = partial(covers, team) if team else None
    found = await told(call.controller.jobs(after, most=limit + 1, is_open=open_only, of=of))
    return page((_plain(one, origin_ms) for one in found), limit=limit, key=lambda row: int(row["job"]) + 1)


async def one(call: Caller, job: JobNumber, wait_s: Annotated[int, Query(ge=0, le=LONGEST_WAIT_S)] = 0) -> Plain:
    """Return a job; with ``wait_s`` once it is over, or after so long."""
    origin_ms = await _origin_ms(call)
    until_s = time.monotonic() + wait_s
    while True:
        found = await told(call.controller.job(job))
        left_s = until_s - time.monotonic()
        if found.outcome is not None or left_s <= 0:
            return _plain(found, origin_ms)
        await call.service.changes.wait(min(left_s, 1.0))


async def why(call: Caller, job: JobNumber, *, changes: bool = True) -> Plain:
    """Explain why a job waits; times are milliseconds since the ledger's beginning."""
    from equipoise.report.why import plain_why, why_text

    found = await told(call.controller.why(job, changes=changes))
    record = await told(call.controller.job(job))
    plain = plain_why(found, name=record.standing.name, name_of=str, forecast=None)
    return {**plain, "sentences": why_text(found, name_of=str, changes=changes).splitlines()}


async def cancel(call: Caller, job: JobNumber) -> Plain:
    """Withdraw a job: a member one of their team, an operator any. Whether it still waited or ran."""
    found = await told(call.controller.job(job))
    if call.bearer.role is not Role.OPERATOR:
        call.acts_for(found.standing.team, Right.CANCEL)
    return {"job": job, "cancelled": await told(call.controller.cancel(job))}


async def _origin_ms(call: Call) -> int:
    return (await told(call.controller.standing(jobs=False))).origin_ms


def _plain(record: JobRecord, origin_ms: int) -> Plain:
    plain = asdict(record.standing)
    plain["since_ms"] += origin_ms
    end = record.outcome
    plain["outcome"] = None if end is None else {"what": end.what, "exit_code": end.exit_code, "reason": end.reason}
    return plain


def _login(call: Call) -> str:
    """Return the login name that a job runs under; N147 where the person has none here, or it is the superuser's."""
    if not call.service.live.runs_as_person:
        return ""
    try:
        found = pwd.getpwnam(call.bearer.person)
    except (KeyError, ValueError):
        found = None
    if found is None or found.pw_uid == 0:
        raise InputError(
            "N147",
            f"{call.bearer.person} has no login on this machine under which a job may run",
            hint='make one, or let all jobs run under the server\'s: run_as = "server" in [server]',
        )
    return call.bearer.person
