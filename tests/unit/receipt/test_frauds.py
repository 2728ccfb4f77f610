"""A lab that lies and signs its lie: entries are changed before the ledger is signed, witnessed and given out."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from hashlib import sha256
from random import Random
from typing import Any

import pytest

from equipoise.errors import InputError, VerificationError
from equipoise.ledger.entry import encode_entry
from equipoise.ledger.pieces import encoded
from equipoise.ledger.tree import inclusion_proof
from equipoise.receipt import Included, Receipt, make_receipt, verify_receipt, windows_judged
from equipoise.units import read_json_integer
from tests.property.changed_values import changed
from tests.property.receipt_cases import WITNESSED, SignedLog, Values, told_ledger

SEEDS = (0, 3, 5, 6, 9, 11)
Forge = Callable[[list[Values], Values], bool]
"""Changes entries, given the verdict whose receipt is asked for; False where there is nothing to forge."""


def resigned(told: list[Values], promise: str, to_ms: int) -> bytes:
    return make_receipt(SignedLog(told), promise, to_ms=to_ms).to_bytes()


def caught(forge: Forge, *, least: int = 10, message: str = "") -> Counter[str]:
    """Forge windows of many ledgers; fail if one passes, or it could hardly ever be done. Counted are those so refused."""
    codes: Counter[str] = Counter()
    for seed in SEEDS:
        log = SignedLog(told_ledger(seed))
        for promise, _, to_ms in windows_judged(log, log.size):
            told = told_ledger(seed)
            verdict = next(one for one in told if one["kind"] == "verdict" and _is_of(one, promise, to_ms))
            if forge(told, verdict):
                with pytest.raises(VerificationError) as raised:
                    verify_receipt(resigned(told, promise, verdict["to_ms"]), policy=WITNESSED)
                codes[raised.value.code] += message in raised.value.message
    assert codes.total() >= least, codes
    return codes


def _is_of(values: Values, promise: str, to_ms: int) -> bool:
    return (values["promise"], values["to_ms"]) == (promise, to_ms)


def closes(told: list[Values], verdict: Values) -> list[Values]:
    return [
        one
        for one in told
        if one["kind"] == "close"
        and one["promise"] == verdict["promise"]
        and verdict["from_ms"] <= one["from_ms"]
        and one["to_ms"] <= verdict["to_ms"]
    ]


def test_the_verdict_says_kept_and_the_closes_do_not() -> None:
    def forge(told: list[Values], verdict: Values) -> bool:
        said = verdict["verdict"]
        if said["answer"] == "kept":
            return False
        said["answer"], said["broken_by"] = "kept", 0
        return True

    assert set(caught(forge)) == {"V106"}


def test_a_verdict_of_invented_hours() -> None:
    def forge(told: list[Values], verdict: Values) -> bool:
        said = verdict["verdict"]
        said["delivered"] = (read_json_integer(said["delivered"]) or 0) + 1
        said["surplus"] = (read_json_integer(said["surplus"]) or 0) + 1
        return True

    assert set(caught(forge)) == {"V106"}


def test_closes_and_verdict_agree_and_the_totals_do_not() -> None:
    """More is said to have been delivered, in closes and verdict alike: only the totals of pools and teams say otherwise."""

    def forge(told: list[Values], verdict: Values) -> bool:
        said, made_good = verdict["verdict"], verdict.get("made_good")
        last = closes(told, verdict)[-1]
        if said["answer"] != "kept" or made_good is not None or "at_most" in str(said):
            return False
        last["delivered"] += 1_000
        last["surplus" if said["surplus"] or not said["unclaimed"] else "unclaimed"] += 1_000
        if not said["surplus"] and not last["surplus"]:
            return False
        said["delivered"] += 1_000
        said["surplus"] += 1_000
        return True

    assert caught(forge, message="do not agree with the totals")["V106"] > 10


def test_totals_of_another_amount() -> None:
    def forge(told: list[Values], verdict: Values) -> bool:
        origin_ms = told[0].get("origin_ms", 0)
        end = next(one for one in told if one["kind"] == "totals" and origin_ms + one["at_ms"] == verdict["to_ms"])
        rows: list[list[Any]] = end["teams"]
        team = next(one for one in _charter(told)["canonical"]["commitments"] if one["name"] == verdict["promise"])
        row = next(row for row in rows if row[1] == team["team"] and row[0] in team["pools"])
        row[2] += 1
        return True

    assert set(caught(forge)) == {"V106"}


def test_a_row_of_totals_twice() -> None:
    def forge(told: list[Values], verdict: Values) -> bool:
        for one in told:
            if one["kind"] == "totals":
                one["teams"] += one["teams"]
        return True

    assert set(caught(forge)) == {"V106"}


def test_a_window_that_the_promise_does_not_have() -> None:
    """The bad day is left out: the window ends at the close before."""

    def forge(told: list[Values], verdict: Values) -> bool:
        own = closes(told, verdict)
        ends = {one["to_ms"] for one in told if one["kind"] == "verdict" and one["promise"] == verdict["promise"]}
        if len(own) < 2 or own[-2]["to_ms"] in ends:  # a rolling promise has a window that ends then
            return False
        window = next(
            one for one in told
            if one["kind"] == "window" and all(one[name] == verdict[name] for name in ("promise", "from_ms", "to_ms"))
        )  # fmt: skip
        window["to_ms"] = verdict["to_ms"] = own[-2]["to_ms"]
        return True

    assert set(caught(forge)) == {"V106"}


def _charter(told: list[Values]) -> Values:
    return next(one for one in told if one["kind"] == "charter")


def test_the_canonical_charter_says_other_things_than_its_name() -> None:
    def forge(told: list[Values], verdict: Values) -> bool:
        charter = _charter(told)
        other = f"sha256:{sha256(b'another').hexdigest()}"
        charter["canonical"]["digest"] = other
        return True

    assert set(caught(forge)) == {"V106"}


def test_the_canonical_charter_promises_less() -> None:
    def forge(told: list[Values], verdict: Values) -> bool:
        if not verdict["verdict"]["owed"] or not verdict["verdict"]["delivered"]:  # nothing of any share is nothing
            return False
        for one in _charter(told)["canonical"]["commitments"]:
            if one["name"] == verdict["promise"]:
                name = "at_least" if "at_least" in one else "at_most"
                one[name] = "1/997"
        return True

    assert set(caught(forge, least=3)) <= {"V106", "A103"}


def test_another_text_under_the_same_name() -> None:
    def forge(told: list[Values], verdict: Values) -> bool:
        _charter(told)["text"] += "# and nothing is owed\n"
        return True

    assert set(caught(forge)) == {"V106"}


def test_a_charter_that_came_into_force_too_late_or_never() -> None:
    def late(told: list[Values], verdict: Values) -> bool:
        charter = _charter(told)
        founded = json.loads(json.dumps(charter))
        told.insert(told.index(charter), founded | {"digest": "sha256:" + "0" * 64})
        charter["at_ms"] = verdict["from_ms"] - told[0].get("origin_ms", 0) + 1
        return True

    def never(told: list[Values], verdict: Values) -> bool:
        _charter(told)["how"] = "announced"
        return True

    assert set(caught(late)) == {"V106"}
    assert set(caught(never)) == {"V106"}


def test_whatever_a_lab_signs_is_answered_by_a_verdict_or_a_refusal() -> None:
    """One field of one entry is anything at all: nothing else is ever raised, and what decides the verdict is refused."""
    chance, codes = Random(20), Counter[str]()
    for seed in (0, 3, 5, 7, 9):
        told = told_ledger(seed)
        log = SignedLog(told)
        promise, from_ms, to_ms = next(windows_judged(log, log.size))
        honest = make_receipt(log, promise, to_ms=to_ms)
        assert all(len(list(encoded(values))) == 1 for values in told)
        places = [
            n for n, one in enumerate(told)
            if one["kind"] in ("opened", "charter", "totals")
            or (one.get("promise") == promise and from_ms <= one["from_ms"] and one["to_ms"] <= to_ms)
        ]  # fmt: skip
        tries = [(n, made) for n in places for _, made in changed({k: v for k, v in told[n].items() if k != "kind"})]
        for n, made in chance.sample(tries, min(50, len(tries))):
            forged = list(told)
            forged[n] = {"kind": told[n]["kind"], **made}
            code = _answer(forged, honest)
            codes[code] += 1
    assert codes["V106"] > 5 and codes["holds"] > 5, codes
    assert set(codes) <= {"holds", "no receipt", "V103", "V106", "V111", "A101", "A102", "A103", "A104"}, codes


def _answer(forged: list[Values], honest: Receipt) -> str:
    """What verifying says of a receipt of the same entries, whatever stands in them now."""
    try:
        log = SignedLog(forged)
        entries = [encode_entry(values) for values in forged]
    except InputError:
        return "no receipt"
    included = tuple(
        Included(one.index, entries[one.index], tuple(inclusion_proof(one.index, log.size, log)))
        for one in honest.included
    )
    data = Receipt(honest.promise, honest.from_ms, honest.to_ms, log.checkpoint(), included).to_bytes()
    try:
        verify_receipt(data, policy=WITNESSED)
    except VerificationError as error:
        return error.code
    return "holds"
