"""Parquet files, read by stretches of rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import polars as pl

from equipoise.errors import InputError, Place
from equipoise.traces.findings import Findings
from equipoise.traces.formats import Log, table_layout
from equipoise.traces.layout import Header
from equipoise.traces.source import starts_with
from equipoise.traces.table import Rows

MAGIC = b"PAR1"
BATCH_ROWS = 1 << 20
_PLAIN = (pl.String, pl.Categorical, pl.Enum, pl.Boolean, pl.Null)

# polars reports damage as its own errors, as OSError, and (from Rust) as a panic that is no Exception.
_DAMAGE = (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError, ValueError)


def parquet(path: Path, findings: Findings, columns: Mapping[str, str] | None) -> Log:
    """Open a Parquet file; its columns mean what those of a CSV file of the same names mean."""
    if not starts_with(path, MAGIC):
        raise InputError("T118", "is no Parquet file", place=Place(str(path)))
    findings.unit = "row"
    try:
        schema = pl.read_parquet_schema(path)
    except _DAMAGE as error:
        raise _damaged(path, error) from error
    header = Header.of(list(schema), file=str(path), line=0)
    layout = table_layout(header, columns, kind="parquet")
    return Log(layout, header, lambda wanted: _rows(path, schema, wanted))


def _rows(path: Path, schema: Mapping[str, pl.DataType], wanted: Sequence[str]) -> Iterator[Rows]:
    for name in wanted:
        kind = schema[name]
        if not (kind.is_numeric() or kind.is_temporal() or isinstance(kind, _PLAIN)) or isinstance(kind, pl.Time):
            raise InputError("T118", f"column {name!r} is of type {kind}", place=Place(str(path)))
    start = 0
    scan = pl.scan_parquet(path).select(wanted)
    while True:
        try:
            frame = scan.slice(start, BATCH_ROWS).collect()
        except _DAMAGE as error:
            raise _damaged(path, error) from error
        if frame.height == 0:
            return
        frame = frame.with_columns(pl.col(pl.String).fill_null(""))
        yield Rows(frame, np.arange(start + 1, start + frame.height + 1, dtype=np.int64))
        start += frame.height


def _damaged(path: Path, error: BaseException) -> InputError:
    reason = " ".join(str(error).split())[:160]
    return InputError("T118", f"the Parquet file is damaged: {reason}", place=Place(str(path)))
