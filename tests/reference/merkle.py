"""The Merkle tree as RFC 9162, section 2.1 defines it: by recursion over the whole list of entries, slow and plain."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256


def largest_power_below(n: int) -> int:
    k = 1
    while 2 * k < n:
        k *= 2
    return k


def mth(entries: Sequence[bytes]) -> bytes:
    """MTH(D_n), section 2.1.1."""
    if not entries:
        return sha256().digest()
    if len(entries) == 1:
        return sha256(b"\0" + entries[0]).digest()
    k = largest_power_below(len(entries))
    return sha256(b"\1" + mth(entries[:k]) + mth(entries[k:])).digest()


def path(m: int, entries: Sequence[bytes]) -> list[bytes]:
    """PATH(m, D_n), section 2.1.3.1."""
    if len(entries) == 1:
        return []
    k = largest_power_below(len(entries))
    if m < k:
        return [*path(m, entries[:k]), mth(entries[k:])]
    return [*path(m - k, entries[k:]), mth(entries[:k])]


def proof(m: int, entries: Sequence[bytes]) -> list[bytes]:
    """PROOF(m, D_n), section 2.1.4.1."""
    return subproof(m, entries, complete=True)


def subproof(m: int, entries: Sequence[bytes], *, complete: bool) -> list[bytes]:
    if m == len(entries):
        return [] if complete else [mth(entries)]
    k = largest_power_below(len(entries))
    if m <= k:
        return [*subproof(m, entries[:k], complete=complete), mth(entries[k:])]
    return [*subproof(m - k, entries[k:], complete=False), mth(entries[:k])]
