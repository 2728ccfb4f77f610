"""Read requests for credits: who asked for how much, for what, and what was answered.

CSV or Parquet with the columns of ``NEEDED`` and any of ``FURTHER``. Times are dates as ISO 8601 writes them, where the
job log has a calendar, or seconds since the log's first submission.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation

import numpy as np
import polars as pl

from equipoise.errors import InputError, Place
from equipoise.traces.records import Columns, Row, records
from equipoise.traces.values import DURATION_MS_MAX, instants
from equipoise.workload import Requests, Workload

NEEDED = ("id", "team", "gpu_h", "asked", "from", "to")
FURTHER = ("pool", "answered", "granted_gpu_h", "reason", "avenue", "purpose", "project")
MS_PER_H = 3_600_000
MOST_GPU_H = 10**9


def read_requests(path: str | os.PathLike[str], workload: Workload, *, timezone: str = "UTC") -> Workload:
    r"""Return the workload with the requests of a file.

    Parameters
    ----------
    path : path
        CSV, or Parquet if its name ends in ``.parquet``.
    workload : Workload
        Whose teams and pools the requests name; a team of which there is no job is added.
    timezone : str
        The zone of dates that name none.

    Raises
    ------
    InputError
        T122 with file and line: a column is missing or unknown, a value is not what it should be, an id comes twice, an
        answer grants more than was asked or not all of it without a reason.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from equipoise.traces import read
    >>> folder = Path(tempfile.mkdtemp())
    >>> _ = (folder / "jobs.csv").write_text("team,submit_s,num_gpu,duration_s\nsafety,0,8,60\n")
    >>> _ = (folder / "asked.csv").write_text(
    ...     "id,team,gpu_h,asked,from,to,answered,granted_gpu_h,reason,avenue\n"
    ...     "r1,safety,48,0,0,86400,3600,0,the product launches,probes\n")
    >>> found = read_requests(folder / "asked.csv", read(folder / "jobs.csv"))
    >>> found.refusals().gpus.tolist(), found.requests.avenue
    ([2], ('probes',))
    """
    reader = _Reader(workload, timezone, list(workload.teams))
    rows = [reader.row(row, place) for place, row in records(path, Columns("T122", NEEDED, FURTHER))]
    seen: dict[str, Place] = {}
    for row in rows:
        if row.name in seen:
            raise _refused(f"request '{row.name}' is there twice, first in line {seen[row.name].line}", row.place)
        seen[row.name] = row.place
    unknown = sum(bool(named) and named not in seen for named in workload.jobs.request or ())
    told = f"{unknown} jobs name a request that is not in the file of requests: they spend from no grant"
    notes = (*workload.notes, told) if unknown else workload.notes
    return replace(workload, teams=tuple(reader.teams), requests=_columns(rows), notes=notes)


@dataclass(frozen=True, slots=True)
class _Request:
    place: Place
    name: str
    team: int
    pool: int
    amount_gpu_ms: int
    asked_ms: int
    begin_ms: int
    end_ms: int
    answered_ms: int
    granted_gpu_ms: int
    reason: str
    avenue: str
    purpose: str
    project: str


@dataclass(slots=True)
class _Reader:
    """What a row is read with: the workload's names, which grow by teams that have no job."""

    workload: Workload
    timezone: str
    teams: list[str]

    def row(self, row: Row, place: Place) -> _Request:
        if not row["id"]:
            raise _refused("a request without id", place)
        amount = _amount(row, "gpu_h", place)
        if amount == 0:
            raise _refused("0 GPU-hours are asked for", place, "more than 0")
        begin, end = self._time(row, "from", place), self._time(row, "to", place)
        if end <= begin:
            raise _refused(f"the window ends at {row['to']!r}, not after it begins", place)
        asked = self._time(row, "asked", place)
        answered, granted = self._answer(row, place, amount=amount, asked=asked)
        texts = {name: row.get(name, "") for name in ("reason", "avenue", "purpose", "project")}
        return _Request(
            place, row["id"], self._team(row["team"], place), self._pool(row.get("pool", ""), place), amount, asked,
            begin, end, answered, granted, **texts,
        )  # fmt: skip

    def _answer(self, row: Row, place: Place, *, amount: int, asked: int) -> tuple[int, int]:
        """Return when it was answered and what was granted; (0, -1) while it is open."""
        told = [bool(row.get(name)) for name in ("answered", "granted_gpu_h")]
        if not any(told):
            return 0, -1
        if not all(told):
            raise _refused(
                "an answer needs both answered and granted_gpu_h", place, "leave both empty while it is open"
            )
        answered, granted = self._time(row, "answered", place), _amount(row, "granted_gpu_h", place)
        if answered < asked:
            raise _refused(f"is answered at {row['answered']!r}, before it is asked", place)
        if granted > amount:
            raise _refused(f"{row['granted_gpu_h']} GPU-hours are granted, {row['gpu_h']} were asked for", place)
        if granted < amount and not row.get("reason"):
            raise _refused("is cut or refused without a reason", place, "say why in the column reason")
        return answered, granted

    def _team(self, team: str, place: Place) -> int:
        if not team:
            raise _refused("a request without team", place)
        if team not in self.teams:
            self.teams.append(team)
        return self.teams.index(team)

    def _pool(self, pool: str, place: Place) -> int:
        pools = self.workload.pools
        if not pool and len(pools) == 1:
            return 0
        if pool not in pools and pools != ("",):
            raise _refused(f"the log has no pool {pool!r}", place, f"pools: {', '.join(pools)}")
        return pools.index(pool) if pool in pools else 0

    def _time(self, row: Row, column: str, place: Place) -> int:
        text = row[column]
        try:
            seconds = Decimal(text)
        except InvalidOperation:
            return self._date(text, column, place)
        if not seconds.is_finite() or abs(seconds) * 1000 > DURATION_MS_MAX:
            raise _refused(f"{column} {text!r} is out of range", place)
        return round(seconds * 1000)

    def _date(self, text: str, column: str, place: Place) -> int:
        parsed = instants(pl.Series([text]), self.timezone)
        if not parsed.known[0]:
            raise _refused(f"{column} {text!r} is neither a date nor a number of seconds", place)
        if self.workload.origin_ms is None:
            raise _refused(
                f"{column} {text!r} is a date, but the job log has no calendar", place, "seconds since its start"
            )
        return int(parsed.value[0]) - self.workload.origin_ms


def _amount(row: Row, column: str, place: Place) -> int:
    """Return GPU-hours in GPU-milliseconds, rounded to the nearest."""
    try:
        hours = Decimal(row[column])
    except InvalidOperation:
        raise _refused(f"{column} {row[column]!r} is no number of GPU-hours", place) from None
    if not hours.is_finite() or not 0 <= hours <= MOST_GPU_H:
        raise _refused(f"{column} {row[column]!r} is out of range", place, f"0 to {MOST_GPU_H:,}")
    return round(hours * MS_PER_H)


def _refused(said: str, place: Place, hint: str = "") -> InputError:
    return InputError("T122", said, hint=hint, place=place)


def _columns(rows: list[_Request]) -> Requests:
    def numbers(field: str) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        return np.array([getattr(row, field) for row in rows], np.int64)

    def texts(field: str) -> tuple[str, ...]:
        return tuple([getattr(row, field) for row in rows])

    return Requests(
        name=texts("name"),
        team=numbers("team").astype(np.int32),
        pool=numbers("pool").astype(np.int32),
        amount_gpu_ms=numbers("amount_gpu_ms"),
        asked_ms=numbers("asked_ms"),
        begin_ms=numbers("begin_ms"),
        end_ms=numbers("end_ms"),
        answered_ms=numbers("answered_ms"),
        granted_gpu_ms=numbers("granted_gpu_ms"),
        reason=texts("reason"),
        avenue=texts("avenue"),
        purpose=texts("purpose"),
        project=texts("project"),
    )
