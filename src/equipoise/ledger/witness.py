r"""What a witness answers when a log asks for a cosignature (C2SP tlog-witness), and how a log asks.

A witness keeps, of each log, the size and root it last cosigned, and cosigns only what continues that: whoever sees its
cosignature knows that it saw no other history. Nothing here keeps state or talks over a network: :func:`decide` gets
what is stored and says what to store, and storing must happen in the same transaction, before the answer is sent.

Examples
--------
>>> from equipoise.ledger.checkpoint import Checkpoint
>>> from equipoise.ledger.keys import Algorithm, SigningKey
>>> from equipoise.ledger.note import open_note, sign_note
>>> log = SigningKey("lab.example/log", Algorithm.ED25519, bytes(32))
>>> eye = SigningKey("witness.example/w1", Algorithm.COSIGNATURE, bytes(range(32)))
>>> note = sign_note(Checkpoint("lab.example/log", 1, bytes(32)).text(), [log])
>>> request = Request(0, (), note).to_bytes()
>>> answer = decide(request, logs={"lab.example/log": [log.verifier]}, heads={}, keys=[eye], time_s=1_800_000_000)
>>> answer.status, answer.head
(200, Head(size=1, root=b'\x00\x00...)
>>> open_note(add_cosignatures(note, answer.body, [eye.verifier]), [eye.verifier]).signed[0].time_s
1800000000
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from equipoise.errors import InputError, VerificationError
from equipoise.ledger.checkpoint import Checkpoint, parse_checkpoint
from equipoise.ledger.encoding import base64_bytes, base64_text, decimal
from equipoise.ledger.keys import SigningKey, VerifierKey
from equipoise.ledger.note import MAX_NOTE_BYTES, Note, opened, parse_note, parse_signatures, signature_of
from equipoise.ledger.tree import EMPTY_ROOT, HASH_SIZE, MAX_SIZE, verify_consistency

MAX_REQUEST_BYTES = MAX_NOTE_BYTES + 4096
MAX_HASHES = 63
SIZE_TYPE = "text/x.tlog.size"
TEXT_TYPE = "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Head:
    """The latest checkpoint of a log that a witness cosigned."""

    size: int = 0
    root: bytes = EMPTY_ROOT


@dataclass(frozen=True, slots=True)
class Request:
    """The body of ``POST add-checkpoint``: what the log believes the witness has, a consistency proof, the checkpoint."""

    old_size: int
    hashes: tuple[bytes, ...]
    checkpoint: bytes

    def __post_init__(self) -> None:
        if not 0 <= self.old_size <= MAX_SIZE or len(self.hashes) > MAX_HASHES:
            raise InputError("L124", f"no request from {self.old_size} entries by {len(self.hashes)} hashes")
        if any(len(node) != HASH_SIZE for node in self.hashes):
            raise InputError("L124", f"a hash of a proof has {HASH_SIZE} bytes")

    def to_bytes(self) -> bytes:
        """Return the body."""
        lines = [f"old {self.old_size}", *map(base64_text, self.hashes), "", ""]
        return "\n".join(lines).encode("ascii") + self.checkpoint


@dataclass(frozen=True, slots=True)
class Answer:
    """The HTTP answer; with 200, also the log and the head that must be stored before it is sent."""

    status: int
    body: bytes
    content_type: str = TEXT_TYPE
    origin: str | None = None
    head: Head | None = None


# ------------------------------------------------------------------------------------------------------------- witness


def decide(
    body: bytes,
    *,
    logs: Mapping[str, Sequence[VerifierKey]],
    heads: Mapping[str, Head],
    keys: Sequence[SigningKey],
    time_s: int,
) -> Answer:
    """Answer a request to cosign.

    Parameters
    ----------
    body : bytes
        Of the request.
    logs : mapping
        From the origin of each known log to its keys, whose names may differ from the origin.
    heads : mapping
        From origins to what was last cosigned; a log not in it has the empty tree.
    keys : sequence of SigningKey
        The witness's own.
    time_s : int
        Now, in seconds since 1970.

    Returns
    -------
    Answer
        200 with cosignatures; 400 malformed; 403 no signature of the log's keys holds; 404 unknown log; 409 the witness
        has another size (then the body) or another root of this size; 422 the proof does not hold.
    """
    try:
        request = parse_request(body)
        note = parse_note(request.checkpoint)
        checkpoint = parse_checkpoint(note.text)
    except VerificationError as error:
        return _refusal(400, error.message)
    known = logs.get(checkpoint.origin)
    if known is None:
        return _refusal(404, f"unknown log {checkpoint.origin[:80]}")
    try:
        opened(note, known)
    except VerificationError as error:
        return _refusal(403, error.message)
    head = heads.get(checkpoint.origin, Head())
    return _against(head, request, checkpoint) or _cosigned(note, checkpoint, keys, time_s)


def _against(head: Head, request: Request, checkpoint: Checkpoint) -> Answer | None:
    """Return why a checkpoint does not continue what was cosigned, or None."""
    if request.old_size > checkpoint.size:
        return _refusal(400, f"the old size {request.old_size} is above that of the checkpoint, {checkpoint.size}")
    same_size = request.old_size == checkpoint.size
    if request.old_size != head.size or (same_size and checkpoint.root != head.root):
        return Answer(409, f"{head.size}\n".encode("ascii"), SIZE_TYPE)
    try:
        if request.old_size:
            verify_consistency(
                request.hashes,
                old_size=head.size,
                old_root=head.root,
                new_size=checkpoint.size,
                new_root=checkpoint.root,
            )
        elif request.hashes:
            raise VerificationError("L113", "a proof from the empty tree has no hashes")
    except VerificationError as error:
        return _refusal(422, error.message)
    return None


def _cosigned(note: Note, checkpoint: Checkpoint, keys: Sequence[SigningKey], time_s: int) -> Answer:
    try:
        lines = [signature_of(note.text, key, time_s=time_s).line() for key in keys]
    except VerificationError as error:  # an origin too long for the message of this type of key
        return _refusal(400, error.message)
    head = Head(checkpoint.size, checkpoint.root)
    return Answer(200, "".join(lines).encode(), origin=checkpoint.origin, head=head)


def _refusal(status: int, message: str) -> Answer:
    return Answer(status, f"{message}\n".encode("utf-8", "replace"))


def parse_request(data: bytes) -> Request:
    """Return the request that a body is, so that :meth:`Request.to_bytes` gives the same bytes again; L124 if none."""
    if len(data) > MAX_REQUEST_BYTES:
        raise VerificationError("L124", f"a request of {len(data)} bytes, where {MAX_REQUEST_BYTES} is the most")
    head, blank, checkpoint = data.partition(b"\n\n")
    try:
        lines = head.decode("ascii").split("\n")
    except UnicodeDecodeError:
        lines = [""]
    word, _, number = lines.pop(0).partition(" ")
    old_size = decimal(number) if word == "old" else None
    hashes = [base64_bytes(line, length=HASH_SIZE) for line in lines]
    found = tuple(node for node in hashes if node is not None)
    if not blank or old_size is None or len(found) != len(hashes):
        raise VerificationError("L124", "the request has a line that is not as written")
    try:
        return Request(old_size, found, checkpoint)
    except InputError as error:
        raise VerificationError(error.code, error.message) from None


# ----------------------------------------------------------------------------------------------------------------- log


def add_cosignatures(note: bytes, body: bytes, keys: Sequence[VerifierKey]) -> bytes:
    """Return a log's note with what a witness answered; lines of unknown keys are left out.

    Raises
    ------
    VerificationError
        L119, if the answer is no lines of signatures; L117, if one of a known key does not hold or none is of one.
    """
    parts = parse_note(note)
    known = {(key.name, key.key_id) for key in keys}
    lines = [line for line in parse_signatures(body) if (line.name, line.key_id) in known]
    opened(Note(parts.text, tuple(lines)), keys)
    added = tuple(line for line in lines if line not in parts.signatures)
    return Note(parts.text, parts.signatures + added).to_bytes()


def stored_size(body: bytes) -> int:
    """Return the size that a witness names when it answers 409; L124 if it names none."""
    text = body.decode("ascii", "replace")
    size = decimal(text[:-1]) if text.endswith("\n") else None
    if size is None:
        raise VerificationError("L124", f"not the size of a log: {text[:40]!r}")
    return size
