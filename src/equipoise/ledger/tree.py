"""The Merkle tree of a log: its hashes, its growing edge, and proofs made and checked (RFC 9162, section 2.1).

A leaf is hashed behind a byte 0, an inner node behind a byte 1, so that neither can pass for the other. Node
``(level, index)`` is the root of the complete subtree over the leaves ``[index << level, (index + 1) << level)``. A tree
of n leaves splits at the largest power of two below n, so every hash of every proof is the root of a range of leaves
that starts at a multiple of its own size rounded up; :func:`range_nodes` names the complete subtrees it is made of.

* :class:`Frontier`: what must be kept in order to append, at most 63 hashes; :meth:`Frontier.extend` hashes a batch.
* :func:`root`, :func:`inclusion_proof`, :func:`consistency_proof`: made from any :class:`HashReader`.
* :func:`verify_inclusion`, :func:`verify_consistency`: raise a ``VerificationError`` unless the proof holds.

Examples
--------
>>> log, kept = Frontier(), MemoryHashes()
>>> kept.extend(log.extend(leaf_hashes([b"a", b"b", b"c"])))
>>> proof = inclusion_proof(2, 3, kept)
>>> verify_inclusion(proof, index=2, size=3, leaf=leaf_hash(b"c"), root=log.root())
>>> verify_inclusion(proof, index=2, size=3, leaf=leaf_hash(b"d"), root=log.root())
Traceback (most recent call last):
...
equipoise.errors.VerificationError: L112 the proof for entry 2 of 3 leads to another root
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import Protocol

from equipoise.errors import InputError, VerificationError

HASH_SIZE = 32
MAX_SIZE = 2**63 - 1
"""No tree is larger; a size beyond it in a checkpoint or a proof is refused."""
EMPTY_ROOT = sha256(b"").digest()


class HashReader(Protocol):
    """Whatever keeps the hashes of complete subtrees: memory, tiles in a database, tiles behind HTTP."""

    def read(self, level: int, index: int, /) -> bytes:
        """Return the hash of node ``(level, index)``; asked only for subtrees complete in the tree it was said to hold."""
        ...


# ------------------------------------------------------------------------------------------------------------- hashing


def leaf_hash(entry: bytes) -> bytes:
    """Return the hash of an entry, MTH({d}) of RFC 9162, section 2.1.1."""
    return sha256(b"\x00" + entry).digest()


def leaf_hashes(entries: Iterable[bytes]) -> list[bytes]:
    """Return the hash of every entry, in order."""
    return [sha256(b"\x00" + entry).digest() for entry in entries]


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of an inner node."""
    return sha256(b"\x01" + left + right).digest()


def root_of(leaves: Iterable[bytes]) -> bytes:
    """Return the root of a tree over these leaf hashes."""
    log = Frontier()
    log.extend(leaves)
    return log.root()


# ------------------------------------------------------------------------------------------------------------- growing


class Frontier:
    """The right edge of a growing tree: the roots of the complete subtrees that its size is the sum of.

    Parameters
    ----------
    size : int
        Leaves so far.
    peaks : sequence of bytes
        One hash per one bit of ``size``, from the largest subtree (left) to the smallest.

    Raises
    ------
    InputError
        L111, if size and peaks do not fit.
    """

    __slots__ = ("_peaks", "_size")

    def __init__(self, size: int = 0, peaks: Sequence[bytes] = ()) -> None:
        _check_size(size)
        levels = _levels(size)
        if len(peaks) != len(levels) or any(len(peak) != HASH_SIZE for peak in peaks):
            raise InputError("L111", f"{len(peaks)} peaks do not make a tree of {size} leaves")
        self._size = size
        self._peaks = [b""] * size.bit_length()  # by level; empty where the size has a zero bit
        for level, peak in zip(levels, peaks, strict=True):
            self._peaks[level] = bytes(peak)

    @classmethod
    def read(cls, size: int, hashes: HashReader) -> Frontier:
        """Return the edge of a stored tree."""
        _check_size(size)
        return cls(size, [hashes.read(level, index) for level, index in range_nodes(0, size)])

    @property
    def size(self) -> int:
        """How many leaves the tree has."""
        return self._size

    @property
    def peaks(self) -> tuple[bytes, ...]:
        """The roots of its complete subtrees, from the largest to the smallest."""
        return tuple(peak for peak in reversed(self._peaks) if peak)

    def copy(self) -> Frontier:
        """Return another that grows on its own."""
        return Frontier(self._size, self.peaks)

    def root(self) -> bytes:
        """Return the root of the tree as it is now."""
        return _folded(self.peaks)

    def append(self, leaf: bytes) -> list[list[bytes]]:
        """Add one leaf hash; otherwise as :meth:`extend`."""
        return self.extend((leaf,))

    def extend(self, leaves: Iterable[bytes]) -> list[list[bytes]]:
        """Add leaf hashes and return every node that this completed.

        Parameters
        ----------
        leaves : iterable of bytes
            Leaf hashes, of 32 bytes each.

        Returns
        -------
        list of list of bytes
            By level; the nodes of a level follow each other, the first has the index ``old_size >> level``.
        """
        row = list(leaves)
        assert all(len(leaf) == HASH_SIZE for leaf in row)
        _check_size(self._size + len(row))
        size, peaks, grown = self._size, self._peaks, list[list[bytes]]()
        self._size += len(row)
        peaks.extend([b""] * (self._size.bit_length() - len(peaks)))
        level = 0
        while row:
            grown.append(row)
            if size >> level & 1:
                row = [peaks[level], *row]
            peaks[level] = row[-1] if len(row) & 1 else b""
            row = [sha256(b"\x01" + left + right).digest() for left, right in zip(row[::2], row[1::2], strict=False)]
            level += 1
        return grown


class MemoryHashes:
    """All nodes of a tree, kept in memory: for tests, for simulations, and as the plainest :class:`HashReader`."""

    __slots__ = ("_rows",)

    def __init__(self) -> None:
        self._rows: list[list[bytes]] = []

    def extend(self, grown: Sequence[Sequence[bytes]]) -> None:
        """Keep what :meth:`Frontier.extend` returned."""
        for level, nodes in enumerate(grown):
            if level == len(self._rows):
                self._rows.append([])
            self._rows[level].extend(nodes)

    def read(self, level: int, index: int, /) -> bytes:
        """Return a node; L111 if it is not there."""
        if 0 <= level < len(self._rows) and 0 <= index < len(self._rows[level]):
            return self._rows[level][index]
        raise InputError("L111", f"no node {index} at level {level}")


# -------------------------------------------------------------------------------------------------------------- proofs


def root(size: int, hashes: HashReader) -> bytes:
    """Return the root that the tree had when it had ``size`` leaves."""
    _check_size(size)
    return range_root(0, size, hashes)


def inclusion_proof(index: int, size: int, hashes: HashReader) -> list[bytes]:
    """Prove that leaf ``index`` is in the tree of ``size`` leaves (RFC 9162, section 2.1.3.1).

    Returns
    -------
    list of bytes
        From the leaf's sibling to the root's child.

    Raises
    ------
    InputError
        L111, if there is no such leaf.
    """
    return [range_root(start, end, hashes) for start, end in inclusion_ranges(index, size)]


def consistency_proof(old_size: int, new_size: int, hashes: HashReader) -> list[bytes]:
    """Prove that the tree of ``new_size`` leaves begins with that of ``old_size`` (RFC 9162, section 2.1.4.1).

    Raises
    ------
    InputError
        L111, unless 1 ≤ ``old_size`` ≤ ``new_size``: everything is consistent with an empty tree, so nothing is proved.
    """
    return [range_root(start, end, hashes) for start, end in consistency_ranges(old_size, new_size)]


def inclusion_ranges(index: int, size: int) -> list[tuple[int, int]]:
    """Return the ranges of leaves whose roots are the inclusion proof, so that a store can fetch them at once."""
    _check_size(size)
    if not 0 <= index < size:
        raise InputError("L111", f"no entry {index} in a tree of {size} leaves")
    ranges: list[tuple[int, int]] = []
    start, end = 0, size
    while end - start > 1:
        middle = _split(start, end)
        if index < middle:
            ranges.append((middle, end))
            end = middle
        else:
            ranges.append((start, middle))
            start = middle
    ranges.reverse()
    return ranges


def consistency_ranges(old_size: int, new_size: int) -> list[tuple[int, int]]:
    """Return the ranges of leaves whose roots are the consistency proof."""
    _check_size(new_size)
    if not 1 <= old_size <= new_size:
        raise InputError("L111", f"no consistency proof from {old_size} to {new_size} leaves")
    ranges: list[tuple[int, int]] = []
    start, end = 0, new_size
    while end != old_size:
        middle = _split(start, end)
        if old_size <= middle:
            ranges.append((middle, end))
            end = middle
        else:
            ranges.append((start, middle))
            start = middle
    if start:  # else the old tree is itself a node of the new one, and its root is known
        ranges.append((start, end))
    ranges.reverse()
    return ranges


def range_root(start: int, end: int, hashes: HashReader) -> bytes:
    """Return the root of the leaves ``[start, end)``, where ``start`` is a multiple of a power of two ≥ end − start."""
    return _folded([hashes.read(level, index) for level, index in range_nodes(start, end)])


def range_nodes(start: int, end: int) -> list[tuple[int, int]]:
    """Return the complete subtrees, as ``(level, index)`` from left to right, that make up such a range."""
    nodes: list[tuple[int, int]] = []
    for level in _levels(end - start):
        nodes.append((level, start >> level))
        start += 1 << level
    return nodes


# ------------------------------------------------------------------------------------------------------------ checking


def verify_inclusion(proof: Sequence[bytes], *, index: int, size: int, leaf: bytes, root: bytes) -> None:
    """Check an inclusion proof (RFC 9162, section 2.1.3.2).

    Parameters
    ----------
    proof : sequence of bytes
        As :func:`inclusion_proof` returns it.
    index, size : int
        Which leaf, of how many.
    leaf, root : bytes
        The hash of the entry, and the root that a signed checkpoint names.

    Raises
    ------
    VerificationError
        L112, unless the proof holds.
    """
    if not 0 <= index < size <= MAX_SIZE:
        raise VerificationError("L112", f"no entry {index} in a tree of {size} leaves")
    fault = _fault([*proof, leaf, root])
    if fault:
        raise VerificationError("L112", f"the proof for entry {index} of {size} {fault}")
    node, last, found = index, size - 1, leaf
    for sibling in proof:
        if not last:
            raise VerificationError("L112", f"the proof for entry {index} of {size} is too long")
        if node & 1 or node == last:
            found = node_hash(sibling, found)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            found = node_hash(found, sibling)
        node, last = node >> 1, last >> 1
    if last:
        raise VerificationError("L112", f"the proof for entry {index} of {size} is too short")
    if found != root:
        raise VerificationError("L112", f"the proof for entry {index} of {size} leads to another root")


def verify_consistency(
    proof: Sequence[bytes], *, old_size: int, old_root: bytes, new_size: int, new_root: bytes
) -> None:
    """Check that one tree begins with another (RFC 9162, section 2.1.4.2).

    Raises
    ------
    VerificationError
        L113, unless the proof holds. A proof from the empty tree says nothing and is refused.
    """
    step = f"the proof from {old_size} to {new_size} leaves"
    if not 1 <= old_size <= new_size <= MAX_SIZE:
        raise VerificationError("L113", f"{step} is of sizes that cannot be")
    fault = _fault([*proof, old_root, new_root])
    if fault:
        raise VerificationError("L113", f"{step} {fault}")
    if old_size == new_size:
        if proof:
            raise VerificationError("L113", f"{step} is too long")
        if old_root != new_root:
            raise VerificationError("L113", f"there are two roots for {old_size} leaves")
        return
    # Where the old tree is a power of two, its root is the first node and is left out.
    path = [old_root, *proof] if old_size & (old_size - 1) == 0 else list(proof)
    if not path:
        raise VerificationError("L113", f"{step} is too short")
    node, last = old_size - 1, new_size - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    old, new = path[0], path[0]
    for sibling in path[1:]:
        if not last:
            raise VerificationError("L113", f"{step} is too long")
        if node & 1 or node == last:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            new = node_hash(new, sibling)
        node, last = node >> 1, last >> 1
    if last:
        raise VerificationError("L113", f"{step} is too short")
    if old != old_root:
        raise VerificationError("L113", f"{step} does not begin with the old root")
    if new != new_root:
        raise VerificationError("L113", f"{step} leads to another root")


def _fault(hashes: Sequence[bytes]) -> str:
    for found in hashes:
        if len(found) != HASH_SIZE:
            return f"has a hash of {len(found)} bytes, not {HASH_SIZE}"
    return ""


def _check_size(size: int) -> None:
    if not 0 <= size <= MAX_SIZE:
        raise InputError("L111", f"no tree has {size} leaves")


def _levels(size: int) -> list[int]:
    """Return the one bits of a size, from the highest."""
    return [level for level in range(size.bit_length() - 1, -1, -1) if size >> level & 1]


def _split(start: int, end: int) -> int:
    """Return where a range of two leaves or more divides: after the largest power of two below its length."""
    return start + (1 << (end - start - 1).bit_length() - 1)


def _folded(peaks: Sequence[bytes]) -> bytes:
    """Return the root over complete subtrees that shrink from left to right."""
    if not peaks:
        return EMPTY_ROOT
    found = peaks[-1]
    for peak in reversed(peaks[:-1]):
        found = node_hash(peak, found)
    return found
