"""Which bytes of a SQLite file hold nothing, read out of the file format itself (sqlite.org/fileformat.html)."""

from __future__ import annotations

from collections.abc import Iterator

# Fields of the first 100 bytes (section 1.3) that carry no data: they steer caches, versions or old readers.
STEERING = {
    "file change counter": range(24, 28),
    "schema cookie": range(40, 44),
    "suggested cache size": range(48, 52),
    "version-valid-for": range(92, 96),
    "version of SQLite that wrote last": range(96, 100),
}
_LEAVES, _TREES = {0x0A, 0x0D}, {0x02, 0x05, 0x0A, 0x0D}


def unused(file: bytes) -> dict[int, str]:
    """Return the bytes that hold nothing, each with the reason; only of b-tree pages, whose first byte tells them."""
    size = int.from_bytes(file[16:18], "big")
    found = {place: name for name, places in STEERING.items() for place in places}
    for start in range(0, len(file), size):
        for place in _holes(file[start : start + size], 100 if start == 0 else 0):
            found[start + place] = "unallocated space of a page"
        for place in _placeholders(file[start : start + size], 100 if start == 0 else 0):
            found[start + place] = "place of a column that is the row's number"
    return found


def _holes(page: bytes, header: int) -> Iterator[int]:
    """Section 1.6: between the array of cells and their content, and the freeblocks among the content."""
    kind = page[header]
    if kind not in _TREES:
        return

    cells = _number(page, header + 3)
    yield from range(header + (8 if kind in _LEAVES else 12) + 2 * cells, _number(page, header + 5) or 65_536)
    block = _number(page, header + 1)
    while block:
        yield from range(block + 4, block + _number(page, block + 2))
        block = _number(page, block)


def _placeholders(page: bytes, header: int) -> Iterator[int]:
    """Section 2.1 and 2.3: a column INTEGER PRIMARY KEY is stored as NULL and read from the number of its row."""
    if page[header] != 0x0D:
        return
    for cell in range(_number(page, header + 3)):
        at = _number(page, header + 8 + 2 * cell)
        for _ in ("size of the payload", "number of the row"):
            while page[at] & 0x80:
                at += 1
            at += 1
        assert page[at] < 0x80, "the header of a record is short here"
        if page[at + 1] == 0:  # of the first column, and no other first column may be NULL
            yield at + 1


def _number(page: bytes, at: int) -> int:
    return int.from_bytes(page[at : at + 2], "big")
