"""The lab with a release that waits at its gate: a new model for the chat, whose safety case is not signed for weeks.

The charter is that of the demo with a gate, boards and amendments; the workload is that of the lab with one more service,
``chat-next``, which wants to grow from the third day on until it serves as much as ``chat`` does at the start. What was
attested of which release is signed with keys that everybody can compute. Days and sizes are *assumptions* of the story.

Examples
--------
By day: nothing, then 1 % and 5 % of what the chat may hold in the pool, and all of it once the safety case is signed.

>>> from equipoise.charter_io import loads
>>> found = release_caps(loads(gated_charter()), gated_lab())
>>> [(cap.at_ms // DAY_MS, cap.replicas) for cap in found if cap.service == NEXT.name]
[(0, 0), (2, 1), (9, 8), (61, 179)]
"""

from __future__ import annotations

import re
from dataclasses import replace
from hashlib import sha256
from importlib.resources import files

import numpy as np

from equipoise.charter.model import Charter
from equipoise.gates.evidence import Recorded
from equipoise.gates.rulings import Cap, cap_course
from equipoise.gates.statement import PAYLOAD_TYPE, Kind, statement_bytes
from equipoise.ledger.dsse import sign_envelope
from equipoise.ledger.encoding import base64_text
from equipoise.ledger.keys import Algorithm, SigningKey
from equipoise.units import DAY_MS
from equipoise.workload.draws import Draws
from equipoise.workload.gated import gated_services
from equipoise.workload.model import Service, Workload
from equipoise.workload.synthetic import rhythm
from equipoise.workload.synthetic.asks import GPUS, Serving, capacities
from equipoise.workload.synthetic.laboratory import lab, lab_charter
from equipoise.workload.synthetic.serving import service

FRAGMENT = "gated.yaml"
NEXT = Serving("chat-next", "product.chat", "flex", 138, 8, "chat", noise=0.12, carry=False)
GROWS_FROM_DAY, GROWN_BY_DAY = 3, 30
BOARDS = {"evals": (2, 3), "executive": (2, 3), "safety": (2, 3)}
"""Each board's quorum and size."""

SERVING, NEW = (f"sha256:{sha256(name.encode()).hexdigest()}" for name in ("the model in service", "the new model"))
"""Digests of two models: the one that serves when the quarter begins, and the one that is to."""
SAID = (
    (SERVING, "cyber", "evals", -40),
    (SERVING, "jailbreak", "evals", -40),
    (SERVING, "safety-case", "safety", -40),
    (NEW, "cyber", "evals", 2),
    (NEW, "jailbreak", "evals", 6),
    (NEW, "safety-case", "safety", 61),
)
"""Of which release what was attested by which board on which day."""


def gated_lab(seed: int = 1, *, days: int = 90, gpus: int = GPUS) -> Workload:
    """Return the workload of :func:`lab` with one more service; parameters and errors are its own."""
    plain = lab(seed, days=days, gpus=gpus)
    pools = capacities(gpus)
    draws = Draws(seed, stream=950)
    team, pool = plain.teams.index(NEXT.team), plain.pools.index(NEXT.pool)
    return replace(
        plain, services=(*plain.services, _growing(service(NEXT, draws, days, pools[NEXT.pool], team, pool)))
    )


def gated_charter(gpus: int = GPUS) -> str:
    """Return the YAML of the demo's charter with a release gate; ``InputError`` L102 for a lab that is too small."""
    text = re.sub(
        r"(?m)^(  (?:safety-20|safety-28d|exploration-starts):.*)$",
        r"\1\n    protected_by: [safety]",
        lab_charter(gpus),
    )
    lines: list[str] = []
    for board, (quorum, size) in BOARDS.items():
        lines += [f"  {board}:", f"    quorum: {quorum}", "    members:"]
        for member in range(1, size + 1):
            key = demonstration_key(f"{board}-{member}")
            lines.append(f"      {key.name}: ed25519:{base64_text(key.verifier.key)}")
    fragment = files("equipoise.workload.synthetic").joinpath(FRAGMENT).read_bytes().decode()
    return text + fragment.replace("@BOARDS@", "\n".join(lines) + "\n")


def demonstration_key(member: str) -> SigningKey:
    """Return the key of a member, such as ``safety-1``, which is no secret."""
    return SigningKey(member, Algorithm.ED25519, sha256(f"demonstration key of {member}".encode()).digest())


def release_records(origin_ms: int = rhythm.ORIGIN_MS) -> list[Recorded]:
    """Return what was attested of both releases, each recorded on its day."""
    found: list[Recorded] = []
    for release, type, board, day in SAID:
        at_ms = origin_ms + day * DAY_MS
        keys = [demonstration_key(f"{board}-{member}") for member in range(1, BOARDS[board][0] + 1)]
        payload = statement_bytes(Kind.ATTESTATION, type, [release], issued_ms=at_ms)
        found.append(Recorded(at_ms, sign_envelope(PAYLOAD_TYPE, payload, keys)))
    return found


def releases(workload: Workload) -> dict[str, str]:
    """Return what each service runs: ``chat-next`` the new model, all others the one in service."""
    return {each.name: NEW if each.name == NEXT.name else SERVING for each in workload.services}


def release_caps(charter: Charter, workload: Workload) -> list[Cap]:
    """Return how the caps of the gated lab's services move while it submits work.

    Returns
    -------
    list of Cap
        Times are milliseconds since the workload's origin; all services at 0, then each change.
    """
    assert workload.origin_ms is not None, "the lab has a calendar"
    origin_ms = workload.origin_ms
    found = cap_course(
        charter,
        gated_services(workload, releases(workload)),
        release_records(origin_ms),
        from_ms=origin_ms,
        until_ms=origin_ms + workload.asked_ms,
    )
    return [replace(cap, at_ms=cap.at_ms - origin_ms) for cap in found]


def _growing(grown: Service) -> Service:
    """Return a service that asks for nothing at first and then for more day by day, until it asks for all."""
    days = grown.at_ms / DAY_MS
    part = np.clip((days - GROWS_FROM_DAY) / (GROWN_BY_DAY - GROWS_FROM_DAY), 0.0, 1.0)
    replicas = (grown.replicas * part + 0.5).astype(np.int32)
    return replace(grown, replicas=replicas, minimum=1)
