r"""Entries that are too long for one: written as pieces that follow one another, and joined again.

A piece says of what kind the whole is (``of``), which piece it is and of how many; their texts together are the entry.

Examples
--------
>>> long = {"kind": "charter", "text": "x" * 100_000}
>>> parts = list(encoded(long))
>>> len(parts), [values == long for _, values in joined((n, parse_entry(part)) for n, part in enumerate(parts))]
(3, [True])
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, cast

from equipoise.errors import VerificationError
from equipoise.ledger.entry import encode_entry, parse_long_entry
from equipoise.ledger.tiles import MAX_ENTRY_BYTES

PIECE = MAX_ENTRY_BYTES // 3 - 64
"""Characters of a piece: escaped, and in UTF-8, they still fit into one entry."""
MAX_PIECES = 4_096

Values = Mapping[str, Any]


def encoded(values: Values) -> Iterator[bytes]:
    """Yield the entry or entries that hold some values."""
    text = json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    if len(text) <= PIECE:
        yield encode_entry(values)
        return
    count = -(-len(text) // PIECE)
    for n in range(count):
        part = text[n * PIECE : (n + 1) * PIECE]
        yield encode_entry({"kind": "piece", "of": values["kind"], "piece": n, "pieces": count, "text": part})


def joined(entries: Iterable[tuple[int, Values]]) -> Iterator[tuple[int, Values]]:
    """Yield entries with their numbers; for pieces, what they are pieces of, with the number of the last.

    Raises
    ------
    VerificationError
        L128 where pieces are missing, do not follow one another, or do not make the entry that they say.
    """
    texts: list[str] = []
    first: tuple[int, Values] | None = None
    for number, values in entries:
        if values.get("kind") != "piece":
            if texts:
                raise _broken(number)
            yield number, values
            continue
        if not texts:
            first = number, values
        assert first is not None
        follows = (values.get("piece"), values.get("pieces"), values.get("of"), number) == (
            len(texts), first[1].get("pieces"), first[1].get("of"), first[0] + len(texts),
        )  # fmt: skip
        text = values.get("text")
        if not follows or not isinstance(text, str) or len(texts) >= MAX_PIECES:
            raise _broken(number)
        texts.append(text)
        if len(texts) == values.get("pieces"):
            whole = cast(Values, parse_long_entry("".join(texts).encode()))
            if whole.get("kind") != values["of"]:
                raise _broken(number)
            texts = []
            yield number, whole
    if texts:
        raise _broken(-1)


def _broken(number: int) -> VerificationError:
    place = "the end" if number < 0 else f"entry {number}"
    return VerificationError("L128", f"an entry in pieces is broken off at {place}", hint="pieces follow one another")
