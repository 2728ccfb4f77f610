"""The spool keeps what it acknowledged, in order, and nothing that somebody else wrote."""

from __future__ import annotations

import os
from pathlib import Path
from random import Random

import pytest

from equipoise.controller.spool import Kept, Spool
from equipoise.errors import StoreError
from equipoise.ledger.keys import Algorithm, SigningKey

KEY = SigningKey("live.example/log", Algorithm.ED25519, bytes(range(32)))
OTHER = SigningKey("live.example/log", Algorithm.ED25519, bytes(range(1, 33)))


def records(count: int, chance: Random) -> list[Kept]:
    found: list[Kept] = []
    first = 5
    for n in range(count):
        entries = tuple(chance.randbytes(chance.randint(1, 200)) for _ in range(chance.randint(1, 3)))
        found.append(Kept(first, entries, n * 10))
        first += len(entries)
    return found


def opened(path: Path, key: SigningKey = KEY, most_bytes: int = 1 << 20) -> Spool:
    return Spool(path, key, most_bytes=most_bytes)


def test_what_is_kept_is_there_for_the_next(tmp_path: Path) -> None:
    told = records(20, Random(1))
    spool = opened(tmp_path / "spool")
    for one in told:
        spool.keep(one)
    assert opened(tmp_path / "spool").records == told
    spool.clear()
    assert opened(tmp_path / "spool").records == []
    spool.keep(told[0])
    assert opened(tmp_path / "spool").records == told[:1]


def test_a_record_that_was_broken_off_anywhere_was_never_acknowledged(tmp_path: Path) -> None:
    told = records(3, Random(2))
    spool = opened(tmp_path / "spool")
    for one in told:
        spool.keep(one)
    data = (tmp_path / "spool").read_bytes()
    ends = [at + 1 for at, byte in enumerate(data) if byte == 10]
    for cut in range(len(data)):
        (tmp_path / "cut").write_bytes(data[:cut])
        again = opened(tmp_path / "cut")
        whole = sum(end <= cut for end in ends)
        assert again.records == told[:whole]
        if cut % 37 == 0 and whole < 3:  # what is kept next follows what is whole
            again.keep(told[whole])
            assert opened(tmp_path / "cut").records == told[: whole + 1]


def test_a_changed_moved_missing_or_foreign_record_is_noticed(tmp_path: Path) -> None:
    spool = opened(tmp_path / "spool")
    for one in records(3, Random(3)):
        spool.keep(one)
    data = (tmp_path / "spool").read_bytes()
    lines = data.splitlines(keepends=True)
    chance = Random(4)
    wrong = [b"".join(lines[1:]), lines[0] + lines[2], lines[0] + lines[0], lines[1] + lines[0]]
    for _ in range(60):
        at = chance.randrange(len(data) - 1)
        if data[at] != 10:
            wrong.append(data[:at] + bytes([data[at] ^ 1 << chance.randrange(7)]) + data[at + 1 :])
    for changed in wrong:
        (tmp_path / "wrong").write_bytes(changed)
        with pytest.raises(StoreError) as caught:
            opened(tmp_path / "wrong")
        assert caught.value.code == "R105"
    with pytest.raises(StoreError) as caught:
        opened(tmp_path / "spool", OTHER)
    assert caught.value.code == "R105"


def test_a_full_spool_takes_nothing_and_loses_nothing(tmp_path: Path) -> None:
    told = records(50, Random(5))
    spool = opened(tmp_path / "spool", most_bytes=4_000)
    kept: list[Kept] = []
    with pytest.raises(StoreError) as caught:
        for one in told:
            spool.keep(one)
            kept.append(one)
    assert caught.value.code == "R106" and caught.value.retryable and kept
    assert (tmp_path / "spool").stat().st_size <= 4_000
    assert opened(tmp_path / "spool").records == kept


def test_a_disk_that_fails_half_way_leaves_the_record_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = records(3, Random(6))
    spool = opened(tmp_path / "spool")
    spool.keep(told[0])
    write = os.pwrite

    def half(file: int, data: bytes, at: int) -> int:
        if len(data) < 60:
            raise OSError(28, "No space left on device")
        return write(file, data[: len(data) // 2], at)

    monkeypatch.setattr(os, "pwrite", half)
    with pytest.raises(StoreError) as caught:
        spool.keep(told[1])
    assert caught.value.code == "R104"
    monkeypatch.undo()
    assert opened(tmp_path / "spool").records == told[:1]
    spool.keep(told[2])
    assert opened(tmp_path / "spool").records == [told[0], told[2]]
