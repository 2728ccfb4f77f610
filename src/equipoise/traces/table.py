"""Lines of text to columns of text, with the line number of each row.

The common case (every line has the expected number of separators, no quotes) is checked with NumPy and split by polars.
Blocks that are not like that go line by line through Python, so that every odd line has its number.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from equipoise.traces.findings import Findings
from equipoise.traces.source import Block, Source

_SPACE, _NEWLINE, _QUOTE = 32, 10, 34

Places = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Rows:
    """A batch of raw rows.

    Parameters
    ----------
    frame : polars.DataFrame
        The wanted columns, as text (or as the file's own types, for Parquet), without nulls in text columns.
    line : int64 array
        Line (or row number) of each row in its file, counted from 1.
    """

    frame: pl.DataFrame
    line: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Shape:
    """How lines divide into fields.

    Parameters
    ----------
    columns : tuple of str
        Names of the fields of a line, in order.
    separator : str
        One character; ``" "`` stands for any run of spaces and tabs.
    quoted : bool
        Whether ``"`` quotes a field.
    comment : str
        What a line that is no row begins with; empty for none.
    """

    columns: tuple[str, ...]
    separator: str
    quoted: bool = False
    comment: str = ""


def text_rows(
    source: Source, shape: Shape, *, wanted: Sequence[str], skip_lines: int, findings: Findings
) -> Iterator[Rows]:
    """Yield the rows of a text file after its first ``skip_lines`` lines.

    Lines of another number of fields are faults (T108); blank lines are no rows.
    """
    for block in source.blocks():
        block = _without_head(block, skip_lines)
        if shape.comment:
            block = _without_comments(block, shape.comment.encode())
        if shape.separator == " ":
            block = Block(_single_spaced(block.text), block.first_line)
        if not block.text:
            continue
        if shape.quoted and b'"' in block.text:
            rows = _simply_quoted_rows(block, shape, wanted) or _quoted_rows(
                block, shape, wanted, findings, source.cut_line
            )
        else:
            rows = _plain_rows(block, shape, wanted, findings, source.cut_line)
        if len(rows.line):
            yield rows
        else:
            findings.settle()


def _without_head(block: Block, last_line: int) -> Block:
    """Take the lines up to ``last_line`` off a block."""
    text, start, first_line = block.text, 0, block.first_line
    while first_line <= last_line and start < len(text):
        start = text.index(b"\n", start) + 1
        first_line += 1
    return Block(text[start:], first_line) if start else block


def _without_comments(block: Block, mark: bytes) -> Block:
    """Take the comment lines off the front, so that a log's head does not send its rows the slow way."""
    text, start, first_line = block.text, 0, block.first_line
    while text.startswith(mark, start):
        start = text.index(b"\n", start) + 1
        first_line += 1
    return Block(text[start:], first_line) if start else block


def _single_spaced(text: bytes) -> bytes:
    """Collapse runs of blanks to one space and remove them at both ends of each line."""
    if b"\t" in text:
        text = text.replace(b"\t", b" ")
    if b"  " in text or b" \n" in text:
        codes = np.frombuffer(text, np.uint8)
        space = codes == _SPACE
        last_of_run = np.ones(len(codes), np.bool_)
        # A space stays only if what follows is neither a space nor the end of the line.
        last_of_run[:-1] = ~(space[:-1] & (space[1:] | (codes[1:] == _NEWLINE)))
        text = codes[last_of_run].tobytes()
    return text.replace(b"\n ", b"\n").removeprefix(b" ")


def _plain_rows(block: Block, shape: Shape, wanted: Sequence[str], findings: Findings, cut_line: int) -> Rows:
    text = block.text
    separators = len(shape.columns) - 1
    rows = _regular_rows(text, ord(shape.separator), separators)
    if rows and not _has_comment(text, shape.comment):
        line = np.arange(block.first_line, block.first_line + rows, dtype=np.int64)
    else:
        text, line = _regular_lines(block, shape, findings, cut_line)
    return Rows(_split(text, shape, wanted, quote=None, rows=len(line)), line)


def _split(text: bytes, shape: Shape, wanted: Sequence[str], *, quote: str | None, rows: int) -> pl.DataFrame:
    """Split regular lines by polars."""
    if not rows:
        return pl.DataFrame()
    positions = sorted({shape.columns.index(name) for name in wanted})
    frame = pl.read_csv(
        text,
        has_header=False,
        separator=shape.separator,
        quote_char=quote,
        infer_schema=False,
        columns=positions,
    )
    assert frame.height == rows, (frame.height, rows)
    frame.columns = [shape.columns[position] for position in positions]
    return frame.with_columns(pl.all().fill_null(""))


def _regular_rows(text: bytes, separator: int, per_line: int) -> int:
    """Return how many lines there are if each has exactly ``per_line`` separators (so that none is blank), else 0."""
    codes = np.frombuffer(text, np.uint8)
    return _rows_between(np.flatnonzero(codes == _NEWLINE), np.flatnonzero(codes == separator), per_line)


def _rows_between(ends: Places, places: Places, per_line: int) -> int:
    if per_line == 0 or len(places) != per_line * len(ends):
        return 0
    grid = places.reshape(len(ends), per_line)
    regular = bool(np.all(grid[:, -1] < ends) and np.all(grid[1:, 0] > ends[:-1]))
    return len(ends) if regular else 0


def _regular_quoted_rows(text: bytes, separator: int, per_line: int) -> int:
    """Return how many lines there are if each has ``per_line`` separators outside quotes, and all quotes are simple.

    Simple quotes enclose a whole field, hold no line end and no quote (nor nothing, which looks like one): then every
    parser agrees on what they mean.
    """
    codes = np.frombuffer(text, np.uint8)
    quotes = np.flatnonzero(codes == _QUOTE)
    if len(quotes) % 2 or b'""' in text:
        return 0
    opening, closing = quotes[::2], quotes[1::2]
    ends = np.flatnonzero(codes == _NEWLINE)
    if np.any(np.searchsorted(ends, opening) != np.searchsorted(ends, closing)):
        return 0
    before = codes[opening - 1]  # of a quote that opens the text: its last character, a line end
    after = codes[closing + 1]
    edges = (separator, _NEWLINE)
    if not (np.isin(before, edges).all() and np.isin(after, edges).all()):
        return 0
    places = np.flatnonzero(codes == separator)
    outside = np.searchsorted(quotes, places) % 2 == 0
    return _rows_between(ends, places[outside], per_line)


def _has_comment(text: bytes, comment: str) -> bool:
    mark = comment.encode()
    return bool(mark) and mark in text and (text.startswith(mark) or b"\n" + mark in text)


def _regular_lines(block: Block, shape: Shape, findings: Findings, cut_line: int) -> tuple[bytes, NDArray[np.int64]]:
    """Keep the lines that are rows; report those of another number of fields."""
    separator = shape.separator.encode()
    comment = shape.comment.encode()
    expected = len(shape.columns) - 1
    good: list[bytes] = []
    good_lines: list[int] = []
    for number, text in enumerate(block.text.split(b"\n")[:-1], block.first_line):
        if not text.strip() or (comment and text.startswith(comment)):
            continue
        if text.count(separator) == expected:
            good.append(text)
            good_lines.append(number)
        else:
            message = _ragged(text.count(separator) + 1, expected + 1, cut=number == cut_line)
            findings.broken_line("T108", message, number)
    kept = b"\n".join(good) + b"\n" if good else b""
    return kept, np.array(good_lines, np.int64)


def _ragged(fields: int, expected: int, *, cut: bool) -> str:
    tail = "; the file ends here without a line end, it may be cut off" if cut else ""
    return f"{fields} fields where {expected} are expected{tail}"


def _simply_quoted_rows(block: Block, shape: Shape, wanted: Sequence[str]) -> Rows | None:
    """Split lines whose quotes are simple by polars; None if some are not."""
    rows = _regular_quoted_rows(block.text, ord(shape.separator), len(shape.columns) - 1)
    if not rows:
        return None
    line = np.arange(block.first_line, block.first_line + rows, dtype=np.int64)
    return Rows(_split(block.text, shape, wanted, quote='"', rows=rows), line)


def _quoted_rows(block: Block, shape: Shape, wanted: Sequence[str], findings: Findings, cut_line: int) -> Rows:
    """Split lines with quotes by the standard library's parser.

    A quoted field may not contain a line end: then a lost quote costs one line, not the rest of the file.
    """
    # The parser drops a lone carriage return or refuses it, by version of Python; here it is a character like others.
    texts = block.text.decode("utf-8").replace("\r", " ").split("\n")[:-1]
    rows = _all_fields(texts, shape)
    if rows is not None:
        line = np.arange(block.first_line, block.first_line + len(rows), dtype=np.int64)
    else:
        rows, line = _fields_line_by_line(texts, block.first_line, shape, findings, cut_line)
    if not rows:
        return Rows(pl.DataFrame(), line)
    places = {name: shape.columns.index(name) for name in wanted}
    frame = pl.DataFrame({name: pl.Series([row[i] for row in rows], dtype=pl.String) for name, i in places.items()})
    return Rows(frame, line)


def _all_fields(texts: list[str], shape: Shape) -> list[list[str]] | None:
    """Split all lines at once; None if one of them is odd."""
    try:
        rows = list(csv.reader(texts, delimiter=shape.separator, strict=True))
    except csv.Error:
        return None
    regular = len(rows) == len(texts) and all(len(row) == len(shape.columns) for row in rows)
    return rows if regular else None


def _fields_line_by_line(
    texts: list[str], first_line: int, shape: Shape, findings: Findings, cut_line: int
) -> tuple[list[list[str]], NDArray[np.int64]]:
    expected = len(shape.columns)
    good: list[list[str]] = []
    lines: list[int] = []
    for number, text in enumerate(texts, first_line):
        if not text.strip():
            continue
        try:
            fields = split_line(text, shape.separator)
        except csv.Error as error:
            findings.broken_line("T113", f"broken quoting: {error}", number)
            continue
        if len(fields) == expected:
            good.append(fields)
            lines.append(number)
        else:
            findings.broken_line("T108", _ragged(len(fields), expected, cut=number == cut_line), number)
    return good, np.array(lines, np.int64)


def split_line(text: str, separator: str) -> list[str]:
    """Split one line of a quoted format; raise ``csv.Error`` where quotes do not match."""
    rows = list(csv.reader([text.replace("\r", " ")], delimiter=separator, strict=True))
    return rows[0] if rows else []
