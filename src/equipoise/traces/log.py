"""Read a job log into a workload: detect, convert, map, sort."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import get_args
from zoneinfo import ZoneInfo

from equipoise.errors import InputError, Place
from equipoise.traces import helios, mapping
from equipoise.traces.assembly import Options, Walltime, assembled, joined
from equipoise.traces.batch import Converter
from equipoise.traces.findings import Findings, OnError
from equipoise.traces.formats import FORMATS, Count, Format, Log, delimited, detected, sacct, swf
from equipoise.traces.layout import Layout
from equipoise.traces.parquet import MAGIC, parquet
from equipoise.traces.source import Source, starts_with
from equipoise.workload import Workload


def read(
    path: str | os.PathLike[str],
    *,
    format: Format | None = None,
    map: str | os.PathLike[str] | None = None,
    columns: Mapping[str, str] | None = None,
    unmapped: str | None = None,
    leaves: Collection[str] | None = None,
    pool: str | None = None,
    pools: Collection[str] | None = None,
    walltime: Walltime = "declared",
    timezone: str = "UTC",
    count: Count = "gpu",
    preemptible: bool = True,
    savepoint_ms: int = 0,
    on_error: OnError = "raise",
) -> Workload:
    r"""Read a job log.

    Parameters
    ----------
    path : path
        A file, plain or gzip; for Helios also the folder of its minute series.
    format : str or None
        One of ``FORMATS``; None tells it by name and content.
    map : path or None
        CSV ``field,value,team``; the first match wins. None: SWF group then user, sacct Account then User, CSV ``vc``
        (or ``team``), openb ``qos``; the value itself is the team.
    columns : mapping or None
        Field → column of the log, such as ``{"submit": "submit_s", "gang": "gpus:count"}``; units by ``layout.Column``.
    unmapped : str or None
        Team for jobs that match nothing; ``"drop"`` leaves them out; None makes them an error.
    leaves : collection of str or None
        Paths of the charter's leaves. With it, a team that is none of them is unmapped, and without ``map`` a value is
        the leaf that it or its ``team_name`` equals.
    pool : str or None
        Pool of every job. None: the log's own pool or partition column, if the charter (``pools``) has several pools.
    pools : collection of str or None
        The charter's pools.
    walltime : {"declared", "runtime", "none"}
        What the estimate for backfill is: the log's, the true run time, or none.
    timezone : str
        IANA zone of dates without an offset.
    count : {"gpu", "nodes", "cpus"}
        What of a sacct record is scheduled.
    preemptible : bool
        Of jobs of which the log does not say it.
    savepoint_ms : int
        Interval between savepoints of jobs of which the log does not say it; 0 for none.
    on_error : {"raise", "skip"}
        Whether a malformed row is an error, or counted and left out.

    Returns
    -------
    Workload
        Jobs by submit time (ties: order of the log); time 0 is the first submit. ``skipped`` counts what was left out.

    Raises
    ------
    InputError
        T101 to T121, with file and line; docs/logs.md lists them.

    Examples
    --------
    >>> from pathlib import Path; import tempfile
    >>> log = Path(tempfile.mkdtemp()) / "jobs.csv"
    >>> _ = log.write_text("vc,submit_s,num_gpu,duration_s\nvision,5,8,60\nnlp,0,2,30\n")
    >>> workload = read(log)
    >>> workload.teams, workload.jobs.submit_ms.tolist(), workload.jobs.gang.tolist()
    (('nlp', 'vision'), [0, 5000], [2, 8])
    """
    file = Path(path)
    _check_choice("format", format, (None, *FORMATS))
    _check_choice("on_error", on_error, get_args(OnError))
    _check_choice("walltime", walltime, get_args(Walltime))
    _check_choice("count", count, get_args(Count))
    _check_timezone(timezone)
    if savepoint_ms < 0:
        raise InputError("T117", f"savepoint_ms {savepoint_ms} is negative")
    if unmapped not in (None, "drop") and leaves is not None and unmapped not in leaves:
        raise InputError("T117", f"{unmapped!r} for unmapped jobs is no leaf of the charter")
    if pool is not None and pools is not None and pool not in pools and pool != "":
        raise InputError("T120", f"the charter has no pool {pool!r}", hint=f"its pools are {', '.join(sorted(pools))}")
    options = Options(
        map=Path(map) if map is not None else None,
        columns=columns,
        unmapped=unmapped,
        leaves=frozenset(leaves) if leaves is not None else None,
        pool=pool,
        pools=frozenset(pools) if pools is not None else None,
        walltime=walltime,
        timezone=timezone,
        count=count,
        preemptible=preemptible,
        savepoint_ms=savepoint_ms,
    )
    findings = Findings(str(file), on_error)
    if file.is_dir():
        if format not in (None, "helios"):
            raise InputError("T101", "is a folder", place=Place(str(file)))
        return helios.services(file, options)
    return _read_file(file, format, options, findings)


def _check_choice(name: str, value: str | None, choices: tuple[str | None, ...]) -> None:
    if value not in choices:
        known = ", ".join(str(choice) for choice in choices if choice is not None)
        raise InputError("T117", f"{name} {value!r} is unknown", hint=f"choose one of {known}")


def _check_timezone(name: str) -> None:
    try:
        ZoneInfo(name)
    except (ValueError, OSError, LookupError) as error:
        raise InputError("T117", f"{name!r} is no time zone", hint="use an IANA name such as Europe/Berlin") from error


def _read_file(file: Path, format: Format | None, options: Options, findings: Findings) -> Workload:
    if format == "parquet" or (format is None and starts_with(file, MAGIC)):
        return _workload(parquet(file, findings, options.columns), options, findings)
    source = Source(file)
    try:
        kind = format or detected(source)
        if kind == "helios" and helios.is_minutes(source):
            return helios.services(file, options)
        return _workload(_opened(source, kind, options, findings), options, findings)
    finally:
        source.close()


def _opened(source: Source, kind: Format, options: Options, findings: Findings) -> Log:
    if kind == "swf":
        return swf(source, findings, options.columns)
    if kind == "sacct":
        return sacct(source, findings, options.columns, count=options.count)
    return delimited(source, findings, options.columns, kind=kind)


def _workload(log: Log, options: Options, findings: Findings) -> Workload:
    rules = _rules(log, options)
    team_columns = tuple(dict.fromkeys(rule.field for rule in rules)) if rules else log.layout.team_sources
    user, pool = _source_of(log.layout, "user"), _pool_source(log.layout, options)
    text_columns = tuple(dict.fromkeys(name for name in (*team_columns, user, pool) if name is not None))
    converter = Converter(log.layout, findings, options.timezone, text_columns)
    wanted = tuple(dict.fromkeys((*log.layout.sources(), *text_columns)))
    batches = [converter.convert(rows) for rows in log.rows(wanted)]
    if not batches and not findings.rows_skipped:
        raise findings.error("T105", "holds no rows")
    values = {name: converter.texts(name) for name in team_columns}
    if rules:
        assignment = mapping.by_rules(rules, values, options.leaves)
    else:
        assignment = mapping.by_name(values, unknown=log.layout.unknown, leaves=options.leaves)
    return assembled(joined(batches, text_columns), assignment, converter, user=user, pool=pool, options=options)


def _rules(log: Log, options: Options) -> tuple[mapping.Rule, ...]:
    """Read the mapping file and turn its fields into columns of the log."""
    if options.map is None:
        return ()
    rules: list[mapping.Rule] = []
    for rule in mapping.load_rules(options.map):
        column = log.header.find(rule.field) or _source_of(log.layout, rule.field)
        if column is None:
            columns = ", ".join(log.header.names[:30])
            raise InputError(
                "T114",
                f"the log has no column {rule.field!r}",
                hint=f"its columns are: {columns}",
                place=Place(str(options.map), rule.line),
            )
        rules.append(mapping.Rule(column, rule.value, rule.team, rule.line))
    return tuple(rules)


def _source_of(layout: Layout, name: str) -> str | None:
    if name == "team":
        return layout.team_sources[0] if layout.team_sources else None
    column = layout.columns.get(name)
    return column.sources[0] if column is not None else None


def _pool_source(layout: Layout, options: Options) -> str | None:
    if options.pool is not None or (options.pools is not None and len(options.pools) == 1):
        return None
    return _source_of(layout, "pool")
