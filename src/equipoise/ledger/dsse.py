r"""Signed statements (DSSE envelopes) and the count of who signed: so many of these people.

An envelope holds a payload, its type, and signatures over both. Key ids in it are hints that nobody vouches for, so they
are not read: every signature is tried under every known key. Counted are *people*: a key counts once however often it
signed or is listed, and a person counts once however many keys they have. Other software counts a key that is listed
under two ids as two.

Examples
--------
>>> from equipoise.ledger.keys import Algorithm, SigningKey
>>> ada, bob = (SigningKey(name, Algorithm.ED25519, bytes([n]) * 32) for n, name in enumerate(("ada", "bob"), 1))
>>> board = Signatories({"ada": [ada.verifier.key], "bob": [bob.verifier.key]}, needed=2)
>>> once = sign_envelope("text/plain", b"I agree", [ada])
>>> board.signed(once).people, board.signed(once).enough
(('ada',), False)
>>> board.require(sign_envelope("text/plain", b"I agree", [bob, ada]), "text/plain")
b'I agree'
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from equipoise.errors import AuthorizationError, InputError, VerificationError
from equipoise.ledger.encoding import base64_text
from equipoise.ledger.keys import Algorithm, SigningKey, ed25519_fault, ed25519_holds

MAX_ENVELOPE_BYTES = 8 << 20
MAX_SIGNATURES = 64


@dataclass(frozen=True, slots=True)
class Envelope:
    """A payload with its type and signatures; nothing about it has been verified."""

    payload_type: str
    payload: bytes
    signatures: tuple[bytes, ...]

    def to_bytes(self) -> bytes:
        """Return the envelope as JSON."""
        fields = {
            "payload": base64_text(self.payload),
            "payloadType": self.payload_type,
            "signatures": [{"sig": base64_text(signature)} for signature in self.signatures],
        }
        return json.dumps(fields, separators=(",", ":"), ensure_ascii=False).encode()


@dataclass(frozen=True, slots=True)
class Count:
    """Who signed, in alphabetical order, of how many that are needed."""

    people: tuple[str, ...]
    needed: int

    @property
    def enough(self) -> bool:
        """Whether the quorum is met."""
        return len(self.people) >= self.needed


class Signatories:
    """The people whose signatures count, and how many of them are needed.

    Parameters
    ----------
    keys : mapping
        From each person to their Ed25519 keys, 32 bytes each.
    needed : int
        At least 1, at most the number of people.

    Raises
    ------
    InputError
        L115, for a key that is weak or listed for two people; L126, for a quorum that cannot be.
    """

    def __init__(self, keys: Mapping[str, Sequence[bytes]], *, needed: int) -> None:
        self._person: dict[bytes, str] = {}
        for person, listed in keys.items():
            for key in listed:
                wrong = ed25519_fault(key)
                if wrong:
                    raise InputError("L115", f"a key of {person} {wrong}")
                if self._person.setdefault(key, person) != person:
                    raise InputError("L115", f"{self._person[key]} and {person} have the same key")
        people = len(set(self._person.values()))
        if not 1 <= needed <= people:
            raise InputError("L126", f"a quorum of {needed} where {people} people can sign")
        self.needed = needed

    def signed(self, data: bytes | Envelope) -> Count:
        """Return who signed an envelope; L125 if it is none. Signatures that hold under no known key are passed over."""
        envelope = data if isinstance(data, Envelope) else parse_envelope(data)
        message = encoding_to_sign(envelope.payload_type, envelope.payload)
        people = {
            person
            for key, person in self._person.items()
            if any(ed25519_holds(key, message, signature) for signature in envelope.signatures)
        }
        return Count(tuple(sorted(people)), self.needed)

    def require(self, data: bytes, payload_type: str) -> bytes:
        """Return the payload, if it is of this type and enough people signed it.

        Raises
        ------
        VerificationError
            L125, if the envelope is malformed or of another type.
        AuthorizationError
            L126, if too few people signed.
        """
        envelope = parse_envelope(data)
        if envelope.payload_type != payload_type:
            raise VerificationError("L125", f"a payload of type {envelope.payload_type[:80]!r}, not {payload_type!r}")
        count = self.signed(envelope)
        if not count.enough:
            raise AuthorizationError(
                "L126",
                f"signed by {', '.join(count.people) or 'nobody who counts'}, where {self.needed} people are needed",
            )
        return envelope.payload


def encoding_to_sign(payload_type: str, payload: bytes) -> bytes:
    """Return the bytes that are signed, in which type and payload cannot be mistaken for each other (PAE of DSSE)."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def sign_envelope(payload_type: str, payload: bytes, keys: Sequence[SigningKey]) -> bytes:
    """Return an envelope signed by these Ed25519 keys."""
    if any(key.algorithm != Algorithm.ED25519 for key in keys):
        raise InputError("L115", "envelopes are signed with keys of type 1")
    message = encoding_to_sign(payload_type, payload)
    return Envelope(payload_type, payload, tuple(key.sign(message) for key in keys)).to_bytes()


def parse_envelope(data: bytes) -> Envelope:
    """Return the envelope that JSON bytes are. Fields that DSSE does not name are passed over, as it demands.

    Raises
    ------
    VerificationError
        L125, if it is not an envelope, has a field twice, or more than 64 signatures.
    """
    if len(data) > MAX_ENVELOPE_BYTES:
        raise VerificationError("L125", f"an envelope of {len(data)} bytes, where {MAX_ENVELOPE_BYTES} is the most")
    try:
        fields: object = json.loads(data.decode("utf-8"), object_pairs_hook=_fields)
    except (ValueError, RecursionError):
        raise VerificationError("L125", "the envelope is not JSON, or has a field twice") from None
    if not isinstance(fields, dict):
        raise VerificationError("L125", "the envelope is not an object")
    found = cast("dict[str, object]", fields)
    kind, listed = found.get("payloadType"), found.get("signatures")
    if not isinstance(kind, str) or not _is_text(kind):
        raise VerificationError("L125", "the envelope has no payloadType")
    if not isinstance(listed, list) or not 1 <= len(cast("list[object]", listed)) <= MAX_SIGNATURES:
        raise VerificationError("L125", f"an envelope has 1 to {MAX_SIGNATURES} signatures")
    return Envelope(
        kind, _decoded(found.get("payload"), "payload"), tuple(map(_signature, cast("list[object]", listed)))
    )


def _signature(item: object) -> bytes:
    return _decoded(cast("dict[str, object]", item).get("sig") if isinstance(item, dict) else None, "sig")


def _decoded(value: object, name: str) -> bytes:
    """Return bytes from base64 in the standard or the URL-safe alphabet: DSSE has verifiers take both."""
    if isinstance(value, str):
        try:
            data = binascii.a2b_base64(value.translate({0x2D: "+", 0x5F: "/"}).encode("ascii"), strict_mode=True)
        except ValueError:
            data = b""
        if value in (base64_text(data), base64.urlsafe_b64encode(data).decode("ascii")):
            return data
    raise VerificationError("L125", f"a field {name} of the envelope is missing or not base64")


def _is_text(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _fields(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ValueError("a field twice")
    return fields
