r"""What members of boards sign about a charter, and whose signature is one.

All four acts are signed over the bytes of a charter's file, each under a type of its own: who agrees to an emergency of three
days has not agreed to an amendment, and who signed an amendment does not withdraw it.

Examples
--------
>>> from equipoise.ledger.keys import Algorithm, SigningKey
>>> ada = SigningKey("ada", Algorithm.ED25519, bytes(range(32)))
>>> signed = sign_act("amendment", b"lab: Small\n", [ada])
>>> [given.key == ada.verifier.key for given in signatures_of("amendment", b"lab: Small\n", signed, [ada.verifier.key])]
[True]
>>> from equipoise.ledger.dsse import parse_envelope
>>> holds("emergency", b"lab: Small\n", ada.verifier.key, parse_envelope(signed).signatures[0])
False
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from equipoise.errors import VerificationError
from equipoise.ledger.dsse import Envelope, encoding_to_sign, parse_envelope, sign_envelope
from equipoise.ledger.keys import SigningKey, ed25519_holds

Act = Literal["amendment", "emergency", "withdrawal", "end"]

PAYLOAD_TYPES: dict[Act, str] = {
    "amendment": "application/vnd.equipoise.charter.v1+yaml",
    "emergency": "application/vnd.equipoise.emergency.v1+yaml",
    "withdrawal": "application/vnd.equipoise.withdrawal.v1+yaml",
    "end": "application/vnd.equipoise.emergency-end.v1+yaml",
}
"""``withdrawal`` is of the amendment with these bytes, ``end`` of the emergency with them."""


@dataclass(frozen=True, slots=True)
class Given:
    """A signature that holds, and the key that it is of."""

    key: bytes
    signature: bytes


def sign_act(act: Act, charter: bytes, keys: Sequence[SigningKey], *, to: bytes | None = None) -> bytes:
    """Return an envelope over a charter's bytes, signed with these keys, in addition to the signatures of another.

    Raises
    ------
    VerificationError
        L175, if that envelope is over other bytes or of another act; L125 if it is none.
    InputError
        L115, for keys that are not Ed25519.
    """
    added = parse_envelope(sign_envelope(PAYLOAD_TYPES[act], charter, keys)).signatures
    before = () if to is None else opened(act, charter, to).signatures
    return Envelope(PAYLOAD_TYPES[act], charter, tuple(dict.fromkeys((*before, *added)))).to_bytes()


def opened(act: Act, charter: bytes, envelope: bytes) -> Envelope:
    """Return an envelope that is of an act over a charter's bytes; L175 for another, L125 for what is none."""
    found = parse_envelope(envelope)
    if found.payload_type != PAYLOAD_TYPES[act]:
        raise VerificationError(
            "L175", f"the envelope is of type {found.payload_type[:80]!r}", hint=f"for this act: {PAYLOAD_TYPES[act]}"
        )
    if found.payload != charter:
        raise VerificationError(
            "L175", "the envelope is over other bytes than this charter's", hint="every byte counts, comments too"
        )
    return found


def signatures_of(act: Act, charter: bytes, envelope: bytes, keys: Iterable[bytes]) -> list[Given]:
    """Return those signatures of an envelope that hold under some of the keys, one for each key; errors as `opened`."""
    found = opened(act, charter, envelope)
    pairs = [(key, signature) for key in dict.fromkeys(keys) for signature in found.signatures]
    held = {key: Given(key, signature) for key, signature in reversed(pairs) if holds(act, charter, key, signature)}
    return list(reversed(held.values()))


def holds(act: Act, charter: bytes, key: bytes, signature: bytes) -> bool:
    """Whether a signature is a key's, of this act over these bytes."""
    return ed25519_holds(key, encoding_to_sign(PAYLOAD_TYPES[act], charter), signature)
