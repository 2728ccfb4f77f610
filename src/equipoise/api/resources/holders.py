"""Tokens: listed without what opens anything, made and revoked by operators."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import asdict
from typing import Annotated, Any, Literal

from fastapi import Header, Path
from fastapi.responses import JSONResponse
from pydantic import Field

from equipoise.api.conditional import Cache, require_match, tag_of
from equipoise.api.paging import following, page
from equipoise.api.resources.words import Body, Limit, Mark, Name
from equipoise.api.roles import Role
from equipoise.api.service import Caller, known_charter
from equipoise.api.tokens import Kept
from equipoise.errors import InputError

Plain = dict[str, Any]
LOG = logging.getLogger("equipoise.api")


class NewToken(Body):
    """A token that is asked for."""

    person: Name
    role: Literal["viewer", "member", "operator", "signer", "auditor"]
    team: Name = ""
    groups: Annotated[list[Name], Field(default_factory=list[Name], max_length=100)]
    lasts_ms: Annotated[int, Field(ge=1, le=1 << 42)] | None = None


Token = Annotated[str, Path(pattern="^[0-9a-f]{12}$")]
IfMatch = Annotated[str | None, Header(alias="If-Match", max_length=1_000)]


async def listed(call: Caller, after: Mark = "", limit: Limit = 100) -> Plain:
    """Return tokens in the order in which they were made, without what opens anything."""
    kept = following(await asyncio.to_thread(call.service.tokens.all), after, lambda one: one.bearer.token)
    return page((_plain(one) for one in kept), limit=limit, key=lambda row: str(row["token"]))


async def one(call: Caller, token: Token) -> Plain:
    """Return a token, without what opens anything."""
    return _plain(await _found(call, token))


async def new(call: Caller, body: NewToken) -> Plain:
    """Make a token; its text is told once."""
    if body.team:
        await known_charter(call, body.team)
    text = await asyncio.to_thread(
        call.service.tokens.new, body.person, Role(body.role), team=body.team, groups=tuple(body.groups),
        lasts_ms=body.lasts_ms,
    )  # fmt: skip
    name = text.split("_")[1]
    LOG.warning("%s made the token %s of %s, %s %s", call.bearer.person, name, body.person, body.role, body.team)
    return {"token": name, "text": text}


async def revoke(call: Caller, token: Token, if_match: IfMatch = None) -> Plain:
    """Let a token open nothing from now on; with ``If-Match`` only if it is still as it was read."""
    if if_match is not None:
        tag = tag_of(bytes(JSONResponse(_plain(await _found(call, token))).body), Cache.STATE)
        require_match(if_match, tag, "the token")
    found = await asyncio.to_thread(call.service.tokens.revoke, token)
    LOG.warning("%s revoked the token %s of %s", call.bearer.person, token, found.person)
    return {"token": token, "person": found.person}


async def _found(call: Caller, token: str) -> Kept:
    for kept in await asyncio.to_thread(call.service.tokens.all):
        if kept.bearer.token == token:
            return kept
    raise InputError("N131", f"there is no token {token}", hint="`equipoise token list` has their names")


def _plain(kept: Kept) -> Plain:
    return {**asdict(kept.bearer), "created_ms": kept.created_ms, "revoked_ms": kept.revoked_ms}
