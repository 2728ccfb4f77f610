"""A log, its witnesses and receipts, real keys and all, for tests; and damage of every kind to bytes."""

from __future__ import annotations

from hypothesis import strategies as st

from equipoise.ledger.checkpoint import Checkpoint
from equipoise.ledger.keys import Algorithm, SigningKey
from equipoise.ledger.note import cosign, sign_note
from equipoise.ledger.proof import Proof
from equipoise.ledger.quorum import Policy, parse_policy
from equipoise.ledger.tree import Frontier, MemoryHashes, inclusion_proof, leaf_hashes

ORIGIN = "lab.example/log"
TIME_S = 1_800_000_000
LOG = SigningKey(ORIGIN, Algorithm.ED25519, bytes([1]) * 32)
EYES = tuple(SigningKey(f"w{n}.example", Algorithm.COSIGNATURE, bytes([10 + n]) * 32) for n in range(3))
LATTICE = SigningKey("pq.example", Algorithm.ML_DSA_44, bytes([20]) * 32)
ENTRIES = [b"entry %d" % n for n in range(11)]


class GrowingLog:
    """A log in memory that signs what it is."""

    def __init__(self, entries: list[bytes], key: SigningKey = LOG, origin: str = ORIGIN) -> None:
        self.entries = list(entries)
        self.hashes = MemoryHashes()
        self.frontier = Frontier()
        self.hashes.extend(self.frontier.extend(leaf_hashes(entries)))
        self.key, self.origin = key, origin

    def add(self, entries: list[bytes]) -> None:
        self.entries += entries
        self.hashes.extend(self.frontier.extend(leaf_hashes(entries)))

    def note(self) -> bytes:
        return sign_note(Checkpoint(self.origin, self.frontier.size, self.frontier.root()).text(), [self.key])

    def receipt(self, index: int, *eyes: SigningKey, time_s: int = TIME_S, extra: bytes = b"") -> bytes:
        proof = tuple(inclusion_proof(index, self.frontier.size, self.hashes))
        return Proof(index, proof, cosign(self.note(), eyes, time_s=time_s), extra).to_bytes()


def policy_of(*eyes: SigningKey, needed: str = "all") -> Policy:
    lines = [f"log {LOG.verifier}", *(f"witness {eye.name} {eye.verifier}" for eye in eyes)]
    lines += (
        [f"group all-eyes {needed} {' '.join(eye.name for eye in eyes)}", "quorum all-eyes"]
        if eyes
        else ["quorum none"]
    )
    return parse_policy("".join(f"{line}\n" for line in lines).encode())


def flips(data: bytes, *, step: int = 1) -> list[bytes]:
    """The data with one bit flipped, for every bit (or for each ``step``-th)."""
    return [
        data[: bit // 8] + bytes([data[bit // 8] ^ 1 << bit % 8]) + data[bit // 8 + 1 :]
        for bit in range(0, 8 * len(data), step)
    ]


@st.composite
def damaged(draw: st.DrawFn, sample: bytes) -> bytes:
    """A document with bytes and lines changed, dropped, doubled and moved: near enough to get deep into a parser."""
    lines = sample.split(b"\n")
    for _ in range(draw(st.integers(0, 3))):
        at, other = draw(st.integers(0, len(lines) - 1)), draw(st.integers(0, len(lines) - 1))
        action = draw(st.sampled_from(["drop", "double", "swap", "insert", "replace", "none"]))
        if action == "drop" and len(lines) > 1:
            del lines[at]
        elif action == "double":
            lines.insert(at, lines[other])
        elif action == "swap":
            lines[at], lines[other] = lines[other], lines[at]
        elif action == "insert":
            lines.insert(at, draw(st.binary(max_size=12)))
        elif action == "replace":
            lines[at] = draw(st.one_of(st.just(b""), st.binary(max_size=50), st.text(max_size=20).map(str.encode)))
    data = b"\n".join(lines)
    for _ in range(draw(st.integers(0, 3))):
        start = draw(st.integers(0, len(data)))
        end = start + draw(st.integers(0, 3))
        data = data[:start] + draw(st.binary(max_size=3)) + data[end:]
    return data
