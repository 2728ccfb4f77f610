"""The outlook as data frames, as files and in a notebook."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

from equipoise.report import theme
from equipoise.report.export import put_frame, writable
from equipoise.report.markup import Markup, element
from equipoise.report.outlook import number, signed
from equipoise.report.parts import Column, table

if TYPE_CHECKING:
    import polars as pl

    from equipoise.tasks.outlook import Outlook


def frames(told: Mapping[str, Any]) -> dict[str, pl.DataFrame]:
    """Return plain data (`to_dict`) as data frames: one for each list of records in it that is not empty.

    What a record holds in itself gets a column with both names; a list within a record, a row for each of its own.

    Examples
    --------
    >>> frames({"runs": 3, "rows": [{"team": "core", "said": {"low": 0.1}}]})["rows"].to_dicts()
    [{'team': 'core', 'said_low': 0.1}]
    """
    import polars as pl

    found: dict[str, pl.DataFrame] = {}
    for name, value in told.items():
        if isinstance(value, list):
            records = cast("list[Any]", value)
            if records and all(isinstance(record, dict) for record in records):
                rows = [row for record in records for row in _rows(record)]
                found[name] = pl.DataFrame(rows, infer_schema_length=None)
    return found


def _rows(record: dict[str, Any]) -> Iterator[dict[str, Any]]:
    flat: dict[str, Any] = {}
    inner: dict[str, list[dict[str, Any]]] = {}
    for key, value in record.items():
        if isinstance(value, dict):
            flat |= {f"{key}_{name}": part for name, part in cast("dict[str, Any]", value).items()}
        elif isinstance(value, list):
            inner[key] = value
        else:
            flat[key] = value
    if not inner:
        yield flat
    for by, records in inner.items():
        for one in records:
            yield flat | {"by": by} | {f"{by}_name" if key == "name" else key: value for key, value in one.items()}


def write_tables(
    told: Mapping[str, Any], folder: str | os.PathLike[str], *, kind: Literal["csv", "parquet"]
) -> list[Path]:
    """Write each of `frames` into a folder, which is made if it is not there; return what was written.

    Raises
    ------
    InputError
        S105 if something cannot be written.
    """
    target = Path(folder)
    with writable(target):
        target.mkdir(parents=True, exist_ok=True)
        return [put_frame(frame, target / f"{name}.{kind}", kind) for name, frame in frames(told).items()]


def show_outlook(found: Outlook) -> str:
    """Return an outlook for a notebook: what it is about, its assumptions, and results or differences."""
    words = [element("p", f"{found.world.name}: {found.world.told}")]
    if found.against is not None:
        words.append(element("p", f"against {found.against.name}: {found.against.told}"))
    words += [element("p", f"assumption: {line}", class_="soft") for line in found.world.assumptions]
    words.append(element("p", f"{found.runs:,} runs of {found.months} months.", class_="soft"))
    columns = _differences(found) if found.differences else _results(found)
    shown = [table(columns), *([table(_checks(found))] if found.checks else [])]
    return element("div", Markup(f"<style>{theme.style()}</style>"), *words, *shown, class_="eq note")


def _results(found: Outlook) -> list[Column]:
    rows = found.results
    return [
        Column("after these months", [measure.name for measure, _ in rows]),
        Column("mean", [number(band.mean) for _, band in rows]),
        Column("5 %", [number(band.low) for _, band in rows]),
        Column("median", [number(band.median) for _, band in rows]),
        Column("95 %", [number(band.high) for _, band in rows]),
        Column("unit", [measure.unit for measure, _ in rows]),
    ]


def _differences(found: Outlook) -> list[Column]:
    rows = found.differences
    return [
        Column("first less second", [row.measure.name for row in rows]),
        Column("first", [number(row.first.mean) for row in rows]),
        Column("second", [number(row.second.mean) for row in rows]),
        Column("mean", [signed(row.paired.mean) for row in rows]),
        Column("5 to 95 %", [f"{signed(row.paired.low)} … {signed(row.paired.high)}" for row in rows]),
        Column("flips", [f"{100 * row.flips:.0f} %" for row in rows]),
    ]


def _checks(found: Outlook) -> list[Column]:
    rows = found.checks
    return [
        Column("check", [row.name for row in rows]),
        Column("kind", ["held out" if row.held_out else "calibration" for row in rows]),
        Column("fact", [row.fact for row in rows]),
        Column("verdict", [row.verdict for row in rows]),
    ]
