"""Statements as they are written, and that nothing else is read as one."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from equipoise.errors import InputError, VerificationError
from equipoise.gates import (
    PAYLOAD_TYPE,
    Dossier,
    Kind,
    Reason,
    Recorded,
    parse_attested,
    parse_statement,
    statement_bytes,
)
from equipoise.ledger.dsse import sign_envelope
from equipoise.units import DAY_MS
from tests.property.gate_cases import MODEL, OTHER, key, lab, one_stage, said

NOW = 20 * DAY_MS
CHARTER = lab(one_stage())
GOOD = said("cyber", ("eve", "evan"), issued_ms=10 * DAY_MS, expires_ms=40 * DAY_MS, note="seen")
Change = Callable[[dict[str, Any]], object]


def plain(**changes: Any) -> dict[str, Any]:
    payload = statement_bytes(Kind.ATTESTATION, "cyber", [MODEL], issued_ms=5, expires_ms=9, note="n")
    return {**json.loads(payload), **changes}


def test_statement_is_that_of_in_toto() -> None:
    """By the text of the in-toto attestation framework, v1: field names, and DSSE's payload type."""
    assert plain() == {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"digest": {"sha256": MODEL.removeprefix("sha256:")}}],
        "predicateType": "urn:equipoise:attestation:v1:cyber",
        "predicate": {"issued_ms": 5, "expires_ms": 9, "note": "n"},
    }
    envelope = json.loads(GOOD.envelope)
    assert envelope["payloadType"] == "application/vnd.in-toto+json"
    assert json.loads(base64.b64decode(envelope["payload"]))["_type"] == "https://in-toto.io/Statement/v1"


def test_what_other_software_adds_is_passed_over() -> None:
    fields = plain(extra={"a": [1.5, None]}, subject=[{"digest": {"sha512": "x"}}, *plain()["subject"]])
    fields["subject"][1] |= {"name": "model", "uri": "file:weights"}
    found = parse_statement(json.dumps(fields, indent=2).encode())
    assert (found.type, found.releases, found.issued_ms, found.expires_ms, found.note) == ("cyber", (MODEL,), 5, 9, "n")


def changed(change: Change) -> bytes:
    fields = plain()
    change(fields)
    return json.dumps(fields).encode()


HEX = MODEL.removeprefix("sha256:")
WRONG: list[tuple[str, Change]] = [
    ("G101", lambda s: s.pop("_type")),
    ("G101", lambda s: s.update(_type="https://in-toto.io/Statement/v0.1")),
    ("G101", lambda s: s.pop("subject")),
    ("G101", lambda s: s.update(subject=[])),
    ("G101", lambda s: s.update(subject=s["subject"][0])),
    ("G101", lambda s: s.update(subject=s["subject"] * 65)),
    ("G101", lambda s: s.update(subject=[*s["subject"], "x"])),
    ("G101", lambda s: s["subject"][0].pop("digest")),
    ("G101", lambda s: s["subject"][0].update(digest={"sha512": HEX})),
    ("G101", lambda s: s["subject"][0].update(digest={"sha256": HEX.upper()})),
    ("G101", lambda s: s["subject"][0].update(digest={"sha256": HEX[:-1]})),
    ("G101", lambda s: s["subject"][0].update(digest={"sha256": HEX + "\n"})),
    ("G101", lambda s: s["subject"][0].update(digest={"sha256": [HEX]})),
    ("G102", lambda s: s.update(more="x" * 33_000)),
    ("G103", lambda s: s.pop("predicate")),
    ("G103", lambda s: s.update(predicate=[])),
    ("G103", lambda s: s["predicate"].pop("issued_ms")),
    ("G103", lambda s: s["predicate"].update(issued_ms="5")),
    ("G103", lambda s: s["predicate"].update(issued_ms=5.0)),
    ("G103", lambda s: s["predicate"].update(issued_ms=True)),
    ("G103", lambda s: s["predicate"].update(issued_ms=-1)),
    ("G103", lambda s: s["predicate"].update(expires_ms=10**17)),
    ("G103", lambda s: s["predicate"].update(expires_ms=5)),
    ("G103", lambda s: s["predicate"].update(expires_ms=None)),
    ("G103", lambda s: s["predicate"].update(note=["n"])),
    ("G103", lambda s: s["predicate"].update(note="n" * 2001)),
    ("G103", lambda s: s["predicate"].update(note="\ud800")),
    ("G103", lambda s: s["predicate"].update(only_for="the EU")),
    ("G103", lambda s: s.update(predicateType="urn:equipoise:revocation:v1:cyber")),  # which does not expire
    ("G104", lambda s: s.pop("predicateType")),
    ("G104", lambda s: s.update(predicateType="https://slsa.dev/provenance/v1")),
    ("G104", lambda s: s.update(predicateType="urn:equipoise:attestation:v2:cyber")),
    ("G104", lambda s: s.update(predicateType="urn:equipoise:attestation:v1:")),
    ("G104", lambda s: s.update(predicateType="urn:equipoise:attestation:v1:Cyber")),
    ("G104", lambda s: s.update(predicateType="urn:equipoise:attestation:v1:cyber\n")),
]


@pytest.mark.parametrize(("code", "change"), WRONG, ids=[f"{code}-{n}" for n, (code, _) in enumerate(WRONG)])
def test_anything_else_is_refused(code: str, change: Change) -> None:
    with pytest.raises(VerificationError) as caught:
        parse_statement(changed(change))
    assert caught.value.code == code
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"null",
        b"\xff",
        b"[" * 30_000,
        b'{"a":NaN}',
        b'{"a":1' + b"0" * 30 + b"}",
        changed(lambda s: None)[:-1] + b',"_type":"https://in-toto.io/Statement/v1"}',
        b"\xef\xbb\xbf" + changed(lambda s: None),
    ],
    ids=range(9),
)
def test_what_is_no_json_of_one_meaning_is_refused(data: bytes) -> None:
    with pytest.raises(VerificationError) as caught:
        parse_statement(data)
    assert caught.value.code == "G101"


def test_only_what_can_be_read_is_written() -> None:
    for code, arguments in {
        "G103": {"note": "n" * 3000},
        "G104": {"type": "Not-A-Name"},
        "G105": {"releases": ["sha256:abc"]},
        "G101": {"releases": []},
    }.items():
        wanted: dict[str, Any] = {"type": "cyber", "releases": [MODEL], "issued_ms": 1, **arguments}
        with pytest.raises(InputError) as caught:
            statement_bytes(Kind.ATTESTATION, wanted.pop("type"), wanted.pop("releases"), **wanted)
        assert caught.value.code == code
    # Within all other bounds nothing is too large.
    largest = statement_bytes(Kind.ATTESTATION, "x" * 63, [MODEL] * 64, issued_ms=1, note="\u6f22" * 2000)
    assert parse_statement(largest).note == "\u6f22" * 2000


def test_envelope_of_another_type_or_size_is_refused() -> None:
    payload = json.dumps(plain()).encode()
    with pytest.raises(VerificationError, match="not of application/vnd"):
        parse_attested(sign_envelope("application/json", payload, [key("eve")]))
    with pytest.raises(VerificationError) as caught:
        parse_attested(b" " * 60_001)
    assert caught.value.code == "G102"


# ------------------------------------------------------------------------------------------------------- hostile bytes


def must_be_refused_or_read(data: bytes) -> None:
    for parse in (parse_statement, parse_attested):
        try:
            parse(data)
        except VerificationError as error:
            assert error.code in {"G101", "G102", "G103", "G104", "L125"}
            assert len(str(error)) < 1000
            assert str(error).isprintable()
    decision = Dossier(CHARTER, None, MODEL, [Recorded(0, data)]).decide(NOW)
    assert decision.stage is None
    wrapped = sign_envelope(PAYLOAD_TYPE, data, [key("max")])  # signed, but by nobody who is asked
    assert Dossier(CHARTER, None, MODEL, [Recorded(0, wrapped)]).decide(NOW).stage is None


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes(data: bytes) -> None:
    must_be_refused_or_read(data)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from([HEX, MODEL]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=200, deadline=None)
@given(
    st.dictionaries(st.sampled_from(["_type", "subject", "predicateType", "predicate", "x"]), json_values), st.data()
)
def test_statements_with_any_value_in_any_place(values: dict[str, Any], data: st.DataObject) -> None:
    fields = plain(**values)
    place = data.draw(st.sampled_from(["predicate", "subject"]))
    if isinstance(fields[place], dict):
        fields[place][data.draw(st.sampled_from(["issued_ms", "expires_ms", "note", "z"]))] = data.draw(json_values)
    must_be_refused_or_read(json.dumps(fields).encode())


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_bytes_of_an_envelope_cut_changed_or_doubled(data: st.DataObject) -> None:
    envelope = bytearray(GOOD.envelope)
    first = data.draw(st.integers(0, len(envelope)))
    last = data.draw(st.integers(first, min(len(envelope), first + 40)))
    envelope[first:last] = data.draw(st.binary(max_size=4) | st.just(bytes(envelope[first:last] * 2)))
    decision = Dossier(CHARTER, None, MODEL, [Recorded(NOW, bytes(envelope))]).decide(NOW)
    assert decision.stage is None or parse_attested(bytes(envelope))[1] == parse_attested(GOOD.envelope)[1]


# ----------------------------------------------------------------------------------------------------------- mutations


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every field and item of a JSON value."""
    if path:
        yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, item in items:
        yield from places(item, (*path, name))


def mutants(value: Any) -> Iterator[Any]:
    yield None
    if isinstance(value, str):
        yield from ("", value[:-1], value + "A", value.swapcase(), value[1:] + value[:1], [value])
    elif type(value) is int:
        yield from (value + 1, value - 1, -value, str(value), float(value), value + DAY_MS * 1000)
    elif isinstance(value, list):
        yield from ([], value[:-1], value * 2, value[::-1], {})
    elif isinstance(value, dict):
        yield from ({}, {**value, "more": 1}, dict(list(value.items())[1:]), [value])


def mutated(fields: Any, path: tuple[Any, ...], value: Any) -> Any:
    copy = json.loads(json.dumps(fields))
    inner = copy
    for name in path[:-1]:
        inner = inner[name]
    inner[path[-1]] = value
    return copy


def at(fields: Any, path: tuple[Any, ...]) -> Any:
    for name in path:
        fields = fields[name]
    return fields


def test_every_change_of_a_field_is_refused_or_changes_nothing() -> None:
    fields = json.loads(GOOD.envelope)
    statement = json.loads(base64.b64decode(fields["payload"]))
    open_, closed = (Dossier(CHARTER, None, MODEL, known).decide(NOW) for known in ([GOOD], []))
    assert (open_.stage, closed.stage) == ("internal", None)
    made = [mutated(fields, path, value) for path in places(fields) for value in mutants(at(fields, path))]
    for path in places(statement):
        for value in mutants(at(statement, path)):
            payload = json.dumps(mutated(statement, path, value), separators=(",", ":"), ensure_ascii=False).encode()
            made.append({**fields, "payload": base64.b64encode(payload).decode()})
    assert len(made) > 80
    still = 0
    for mutant in made:
        found = Dossier(CHARTER, None, MODEL, [Recorded(GOOD.at_ms, json.dumps(mutant).encode())]).decide(NOW)
        if found.stage is None:
            assert found.quota == 0
        else:  # an order or a repetition of signatures, a field that DSSE passes over
            still += 1
            assert found == open_
            assert mutant["payload"] == fields["payload"]
    assert 0 < still < 12


def test_statement_signed_for_one_release_opens_no_other() -> None:
    found = Dossier(CHARTER, None, OTHER, [GOOD]).decide(NOW)
    assert (found.stage, found.needs[0].reason) == (None, Reason.WRONG_DIGEST)
