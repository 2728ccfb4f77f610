"""Charters signed with keys in files and entered into a ledger: what takes force, when, and what is refused."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from equipoise.charter_io import digest
from equipoise.errors import AuthorizationError, EquipoiseError, InputError, VerificationError
from equipoise.ledger.dsse import parse_envelope
from equipoise.ledger.pieces import encoded
from equipoise.ledger.quorum import Party, Policy
from equipoise.store import open_sqlite
from equipoise.tasks.amend import apply, sign_charter, write_envelope
from equipoise.tasks.ledger import audit_ledger
from equipoise.tasks.plan import propose
from tests.unit.tasks.amended_ledgers import DAY_MS, Lab


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab(tmp_path)


@pytest.fixture
def founded(lab: Lab) -> tuple[Lab, Path]:
    """The ledger with its first charter, and an amendment that weakens safety."""
    first = lab.charter("first")
    lab.apply(first)
    lab.later(days=1)
    return lab, lab.charter("second", revision=2, parent=digest(first.read_bytes()), floor="20%")


def kinds(found: object) -> list[str]:
    return [f"{one['kind']}{':' + one['how'] if 'how' in one else ''}" for one in found.entries]  # type: ignore[attr-defined]


def refused(code: str, error: type[EquipoiseError] = EquipoiseError) -> pytest.RaisesExc[EquipoiseError]:
    return pytest.raises(error, check=lambda raised: raised.code == code)


def holds(lab: Lab) -> tuple[str, ...]:
    """The ledger is what its key signed, and everything follows; return what the audit notes."""
    audited = audit_ledger(lab.ledger, Policy(logs=(Party(lab.keys["lab.example/ledger"].verifier),)))
    assert audited.audit.findings == ()
    assert audited.beyond == 0
    return audited.audit.notes


def test_a_weakening_takes_force_when_both_boards_have_signed_and_notice_has_passed(founded: tuple[Lab, Path]) -> None:
    lab, second = founded
    name = digest(second.read_bytes())
    found = lab.apply(second, lab.signed(second, "eve"))
    assert kinds(found) == ["proposal", "signature"]
    assert found.pending is not None and found.status is not None
    assert [(one.quorum.board, one.signed, one.missing) for one in found.status.tallies] == [
        ("executive", ("eve",), 0),
        ("safety", (), 2),
    ]
    lab.later(days=2)
    assert lab.apply(second, lab.signed(second, "sana")).status.missing  # type: ignore[union-attr]
    assert not kinds(lab.apply(second, lab.signed(second, "sana")))  # again: nothing new
    lab.later(days=1)
    complete_ms = lab.now_ms
    found = lab.apply(second, lab.signed(second, "sana", "sven"))
    assert found.status is not None and found.status.force_ms == complete_ms + 14 * DAY_MS
    lab.now_ms = complete_ms + 14 * DAY_MS - 1
    assert not kinds(lab.apply(None))
    holds(lab)
    lab.later(ms=1)
    found = lab.apply(None)
    assert kinds(found) == ["charter:amended"]
    assert (found.charter.digest, found.pending) == (name, None)
    (note,) = holds(lab)
    assert note.endswith("signed by eve (executive), sana (safety) and sven (safety).")


def test_what_weakens_nobody_takes_force_with_one_signature_at_once(founded: tuple[Lab, Path]) -> None:
    lab, second = founded
    better = lab.charter("better", revision=2, parent=lab.digests[0], note="in better words")
    assert kinds(lab.apply(better, lab.signed(better, "emil"))) == ["proposal", "signature", "charter:amended"]
    with refused("C504", InputError):  # its parent is no longer in force
        lab.apply(second, lab.signed(second, "eve"))
    holds(lab)


def test_effective_is_waited_for(founded: tuple[Lab, Path]) -> None:
    lab, _ = founded
    late = lab.charter("late", revision=2, parent=lab.digests[0], floor="40%", effective="2027-06-01")
    found = lab.apply(late, lab.signed(late, "eve"))
    assert found.status is not None and found.status.force_ms == 1_811_808_000_000  # 2027-06-01 UTC
    lab.now_ms = 1_811_808_000_000
    assert kinds(lab.apply(None)) == ["charter:amended"]
    holds(lab)


def test_only_members_count_and_only_for_these_bytes(founded: tuple[Lab, Path]) -> None:
    lab, second = founded
    with refused("L176", VerificationError):
        lab.apply(second, lab.signed(second, "mallory"))
    other = lab.charter("other", revision=2, parent=lab.digests[0], floor="20%", note="one comment more")
    with refused("L175", VerificationError):
        lab.apply(second, lab.signed(other, "eve"))
    with refused("L175", VerificationError):  # nor is a signature added to an envelope over other bytes
        sign_charter(second, lab.keys["sana"], to=lab.signed(other, "eve"))
    emergency = lab.signed(second, "eve", act="emergency")
    with refused("L175", VerificationError):
        lab.apply(second, emergency)
    assert not any(path.suffix == ".part" for path in lab.folder.iterdir())
    assert kinds(apply(None, ledger=lab.ledger, key=None, at_ms=lab.now_ms, dry_run=True)) == []


def test_one_person_signing_twice_is_one(founded: tuple[Lab, Path]) -> None:
    lab, second = founded
    envelope = lab.signed(second, "sana", "sana", "eve")
    assert len(parse_envelope(envelope.read_bytes()).signatures) == 2  # Ed25519 signs one message in one way
    found = lab.apply(second, envelope, envelope)
    assert found.status is not None and [one.missing for one in found.status.tallies] == [0, 1]


def test_an_amendment_is_withdrawn_and_its_signatures_never_count_again(founded: tuple[Lab, Path]) -> None:
    lab, second = founded
    agreed = lab.signed(second, "eve", "sana", "sven")
    lab.apply(second, agreed)
    with refused("C508", AuthorizationError):
        lab.apply(second, act="withdrawal")
    with refused("C505", AuthorizationError):
        lab.apply(lab.charter("third", revision=2, parent=lab.digests[0], floor="45%"))
    lab.later(days=1)
    assert kinds(lab.apply(second, lab.signed(second, "emil", act="withdrawal"), act="withdrawal")) == ["withdrawal"]
    with refused("L178"):
        lab.apply(second, agreed)
    lab.later(days=30)
    assert kinds(lab.apply(None)) == []
    holds(lab)


def test_an_emergency_begins_without_notice_and_ends_by_itself(founded: tuple[Lab, Path]) -> None:
    lab, second = founded  # 20 of 30 percent: more than the half that it must keep
    with refused("C508", AuthorizationError):
        lab.apply(second, act="emergency")
    signed = lab.signed(second, "eve", act="emergency")
    found = lab.apply(second, signed, act="emergency")
    assert kinds(found) == ["emergency", "charter:emergency"]
    assert found.charter.digest == digest(second.read_bytes())
    lab.later(days=3)
    found = lab.apply(None)
    assert kinds(found) == ["charter:restored"]
    assert found.charter.digest == lab.digests[0]
    lab.later(days=4)
    with refused("L178"):  # the same signatures would begin it again
        lab.apply(second, signed, act="emergency")
    again = lab.charter("again", revision=2, parent=lab.digests[0], floor="20%", note="again")
    lab.apply(again, lab.signed(again, "eve", act="emergency"), act="emergency")
    lab.later(days=1)
    end = lab.signed(again, "emil", act="end")
    assert kinds(lab.apply(again, end, act="end")) == ["emergency_end", "charter:restored"]
    assert len(holds(lab)) == 4


def test_a_refounding_needs_a_reason_and_is_seen_for_ever(founded: tuple[Lab, Path]) -> None:
    lab, _ = founded
    anew = lab.charter("anew", floor="10%", note="anew")
    with refused("L179", InputError):
        lab.apply(anew, act=None)
    assert kinds(lab.apply(anew, act=None, reason="two of three have left")) == ["refounding", "charter:re-founded"]
    better = lab.charter("better", revision=2, parent=digest(anew.read_bytes()), floor="10%")
    lab.later(days=1)
    lab.apply(better, lab.signed(better, "eve"))
    assert any(note.startswith("Re-founded with ") for note in holds(lab))


def test_rotation_needs_the_old_quorum_and_the_new(founded: tuple[Lab, Path]) -> None:
    lab, _ = founded
    new = lab.charter(
        "rotated", revision=2, parent=lab.digests[0], members={"sara": lab.member("mallory")}, note="mallory for sara"
    )
    found = lab.apply(new, lab.signed(new, "eve", "emil", "sana", "mallory"))
    assert found.status is not None
    missing = {(one.quorum.board, one.quorum.by): one.missing for one in found.status.tallies}
    assert missing == {("executive", "in force"): 0, ("safety", "in force"): 1, ("safety", "new"): 0}
    found = lab.apply(new, lab.signed(new, "sara"))  # who leaves still signs, by the charter in force
    assert found.status is not None and found.status.missing == ()
    lab.later(days=30)
    assert kinds(lab.apply(None)) == ["charter:amended"]
    holds(lab)


def test_without_boards_anybody_amends_and_that_is_said(lab: Lab) -> None:
    first = lab.charter("first", boards=False)
    assert lab.apply(first).needs_nobody
    lab.later(days=1)
    second = lab.charter("second", revision=2, parent=digest(first.read_bytes()), boards=False, floor="1%")
    assert kinds(lab.apply(second)) == ["proposal", "charter:amended"]
    assert any("anyone who can run `equipoise apply` changes it" in note for note in holds(lab))


def test_the_clock_does_not_go_back(founded: tuple[Lab, Path]) -> None:
    lab, second = founded
    lab.apply(second, lab.signed(second, "eve"))
    lab.later(days=-0.5)
    with refused("C514", InputError):
        lab.apply(second, lab.signed(second, "sana"))


def test_a_dry_run_writes_nothing_and_says_the_same(founded: tuple[Lab, Path]) -> None:
    lab, second = founded
    before = lab.ledger.read_bytes()
    envelope = lab.signed(second, "eve")
    found = apply(second, [envelope], ledger=lab.ledger, key=None, at_ms=lab.now_ms, dry_run=True)
    assert kinds(found) == ["proposal", "signature"]
    assert lab.ledger.read_bytes() == before
    assert lab.apply(second, envelope).entries == found.entries


def test_a_plan_knows_from_the_ledger_who_has_signed(founded: tuple[Lab, Path]) -> None:
    lab, second = founded
    assert propose(second, ledger=lab.ledger).signed == {}
    lab.apply(second, lab.signed(second, "eve"))
    proposal = propose(second, ledger=lab.ledger)
    found = proposal.status(proposal.signed)
    assert found is not None
    assert [(one.quorum.board, one.signed) for one in found.tallies] == [("executive", ("eve",)), ("safety", ())]
    assert proposal.signed == {lab.keys["eve"].verifier.key: lab.now_ms}


def test_a_ledger_begins_with_a_charter_that_has_no_parent(lab: Lab) -> None:
    with refused("L179", InputError):
        lab.apply(lab.charter("orphan", revision=2, parent="sha256:" + "ab" * 32))
    with refused("L174", InputError):
        lab.apply(None)
    assert not lab.ledger.exists()


def test_files_that_cannot_be_used_are_refused(founded: tuple[Lab, Path]) -> None:
    lab, second = founded
    with refused("L174", InputError):
        lab.apply(second, lab.folder / "missing")
    with refused("L174", InputError):
        write_envelope(b"{}", lab.folder / "no" / "where")
    with refused("L125", VerificationError):
        lab.apply(second, second)


def test_what_a_crash_left_unsigned_or_empty_is_gone_on_with(lab: Lab) -> None:
    key = lab.keys["lab.example/ledger"]
    open_sqlite(lab.ledger, origin=key.name).close()  # it came as far as the file
    first = lab.charter("first")
    assert kinds(lab.apply(first)) == ["opened", "charter:founded"]
    second = lab.charter("second", revision=2, parent=lab.digests[0], floor="20%")
    lab.later(days=1)
    plan = apply(second, ledger=lab.ledger, key=None, at_ms=lab.now_ms, dry_run=True)
    with closing(open_sqlite(lab.ledger)) as store:  # it came as far as the entries
        store.append([part for one in plan.entries for part in encoded(one)], time_ms=lab.now_ms)
    assert kinds(lab.apply(None)) == []
    holds(lab)
