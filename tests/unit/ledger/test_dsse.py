"""Envelopes, and who counts as having signed one."""

from __future__ import annotations

import base64
import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from equipoise.errors import AuthorizationError, EquipoiseError, InputError, VerificationError
from equipoise.ledger.dsse import (
    MAX_SIGNATURES,
    Envelope,
    Signatories,
    encoding_to_sign,
    parse_envelope,
    sign_envelope,
)
from equipoise.ledger.keys import Algorithm, SigningKey
from tests.property.ledger_parties import EYES, damaged, flips

TYPE = "application/vnd.equipoise.amendment"
PAYLOAD = b'{"weaken":false}'


def key(n: int) -> SigningKey:
    return SigningKey(f"k{n}", Algorithm.ED25519, bytes([n]) * 32)


def public(n: int) -> bytes:
    return key(n).verifier.key


BOARD = Signatories({"ada": [public(1), public(2)], "bob": [public(3)], "cy": [public(4)]}, needed=2)
GOOD = sign_envelope(TYPE, PAYLOAD, [key(1), key(3)])


def test_people_are_counted_not_keys_and_not_signatures() -> None:
    people = {1: "ada", 2: "ada", 3: "bob", 4: "cy", 9: None}
    for count in range(1, 5):
        for some in itertools.combinations_with_replacement(people, count):
            signed = BOARD.signed(sign_envelope(TYPE, PAYLOAD, [key(n) for n in some]))
            wanted = sorted({name for n in some if (name := people[n])})
            assert signed.people == tuple(wanted)
            assert signed.enough == (len(wanted) >= 2)


def test_key_ids_make_no_second_person_of_one_key() -> None:
    """python-tuf counts a key that a role lists under two ids as two; here the bytes of the key are what counts."""
    fields = json.loads(sign_envelope(TYPE, PAYLOAD, [key(1)]))
    twice = [{"keyid": name, **fields["signatures"][0]} for name in ("one", "two")]
    assert BOARD.signed(json.dumps(fields | {"signatures": twice}).encode()).people == ("ada",)
    for listed in ({"ada": [public(1)], "bob": [public(1)]}, {"ada": [public(1)], "bob": [public(2), public(1)]}):
        with pytest.raises(InputError, match="L115 ada and bob have the same key"):
            Signatories(listed, needed=2)
    assert Signatories({"ada": [public(1), public(1)], "bob": [public(3)]}, needed=2).needed == 2


def test_a_quorum_that_cannot_be_met_or_means_nothing_is_refused() -> None:
    for keys, needed in [({}, 1), ({"ada": [public(1)]}, 0), ({"ada": [public(1), public(2)]}, 2), ({"ada": []}, 1)]:
        with pytest.raises(InputError, match="L126"):
            Signatories(keys, needed=needed)
    for weak in (bytes(32), bytes(31), b"\xff" * 32):
        with pytest.raises(InputError, match="L115"):
            Signatories({"ada": [weak]}, needed=1)


def test_payloads_are_given_out_only_signed_and_of_the_type_that_was_asked_for() -> None:
    assert BOARD.require(GOOD, TYPE) == PAYLOAD
    with pytest.raises(VerificationError, match="L125"):
        BOARD.require(GOOD, TYPE + "2")
    with pytest.raises(AuthorizationError, match="L126 signed by ada, where 2 people are needed"):
        BOARD.require(sign_envelope(TYPE, PAYLOAD, [key(1), key(2), key(9)]), TYPE)
    moved = Envelope(TYPE + "{", PAYLOAD[1:], parse_envelope(GOOD).signatures)
    assert BOARD.signed(moved).people == ()
    with pytest.raises(InputError, match="L115"):
        sign_envelope(TYPE, PAYLOAD, [EYES[0]])


def test_every_flipped_bit_of_an_envelope_is_caught() -> None:
    accepted = 0
    for bad in flips(GOOD):
        try:
            assert BOARD.require(bad, TYPE) == PAYLOAD
        except EquipoiseError:
            continue
        accepted += 1
    assert accepted == 0


@given(st.text(st.characters(codec="utf-8")), st.binary(), st.text(st.characters(codec="utf-8")), st.binary())
def test_what_is_signed_is_one_type_and_one_payload(kind: str, payload: bytes, other: str, second: bytes) -> None:
    same = encoding_to_sign(kind, payload) == encoding_to_sign(other, second)
    assert same == ((kind, payload) == (other, second))
    found = parse_envelope(sign_envelope(kind, payload, [key(1)]))
    assert (found.payload_type, found.payload, len(found.signatures)) == (kind, payload, 1)
    assert parse_envelope(found.to_bytes()) == found


def test_both_alphabets_of_base64_are_read_and_unknown_fields_passed_over() -> None:
    payload = bytes(range(240, 256)) * 2
    fields = json.loads(sign_envelope(TYPE, payload, [key(1), key(3)]))
    fields["payload"] = base64.urlsafe_b64encode(payload).decode()
    assert "_" in fields["payload"]
    fields["more"] = {"signatures": []}
    fields["signatures"][0]["cert"] = "?"
    assert BOARD.require(json.dumps(fields).encode(), TYPE) == payload


@pytest.mark.parametrize(
    "text",
    [
        "", "null", "[]", "{}", '{"payload":"","payloadType":"t","signatures":[]}',
        '{"payload":"","payloadType":"t","signatures":[{}]}', '{"payload":"","payloadType":"t","signatures":["AA=="]}',
        '{"payload":"","payloadType":"t","signatures":[{"sig":1}]}', '{"payload":"","payloadType":1,"signatures":[{"sig":""}]}',
        '{"payloadType":"t","signatures":[{"sig":""}]}', '{"payload":"A","payloadType":"t","signatures":[{"sig":""}]}',
        '{"payload":"AB==","payloadType":"t","signatures":[{"sig":""}]}',
        '{"payload":"-+==","payloadType":"t","signatures":[{"sig":""}]}',
        '{"payload":"","payload":"","payloadType":"t","signatures":[{"sig":""}]}',
        '{"payload":"","payloadType":"t","signatures":[{"sig":"","sig":""}]}',
        '{"payload":"","payloadType":"\\ud800","signatures":[{"sig":""}]}',
        '{"payload":"","payloadType":"t","signatures":{"sig":""}}',
        '{"payload":"","payloadType":"t","signatures":[' + ",".join(['{"sig":""}'] * (MAX_SIGNATURES + 1)) + "]}",
        "[" * 100_000, "1" * 5_000, '{"payload":"","payloadType":"t","signatures":[{"sig":""}]} x',
    ],
    ids=lambda text: text[:90] + str(len(text)),
)  # fmt: skip
def test_what_is_not_an_envelope_is_refused(text: str) -> None:
    with pytest.raises(VerificationError) as caught:
        BOARD.require(text.encode(), TYPE)
    assert caught.value.code == "L125"


@given(st.one_of(st.binary(max_size=200), damaged(GOOD)))
def test_any_bytes_are_an_envelope_that_comes_back_or_are_refused(data: bytes) -> None:
    try:
        found = parse_envelope(data)
    except VerificationError as error:
        assert error.code == "L125"
        return
    assert parse_envelope(found.to_bytes()) == found
    assert not BOARD.signed(found).enough or (found.payload_type, found.payload) == (TYPE, PAYLOAD)
