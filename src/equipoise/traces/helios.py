"""The minute series of SenseTime's Helios clusters: what each virtual cluster asked for, as services.

The published series (Hu et al., SC'21; HeliosArtifact) have one file per virtual cluster, with a row per minute: GPUs
of running and of pending jobs. There are no single jobs in them, so each virtual cluster becomes one service that asks
for as many GPUs as its jobs held and waited for.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from equipoise.errors import InputError, Place
from equipoise.traces.assembly import Options
from equipoise.traces.batch import I32
from equipoise.traces.findings import Fault, Findings
from equipoise.traces.formats import first_line, read_header
from equipoise.traces.mapping import Assignment, Rule, by_name, by_rules, load_rules, unmapped_error
from equipoise.traces.source import Source
from equipoise.traces.table import Rows, Shape, text_rows
from equipoise.traces.values import Parsed, counts, instants, negatives
from equipoise.workload import Jobs, Service, Workload

MINUTE_MS = 60_000
_COUNTS = ("running_gpu_num", "pending_gpu_num", "total_gpu_num")


def minutes(path: Path | str, *, timezone: str = "UTC") -> pl.DataFrame:
    """Return the minute series of one file or of a folder of them.

    Parameters
    ----------
    path : path
        ``vcpDC.csv.gz`` or the folder that holds such files; others in it (without the series' columns) are ignored.
    timezone : str
        Zone of the times in the files.

    Returns
    -------
    polars.DataFrame
        ``vc`` (from the file's name), ``at_ms`` (Unix time), ``running_gpu``, ``pending_gpu``, ``quota_gpu``; by VC and
        time.

    Raises
    ------
    InputError
        As ``read``; T109 also where times do not rise.
    """
    series = [_minutes(file, timezone) for file in _files(Path(path))]
    if not series:
        raise InputError("T105", "holds no minute series (CSV with running_gpu_num)", place=Place(str(path)))
    return pl.concat(series).sort("vc", "at_ms", maintain_order=True)


def is_minutes(source: Source) -> bool:
    """Whether a file is one of the minute series."""
    names = {name.strip() for name in first_line(source)[0].split(",")}
    return {"time", *_COUNTS} <= names


def services(path: Path, options: Options) -> Workload:
    """Read minute series as services: each VC asks for what its jobs held and waited for."""
    frame = minutes(path, timezone=options.timezone)
    origin_ms = int(frame["at_ms"].min())  # type: ignore[arg-type]
    vcs = frame["vc"].unique(maintain_order=True).to_list()
    teams, team_of = _teams(vcs, options, str(path))
    wanted: list[Service] = []
    for vc, team in zip(vcs, team_of, strict=True):
        if team >= 0:
            wanted.append(_service(vc, frame.filter(pl.col("vc") == vc), origin_ms, team))
    notes = (f"{len(wanted)} minute series: read as services, one GPU a replica, asking for running and pending GPUs",)
    return Workload(
        _no_jobs(), teams, pools=(options.pool or "",), services=tuple(wanted), origin_ms=origin_ms, notes=notes
    )


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    found: list[Path] = []
    for file in sorted(path.glob("*.csv*")):
        source = Source(file)
        try:
            if is_minutes(source):
                found.append(file)
        finally:
            source.close()
    return found


def _minutes(file: Path, timezone: str) -> pl.DataFrame:
    findings = Findings(str(file))
    source = Source(file)
    try:
        header, skip_lines = read_header(source, ",")
        shape = Shape(header.names, ",", quoted=True)
        for name in ("time", *_COUNTS):
            header.require(name, "of the minute series")
        rows = text_rows(source, shape, wanted=("time", *_COUNTS), skip_lines=skip_lines, findings=findings)
        parts = [_parsed_minutes(batch, timezone, findings) for batch in rows]
    finally:
        source.close()
    if not parts:
        raise findings.error("T105", "holds no rows")
    frame = pl.concat(parts)
    falling = np.flatnonzero(np.diff(frame["at_ms"].to_numpy()) <= 0)
    if len(falling):
        row = int(falling[0]) + 1
        raise findings.error("T109", "the time is not after the one before", int(frame["line"][row]))
    vc = file.name.split(".", maxsplit=1)[0]
    return frame.select(pl.lit(vc).alias("vc"), pl.exclude("line"))


def _parsed_minutes(rows: Rows, timezone: str, findings: Findings) -> pl.DataFrame:
    at = instants(rows.frame["time"], timezone)
    amounts = [counts(rows.frame[name]) for name in _COUNTS]
    faults = list(at.faults)
    for name, parsed in zip(("time", *_COUNTS), (at, *amounts), strict=True):
        faults += parsed.faults
        broken = np.logical_or.reduce([fault.rows for fault in parsed.faults] or [np.zeros(len(rows.line), np.bool_)])
        faults.append(Fault("T110", ~parsed.known & ~broken, lambda _, name=name: f"no value for {name}"))
        faults.append(_negative(name, parsed) if name != "time" else Fault("T111", broken & False, str))
    findings.faulty(faults, rows.line)
    running, pending, quota = (parsed.value for parsed in amounts)
    return pl.DataFrame(
        {"at_ms": at.value, "running_gpu": running, "pending_gpu": pending, "quota_gpu": quota, "line": rows.line}
    )


def _negative(name: str, parsed: Parsed) -> Fault:
    return negatives(parsed, name, lambda row: str(parsed.value[row]))


def _service(vc: str, frame: pl.DataFrame, origin_ms: int, team: int) -> Service:
    """Keep the minutes at which the demand changes, and end it a minute after the last."""
    at_ms = frame["at_ms"].to_numpy() - origin_ms
    demand = (frame["running_gpu"] + frame["pending_gpu"]).to_numpy()
    changes: NDArray[np.bool_] = np.append([True], demand[1:] != demand[:-1])
    at_ms = np.append(at_ms[changes], at_ms[-1] + MINUTE_MS)
    replicas = np.append(demand[changes], 0).astype(np.int32)
    return Service(name=vc, team=team, pool=0, gang=1, minimum=0, at_ms=at_ms, replicas=replicas)


def _teams(vcs: Sequence[str], options: Options, file: str) -> tuple[tuple[str, ...], list[int]]:
    values = {"vc": vcs}
    codes: dict[str, I32] = {"vc": np.arange(len(vcs), dtype=np.int32)}
    assignment = _assignment(values, options)
    team = assignment.assign(codes, len(vcs), values=values, file=file)
    names = list(assignment.teams)
    lost = team < 0
    if lost.any() and options.unmapped is None:
        raise unmapped_error(codes, values, lost, file=file, leaves=options.leaves)
    if lost.any() and options.unmapped not in (None, "drop"):
        names.append(str(options.unmapped))
        team = np.where(lost, len(names) - 1, team)
    return tuple(names), [int(index) for index in team]


def _assignment(values: dict[str, Sequence[str]], options: Options) -> Assignment:
    if options.map is None:
        return by_name(values, unknown=frozenset(), leaves=options.leaves)
    rules = [
        Rule("vc", rule.value, rule.team, rule.line) for rule in load_rules(options.map) if rule.field in ("vc", "team")
    ]
    return by_rules(rules, values, options.leaves)


def _no_jobs() -> Jobs:
    wide, narrow = np.zeros(0, np.int64), np.zeros(0, np.int32)
    return Jobs(wide, wide, narrow, wide, narrow, narrow, narrow, narrow, np.zeros(0, np.bool_), wide, narrow)
