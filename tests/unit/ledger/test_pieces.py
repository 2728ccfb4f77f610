"""Long entries in pieces: what is no number, or too few, is refused by name; nothing else comes out."""

from __future__ import annotations

import pytest

from equipoise.errors import VerificationError
from equipoise.ledger.entry import parse_entry
from equipoise.ledger.pieces import encoded, joined

LONG = {"kind": "charter", "text": "x" * 5_000_000}


def test_pieces_make_what_they_are_of() -> None:
    parts = [parse_entry(one) for one in encoded(LONG)]
    assert len(parts) > 1
    assert list(joined(enumerate(parts))) == [(len(parts) - 1, LONG)]


@pytest.mark.parametrize("said", ["2", [2], {"n": 2}, None, 2.5, True])
def test_a_number_of_pieces_that_is_none_is_refused(said: object) -> None:
    parts = [{**parse_entry(one), "pieces": said} for one in encoded(LONG)]
    with pytest.raises(VerificationError, match="L128"):
        list(joined(enumerate(parts)))
