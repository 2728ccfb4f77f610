"""The digest of decisions: rebuilt from the bytes as its definition says, whenever they came and whenever it was put aside."""

from __future__ import annotations

from hashlib import sha256
from random import Random

import numpy as np
import pytest

from equipoise.policy.kernel.layout import DECISION
from equipoise.policy.stream import BLOCK, Stream


def decisions(n: int) -> np.ndarray:
    values = np.random.default_rng(n).integers(0, 256, 24 * n, np.uint8)
    return np.frombuffer(values.tobytes(), DECISION)


def by_definition(data: bytes) -> str:
    link = b""
    while len(data) >= 24 * 1024:
        link, data = sha256(link + data[: 24 * 1024]).digest(), data[24 * 1024 :]
    return sha256(link + data).hexdigest()


@pytest.mark.parametrize("n", [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK, 5 * BLOCK + 7])
def test_digest_depends_on_the_decisions_only(n: int) -> None:
    whole = decisions(n)
    chance = Random(n)
    stream = Stream(keep=True)
    at = 0
    while at < n:
        size = chance.choice((0, 1, 700, BLOCK, 2_500))
        stream.add(whole[at : at + size])
        at += size
        if chance.random() < 0.5:
            stream_again = Stream(keep=True)
            stream_again.resume(stream.link, stream.rest, stream.kept)
            stream = stream_again
    assert stream.digest == by_definition(whole.tobytes())
    assert stream.kept is not None
    assert stream.kept.tobytes() == whole.tobytes()
    assert len(stream.rest) < 24 * BLOCK


def test_every_bit_of_every_decision_counts() -> None:
    whole = decisions(BLOCK + 300)
    digests = {by_definition(whole.tobytes())}
    for bit in range(0, 8 * 24 * (BLOCK + 300), 997):
        data = bytearray(whole.tobytes())
        data[bit // 8] ^= 1 << bit % 8
        stream = Stream(keep=False)
        stream.add(np.frombuffer(bytes(data), DECISION))
        digests.add(stream.digest)
    assert len(digests) == 1 + len(range(0, 8 * 24 * (BLOCK + 300), 997))
