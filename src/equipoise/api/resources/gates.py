"""Release gates: what they say of the releases that services run, and the attestations that open their stages."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import Field

from equipoise.api.excerpt import Excerpt
from equipoise.api.paging import following, page
from equipoise.api.resources.words import Body, Cursor, Limit, Mark, Slug, Text
from equipoise.api.service import Call, Caller, told
from equipoise.audit.minutes import Minutes
from equipoise.charter.explanation import gate_sentences
from equipoise.charter.governance import Gate
from equipoise.charter.model import Charter
from equipoise.errors import EquipoiseError
from equipoise.gates.decision import Dossier
from equipoise.gates.evidence import Recorded
from equipoise.gates.statement import parse_attested
from equipoise.report.gate import plain_gate
from equipoise.tasks.declare import declare_now
from equipoise.units import json_integer

Plain = dict[str, Any]
Release = Annotated[str, Field(pattern="^sha256:[0-9a-f]{64}$")]


class NewService(Body):
    """Which release a service runs: the digest of its model. A service runs one; a new model is a new service."""

    name: Slug
    release: Release


class Attested(Body):
    """Envelopes with statements about releases, as `equipoise attest` writes them."""

    envelopes: Annotated[list[Text], Field(min_length=1, max_length=100)]
    dry_run: bool = False


async def listed(call: Caller, after: Mark = "", limit: Limit = 100) -> Plain:
    """Return the gates of the charter in force, each with what it says of every release that is declared; ``next`` is a name."""
    charter, excerpt, origin_ms, at_ms = await _sources(call)
    gates = following(charter.release_gates, after, lambda one: one.name)
    rows = (_gate(charter, one, excerpt, origin_ms, at_ms) for one in gates)
    return {"at_ms": at_ms, **page(rows, limit=limit, key=lambda row: str(row["gate"]))}


async def services(call: Caller, after: Mark = "", limit: Limit = 100) -> Plain:
    """Return the services whose releases are declared, each with what the gates say of it; ``next`` is a name."""
    charter, excerpt, origin_ms, at_ms = await _sources(call)
    names = following(list(excerpt.register.digests), after, lambda name: name)

    def rows() -> Iterator[Plain]:
        for name in names:
            release = excerpt.register.digests[name]
            said = [_decision(charter, gate, release, excerpt, origin_ms, at_ms) for gate in charter.release_gates]
            since_ms = origin_ms + excerpt.register.since_ms[name]
            yield {"service": name, "release": release, "since_ms": since_ms, "gates": said}

    return {"at_ms": at_ms, **page(rows(), limit=limit, key=lambda row: str(row["service"]))}


async def declare(call: Caller, body: NewService) -> Plain:
    """Enter which release a service runs; the same again does nothing."""
    return await _enter(call, {body.name: body.release}, [], dry_run=False)


async def attestations(call: Caller, after: Cursor = 0, limit: Limit = 100) -> Plain:
    """Return the attestations that were entered, from an entry's number on."""
    minutes = await told(call.controller.minutes())
    excerpt = await call.service.live.excerpt.read(call.controller)
    rows = (
        _attestation(one.number, minutes.origin_ms + int(one.values["at_ms"]), str(one.values["envelope"]))
        for one in excerpt.attested
        if one.kind == "attestation" and one.number >= after
    )
    return page(rows, limit=limit, key=lambda row: int(row["entry"]) + 1)


async def attest(call: Caller, body: Attested) -> Plain:
    """Enter attestations, which must be signed by members of boards of the charter in force; the same again does nothing."""
    return await _enter(call, {}, [one.encode() for one in body.envelopes], dry_run=body.dry_run)


async def _enter(call: Call, releases: dict[str, str], envelopes: list[bytes], *, dry_run: bool) -> Plain:
    """Enter what is new; one after the other, for what is new is seen from what was entered before."""
    excerpt = call.service.live.excerpt
    named = [(f"envelope {number}", one) for number, one in enumerate(envelopes, start=1)]
    async with excerpt.turn:
        await excerpt.read(call.controller)
        register = copy.deepcopy(excerpt.register)

        def entered(minutes: Minutes, when_ms: int) -> list[Plain]:
            return declare_now(register, minutes, when_ms, releases=releases, attestations=named, size=excerpt.size)

        if dry_run:
            minutes = await told(call.controller.minutes())
            vitals = await told(call.controller.vitals())
            entries = entered(minutes, vitals.origin_ms + max(vitals.at_ms, minutes.at_ms))
        else:
            entries = [dict(one) for one in await told(call.controller.convene(entered))]
    kinds = ("release", "attestation")
    return {"written": not dry_run, "entries": [_short(one) for one in entries if one["kind"] in kinds]}


def _short(values: Plain) -> Plain:
    if values["kind"] == "release":
        return {"kind": "release", "service": values["service"], "release": values["digest"], "type": None}
    statement = parse_attested(str(values["envelope"]).encode())[1]
    release = statement.releases[0] if statement.releases else None
    return {"kind": "attestation", "service": None, "release": release, "type": statement.type}


async def _sources(call: Call) -> tuple[Charter, Excerpt, int, int]:
    vitals = await told(call.controller.vitals())
    excerpt = await call.service.live.excerpt.read(call.controller)
    return vitals.charter, excerpt, vitals.origin_ms, vitals.origin_ms + vitals.at_ms


def _gate(charter: Charter, gate: Gate, excerpt: Excerpt, origin_ms: int, at_ms: int) -> Plain:
    releases = sorted(set(excerpt.register.digests.values()))
    return {
        "gate": gate.name,
        "teams": list(gate.teams),
        "stages": [
            {
                "stage": one.name,
                "quota_ppm": int(one.quota * 1_000_000),
                "needs": dict(one.needs),
                "after_ms": one.after_ms,
            }
            for one in gate.stages
        ],
        "protected_by": list(gate.protected_by),
        "sentences": list(gate_sentences(gate)),
        "releases": [_decision(charter, gate, one, excerpt, origin_ms, at_ms) for one in releases[:20]],
    }


def _decision(charter: Charter, gate: Gate, release: str, excerpt: Excerpt, origin_ms: int, at_ms: int) -> Plain:
    records = [Recorded(origin_ms + when_ms, envelope) for when_ms, envelope in excerpt.register.attestations]
    return plain_gate(Dossier(charter, gate.name, release, records).decide(at_ms), charter)


def _attestation(number: int, at_ms: int, envelope: str) -> Plain:
    try:
        statement = parse_attested(envelope.encode())[1]
    except EquipoiseError as error:
        return {"entry": number, "at_ms": at_ms, "fault": error.message, "statement": None, "envelope": envelope}
    plain = {
        "kind": statement.kind.value,
        "type": statement.type,
        "releases": list(statement.releases),
        "issued_ms": json_integer(statement.issued_ms),
        "expires_ms": None if statement.expires_ms is None else json_integer(statement.expires_ms),
        "note": statement.note,
        "digest": statement.digest,
    }
    return {"entry": number, "at_ms": at_ms, "fault": None, "statement": plain, "envelope": envelope}
