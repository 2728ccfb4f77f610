"""Where passes are kept while the ledger cannot be written: a bounded file in another folder, signed and chained record by record.

A record is one line of JSON: the number in the ledger of its first entry, the entries, the hash of the line before, and a signature
over all three by the ledger's key. A record is on the disk before its decisions are acted on. When the ledger can be written again, the
entries go there in their order, each under its number as key, and the file begins anew.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from equipoise.errors import StoreError
from equipoise.ledger.encoding import base64_bytes, base64_text
from equipoise.ledger.keys import SigningKey
from equipoise.store.anchor import sync_folder

_PURPOSE = b"equipoise spool 1\n"
_FIRST = bytes(32)


@dataclass(frozen=True, slots=True)
class Kept:
    """Entries of one Unix time: ``first`` is the number of the first in the ledger."""

    first: int
    entries: tuple[bytes, ...]
    time_ms: int


class Spool:
    """A spool in one file.

    Parameters
    ----------
    path : path
    key : SigningKey
        The ledger's.
    most_bytes : int
        The file never grows beyond.

    Raises
    ------
    StoreError
        R104 where the file cannot be read, R105 where a record was changed.
    """

    def __init__(self, path: Path, key: SigningKey, *, most_bytes: int) -> None:
        self.path = path
        self._key = key
        self._most = most_bytes
        self._last = _FIRST
        self._bytes = 0
        self.records: list[Kept] = []
        self._read()

    def keep(self, kept: Kept) -> None:
        """Make a record durable.

        Raises
        ------
        StoreError
            R106 where the spool is full, R104 where it cannot be written; the record is then not in it.
        """
        line = self._line(kept)
        if self._bytes + len(line) > self._most:
            raise StoreError(
                "R106",
                f"the spool {self.path} is full",
                hint="mend the ledger; until then nothing new starts",
                retryable=True,
            )
        try:
            self._append(line)
        except OSError as error:
            raise self._failed("written", error) from error
        self._bytes += len(line)
        self._last = sha256(line).digest()
        self.records.append(kept)

    @property
    def size_bytes(self) -> int:
        """How large it is."""
        return self._bytes

    @property
    def most_bytes(self) -> int:
        """How large it may grow."""
        return self._most

    def clear(self) -> None:
        """Begin anew: the ledger has everything."""
        try:
            with self.path.open("r+b") as file:
                file.truncate(0)
                os.fsync(file.fileno())
        except FileNotFoundError:
            pass
        except OSError as error:
            raise self._failed("emptied", error) from error
        self._last, self._bytes, self.records = _FIRST, 0, []

    def _append(self, line: bytes) -> None:
        """Write behind the last record that is known to be whole, so that what a failure left is overwritten."""
        is_new = not self.path.exists()
        file = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.ftruncate(file, self._bytes)
            at = 0
            while at < len(line):
                at += os.pwrite(file, line[at:], self._bytes + at)
            os.fsync(file)
        finally:
            os.close(file)
        if is_new:
            sync_folder(self.path.parent)

    def _line(self, kept: Kept) -> bytes:
        values = {
            "first": kept.first, "time_ms": kept.time_ms, "entries": [base64_text(entry) for entry in kept.entries],
            "before": self._last.hex(),
        }  # fmt: skip
        signature = base64_text(self._key.sign(_PURPOSE + _text(values)))
        return _text(values | {"signature": signature}) + b"\n"

    def _read(self) -> None:
        try:
            data = self.path.read_bytes()
        except FileNotFoundError:
            return
        except OSError as error:
            raise self._failed("read", error) from error
        for line in _whole_lines(data):
            self.records.append(self._verified(line))
            self._last = sha256(line).digest()
            self._bytes += len(line)

    def _verified(self, line: bytes) -> Kept:
        try:
            values: dict[str, Any] = json.loads(line)
            signature = base64_bytes(values.pop("signature"))
            entries = tuple(base64_bytes(text) for text in values["entries"])
            kept = Kept(
                int(values["first"]), tuple(entry for entry in entries if entry is not None), int(values["time_ms"])
            )
            holds = (
                signature is not None
                and len(kept.entries) == len(entries)
                and values["before"] == self._last.hex()
                and self._key.verifier.holds(_PURPOSE + _text(values), signature)
            )
        except (ValueError, KeyError, TypeError, AttributeError):
            holds, kept = False, Kept(0, (), 0)
        if not holds:
            raise StoreError(
                "R105",
                f"record {len(self.records)} of the spool {self.path} was changed, or is another ledger's",
                hint="what is before it can be kept; ask who has written to the file",
            )
        return kept

    def _failed(self, verb: str, error: OSError) -> StoreError:
        return StoreError(
            "R104", f"the spool {self.path} cannot be {verb}: {error}", hint="mend the disk", retryable=True
        )


def _whole_lines(data: bytes) -> Iterator[bytes]:
    """Yield lines with their ends; one without its end was never acknowledged."""
    for line in data.splitlines(keepends=True):
        if line.endswith(b"\n"):
            yield line


def _text(values: dict[str, Any] | Sequence[Any]) -> bytes:
    return json.dumps(values, separators=(",", ":"), sort_keys=True).encode()
