"""Small files of named columns, CSV or Parquet: each row as texts, with its place."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from equipoise.errors import InputError, Place

Row = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns that a file must have and may have, and the code of what is wrong with it."""

    code: str
    needed: tuple[str, ...]
    further: tuple[str, ...]

    def check(self, header: list[str], place: Place) -> None:
        """Refuse a header that lacks a column, has a strange one or has one twice."""
        missing = [column for column in self.needed if column not in header]
        strange = [column for column in header if column not in (*self.needed, *self.further)]
        if missing or strange or len(set(header)) < len(header):
            said = f"no column {', '.join(missing)}" if missing else f"column {', '.join(strange) or 'named twice'}"
            hint = f"{', '.join(self.needed)}; further ones are {', '.join(self.further)}"
            raise InputError(self.code, said, hint=hint, place=place)


def records(path: str | os.PathLike[str], columns: Columns) -> Iterator[tuple[Place, Row]]:
    """Yield the rows of a file: CSV, or Parquet if its name ends in ``.parquet``. Empty lines are passed over.

    Raises
    ------
    InputError
        ``columns.code`` with file and line: not to be read, its columns, a row of another number of fields.
    """
    name, path = os.fspath(path), Path(path)
    try:
        yield from _parquet(path, name, columns) if path.suffix == ".parquet" else _csv(path, name, columns)
    except (OSError, UnicodeDecodeError, csv.Error, pl.exceptions.PolarsError) as error:
        raise InputError(columns.code, f"cannot be read: {error}", place=Place(name)) from None


def _csv(path: Path, name: str, columns: Columns) -> Iterator[tuple[Place, Row]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file, strict=True)
        header = [field.strip() for field in next(reader, list[str]())]
        columns.check(header, Place(name, 1))
        for fields in reader:
            if not any(field.strip() for field in fields):
                continue
            place = Place(name, reader.line_num)
            if len(fields) != len(header):
                raise InputError(columns.code, f"{len(fields)} fields where {len(header)} are expected", place=place)
            yield place, dict(zip(header, (field.strip() for field in fields), strict=True))


def _parquet(path: Path, name: str, columns: Columns) -> Iterator[tuple[Place, Row]]:
    frame = pl.read_parquet(path)
    columns.check(frame.columns, Place(name, 1))
    for number, row in enumerate(frame.iter_rows(named=True), start=1):
        yield Place(name, number), {column: _text(value) for column, value in row.items()}


def _text(value: object) -> str:
    if value is None:
        return ""
    return value.isoformat() if hasattr(value, "isoformat") else str(value).strip()  # type: ignore[attr-defined]
