"""An audit that goes on from its state finds what one from the start finds, and goes on from nothing but the same entries."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from random import Random

import pytest

from equipoise.charter_io import loads
from equipoise.errors import VerificationError
from equipoise.ledger.keys import Algorithm, SigningKey
from equipoise.ledger.note import sign_note
from equipoise.ledger.quorum import Party, Policy
from equipoise.policy.plan import plan
from equipoise.simulator.record import Record
from equipoise.simulator.run import simulate
from equipoise.store import open_sqlite
from equipoise.tasks import ledger as tasks
from equipoise.tasks.audit_state import read_state
from equipoise.tasks.ledger import Audited, audit_ledger, record_run
from equipoise.workload.fleet import fleet

KEY = SigningKey("lab.example/log", Algorithm.ED25519, bytes(range(32)))
TRUSTED = Policy(logs=(Party(KEY.verifier),))


@pytest.fixture(scope="module")
def entries(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    """Return the stored entries of a run."""
    workload, text = fleet(1500, nodes=8, teams=6)
    charter = loads(text)
    rules = plan(charter, "charter")
    run = simulate(workload, charter, rules, reference=rules, record=True, keep=True)
    path = tmp_path_factory.mktemp("run") / "run.ledger"
    record_run(Record(run, workload, charter, rules, rules), [text], path, KEY)
    with closing(open_sqlite(path, read_only=True)) as store:
        return list(store.entries())


def grown(path: Path, entries: list[bytes], *, sign: bool = True, origin: str = KEY.name) -> None:
    """Append entries to a ledger, and sign its head."""
    with closing(open_sqlite(path, origin=origin)) as store:
        store.append(entries)
        if sign:
            store.sign(lambda text: sign_note(text, [KEY], time_s=1_800_000_000))


def same(one: Audited, other: Audited) -> bool:
    names = ("entries", "passes", "events", "decisions", "policy", "findings")
    return all(getattr(one.audit, name) == getattr(other.audit, name) for name in names) and one.beyond == other.beyond


def test_an_audit_that_goes_on_finds_what_one_from_the_start_finds(tmp_path: Path, entries: list[bytes]) -> None:
    ledger, state, chance, at = tmp_path / "run.ledger", tmp_path / "audit.state", Random(2), 0
    while at < len(entries):
        size = chance.choice([1, 2, 300, 900, 5000])
        grown(ledger, entries[at : at + size])
        if at + size > 2:  # before, there is no charter yet
            before = 0 if (kept := read_state(state)) is None else kept.book.size
            found = audit_ledger(ledger, TRUSTED, state=state)
            assert found.resumed == before
            assert same(found, audit_ledger(ledger, TRUSTED))
            assert found.audit.holds
        at += size
    again = audit_ledger(ledger, TRUSTED, state=state)
    assert again.resumed == again.audit.entries == len(entries)
    assert again.audit.holds


def test_what_is_appended_later_is_hashed_and_executed(tmp_path: Path, entries: list[bytes]) -> None:
    ledger, state, half = tmp_path / "run.ledger", tmp_path / "audit.state", len(entries) // 2
    grown(ledger, entries[:half])
    audit_ledger(ledger, TRUSTED, state=state)
    place = next(n for n in range(half + 9, len(entries)) if b'["start",' in entries[n])
    forged = entries[place].replace(b'["start",', b'["start",1', 1)
    grown(ledger, [*entries[half:place], forged, *entries[place + 1 :]])
    found = audit_ledger(ledger, TRUSTED, state=state)
    assert found.resumed == half
    assert [(one.code, one.entry) for one in found.audit.findings] == [("V201", place)]
    assert same(found, audit_ledger(ledger, TRUSTED))


def test_other_entries_another_ledger_and_a_cut_one_are_refused(tmp_path: Path, entries: list[bytes]) -> None:
    ledger, state, half = tmp_path / "run.ledger", tmp_path / "audit.state", len(entries) // 2
    grown(ledger, entries[:half])
    audit_ledger(ledger, TRUSTED, state=state)
    changed = [*entries[:9], entries[9].replace(b'"at_ms":', b'"at_ms":1'), *entries[10:]]
    grown(tmp_path / "changed.ledger", changed)
    grown(tmp_path / "cut.ledger", entries[: half - 1])
    grown(tmp_path / "other.ledger", entries, sign=False, origin="other.example/log")
    for name, trusted in (("changed", TRUSTED), ("changed", None), ("cut", TRUSTED), ("other", None)):
        with pytest.raises(VerificationError) as refused:
            audit_ledger(tmp_path / f"{name}.ledger", trusted, state=state)
        assert refused.value.code == "V210"


def test_a_tree_whose_hashes_were_left_as_they_were_does_not_hide_later_entries(
    tmp_path: Path, entries: list[bytes]
) -> None:
    """The store's hashes of what was read are only believed as far as they lead to the root that was read and the one signed."""
    import sqlite3

    ledger, state, half = tmp_path / "run.ledger", tmp_path / "audit.state", len(entries) // 2
    grown(ledger, entries[:half])
    audit_ledger(ledger, TRUSTED, state=state)
    grown(ledger, entries[half:])
    with closing(sqlite3.connect(ledger)) as file, file:
        file.execute("UPDATE entry SET data = ? WHERE place = ?", (entries[half + 20], half + 10))
    with pytest.raises(VerificationError) as refused:
        audit_ledger(ledger, TRUSTED, state=state)
    assert refused.value.code == "V110"
    kept = read_state(state)
    assert kept is not None
    assert kept.book.size == half  # nothing that is not signed was kept


def test_damaged_states_are_refused(tmp_path: Path, entries: list[bytes]) -> None:
    ledger, state = tmp_path / "run.ledger", tmp_path / "audit.state"
    grown(ledger, entries[:60])
    audit_ledger(ledger, TRUSTED, state=state)
    data, chance = state.read_bytes(), Random(6)
    cases = [data[: chance.randrange(len(data))] for _ in range(60)] + [b"", b"\0" * 500, b"PK\x03\x04", b"\x93NUMPY"]
    for _ in range(400):
        at = chance.randrange(len(data))
        cases.append(data[:at] + bytes([data[at] ^ (1 << chance.randrange(8))]) + data[at + 1 :])
    for case in cases:
        state.write_bytes(case)
        with pytest.raises(VerificationError) as refused:
            audit_ledger(ledger, TRUSTED, state=state)
        assert refused.value.code == "V211"


def test_an_audit_that_is_interrupted_while_it_executes_has_read_once(
    tmp_path: Path, entries: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger, state = tmp_path / "run.ledger", tmp_path / "audit.state"
    grown(ledger, entries)

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(tasks, "audit", interrupted)
        with pytest.raises(KeyboardInterrupt):
            audit_ledger(ledger, TRUSTED, state=state)
    found = audit_ledger(ledger, TRUSTED, state=state)
    assert found.resumed == len(entries)
    assert found.audit.holds
