r"""Signed notes (C2SP signed-note): a text, an empty line, and a line for each signature.

* :func:`parse_note`: the parts of a note, nothing believed yet; every note has one spelling.
* :func:`open_note`: the text, once a known key has signed it. Signatures of unknown keys are passed over; one of a known
  key that does not hold condemns the whole note.
* :func:`sign_note`, :func:`cosign`: make one, add to one.

Cosignatures (C2SP tlog-cosignature) carry the time at which a witness saw the checkpoint. Time is whole seconds here,
as the format has it.

Examples
--------
>>> from equipoise.ledger.keys import Algorithm, SigningKey
>>> log = SigningKey("lab.example/log", Algorithm.ED25519, bytes(32))
>>> note = sign_note("anything\n", [log])
>>> open_note(note, [log.verifier]).text
'anything\n'
>>> open_note(note.replace(b"any", b"no"), [log.verifier])
Traceback (most recent call last):
...
equipoise.errors.VerificationError: L117 the signature of lab.example/log does not hold
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from equipoise.errors import InputError, VerificationError
from equipoise.ledger.checkpoint import parse_checkpoint
from equipoise.ledger.encoding import base64_bytes, base64_text
from equipoise.ledger.keys import SIGNATURE_BYTES, Algorithm, SigningKey, VerifierKey, is_key_name

MAX_NOTE_BYTES = 1 << 20
MAX_SIGNATURES = 100
_DASH = "\u2014 "
_ID_BYTES = 4
_TIME_BYTES = 8


@dataclass(frozen=True, slots=True)
class NoteSignature:
    """One line below a note: whose it claims to be, and the bytes."""

    name: str
    key_id: bytes
    signature: bytes

    def line(self) -> str:
        """Return the line, with its end."""
        return f"{_DASH}{self.name} {base64_text(self.key_id + self.signature)}\n"


@dataclass(frozen=True, slots=True)
class Note:
    """A note in its parts; nothing about it has been verified."""

    text: str
    signatures: tuple[NoteSignature, ...]

    def to_bytes(self) -> bytes:
        """Return the note as it is stored and sent."""
        return (self.text + "\n" + "".join(signature.line() for signature in self.signatures)).encode()


@dataclass(frozen=True, slots=True)
class Signed:
    """A signature that holds: by which key, and when, in seconds since 1970, where the signature says so."""

    key: VerifierKey
    time_s: int | None = None


@dataclass(frozen=True, slots=True)
class OpenNote:
    """The text of a note, by whom it is signed, and how many signatures are of unknown keys."""

    text: str
    signed: tuple[Signed, ...]
    unknown: int


# ------------------------------------------------------------------------------------------------------------- reading


def open_note(data: bytes, keys: Sequence[VerifierKey]) -> OpenNote:
    """Return the text of a note that at least one of these keys has signed.

    Raises
    ------
    VerificationError
        L119, if it is not a note; L117, if a signature of a known key does not hold, or none is of a known key.
    InputError
        L115, if two different keys have one name and one id.
    """
    return opened(parse_note(data), keys)


def opened(note: Note, keys: Sequence[VerifierKey]) -> OpenNote:
    """Return what :func:`open_note` does, of a note in its parts."""
    known: dict[tuple[str, bytes], VerifierKey] = {}
    for key in keys:
        if known.setdefault((key.name, key.key_id), key) != key:
            raise InputError("L115", f"two keys of {key.name} have the id {key.key_id.hex()}")
    signed: list[Signed] = []
    for signature in note.signatures:
        key = known.get((signature.name, signature.key_id))
        if key is not None:
            signed.append(_verified(note.text, signature, key))
    if not signed:
        raise VerificationError("L117", f"none of {len(note.signatures)} signatures is of a known key")
    return OpenNote(note.text, tuple(signed), len(note.signatures) - len(signed))


def parse_note(data: bytes) -> Note:
    """Return a note in its parts, so that :meth:`Note.to_bytes` gives the same bytes again; L119 if it is none."""
    if len(data) > MAX_NOTE_BYTES:
        raise VerificationError("L119", f"a note of {len(data)} bytes, where {MAX_NOTE_BYTES} is the most")
    try:
        whole = data.decode("utf-8")
    except UnicodeDecodeError:
        raise VerificationError("L119", "the note is not UTF-8") from None
    if any(character < " " and character != "\n" for character in whole):
        raise VerificationError("L119", "the note has a control character")
    text, blank, below = whole.rpartition("\n\n")
    if not blank or not below.endswith("\n"):
        raise VerificationError("L119", "a note is a text, an empty line, and signatures, each line with its end")
    lines = below.split("\n")[:-1]
    if len(lines) > MAX_SIGNATURES:
        raise VerificationError("L119", f"{len(lines)} signatures, where {MAX_SIGNATURES} is the most")
    return Note(text + "\n", tuple(map(_signature, lines)))


def parse_signatures(data: bytes) -> tuple[NoteSignature, ...]:
    """Return lone signature lines, as a witness answers with; L119 if they are none."""
    note = parse_note(b"\n\n" + data)
    if note.text != "\n":
        raise VerificationError("L119", "there is more than lines of signatures")
    return note.signatures


def _signature(line: str) -> NoteSignature:
    name, _, encoded = line.removeprefix(_DASH).partition(" ")
    data = base64_bytes(encoded)
    if not line.startswith(_DASH) or not is_key_name(name) or data is None or len(data) <= _ID_BYTES:
        raise VerificationError("L119", f"not a line of a signature: {line[:80]!r}")
    return NoteSignature(name, data[:_ID_BYTES], data[_ID_BYTES:])


def _verified(text: str, signature: NoteSignature, key: VerifierKey) -> Signed:
    data, time_s = signature.signature, None
    if key.algorithm != Algorithm.ED25519:
        time_s, data = int.from_bytes(data[:_TIME_BYTES], "big"), data[_TIME_BYTES:]
    fits = len(data) == SIGNATURE_BYTES[key.algorithm] and (time_s or 0) < 1 << 63
    if not fits or not key.holds(signed_message(text, key, time_s=time_s), data):
        raise VerificationError("L117", f"the signature of {key.name} does not hold")
    return Signed(key, time_s)


# ------------------------------------------------------------------------------------------------------------- signing


def sign_note(text: str, keys: Sequence[SigningKey], *, time_s: int | None = None) -> bytes:
    """Return a note signed by these keys.

    Parameters
    ----------
    text : str
        Ends with a line end.
    keys : sequence of SigningKey
        At least one.
    time_s : int or None
        Seconds since 1970; needed by keys that cosign, not used by others.
    """
    try:
        note = Note(text, tuple(signature_of(text, key, time_s=time_s) for key in keys))
        data = note.to_bytes()
        parsed = parse_note(data)
    except UnicodeEncodeError:
        raise InputError("L119", "half a character in the text of a note") from None
    except VerificationError as error:
        raise InputError(error.code, error.message) from None
    assert parsed == note  # the last empty line divides, whatever the text holds
    return data


def cosign(note: bytes, keys: Sequence[SigningKey], *, time_s: int) -> bytes:
    """Return a note with further signatures."""
    parts = parse_note(note)
    added = tuple(signature_of(parts.text, key, time_s=time_s) for key in keys)
    return Note(parts.text, parts.signatures + added).to_bytes()


def signature_of(text: str, key: SigningKey, *, time_s: int | None = None) -> NoteSignature:
    """Return a key's signature of a note's text."""
    stamp = b""
    if key.algorithm == Algorithm.ED25519:
        time_s = None
    elif time_s is None or not 0 <= time_s < 1 << 63:
        raise InputError("L119", f"{key.name} cosigns at a time, in seconds since 1970, not at {time_s}")
    else:
        stamp = time_s.to_bytes(_TIME_BYTES, "big")
    data = key.sign(signed_message(text, key.verifier, time_s=time_s))
    return NoteSignature(key.name, key.verifier.key_id, stamp + data)


def signed_message(text: str, key: VerifierKey, *, time_s: int | None) -> bytes:
    """Return the bytes that a signature of this type covers.

    For type 6 the text must be a checkpoint, L118 otherwise: signed is what it says, without its extension lines.
    """
    if key.algorithm == Algorithm.ED25519:
        return text.encode()
    assert time_s is not None
    if key.algorithm == Algorithm.COSIGNATURE:
        return f"cosignature/v1\ntime {time_s}\n{text}".encode()
    checkpoint = parse_checkpoint(text)
    name, origin = key.name.encode(), checkpoint.origin.encode()
    if len(origin) > 255:
        raise VerificationError("L118", f"an origin of {len(origin)} bytes, where cosigning takes 255")
    return b"".join(
        (
            b"subtree/v1\n\0",
            bytes([len(name)]) + name,
            time_s.to_bytes(8, "big"),
            bytes([len(origin)]) + origin,
            (0).to_bytes(8, "big"),  # from the first leaf
            checkpoint.size.to_bytes(8, "big"),
            checkpoint.root,
        )
    )
