"""Emergencies and gates as entries tell them, from the beginning or in parts, against the gate's own decision at every hour."""

from __future__ import annotations

from itertools import pairwise
from random import Random
from typing import Any

from equipoise.controller.alerts.alert import Kind
from equipoise.controller.alerts.entered import Entered
from equipoise.gates import decide
from equipoise.ledger.pieces import encoded
from equipoise.units import DAY_MS, HOUR_MS
from tests.property.gate_cases import MODEL, lab, said

ORIGIN_MS = 1_800_000_000_000


def told(*values: dict[str, Any]) -> list[bytes]:
    return [piece for one in values for piece in encoded(one)]


def charter_entry(how: str, at_ms: int, digest: str = "sha256:ab") -> dict[str, Any]:
    return {"kind": "charter", "at_ms": at_ms, "how": how, "digest": digest, "text": "x" * 100_000, "canonical": {}}


PASS = {"kind": "pass", "at_ms": 5, "events": [["submitted", 1]]}


def test_an_emergency_lasts_until_another_charter_is_in_force() -> None:
    entries = told(
        charter_entry("founded", 0), PASS, charter_entry("emergency", 100), PASS, charter_entry("announced", 150),
        charter_entry("restored", 200, "sha256:cd"), PASS, charter_entry("emergency", 300, "sha256:ef"),
    )  # fmt: skip
    chance = Random(4)
    for _ in range(30):  # however the entries come, also in the middle of one in pieces
        entered = Entered()
        cuts = sorted(chance.sample(range(len(entries) + 1), 4))
        for first, end in pairwise([0, *cuts, len(entries)]):
            entered.take(entries[first:end], origin_ms=ORIGIN_MS)
        assert entered.read == len(entries)
        [holds] = entered.conditions(lab(), ORIGIN_MS + 400, origin_ms=ORIGIN_MS)
        assert (holds.kind, holds.subject, holds.since_ms) == (Kind.EMERGENCY, "sha256:ef", ORIGIN_MS + 300)
        [(number, over, over_ms)] = entered.over
        assert (over.since_ms, over_ms) == (ORIGIN_MS + 100, ORIGIN_MS + 200)
        assert b'"piece"' in entries[number]


def test_a_release_waits_where_the_gate_says_so_hour_by_hour() -> None:
    """Three attestations over a month; one runs out. Decided anew from scratch each time, and by one that went along."""
    charter = lab()
    records = [
        said("cyber", ("eve", "evan"), issued_ms=ORIGIN_MS + DAY_MS, at_ms=ORIGIN_MS + 2 * DAY_MS),
        said("jailbreak", ("eve", "ella"), issued_ms=ORIGIN_MS + 3 * DAY_MS, at_ms=ORIGIN_MS + 4 * DAY_MS),
        said("safety-case", ("sam",), issued_ms=ORIGIN_MS + 5 * DAY_MS, at_ms=ORIGIN_MS + 6 * DAY_MS),
    ]
    entered, given, stages = Entered(), 0, set[str]()
    entered.take(told({"kind": "release", "at_ms": 0, "service": "chat", "digest": MODEL}), origin_ms=ORIGIN_MS)
    for hour in range(0, 24 * 150, 5):
        now_ms = ORIGIN_MS + hour * HOUR_MS
        known = [one for one in records if one.at_ms <= now_ms]
        new = [
            {"kind": "attestation", "at_ms": one.at_ms - ORIGIN_MS, "envelope": one.envelope.decode()}
            for one in known[given:]
        ]
        entered.take(told(*new), origin_ms=ORIGIN_MS)
        given = len(known)
        expected = decide(charter, None, MODEL, known, now_ms=now_ms)
        holds = list(entered.conditions(charter, now_ms, origin_ms=ORIGIN_MS))
        assert [one.numbers["stage"] for one in holds] == ([expected.next_stage] if expected.next_stage else []), hour
        for one in holds:
            assert one.numbers["open_stage"] == (expected.stage or "")
            assert one.numbers["unmet"] == len(expected.unmet)
            assert all(need.says in one.sentence for need in expected.unmet) or expected.opens_ms is not None
        stages |= {str(one.numbers["stage"]) for one in holds}
    assert stages == {"internal", "canary", "general"}


def test_a_service_without_a_gate_waits_for_nothing() -> None:
    entered = Entered()
    assert list(entered.conditions(lab(), ORIGIN_MS, origin_ms=ORIGIN_MS)) == []
