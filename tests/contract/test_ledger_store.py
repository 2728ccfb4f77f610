"""What every ledger store does, over SQLite and over a real PostgreSQL server."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import pytest

from equipoise.errors import InputError, StoreError
from equipoise.ledger.note import cosign, open_note
from equipoise.ledger.tiles import grown_tiles, parse_bundle, parse_tile
from equipoise.ledger.tree import (
    EMPTY_ROOT,
    Frontier,
    MemoryHashes,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    leaf_hashes,
    root_of,
    verify_consistency,
    verify_inclusion,
)
from equipoise.store import LedgerStore, State
from equipoise.store.tables import Growth
from tests.contract.ledger_stores import EYE, LOG, ORIGIN, Kind, Postgres, Sqlite, made, note_of, signer
from tests.contract.postgres_server import programs, server
from tests.reference import merkle

DAY_MS = 86_400_000
YEAR_MS = 365 * DAY_MS


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def address(request: pytest.FixtureRequest) -> Iterator[str]:
    if request.param == "sqlite":
        yield ""
    elif programs() is None:
        pytest.skip("PostgreSQL is not installed")
    else:
        with server() as found:
            yield found


@pytest.fixture
def kind(address: str, tmp_path: Path) -> Kind:
    return Postgres(tmp_path, address) if address else Sqlite(tmp_path)


def code_of(error: pytest.ExceptionInfo[StoreError] | pytest.ExceptionInfo[InputError]) -> str:
    return error.value.code


# ----------------------------------------------------------------------------------------------------- appending, reading


def test_a_new_log_is_empty(kind: Kind) -> None:
    with kind.new() as store:
        as_protocol: LedgerStore = store
        assert (as_protocol.size, as_protocol.root, as_protocol.origin) == (0, EMPTY_ROOT, ORIGIN)
        assert (store.state, store.time_ms, store.checkpoint()) == (State.OPEN, 0, None)
        assert list(store.entries()) == list(store.heads()) == []
        assert store.append([]) == range(0)
    assert kind.verify().ok


@pytest.mark.parametrize("seed", range(3))
def test_what_was_appended_is_read_back_and_hashes_as_the_rfc_says(kind: Kind, seed: int) -> None:
    chance = random.Random(seed)
    entries: list[bytes] = []
    store = kind.new()
    while len(entries) < 1200:
        count = chance.choice([1, 2, 3, 100, 255, 256, 257])
        more = made(count, first=len(entries))
        assert store.append(more) == range(len(entries), len(entries) + count)
        entries += more
        assert (store.size, store.root) == (len(entries), merkle.mth(entries))
        if chance.random() < 0.3:
            store.close()
            store = kind.open()
        first, end = sorted(chance.choices(range(len(entries) + 1), k=2))
        assert list(store.entries(first, end)) == entries[first:end]
    assert list(store.entries()) == entries
    store.close()
    assert kind.verify(keys=[LOG.verifier]).size == len(entries)
    assert kind.verify().ok


def test_proofs_and_tiles_over_three_levels_of_tiles(kind: Kind) -> None:
    entries = made(65_900)
    memory, log = MemoryHashes(), Frontier()
    memory.extend(log.extend(leaf_hashes(entries)))
    with kind.new() as store:
        for first, end in pairwise((0, 255, 256, 257, 513, 65_500, 65_537, 65_900)):
            store.append(entries[first:end])
            for tile in grown_tiles(first, end, entries=True):
                data = store.read_tile(tile)
                if tile.level < 0:
                    start = tile.index * 256
                    assert parse_bundle(data, width=tile.width) == entries[start : start + tile.width]
                else:
                    row = [memory.read(8 * tile.level, 256 * tile.index + i) for i in range(tile.width)]
                    assert parse_tile(data, width=tile.width) == row and len(data) == 32 * tile.width
        for index in (0, 255, 256, 65_535, 65_536, 65_899):
            proof = inclusion_proof(index, store.size, store)
            assert proof == inclusion_proof(index, len(entries), memory)
            verify_inclusion(proof, index=index, size=store.size, leaf=leaf_hash(entries[index]), root=store.root)
        for old in (1, 255, 257, 65_537):
            proof = consistency_proof(old, store.size, store)
            roots = {"old_root": root_of(leaf_hashes(entries[:old])), "new_root": store.root}
            verify_consistency(proof, old_size=old, new_size=store.size, **roots)
    with kind.open(read_only=True) as store:
        assert store.read(16, 0) == memory.read(16, 0)
        with pytest.raises(InputError) as error:
            store.read(0, 65_900)
        assert code_of(error) == "L111"
        with pytest.raises(InputError) as error:
            list(store.entries(0, 65_901))
        assert code_of(error) == "L111"
    assert kind.verify().ok


# -------------------------------------------------------------------------------------------------------- idempotency keys


def test_a_key_is_written_once_and_names_the_same_bytes_for_ever(kind: Kind) -> None:
    with kind.new() as store:
        assert list(store.append([b"a", b"b", b"c"], ["ka", None, "kc"])) == [0, 1, 2]
        assert list(store.append([b"c", b"b", b"d", b"d"], ["kc", None, "kd", "kd"])) == [2, 3, 4, 4]
        before = store.size, store.root
        for entries, keys in (([b"new", b"other"], ["kn", "ka"]), ([b"1", b"2"], ["same", "same"])):
            with pytest.raises(InputError) as error:
                store.append(entries, keys)
            assert code_of(error) == "L142"
        assert ((store.size, store.root), store.state) == (before, State.OPEN)
        assert store.find("kn") is None and store.find("kd") == 4
    with kind.open() as store:
        assert list(store.append([b"c", b"e"], ["kc", "ke"])) == [2, 5]
        assert list(store.entries()) == [b"a", b"b", b"c", b"b", b"d", b"e"]
    assert kind.verify().ok


def test_keys_and_entries_that_cannot_be_are_refused(kind: Kind) -> None:
    with kind.new() as store:
        for keys in ([""], ["x" * 256], ["a\0b"], ["a\nb"], ["\ud800"], ["a", "b"], []):
            with pytest.raises(InputError) as error:
                store.append([b"entry"], keys)
            assert code_of(error) == "L153", keys
        with pytest.raises(InputError) as error:
            store.append([b"fits", bytes(65_536)])
        assert code_of(error) == "L114"
        assert store.append([bytes(65_535), b""], ["é" * 255, "¼"]) == range(2)
        assert list(store.entries()) == [bytes(65_535), b""]
        many = [f"key {number}" for number in range(5000)]
        store.append(made(5000), many)
        assert list(store.append(made(5000), many)) == list(range(2, 5002))
    assert kind.verify().ok


# ------------------------------------------------------------------------------------------------------------ many threads


def test_threads_share_transactions_and_each_call_fails_alone(kind: Kind) -> None:
    threads, calls = 8, 25
    with kind.new() as store:
        store.append([b"taken"], ["taken"])
        start = threading.Barrier(threads)

        def work(number: int) -> dict[int, bytes]:
            start.wait()
            told: dict[int, bytes] = {}
            for call in range(calls):
                entries = [b"%d %d %d" % (number, call, part) for part in range(call % 3 + 1)]
                keys = [entry.decode() for entry in entries]
                if call % 5 == 4:
                    with pytest.raises(InputError) as error:
                        store.append([*entries, b"not that"], [*keys, "taken"])
                    assert error.value.code == "L142"
                else:
                    told |= dict(zip(store.append(entries, keys), entries, strict=True))
                    # Every reader sees a head that proves what was acknowledged.
                    index, size = max(told), store.size
                    assert inclusion_proof(index, size, store)
            return told

        with ThreadPoolExecutor(threads) as pool:
            every = list(pool.map(work, range(threads)))
        told = {index: entry for one in every for index, entry in one.items()} | {0: b"taken"}
        assert sum(map(len, every)) + 1 == len(told) == store.size
        assert list(store.entries()) == [told[index] for index in range(store.size)]
        assert store.root == merkle.mth([told[index] for index in range(store.size)])
    assert kind.verify().ok


# ------------------------------------------------------------------------------------------------------------------- clock


def test_event_time_never_goes_back_whatever_the_clock_does(kind: Kind) -> None:
    now = 1_800_000_000_000
    with kind.new() as store:
        times: list[int] = []
        for number, clock in enumerate([now, now - YEAR_MS, now + 5, now + YEAR_MS, now + 10]):
            time_ms = max(store.time_ms, clock)
            store.append([b"%d" % time_ms], [f"event {number}"], time_ms=time_ms)
            times.append(time_ms)
        assert times == [now, now, now + 5, now + YEAR_MS, now + YEAR_MS]
        with pytest.raises(InputError) as error:
            store.append([b"back-dated"], time_ms=now)
        assert code_of(error) == "L147"
        assert store.state is State.OPEN
    with kind.open() as store:
        assert store.time_ms == now + YEAR_MS
        with pytest.raises(InputError):
            store.append([b"back-dated"], time_ms=now)
        # What is known already may be said again at any time, as a spool does.
        assert list(store.append([b"%d" % now], ["event 0"], time_ms=now)) == [0]
        assert [int(entry) for entry in store.entries()] == times
    assert kind.verify().ok


# -------------------------------------------------------------------------------------------------------------- signatures


def test_checkpoints_are_signed_kept_cosigned_and_found_again(kind: Kind) -> None:
    with kind.new() as store:
        store.append(made(3))
        first = store.sign(signer)
        assert store.checkpoint() == first == kind.anchor.read()
        store.append(made(400, first=3))
        second = store.sign(signer, extensions=["charter 7"])
        assert open_note(second, [LOG.verifier]).text.splitlines()[1:] == [
            "403",
            second.splitlines()[2].decode(),
            "charter 7",
        ]
        cosigned = store.put_checkpoint(cosign(second, [EYE], time_s=1_800_000_000))
        again = store.put_checkpoint(cosign(second, [EYE], time_s=1_800_000_060))
        assert [len(open_note(note, [LOG.verifier, EYE.verifier]).signed) for note in (cosigned, again)] == [2, 2]
        assert open_note(again, [EYE.verifier]).signed[0].time_s == 1_800_000_060
        # A cosignature of an older one may come late.
        late = store.put_checkpoint(cosign(first, [EYE], time_s=1_800_000_000))
        assert list(store.heads()) == [late, again] and list(store.heads(4)) == [again]
        assert kind.anchor.read() == again
    with kind.open() as store:
        assert store.checkpoint() == again
        assert store.sign(signer, extensions=["charter 7"]) == again
    assert kind.verify(keys=[LOG.verifier, EYE.verifier]).checkpoints == 3  # with the anchor


def test_a_checkpoint_that_is_not_of_this_log_is_refused(kind: Kind) -> None:
    with kind.new() as store:
        store.append([b"a", b"b"])
        store.sign(signer)
        root = store.root
        refused = [
            note_of(2, root, origin="other.example/log"),
            note_of(3, root),
            note_of(1, root),
            store.sign(signer).replace(b"2\n", b"02\n"),
            b"no note",
            signer(f"{ORIGIN}\n2\n{store.sign(signer).splitlines()[2].decode()}\nanother line\n"),
        ]
        for note in refused:
            with pytest.raises(InputError) as error:
                store.put_checkpoint(note)
            assert code_of(error) == "L152", note
        assert store.state is State.OPEN
        assert len(list(store.heads())) == 1


# ------------------------------------------------------------------------------------------------------- opening, one writer


def test_a_second_writer_is_told_who_writes_and_may_read(kind: Kind) -> None:
    with kind.new() as store:
        store.append([b"a"])
        with pytest.raises(StoreError) as error:
            kind.open()
        assert (code_of(error), error.value.retryable) == ("L141", True)
        with kind.open(read_only=True) as reader:
            assert list(reader.entries()) == [b"a"]
            with pytest.raises(StoreError) as error:
                reader.append([b"b"])
            assert (code_of(error), reader.state) == ("L146", State.READ_ONLY)
            store.append(made(300))
            assert reader.size == 1 and kind.verify().ok
            reader.refresh()
            assert (reader.size, reader.root) == (store.size, store.root)
            assert inclusion_proof(300, 301, reader) == inclusion_proof(300, 301, store)
    with kind.open() as store:
        assert store.append([b"next"]) == range(301, 302)
    with pytest.raises(StoreError) as error:
        store.append([b"after"])
    assert (code_of(error), store.state) == ("L146", State.CLOSED)
    with pytest.raises(StoreError):
        list(store.entries())


def test_a_writer_whose_lock_was_lost_writes_nothing(kind: Kind) -> None:
    # As if the lock had failed: the head moved since, so the append names a head that is no more.
    with kind.new() as store:
        store.append([b"a"])
        kind.tamper("UPDATE head SET size = 5")
        with pytest.raises(StoreError) as error:
            store.append([b"b"])
        assert (code_of(error), store.state) == ("L141", State.STOPPED)
        kind.tamper("UPDATE head SET size = 1")
        store.reopen()
        assert store.append([b"b"]) == range(1, 2)
    assert kind.verify().ok


def test_another_log_or_none_is_refused(kind: Kind) -> None:
    for options in ({}, {"read_only": True}):
        with pytest.raises(StoreError) as error:
            kind.open(**options)
        assert code_of(error) == "L140"
    assert not kind.verify().ok
    kind.new().close()
    with pytest.raises(StoreError) as error:
        kind.open(origin="other.example/log")
    assert code_of(error) == "L140"


# ------------------------------------------------------------------------------------------------------------------ damage


@pytest.fixture
def signed(kind: Kind) -> Kind:
    """A ledger of 700 entries, signed at 300 and 600."""
    with kind.new() as store:
        for size in (300, 600):
            store.append(made(300, first=size - 300), [f"key {number}" for number in range(size - 300, size)])
            store.sign(signer)
        store.append(made(100, first=600))
    return kind


@pytest.mark.parametrize("place", [0, 255, 256, 511, 512, 640, 699])
def test_a_changed_entry_is_named(signed: Kind, place: int) -> None:
    signed.tamper("UPDATE entry SET data = ? WHERE place = ?", b"forged", place)
    found = signed.verify()
    assert found.first == place, found
    if place >= 512:  # the tail is hashed again at every start
        with pytest.raises(StoreError) as error:
            signed.open()
        assert code_of(error) == "L144"


def test_a_lost_entry_is_named(signed: Kind) -> None:
    signed.tamper("DELETE FROM entry WHERE place = 298")
    assert signed.verify().first == 298


@pytest.mark.parametrize(
    ("sql", "values", "stops"),
    [
        ("UPDATE tile SET hashes = ? WHERE level = 0 AND place = 0", (bytes(8192),), False),
        ("UPDATE tile SET hashes = ? WHERE level = 0 AND place = 2", (bytes(8192),), True),
        ("UPDATE tile SET hashes = ? WHERE level = 1", (bytes(64),), True),
        ("DELETE FROM tile WHERE level = 0 AND place = 1", (), False),
        ("INSERT INTO tile VALUES (3, 0, ?)", (bytes(32),), False),
        ("INSERT INTO entry VALUES (700, ?, NULL)", (b"slipped in",), True),
        ("UPDATE entry SET key = 'key x' WHERE place = 7", (), False),
        ("UPDATE entry SET key = NULL WHERE place = 7", (), False),
        ("UPDATE head SET time_ms = 5", (), True),
        ("UPDATE head SET origin = 'other'", (), True),
        ("UPDATE checkpoint SET size = 301 WHERE size = 300", (), False),
        ("UPDATE checkpoint SET note = ? WHERE size = 600", (b"no note",), True),
        ("DELETE FROM checkpoint WHERE size = 600", (), None),  # the anchor has it still, and gives it back
        ("DELETE FROM entry WHERE place = 699", (), True),
    ],
)
def test_whatever_else_is_changed_is_found(
    signed: Kind, sql: str, values: tuple[object, ...], stops: bool | None
) -> None:
    assert signed.verify(keys=[LOG.verifier]).ok
    signed.tamper(sql, *values)
    if stops is None:
        with signed.open() as store:
            assert len(list(store.heads())) == 2
        assert signed.verify().ok
        return
    assert not signed.verify().ok
    if stops:
        with pytest.raises(StoreError) as error:
            signed.open()
        assert code_of(error) == "L144"


def test_a_log_is_held_against_what_was_signed(kind: Kind) -> None:
    with kind.new() as store:  # sound in itself, and what a backup from before the next entries would be
        store.append(made(300))
    later = made(600)
    refused = [
        (note_of(600, root_of(leaf_hashes(later))), "L143"),
        (note_of(300, bytes(32)), "L144"),
        (note_of(200, bytes(32)), "L144"),
        (note_of(300, root_of(leaf_hashes(made(300))), origin="other.example/log"), "L144"),
        (b"torn", "L148"),
    ]
    for note, code in refused:
        kind.anchor.write(note)
        with pytest.raises(StoreError) as error:
            kind.open()
        assert (code_of(error), error.value.retryable) == (code, False)
        assert not kind.verify().ok
    kind.anchor.path.unlink()
    with kind.open() as store:
        store.sign(signer)
    kind.anchor.path.unlink()
    with pytest.raises(StoreError) as error:
        kind.open()
    assert code_of(error) == "L148"
    with kind.open(read_only=True) as store:  # and the way out that the hint names
        kind.anchor.write(store.checkpoint() or b"")
    kind.open().close()


# ------------------------------------------------------------------------------------------- a server that stops answering


# A full and a failing disk under SQLite: tests/scenario/test_ledger_failures.py.
@pytest.mark.parametrize("address", ["postgres"], indirect=True)
def test_a_lost_session_stops_the_ledger_until_it_is_reopened(kind: Kind) -> None:
    with kind.new() as store:
        store.append([b"a"], ["a"])
        kind.tamper(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'equipoise writer'"
        )
        with pytest.raises(StoreError) as error:
            store.append([b"b"], ["b"])
        assert (code_of(error), error.value.retryable, store.state) == ("L145", True, State.STOPPED)
        assert list(store.entries()) == [b"a"]
        for call in (lambda: store.append([b"c"]), lambda: store.sign(signer)):
            with pytest.raises(StoreError) as error:
                call()
            assert (code_of(error), error.value.retryable) == ("L146", True)
        store.reopen()
        assert list(store.append([b"a", b"b"], ["a", "b"])) == [0, 1]
    assert kind.verify().ok


def test_a_server_that_does_not_wait_for_its_disk_is_refused(tmp_path: Path) -> None:
    if programs() is None:
        pytest.skip("PostgreSQL is not installed")
    with server("fsync=off") as address, pytest.raises(StoreError) as error:
        Postgres(tmp_path, address).new()
    assert code_of(error) == "L150"


def test_without_the_extra_it_says_what_to_install() -> None:
    program = "import sys; sys.modules['psycopg'] = None; import equipoise.store.postgres"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert "L149 PostgreSQL needs psycopg (hint: install the extra" in done.stderr


# ----------------------------------------------------------------------------------------------------------- interruptions


def test_an_append_that_is_interrupted_stops_the_ledger_and_nobody_waits_for_ever(kind: Kind) -> None:
    with kind.new() as store:
        store.append([b"a"], ["a"])
        write, entered, release = store._tables.grow, threading.Event(), threading.Event()

        def interrupted(growth: Growth) -> None:
            entered.set()
            assert release.wait(30)
            write(growth)
            raise KeyboardInterrupt  # after it was written, before it was acknowledged: the worst moment

        store._tables.grow = interrupted
        with ThreadPoolExecutor(5) as pool:
            first = pool.submit(store.append, [b"b"], ["b"])
            assert entered.wait(30)
            others = [pool.submit(store.append, [b"%d" % number], [f"{number}"]) for number in range(4)]
            release.set()
            with pytest.raises(KeyboardInterrupt):
                first.result(30)
            for other in others:
                with pytest.raises(StoreError) as error:
                    other.result(30)
                assert code_of(error) == "L146"
        assert (store.state, store.size) == (State.STOPPED, 1)
        store.reopen()
        assert list(store.append([b"b", b"c"], ["b", "c"])) == [1, 2]
    assert kind.verify().ok
