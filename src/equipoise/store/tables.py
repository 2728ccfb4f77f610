"""What a database must do for a ledger: five tables, and the growth of all of them in one transaction.

A store's rules are in :mod:`~equipoise.store.ledger`; implementations of :class:`Tables` only carry rows to and fro. They
raise nothing but ``StoreError``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import NamedTuple, Protocol

from equipoise.ledger.tiles import Tile
from equipoise.ledger.tree import EMPTY_ROOT

FORMAT = 1


@dataclass(frozen=True, slots=True)
class Head:
    """The one row that says how large the log is.

    Parameters
    ----------
    origin : str
        Which log.
    size, root
        Of the tree.
    keys : bytes
        A hash over all idempotency keys in their order, which the tree does not cover.
    time_ms : int
        The latest event time.
    """

    origin: str
    size: int = 0
    root: bytes = EMPTY_ROOT
    keys: bytes = bytes(32)
    time_ms: int = 0

    def mark(self) -> bytes:
        """Return the hash that is stored beside the row, so that damage to it shows."""
        numbers = b"".join(number.to_bytes(8, "big", signed=True) for number in (FORMAT, self.size, self.time_ms))
        return sha256(numbers + self.root + self.keys + self.origin.encode()).digest()

    def grown(self, *, size: int, root: bytes, keys: bytes, time_ms: int) -> Head:
        """Return the head after an append."""
        return replace(self, size=size, root=root, keys=keys, time_ms=time_ms)


class Row(NamedTuple):
    """An entry as it is stored."""

    place: int
    data: bytes
    key: str | None


@dataclass(frozen=True, slots=True)
class KeptNote:
    """A signed checkpoint as it is stored, with the hash that shows damage to it."""

    size: int
    note: bytes
    mark: bytes

    @classmethod
    def of(cls, size: int, note: bytes) -> KeptNote:
        """Return the row for a note."""
        return cls(size, note, sha256(note).digest())

    def is_whole(self) -> bool:
        """Whether the note is the one that was stored."""
        return sha256(self.note).digest() == self.mark


@dataclass(frozen=True, slots=True)
class Growth:
    """Everything that one append writes. ``tiles`` are new or wider; the first entry has the index ``old.size``."""

    old: Head
    new: Head
    entries: Sequence[bytes]
    keys: Sequence[str | None]
    tiles: Sequence[tuple[Tile, bytes]]

    def rows(self) -> Iterator[tuple[int, bytes, str | None]]:
        """Return the new rows of entries."""
        indices = range(self.old.size, self.new.size)
        return zip(indices, self.entries, self.keys, strict=True)


def chained(digest: bytes, keyed: Iterable[tuple[int, str | None]]) -> bytes:
    """Return the hash over idempotency keys after some more, each with the index of its entry."""
    for index, key in keyed:
        if key is not None:
            digest = sha256(digest + index.to_bytes(8, "big") + key.encode()).digest()
    return digest


class Tables(Protocol):
    """A database that holds one ledger. Reads see committed rows only, and may come from any thread."""

    def head(self) -> tuple[Head, bytes]:
        """Return the head and the mark stored beside it."""
        ...

    def known(self, keys: Sequence[str]) -> dict[str, Row]:
        """Return the entries that have one of these keys."""
        ...

    def grow(self, growth: Growth) -> None:
        """Write all of it in one durable transaction, if the head is still ``growth.old``; L141 if it is not."""
        ...

    def rows(self, first: int, end: int) -> list[Row]:
        """Return the entries that there are in ``[first, end)``, in order."""
        ...

    def tile(self, level: int, index: int) -> bytes | None:
        """Return a stored tile."""
        ...

    def keep(self, note: KeptNote) -> None:
        """Write or replace the checkpoint of this size, durably."""
        ...

    def notes(self, first: int, *, most: int) -> list[KeptNote]:
        """Return checkpoints of at least ``first`` entries, by size, at most so many."""
        ...

    def note(self, size: int | None = None) -> KeptNote | None:
        """Return the checkpoint of a size, or the largest."""
        ...

    def counts(self) -> tuple[int, int]:
        """Return how many entries and tiles are stored, whatever the head says."""
        ...

    def faults(self) -> list[str]:
        """Return what the database itself finds wrong with its files."""
        ...

    def freeze(self) -> None:
        """Show from now on only what is committed now, so that a reader of everything is not overtaken."""
        ...

    def close(self) -> None:
        """Let go of connections and locks."""
        ...
