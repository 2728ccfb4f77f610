"""Raw rows to the columns of a workload, by a layout."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import reduce

import numpy as np
import polars as pl
from numpy.typing import NDArray

from equipoise.traces.findings import Fault, Findings
from equipoise.traces.layout import Column, Layout
from equipoise.traces.table import Rows
from equipoise.traces.values import (
    DURATION_MS_MAX,
    INSTANT_MS_MAX,
    MS_PER,
    Parsed,
    clock_durations,
    counts,
    flags,
    instants,
    negatives,
    numbers,
    resource_counts,
)

I64 = NDArray[np.int64]
I32 = NDArray[np.int32]

_TEXTS = ("job", "after", "request", "user", "pool")


@dataclass(slots=True)
class Dictionary:
    """Texts stored once, referred to by number in order of first appearance."""

    texts: list[str] = field(default_factory=list[str])
    _numbers: dict[str, int] = field(default_factory=dict[str, int])

    def codes(self, series: pl.Series) -> I32:
        """Return the number of each value of a text column."""
        if not len(series):
            return np.zeros(0, np.int32)
        distinct = series.unique(maintain_order=True)
        for text in distinct.to_list():
            if text not in self._numbers:
                self._numbers[text] = len(self.texts)
                self.texts.append(text)
        numbers = pl.Series([self._numbers[text] for text in distinct.to_list()], dtype=pl.Int32)
        return series.replace_strict(distinct, numbers, return_dtype=pl.Int32).to_numpy()


@dataclass(frozen=True, slots=True)
class Batch:
    """Jobs of one stretch of the log; arrays of equal length. ``after``, ``job``, ``request``: None without a column."""

    line: I64
    submit_ms: I64
    duration_ms: I64
    gang: I64
    walltime_ms: I64
    texts: Mapping[str, I32]  # column of the log → numbers in that column's dictionary
    priority: I64
    preemptible: I64  # -1 where the row does not say
    savepoint_ms: I64  # -1 where the row does not say
    after: pl.Series | None
    job: pl.Series | None
    request: pl.Series | None


@dataclass(slots=True)
class Converter:
    """Turns raw rows into batches; keeps what must be decided once for the whole log."""

    layout: Layout
    findings: Findings
    timezone: str
    text_columns: tuple[str, ...]
    dictionaries: dict[str, Dictionary] = field(default_factory=dict[str, Dictionary])
    dated: bool = False  # whether submit times are calendar dates
    _auto: dict[str, str] = field(default_factory=dict[str, str])

    def texts(self, column: str) -> list[str]:
        """Return the distinct values of a text column met so far; codes of batches refer to them."""
        return self.dictionaries.setdefault(column, Dictionary()).texts

    def convert(self, rows: Rows) -> Batch:
        """Return the jobs of these rows; count what is left out, raise at the first malformed one."""
        rows = self._without_excluded(rows)
        for remark in self.layout.remarks:
            self.findings.remark(
                remark.reason, int(rows.frame.select(remark.rows.fill_null(value=False)).to_series().sum())
            )
        parsed = {name: self._parsed(rows.frame, name) for name in self.layout.columns if name not in _TEXTS}
        self._span(parsed)
        faults = self._faults(rows, parsed)
        keep = ~self.findings.faulty(faults, rows.line)
        keep = self._sized(parsed["gang"], rows.line, keep)
        if not keep.all():
            rows = _taken(rows, keep)
            parsed = {name: Parsed(column.value[keep], column.known[keep]) for name, column in parsed.items()}
        return self._batch(rows, parsed)

    def _without_excluded(self, rows: Rows) -> Rows:
        for exclusion in self.layout.exclusions:
            if not len(rows.line):
                break
            out = rows.frame.select(exclusion.rows.fill_null(value=False)).to_series().to_numpy()
            if out.any():
                self.findings.skip(exclusion.reason, rows.line[out])
                rows = _taken(rows, ~out)
        return rows

    def _parsed(self, frame: pl.DataFrame, name: str) -> Parsed:
        column = self.layout.columns[name]
        alternatives = [self._parsed_source(frame[source], name, column) for source in column.sources]
        return reduce(_either, alternatives)

    def _parsed_source(self, series: pl.Series, name: str, column: Column) -> Parsed:
        unknown = self.layout.unknown
        if isinstance(series.dtype, pl.Duration):
            return numbers(series.dt.total_milliseconds(), 1, limit=DURATION_MS_MAX)
        if name in ("gang", "priority"):
            return counts(series, unknown=unknown) if column.unit == "count" else resource_counts(series, column.unit)
        if name == "preemptible":
            return flags(series)
        unit = self._unit(series, column)
        limit = INSTANT_MS_MAX if name in ("submit", "start", "end") else DURATION_MS_MAX
        if unit == "date":
            if name == "submit":
                self.dated = True
            return instants(series, self.timezone)
        if unit == "clock":
            return clock_durations(series)
        return numbers(series, MS_PER[unit], limit=limit, unknown=unknown)

    def _unit(self, series: pl.Series, column: Column) -> str:
        """Decide ``auto`` by the first value of the log, once."""
        if series.dtype == pl.Date or isinstance(series.dtype, pl.Datetime):
            return "date"
        if column.unit != "auto":
            return column.unit
        source = series.name
        if source not in self._auto:
            if series.dtype != pl.String:
                self._auto[source] = "s"
            else:
                known = series.filter(~series.is_in(["", *self.layout.unknown]))
                if not len(known):
                    return "s"
                first = str(known[0])
                dated = (len(first) >= 10 and first[4:5] == "-" and first[7:8] == "-") or "/" in first
                self._auto[source] = "date" if dated else ("clock" if ":" in first else "s")
        return self._auto[source]

    def _span(self, parsed: dict[str, Parsed]) -> None:
        """Where there is no duration, take it from start to end."""
        if "duration" in parsed:
            return
        start, end = parsed["start"], parsed["end"]
        both = start.known & end.known
        span = np.where(both, end.value - start.value, 0)
        far = both & (span > DURATION_MS_MAX)
        fault = Fault("T112", far, lambda row: f"from start to end are {span[row]} ms, beyond anything real")
        parsed["duration"] = Parsed(np.where(far, 0, span), both & ~far, [*start.faults, *end.faults, fault])

    def _faults(self, rows: Rows, parsed: dict[str, Parsed]) -> list[Fault]:
        faults = [fault for name in parsed for fault in parsed[name].faults]
        broken = reduce(np.logical_or, [fault.rows for fault in faults], np.zeros(len(rows.line), np.bool_))
        for name in ("submit", "duration", "gang"):
            missing = ~parsed[name].known & ~broken
            faults.append(Fault("T110", missing, lambda _, name=name: f"no value for {name}"))
        for name in ("submit", "duration", "gang", "walltime", "savepoint"):
            if name in parsed and not (name == "submit" and self.dated):
                value = parsed[name].value
                faults.append(negatives(parsed[name], name, lambda row, value=value: str(value[row])))
        return faults

    def _sized(self, gang: Parsed, line: I64, keep: NDArray[np.bool_]) -> NDArray[np.bool_]:
        if gang.fractional is not None:
            self.findings.skip("fractional GPU", line[keep & gang.fractional])
            keep = keep & ~gang.fractional
        none = keep & (gang.value == 0)
        self.findings.skip(self.layout.zero_reason, line[none])
        return keep & ~none

    def _batch(self, rows: Rows, parsed: dict[str, Parsed]) -> Batch:
        columns = self.layout.columns
        texts = {
            name: self.dictionaries.setdefault(name, Dictionary()).codes(_text(rows.frame[name]))
            for name in self.text_columns
        }
        return Batch(
            line=rows.line,
            submit_ms=parsed["submit"].value,
            duration_ms=parsed["duration"].value,
            gang=parsed["gang"].value,
            walltime_ms=_where_known(parsed.get("walltime"), rows, 0),
            texts=texts,
            priority=_where_known(parsed.get("priority"), rows, 0),
            preemptible=_where_known(parsed.get("preemptible"), rows, -1),
            savepoint_ms=_where_known(parsed.get("savepoint"), rows, -1),
            after=_text(rows.frame[columns["after"].sources[0]]) if "after" in columns else None,
            job=_text(rows.frame[columns["job"].sources[0]]) if "job" in columns else None,
            request=_text(rows.frame[columns["request"].sources[0]]) if "request" in columns else None,
        )


def _taken(rows: Rows, keep: NDArray[np.bool_]) -> Rows:
    return Rows(rows.frame.filter(pl.Series(keep)), rows.line[keep])


def _either(first: Parsed, second: Parsed) -> Parsed:
    """The first where it knows a positive value, else the second."""
    use_first = first.known & (first.value > 0) | ~second.known
    fractional = None
    if first.fractional is not None or second.fractional is not None:
        none = np.zeros(len(use_first), np.bool_)
        a = none if first.fractional is None else first.fractional
        b = none if second.fractional is None else second.fractional
        fractional = np.where(use_first, a, b)
    value = np.where(use_first, first.value, second.value)
    return Parsed(value, first.known | second.known, [*first.faults, *second.faults], fractional)


def _where_known(parsed: Parsed | None, rows: Rows, otherwise: int) -> I64:
    if parsed is None:
        return np.full(len(rows.line), otherwise, np.int64)
    return np.where(parsed.known, parsed.value, otherwise)


def _text(series: pl.Series) -> pl.Series:
    if isinstance(series.dtype, pl.Duration):
        series = series.dt.total_milliseconds()
    return series if series.dtype == pl.String else series.cast(pl.String).fill_null("")
