"""The parsers of a receipt take any bytes: they return what is written the same again, or refuse."""

from __future__ import annotations

import copy
import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from equipoise.charter.canonical import from_values, to_values
from equipoise.errors import VerificationError
from equipoise.receipt import parse_receipt, verify_receipt
from tests.property.changed_values import at, leaves, others
from tests.property.ledger_parties import damaged
from tests.property.receipt_cases import WITNESSED, receipts, told_ledger

SAMPLE = min(receipts(5), key=len)
CHARTERS = [next(one for one in told_ledger(seed) if one["kind"] == "charter")["canonical"] for seed in (0, 3, 7)]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@given(damaged(SAMPLE) | st.binary(max_size=200))
def test_a_receipt_is_read_and_written_the_same_or_refused(data: bytes) -> None:
    try:
        assert parse_receipt(data).to_bytes() == data
    except VerificationError as error:
        assert error.code == "V104"


@given(damaged(SAMPLE))
def test_a_damaged_receipt_holds_only_if_it_is_whole(data: bytes) -> None:
    try:
        verify_receipt(data, policy=WITNESSED)
    except VerificationError:
        assert data != SAMPLE
    else:
        assert data == SAMPLE


@given(JSON)
def test_no_receipt_is_made_of_any_other_values(values: Any) -> None:
    for data in (values, json.loads(SAMPLE) | {"included": values}, json.loads(SAMPLE) | {"included": [values]}):
        try:
            parse_receipt((json.dumps(data, indent=1, ensure_ascii=False) + "\n").encode("utf-8", "surrogatepass"))
        except VerificationError as error:
            assert error.code == "V104"
        else:
            assert values == []


@given(JSON)
def test_anything_but_a_charter_is_refused(values: Any) -> None:
    try:
        from_values(values)
    except VerificationError as error:
        assert error.code == "V103"
    else:
        raise AssertionError(values)


@given(st.sampled_from(CHARTERS), st.data())
def test_a_changed_charter_is_another_or_refused(values: Any, data: st.DataObject) -> None:
    made = copy.deepcopy(values)
    for _ in range(data.draw(st.integers(1, 3))):
        path = data.draw(st.sampled_from(list(leaves(made))))
        cut = path[: data.draw(st.integers(1, len(path)))]
        place = at(made, cut[:-1])
        place[cut[-1]] = data.draw(st.sampled_from(list(others(place[cut[-1]]))) | JSON)
    try:
        found = from_values(made)
    except VerificationError as error:
        assert error.code == "V103"
    else:
        assert to_values(found) == made
        assert (found == from_values(values)) == (made == values)
