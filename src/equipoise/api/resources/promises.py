"""Promises: how the windows that are open go, which were judged, and the receipt of a verdict as a file."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import Path, Query, Response

from equipoise.api.excerpt import Excerpt
from equipoise.api.paging import following, page
from equipoise.api.resources.words import LATEST_MS, Cursor, Limit, Mark
from equipoise.api.service import Call, Caller, told
from equipoise.charter.explanation import promise_sentences
from equipoise.charter.model import Charter
from equipoise.charter.promise import Commitment
from equipoise.controller.vitals import OpenWindow, Vitals
from equipoise.errors import InputError
from equipoise.receipt import make_receipt
from equipoise.units import shown

Plain = dict[str, Any]
Promise = Annotated[str, Path(max_length=200, description="Its name in the charter.")]
UntilMs = Annotated[int | None, Query(ge=0, le=LATEST_MS, description="The window's end; left out: the latest judged.")]
RECEIPT = "application/vnd.equipoise.receipt+json"
WINDOW_BYTES = 40_000


async def listed(call: Caller, after: Mark = "", limit: Limit = 100) -> Plain:
    """Return the promises of the charter in force, each with its open windows and its latest verdict; ``next`` is a name."""
    vitals, excerpt = await _sources(call)
    commitments = following(vitals.charter.commitments, after, lambda one: one.name)
    rows = (_promise(vitals, excerpt, one) for one in commitments)
    return {**_when(vitals), **page(rows, limit=limit, key=lambda row: str(row["promise"]))}


async def one(call: Caller, promise: Promise) -> Plain:
    """Return a promise of the charter in force with its open windows."""
    vitals, excerpt = await _sources(call)
    return {**_when(vitals), **_promise(vitals, excerpt, _found(vitals.charter, promise))}


async def windows(call: Caller, promise: Promise, after: Cursor = 0, limit: Limit = 100) -> Plain:
    """Return the windows of a promise that were judged, also of one that is no more; ``after`` is a number of an entry."""
    _, excerpt = await _sources(call)
    judged = (_judged(entered.number, entered.values) for entered in excerpt.verdicts
              if entered.values.get("promise") == promise and entered.number >= after)  # fmt: skip
    return page(judged, limit=limit, key=lambda row: int(row["entry"]) + 1)


async def receipt(call: Caller, promise: Promise, until_ms: UntilMs = None) -> Response:
    """Return what proves a verdict, as one file: `equipoise verify` needs nothing else but the ledger's key."""

    def made(store: Any) -> bytes:
        return make_receipt(store, promise, to_ms=until_ms).to_bytes()

    try:
        data = await asyncio.to_thread(call.service.read_ledger, made)
    except InputError as error:
        if error.code != "V105":
            raise
        raise InputError("N167", error.message, hint=error.hint) from error
    name = "".join(one if one.isascii() and (one.isalnum() or one in "._-") else "_" for one in promise)[:100]
    headers = {"Content-Disposition": f'attachment; filename="{name}.receipt.json"'}
    return Response(data, media_type=RECEIPT, headers=headers)


async def _sources(call: Call) -> tuple[Vitals, Excerpt]:
    vitals = await told(call.controller.vitals())
    return vitals, await call.service.live.excerpt.read(call.controller)


def _when(vitals: Vitals) -> Plain:
    return {"at_ms": vitals.origin_ms + vitals.at_ms}


def _found(charter: Charter, name: str) -> Commitment:
    for one in charter.commitments:
        if one.name == name:
            return one
    raise InputError("N167", f"the charter in force has no promise {shown(name)}", hint="/promises lists them")


def _promise(vitals: Vitals, excerpt: Excerpt, promise: Commitment) -> Plain:
    verdicts = [one for one in excerpt.verdicts if one.values.get("promise") == promise.name]
    open_now = [one for one in vitals.windows if one.promise == promise.name]
    return {
        "promise": promise.name,
        "team": promise.team,
        "kind": promise.kind,
        "window": str(promise.window),
        "pools": list(promise.pools),
        "public": promise.public,
        "protected_by": list(promise.protected_by),
        "sentences": list(promise_sentences(vitals.charter, promise)),
        "open": [_window(vitals, one) for one in open_now[-100:]],
        "judged": len(verdicts),
        "latest": _judged(verdicts[-1].number, verdicts[-1].values) if verdicts else None,
    }


def _window(vitals: Vitals, window: OpenWindow) -> Plain:
    plain = asdict(window)
    for name in ("promise", "team", "number"):
        del plain[name]
    for name in ("from_ms", "to_ms", "lost_ms"):
        if plain[name] is not None:
            plain[name] += vitals.origin_ms
    return plain


def _judged(number: int, values: Plain) -> Plain:
    told_of = {name: value for name, value in values.items() if name != "kind"}
    return {
        "entry": number,
        "promise": told_of.pop("promise", None),
        "from_ms": told_of.pop("from_ms", None),
        "to_ms": told_of.pop("to_ms", None),
        "verdict": told_of.pop("verdict", None),
        "details": told_of,
    }
