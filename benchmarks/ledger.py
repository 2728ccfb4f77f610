"""How fast entries are hashed, proofs made and checked, and texts read: the table of docs/ledger.md.

`python -m benchmarks.ledger` prints it; with `--write` it puts it into the page. About a minute of one core, half a GiB.
Rates are by the process's own processor time, so that what else the machine does counts little.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from typing import TypeVar

from benchmarks._machine import machine
from benchmarks._page import table, with_tables
from benchmarks.philly import ROOT
from equipoise.ledger.checkpoint import Checkpoint
from equipoise.ledger.entry import encode_entry, parse_entry
from equipoise.ledger.keys import Algorithm, SigningKey, ed25519_fault, parse_verifier_key
from equipoise.ledger.note import cosign, open_note, parse_note, sign_note
from equipoise.ledger.proof import Proof, parse_proof, verify_proof
from equipoise.ledger.quorum import parse_policy
from equipoise.ledger.tiles import Tile, TileHashes
from equipoise.ledger.tree import (
    Frontier,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    leaf_hashes,
    verify_consistency,
    verify_inclusion,
)

PAGE = ROOT / "docs" / "ledger.md"
ENTRIES = 10_000_000
BATCH = 10_000
ENTRY_BYTES = 200
SEED = 7
SHORT_S = 2.0
"""How long each rate is measured, at least, in processor time."""

TIME_S = 1_800_000_000
_T = TypeVar("_T")


class TiledLog:
    """A log of entries that are made when asked for, its tiles in memory."""

    def __init__(self, size: int) -> None:
        self.levels: list[bytearray] = []
        self.frontier = Frontier()
        self.seconds = 0.0
        for start in range(0, size, BATCH):
            entries = [entry(n) for n in range(start, min(start + BATCH, size))]
            begun = time.process_time()
            grown = self.frontier.extend(leaf_hashes(entries))
            self.seconds += time.process_time() - begun
            for level, nodes in enumerate(grown[::8]):
                if level == len(self.levels):
                    self.levels.append(bytearray())
                self.levels[level] += b"".join(nodes)

    def tile(self, tile: Tile) -> bytes:
        """Return the hashes of a tile."""
        start = tile.index * 256 * 32
        return bytes(self.levels[tile.level][start : start + tile.width * 32])


def entry(n: int) -> bytes:
    return b"%0*d" % (ENTRY_BYTES, n)


def main() -> None:
    rows = list(figures())
    made = [f"{machine()}.\n\n" + table(["what | per second of one core", "--- | ---:", *rows])]
    print(made[0])
    if "--write" in sys.argv[1:]:
        PAGE.write_text(with_tables(PAGE.read_text("utf-8"), "ledger", made), "utf-8")


def figures() -> Iterator[str]:
    chance = random.Random(SEED)
    yield from appends()
    log = TiledLog(ENTRIES)
    yield row(f"appends, {BATCH:,} at a time, in a log that grows to {ENTRIES:,}", ENTRIES / log.seconds)
    size, root = log.frontier.size, log.frontier.root()
    places = [chance.randrange(size) for _ in range(20_000)]
    cold = TileHashes(size, log.tile)
    yield row(
        f"inclusion proofs of random entries of {size:,}, 256 tiles kept",
        rate(lambda n: inclusion_proof(n, size, cold), places),
    )
    near = [size - 1 - chance.randrange(10_000) for _ in range(20_000)]
    yield row("inclusion proofs of the latest 10,000 entries", rate(lambda n: inclusion_proof(n, size, cold), near))
    yield row("consistency proofs from a random size", rate(lambda n: consistency_proof(n + 1, size, cold), places))
    yield from checks(log, root, places[:2_000])
    yield from texts(log)


def appends() -> Iterator[str]:
    entries = [entry(n) for n in range(BATCH)]
    hashing = rate(lambda _: [sha256(b"\0" + one).digest() for one in entries], [0])
    yield row(f"SHA-256 of entries of {ENTRY_BYTES} bytes and nothing else", hashing * BATCH)
    for batch in (1, 100):
        parts, log = [entries[i : i + batch] for i in range(0, BATCH, batch)], Frontier()
        yield row(
            f"appends, {batch} at a time", batch * rate(lambda part, log=log: log.extend(leaf_hashes(part)), parts)
        )


def checks(log: TiledLog, root: bytes, places: Sequence[int]) -> Iterator[str]:
    size, tiles = log.frontier.size, TileHashes(log.frontier.size, log.tile)
    made = [(n, leaf_hash(entry(n)), inclusion_proof(n, size, tiles)) for n in places]
    yield row(
        "inclusion proofs checked",
        rate(lambda one: verify_inclusion(one[2], index=one[0], size=size, leaf=one[1], root=root), made),
    )
    olds = [(n + 1, TileHashes(size, log.tile)) for n in places[:200]]
    steps = [(old, Frontier.read(old, own).root(), consistency_proof(old, size, own)) for old, own in olds]
    yield row(
        "consistency proofs checked",
        rate(
            lambda one: verify_consistency(one[2], old_size=one[0], old_root=one[1], new_size=size, new_root=root),
            steps,
        ),
    )


def texts(log: TiledLog) -> Iterator[str]:
    key = SigningKey("lab.example/log", Algorithm.ED25519, bytes(range(32)))
    eyes = [SigningKey(f"w{n}.example", Algorithm.COSIGNATURE, bytes([n]) * 32) for n in (1, 2)]
    lattice = SigningKey("pq.example", Algorithm.ML_DSA_44, bytes([9]) * 32)
    size = log.frontier.size
    body = Checkpoint(key.name, size, log.frontier.root()).text()
    note = cosign(sign_note(body, [key]), eyes, time_s=TIME_S)
    hashes = tuple(inclusion_proof(5, size, TileHashes(size, log.tile)))
    receipt = Proof(5, hashes, note).to_bytes()
    lines = [f"log {key.verifier}", *(f"witness {eye.name} {eye.verifier}" for eye in eyes)]
    lines += [f"group eyes all {' '.join(eye.name for eye in eyes)}", "quorum eyes", ""]
    policy = parse_policy("\n".join(lines).encode())
    job = encode_entry(
        {"kind": "job_submitted", "at_ms": 1_800_000_000_000, "job": "a-12", "gang": 8, "team": "safety"}
    )
    lattice_note = cosign(note, [lattice], time_s=TIME_S)
    yield row("checkpoints signed", rate(lambda _: sign_note(body, [key]), [0]))
    yield row("notes of three signatures read", rate(parse_note, [note]))
    yield row("receipts read", rate(parse_proof, [receipt]))
    checked = rate(lambda one: verify_proof(one, entry(5), policy=policy), [receipt])
    yield row("receipts checked: a proof, the log's signature, two witnesses", checked)
    yield row("ML-DSA-44 cosignatures checked", rate(lambda one: open_note(one, [lattice.verifier]), [lattice_note]))
    yield row("keys read and found fit, each for the first time", first_reads())
    yield row(f"entries of {len(job)} bytes written", rate(encode_entry, [parse_entry(job)]))
    yield row(f"entries of {len(job)} bytes read", rate(parse_entry, [job]))


def first_reads() -> float:
    keys = [str(SigningKey("k", Algorithm.ED25519, n.to_bytes(32, "big")).verifier) for n in range(200)]
    ed25519_fault.cache_clear()
    begun = time.process_time()
    for text in keys:
        parse_verifier_key(text)
    return len(keys) / (time.process_time() - begun)


def rate(action: Callable[[_T], object], samples: Sequence[_T]) -> float:
    """Return how often an action runs in a second, by processor time."""
    done, begun = 0, time.process_time()
    while True:
        for sample in samples:
            action(sample)
        done += len(samples)
        spent = time.process_time() - begun
        if spent >= SHORT_S:
            return done / spent


def row(what: str, per_second: float) -> str:
    digits = 10 ** max(0, len(str(int(per_second))) - 2)
    return f"{what} | {round(per_second / digits) * digits:,}"


if __name__ == "__main__":
    main()
