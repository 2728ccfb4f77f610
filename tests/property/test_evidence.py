"""A recorder that was silent, heartbeats that lie, corrections, and charters re-founded, on drawn systems."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable

import pytest

from equipoise.audit import Audit, audit
from equipoise.errors import VerificationError
from equipoise.receipt import make_receipt, verify_receipt, windows_judged
from equipoise.receipt.words import plain
from equipoise.receipt.words import told as told_of
from tests.property.audit_cases import ModelBook, book
from tests.property.evidence_cases import Values, answered, every_ms, refounded, settles_ms, watched
from tests.property.receipt_cases import ALONE, WITNESSED, SignedLog, said_in

SEEDS = range(12)


def audited(told: list[Values]) -> Audit:
    return audit(book(told))


def silenced(told: list[Values], from_ms: int, to_ms: int) -> list[Values]:
    return [one for one in told if one["kind"] != "heartbeat" or not from_ms <= one["at_ms"] < to_ms]


def slow_gaps(told: list[Values], verdict: Values) -> list[list[int]]:
    """The gaps of a window by a walk over all entries before its verdict, in the ledger's order."""
    origin_ms = told[0].get("origin_ms", 0)
    most_ms, latest_ms, found = every_ms(told, verdict), origin_ms, list[list[int]]()
    stops = [origin_ms + one["at_ms"] for one in told[: told.index(verdict)] if one["kind"] == "heartbeat"]
    for at_ms in [*(stop for stop in stops if stop < verdict["to_ms"]), verdict["to_ms"]]:
        if at_ms - latest_ms > most_ms and at_ms > verdict["from_ms"]:
            found.append([max(latest_ms, verdict["from_ms"]), at_ms])
        latest_ms = at_ms
    return found


def honest(told: list[Values]) -> tuple[list[Values], int]:
    """The same with the verdicts that its silences demand, and how many of them are others."""
    made, changed = list[Values](), 0
    for one in told:
        gaps = slow_gaps(told, one) if one["kind"] == "verdict" else []
        if gaps:
            one, changed = answered(one, "undecided" if settles_ms(told, one) else "broken", gaps=gaps), changed + 1
        made.append(one)
    return made, changed


def test_a_recorder_that_beats_as_often_as_asked_changes_nothing() -> None:
    beats = 0
    for seed in SEEDS:
        told = watched(seed)
        beats += sum(one["kind"] == "heartbeat" for one in told)
        found = audited(told)
        assert found.findings == () and found.notes == (), f"seed {seed}"
    assert beats > 50


def test_a_silence_makes_exactly_the_windows_undecided_that_it_reaches() -> None:
    """The recorder is silent for three heartbeats; an independent walk says which verdicts may no longer stand."""
    changed = 0
    for seed in SEEDS:
        told = watched(seed)
        most_ms = next(one for one in told if one["kind"] == "heartbeat")["at_ms"]
        silent = silenced(told, 3 * most_ms, 6 * most_ms)
        required, many = honest(silent)
        changed += many
        wrong = [n for n, (one, due) in enumerate(zip(silent, required, strict=True)) if one != due]
        found = audited(silent)
        assert Counter(one.code for one in found.findings) == Counter({"V204": many} if many else {}), f"seed {seed}"
        assert sorted(one.entry for one in found.findings) == wrong
        held = audited(required)
        assert held.findings == () and len(held.notes) == many, f"seed {seed}"
        assert all("No heartbeat" in note for note in held.notes)
    assert changed > 10


def test_a_state_of_an_audit_remembers_heartbeats_and_corrections() -> None:
    told = watched(3)
    told.append(correction(2))
    kept = book(told[: len(told) // 2])
    again = ModelBook.of(kept.columns())
    for one in told[len(told) // 2 :]:
        again.add(one)
    whole = ModelBook.of(again.columns())
    assert whole.testimony.beats == book(told).testimony.beats
    assert audit(whole).notes == audited(told).notes != ()


def correction(entry: int, **more: object) -> Values:
    return {
        "kind": "correction", "at_ms": 1 << 40, "entry": entry, "wrong": "a user's name", "right": "another",
        "by": "the engine's accounting", "reason": "an import was read twice",
    } | more  # fmt: skip


def place(told: list[Values], kind: str, nth: int = 0) -> int:
    return [n for n, one in enumerate(told) if one["kind"] == kind][nth]


def dated(told: list[Values], by_ms: int) -> None:
    """One heartbeat says another time, before or after what stands around it."""
    at = place(told, "heartbeat", 4)
    told[at] = told[at] | {"at_ms": told[at]["at_ms"] + by_ms}


def after_all_passes(told: list[Values]) -> None:
    told.insert(place(told, "pass", -1) + 1, told.pop(place(told, "heartbeat")))


def after_a_verdict(told: list[Values]) -> None:
    """A heartbeat of a window's time is entered right behind its verdict, with as many passes as there are then."""
    at = next(
        n
        for n, one in enumerate(told)
        if one["kind"] == "verdict" and any(other["kind"] == "heartbeat" for other in told[:n])
    )
    origin_ms = told[0].get("origin_ms", 0)
    passes = [one["at_ms"] for one in told[:at] if one["kind"] == "pass"]
    beats = [one["at_ms"] for one in told[:at] if one["kind"] == "heartbeat"]
    at_ms = max([*passes[-1:], *beats[-1:]])
    assert at_ms < told[at]["to_ms"] - origin_ms
    told.insert(at + 1, {"kind": "heartbeat", "at_ms": at_ms, "passes": len(passes)})


def changed_beat(**more: object) -> Callable[[list[Values]], None]:
    def change(told: list[Values]) -> None:
        told[place(told, "heartbeat", 2)].update(more)

    return change


LIES: dict[str, tuple[Callable[[list[Values]], object], str]] = {
    "other passes": (changed_beat(passes=10_000), "V231"),
    "passes back": (lambda told: dated(told, -(told[place(told, "heartbeat", 4)]["at_ms"])), "V231"),
    "a time that is to come": (lambda told: dated(told, 1 << 40), "V231"),
    "entered when all was over": (after_all_passes, "V231"),
    "entered after the verdict": (after_a_verdict, "V231"),
    "no time": (lambda told: told[place(told, "heartbeat")].pop("at_ms"), "V230"),
    "a time that is no number": (changed_beat(at_ms="1"), "V230"),
    "more than it says": (changed_beat(note="all is well"), "V230"),
    "a correction of itself": (lambda told: told.append(correction(len(told))), "V232"),
    "a correction of what is to come": (lambda told: told.insert(5, correction(6, at_ms=0)), "V232"),
    "a correction of nothing": (lambda told: told.append(correction(-1)), "V232"),
    "a correction by nobody": (lambda told: told.append(correction(1, by=" ")), "V232"),
    "a correction without a reason": (lambda told: told.append(correction(1, reason=None)), "V232"),
    "a correction that says more": (lambda told: told.append(correction(1, decisions=[])), "V232"),
    "a correction of the year 142,000": (lambda told: told.append(correction(1, at_ms=1 << 52)), "V232"),
    "a correction without a time": (lambda told: told.append(correction(1, at_ms=True)), "V232"),
}


@pytest.mark.parametrize("name", LIES)
def test_a_heartbeat_or_correction_that_lies_is_found(name: str) -> None:
    change, code = LIES[name]
    told = watched(3)
    change(told)
    assert code in {one.code for one in audited(told).findings}


def test_corrections_change_no_decision_and_are_told_beside_the_verdicts_that_they_touch() -> None:
    for seed in (0, 3, 5):
        told = watched(seed)
        before = audited(told)
        verdict = next(one for one in told if one["kind"] == "verdict")
        at = told.index(verdict)
        told += [correction(at - 1), correction(at), correction(at + 1)]
        found = audited(told)
        assert found.findings == () and (found.decisions, found.passes) == (before.decisions, before.passes)
        assert [one.entry for one in found.corrections] == [at - 1, at, at + 1]
        name = f"'{verdict['promise']}' until"
        assert name in found.notes[0] and name in found.notes[1] and "whose verdict stays" in found.notes[0]
        assert verdict["verdict"]["answer"] in found.notes[0]


def test_nothing_but_corrections_follows_the_end() -> None:
    told = watched(3)
    with pytest.raises(VerificationError, match="out of place"):
        book([*told, {"kind": "heartbeat", "at_ms": 1 << 40, "passes": 0}])


def test_a_receipt_proves_a_silence_and_no_receipt_of_the_verdict_before_it_holds() -> None:
    held, refused = Counter[str](), 0
    for seed in SEEDS:
        told = watched(seed)
        most_ms = next(one for one in told if one["kind"] == "heartbeat")["at_ms"]
        silent = silenced(told, 3 * most_ms, 6 * most_ms)
        required, _ = honest(silent)
        true_log, false_log = SignedLog(required), SignedLog(silent)
        for promise, from_ms, to_ms in windows_judged(true_log, true_log.size):
            verdict = next(
                one for one in required
                if one["kind"] == "verdict" and (one["promise"], one["from_ms"], one["to_ms"]) == (promise, from_ms, to_ms)
            )  # fmt: skip
            found = verify_receipt(make_receipt(true_log, promise, to_ms=to_ms).to_bytes(), policy=WITNESSED)
            assert [[gap.from_ms, gap.to_ms] for gap in found.judgement.gaps] == verdict.get("gaps", [])
            held[found.judgement.verdict.answer.value] += 1
            if "gaps" in verdict:
                with pytest.raises(VerificationError) as raised:
                    verify_receipt(make_receipt(false_log, promise, to_ms=to_ms).to_bytes(), policy=WITNESSED)
                assert raised.value.code == "V106"
                refused += 1
    assert refused > 10 and held["kept"] and (held["undecided"] or held["broken"]), held


def test_a_receipt_without_one_of_its_heartbeats_is_refused() -> None:
    tried = 0
    for seed in SEEDS:
        log = SignedLog(watched(seed))
        for promise, _, to_ms in windows_judged(log, log.size):
            values = json.loads(make_receipt(log, promise, to_ms=to_ms).to_bytes())
            for at, one in enumerate(values["included"]):
                if json.loads(one["entry"])["kind"] == "heartbeat":
                    rest = values["included"][:at] + values["included"][at + 1 :]
                    with pytest.raises(VerificationError) as raised:
                        verify_receipt(
                            (json.dumps(values | {"included": rest}, indent=1, ensure_ascii=False) + "\n").encode(),
                            policy=WITNESSED,
                        )
                    assert raised.value.code == "V106"
                    tried += 1
    assert tried > 20


def test_a_receipt_shows_the_corrections_of_its_window() -> None:
    told = watched(3)
    log = SignedLog(told)
    promise, _, to_ms = next(windows_judged(log, log.size))
    verdict = next(
        n
        for n, one in enumerate(told)
        if one["kind"] == "verdict" and one["promise"] == promise and one["to_ms"] == to_ms
    )
    told += [correction(verdict), correction(verdict + 1), correction(0)]
    found = verify_receipt(make_receipt(SignedLog(told), promise, to_ms=to_ms).to_bytes(), policy=WITNESSED)
    assert [one.entry for one in found.corrections] == [verdict]


def test_a_refounding_breaks_every_window_that_was_open() -> None:
    """The rule, entry by entry: a window that was opened and not judged when a charter was re-founded can only be broken."""
    broken, shown, others = 0, 0, Counter[str]()
    for seed in range(30):
        told = refounded(seed)
        origin_ms = told[0].get("origin_ms", 0)
        founded_ms = [
            origin_ms + one["at_ms"] for one in told if one["kind"] == "charter" and one["how"] == "re-founded"
        ]
        required = list[Values]()
        for one in told:
            inside = [
                at_ms for at_ms in founded_ms if one["kind"] == "verdict" and one["from_ms"] < at_ms < one["to_ms"]
            ]
            required.append(answered(one, "broken", refounded_ms=inside[0]) if inside else one)
            others.update([one["verdict"]["answer"]] if inside else [])
        wrong = [n for n, (one, due) in enumerate(zip(told, required, strict=True)) if one != due]
        broken += len(wrong)
        found = audited(told)
        assert [one.code for one in found.findings] == ["V204"] * len(wrong), f"seed {seed}"
        assert sorted(one.entry for one in found.findings) == wrong
        held = audited(required)
        assert held.findings == (), f"seed {seed}"
        assert sum("is broken" in note for note in held.notes if note.startswith("Re-founded on")) == len(wrong)
        log = SignedLog(required)
        zones = {one["canonical"]["timezone"] for one in required if one["kind"] == "charter"}
        for promise, _, to_ms in windows_judged(log, log.size) if len(zones) == 1 else ():
            receipt = make_receipt(log, promise, to_ms=to_ms)  # of two texts' windows that end at once one is shown
            if required[1]["digest"] not in {one.get("text") for one in said_in(receipt.to_bytes())}:
                continue  # begun when another text's window ended, which no receipt shows
            checked = verify_receipt(receipt.to_bytes(), policy=WITNESSED)
            span = checked.terms.span
            inside = [at_ms for at_ms in founded_ms if span.from_ms < at_ms < span.to_ms]
            assert checked.judgement.refounded_ms == (inside[0] if inside else None)
            assert not inside or checked.judgement.verdict.answer.value == "broken"
            shown += bool(inside)
    assert broken > 5 and shown > 3 and len(others) > 1, (broken, others)


def test_where_too_few_witnesses_have_seen_a_live_ledger_its_windows_are_undecided_to_the_reader() -> None:
    told = watched(3)
    told[0]["source"] = "live"
    told[1]["canonical"]["evidence"]["witnesses"] = 1
    log = SignedLog(told)
    promise, _, to_ms = next(windows_judged(log, log.size))
    receipt = make_receipt(log, promise, to_ms=to_ms).to_bytes()
    seen, unseen = verify_receipt(receipt, policy=WITNESSED), verify_receipt(receipt, policy=ALONE)
    assert (seen.undecided_here, unseen.undecided_here) == (False, True)
    assert "undecided for want of witnesses" in next(told_of(unseen))
    assert f"was {seen.judgement.verdict.answer.value}," in next(told_of(seen))
    assert plain(unseen)["undecided_for_want_of_witnesses"]
