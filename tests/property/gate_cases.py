"""A small lab with a gate, its people and their keys, and what the tests of gates say in its name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from functools import cache
from hashlib import sha256

from equipoise.charter import EVERYTHING, NOTHING, Board, Charter, Gate, Pool, Share, Stage, Team
from equipoise.gates import PAYLOAD_TYPE, Kind, Recorded, statement_bytes
from equipoise.ledger.dsse import sign_envelope
from equipoise.ledger.keys import Algorithm, SigningKey
from equipoise.units import DAY_MS

MODEL, OTHER = ("sha256:" + sha256(name).hexdigest() for name in (b"model", b"other"))
EVALS, SAFETY, MAKERS = ("eve", "evan", "ella"), ("sam", "sue"), ("max", "mia")
BOARDS: Mapping[str, tuple[str, ...]] = {"evals": EVALS, "safety": SAFETY, "makers": MAKERS}
QUORUM = {"evals": 2, "safety": 1, "makers": 1}
STAGES = (
    Stage("internal", Fraction(1, 100), {"cyber": "evals"}),
    Stage("canary", Fraction(1, 20), {"jailbreak": "evals"}, 7 * DAY_MS),
    Stage("general", Fraction(1), {"safety-case": "safety"}, 14 * DAY_MS),
)
GATE = Gate("models", ("product",), STAGES, max_age_ms=120 * DAY_MS, drain_ms=14 * DAY_MS)


@cache
def key(person: str) -> SigningKey:
    return SigningKey(person, Algorithm.ED25519, sha256(person.encode()).digest())


def public(person: str) -> bytes:
    return key(person).verifier.key


def boards() -> tuple[Board, ...]:
    return tuple(Board(name, QUORUM[name], {who: public(who) for who in people}) for name, people in BOARDS.items())


def lab(gate: Gate = GATE, sitting: Sequence[Board] | None = None) -> Charter:
    pools = (Pool("flex", "H100", 100, 8), Pool("train", "H200", 50, 4))
    limit = {"flex": Share(fraction=Fraction(1, 2)), "train": Share(gpus=77)}
    nothing, everything = dict.fromkeys(limit, NOTHING), dict.fromkeys(limit, EVERYTHING)
    teams = (
        Team("product", "product", None, nothing, limit, is_leaf=False),
        Team("product.api", "api", "product", nothing, everything),
        Team("product.chat", "chat", "product", nothing, everything),
        Team("research", "research", None, nothing, everything),
    )
    return Charter("Lab", pools, teams, release_gates=(gate,), boards=tuple(sitting or boards()))


def said(
    type: str,
    people: Sequence[str],
    *,
    issued_ms: int,
    at_ms: int | None = None,
    release: str = MODEL,
    kind: Kind = Kind.ATTESTATION,
    expires_ms: int | None = None,
    note: str = "",
) -> Recorded:
    """What people said of a release, recorded when it was issued or at a time of its own."""
    payload = statement_bytes(kind, type, [release], issued_ms=issued_ms, expires_ms=expires_ms, note=note)
    envelope = sign_envelope(PAYLOAD_TYPE, payload, [key(who) for who in people])
    return Recorded(issued_ms if at_ms is None else at_ms, envelope)


def everything(issued_ms: int = 0) -> list[Recorded]:
    """All that the gate asks for."""
    return [
        said(type, BOARDS[board][: QUORUM[board]], issued_ms=issued_ms)
        for stage in STAGES
        for type, board in stage.needs.items()
    ]


def one_stage(**changes: object) -> Gate:
    """A gate of the first stage alone."""
    return replace(GATE, stages=STAGES[:1], **changes)  # type: ignore[arg-type]
