"""Requests for credits: asked for by members of a team, answered by its owner."""

from __future__ import annotations

import secrets
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import Path

from equipoise.api.paging import following, page
from equipoise.api.resources.words import Amount, Body, IdempotencyKey, Instant, Limit, Line, Mark, Name, Slug
from equipoise.api.roles import Right
from equipoise.api.service import Call, Caller, known_charter, told
from equipoise.controller import RequestRecord
from equipoise.errors import InputError
from equipoise.units import json_integer, shown
from equipoise.workload.roll import UNANSWERED, Request

Plain = dict[str, Any]
RequestName = Annotated[str, Path(max_length=200)]


class NewRequest(Body):
    """Compute that is asked for; times are Unix milliseconds."""

    team: Name
    amount_gpu_ms: Amount
    begin_ms: Instant
    end_ms: Instant
    pool: Name = ""
    name: Slug | None = None
    avenue: Line = ""
    purpose: Line = ""
    project: Line = ""


class Answered(Body):
    """An answer: all or part of what was asked for, or nothing, with a reason."""

    granted_gpu_ms: Amount
    reason: Line = ""


class Transferred(Body):
    """What is moved of a grant: to another grant, or to a team, which gets a new one."""

    to: Name
    gpu_ms: Amount
    reason: Line


async def listed(call: Caller, after: Mark = "", limit: Limit = 100) -> Plain:
    """Return requests in the order in which they came, then what transfers opened; ``next`` is the name of the page's last."""
    origin_ms = await _origin_ms(call)
    found = following(await told(call.controller.requests()), after, lambda one: one.request.name)
    return page((_plain(one, origin_ms) for one in found), limit=limit, key=lambda row: str(row["name"]))


async def one(call: Caller, name: RequestName) -> Plain:
    """Return a request with what became of it."""
    for record in await told(call.controller.requests()):
        if record.request.name == name:
            return _plain(record, await _origin_ms(call))
    raise InputError("N167", f"there is no request {shown(name)}", hint="`equipoise requests` lists them")


async def ask(call: Caller, body: NewRequest, idempotency_key: IdempotencyKey = None) -> Plain:
    """Ask for credits for the caller's team. With a name or a key, asking the same again does nothing."""
    call.acts_for(body.team, Right.ASK)
    charter = await known_charter(call, body.team)
    pools = [pool.name for pool in charter.pools]
    if (body.pool and body.pool not in pools) or (not body.pool and len(pools) > 1):
        raise InputError("C301", f"no pool {shown(body.pool)} in the charter in force", hint=", ".join(pools))
    origin_ms = await _origin_ms(call)
    wanted = Request(
        body.name or _named(call, idempotency_key), body.team, body.pool or pools[0], body.amount_gpu_ms, 0,
        body.begin_ms - origin_ms, body.end_ms - origin_ms, body.avenue, body.purpose, body.project,
    )  # fmt: skip
    try:
        await told(call.controller.ask(wanted))
    except InputError as error:
        known = [one.request for one in await told(call.controller.requests()) if one.request.name == wanted.name]
        if error.code != "P112" or not known or not _is_same(known[0], wanted):
            raise
    return {"name": wanted.name}


async def answer(call: Caller, name: RequestName, body: Answered) -> Plain:
    """Grant, cut or refuse a request of a team that the caller owns by the charter in force. The same again does nothing."""
    asked = await _found(call, name)
    call.owns(await told(call.controller.charter()), asked.team)
    if (asked.granted_gpu_ms, asked.reason) != (body.granted_gpu_ms, body.reason) or asked.granted_gpu_ms == UNANSWERED:
        await told(call.controller.answer(name, body.granted_gpu_ms, reason=body.reason))
    return {"name": name, "granted_gpu_ms": json_integer(body.granted_gpu_ms)}


async def transfer(call: Caller, name: RequestName, body: Transferred) -> Plain:
    """Move what a grant of a team that the caller owns has left; returns which grant has it then."""
    asked = await _found(call, name)
    call.owns(await told(call.controller.charter()), asked.team)
    given = call.controller.transfer(name, body.to, body.gpu_ms, reason=body.reason, who=call.bearer.person)
    return {"name": await told(given), "gpu_ms": json_integer(body.gpu_ms)}


async def _found(call: Call, name: str) -> Request:
    for one in await told(call.controller.requests()):
        if one.request.name == name:
            return one.request
    raise InputError("R112", f"there is no request {shown(name)}", hint="`equipoise requests` lists them")


async def _origin_ms(call: Call) -> int:
    return (await told(call.controller.standing(jobs=False))).origin_ms


def _named(call: Call, key: str | None) -> str:
    """Return a name for a request that was given none: the same for the same key of a person."""
    from hashlib import sha256

    if key is None:
        return f"r-{secrets.token_hex(4)}"
    return f"r-{sha256(f'{call.bearer.person} {key}'.encode()).hexdigest()[:16]}"


def _is_same(known: Request, wanted: Request) -> bool:
    names = ("team", "pool", "amount_gpu_ms", "begin_ms", "end_ms", "avenue", "purpose", "project")
    return all(getattr(known, name) == getattr(wanted, name) for name in names)


def _plain(record: RequestRecord, origin_ms: int) -> Plain:
    plain = asdict(record.request)
    is_open = record.request.granted_gpu_ms == UNANSWERED
    for name in ("asked_ms", "begin_ms", "end_ms", "answered_ms"):
        plain[name] += origin_ms
    if is_open:
        plain |= {"answered_ms": None, "granted_gpu_ms": None}
    amounts = ("left", "spent", "received", "given", "expired", "set_aside")
    plain |= {f"{name}_gpu_ms": getattr(record, f"{name}_gpu_ms") for name in amounts}
    plain |= {"is_over": record.is_over, "lender": record.lender or None}
    for name in ("amount_gpu_ms", "granted_gpu_ms", *(f"{name}_gpu_ms" for name in amounts)):
        plain[name] = None if plain[name] is None else json_integer(plain[name])
    return plain
