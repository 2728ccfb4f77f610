"""What is checked before a store writes: nothing was lost since the last signature, and what is stored still hashes to it."""

from __future__ import annotations

from functools import partial

from equipoise.errors import EquipoiseError, StoreError
from equipoise.ledger.checkpoint import Checkpoint, parse_checkpoint
from equipoise.ledger.note import parse_note
from equipoise.ledger.tiles import TILE_WIDTH, Tile, TileHashes
from equipoise.ledger.tree import HASH_SIZE, Frontier, leaf_hashes, root
from equipoise.store.edge import Edge
from equipoise.store.tables import Head, KeptNote, Tables

MOST_REHASHED = 256 * TILE_WIDTH
"""At most so many entries are hashed again at a start; ``verify_store`` hashes all."""
_VERIFY = "do not write to it; `verify_store` says what differs, and a backup or the witness has what was"


def stored_head(tables: Tables) -> Head:
    """Return the head, if it is as it was written."""
    head, mark = tables.head()
    if head.mark() != mark:
        raise StoreError("L144", f"the head of {head.origin!r} is damaged", hint=_VERIFY)
    return head


def tile_bytes(tables: Tables, tile: Tile) -> bytes:
    """Return a tile as wide as asked for; L144 if less is stored."""
    data = tables.tile(tile.level, tile.index)
    if data is None or len(data) < tile.width * HASH_SIZE:
        raise StoreError("L144", f"{tile.path()} is not stored, or only in part", hint=_VERIFY)
    return data[: tile.width * HASH_SIZE]


def checkpoint_of(note: bytes) -> Checkpoint:
    """Return the checkpoint that a note is about, nothing verified."""
    return parse_checkpoint(parse_note(note).text)


def checked_edge(tables: Tables, head: Head) -> Edge:
    """Return the edge to append to, its newest entries hashed again.

    Entries are hashed again from the tile on in which the last signed checkpoint ends, at most :data:`MOST_REHASHED`.
    """
    last = tables.note()
    since = min(last.size if last else 0, head.size)
    since = max(since, head.size - MOST_REHASHED) // TILE_WIDTH * TILE_WIDTH
    read = partial(tile_bytes, tables)
    rows = tables.rows(since, head.size + 1)
    if [row.place for row in rows] != list(range(since, head.size)):
        raise StoreError("L144", f"entries from {since} to {head.size} are not all there, or more are", hint=_VERIFY)
    edge = Edge(Frontier.read(since, TileHashes(since, read)), read)
    for tile, data in edge.extend(leaf_hashes(row.data for row in rows)):
        if read(tile) != data:
            raise StoreError("L144", f"{tile.path()} is not the hash of what is stored below it", hint=_VERIFY)
    if edge.frontier.root() != head.root:
        raise StoreError("L144", f"the {head.size} entries have another root than the head says", hint=_VERIFY)
    return edge


def check_signed(tables: Tables, head: Head, anchored: bytes | None, *, has_anchor: bool) -> KeptNote | None:
    """Compare the tree with the last signed checkpoints, inside and outside.

    Returns
    -------
    KeptNote or None
        The anchored note, if the database does not have it yet.
    """
    last = tables.note()
    if last is not None:
        if not last.is_whole():
            raise StoreError("L144", f"the checkpoint of {last.size} entries is damaged", hint=_VERIFY)
        _compare(tables, head, last.note, "a signed checkpoint")
    if anchored is None:
        if last is not None and has_anchor:
            raise StoreError(
                "L148",
                f"the log is signed up to {last.size} entries, and its anchor is gone",
                hint="put it back; if the ledger was moved, write `checkpoint()` to the new anchor",
            )
        return None
    _compare(tables, head, anchored, "the anchor")
    size = checkpoint_of(anchored).size
    return KeptNote.of(size, anchored) if last is None or size > last.size else None


def _compare(tables: Tables, head: Head, note: bytes, whose: str) -> None:
    try:
        signed = checkpoint_of(note)
    except EquipoiseError as error:
        raise StoreError("L148", f"{whose} is not as written: {error.message}") from error
    if signed.origin != head.origin:
        raise StoreError("L144", f"{whose} is of {signed.origin!r}, the store of {head.origin!r}")
    if signed.size > head.size:
        raise StoreError(
            "L143",
            f"the store has {head.size} entries, and {whose} was signed over {signed.size}",
            hint="an older copy was put back, or entries were lost: find the newer one, or found a new log",
        )
    if _root_at(tables, signed.size) != signed.root:
        raise StoreError("L144", f"{whose} has another root of {signed.size} entries", hint=_VERIFY)


def _root_at(tables: Tables, size: int) -> bytes:
    return root(size, TileHashes(size, partial(tile_bytes, tables)))
