"""Entries: one value, one string of bytes."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from equipoise.errors import EquipoiseError, InputError, VerificationError
from equipoise.ledger.entry import MAX_DEPTH, MAX_INTEGER, encode_entry, parse_entry
from equipoise.ledger.tiles import MAX_ENTRY_BYTES
from tests.property.ledger_parties import damaged, flips

KEYS = st.text("abcxyz0189_", min_size=1, max_size=6)
TEXTS = st.text(st.characters(codec="utf-8"), max_size=12)
SCALARS = st.one_of(TEXTS, st.integers(-MAX_INTEGER, MAX_INTEGER), st.booleans(), st.none())
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(KEYS, inner, max_size=4)),
    max_leaves=12,
)
ENTRIES = st.dictionaries(KEYS, VALUES, max_size=5)
SHORT = {"\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r", '"': '\\"', "\\": "\\\\"}


def slow(value: Any) -> str:
    """RFC 8785 by hand: section 3.2.2.2 for text, 3.2.3 for the order of keys."""
    if isinstance(value, str):
        return '"' + "".join(SHORT.get(c) or (f"\\u{ord(c):04x}" if c < " " else c) for c in value) + '"'
    if isinstance(value, list):
        return "[" + ",".join(map(slow, value)) + "]"
    if isinstance(value, dict):
        ordered = sorted(value.items(), key=lambda pair: pair[0].encode("utf-16-be"))
        return "{" + ",".join(f"{slow(key)}:{slow(item)}" for key, item in ordered) + "}"
    return (
        {True: "true", False: "false", None: "null"}[value] if value is None or isinstance(value, bool) else str(value)
    )


@given(ENTRIES)
def test_entries_are_written_as_rfc_8785_says_and_come_back(entry: dict[str, Any]) -> None:
    data = encode_entry(entry)
    assert data == slow(entry).encode()
    found = parse_entry(data)
    assert found == entry
    assert json.dumps(found, sort_keys=True) == json.dumps(entry, sort_keys=True)  # which tells 1 from true


@given(ENTRIES, st.randoms(use_true_random=False))
def test_the_order_of_keys_and_escapes_do_not_make_a_second_spelling(entry: dict[str, Any], order: Any) -> None:
    data = encode_entry(entry)
    pairs = list(entry.items())
    order.shuffle(pairs)
    others = [json.dumps(dict(pairs), separators=(",", ":")), json.dumps(entry, ensure_ascii=False)]
    for other in others:
        if other.encode() != data:
            with pytest.raises(VerificationError, match="L127"):
                parse_entry(other.encode())


@pytest.mark.parametrize(
    "text",
    [
        "", "null", "[]", '"x"', "1", "{} ", " {}", "{}\n", "\ufeff{}", '{"a":1,}', '{"a":1,"a":1}', '{"b":1,"a":1}', '{"a": 1}',
        '{"a":1.0}', '{"a":1e2}', '{"a":1E400}', '{"a":-0}', '{"a":01}', '{"a":+1}', '{"a":NaN}', '{"a":Infinity}',
        '{"a":9007199254740992}', '{"a":-9007199254740992}', '{"a":' + "9" * 5_000 + "}", '{"A":1}', '{"":1}', '{"a b":1}',
        '{"\u00e4":1}', '{"a":"\\u00e4"}', '{"a":"\\u0041"}', '{"a":"\\/"}', '{"a":"\\u001F"}', '{"a":"\\u000a"}',
        '{"a":"\\ud800"}', '{"a":"\t"}', "{'a':1}", '{"a":tru}', '{"\\u0061":1}', '{"a":{"b":1,"b":2}}',
        '{"a":' + "[" * MAX_DEPTH + "]" * MAX_DEPTH + "}", '{"a":' + "[" * 100_000 + "]" * 100_000 + "}", "[" * 60_000,
        '{"a":"' + "x" * MAX_ENTRY_BYTES + '"}',
    ],
    ids=lambda text: text[:40] + str(len(text)),
)  # fmt: skip
def test_what_is_not_the_one_spelling_of_an_entry_is_refused(text: str) -> None:
    with pytest.raises(VerificationError) as caught:
        parse_entry(text.encode())
    assert caught.value.code == "L127"


def test_bytes_that_are_not_utf_8_are_refused() -> None:
    for data in (b'{"a":"\xff"}', b'{"a":"\xed\xa0\x80"}', '{"a":1}'.encode("utf-16"), b'{"a":"\xc0\x80"}'):
        with pytest.raises(VerificationError, match="L127"):
            parse_entry(data)


CANNOT: list[Any] = [
    1.0, 2**53, -(2**53), 10**5_000, b"x", (1,), {1}, object(), "\ud800", {"A": 1}, {1: 1}, {"a": {"": 1}}, [1.5],
    {"a": "x" * MAX_ENTRY_BYTES},
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(CANNOT)))
def test_what_an_entry_cannot_hold_is_not_written(number: int) -> None:
    value = CANNOT[number]
    for entry in ({"a": value}, {"a": [{"b": value}]}):
        with pytest.raises(InputError) as caught:
            encode_entry(entry)
        assert caught.value.code == "L127"


def test_depth_is_bounded_on_both_sides() -> None:
    deep: Any = 1
    for _ in range(MAX_DEPTH - 2):
        deep = [deep]
    assert parse_entry(encode_entry({"a": deep})) == {"a": deep}
    for _ in range(sys.getrecursionlimit()):
        deep = [deep]
    with pytest.raises(InputError):
        encode_entry({"a": deep})


def test_text_is_neither_composed_nor_decomposed() -> None:
    composed, decomposed = (encode_entry({"a": text}) for text in ("\u00c5", "A\u030a"))
    assert composed != decomposed
    assert parse_entry(decomposed) == {"a": "A\u030a"}


SAMPLE = encode_entry(
    {"at_ms": 1_700_000_000_000, "ids": [1, 2, -3], "kind": "job_submitted", "note": "\u00e9\n", "of": {"x": None}}
)


def test_every_flipped_bit_gives_another_value_or_none() -> None:
    """No two strings of bytes say the same: so what an entry says pins its bytes, and they its leaf."""
    seen = {SAMPLE.decode()}
    for bad in flips(SAMPLE):
        try:
            value = parse_entry(bad)
        except VerificationError:
            continue
        assert encode_entry(value) == bad
        seen.add(json.dumps(value))
    assert len(seen) > 20


@given(st.one_of(st.binary(max_size=100), damaged(SAMPLE)))
def test_any_bytes_are_an_entry_that_comes_back_or_are_refused(data: bytes) -> None:
    try:
        assert encode_entry(parse_entry(data)) == data
    except EquipoiseError as error:
        assert error.code == "L127"
