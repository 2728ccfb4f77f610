"""Batches to a workload: join, give each job its team and pool, sort by submit time."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from equipoise.errors import InputError, Place
from equipoise.traces.batch import Batch, Converter
from equipoise.traces.findings import Findings
from equipoise.traces.formats import Count
from equipoise.traces.mapping import LISTED, Assignment, team_name, unmapped_error
from equipoise.traces.values import DURATION_MS_MAX
from equipoise.workload import Jobs, Workload

Walltime = Literal["declared", "runtime", "none"]
I64 = NDArray[np.int64]
I32 = NDArray[np.int32]

# Numbers from the year 2000 on are taken for Unix time; below, for time since the log's own start.
_UNIX_TIME_FROM_MS = 946_684_800_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What ``read`` was asked for, checked."""

    map: Path | None = None
    columns: Mapping[str, str] | None = None
    unmapped: str | None = None
    leaves: Collection[str] | None = None
    pool: str | None = None
    pools: Collection[str] | None = None
    walltime: Walltime = "declared"
    timezone: str = "UTC"
    count: Count = "gpu"
    preemptible: bool = True
    savepoint_ms: int = 0


def joined(batches: Sequence[Batch], text_columns: Sequence[str]) -> Batch:
    """Put batches together in order."""
    if len(batches) == 1:
        return batches[0]

    def whole(parts: list[I64]) -> I64:
        return np.concatenate([np.zeros(0, np.int64), *parts])

    after = [batch.after for batch in batches if batch.after is not None]
    job = [batch.job for batch in batches if batch.job is not None]
    request = [batch.request for batch in batches if batch.request is not None]
    return Batch(
        line=whole([batch.line for batch in batches]),
        submit_ms=whole([batch.submit_ms for batch in batches]),
        duration_ms=whole([batch.duration_ms for batch in batches]),
        gang=whole([batch.gang for batch in batches]),
        walltime_ms=whole([batch.walltime_ms for batch in batches]),
        texts={
            name: np.concatenate([np.zeros(0, np.int32), *(batch.texts[name] for batch in batches)])
            for name in text_columns
        },
        priority=whole([batch.priority for batch in batches]),
        preemptible=whole([batch.preemptible for batch in batches]),
        savepoint_ms=whole([batch.savepoint_ms for batch in batches]),
        after=pl.concat(after) if after else None,
        job=pl.concat(job) if job else None,
        request=pl.concat(request) if request else None,
    )


def assembled(
    batch: Batch, assignment: Assignment, converter: Converter, *, user: str | None, pool: str | None, options: Options
) -> Workload:
    """Return the workload; T115: unmapped jobs, T119: a circle of ``after``, T120: pools, T121: no job left."""
    findings = converter.findings
    batch, team, teams = _with_teams(batch, assignment, converter, options)
    if not len(batch.line):
        raise _nothing(findings)
    batch, team = _by_submit_time(batch, team, findings)
    pools, pool_of = _pools(batch, converter, pool, options)
    origin_ms, submit_ms = _since_first(batch.submit_ms, converter)
    if submit_ms[-1] > DURATION_MS_MAX:
        line = int(batch.line[-1])
        raise findings.error("T112", "submit times lie more than 139 years apart", line, hint="are two clocks mixed?")
    users, user_of = ("",), np.zeros(len(team), np.int32)
    if user is not None:
        names, user_of = _compact(batch.texts[user], converter.texts(user))
        users = tuple("" if name in converter.layout.unknown else name for name in names)
    jobs = Jobs(
        submit_ms=submit_ms,
        duration_ms=batch.duration_ms,
        gang=batch.gang.astype(np.int32),
        walltime_ms=_walltimes(batch, options.walltime),
        team=team,
        pool=pool_of,
        user=user_of,
        priority=batch.priority.astype(np.int32),
        preemptible=np.where(batch.preemptible < 0, options.preemptible, batch.preemptible == 1),
        savepoint_ms=np.where(batch.savepoint_ms < 0, options.savepoint_ms, batch.savepoint_ms),
        after=_predecessors(batch, findings),
        name=tuple(batch.job.to_list()) if batch.job is not None else None,
        request=tuple(batch.request.to_list()) if batch.request is not None else None,
    )
    notes = tuple(f"{rows} jobs: {sentence}" for sentence, rows in findings.remarks.items())
    return Workload(jobs, teams, pools, users, origin_ms=origin_ms, skipped=findings.skipped(), notes=notes)


def _with_teams(
    batch: Batch, assignment: Assignment, converter: Converter, options: Options
) -> tuple[Batch, I32, tuple[str, ...]]:
    columns = [choice.column for choice in assignment.choices]
    values = {name: converter.texts(name) for name in columns}
    team = assignment.assign(batch.texts, len(batch.line), values=values, file=converter.findings.file)
    teams = list(assignment.teams)
    lost = team < 0
    if lost.any():
        if options.unmapped is None:
            raise unmapped_error(
                {name: batch.texts[name] for name in columns},
                values,
                lost,
                file=converter.findings.file,
                leaves=options.leaves,
            )
        if options.unmapped == "drop":
            converter.findings.skip("belongs to no team", batch.line[lost])
            batch, team = _taken(batch, np.flatnonzero(~lost)), team[~lost]
        else:
            if options.unmapped not in teams:
                teams.append(options.unmapped)
            team = np.where(lost, teams.index(options.unmapped), team).astype(np.int32)
    names, team = _compact(team, teams, by_name=True)
    return batch, team, names


def _taken(batch: Batch, rows: NDArray[np.intp]) -> Batch:
    return replace(
        batch,
        line=batch.line[rows],
        submit_ms=batch.submit_ms[rows],
        duration_ms=batch.duration_ms[rows],
        gang=batch.gang[rows],
        walltime_ms=batch.walltime_ms[rows],
        texts={name: codes[rows] for name, codes in batch.texts.items()},
        priority=batch.priority[rows],
        preemptible=batch.preemptible[rows],
        savepoint_ms=batch.savepoint_ms[rows],
        after=batch.after.gather(rows) if batch.after is not None else None,
        job=batch.job.gather(rows) if batch.job is not None else None,
        request=batch.request.gather(rows) if batch.request is not None else None,
    )


def _nothing(findings: Findings) -> InputError:
    reasons = ", ".join(f"{skipped.rows} {skipped.reason}" for skipped in findings.skipped())
    hint = ""
    if any(skipped.reason == "no GPU" for skipped in findings.skipped()):
        hint = "a log without GPUs: count nodes or cpus (--count nodes)"
    return InputError("T121", f"no row is a job that can run: {reasons}", hint=hint, place=Place(findings.file))


def _compact(codes: I32, texts: Sequence[str], *, by_name: bool = False) -> tuple[tuple[str, ...], I32]:
    """Keep only the texts in use, renumbered: in order of their first number, or by name."""
    used = np.flatnonzero(np.bincount(codes, minlength=len(texts))).tolist()
    if by_name:
        used.sort(key=lambda code: texts[code])
    new = np.zeros(max(len(texts), 1), np.int32)
    new[used] = np.arange(len(used), dtype=np.int32)
    return tuple(texts[code] for code in used), new[codes]


def _pools(batch: Batch, converter: Converter, pool: str | None, options: Options) -> tuple[tuple[str, ...], I32]:
    if pool is None:
        return (options.pool or "",), np.zeros(len(batch.line), np.int32)
    names, codes = _compact(batch.texts[pool], converter.texts(pool))
    if options.pools is None:
        return names, codes
    chosen = [name if name in options.pools else team_name(name) if name else "" for name in names]
    strange = [name for name, choice in zip(names, chosen, strict=True) if choice not in options.pools]
    if strange:
        listed = ", ".join(repr(name) for name in strange[:LISTED])
        raise InputError(
            "T120",
            f"{pool}: {listed} is no pool of the charter",
            hint=f"put all jobs into one (--pool); its pools are {', '.join(sorted(options.pools))}",
            place=Place(converter.findings.file),
        )
    distinct = list(dict.fromkeys(chosen))
    merged = np.array([distinct.index(choice) for choice in chosen], np.int32)
    return tuple(distinct), merged[codes]


def _by_submit_time(batch: Batch, team: I32, findings: Findings) -> tuple[Batch, I32]:
    late = int((batch.submit_ms < np.maximum.accumulate(batch.submit_ms)).sum())
    if not late:
        return batch, team
    findings.remark("out of order in the log, sorted by submit time", late)
    order = np.argsort(batch.submit_ms, kind="stable")
    return _taken(batch, order), team[order]


def _since_first(submit_ms: I64, converter: Converter) -> tuple[int | None, I64]:
    """Move time 0 to the first submit; return its Unix time (None where the log has no calendar)."""
    first = int(submit_ms[0])
    if converter.layout.calendar_ms is not None:
        origin_ms = converter.layout.calendar_ms + first
    else:
        origin_ms = first if converter.dated or first >= _UNIX_TIME_FROM_MS else None
    return origin_ms, submit_ms - first


def _walltimes(batch: Batch, walltime: Walltime) -> I64:
    if walltime == "none":
        return np.zeros(len(batch.line), np.int64)
    if walltime == "runtime":
        return np.maximum(batch.duration_ms, 1)  # 0 would say "none declared"
    return batch.walltime_ms


def _predecessors(batch: Batch, findings: Findings) -> I32:
    """Turn the identifiers in ``after`` into rows; T119 for a circle."""
    job, after = batch.job, batch.after
    rows = len(batch.line)
    if after is None or not (after != "").any():
        return np.full(rows, -1, np.int32)
    if job is None:
        raise findings.error(
            "T107", "has a column for after, but none for the jobs it refers to", hint="name job=COLUMN"
        )
    row_of = dict(zip(reversed(job.to_list()), range(rows - 1, -1, -1), strict=True))
    found = np.array([row_of.get(name, -1) if name else -1 for name in after.to_list()], np.int32)
    absent = (found < 0) & (after != "").to_numpy()
    findings.remark("after a job that was not taken from the log, so they wait for none", int(absent.sum()))
    # Pointer doubling: after log2(rows) rounds every chain has ended, unless it is a circle.
    reach = np.append(np.where(found < 0, rows, found), rows)
    for _ in range(rows.bit_length() + 1):
        reach = reach[reach]
    circle = reach[:rows] != rows
    if circle.any():
        row = int(circle.argmax())
        raise findings.error("T119", f"job {job[row]!r} waits, by after, for itself", int(batch.line[row]))
    return found
