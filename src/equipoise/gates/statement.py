r"""What is attested of a release: a statement of in-toto, version 1, about the digest of a model.

Its predicate is one of two of our own. ``urn:equipoise:attestation:v1:TYPE`` says that the release passed TYPE, a name
that a gate of the charter asks for; ``urn:equipoise:revocation:v1:TYPE`` takes back whatever was attested of TYPE up to
the moment that it names. The predicate has the fields ``issued_ms`` and perhaps ``expires_ms`` (Unix milliseconds, UTC)
and ``note``. A field of the predicate that is unknown here is refused, since its signer may have meant a restriction;
unknown fields elsewhere are passed over, as in-toto demands.

The statement's bytes are what is signed. Who signs after somebody else signs the same bytes.

Examples
--------
>>> model = "sha256:" + "ab" * 32
>>> made = statement_bytes(Kind.ATTESTATION, "jailbreak", [model], issued_ms=1_800_000_000_000, note="9 of 10,000 tries")
>>> found = parse_statement(made)
>>> found.kind.value, found.type, found.releases == (model,), found.issued_ms
('attestation', 'jailbreak', True, 1800000000000)
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from hashlib import sha256
from typing import Any, NoReturn, cast

from equipoise.errors import InputError, VerificationError
from equipoise.ledger.dsse import Envelope, parse_envelope
from equipoise.units import shown

PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"

MAX_STATEMENT_BYTES = 32 << 10
MAX_ENVELOPE_BYTES = 60_000
"""So that an envelope fits an entry of the ledger."""
MAX_SUBJECTS = 64
MAX_NOTE = 2_000
MAX_TIME_MS = 32_503_680_000_000
"""The beginning of the year 3000, where the dates of charters end too."""

_SUBJECT_DIGEST = re.compile(r"[0-9a-f]{64}")
_RELEASE = re.compile(r"sha256:[0-9a-f]{64}")
_PREDICATE = re.compile(r"urn:equipoise:(attestation|revocation):v1:([a-z][a-z0-9-]{0,62})")


class Kind(Enum):
    """Whether a statement attests or takes back."""

    ATTESTATION = "attestation"
    REVOCATION = "revocation"


@dataclass(frozen=True, slots=True)
class Statement:
    """What signers say of releases.

    Parameters
    ----------
    kind : Kind
    type : str
        What is attested, or revoked: a key of ``needs`` in the charter.
    releases : tuple of str
        ``sha256:…`` of every subject that has such a digest.
    issued_ms : int
        When the signers say that they said it.
    expires_ms : int or None
        From when on it no longer holds, by their own word.
    note : str
    digest : str
        ``sha256:…`` of the statement's bytes, which is its name.
    """

    kind: Kind
    type: str
    releases: tuple[str, ...]
    issued_ms: int
    expires_ms: int | None
    note: str
    digest: str


def statement_bytes(
    kind: Kind, type: str, releases: Sequence[str], *, issued_ms: int, expires_ms: int | None = None, note: str = ""
) -> bytes:
    """Write a statement; its parameters are those of :class:`Statement`.

    Raises
    ------
    InputError
        G101 to G105, for what :func:`parse_statement` would refuse.
    """
    predicate: dict[str, Any] = {"issued_ms": issued_ms}
    if expires_ms is not None:
        predicate["expires_ms"] = expires_ms
    if note:
        predicate["note"] = note
    fields = {
        "_type": STATEMENT_TYPE,
        "subject": [{"digest": {"sha256": read_release(release).removeprefix("sha256:")}} for release in releases],
        "predicateType": f"urn:equipoise:{kind.value}:v1:{type}",
        "predicate": predicate,
    }
    try:
        payload = json.dumps(fields, separators=(",", ":"), ensure_ascii=False).encode()
        parse_statement(payload)
    except VerificationError as error:
        raise InputError(error.code, error.message, hint=error.hint) from None
    except UnicodeEncodeError:
        raise InputError("G103", "the note has half a character") from None
    return payload


def parse_attested(data: bytes) -> tuple[Envelope, Statement]:
    """Return an envelope and the statement in it; nobody's signature has been verified.

    Raises
    ------
    VerificationError
        L125, if it is no envelope; G101 to G104 as :func:`parse_statement`.
    """
    if len(data) > MAX_ENVELOPE_BYTES:
        raise VerificationError("G102", f"an envelope of {len(data):,} bytes, where {MAX_ENVELOPE_BYTES:,} is the most")
    envelope = parse_envelope(data)
    if envelope.payload_type != PAYLOAD_TYPE:
        raise VerificationError("G101", f"an envelope of {shown(envelope.payload_type)}, not of {PAYLOAD_TYPE}")
    return envelope, parse_statement(envelope.payload)


def parse_statement(payload: bytes) -> Statement:
    """Return what the bytes of a statement say.

    Raises
    ------
    VerificationError
        G101, if they are no statement of in-toto, version 1, about a SHA-256 digest; G102, if they are too large; G103,
        if the predicate is not as written; G104, if it is of a type that is not ours.
    """
    if len(payload) > MAX_STATEMENT_BYTES:
        raise VerificationError(
            "G102", f"a statement of {len(payload):,} bytes, where {MAX_STATEMENT_BYTES:,} is the most"
        )
    try:
        value: object = json.loads(
            payload.decode("utf-8"), object_pairs_hook=_object, parse_int=_integer, parse_constant=_refused
        )
    except (ValueError, RecursionError):
        raise VerificationError("G101", "the statement is not JSON, or has a field twice") from None
    fields = _fields(value, "the statement")
    if fields.get("_type") != STATEMENT_TYPE:
        raise VerificationError("G101", f"the statement's _type is not {STATEMENT_TYPE}")
    releases = _releases(fields.get("subject"))
    named = fields.get("predicateType")
    match = _PREDICATE.fullmatch(named) if isinstance(named, str) else None
    if match is None:
        raise VerificationError(
            "G104",
            f"a predicate of the type {shown(str(named))}",
            hint="urn:equipoise:attestation:v1:TYPE or urn:equipoise:revocation:v1:TYPE",
        )
    kind = Kind(match[1])
    issued_ms, expires_ms, note = _predicate(fields.get("predicate"), kind)
    return Statement(kind, match[2], releases, issued_ms, expires_ms, note, f"sha256:{sha256(payload).hexdigest()}")


def read_release(text: str) -> str:
    """Return the name of a release; ``InputError`` G105 unless it is ``sha256:`` and 64 digits, lower case."""
    if _RELEASE.fullmatch(text) is None:
        raise InputError(
            "G105", f"{shown(text)} does not name a release", hint="sha256: and 64 hexadecimal digits, lower case"
        )
    return text


def _releases(value: object) -> tuple[str, ...]:
    subjects = cast("list[object]", value) if isinstance(value, list) else []
    if not 1 <= len(subjects) <= MAX_SUBJECTS:
        raise VerificationError("G101", f"a statement has 1 to {MAX_SUBJECTS} subjects")
    found: list[str] = []
    for subject in subjects:
        digests = _fields(_fields(subject, "a subject").get("digest"), "a subject's digest")
        digest = digests.get("sha256")
        if digest is None:
            continue  # by other digests nothing is recognised here
        if not isinstance(digest, str) or _SUBJECT_DIGEST.fullmatch(digest) is None:
            raise VerificationError("G101", f"{shown(str(digest))} is not a SHA-256 digest")
        found.append(f"sha256:{digest}")
    if not found:
        raise VerificationError("G101", "no subject has a sha256 digest")
    return tuple(found)


def _predicate(value: object, kind: Kind) -> tuple[int, int | None, str]:
    if not isinstance(value, dict):
        raise VerificationError("G103", "the statement has no predicate")
    fields = cast("dict[str, object]", value)
    known = ("expires_ms", "issued_ms", "note") if kind is Kind.ATTESTATION else ("issued_ms", "note")
    unknown = sorted(fields.keys() - set(known))
    if unknown:
        hint = f"a predicate of this type has {', '.join(known)}"
        raise VerificationError("G103", f"the predicate has a field {shown(unknown[0])}", hint=hint)
    issued_ms = _time(fields.get("issued_ms"), "issued_ms")
    expires_ms = _time(fields["expires_ms"], "expires_ms") if "expires_ms" in fields else None
    if expires_ms is not None and expires_ms <= issued_ms:
        raise VerificationError("G103", f"it expires at {expires_ms}, and was issued at {issued_ms}")
    note = fields.get("note", "")
    if not isinstance(note, str) or len(note) > MAX_NOTE or any("\ud800" <= letter <= "\udfff" for letter in note):
        raise VerificationError("G103", f"the note is not text of at most {MAX_NOTE:,} characters")
    return issued_ms, expires_ms, note


def _time(value: object, name: str) -> int:
    if type(value) is not int or not 0 <= value < MAX_TIME_MS:
        raise VerificationError("G103", f"{name} is not a whole number of milliseconds since 1970, before 3000")
    return value


def _fields(value: object, what: str) -> dict[str, object]:
    if not isinstance(value, dict):
        raise VerificationError("G101", f"{what} is not an object")
    return cast("dict[str, object]", value)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ValueError("a field twice")
    return fields


def _integer(text: str) -> int:
    if len(text) > 20:
        raise ValueError("too large")
    return int(text)


def _refused(text: str) -> NoReturn:
    raise ValueError(text)
