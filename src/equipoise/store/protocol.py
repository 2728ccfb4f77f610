"""What everything above asks of a ledger store, and nothing more; every store passes one contract suite."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from enum import StrEnum
from typing import Protocol

from equipoise.ledger.tiles import Tile


class State(StrEnum):
    """What a store can do."""

    OPEN = "open"
    READ_ONLY = "read-only"
    STOPPED = "stopped"
    """A write failed: it still reads what was acknowledged, and writes again only after ``reopen()``."""
    CLOSED = "closed"


class LedgerStore(Protocol):
    """A durable append-only log with its tree and its signed checkpoints; also a reader of nodes for proofs.

    Everything may be called from several threads. What is read never passes :attr:`size`, and whatever was
    acknowledged once is read the same for ever.
    """

    @property
    def origin(self) -> str:
        """Which log this is: the first line of its checkpoints."""
        ...

    @property
    def state(self) -> State:
        """Whether it can be written and read."""
        ...

    @property
    def size(self) -> int:
        """How many entries are durable."""
        ...

    @property
    def root(self) -> bytes:
        """The root of the tree over them."""
        ...

    @property
    def time_ms(self) -> int:
        """The latest event time among them; an event that follows has at least this time."""
        ...

    def append(
        self, entries: Sequence[bytes], keys: Sequence[str | None] | None = None, *, time_ms: int | None = None
    ) -> Sequence[int]:
        """Make entries durable, all or none, and return the index of each.

        Parameters
        ----------
        entries : sequence of bytes
            The bytes that are hashed.
        keys : sequence of str or None
            One idempotency key for each. An entry whose key is known with the same bytes is not written again; its
            earlier index is returned. None writes without a key.
        time_ms : int or None
            The latest event time among the entries. Not before :attr:`time_ms`, unless nothing of them is new.

        Raises
        ------
        InputError
            L114 an entry is too long; L142 a key was used for other bytes; L147 an event time that goes back; L153 keys
            that cannot be. Nothing of this call is written, and the store goes on.
        StoreError
            L145 the write failed, and the store has stopped; whether the entries are durable is then not known, and
            appending them again with their keys after ``reopen()`` is safe. L146 it cannot be written now.
        """
        ...

    def find(self, key: str) -> int | None:
        """Return the index of the entry that was appended with a key."""
        ...

    def entries(self, first: int = 0, end: int | None = None) -> Iterator[bytes]:
        """Stream the entries ``[first, end)``, by default to the size at the call; L111 beyond that."""
        ...

    def read(self, level: int, index: int, /) -> bytes:
        """Return the hash of a complete subtree, as :class:`~equipoise.ledger.tree.HashReader`."""
        ...

    def read_tile(self, tile: Tile, /) -> bytes:
        """Return a tile, or with level -1 a bundle of entries, as tlog-tiles serves it."""
        ...

    def sign(self, signer: Callable[[str], bytes], *, extensions: Sequence[str] = ()) -> bytes:
        """Sign the durable head and keep the note before anyone sees it.

        Parameters
        ----------
        signer : callable
            From the text of the checkpoint to the signed note.
        extensions : sequence of str
            Further lines of the checkpoint.

        Returns
        -------
        bytes
            The note as it is kept, with cosignatures if there are some already.
        """
        ...

    def put_checkpoint(self, note: bytes) -> bytes:
        """Keep a signed checkpoint of this log, or add cosignatures to one; return it with all its signatures.

        Raises
        ------
        InputError
            L152, unless it is of this log, of a size that is durable here and has this tree's root at that size.
        """
        ...

    def checkpoint(self) -> bytes | None:
        """Return the note of the largest signed checkpoint."""
        ...

    def heads(self, first: int = 0) -> Iterator[bytes]:
        """Stream the notes of all signed checkpoints of at least ``first`` entries, by size."""
        ...

    def refresh(self) -> None:
        """Of a store opened read-only: take in what the writer has appended since."""
        ...

    def reopen(self) -> None:
        """Let go of everything, and start again with every check of a start; the way on after a failed write."""
        ...

    def close(self) -> None:
        """Let go of everything. Closing twice does nothing."""
        ...
