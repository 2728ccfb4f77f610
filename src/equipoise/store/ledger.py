"""The rules of a ledger store over any database of :class:`~equipoise.store.tables.Tables`.

Appending: :meth:`StoredLedger.append` queues (queue.py), one thread plans what of the group is new, hashes it (edge.py) and
writes entries, tiles and head in one transaction. Only then is the head the new one for readers and for signing. If the
transaction fails, its outcome is not known, so the store stops.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from threading import Lock

from equipoise.errors import EquipoiseError, InputError, StoreError
from equipoise.ledger.checkpoint import Checkpoint
from equipoise.ledger.note import Note, parse_note
from equipoise.ledger.tiles import Tile, TileHashes, bundle, tile_of
from equipoise.ledger.tree import leaf_hashes, root
from equipoise.store.anchor import Anchor
from equipoise.store.edge import Edge
from equipoise.store.protocol import State
from equipoise.store.queue import Append, Plan, Queue
from equipoise.store.start import check_signed, checked_edge, checkpoint_of, stored_head, tile_bytes
from equipoise.store.tables import Growth, Head, KeptNote, Tables, chained

_CHUNK = 2048
_TILES_KEPT = 1024  # a tile with its inner levels is 40 KB or so


class StoredLedger:
    """A ledger in a database; see :class:`~equipoise.store.protocol.LedgerStore`.

    Parameters
    ----------
    connect : callable
        Opens the database; called again by :meth:`reopen`.
    anchor : Anchor or None
        Where the last signed checkpoint is kept outside.
    read_only : bool
        Then nothing is locked and the anchor is not looked at.
    """

    def __init__(self, connect: Callable[[], Tables], *, anchor: Anchor | None = None, read_only: bool = False) -> None:
        self._connect = connect
        self._anchor = anchor
        self._read_only = read_only
        self._queue = Queue()
        self._hashes_lock = Lock()
        self._state = State.CLOSED
        self._open()

    def _open(self) -> None:
        self._tables = self._connect()
        try:
            self._head: Head = stored_head(self._tables)
            self._hashes = TileHashes(self._head.size, self._stored_tile, kept=_TILES_KEPT)
            self._edge: Edge | None = None
            if not self._read_only:
                anchored = None if self._anchor is None else self._anchor.read()
                missing = check_signed(self._tables, self._head, anchored, has_anchor=self._anchor is not None)
                self._edge = checked_edge(self._tables, self._head)
                if missing is not None:
                    self._tables.keep(missing)
        except BaseException:
            self._tables.close()
            raise
        self._state = State.READ_ONLY if self._read_only else State.OPEN
        self._cause: StoreError | None = None

    # ----------------------------------------------------------------------------------------------------- what there is

    @property
    def origin(self) -> str:
        """Which log this is."""
        return self._head.origin

    @property
    def state(self) -> State:
        """Whether it can be written and read."""
        return self._state

    @property
    def size(self) -> int:
        """How many entries are durable."""
        return self._head.size

    @property
    def root(self) -> bytes:
        """The root of the tree over them."""
        return self._head.root

    @property
    def time_ms(self) -> int:
        """The latest event time among them."""
        return self._head.time_ms

    # --------------------------------------------------------------------------------------------------------- appending

    def append(
        self, entries: Sequence[bytes], keys: Sequence[str | None] | None = None, *, time_ms: int | None = None
    ) -> Sequence[int]:
        """Make entries durable, all or none, and return the index of each."""
        self._may_write()
        asked = Append(entries, [None] * len(entries) if keys is None else keys, time_ms)
        return self._queue.write(asked, self._lead)

    def _lead(self, group: list[Append]) -> None:
        """Settle a group of calls, under the lock of the queue."""
        try:
            self._may_write()
            keys = [key for one in group for key in one.keys if key is not None]
            plan = Plan(self._head.size, self._head.time_ms, self._tables.known(keys) if keys else {})
            for one in group:
                plan.admit(one)
            if plan.entries:
                self._grow(plan)
        except StoreError as error:
            self._stop(error)
            for one in group:
                one.error, one.done = one.error or error, True
        except BaseException:
            # Interrupted, perhaps half-way: the edge in memory and the database may differ by now.
            self._stop(StoreError("L145", "an append was interrupted", hint="reopen", retryable=True))
            raise
        for one in group:
            one.done = True

    def _grow(self, plan: Plan) -> None:
        old, edge = self._head, self._edge
        assert edge is not None
        tiles = edge.extend(leaf_hashes(plan.entries))
        size = edge.frontier.size
        keys = chained(old.keys, zip(range(old.size, size), plan.keys, strict=True))
        new = old.grown(size=size, root=edge.frontier.root(), keys=keys, time_ms=plan.time_ms)
        self._tables.grow(Growth(old, new, plan.entries, plan.keys, tiles))
        self._show(new)

    def _show(self, head: Head) -> None:
        """Let readers see a head that is durable."""
        with self._hashes_lock:
            self._hashes.size = head.size
            self._head = head

    def _may_write(self) -> None:
        if self._state is State.OPEN:
            return
        cause = f": {self._cause.message}" if self._cause else ""
        raise StoreError(
            "L146",
            f"the store of {self.origin!r} is {self._state}{cause}",
            hint="keep what is to be recorded, mend the cause, then `reopen()` and append it with its keys",
            retryable=bool(self._cause and self._cause.retryable),
        )

    def _stop(self, cause: StoreError) -> None:
        if self._state is State.OPEN:
            self._state, self._cause = State.STOPPED, cause

    # ----------------------------------------------------------------------------------------------------------- reading

    def find(self, key: str) -> int | None:
        """Return the index of the entry that was appended with a key."""
        self._may_read()
        row = self._tables.known([key]).get(key)
        return row.place if row is not None and row.place < self.size else None

    def entries(self, first: int = 0, end: int | None = None) -> Iterator[bytes]:
        """Stream the entries ``[first, end)``."""
        self._may_read()
        size = self.size
        end = size if end is None else end
        if not 0 <= first <= end <= size:
            raise InputError("L111", f"no entries from {first} to {end} in a log of {size}")
        return self._stream(first, end)

    def _stream(self, first: int, end: int) -> Iterator[bytes]:
        for start in range(first, end, _CHUNK):
            self._may_read()
            rows = self._tables.rows(start, min(start + _CHUNK, end))
            if len(rows) != min(start + _CHUNK, end) - start:
                raise StoreError("L144", f"entries after {start} are not all there", hint="see `verify_store`")
            for row in rows:
                yield row.data

    def read(self, level: int, index: int, /) -> bytes:
        """Return the hash of a complete subtree."""
        self._may_read()
        with self._hashes_lock:
            return self._hashes.read(level, index)

    def read_tile(self, tile: Tile, /) -> bytes:
        """Return a tile, or with level -1 a bundle of entries."""
        self._may_read()
        if not 0 < tile.width <= tile_of(tile.level, tile.index, self.size).width:
            raise InputError("L111", f"a log of {self.size} entries has no {tile.path()}")
        if tile.level < 0:
            first = tile.index * 256
            return bundle(self.entries(first, first + tile.width))
        return self._stored_tile(tile)

    def _stored_tile(self, tile: Tile) -> bytes:
        return tile_bytes(self._tables, tile)

    def _may_read(self) -> None:
        if self._state is State.CLOSED:
            raise StoreError("L146", f"the store of {self.origin!r} is closed", hint="open it again")

    # ----------------------------------------------------------------------------------------------------------- signing

    def sign(self, signer: Callable[[str], bytes], *, extensions: Sequence[str] = ()) -> bytes:
        """Sign the durable head and keep the note before anyone sees it."""
        self._may_write()
        head = self._head  # set only after its transaction
        return self.put_checkpoint(signer(Checkpoint(head.origin, head.size, head.root, tuple(extensions)).text()))

    def put_checkpoint(self, note: bytes) -> bytes:
        """Keep a signed checkpoint of this log, or add cosignatures to one; return it with all its signatures."""
        try:
            parts, signed = parse_note(note), checkpoint_of(note)
        except EquipoiseError as error:
            raise InputError("L152", f"not a checkpoint: {error.message}") from error
        if signed.origin != self.origin or not signed.size <= self.size:
            raise InputError("L152", f"a checkpoint of {signed.origin!r}, {signed.size} entries, is not of this log")
        if root(signed.size, self) != signed.root:
            raise InputError("L152", f"a checkpoint of {signed.size} entries has another root than the log")
        with self._queue.writing:
            self._may_write()
            try:
                return self._keep(signed.size, parts)
            except StoreError as error:
                self._stop(error)
                raise

    def _keep(self, size: int, note: Note) -> bytes:
        """Keep it first outside, then inside: what is inside is then never more than the anchor knows."""
        known = self._tables.note(size)
        if known is not None:
            if not known.is_whole():
                raise StoreError("L144", f"the checkpoint of {size} entries is damaged", hint="see `verify_store`")
            note = _merged(parse_note(known.note), note)
        data = note.to_bytes()
        last = self._tables.note()
        if self._anchor is not None and (last is None or size >= last.size):
            self._anchor.write(data)
        if known is None or known.note != data:
            self._tables.keep(KeptNote.of(size, data))
        return data

    def checkpoint(self) -> bytes | None:
        """Return the note of the largest signed checkpoint."""
        self._may_read()
        last = self._tables.note()
        return None if last is None else last.note

    def heads(self, first: int = 0) -> Iterator[bytes]:
        """Stream the notes of all signed checkpoints of at least ``first`` entries, by size."""
        while True:
            self._may_read()
            found = self._tables.notes(first, most=_CHUNK)
            yield from (kept.note for kept in found)
            if len(found) < _CHUNK:
                return
            first = found[-1].size + 1

    # ---------------------------------------------------------------------------------------------------- opening, closing

    def refresh(self) -> None:
        """Of a store opened read-only: take in what the writer has appended since."""
        if self._state is State.READ_ONLY:
            head = stored_head(self._tables)
            if head.size < self.size:
                raise StoreError("L143", f"the store shrank from {self.size} to {head.size} entries")
            self._show(head)

    def reopen(self) -> None:
        """Let go of everything, and start again with every check of a start."""
        with self._queue.writing:
            self._close()
            self._open()

    def close(self) -> None:
        """Let go of everything, after what is being written."""
        with self._queue.writing:
            self._close()

    def _close(self) -> None:
        if self._state is not State.CLOSED:
            self._state = State.CLOSED
            self._tables.close()

    def __enter__(self) -> StoredLedger:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _merged(old: Note, new: Note) -> Note:
    """Return one checkpoint with the signatures of both, of each key the newer."""
    if old.text != new.text:
        raise InputError("L152", "another checkpoint of this size is signed already")
    signatures = {(one.name, one.key_id): one for one in (*old.signatures, *new.signatures)}
    return Note(old.text, tuple(signatures.values()))
