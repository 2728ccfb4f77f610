"""A checkpoint: how large a log is and what its root is (C2SP tlog-checkpoint), as the text that is signed.

Reading signatures is :mod:`~equipoise.ledger.note`; whose count is :mod:`~equipoise.ledger.quorum`.

Examples
--------
>>> from equipoise.ledger.tree import EMPTY_ROOT
>>> print(Checkpoint("lab.example/log", 0, EMPTY_ROOT).text(), end="")
lab.example/log
0
47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=
>>> parse_checkpoint(Checkpoint("lab.example/log", 0, EMPTY_ROOT).text()).size
0
"""

from __future__ import annotations

from dataclasses import dataclass

from equipoise.errors import InputError, VerificationError
from equipoise.ledger.encoding import base64_bytes, base64_text, decimal
from equipoise.ledger.tree import HASH_SIZE, MAX_SIZE


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a log states about itself.

    Parameters
    ----------
    origin : str
        Which log.
    size : int
        Entries.
    root : bytes
        The root of its tree.
    extensions : tuple of str
        Further lines, without their ends; nobody but the log vouches for them.
    """

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        lines = (self.origin, *self.extensions)
        if not all(lines) or any(ord(character) < 0x20 for line in lines for character in line):
            raise InputError("L118", f"origin and extensions of a checkpoint are lines that are not empty: {lines!r}")
        if not 0 <= self.size <= MAX_SIZE or len(self.root) != HASH_SIZE:
            raise InputError("L118", f"no checkpoint of {self.size} entries with a root of {len(self.root)} bytes")

    def text(self) -> str:
        """Return the text that is signed."""
        return "".join(f"{line}\n" for line in (self.origin, self.size, base64_text(self.root), *self.extensions))


def parse_checkpoint(text: str) -> Checkpoint:
    """Return the checkpoint that a text is.

    Raises
    ------
    VerificationError
        L118, if it is not written as :meth:`Checkpoint.text` writes it.
    """
    lines = text.split("\n")
    if len(lines) < 4 or lines.pop():
        raise VerificationError("L118", "a checkpoint has three lines or more, each with its end")
    size, root = decimal(lines[1]), base64_bytes(lines[2], length=HASH_SIZE)
    if size is None:
        raise VerificationError("L118", f"not the size of a checkpoint: {lines[1][:80]!r}")
    if root is None:
        raise VerificationError("L118", f"not the root of a checkpoint: {lines[2][:80]!r}")
    try:
        return Checkpoint(lines[0], size, root, tuple(lines[3:]))
    except InputError as error:
        raise VerificationError(error.code, error.message) from None
