"""Recorded before acted on: in the ledger, else in the spool, else not at all; and never over what somebody else wrote."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from equipoise.controller.recorder import Recorder
from equipoise.controller.settings import Settings
from equipoise.controller.spool import Spool
from equipoise.errors import StoreError
from equipoise.ledger.entry import encode_entry
from equipoise.ledger.keys import Algorithm, SigningKey
from equipoise.store import open_sqlite, verify_sqlite
from tests.scenario.scripted_engine import VirtualClock

KEY = SigningKey("live.example/log", Algorithm.ED25519, bytes(range(32)))


class Desk:
    """A recorder over a real ledger, whose disk can be made full."""

    def __init__(self, folder: Path, *, spool_bytes: int = 1 << 20) -> None:
        self.path = folder / "ledger.db"
        self.clock = VirtualClock()
        self.store = open_sqlite(self.path, origin=KEY.name)
        self.spool = Spool(folder / "spool", KEY, most_bytes=spool_bytes)
        self.recorder = Recorder(self.store, self.spool, KEY, self.clock, Settings(spool_bytes=spool_bytes))
        self.heard: list[tuple[int, Any]] = []
        self.recorder.subscribe(lambda number, values: self.heard.append((number, values)))

    def entries(self) -> list[bytes]:
        with open_sqlite(self.path, read_only=True) as store:
            return list(store.entries())


def values(first: int, count: int = 1) -> list[dict[str, Any]]:
    return [{"kind": "pass", "at_ms": n} for n in range(first, first + count)]


def bytes_of(told: Sequence[dict[str, Any]]) -> list[bytes]:
    return [encode_entry(one) for one in told]


@pytest.fixture
def full(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """While it holds True, no ledger can be written: the tables raise what SQLite does on a full disk."""
    from equipoise.store.sqlite import SqliteTables

    is_full, grow = [False], SqliteTables.grow

    def failing(tables: SqliteTables, growth: Any) -> None:
        if is_full[0]:
            raise StoreError("L145", "database or disk is full", retryable=True)
        grow(tables, growth)

    monkeypatch.setattr(SqliteTables, "grow", failing)
    return is_full


def test_while_the_disk_is_full_passes_go_to_the_spool_and_then_to_the_ledger_in_their_order(
    tmp_path: Path, full: list[bool]
) -> None:
    desk = Desk(tmp_path)
    assert desk.recorder.write(values(0, 2), 1)
    full[0] = True
    for n in range(2, 7):
        assert desk.recorder.write(values(n), n)
    assert desk.recorder.spooled == 5 and desk.recorder.trouble is not None
    assert desk.entries() == bytes_of(values(0, 2))
    desk.clock.advance(10_000)
    assert desk.recorder.settle() and desk.recorder.spooled == 5  # it is still full
    full[0] = False
    desk.clock.advance(10_000)
    assert desk.recorder.settle() and desk.recorder.spooled == 0 and desk.recorder.trouble is None
    assert desk.recorder.write(values(7), 7)
    assert desk.entries() == bytes_of(values(0, 8))
    assert [number for number, _ in desk.heard] == list(range(8))
    desk.recorder.sign()
    desk.store.close()
    assert verify_sqlite(desk.path, keys=[KEY.verifier]).ok


def test_the_next_life_brings_the_spool_over_even_if_the_ledger_has_some_of_it(
    tmp_path: Path, full: list[bool]
) -> None:
    desk = Desk(tmp_path)
    full[0] = True
    for n in range(4):
        assert desk.recorder.write(values(n), n)
    desk.store.close()
    full[0] = False
    with open_sqlite(desk.path, origin=KEY.name) as store:  # as if the life before had died half-way
        store.append(bytes_of(values(0, 2)), ["entry 0", "entry 1"], time_ms=1)
    again = Desk(tmp_path)
    assert again.entries() == bytes_of(values(0, 4)) and again.recorder.size == 4 and not again.spool.records
    again.store.close()


def test_where_neither_takes_anything_nothing_goes_on_until_one_does(tmp_path: Path, full: list[bool]) -> None:
    desk = Desk(tmp_path, spool_bytes=1_000)
    full[0] = True
    n = 0
    while desk.recorder.write(values(n), n):
        n += 1
    assert n > 0 and desk.recorder.blocked and not desk.recorder.settle()
    with pytest.raises(AssertionError):
        desk.recorder.write(values(n + 1), n + 1)
    full[0] = False
    desk.clock.advance(10_000)
    assert desk.recorder.settle() and not desk.recorder.blocked
    assert desk.entries() == bytes_of(values(0, n + 1))
    assert [number for number, _ in desk.heard] == list(range(n + 1))
    desk.store.close()


def test_who_finds_a_number_taken_no_longer_leads(tmp_path: Path, full: list[bool]) -> None:
    desk = Desk(tmp_path)
    assert desk.recorder.write(values(0), 0)
    full[0] = True
    assert desk.recorder.write(values(1), 1)
    desk.store.close()
    full[0] = False
    with open_sqlite(desk.path, origin=KEY.name) as other:
        other.append(bytes_of(values(5)), ["entry 1"], time_ms=5)
    desk.clock.advance(10_000)
    with pytest.raises(StoreError) as caught:
        desk.recorder.settle()
    assert caught.value.code == "R107" and not caught.value.retryable
    assert desk.entries() == bytes_of([*values(0), *values(5)])


def test_the_head_is_signed_as_often_as_it_is_asked_and_only_if_it_grew(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.recorder.every_ms = 60_000
    assert desk.recorder.write(values(0), 0)
    desk.recorder.sign_if_due()
    assert desk.store.checkpoint() is None
    for _ in range(3):
        desk.clock.advance(60_000)
        desk.recorder.sign_if_due()
    assert len(list(desk.store.heads())) == 1
    assert desk.recorder.write(values(1), 1)
    desk.clock.advance(60_000)
    desk.recorder.sign_if_due()
    assert len(list(desk.store.heads())) == 2
    desk.store.close()


def test_an_entry_too_long_for_one_takes_several_numbers(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    assert desk.recorder.write([{"kind": "charter", "text": "x" * 100_000}], 0)
    assert desk.recorder.size == len(desk.entries()) > 1
    assert desk.recorder.write([{"kind": "charter", "text": "y" * 100_000}, *values(1)], 1)
    assert [number for number, _ in desk.heard][1:] == [desk.recorder.size - 2, desk.recorder.size - 1]
    desk.store.close()
