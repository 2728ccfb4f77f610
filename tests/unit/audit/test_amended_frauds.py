"""Frauds about charters, by an operator who may rewrite every entry of the ledger and owns its key: the audit finds each."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from equipoise.audit import finding as found_codes
from equipoise.audit.minutes import signature_values
from equipoise.charter_io import digest
from equipoise.cli.app import main
from equipoise.ledger.assent import sign_act, signatures_of
from equipoise.ledger.note import sign_note
from equipoise.ledger.pieces import encoded
from equipoise.policy.latency import Latency
from equipoise.store import open_sqlite
from equipoise.tasks.simulate import simulate
from tests.unit.audit.ledgers import Values, as_live, audited, codes, entries_of
from tests.unit.tasks.amended_ledgers import DAY_MS, Lab


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab(tmp_path)


@pytest.fixture
def told(lab: Lab) -> list[Values]:
    """Founded; a weakening proposed, signed by eve, sana and sven on three days, in force 14 days later."""
    first = lab.charter("first")
    lab.apply(first)
    second = lab.charter("second", revision=2, parent=digest(first.read_bytes()), floor="20%")
    for name in ("eve", "sana", "sven"):
        lab.later(days=1)
        lab.apply(second, lab.signed(second, name))
    lab.later(days=14)
    lab.apply(None)
    found = entries_of(lab.ledger)
    assert [one["kind"] for one in found] == [
        "opened", "charter", "proposal", "signature", "signature", "signature", "charter",
    ]  # fmt: skip
    assert audited(found).findings == ()
    return found


def forge(change: Callable[[list[Values]], object], told: list[Values]) -> list[str]:
    forged = copy.deepcopy(told)
    change(forged)
    assert forged != told
    return codes(forged)


FORGERIES: dict[str, tuple[Callable[[list[Values]], object], str]] = {
    "before its time": (lambda told: told[6].update(at_ms=told[6]["at_ms"] - 1), "V223"),
    "back-dated": (lambda told: [one.update(at_ms=one["at_ms"] - 15 * DAY_MS) for one in told[6:]], "V227"),
    "one signature too few": (lambda told: told.pop(5), "V222"),
    "unsigned": (lambda told: [told.pop(3) for _ in range(3)], "V222"),
    "unproposed": (lambda told: [told.pop(2) for _ in range(4)], "V222"),
    "one person twice": (lambda told: told[5].update(key=told[4]["key"], signature=told[4]["signature"]), "V222"),
    "key swapped": (lambda told: told[5].update(key=told[4]["key"]), "V221"),
    "signature of another": (lambda told: told[5].update(signature=told[3]["signature"]), "V221"),
    "no signature": (lambda told: told[5].update(signature="AAAA"), "V221"),
    "signature under another charter": (lambda told: told[5].update(digest=told[1]["digest"]), "V221"),
    "no key": (lambda told: told[5].pop("key"), "V221"),
    "said to be an emergency": (lambda told: told[6].update(how="emergency"), "V225"),
    "said to be re-founded": (lambda told: told[6].update(how="re-founded"), "V225"),
    "said to be founded": (lambda told: told[6].update(how="founded"), "V225"),
    "the first charter instead": (lambda told: told[6].update({name: told[1][name] for name in ("text", "digest", "canonical")}), "V225"),
    "founded twice": (lambda told: told.insert(2, told[1] | {"at_ms": 5}), "V226"),
    "two pending": (lambda told: told.insert(6, told[2] | {"at_ms": told[5]["at_ms"]}), "V224"),
    "digest of another": (lambda told: told[2].update(digest=told[1]["digest"]), "V209"),
    "text changed": (lambda told: told[2].update(text=told[2]["text"].replace("floor: 20%", "floor: 10%")), "V209"),
    "canonical form of another": (lambda told: told[6].update(canonical=told[1]["canonical"]), "V209"),
    "no time": (lambda told: told[2].pop("at_ms"), "V220"),
    "time that is no number": (lambda told: told[3].update(at_ms=True), "V220"),
    "no first charter": (lambda told: told.pop(1), "V220"),
    "withdrawn by nobody": (
        lambda told: told.insert(6, {"kind": "withdrawal"} | {name: told[5][name] for name in ("at_ms", "digest")}),
        "V221",
    ),
    "end of no emergency": (lambda told: told.append({"kind": "emergency_end", "at_ms": told[6]["at_ms"], "digest": "x"}), "V226"),
}  # fmt: skip


@pytest.mark.parametrize("name", FORGERIES)
def test_a_forged_entry_is_found(told: list[Values], name: str) -> None:
    change, code = FORGERIES[name]
    assert code in forge(change, told)[:1]


@pytest.mark.parametrize("name", FORGERIES)
def test_the_command_says_what_is_wrong_with_a_forged_ledger_that_was_signed(
    told: list[Values], lab: Lab, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    forged = copy.deepcopy(told)
    change, code = FORGERIES[name]
    change(forged)
    path = lab.folder / "forged.db"
    key = lab.keys["lab.example/ledger"]
    with closing(open_sqlite(path, origin=key.name)) as store:
        store.append([data for values in forged for data in encoded(values)])
        store.sign(lambda text: sign_note(text, [key]))
    with pytest.raises(SystemExit) as left:
        main(["audit", str(path), "--key", str(key.verifier)])
    printed = capsys.readouterr()
    assert left.value.code == 1
    assert code in printed.out + printed.err


def test_every_code_that_an_audit_finds_has_its_meaning() -> None:
    source = Path(found_codes.__file__).parent
    codes = {code for path in source.glob("*.py") for code in re.findall(r'"(V2[0-9]{2})"', path.read_text("utf-8"))}
    assert codes == set(found_codes.FOUND)


def test_signatures_by_keys_of_the_operators_own_are_found(told: list[Values], lab: Lab) -> None:
    text = told[2]["text"].encode()
    mallory = lab.keys["mallory"]
    (given,) = signatures_of("amendment", text, sign_act("amendment", text, [mallory]), [mallory.verifier.key])
    assert forge(lambda forged: forged[5].update(signature_values(given)), told)[0] == "V221"


def test_a_board_written_into_the_new_charter_does_not_let_it_in(lab: Lab) -> None:
    """The amendment makes the operator's own key a member of safety: the old board's quorum is still missing."""
    lab.apply(lab.charter("first"))
    members = {"sana": lab.member("mallory")}
    new = lab.charter("new", revision=2, parent=lab.digests[0], members=members, floor="5%")
    lab.later(days=1)
    found = lab.apply(new, lab.signed(new, "eve", "mallory"))
    assert found.status is not None and len(found.status.missing) == 2
    told = entries_of(lab.ledger)
    proposal = next(one for one in told if one["kind"] == "proposal")
    names = ("digest", "text", "canonical")
    forced = {"kind": "charter", "how": "amended", "at_ms": 40 * DAY_MS, **{name: proposal[name] for name in names}}
    (finding,) = audited([*told, forced]).findings
    assert finding.code == "V222"
    assert "2 more of safety" in finding.required


def test_a_charter_of_another_parent_is_found(told: list[Values], lab: Lab) -> None:
    """It follows the first charter, which is no longer in force; all have signed it."""
    third = lab.charter("third", revision=2, parent=lab.digests[0], note="another second")
    other = Lab(lab.folder / "other") if (lab.folder / "other").mkdir() is None else lab
    other.keys = lab.keys
    other.apply(lab.folder / "first.yaml")
    other.later(days=1)
    other.apply(third, lab.signed(third, "eve", "emil"))
    late = told[-1]["at_ms"] + DAY_MS
    taken = [one | {"at_ms": late} for one in entries_of(other.ledger)[2:]]
    assert [one["kind"] for one in taken] == ["proposal", "signature", "charter"]
    assert codes([*told, *taken]) == ["V224", "V221", "V224"]


def test_a_withdrawn_amendment_in_force_is_found(lab: Lab) -> None:
    first = lab.charter("first")
    lab.apply(first)
    second = lab.charter("second", revision=2, parent=digest(first.read_bytes()), floor="20%")
    agreed = lab.signed(second, "eve", "sana", "sven")
    lab.apply(second, agreed)
    before = entries_of(lab.ledger)
    lab.later(days=1)
    lab.apply(second, lab.signed(second, "eve", act="withdrawal"), act="withdrawal")
    told = entries_of(lab.ledger)
    again = [one | {"at_ms": 2 * DAY_MS} for one in before[2:]]  # the old proposal and its signatures once more
    forced = before[2] | {"kind": "charter", "how": "amended", "at_ms": 30 * DAY_MS}
    found = codes([*told, *again, forced])
    assert found[-1] == "V222"
    assert codes([*told, *again])[0] == "V224"  # the bytes are spent


def test_an_emergency_that_does_not_end_is_found(lab: Lab) -> None:
    first = lab.charter("first")
    lab.apply(first)
    held = lab.charter("held", revision=2, parent=digest(first.read_bytes()), floor="20%")
    lab.apply(held, lab.signed(held, "eve", act="emergency"), act="emergency")
    told = entries_of(lab.ledger)
    assert codes(told) == []
    signed = told[2]["signatures"]
    assert codes([*told[:2], told[2] | {"signatures": signed[:0]}, told[3]])[0] == "V226"
    assert codes([*told[:2], told[3]])[0] == "V226"
    swapped = told[2]["text"].replace("20%", "15%")  # signed was another
    assert codes([*told[:2], told[2] | {"text": swapped}, told[3]]) == ["V209"]
    later = {"kind": "refounding", "at_ms": 3 * DAY_MS + 1, **{n: told[2][n] for n in ("digest", "text", "canonical")}}
    assert codes([*told, later])[0] == "V225"  # the end was due, and was not entered


def test_without_boards_a_charter_is_still_held_to_its_parent(lab: Lab) -> None:
    first = lab.charter("first", boards=False)
    lab.apply(first)
    second = lab.charter("second", revision=2, parent=digest(first.read_bytes()), boards=False, floor="1%")
    lab.apply(second)
    told = entries_of(lab.ledger)
    assert codes(told) == []
    assert codes([*told[:2], told[3]]) == ["V222"]  # never proposed
    assert codes([*told, *[one | {"at_ms": 7} for one in told[2:]]]) == ["V224", "V224"]


LOG = "team,submit_s,num_gpu,duration_s\n" + "".join(f"product,{n * 7200},4,86400\n" for n in range(300))


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Values], list[Values]]:
    """A run of 25 days whose charter was amended on day 20, as a live ledger would tell it; and what was entered before that."""
    lab = Lab(tmp_path_factory.mktemp("executed"))
    first = lab.charter("first")
    second = lab.charter("second", revision=2, parent=digest(first.read_bytes()), floor="20%")
    (lab.folder / "log.csv").write_text(LOG)
    simulated = lab.folder / "run.db"
    simulate(
        lab.folder / "log.csv", first, enact=[("20d", second)], latency=Latency(),
        ledger=(simulated, lab.keys["lab.example/ledger"]),
    )  # fmt: skip
    lab.apply(first)
    lab.later(days=6)
    lab.apply(second, lab.signed(second, "eve", "sana", "sven"))
    return entries_of(simulated), entries_of(lab.ledger)[2:]


def test_a_simulation_is_audited_without_signatures_and_says_so(
    executed: tuple[list[Values], list[Values]],
) -> None:
    found = audited(executed[0])
    assert found.findings == ()
    assert found.notes == (
        "Charters changed 1 times, and nobody's signature was asked for: the ledger is of a simulation.",
    )


def merged(run: list[Values], entered: list[Values]) -> list[Values]:
    """Put what was entered between the passes, by time, and say that the ledger is live."""
    place = next(n for n, one in enumerate(run) if one["kind"] == "pass" and one["at_ms"] > entered[0]["at_ms"])
    return [*as_live(run[:place]), *entered, *as_live(run[place:])]


def test_passes_are_under_the_charter_that_was_signed(executed: tuple[list[Values], list[Values]]) -> None:
    run, entered = executed
    found = audited(merged(run, entered))
    assert found.findings == ()
    assert found.passes > 100
    assert found.notes[0].endswith("signed by eve (executive), sana (safety) and sven (safety).")
    assert codes(merged(run, entered[:-1]))[0] == "V222"
    assert codes(as_live(run))[0] == "V222"


def test_a_charter_that_is_due_and_kept_back_is_found(executed: tuple[list[Values], list[Values]]) -> None:
    """The operator goes on under the charter before for hours after the amendment was due."""
    run, entered = executed
    earlier = [one | {"at_ms": one["at_ms"] - DAY_MS} for one in entered]
    found = audited(merged(run, earlier)).findings
    assert found[0].code == "V225"
    assert 19 * DAY_MS <= found[0].at_ms < 19 * DAY_MS + 7_200_000 * 2
