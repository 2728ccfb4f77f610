"""The tiles at the right edge of a growing tree, of which only the newest hashes are not yet stored."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from equipoise.ledger.tiles import TILE_HEIGHT, TILE_WIDTH, Tile, parse_tile, tile_width
from equipoise.ledger.tree import HASH_SIZE, Frontier

_FULL = TILE_WIDTH * HASH_SIZE


class Edge:
    """A frontier with the last, partial tile of each level.

    Parameters
    ----------
    frontier : Frontier
        Of the stored tree; grows with the edge.
    read_tile : callable
        From a partial tile of that tree to its bytes.
    """

    def __init__(self, frontier: Frontier, read_tile: Callable[[Tile], bytes]) -> None:
        self.frontier = frontier
        self._partial: list[bytearray] = []
        size = frontier.size
        while size >> TILE_HEIGHT * len(self._partial):
            level = len(self._partial)
            index = (size >> TILE_HEIGHT * level) // TILE_WIDTH
            width = tile_width(level, index, size)
            row = parse_tile(read_tile(Tile(level, index, width)), width=width) if width else []
            self._partial.append(bytearray().join(row))

    def extend(self, leaves: Sequence[bytes]) -> list[tuple[Tile, bytes]]:
        """Add leaf hashes and return every tile that is new or wider, as :func:`~equipoise.ledger.tiles.grown_tiles`."""
        old_size = self.frontier.size
        grown = self.frontier.extend(leaves)
        found: list[tuple[Tile, bytes]] = []
        for level, row in enumerate(grown[::TILE_HEIGHT]):
            if level == len(self._partial):
                self._partial.append(bytearray())
            index = (old_size >> TILE_HEIGHT * level) // TILE_WIDTH
            whole = self._partial[level]
            whole += b"".join(row)
            while len(whole) >= _FULL:
                found.append((Tile(level, index), bytes(whole[:_FULL])))
                del whole[:_FULL]
                index += 1
            if whole:
                found.append((Tile(level, index, len(whole) // HASH_SIZE), bytes(whole)))
        return found
