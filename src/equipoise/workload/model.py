"""What is to be run: jobs and services as columns.

A *job* ends; a *service* holds a number of replicas that follows demand. Both are *workloads*. Columns are NumPy arrays
of equal length; names (teams, pools, users) are stored once and referred to by index, so that ten million jobs stay
small.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from equipoise.workload.requests import Refusals, Requests

I64 = NDArray[np.int64]
I32 = NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Jobs:
    """Jobs as columns of equal length ``n``, in order of submission (ties: order of the log).

    Parameters
    ----------
    submit_ms : int64 array
        When the job is asked for, in milliseconds since ``Workload.origin_ms``; never decreasing.
    duration_ms : int64 array
        How long it runs once started, 0 or more.
    gang : int32 array
        Accelerators it needs, all at once or not at all; 1 or more.
    walltime_ms : int64 array
        Declared walltime, the estimate that backfill uses; 0 where none was declared.
    team, pool, user : int32 arrays
        Indices into ``Workload.teams``, ``Workload.pools`` and ``Workload.users``.
    priority : int32 array
        Larger goes first inside a team.
    preemptible : bool array
        Whether it may be stopped and started again.
    savepoint_ms : int64 array
        Interval between savepoints; 0 for a job that has none and starts again from nothing.
    after : int32 array
        Row of the job that must end first, or -1.
    name : tuple of str or None
        The log's own identifiers, by row; None means the row number.
    request : tuple of str or None
        The request for credits whose grant it spends, by row; empty or None: the oldest open grant of its team.
    """

    submit_ms: I64
    duration_ms: I64
    gang: I32
    walltime_ms: I64
    team: I32
    pool: I32
    user: I32
    priority: I32
    preemptible: NDArray[np.bool_]
    savepoint_ms: I64
    after: I32
    name: tuple[str, ...] | None = None
    request: tuple[str, ...] | None = None

    def __len__(self) -> int:
        return len(self.submit_ms)


@dataclass(frozen=True, slots=True)
class Service:
    """A workload whose size follows demand: replicas, each a gang.

    Parameters
    ----------
    name : str
    team, pool : int
        Indices into ``Workload.teams`` and ``Workload.pools``.
    gang : int
        Accelerators of one replica.
    minimum : int
        Replicas that are never reclaimed once they run.
    at_ms, replicas : int64, int32 arrays of equal length
        From ``at_ms[i]`` on, ``replicas[i]`` are wanted; strictly increasing times since ``Workload.origin_ms``. The
        last entry should be 0 if the service ends.
    carry : bool
        Whether unserved demand is carried (for at most an hour) rather than shed.
    """

    name: str
    team: int
    pool: int
    gang: int
    minimum: int
    at_ms: I64
    replicas: I32
    carry: bool = False


@dataclass(frozen=True, slots=True)
class Skipped:
    """Rows of a log that were not taken, by reason: how many, and the first few places."""

    reason: str
    rows: int
    examples: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Workload:
    """Jobs and services with the names they refer to.

    Parameters
    ----------
    teams : tuple of str
        Paths of charter leaves (``safety.alignment``).
    pools : tuple of str
        Pool names; the empty name stands for "the only pool of the charter".
    users : tuple of str
    origin_ms : int or None
        Unix time of time 0 in milliseconds; None where the log has no calendar.
    skipped : tuple of Skipped
        What the reader left out, and why.
    notes : tuple of str
        What the reader changed or assumed, one sentence each.
    requests : Requests
        Requests for credits, if the log has them.
    """

    jobs: Jobs
    teams: tuple[str, ...]
    pools: tuple[str, ...] = ("",)
    users: tuple[str, ...] = ("",)
    services: tuple[Service, ...] = ()
    origin_ms: int | None = None
    skipped: tuple[Skipped, ...] = field(default=())
    notes: tuple[str, ...] = field(default=())
    requests: Requests = field(default_factory=Requests)

    def refusals(self) -> Refusals:
        """Return what was asked for and not granted, whole or in part, in order of time."""
        return self.requests.refusals()

    @property
    def asked_ms(self) -> int:
        """How long work is asked for: until the last submission, or the last change of what a service wants."""
        last_job = int(self.jobs.submit_ms[-1]) if len(self.jobs) else 0
        return max([last_job, *(int(service.at_ms[-1]) for service in self.services if len(service.at_ms))])
