"""The bytes of a log: plain or gzip, as blocks of whole lines with their line numbers.

Damage that concerns the file rather than one row (cut gzip, NUL bytes, invalid UTF-8, a line without end) is always an
error: what follows it cannot be trusted.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from equipoise.errors import InputError, Place

BLOCK_BYTES = 1 << 24
LINE_BYTES_MAX = 1 << 20

_GZIP_MAGIC = b"\x1f\x8b"
_OTHER_MAGIC = {
    b"\x28\xb5\x2f\xfd": "zstd",
    b"BZh": "bzip2",
    b"\xfd7zXZ": "xz",
    b"PK\x03\x04": "zip",
}
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Block:
    """Whole lines of text: UTF-8, each ending in LF, of which the first has number ``first_line``."""

    text: bytes
    first_line: int

    def lines(self) -> Iterator[tuple[int, str]]:
        """Yield number and text of each line, one by one, so that a look at the first costs no more."""
        start, number = 0, self.first_line
        while start < len(self.text):
            end = self.text.index(b"\n", start)
            yield number, self.text[start:end].decode("utf-8")
            start, number = end + 1, number + 1


class Source:
    """A log file, opened once and read forward; blocks of nothing but blank lines are passed over.

    Parameters
    ----------
    path : Path

    Raises
    ------
    InputError
        T101 cannot be opened; T102 gzip damaged; T103 not text; T104 a line without end.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = str(path)
        self.cut_line = 0  # number of the last line if it has no line end, else 0
        self._raw = _open(path)
        try:
            self._stream = _decompressed(self._raw, path)
        except BaseException:
            self._raw.close()
            raise
        self._pending: Block | None = None
        self._blocks = self._read()

    def close(self) -> None:
        """Close the file; reading on is an error."""
        self._raw.close()

    def head(self) -> Block | None:
        """Return the first block without consuming it; None if the file has no bytes."""
        if self._pending is None:
            self._pending = next(self._blocks, None)
        return self._pending

    def blocks(self) -> Iterator[Block]:
        """Yield the blocks of the file in order, each once."""
        first = self.head()
        self._pending = None
        if first is not None:
            yield first
            yield from self._blocks

    def _read(self) -> Iterator[Block]:
        line = 1
        rest = b""
        while True:
            data = self._chunk(line + rest.count(b"\n"))
            if not data:
                break
            data = rest + data
            if line == 1 and data.startswith(_BOM):
                data = data[len(_BOM) :]
            end = data.rfind(b"\n") + 1
            if len(data) - end > LINE_BYTES_MAX:
                raise self._error("T104", f"a line is longer than {LINE_BYTES_MAX} bytes", line + data.count(b"\n"))
            rest = data[end:]
            if end:
                block = self._block(data[:end], line)
                if block.text.strip():
                    yield block
                line += block.text.count(b"\n")
        if rest:
            self.cut_line = line
            yield self._block(rest + b"\n", line)

    def _chunk(self, line: int) -> bytes:
        try:
            return self._stream.read(BLOCK_BYTES)
        except EOFError as error:
            raise self._error(
                "T102", "the gzip data end too early", line, hint="the file was cut off; fetch it again"
            ) from error
        except (gzip.BadGzipFile, zlib.error) as error:
            raise self._error(
                "T102", f"the gzip data are damaged: {error}", line, hint="test the file with gzip -t"
            ) from error
        except OSError as error:
            raise self._error("T101", f"cannot be read: {error.strerror or error}", line) from error

    def _block(self, text: bytes, first_line: int) -> Block:
        nul = text.find(b"\0")
        if nul >= 0:
            hint = "UTF-16 is not read; save the log as UTF-8" if first_line == 1 and nul < 4 else ""
            raise self._error("T103", "a NUL byte in the text", first_line + text.count(b"\n", 0, nul), hint=hint)
        if not text.isascii():
            try:
                text.decode("utf-8")
            except UnicodeDecodeError as error:
                line = first_line + text.count(b"\n", 0, error.start)
                byte = text[error.start]
                raise self._error("T103", f"byte 0x{byte:02x} is not UTF-8", line) from error
        if b"\r" in text:
            text = text.replace(b"\r\n", b"\n")
        return Block(text, first_line)

    def _error(self, code: str, message: str, line: int, *, hint: str = "") -> InputError:
        return InputError(code, message, hint=hint, place=Place(self.name, line))


def starts_with(path: Path, magic: bytes) -> bool:
    """Whether a file begins with ``magic``; T101 if it cannot be opened."""
    with _open(path) as file:
        return file.read(len(magic)) == magic


def _open(path: Path) -> BinaryIO:
    try:
        if path.exists() and not path.is_file():
            raise InputError("T101", "is no regular file", hint="write a pipe to a file first", place=Place(str(path)))
        return path.open("rb")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise InputError("T101", f"cannot be opened: {reason}", place=Place(str(path))) from error


def _decompressed(raw: BinaryIO, path: Path) -> BinaryIO:
    magic = raw.read(6)
    raw.seek(0)
    if magic.startswith(_GZIP_MAGIC):
        return cast(BinaryIO, gzip.GzipFile(fileobj=raw, mode="rb"))
    if path.suffix == ".gz" and magic:
        raise InputError(
            "T102", "is named .gz but is not gzip", hint="rename it if it is plain text", place=Place(str(path))
        )
    for other, name in _OTHER_MAGIC.items():
        if magic.startswith(other):
            hint = "unpack it first; gzip is read as it is"
            raise InputError("T106", f"is {name}, which is not read", hint=hint, place=Place(str(path)))
    return raw
