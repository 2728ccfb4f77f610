"""Corrections entered into a ledger's file: nothing before them changes, and whoever reads it is told."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from equipoise.errors import InputError, StoreError
from equipoise.ledger.checkpoint import parse_checkpoint
from equipoise.ledger.keys import SigningKey
from equipoise.ledger.note import parse_note
from equipoise.ledger.quorum import Party, Policy
from equipoise.store import open_sqlite
from equipoise.tasks.correct import Corrected, correct
from equipoise.tasks.ledger import audit_ledger
from tests.unit.tasks.amended_ledgers import Lab

SAID = {"wrong": "the floor", "right": "another floor", "by": "the directors", "reason": "the minutes of June"}


def corrected(
    lab: Lab, entry: int, *, key: SigningKey | None, at_ms: int | None = None, dry_run: bool = False, **said: str
) -> Corrected:
    texts = SAID | said
    return correct(
        lab.ledger, entry, wrong=texts["wrong"], right=texts["right"], by=texts["by"], reason=texts["reason"],
        key=key, at_ms=at_ms, dry_run=dry_run,
    )  # fmt: skip


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    found = Lab(tmp_path)
    found.apply(found.charter("first"))
    return found


def raw(path: Path) -> list[bytes]:
    with closing(open_sqlite(path, read_only=True)) as store:
        return list(store.entries())


def signed_size(path: Path) -> int:
    with closing(open_sqlite(path, read_only=True)) as store:
        note = store.checkpoint()
    assert note is not None
    return parse_checkpoint(parse_note(note).text).size


def trusted(lab: Lab) -> Policy:
    return Policy(logs=(Party(lab.keys["lab.example/ledger"].verifier),))


def test_a_correction_is_a_new_entry_under_a_new_head_and_changes_none(lab: Lab) -> None:
    key, before = lab.keys["lab.example/ledger"], raw(lab.ledger)
    lab.later(days=2)
    found = corrected(lab, 1, key=key, at_ms=lab.now_ms)
    after = raw(lab.ledger)
    assert after[:-1] == before and (found.correction.number, found.size) == (2, 3)
    assert found.correction.at_ms == 2 * 86_400_000
    assert signed_size(lab.ledger) == 3
    audited = audit_ledger(lab.ledger, trusted(lab)).audit
    assert audited.holds and audited.corrections == (found.correction,)
    assert "another floor is right" not in audited.notes[-1] and "right is another floor" in audited.notes[-1]
    lab.later(days=1)
    lab.apply(lab.charter("second", revision=2, parent=lab.digests[0], floor="35%"))  # it goes on
    assert audit_ledger(lab.ledger, trusted(lab)).audit.holds


def test_the_ledgers_time_never_goes_back(lab: Lab) -> None:
    key = lab.keys["lab.example/ledger"]
    lab.later(days=3)
    first = corrected(lab, 1, key=key, at_ms=lab.now_ms)
    lab.later(days=-2)
    second = corrected(lab, first.correction.number, key=key, at_ms=lab.now_ms)
    assert second.correction.at_ms == first.correction.at_ms


def test_a_dry_run_writes_nothing_and_needs_no_key(lab: Lab) -> None:
    before = raw(lab.ledger)
    found = corrected(lab, 0, key=None, dry_run=True)
    assert not found.written and found.corrected["kind"] == "opened" and raw(lab.ledger) == before


def test_what_cannot_be_corrected_is_refused_and_nothing_is_written(lab: Lab) -> None:
    key, before = lab.keys["lab.example/ledger"], raw(lab.ledger)
    for entry in (-1, 2, 99):
        with pytest.raises(InputError) as raised:
            corrected(lab, entry, key=key)
        assert raised.value.code == "V113"
    for name in ("right", "by", "reason"):
        with pytest.raises(InputError) as raised:
            corrected(lab, 1, key=key, **{name: "  "})  # pyright: ignore[reportArgumentType]
        assert raised.value.code == "V114"
    with pytest.raises(InputError) as raised:
        corrected(lab, 1, key=None)
    assert raised.value.code == "V114"
    with pytest.raises((InputError, StoreError)):
        corrected(lab, 1, key=lab.keys["mallory"])
    assert raw(lab.ledger) == before


def test_an_audit_says_when_fewer_witnesses_have_seen_it_than_a_charter_asks_for(lab: Lab) -> None:
    lab.later(days=1)
    second = lab.charter("second", revision=2, parent=lab.digests[0])
    second.write_text(second.read_text("utf-8") + "evidence: {witnesses: 2}\n", "utf-8")
    lab.apply(second, lab.signed(second, "eve", "sana", "sven"))
    lab.later(days=31)
    assert not [note for note in audit_ledger(lab.ledger, trusted(lab)).audit.notes if "witnesses" in note]
    lab.apply(None)
    notes = audit_ledger(lab.ledger, trusted(lab)).audit.notes
    assert any("asks for 2 witnesses, and 0" in note for note in notes), notes
