"""Keys that sign checkpoints and envelopes, their text forms (C2SP signed-note), and the one strict way to verify.

A verifier key is ``NAME+KEYID+BASE64(type ‖ public key)``; its id is the start of a hash over name, type and key. Types:
1, Ed25519 (logs); 4, Ed25519 cosignatures with a time (witnesses); 6, ML-DSA-44 cosignatures, which also stand against
quantum computers.

Ed25519 as written in RFC 8032 lets verifiers differ on signatures that only a cheat would make. Here all of these are
refused: keys and commitments R that are not canonical or of small order, keys outside the subgroup of prime order, and
S ≥ L. What is left is accepted by every reading of the standard.

Examples
--------
>>> signer = SigningKey("lab.example/log", Algorithm.ED25519, bytes(range(32)))
>>> str(signer.verifier)
'lab.example/log+8940af4f+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4'
>>> parse_verifier_key(str(signer.verifier)) == signer.verifier
True
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from functools import lru_cache
from hashlib import sha256

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from equipoise.charter.ed25519 import has_prime_order, weakness
from equipoise.errors import InputError
from equipoise.ledger.encoding import base64_bytes, base64_text

MAX_NAME_BYTES = 255
SEED_BYTES = 32
_SECRET = "PRIVATE+KEY+"
_HINT = "copy the key again from who gave it; a key that fails here may have been made to deceive"


class Algorithm(IntEnum):
    """The type byte of a key."""

    ED25519 = 1
    COSIGNATURE = 4
    ML_DSA_44 = 6


KEY_BYTES = {Algorithm.ED25519: 32, Algorithm.COSIGNATURE: 32, Algorithm.ML_DSA_44: 1312}
SIGNATURE_BYTES = {Algorithm.ED25519: 64, Algorithm.COSIGNATURE: 64, Algorithm.ML_DSA_44: 2420}


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A public key with the name it signs under.

    Raises
    ------
    InputError
        L115, for a name that cannot stand in a note and for a weak, ambiguous or malformed key.
    """

    name: str
    algorithm: Algorithm
    key: bytes
    key_id: bytes = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if not is_key_name(self.name):
            raise InputError("L115", f"not a name of a key: {self.name[:80]!r}")
        if len(self.key) != KEY_BYTES[self.algorithm]:
            raise InputError("L115", f"the key of {self.name} has {len(self.key)} bytes", hint=_HINT)
        wrong = "" if self.algorithm == Algorithm.ML_DSA_44 else ed25519_fault(self.key)
        if wrong:
            raise InputError("L115", f"the key of {self.name} {wrong}", hint=_HINT)
        named = self.name.encode() + b"\n" + bytes([self.algorithm]) + self.key
        object.__setattr__(self, "key_id", sha256(named).digest()[:4])

    def __str__(self) -> str:
        return f"{self.name}+{self.key_id.hex()}+{base64_text(bytes([self.algorithm]) + self.key)}"

    def holds(self, message: bytes, signature: bytes) -> bool:
        """Whether this is the key's signature of a message (without the time that a cosignature carries)."""
        if self.algorithm == Algorithm.ML_DSA_44:
            return _ml_dsa_holds(self.key, message, signature)
        return ed25519_holds(self.key, message, signature)


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key with its name. ``repr`` does not show the seed; :meth:`text` does.

    Parameters
    ----------
    name, algorithm
        As of :class:`VerifierKey`.
    seed : bytes
        32 bytes from a source of chance that cannot be guessed.
    """

    name: str
    algorithm: Algorithm
    seed: bytes = field(repr=False)
    verifier: VerifierKey = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if len(self.seed) != SEED_BYTES:
            raise InputError("L115", f"the seed of {self.name[:80]!r} has {len(self.seed)} bytes, not {SEED_BYTES}")
        if self.algorithm == Algorithm.ML_DSA_44:
            key = _ml_dsa_key(self.seed)
        else:
            key = Ed25519PrivateKey.from_private_bytes(self.seed).public_key().public_bytes_raw()
        object.__setattr__(self, "verifier", VerifierKey(self.name, self.algorithm, key))

    def text(self) -> str:
        """Return the secret text form, which :func:`parse_signing_key` reads."""
        secret = base64_text(bytes([self.algorithm]) + self.seed)
        return f"{_SECRET}{self.name}+{self.verifier.key_id.hex()}+{secret}"

    def sign(self, message: bytes) -> bytes:
        """Return the signature of a message."""
        if self.algorithm == Algorithm.ML_DSA_44:
            return _ml_dsa_sign(self.seed, message)
        return Ed25519PrivateKey.from_private_bytes(self.seed).sign(message)


def parse_verifier_key(text: str) -> VerifierKey:
    """Return the key that a text is; L115 for any fault."""
    name, _, rest = text.partition("+")
    key_id, _, encoded = rest.partition("+")
    algorithm, key = _typed(encoded, text)
    parsed = VerifierKey(name, algorithm, key)
    if parsed.key_id.hex() != key_id:
        raise InputError("L115", f"the key of {name} has the id {parsed.key_id.hex()}, not {key_id[:16]!r}", hint=_HINT)
    return parsed


def parse_signing_key(text: str) -> SigningKey:
    """Return the private key that a text is; L115 for any fault, without showing the secret."""
    if not text.startswith(_SECRET):
        raise InputError("L115", "a private key begins with PRIVATE+KEY+")
    name, _, rest = text.removeprefix(_SECRET).partition("+")
    key_id, _, encoded = rest.partition("+")
    algorithm, seed = _typed(encoded, name)
    parsed = SigningKey(name, algorithm, seed)
    if parsed.verifier.key_id.hex() != key_id:
        raise InputError("L115", f"the private key of {name} does not belong to the id {key_id[:16]!r}")
    return parsed


def is_key_name(name: str) -> bool:
    """Whether a name may stand in a note: some text without spaces, plus signs and control characters."""
    if not name or "+" in name or any(ord(character) < 0x20 or character.isspace() for character in name):
        return False
    try:
        return len(name.encode()) <= MAX_NAME_BYTES
    except UnicodeEncodeError:  # half a character
        return False


def _typed(encoded: str, shown: str) -> tuple[Algorithm, bytes]:
    data = base64_bytes(encoded)
    if not data:
        raise InputError("L115", f"not a key: {shown[:80]!r}", hint="a key is NAME+ID+BASE64")
    try:
        return Algorithm(data[0]), data[1:]
    except ValueError:
        raise InputError(
            "L115", f"a key of type {data[0]}: {shown[:80]!r}", hint="types are 1 and 4 (Ed25519), and 6 (ML-DSA-44)"
        ) from None


# ------------------------------------------------------------------------------------------------------------- Ed25519

# The eight points of small order as a signature's R, in their canonical encodings; a signature with one of them binds its
# maker to nothing. Other encodings of them are refused by the comparison of bytes inside verification.
_SMALL_ORDER = frozenset(
    bytes.fromhex(y) + bytes([last])
    for y, lasts in {
        "01" + "00" * 30: (0x00,),
        "ec" + "ff" * 30: (0x7F,),
        "00" * 31: (0x00, 0x80),
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc": (0x05, 0x85),
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03": (0x7A, 0xFA),
    }.items()
    for last in lasts
)


@lru_cache(maxsize=4096)
def ed25519_fault(key: bytes) -> str:
    """Return why verifiers may disagree about signatures of a key, or nothing."""
    return weakness(key) or ("" if has_prime_order(key) else "is a point of mixed order")


def ed25519_holds(key: bytes, message: bytes, signature: bytes) -> bool:
    """Whether every reading of RFC 8032 accepts this signature."""
    if len(signature) != 64 or signature[:32] in _SMALL_ORDER or ed25519_fault(key):
        return False
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
    except InvalidSignature:
        return False
    return True


# ----------------------------------------------------------------------------------------------------------- ML-DSA-44


def _ml_dsa_key(seed: bytes) -> bytes:
    try:
        from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

        return MLDSA44PrivateKey.from_seed_bytes(seed).public_key().public_bytes_raw()
    except (ImportError, UnsupportedAlgorithm):
        raise _without_ml_dsa() from None


def _ml_dsa_sign(seed: bytes, message: bytes) -> bytes:
    try:
        from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

        return MLDSA44PrivateKey.from_seed_bytes(seed).sign(message)
    except (ImportError, UnsupportedAlgorithm):
        raise _without_ml_dsa() from None


def _ml_dsa_holds(key: bytes, message: bytes, signature: bytes) -> bool:
    try:
        from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PublicKey

        MLDSA44PublicKey.from_public_bytes(key).verify(signature, message)
    except (ImportError, UnsupportedAlgorithm):
        raise _without_ml_dsa() from None
    except (InvalidSignature, ValueError):
        return False
    return True


def _without_ml_dsa() -> InputError:
    return InputError(
        "L116", "the installed `cryptography` has no ML-DSA-44", hint="install a newer one, or use a key of type 4"
    )
