"""Closes in JSON: one spelling for each value, and nothing else is read."""

from __future__ import annotations

import json

import pytest

from equipoise.account import Close, close_from_json
from equipoise.errors import VerificationError

CLOSE = Close("safety-20", "sha256:" + "0f" * 32, 0, 0, 86_400_000, 1 << 60, 5, (1 << 60) - 5, 0, 0, 7, 7)


def test_a_close_survives_json_and_has_no_number_that_readers_would_round() -> None:
    text = json.dumps(CLOSE.to_json())
    assert close_from_json(json.loads(text)) == CLOSE
    assert all(abs(value) < 1 << 53 for value in json.loads(text).values() if isinstance(value, int))


@pytest.mark.parametrize(
    "changed",
    [
        {"owed": 1 << 60},  # must be a string
        {"delivered": "5"},  # must be a number
        {"owed": "01152921504606846976"},
        {"owed": "+1152921504606846976"},
        {"owed": "1152921504606846976 "},
        {"owed": "1152921504606846976\n"},
        {"owed": "1_152_921_504_606_846_976"},
        {"owed": "١١٥٢٩٢١٥٠٤٦٠٦٨٤٦٩٧٦"},
        {"owed": "1.152921504606846976e18"},
        {"owed": "9" * 80},
        {"owed": 5.0},
        {"denied": True},
        {"denied": None},
        {"denied": float("nan")},
        {"promise": "Safety"},
        {"promise": 7},
        {"text": "sha256:0f"},
        {"text": "sha256:" + "0F" * 32},
        {"more": 1},
        {"unit_parts": 0},
    ],
)
def test_what_is_not_as_it_is_written_is_refused(changed: dict[str, object]) -> None:
    with pytest.raises(VerificationError) as caught:
        close_from_json(CLOSE.to_json() | changed)
    assert caught.value.code == "A101"


@pytest.mark.parametrize("name", ["promise", "text", "from_ms", "denied_both"])
def test_a_field_that_is_missing_is_named(name: str) -> None:
    values: dict[str, object] = dict(CLOSE.to_json())
    del values[name]
    with pytest.raises(VerificationError, match=name):
        close_from_json(values)
