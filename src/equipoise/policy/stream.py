"""The stream of decisions of a run: what names it (a digest that can be put aside and gone on with), and itself if asked."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from equipoise.policy.kernel.layout import DECISION

BLOCK = 1_024
"""Decisions of a block."""


class Stream:
    """All decisions of a run, in order.

    Parameters
    ----------
    keep : bool
        Whether to keep the decisions and not only their digest.

    Notes
    -----
    The digest is SHA-256 chained over blocks: with the bytes of the decisions cut into blocks of ``BLOCK``, the link of
    each block is SHA-256(link before it, block); of the first block there is none before. The digest is SHA-256(last
    link, what is left). So all that has to be put aside of a stream is one link and less than a block, and neither
    depends on when decisions were added.

    Examples
    --------
    >>> stream = Stream(keep=False)
    >>> stream.add(np.zeros(3, DECISION))
    >>> stream.digest == hashlib.sha256(bytes(3 * 24)).hexdigest()
    True
    """

    def __init__(self, *, keep: bool) -> None:
        self.link = b""
        self.rest = b""
        self._kept: list[NDArray[Any]] | None = [] if keep else None

    def add(self, decisions: NDArray[Any]) -> None:
        """Add decisions; the array may be used again."""
        if self._kept is not None:
            self._kept.append(decisions.copy())
        size = BLOCK * DECISION.itemsize
        data = memoryview(self.rest + decisions.tobytes())
        ends = range(size, len(data) + 1, size)
        for end in ends:
            link = hashlib.sha256(self.link)
            link.update(data[end - size : end])
            self.link = link.digest()
        self.rest = bytes(data[len(ends) * size :])

    @property
    def digest(self) -> str:
        """Name of the stream so far."""
        return hashlib.sha256(self.link + self.rest).hexdigest()

    @property
    def kept(self) -> NDArray[Any] | None:
        """The decisions so far, if they are kept."""
        return None if self._kept is None else np.concatenate([np.zeros(0, DECISION), *self._kept])

    def resume(self, link: bytes, rest: bytes, kept: NDArray[Any] | None) -> None:
        """Go on with a stream that was put aside."""
        self.link, self.rest = link, rest
        self._kept = None if kept is None else [kept]
