"""Tokens: listed without what opens anything, made and revoked by operators."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import asdict
from typing import Annotated, Any, Literal

from fastapi import Path
from pydantic import Field

from equipoise.api.resources.words import Body, Name
from equipoise.api.roles import Role
from equipoise.api.service import Caller, known_charter
from equipoise.api.tokens import Kept

Plain = dict[str, Any]
LOG = logging.getLogger("equipoise.api")


class NewToken(Body):
    """A token that is asked for."""

    person: Name
    role: Literal["viewer", "member", "operator", "signer", "auditor"]
    team: Name = ""
    groups: Annotated[list[Name], Field(default_factory=list[Name], max_length=100)]
    lasts_ms: Annotated[int, Field(ge=1, le=1 << 42)] | None = None


async def listed(call: Caller) -> Plain:
    """Return all tokens."""
    return {"items": [_plain(one) for one in await asyncio.to_thread(call.service.tokens.all)]}


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


async def revoke(call: Caller, token: Annotated[str, Path(pattern="^[0-9a-f]{12}$")]) -> Plain:
    """Let a token open nothing from now on."""
    found = await asyncio.to_thread(call.service.tokens.revoke, token)
    LOG.warning("%s revoked the token %s of %s", call.bearer.person, token, found.person)
    return {"token": token, "person": found.person}


def _plain(kept: Kept) -> Plain:
    return {**asdict(kept.bearer), "created_ms": kept.created_ms, "revoked_ms": kept.revoked_ms}
