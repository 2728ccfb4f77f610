"""Nothing in a receipt may be another: every field, every byte, every entry."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from functools import cache

import pytest

from equipoise.errors import EquipoiseError, VerificationError
from equipoise.ledger.encoding import base64_text
from equipoise.ledger.keys import Algorithm, SigningKey
from equipoise.ledger.note import cosign
from equipoise.ledger.tree import inclusion_proof
from equipoise.receipt import make_receipt, parse_receipt, verify_receipt, windows_judged
from tests.property.changed_values import changed
from tests.property.ledger_parties import TIME_S
from tests.property.receipt_cases import ALONE, WITNESSED, SignedLog, receipts, said_in, told_ledger

SEEDS = (0, 3, 5, 7, 10)


@cache
def smallest() -> bytes:
    """The smallest receipt of these ledgers that has totals of both ends of its window."""
    return min((one for seed in SEEDS for one in receipts(seed) if totals(one) == 2), key=len)


def totals(receipt: bytes) -> int:
    return sum(values["kind"] == "totals" for values in said_in(receipt))


def rejected(data: bytes) -> str | None:
    """The code with which it is rejected; None if it holds."""
    try:
        verify_receipt(data, policy=WITNESSED)
    except VerificationError as error:
        return error.code
    return None


def written(values: object) -> bytes:
    return (json.dumps(values, indent=1, ensure_ascii=False) + "\n").encode()


def test_receipts_of_all_windows_hold_and_agree_with_the_totals() -> None:
    answers: Counter[str] = Counter()
    for seed in range(25):
        for data in receipts(seed):
            found = verify_receipt(data, policy=WITNESSED)
            assert (found.level, found.cross_checked) == (2, True), f"seed {seed}"
            assert found.witnessed.split_view_excluded
            assert parse_receipt(data).to_bytes() == data
            answers[found.judgement.verdict.answer.value] += 1
    assert set(answers) == {"kept", "kept, unused", "kept within grace", "broken"}, answers


def test_every_field_of_the_file_is_needed() -> None:
    values = json.loads(smallest())
    tried = 0
    for path, made in changed(values):
        assert rejected(written(made)) is not None, path
        tried += 1
    assert tried > 400


def test_every_field_of_every_entry_is_needed() -> None:
    values, codes = json.loads(smallest()), Counter[str]()
    for number, one in enumerate(values["included"]):
        for path, said in changed(json.loads(one["entry"])):
            made = json.loads(smallest())
            text = json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
            made["included"][number]["entry"] = text
            code = rejected(written(made))
            assert code is not None, (number, path)
            codes[code] += 1
    assert set(codes) == {"L112"} and codes.total() > 1000, codes  # the proof covers all of an entry


def test_every_line_of_the_checkpoint_is_needed() -> None:
    values = json.loads(smallest())
    lines = values["checkpoint"].split("\n")
    assert len(lines) == 7  # origin, size, root, empty, the log's signature, the witness's, and the end
    for at in range(len(lines) - 1):
        made = lines[:at] + lines[at + 1 :]
        assert rejected(written(values | {"checkpoint": "\n".join(made)})) is not None, f"line {at} is gone"
        for place in range(len(lines[at])):
            for other in "Aa9":
                line = lines[at][:place] + other + lines[at][place + 1 :]
                if line != lines[at]:
                    text = "\n".join([*lines[:at], line, *lines[at + 1 :]])
                    assert rejected(written(values | {"checkpoint": text})) is not None, (at, place, other)


def test_every_byte_is_needed() -> None:
    data = smallest()
    for at in range(len(data)):
        flipped = data[:at] + bytes([data[at] ^ 1 << at % 8]) + data[at + 1 :]
        assert rejected(flipped) is not None, f"byte {at}"


def test_it_is_cut_nowhere() -> None:
    data = smallest()
    assert all(rejected(data[:end]) == "V104" for end in range(0, len(data), 7))
    assert rejected(data + b"\n") == "V104"


def rearranged(values: list[object]) -> Iterator[tuple[str, list[object]]]:
    for at in range(len(values)):
        yield f"{at} doubled", [*values[: at + 1], *values[at:]]
        if at:
            yield f"{at} moved up", [*values[: at - 1], values[at], values[at - 1], *values[at + 1 :]]


def test_entries_doubled_or_in_another_order() -> None:
    values = json.loads(smallest())
    for what, included in rearranged(values["included"]):
        assert rejected(written(values | {"included": included})) == "V106", what


def test_an_entry_dropped_is_noticed_and_without_totals_it_is_less() -> None:
    values = json.loads(smallest())
    included = values["included"]
    for at, one in enumerate(included):
        kind = json.loads(one["entry"])["kind"]
        made = written(values | {"included": included[:at] + included[at + 1 :]})
        if kind == "totals":  # nobody can tell that they were there: the level says that they are missing
            found = verify_receipt(made, policy=WITNESSED)
            assert (found.level, found.cross_checked) == (1, False)
        else:
            assert rejected(made) == "V106", kind


def test_without_a_close_the_record_has_a_gap_and_the_verdict_does_not_follow() -> None:
    values = json.loads(smallest())
    rest = [one for one in values["included"] if json.loads(one["entry"])["kind"] != "close"]
    with pytest.raises(VerificationError, match="its closes say 'undecided'") as raised:
        verify_receipt(written(values | {"included": rest}), policy=WITNESSED)
    assert raised.value.code == "V106"


def test_an_entry_of_the_same_ledger_that_does_not_belong() -> None:
    values, log = json.loads(smallest()), None
    for seed in SEEDS:
        log = SignedLog(told_ledger(seed))
        if log.checkpoint().decode() == values["checkpoint"]:
            break
    assert log is not None
    mine, codes = {one["index"] for one in values["included"]}, set[str]()
    for index, entry in enumerate(log.entries()):
        if index not in mine:
            hashes = [base64_text(node) for node in inclusion_proof(index, log.size, log)]
            added = [*values["included"], {"index": index, "entry": entry.decode(), "hashes": hashes}]
            code = rejected(written(values | {"included": sorted(added, key=lambda one: one["index"])}))
            assert code is not None, entry
            codes.add(code)
    assert codes <= {"V106", "A102", "L128"}, codes


def test_entries_of_another_ledger() -> None:
    values = json.loads(smallest())
    other = next(
        one for seed in SEEDS for one in receipts(seed) if json.loads(one)["checkpoint"] != values["checkpoint"]
    )
    for at, one in enumerate(json.loads(other)["included"][: len(values["included"])]):
        included = list(values["included"])
        included[at] = one | {"index": included[at]["index"]}
        assert rejected(written(values | {"included": included})) == "L112"


def test_the_checkpoint_of_another_key() -> None:
    log = SignedLog(told_ledger(5), key=SigningKey("lab.example/log", Algorithm.ED25519, bytes([99]) * 32))
    ((promise, _, to_ms),) = windows_judged(log, log.size)
    assert rejected(make_receipt(log, promise, to_ms=to_ms).to_bytes()) == "L117"


def test_lines_of_unknown_keys_are_passed_over() -> None:
    """The format of notes says so: a checkpoint may be cosigned by whomever the reader does not know, and no line of these counts."""
    values = json.loads(smallest())
    stranger = SigningKey("stranger.example", Algorithm.COSIGNATURE, bytes([77]) * 32)
    note = cosign(values["checkpoint"].encode(), [stranger], time_s=TIME_S).decode()
    found = verify_receipt(written(values | {"checkpoint": note}), policy=WITNESSED)
    assert list(found.witnessed.witnesses) == ["w0.example"]
    assert rejected(written(values | {"checkpoint": note.replace("\u2014 stranger", "\u2014 w0")})) is None
    # A reader who asks for no witness is told so, whatever stands there.
    assert not verify_receipt(smallest(), policy=ALONE).witnessed.split_view_excluded
    lone = values["checkpoint"].rpartition("\u2014")[0]
    assert rejected(written(values | {"checkpoint": lone})) == "L123"


def test_a_checkpoint_larger_than_the_receipt_needs() -> None:
    log = SignedLog(told_ledger(5), beyond=70)
    ((promise, from_ms, to_ms),) = windows_judged(log, log.size - 70)
    found = verify_receipt(make_receipt(log, promise).to_bytes(), policy=WITNESSED)
    assert (found.terms.span.from_ms, found.terms.span.to_ms) == (from_ms, to_ms)


def test_what_no_ledger_has_is_said_with_what_it_has() -> None:
    log = SignedLog(told_ledger(5))
    with pytest.raises(EquipoiseError, match="no verdict") as raised:
        make_receipt(log, "nothing")
    assert raised.value.code == "V105" and "c0" in raised.value.hint
