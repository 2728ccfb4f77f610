"""A receipt: proof that an entry is in a log, checked without a network (C2SP tlog-proof).

It holds the place of the entry, the hashes from its leaf to the root, and the checkpoint with all signatures. It does not
hold the entry itself; ``extra`` is not signed by anybody and is believed only where something else vouches for it.

Examples
--------
>>> from equipoise.ledger.keys import Algorithm, SigningKey
>>> from equipoise.ledger.checkpoint import Checkpoint
>>> from equipoise.ledger.note import sign_note
>>> from equipoise.ledger.quorum import Party, Policy
>>> from equipoise.ledger.tree import leaf_hash
>>> log = SigningKey("lab.example/log", Algorithm.ED25519, bytes(32))
>>> head = sign_note(Checkpoint("lab.example/log", 1, leaf_hash(b"started")).text(), [log])
>>> receipt = Proof(0, (), head).to_bytes()
>>> policy = Policy(logs=(Party(log.verifier),))
>>> verify_proof(receipt, b"started", policy=policy).split_view_excluded
False
>>> verify_proof(receipt, b"stopped", policy=policy)
Traceback (most recent call last):
...
equipoise.errors.VerificationError: L112 the proof for entry 0 of 1 leads to another root
"""

from __future__ import annotations

from dataclasses import dataclass

from equipoise.errors import InputError, VerificationError
from equipoise.ledger.encoding import base64_bytes, base64_text, decimal
from equipoise.ledger.quorum import Policy, Witnessed
from equipoise.ledger.tree import HASH_SIZE, MAX_SIZE, leaf_hash, verify_inclusion

MAX_PROOF_BYTES = 16 << 20
MAX_HASHES = 63
_HEADER = "c2sp.org/tlog-proof@v1"


@dataclass(frozen=True, slots=True)
class Proof:
    """A receipt in its parts; nothing about it has been verified.

    Parameters
    ----------
    index : int
        Which entry, from 0.
    hashes : tuple of bytes
        Its inclusion proof.
    checkpoint : bytes
        The signed note, as the log and its witnesses made it.
    extra : bytes
        What else the reader may want to know.
    """

    index: int
    hashes: tuple[bytes, ...]
    checkpoint: bytes
    extra: bytes = b""

    def __post_init__(self) -> None:
        if not 0 <= self.index < MAX_SIZE or len(self.hashes) > MAX_HASHES:
            raise InputError("L121", f"no proof of entry {self.index} by {len(self.hashes)} hashes")
        if any(len(node) != HASH_SIZE for node in self.hashes):
            raise InputError("L121", f"a hash of a proof has {HASH_SIZE} bytes")

    def to_bytes(self) -> bytes:
        """Return the receipt as it is stored and sent."""
        lines = [_HEADER, f"extra {base64_text(self.extra)}"] if self.extra else [_HEADER]
        lines += [f"index {self.index}", *map(base64_text, self.hashes), "", ""]
        return "\n".join(lines).encode("ascii") + self.checkpoint


def parse_proof(data: bytes) -> Proof:
    """Return a receipt in its parts, so that :meth:`Proof.to_bytes` gives the same bytes again; L121 if it is none."""
    if len(data) > MAX_PROOF_BYTES:
        raise VerificationError("L121", f"a receipt of {len(data)} bytes, where {MAX_PROOF_BYTES} is the most")
    head, blank, checkpoint = data.partition(b"\n\n")
    try:
        lines = head.decode("ascii").split("\n")
    except UnicodeDecodeError:
        lines = [""]
    if not blank or lines.pop(0) != _HEADER:
        raise VerificationError("L121", f"a receipt begins with {_HEADER} and has a checkpoint after an empty line")
    extra: bytes | None = b""
    if lines and lines[0].startswith("extra "):
        extra = base64_bytes(lines.pop(0).removeprefix("extra ")) or None
    word, _, number = lines.pop(0).partition(" ") if lines else ("", "", "")
    index = decimal(number) if word == "index" else None
    hashes = [base64_bytes(line, length=HASH_SIZE) for line in lines]
    found = tuple(node for node in hashes if node is not None)
    if extra is None or index is None or len(found) != len(hashes):
        raise VerificationError("L121", "the receipt has a line that is not as written")
    try:
        return Proof(index, found, checkpoint, extra)
    except InputError as error:
        raise VerificationError(error.code, error.message) from None


def verify_proof(data: bytes, entry: bytes, *, policy: Policy, until_s: int | None = None) -> Witnessed:
    """Check that an entry is in a log that the policy knows, seen by the quorum it asks for.

    Parameters
    ----------
    data, entry : bytes
        The receipt, and the entry it is about.
    policy : Policy
        Whom the verifier trusts.
    until_s : int or None
        As in :meth:`~equipoise.ledger.quorum.Policy.open`.

    Raises
    ------
    VerificationError
        L112, L117 to L119, L121 or L123: whatever does not hold first.
    """
    proof = parse_proof(data)
    witnessed = policy.open(proof.checkpoint, until_s=until_s)
    checkpoint = witnessed.checkpoint
    verify_inclusion(proof.hashes, index=proof.index, size=checkpoint.size, leaf=leaf_hash(entry), root=checkpoint.root)
    return witnessed
