"""A workload that becomes known over time: what was asked for so far, with room for what is asked for next.

Jobs are numbered as they come, and names (of teams, pools, users) as they are first used, so that a number once told stays.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from equipoise.errors import InputError
from equipoise.units import shown
from equipoise.workload.model import Jobs, Workload
from equipoise.workload.requests import Requests

UNANSWERED = -1
_COLUMNS = (
    "submit_ms", "duration_ms", "gang", "walltime_ms", "team", "pool", "user", "priority", "preemptible", "savepoint_ms", "after",
)  # fmt: skip
_KINDS: dict[str, Any] = dict.fromkeys(("submit_ms", "duration_ms", "walltime_ms", "savepoint_ms"), np.int64)
_KINDS["preemptible"] = np.bool_
_SUBMIT, _DURATION = _COLUMNS.index("submit_ms"), _COLUMNS.index("duration_ms")


@dataclass(frozen=True, slots=True)
class Asked:
    """A job that somebody asks for.

    Parameters
    ----------
    gang : int
        Accelerators, all at once or not at all.
    team, pool, user : str
        A charter's leaf, one of its pools ("" if it has only one), and whose it is.
    walltime_ms, priority, preemptible, savepoint_ms
        As of `Jobs`.
    after : int
        The number of the job that must end first, or -1.
    name, request : str
        What it is called ("": by its number), and the request whose grant it spends.
    """

    gang: int
    team: str
    pool: str = ""
    user: str = ""
    walltime_ms: int = 0
    priority: int = 0
    preemptible: bool = True
    savepoint_ms: int = 0
    after: int = -1
    name: str = ""
    request: str = ""


@dataclass(frozen=True, slots=True)
class Request:
    """A request for credits; times are milliseconds since the origin, and the fields those of `Requests`."""

    name: str
    team: str
    pool: str
    amount_gpu_ms: int
    asked_ms: int
    begin_ms: int
    end_ms: int
    avenue: str = ""
    purpose: str = ""
    project: str = ""
    answered_ms: int = 0
    granted_gpu_ms: int = UNANSWERED
    reason: str = ""


class Roll:
    """What was asked for so far.

    Parameters
    ----------
    teams, pools, users : sequence of str
        Names that have numbers from the beginning.
    origin_ms : int or None
        Unix time of time 0.
    unknown_ms : int
        Stands for how long a job runs.

    Examples
    --------
    >>> roll = Roll(["safety"], ["h100"], origin_ms=None, unknown_ms=1 << 50)
    >>> roll.add(Asked(8, "safety", "h100", "ada")), roll.add(Asked(1, "product", "h100", "ada", after=0))
    (0, 1)
    >>> roll.names["teams"], roll.workload().jobs.gang.tolist()
    (['safety', 'product'], [8, 1])
    """

    def __init__(
        self,
        teams: tuple[str, ...] | list[str],
        pools: tuple[str, ...] | list[str],
        users: tuple[str, ...] | list[str] = (),
        *,
        origin_ms: int | None,
        unknown_ms: int,
    ) -> None:
        self.origin_ms = origin_ms
        self._unknown_ms = unknown_ms
        self._numbers = {"teams": _numbered(teams), "pools": _numbered(pools), "users": _numbered(users)}
        self.names = {kind: list(found) for kind, found in self._numbers.items()}
        self._table = np.zeros((64, len(_COLUMNS)), np.int64)
        self._texts: dict[str, dict[int, str]] = {"name": {}, "request": {}}
        self._requests: dict[str, Request] = {}
        self.count = 0

    @classmethod
    def of(cls, workload: Workload, *, unknown_ms: int) -> Roll:
        """Return a roll that goes on after a workload without services."""
        roll = cls(workload.teams, workload.pools, workload.users, origin_ms=workload.origin_ms, unknown_ms=unknown_ms)
        jobs = workload.jobs
        roll.count = len(jobs)
        roll._table = np.zeros((max(64, 2 * len(jobs)), len(_COLUMNS)), np.int64)
        for at, name in enumerate(_COLUMNS):
            roll._table[: len(jobs), at] = getattr(jobs, name)
        for kind, told in (("name", jobs.name), ("request", jobs.request)):
            roll._texts[kind] = {at: text for at, text in enumerate(told or ()) if text and text != str(at)}
        for n in range(len(workload.requests)):
            row: dict[str, Any] = {one.name: getattr(workload.requests, one.name)[n] for one in fields(Requests)}
            row |= {"team": workload.teams[row["team"]], "pool": workload.pools[row["pool"]]}
            plain: dict[str, Any] = {
                name: value if isinstance(value, str) else int(value) for name, value in row.items()
            }
            roll._requests[str(row["name"])] = Request(**plain)
        return roll

    def number(self, kind: str, name: str) -> int:
        """Return the number of a name of ``teams``, ``pools`` or ``users``; a new one gets the next."""
        found = self._numbers[kind]
        if name not in found:
            found[name] = len(found)
            self.names[kind].append(name)
        return found[name]

    def forget(self, kind: str, count: int) -> None:
        """Leave out names from the ``count``-th on, which nothing that was asked for bears."""
        for name in self.names[kind][count:]:
            del self._numbers[kind][name]
        del self.names[kind][count:]

    def add(self, job: Asked) -> int:
        """Enter a job; returns its number."""
        number = self.count
        if number == len(self._table):
            self._table = np.concatenate([self._table, np.zeros_like(self._table)])
        team, pool, user = (
            self.number(kind, name) for kind, name in (("teams", job.team), ("pools", job.pool), ("users", job.user))
        )
        self._table[number] = (
            0, self._unknown_ms, job.gang, job.walltime_ms, team, pool, user, job.priority, job.preemptible,
            job.savepoint_ms, job.after,
        )  # fmt: skip
        if job.name:
            self._texts["name"][number] = job.name
        if job.request:
            self._texts["request"][number] = job.request
        self.count += 1
        return number

    def submitted(self, first: int, last: int, at_ms: int) -> None:
        """Note when jobs from ``first`` up to ``last`` (not included) were submitted."""
        self._table[first:last, _SUBMIT] = at_ms

    def after(self, first: int = 0) -> NDArray[np.int64]:
        """Return which jobs those from ``first`` on wait for."""
        return self._table[first : self.count, _COLUMNS.index("after")]

    def jobs(self, first: int = 0, last: int | None = None) -> Jobs:
        """Return the jobs from ``first`` up to ``last`` (not included; None: all)."""
        last = self.count if last is None else last
        columns = {
            name: self._table[first:last, at].astype(_KINDS.get(name, np.int32)) for at, name in enumerate(_COLUMNS)
        }
        names, requests = self._texts["name"], self._texts["request"]
        some = range(first, last)
        return Jobs(
            **columns,
            name=tuple(names.get(n, str(n)) for n in some) if names and any(n in names for n in some) else None,
            request=tuple(requests.get(n, "") for n in some) if requests and any(n in requests for n in some) else None,
        )

    def ask(self, request: Request) -> None:
        """Enter a request; raises ``InputError`` P112 for a name that is taken, or an amount or window that is none."""
        if request.name in self._requests or request.amount_gpu_ms < 1 or request.end_ms <= request.begin_ms:
            raise InputError(
                "P112",
                f"request {shown(request.name)} of {request.amount_gpu_ms} GPU-ms cannot be",
                hint="every request has a name of its own, an amount, and a window that ends after it begins",
            )
        self.number("teams", request.team)
        self.number("pools", request.pool)
        self._requests[request.name] = request

    def answer(self, name: str, at_ms: int, granted_gpu_ms: int, reason: str) -> Request:
        """Answer a request; raises ``InputError`` P112 for one that is not open, or more than it asks for."""
        asked = self._requests.get(name)
        if asked is None or asked.granted_gpu_ms != UNANSWERED or not 0 <= granted_gpu_ms <= asked.amount_gpu_ms:
            raise InputError(
                "P112",
                f"request {shown(name)} cannot be granted {granted_gpu_ms} GPU-ms",
                hint="an open request is granted from 0 up to what it asks for, once",
            )
        answered = replace(asked, answered_ms=at_ms, granted_gpu_ms=granted_gpu_ms, reason=reason)
        self._requests[name] = answered
        return answered

    @property
    def asked(self) -> tuple[Request, ...]:
        """The requests, in the order in which they came."""
        return tuple(self._requests.values())

    def requests(self) -> Requests:
        """Return the requests in the order in which they came."""
        rows = list(self._requests.values())
        texts = ("name", "reason", "avenue", "purpose", "project")
        numbers = ("amount_gpu_ms", "asked_ms", "begin_ms", "end_ms", "answered_ms", "granted_gpu_ms")
        columns: dict[str, Any] = {name: tuple(getattr(row, name) for row in rows) for name in texts}
        columns |= {name: np.array([getattr(row, name) for row in rows], np.int64) for name in numbers}
        for kind in ("team", "pool"):
            found = self._numbers[f"{kind}s"]
            columns[kind] = np.array([found[getattr(row, kind)] for row in rows], np.int32)
        return Requests(**columns)

    def workload(self) -> Workload:
        """Return all that was asked for so far."""
        teams, pools, users = (tuple(self.names[kind]) for kind in ("teams", "pools", "users"))
        return Workload(
            jobs=self.jobs(),
            teams=teams,
            pools=pools,
            users=users,
            origin_ms=self.origin_ms,
            requests=self.requests(),
        )


def _numbered(names: tuple[str, ...] | list[str]) -> dict[str, int]:
    return {name: number for number, name in enumerate(names)}
