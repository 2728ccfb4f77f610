r"""Entries that are too long for one: written as pieces that follow one another, and joined again.

A piece says of what kind the whole is (``of``), which piece it is and of how many; their texts together are the entry.

Examples
--------
>>> from equipoise.ledger.entry import parse_entry
>>> long = {"kind": "charter", "text": "x" * 100_000}
>>> parts = list(encoded(long))
>>> len(parts), [values == long for _, values in joined((n, parse_entry(part)) for n, part in enumerate(parts))]
(5, [True])
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, cast

from equipoise.errors import VerificationError
from equipoise.ledger.entry import canonical_text, encode_entry, parse_long_entry
from equipoise.ledger.tiles import MAX_ENTRY_BYTES

PIECE = MAX_ENTRY_BYTES // 3 - 64
"""Characters of a piece: escaped, and in UTF-8, they still fit into one entry."""
MAX_PIECES = 4_096

Values = Mapping[str, Any]


def encoded(values: Values) -> Iterator[bytes]:
    """Yield the entry or entries that hold some values."""
    text = canonical_text(values)
    if len(text) <= PIECE:
        yield text.encode() if text.isascii() else encode_entry(values)
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
    pieces = Pieces()
    for number, values in entries:
        whole = pieces.take(number, values)
        if whole is not None:
            yield number, whole
    pieces.close()


class Pieces:
    """Pieces of an entry that is not whole yet, as entries are given to `take` one after the other."""

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._first: tuple[int, Values] = (0, {})

    @property
    def pending(self) -> bool:
        """Whether an entry is not whole yet."""
        return bool(self._texts)

    def take(self, number: int, values: Values) -> Values | None:
        """Take the next entry, and return it, or what it is the last piece of; None for any other piece. Raises L128."""
        if values.get("kind") != "piece":
            if self._texts:
                raise _broken(number)
            return values
        if not self._texts:
            self._first = number, values
        begin, first = self._first
        follows = (values.get("piece"), values.get("pieces"), values.get("of"), number) == (
            len(self._texts), first.get("pieces"), first.get("of"), begin + len(self._texts),
        )  # fmt: skip
        text, pieces = values.get("text"), values.get("pieces")
        if not follows or not isinstance(text, str) or type(pieces) is not int or len(self._texts) >= MAX_PIECES:
            raise _broken(number)
        self._texts.append(text)
        if len(self._texts) < pieces:
            return None
        whole = cast(Values, parse_long_entry("".join(self._texts).encode()))
        if whole.get("kind") != values["of"]:
            raise _broken(number)
        self._texts = []
        return whole

    def close(self) -> None:
        """Say that there is no more; raises L128 where an entry is not whole."""
        if self._texts:
            raise _broken(-1)


def _broken(number: int) -> VerificationError:
    place = "the end" if number < 0 else f"entry {number}"
    return VerificationError("L128", f"an entry in pieces is broken off at {place}", hint="pieces follow one another")
