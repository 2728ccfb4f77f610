"""The tree and its entries as tiles, files that never change once full (C2SP tlog-tiles).

A tile is 256 hashes in a row, eight levels of the tree apart: tile ``(level, index)`` holds the nodes
``(8 × level, 256 × index …)``; the seven levels between are hashed again when needed, so nothing is stored twice. The
last tile of a level may be partial. Entries lie in bundles of up to 256, each behind its length in two bytes.

* :func:`grown_tiles`: what a log must write when it grows from one size to another.
* :class:`TileHashes`: makes a reader of nodes (:class:`~equipoise.ledger.tree.HashReader`) out of a reader of tiles.
* :meth:`Tile.path`, :func:`parse_path`: where a tile is found.
* :func:`bundle`, :func:`parse_bundle`: entries as bytes.

Examples
--------
>>> [tile.path() for tile in grown_tiles(255, 257)]
['tile/0/000', 'tile/0/001.p/1', 'tile/1/000.p/1']
>>> parse_path("tile/0/x001/x234/067.p/5")
Tile(level=0, index=1234067, width=5)
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from equipoise.errors import InputError, VerificationError
from equipoise.ledger.tree import HASH_SIZE, MAX_SIZE, node_hash

TILE_HEIGHT = 8
TILE_WIDTH = 1 << TILE_HEIGHT
MAX_ENTRY_BYTES = 0xFFFF
"""The longest entry that a bundle can hold."""
_TILE_LEVELS = 8  # of eight levels each, which is beyond MAX_SIZE
_PATH = re.compile(
    r"tile/(?P<level>entries|[0-7])/(?P<index>(?:x[0-9]{3}/){0,5}[0-9]{3})(?:\.p/(?P<width>[1-9][0-9]{0,2}))?"
)


@dataclass(frozen=True, slots=True, order=True)
class Tile:
    """Which tile: ``level`` counts tiles upwards, -1 is the bundle of entries; ``width`` is 256 for a full one."""

    level: int
    index: int
    width: int = TILE_WIDTH

    def path(self) -> str:
        """Return its path below the log's prefix."""
        digits = f"{self.index:03d}"
        digits = digits.zfill(-(-len(digits) // 3) * 3)
        parts = [digits[i : i + 3] for i in range(0, len(digits), 3)]
        index = "/".join([f"x{part}" for part in parts[:-1]] + parts[-1:])
        level = "entries" if self.level < 0 else str(self.level)
        partial = "" if self.width == TILE_WIDTH else f".p/{self.width}"
        return f"tile/{level}/{index}{partial}"


def parse_path(path: str) -> Tile:
    """Return the tile that a path names.

    Raises
    ------
    VerificationError
        L114, if it is not a path as :meth:`Tile.path` writes it.
    """
    found = _PATH.fullmatch(path)
    if found:
        level = -1 if found["level"] == "entries" else int(found["level"])
        index = int(found["index"].replace("x", "").replace("/", ""))
        tile = Tile(level, index, int(found["width"] or TILE_WIDTH))
        if tile.path() == path and tile.width <= TILE_WIDTH:  # no leading zeroes, no `.p/256`
            return tile
    raise VerificationError("L114", f"not the path of a tile: {path[:80]!r}")


def tile_width(level: int, index: int, size: int) -> int:
    """Return how many hashes of tile ``(level, index)`` a tree of ``size`` leaves has, 0 to 256."""
    return max(0, min(TILE_WIDTH, (size >> TILE_HEIGHT * max(level, 0)) - index * TILE_WIDTH))


def tile_of(level: int, index: int, size: int) -> Tile:
    """Return the tile, as wide as it is in a tree of ``size`` leaves; L111 if it is empty there."""
    width = tile_width(level, index, size)
    if not width or level < -1 or index < 0:
        raise InputError("L111", f"a tree of {size} leaves has no tile {index} at level {level}")
    return Tile(level, index, width)


def grown_tiles(old_size: int, new_size: int, *, entries: bool = False) -> list[Tile]:
    """Return the tiles that are new or wider after a log grew, from the lowest level up, left to right.

    Parameters
    ----------
    old_size, new_size : int
        Leaves before and after.
    entries : bool
        Whether the bundles of entries come first, as level -1.
    """
    if not 0 <= old_size <= new_size <= MAX_SIZE:
        raise InputError("L111", f"no log grows from {old_size} to {new_size} leaves")
    found: list[Tile] = []
    for level in range(-1 if entries else 0, _TILE_LEVELS):
        shift = TILE_HEIGHT * max(level, 0)
        before, after = old_size >> shift, new_size >> shift
        if before < after:
            touched = range(before // TILE_WIDTH, -(-after // TILE_WIDTH))
            found += [tile_of(level, index, new_size) for index in touched]
    return found


class TileHashes:
    """Nodes read out of tiles; the levels inside a tile are hashed once and kept for the tiles last used.

    Parameters
    ----------
    size : int
        Leaves of the tree; nothing beyond it is read. A log that grew sets ``size``, and full tiles stay kept.
    read_tile : callable
        From a :class:`Tile` (as wide as it is at this size) to its bytes, 32 per hash. It may return more: the wider
        tile of a larger tree begins with the same hashes.
    kept : int
        How many tiles are kept, the least lately used goes first.
    """

    __slots__ = ("_kept", "_most", "_read_tile", "size")

    def __init__(self, size: int, read_tile: Callable[[Tile], bytes], *, kept: int = 256) -> None:
        self.size = size
        self._read_tile = read_tile
        self._most = max(1, kept)
        self._kept: OrderedDict[Tile, list[list[bytes]]] = OrderedDict()

    def read(self, level: int, index: int, /) -> bytes:
        """Return the hash of a complete subtree; L111 if it is not in the tree, L114 if its tile is too short."""
        if level < 0 or index < 0 or (index + 1) << level > self.size:
            raise InputError("L111", f"no node {index} at level {level} in a tree of {self.size} leaves")
        tile_level, height = divmod(level, TILE_HEIGHT)
        first = index << height
        tile = tile_of(tile_level, first // TILE_WIDTH, self.size)
        rows = self._rows(tile)
        place = index - (tile.index << (TILE_HEIGHT - height))
        while len(rows) <= height:
            below = rows[-1]
            rows.append([node_hash(a, b) for a, b in zip(below[::2], below[1::2], strict=False)])
        return rows[height][place]

    def _rows(self, tile: Tile) -> list[list[bytes]]:
        rows = self._kept.get(tile)
        if rows is None:
            rows = [parse_tile(self._read_tile(tile), width=tile.width)]
            self._kept[tile] = rows
            if len(self._kept) > self._most:
                self._kept.popitem(last=False)
        else:
            self._kept.move_to_end(tile)
        return rows


def parse_tile(data: bytes, *, width: int) -> list[bytes]:
    """Return the first ``width`` hashes of a tile; L114 if it has fewer, or is no row of hashes."""
    if len(data) % HASH_SIZE or not width * HASH_SIZE <= len(data) <= TILE_WIDTH * HASH_SIZE:
        raise VerificationError("L114", f"a tile of {width} hashes has {len(data)} bytes")
    return [data[i : i + HASH_SIZE] for i in range(0, width * HASH_SIZE, HASH_SIZE)]


def bundle(entries: Iterable[bytes]) -> bytes:
    """Return entries as the bytes of a bundle; L114 if one is longer than a bundle can hold."""
    parts: list[bytes] = []
    for entry in entries:
        if len(entry) > MAX_ENTRY_BYTES:
            raise InputError(
                "L114",
                f"an entry of {len(entry)} bytes, where {MAX_ENTRY_BYTES} is the most",
                hint="record its hash and keep the bytes beside the log",
            )
        parts += (len(entry).to_bytes(2, "big"), entry)
    if len(parts) > 2 * TILE_WIDTH:
        raise InputError("L114", f"{len(parts) // 2} entries in a bundle, where {TILE_WIDTH} is the most")
    return b"".join(parts)


def parse_bundle(data: bytes, *, width: int) -> Sequence[bytes]:
    """Return the entries of a bundle; L114 unless it is exactly ``width`` of them."""
    entries: list[bytes] = []
    place = 0
    while place < len(data) and len(entries) < width:
        start = place + 2
        place = start + int.from_bytes(data[place:start], "big")
        if start > len(data) or place > len(data):
            break
        entries.append(data[start:place])
    if len(entries) != width or place != len(data):
        raise VerificationError("L114", f"{len(data)} bytes are no bundle of {width} entries")
    return entries
