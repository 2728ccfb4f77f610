"""Charters one after the other: those that were in force, what was entered about them, and who has signed what is pending."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Path
from pydantic import Field
from starlette.responses import JSONResponse, Response

from equipoise.api.excerpt import Entered
from equipoise.api.paging import MOST_BYTES, following, page
from equipoise.api.resources.charters import IfMatch, enter_with, stand
from equipoise.api.resources.words import Body, Cursor, Limit, Mark, Text
from equipoise.api.service import Caller, told
from equipoise.audit.minutes import Minutes
from equipoise.errors import InputError
from equipoise.tasks.amend import enter_now
from equipoise.tasks.plan import plain_plan, propose_to

Plain = dict[str, Any]
LISTS = ("changes", "sentences", "affected", "warnings", "effect")
ROOM_BYTES = 36_000
"""So much of each of these lists is told."""
Digest = Annotated[str, Path(pattern="^sha256:[0-9a-f]{64}$", description="Of a charter's text.")]


class Signatures(Body):
    """Envelopes with signatures of an amendment, as `equipoise sign` writes them."""

    envelopes: Annotated[list[Text], Field(min_length=1, max_length=100)]


class Plan(Body):
    """A charter that might be proposed."""

    text: Text
    replay: bool = False


async def charters(call: Caller, after: Mark = "", limit: Limit = 100) -> Plain:
    """Return the charters that the ledger holds, in the order in which they were entered; ``next`` is a digest."""
    minutes = await told(call.controller.minutes())
    rows = following([_charter(minutes, digest) for digest in minutes.charters], after, lambda row: str(row["digest"]))
    return page(rows, limit=limit, key=lambda row: str(row["digest"]))


async def charter(call: Caller, digest: Digest) -> Response:
    """Return a charter's text, as it was signed; its tag is its digest, and it never changes."""
    minutes = await told(call.controller.minutes())
    if digest not in minutes.texts:
        raise InputError("N167", f"the ledger holds no charter {digest}", hint="/charters lists them")
    found = minutes.charters[digest]
    plain = {"digest": digest, "revision": found.revision, "lab": found.lab, "parent": found.parent}
    return JSONResponse(plain | {"text": minutes.texts[digest]}, headers={"ETag": f'"{digest}"'})


async def acts(call: Caller, after: Cursor = 0, limit: Limit = 100) -> Plain:
    """Return what was entered about charters, from an entry's number on, and how far the amendment is that is pending."""
    minutes = await told(call.controller.minutes())
    excerpt = await call.service.live.excerpt.read(call.controller)
    rows = (_act(one, minutes) for one in excerpt.acts if one.number >= after)
    return {**stand(minutes), **page(rows, limit=limit, key=lambda row: int(row["entry"]) + 1, spare=20_000)}


async def amendment(call: Caller, digest: Digest) -> Plain:
    """Return what an amendment changes, who must sign it and who has, as of now, and what was entered about it."""
    minutes = await told(call.controller.minutes())
    excerpt = await call.service.live.excerpt.read(call.controller)
    acts = [_act(one, minutes) for one in excerpt.acts if one.values.get("digest") == digest]
    if not acts:
        raise InputError("N167", f"nothing was entered about {digest}", hint="/amendments lists what was")
    return {**_charter(minutes, digest), **_progress(minutes, digest), "acts": acts[:1_000]}


async def sign(call: Caller, digest: Digest, body: Signatures, if_match: IfMatch = None) -> Plain:
    """Enter signatures of the amendment that is pending; they are checked. The same again does nothing."""
    envelopes = [one.encode() for one in body.envelopes]

    def entered(minutes: Minutes, at_ms: int) -> Any:
        docket = minutes.docket
        assert docket is not None, "a live ledger has a charter"
        if docket.pending is None or docket.pending.charter.digest != digest:
            if docket.in_force.digest == digest:
                return []
            raise InputError("N167", f"{digest} is not pending", hint="POST /charters proposes it")
        return enter_now(minutes, at_ms, data=minutes.texts[digest].encode(), envelopes=envelopes)

    return await enter_with(call, entered, if_match)


async def plan(call: Caller, body: Plan) -> Plain:
    """Say what a charter would change, in sentences, and who must sign it; with ``replay`` a simulation of it begins."""
    from equipoise.api.resources.simulations import NewSimulation, begin

    minutes = await told(call.controller.minutes())
    simulation = (await begin(call, NewSimulation(text=body.text)))["simulation"] if body.replay else None
    return {**_plan(minutes, body.text), "simulation": simulation}


def _plan(minutes: Minutes, text: str) -> Plain:
    return fitting(plain_plan(propose_to(minutes, text.encode())))


def fitting(found: Plain) -> Plain:
    """Return a plan; of lists that are too long for an answer only how many more there are."""
    more: dict[str, int] = {}
    for name in LISTS:
        rows: list[Any] = found.get(name, [])
        fits = len(page(({"row": one} for one in rows), limit=1_000, key=str, spare=MOST_BYTES - ROOM_BYTES)["items"])
        if fits < len(rows):
            found[name], more[name] = rows[:fits], len(rows) - fits
    return {**found, "more": more}


def _charter(minutes: Minutes, digest: str) -> Plain:
    found = minutes.charters[digest]
    forces = [
        {"how": one.how, "at_ms": minutes.origin_ms + one.at_ms, "signed": [_seat(seat) for seat in one.signed]}
        for one in minutes.forces
        if one.digest == digest
    ]
    return {
        "digest": digest,
        "revision": found.revision,
        "lab": found.lab,
        "parent": found.parent,
        "is_in_force": minutes.docket is not None and minutes.docket.in_force.digest == digest,
        "forces": forces,
    }


def _seat(seat: Any) -> Plain:
    return {"board": seat.board, "member": seat.member}


def _act(entered: Entered, minutes: Minutes) -> Plain:
    values = entered.values
    digest = str(values.get("digest"))
    known = minutes.charters.get(digest)
    return {
        "entry": entered.number,
        "kind": entered.kind,
        "at_ms": minutes.origin_ms + int(values["at_ms"]),
        "digest": digest,
        "revision": None if known is None else known.revision,
        "how": values.get("how"),
        "reason": values.get("reason"),
    }


def _progress(minutes: Minutes, digest: str) -> Plain:
    docket = minutes.docket
    assert docket is not None, "a live ledger has a charter"
    if docket.pending is None or docket.pending.charter.digest != digest:
        return {"is_pending": False, "plan": None}
    return {"is_pending": True, "plan": _plan(minutes, minutes.texts[digest])}
