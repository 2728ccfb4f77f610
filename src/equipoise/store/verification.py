"""Everything in a store read and hashed again, to find the first entry that is not as it was written."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from heapq import merge
from operator import attrgetter
from pathlib import Path

from equipoise.errors import EquipoiseError, StoreError
from equipoise.ledger.keys import VerifierKey
from equipoise.ledger.note import open_note
from equipoise.ledger.tiles import TILE_HEIGHT, TILE_WIDTH, Tile
from equipoise.ledger.tree import HASH_SIZE, Frontier, leaf_hashes
from equipoise.store.anchor import Anchor, anchor_of
from equipoise.store.edge import Edge
from equipoise.store.sqlite import SqliteTables
from equipoise.store.start import checkpoint_of, stored_head
from equipoise.store.tables import Head, KeptNote, Tables, chained

_CHUNK = 64 * TILE_WIDTH
_MOST_FAULTS = 20
_BEYOND = 2**62


@dataclass(frozen=True, slots=True)
class Fault:
    """What is not as it was written.

    Parameters
    ----------
    what : str
        In a sentence.
    index : int or None
        The first entry that it concerns, if it concerns entries.
    """

    what: str
    index: int | None = None


@dataclass(slots=True)
class Verification:
    """What :func:`verify_store` found."""

    size: int = 0
    checkpoints: int = 0
    """How many signed checkpoints were compared, the anchor's among them."""
    faults: list[Fault] = field(default_factory=list[Fault])
    """At most twenty."""

    @property
    def ok(self) -> bool:
        """Whether everything is as it was written."""
        return not self.faults

    @property
    def first(self) -> int | None:
        """The first entry that is not as it was written, if that can be said."""
        return min((fault.index for fault in self.faults if fault.index is not None), default=None)

    def add(self, what: str, index: int | None = None) -> None:
        """Note a fault."""
        self.faults.append(Fault(what, index))


def verify_store(tables: Tables, *, anchor: Anchor | None = None, keys: Sequence[VerifierKey] = ()) -> Verification:
    """Read all entries, hash all of the tree, and compare with all that is stored and signed.

    Parameters
    ----------
    tables : Tables
        The database of the ledger; nothing is written.
    anchor : Anchor or None
        The last signed checkpoint outside.
    keys : sequence of VerifierKey
        Keys of the log and of witnesses: with them every checkpoint must have a signature of one, and signatures of them
        must hold. Without them only what checkpoints say is compared.
    """
    found = Verification()
    try:
        anchored = None if anchor is None else anchor.read()  # before the tables, so that it is never ahead of them
        tables.freeze()
        head = stored_head(tables)
        found.size = head.size
        notes = [] if anchored is None else [KeptNote.of(checkpoint_of(anchored).size, anchored)]
        _entries(tables, head, merge(_notes(tables), notes, key=attrgetter("size")), keys, found)
        for text in tables.faults():
            found.add(f"the database: {text}")
    except EquipoiseError as error:
        found.add(error.message)
    del found.faults[_MOST_FAULTS:]
    return found


def verify_sqlite(
    path: Path | str, *, anchor: Anchor | Path | str | None = None, keys: Sequence[VerifierKey] = ()
) -> Verification:
    """Verify a ledger in a SQLite file; parameters as of :func:`verify_store` and ``open_sqlite``."""
    path = Path(path).resolve()
    return verified(lambda: SqliteTables(path, read_only=True), anchor=anchor_of(path, anchor), keys=keys)


def verified(connect: Callable[[], Tables], *, anchor: Anchor | None, keys: Sequence[VerifierKey]) -> Verification:
    """Verify what opens, and report what does not."""
    try:
        tables = connect()
    except StoreError as error:
        return Verification(faults=[Fault(error.message)])
    try:
        return verify_store(tables, anchor=anchor, keys=keys)
    finally:
        tables.close()


# -------------------------------------------------------------------------------------------------- entries and their tree


def _entries(
    tables: Tables, head: Head, notes: Iterator[KeptNote], keys: Sequence[VerifierKey], found: Verification
) -> None:
    edge = Edge(Frontier(), lambda _: b"")
    digest, tiles = bytes(32), 0
    note = next(notes, None)
    while edge.frontier.size < head.size and len(found.faults) < _MOST_FAULTS:
        while note is not None and note.size <= edge.frontier.size:
            _checkpoint(note, edge, head, keys, found)
            note = next(notes, None)
        first = edge.frontier.size
        # A chunk ends with a checkpoint's last entry, where the root is then known.
        end = min(head.size, (first // _CHUNK + 1) * _CHUNK, note.size if note else _BEYOND)
        rows = tables.rows(first, end)
        missing = next((index for index, row in enumerate(rows, first) if row.place != index), first + len(rows))
        if missing < end:
            found.add(f"entry {missing} is missing", missing)
            return
        digest = chained(digest, ((row.place, row.key) for row in rows))
        for tile, data in edge.extend(leaf_hashes(row.data for row in rows)):
            _compare(tables, tile, data, found)
            tiles += tile.width == TILE_WIDTH
    while note is not None and len(found.faults) < _MOST_FAULTS:
        _checkpoint(note, edge, head, keys, found)
        note = next(notes, None)
    if not found.faults:
        _totals(tables, head, edge, digest, tiles, found)


def _compare(tables: Tables, tile: Tile, data: bytes, found: Verification) -> None:
    stored = tables.tile(tile.level, tile.index) or b""
    if stored[: len(data)] == data:
        return
    place = next(
        i for i in range(tile.width) if stored[i * HASH_SIZE :][:HASH_SIZE] != data[i * HASH_SIZE :][:HASH_SIZE]
    )
    first = tile.index * TILE_WIDTH + place << TILE_HEIGHT * tile.level
    below = range(first, first + (1 << TILE_HEIGHT * tile.level))
    if any(fault.index in below for fault in found.faults):
        return  # follows from it
    what = f"entry {first} does not hash to what {tile.path()} says"
    if tile.level:
        what = f"{tile.path()} is not the hash of the tiles below it, from entry {first} on"
    found.add(what, first)


def _totals(tables: Tables, head: Head, edge: Edge, digest: bytes, full_tiles: int, found: Verification) -> None:
    """Compare what only the whole shows; entries and tiles are as they should be up to here."""
    if edge.frontier.root() != head.root:
        found.add("the root of the head is another")
    if digest != head.keys:
        found.add("an idempotency key is not as it was written")
    partial = 0
    size, level = head.size, 0
    while size >> TILE_HEIGHT * level:
        width = (size >> TILE_HEIGHT * level) % TILE_WIDTH
        partial += width > 0
        if width:
            last = tables.tile(level, (size >> TILE_HEIGHT * level) // TILE_WIDTH) or b""
            if len(last) != width * HASH_SIZE:
                found.add(f"the last tile of level {level} is longer than the log")
        level += 1
    entries, tiles = tables.counts()
    if entries != head.size:
        found.add(f"{entries - head.size} entries beyond the head", head.size)
    if tiles != full_tiles + partial:
        found.add(f"{tiles - full_tiles - partial} tiles beyond the head")


# --------------------------------------------------------------------------------------------------------------- signatures


def _notes(tables: Tables) -> Iterator[KeptNote]:
    first = -1
    while some := tables.notes(first, most=1024):
        yield from some
        first = some[-1].size + 1


def _checkpoint(note: KeptNote, edge: Edge, head: Head, keys: Sequence[VerifierKey], found: Verification) -> None:
    found.checkpoints += 1
    name = f"the checkpoint of {note.size} entries"
    if not note.is_whole():
        found.add(f"{name} is not as it was written")
        return
    size, root = _signed(note.note, head, keys, name, found)
    if size != note.size:
        found.add(f"{name} says {size}")
    elif size != edge.frontier.size:
        found.add(f"{name} is beyond the log", head.size)
    elif root != edge.frontier.root():
        found.add(f"{name} has another root")


def _signed(note: bytes, head: Head, keys: Sequence[VerifierKey], name: str, found: Verification) -> tuple[int, bytes]:
    """Return size and root that a note states; faults of the note are added."""
    try:
        signed = checkpoint_of(note)
        if keys:
            open_note(note, keys)
    except EquipoiseError as error:
        found.add(f"{name}: {error.message}")
        return -1, b""
    if signed.origin != head.origin:
        found.add(f"{name} is of {signed.origin!r}")
    return signed.size, signed.root
