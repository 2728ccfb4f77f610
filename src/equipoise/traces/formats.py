"""The formats: where each keeps its columns, and how one tells them apart."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import polars as pl

from equipoise.errors import InputError, Place
from equipoise.traces.findings import Findings
from equipoise.traces.layout import Column, Exclusion, Header, Layout, guessed, with_columns
from equipoise.traces.source import LINE_BYTES_MAX, Source
from equipoise.traces.table import Rows, Shape, split_line, text_rows

Format = Literal["swf", "sacct", "csv", "parquet", "philly", "helios", "openb"]
FORMATS: tuple[Format, ...] = ("swf", "sacct", "csv", "parquet", "philly", "helios", "openb")
Count = Literal["gpu", "nodes", "cpus"]


@dataclass(frozen=True, slots=True)
class Log:
    """An opened log: what its columns mean, and its rows for the columns one wants."""

    layout: Layout
    header: Header
    rows: Callable[[Sequence[str]], Iterator[Rows]]


def detected(source: Source) -> Format:
    """Tell the format by the first lines of a text file; T105 for an empty file, T106 where nothing fits."""
    text, line = first_line(source)
    if text.startswith(";"):
        return "swf"
    fields = text.split()
    if len(fields) == len(SWF_COLUMNS) and all(_is_number(part) for part in fields):
        return "swf"
    names = {name.strip().lower() for name in _header_fields(text, source.name, line)}
    if "|" in text and names & {"jobid", "jobidraw"}:
        return "sacct"
    if {"gpu_milli", "creation_time", "num_gpu"} <= names:
        return "openb"
    if names >= _MURI:
        return "philly"
    if {"running_gpu_num", "pending_gpu_num"} <= names or {"vc", "gpu_num", "node_num", "submit_time"} <= names:
        return "helios"
    if len(names) > 1:
        return "csv"
    shown = text if len(text) <= 60 else text[:57] + "..."
    raise InputError(
        "T106",
        f"no known format begins with {shown!r}",
        hint=f"name the format: {', '.join(FORMATS)}",
        place=Place(source.name, line),
    )


# ------------------------------------------------------------------------------------------- Standard Workload Format

# Feitelson et al., https://www.cs.huji.ac.il/labs/parallel/workload/swf.html: 18 fields, -1 for "not known".
SWF_COLUMNS = (
    "job", "submit", "wait", "run", "allocated", "cpu_time", "memory", "requested", "requested_time",
    "requested_memory", "status", "user", "group", "application", "queue", "partition", "preceding", "think_time",
)  # fmt: skip
_SWF_LAYOUT = Layout(
    "swf",
    {
        "job": Column(("job",)),
        "submit": Column(("submit",), "s"),
        "duration": Column(("run",), "s"),
        "gang": Column(("allocated", "requested"), "count"),
        "walltime": Column(("requested_time",), "s"),
        "user": Column(("user",)),
    },
    team_sources=("group", "user"),
    unknown=frozenset({"-1"}),
    exclusions=(
        # A job that was swapped out has one line per run (2, 3, 4) and one for the whole; only the whole counts.
        Exclusion("part of a job (status 2 to 4)", ("status",), pl.col("status").is_in(["2", "3", "4"])),
        Exclusion(
            "cancelled before it started",
            ("status", "run"),
            (pl.col("status") == "5") & pl.col("run").is_in(["-1", "0"]),
        ),
        Exclusion("no run time", ("run",), pl.col("run") == "-1"),
        Exclusion("no submit time", ("submit",), pl.col("submit") == "-1"),
        Exclusion(
            "no processors",
            ("allocated", "requested"),
            pl.col("allocated").is_in(["-1", "0"]) & pl.col("requested").is_in(["-1", "0"]),
        ),
    ),
    zero_reason="no processors",
)


def swf(source: Source, findings: Findings, columns: Mapping[str, str] | None) -> Log:
    """Open a log in the Standard Workload Format."""
    header = Header.of(SWF_COLUMNS, file=source.name)
    start_ms = _swf_start_ms(source)
    layout = with_columns(replace(_SWF_LAYOUT, calendar_ms=start_ms), header, columns)
    shape = Shape(SWF_COLUMNS, " ", comment=";")
    return Log(layout, header, lambda wanted: text_rows(source, shape, wanted=wanted, skip_lines=0, findings=findings))


def _swf_start_ms(source: Source) -> int | None:
    """Return ``UnixStartTime`` of the header comments; None where it is missing or 0."""
    head = source.head()
    for number, text in head.lines() if head else ():
        if text.strip() and not text.startswith(";"):
            break
        name, _, value = text.lstrip("; \t").partition(":")
        if name.strip() == "UnixStartTime":
            value = value.strip()
            if not (value.isascii() and value.removeprefix("-").isdigit() and len(value) < 12):
                shown = value[:40]
                raise InputError(
                    "T109", f"UnixStartTime {shown!r} is no number of seconds", place=Place(source.name, number)
                )
            return int(value) * 1000 if int(value) > 0 else None
    return None


# -------------------------------------------------------------------------------------------------------- Slurm's sacct

_SACCT_UNKNOWN = frozenset({"Unknown", "None", "UNLIMITED", "Partition_Limit", "INVALID"})


def sacct(source: Source, findings: Findings, columns: Mapping[str, str] | None, *, count: Count) -> Log:
    """Open the output of ``sacct --parsable2`` with its header line."""
    header, skip_lines = read_header(source, "|")
    layout = with_columns(_sacct_layout(header, count), header, columns)
    shape = Shape(header.names, "|")
    return Log(
        layout, header, lambda wanted: text_rows(source, shape, wanted=wanted, skip_lines=skip_lines, findings=findings)
    )


def _sacct_layout(header: Header, count: Count) -> Layout:
    job = header.find("JobID") or header.require("JobIDRaw", "to tell jobs from their steps")
    columns = {"job": Column((job,)), "submit": Column((header.require("Submit", "for the submit time"),))}
    columns |= _first_of(header, "duration", (("ElapsedRaw", "s"), ("Elapsed", "clock")))
    start, end = header.find("Start"), header.find("End")
    if "duration" not in columns:
        columns["start"] = Column((header.require("Start", "and none Elapsed, for the duration"),))
        columns["end"] = Column((header.require("End", "and none Elapsed, for the duration"),))
    columns |= _first_of(header, "walltime", (("TimelimitRaw", "min"), ("Timelimit", "clock")))
    columns |= _first_of(header, "user", (("User", "auto"),))
    columns |= _first_of(header, "pool", (("Partition", "auto"),))
    columns["gang"] = _sacct_gang(header, count)
    exclusions = [Exclusion("job step", (job,), pl.col(job).str.contains(".", literal=True))]
    remarks: list[Exclusion] = []
    state = header.find("State")
    if state is not None:
        exclusions.append(Exclusion("still pending", (state,), pl.col(state) == "PENDING"))
        remarks.append(
            Exclusion("still running: the time so far is taken as the duration", (state,), pl.col(state) == "RUNNING")
        )
    if start is not None:
        exclusions.append(Exclusion("never started", (start,), pl.col(start).is_in(["", "Unknown", "None"])))
    if end is not None and "end" in columns:
        exclusions.append(Exclusion("still running", (end,), pl.col(end).is_in(["", "Unknown", "None"])))
    teams = tuple(filter(None, map(header.find, ("Account", "User"))))
    return Layout(
        "sacct",
        columns,
        team_sources=teams,
        unknown=_SACCT_UNKNOWN,
        exclusions=tuple(exclusions),
        remarks=tuple(remarks),
        zero_reason="no GPU" if count == "gpu" else f"no {count}",
    )


def _first_of(header: Header, name: str, candidates: Sequence[tuple[str, str]]) -> dict[str, Column]:
    for column, unit in candidates:
        found = header.find(column)
        if found is not None:
            return {name: Column((found,), unit)}
    return {}


def _sacct_gang(header: Header, count: Count) -> Column:
    if count == "gpu":
        found = tuple(filter(None, map(header.find, ("AllocTRES", "ReqTRES"))))
        if not found:
            header.require("AllocTRES", "to count GPUs (or count nodes or cpus instead)")
        return Column(found, "gres/gpu")
    names = ("AllocNodes", "NNodes") if count == "nodes" else ("AllocCPUS", "NCPUS", "ReqCPUS")
    found = tuple(filter(None, map(header.find, names)))
    if not found:
        header.require(names[0], f"to count {count}")
    return Column(found, "count")


# ------------------------------------------------------------------------------------------------------ CSV and its kin

_MURI = {"job_id", "num_gpu", "submit_time", "duration", "iteration_time", "resource_time_0"}


def delimited(source: Source, findings: Findings, columns: Mapping[str, str] | None, *, kind: Format) -> Log:
    """Open a CSV file (comma, semicolon, tab or bar) with a header line."""
    text, line = first_line(source)
    separator = _separator(text)
    header, skip_lines = read_header(source, separator)
    layout = table_layout(header, columns, kind=kind)
    shape = Shape(header.names, separator, quoted=True)
    if len(header.names) < 2:
        raise InputError("T107", "the header has one column only", place=Place(source.name, line))
    return Log(
        layout, header, lambda wanted: text_rows(source, shape, wanted=wanted, skip_lines=skip_lines, findings=findings)
    )


def table_layout(header: Header, columns: Mapping[str, str] | None, *, kind: Format) -> Layout:
    """Return the layout of a table by its header: a published one where it is recognised, else guessed."""
    names = {name.strip().lower() for name in header.names}
    if kind == "openb":
        return with_columns(_openb_layout(header), header, columns)
    if kind == "philly" and names >= _MURI:
        return with_columns(_MURI_LAYOUT, header, columns)
    return guessed(header, kind, columns)


# Muri's copies of the Philly jobs: milliseconds, and model names and priorities that its authors made up.
_MURI_LAYOUT = Layout(
    "philly",
    {
        "job": Column(("job_id",)),
        "submit": Column(("submit_time",), "ms"),
        "duration": Column(("duration",), "ms"),
        "gang": Column(("num_gpu",), "count"),
    },
)


def _openb_layout(header: Header) -> Layout:
    """Alibaba's openb pods: seconds since the trace's start; ``gpu_milli`` is the part of a GPU that a pod asks for."""
    for name in ("name", "num_gpu", "gpu_milli", "qos", "creation_time", "deletion_time", "scheduled_time"):
        header.require(name, "of the openb pod list")
    milli = pl.col("gpu_milli").cast(pl.Int64, strict=False)
    return Layout(
        "openb",
        {
            "job": Column(("name",)),
            "submit": Column(("creation_time",), "s"),
            "start": Column(("scheduled_time",), "s"),
            "end": Column(("deletion_time",), "s"),
            "gang": Column(("num_gpu",), "count"),
        },
        team_sources=("qos",),
        exclusions=(
            Exclusion(
                "fractional GPU", ("num_gpu", "gpu_milli"), (pl.col("num_gpu").cast(pl.String) == "1") & (milli < 1000)
            ),
            Exclusion("no GPU", ("num_gpu",), pl.col("num_gpu").cast(pl.String) == "0"),
            Exclusion(
                "never scheduled", ("scheduled_time",), pl.col("scheduled_time").cast(pl.String).fill_null("") == ""
            ),
        ),
    )


# --------------------------------------------------------------------------------------------------------------- header


def first_line(source: Source) -> tuple[str, int]:
    """Return the first line that is not blank, and its number; T105 if there is none."""
    head = source.head()
    stripped = head.text.lstrip() if head is not None else b""
    if head is None or not stripped:
        raise InputError("T105", "holds nothing", place=Place(source.name))
    blank = head.text[: len(head.text) - len(stripped)]
    start = blank.rfind(b"\n") + 1  # blanks before the first word belong to its line
    number = head.first_line + blank.count(b"\n")
    end = head.text.index(b"\n", start)
    if end - start > LINE_BYTES_MAX:
        raise InputError("T104", f"a line is longer than {LINE_BYTES_MAX} bytes", place=Place(source.name, number))
    return head.text[start:end].decode("utf-8"), number


def read_header(source: Source, separator: str) -> tuple[Header, int]:
    """Return the header and the number of its line."""
    text, line = first_line(source)
    names = [name.strip() for name in _split(text, separator, source.name, line)]
    return Header.of(names, file=source.name, line=line), line


def _header_fields(text: str, file: str, line: int) -> list[str]:
    return _split(text, _separator(text), file, line)


def _split(text: str, separator: str, file: str, line: int) -> list[str]:
    try:
        return split_line(text, separator)
    except csv.Error as error:
        raise InputError("T113", f"broken quoting: {error}", place=Place(file, line)) from error


def _separator(text: str) -> str:
    return max((",", ";", "\t", "|"), key=text.count)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
