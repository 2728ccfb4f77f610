"""Spare rows of a laid-out workload: jobs that nobody asked for yet, and queues for users to come.

A queue's number decides nothing (`waiting.pick` goes by priority, usage and age), so a spare one may become that of any user, priority
and kind of job of its row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from equipoise.charter.model import Pool
from equipoise.policy.kernel import layout as k
from equipoise.policy.plan import Plan
from equipoise.policy.state import Layout
from equipoise.workload.model import Jobs, Workload
from equipoise.workload.requests import Requests

Key = tuple[int, int, int, bool]
"""Row, user, priority, and whether its jobs cannot be stopped."""


class Spares:
    """Which queues a layout has, and which of them are free; ``each``: how many a team has spare in a pool."""

    def __init__(self, each: int) -> None:
        self.each = each
        self._counts: dict[tuple[str, int], int] = {}
        self._queues: dict[Key, int] = {}
        self._people: dict[tuple[int, int], int] = {}
        self._free: dict[int, list[int]] = {}

    def count(self, team: str, pool: int) -> int:
        """Return how many spare queues a team is laid out with in a pool."""
        return self._counts.get((team, pool), self.each)

    def more(self, team: str, pool: int) -> None:
        """Lay out twice as many from now on, where all were taken."""
        self._counts[team, pool] = max(8, 2 * self.count(team, pool))

    def found(self, layout: Layout, workload: Workload, count: int) -> None:
        """Take stock of a layout, whose jobs from ``count`` on nobody asked for yet."""
        self._queues, self._people, self._free = {}, {}, {}
        queues = layout.state.queues
        numbers, at = np.unique(layout.state.jobs["queue"][:count], return_index=True)
        for queue, job in zip(numbers.tolist(), at.tolist(), strict=True):
            of = queues[queue]
            user = int(workload.jobs.user[job])
            self._queues[int(of["row"]), user, int(of["priority"]), bool(of["solid"])] = queue
            self._people[int(of["row"]), user] = int(of["user"])
        for queue in np.unique(layout.state.jobs["queue"][count:]).tolist():
            if queue not in numbers:
                self._free.setdefault(int(queues[queue]["row"]), []).append(queue)

    def queue(self, layout: Layout, row: int, user: int, priority: int, *, solid: bool) -> int | None:
        """Return the queue of a row for jobs of a user, made of a spare one if there is none yet; None if none is left."""
        key = (row, user, priority, solid)
        if key not in self._queues:
            if not self._free.get(row):
                return None
            queue = self._free[row].pop()
            of = layout.state.queues[queue]
            of["user"] = self._people.setdefault((row, user), int(of["user"]))
            of["priority"], of["solid"] = priority, solid
            self._queues[key] = queue
        return self._queues[key]


def padded(
    workload: Workload, plan: Plan, pools: Sequence[Pool], spares: Spares, room: int, refusals: int
) -> tuple[Workload, int]:
    """Return a workload with further jobs and refused requests, which never come; and how many of the latter.

    Every leaf of the plan has one for each spare queue, of a user of its own; the rest, so that there are ``room`` and at least one,
    are of the first of them.
    """
    users = len(workload.users)
    places: list[tuple[int, int, int]] = []
    for number, path in enumerate(workload.teams):
        for pool in range(len(pools)) if not plan.lines[plan.leaf_of(path)].children else ():
            places += (
                (number, workload.pools.index(pools[pool].name), users + n) for n in range(spares.count(path, pool))
            )
    missing = max(1, room - len(workload.jobs) - len(places))
    places += [places[0] if places else (0, 0, users)] * missing
    return replace(
        workload, jobs=_with_jobs(workload.jobs, places), requests=_with_refusals(workload, refusals)
    ), refusals


def _with_jobs(jobs: Jobs, places: list[tuple[int, int, int]]) -> Jobs:
    team, pool, user = np.array(places, np.int32).T
    n = len(places)

    def more(column: NDArray[Any], value: object) -> NDArray[Any]:
        return np.concatenate([column, np.full(n, value, column.dtype)])

    return replace(
        jobs,
        submit_ms=more(jobs.submit_ms, k.NEVER), duration_ms=more(jobs.duration_ms, k.UNKNOWN), gang=more(jobs.gang, 1),
        walltime_ms=more(jobs.walltime_ms, 0), priority=more(jobs.priority, 0), preemptible=more(jobs.preemptible, True),
        savepoint_ms=more(jobs.savepoint_ms, 0), after=more(jobs.after, -1), name=None, request=None,
        team=np.concatenate([jobs.team, team]), pool=np.concatenate([jobs.pool, pool]), user=np.concatenate([jobs.user, user]),
    )  # fmt: skip


def _with_refusals(workload: Workload, count: int) -> Requests:
    asked, words = workload.requests, ("",) * count

    def more(column: NDArray[Any], value: int) -> NDArray[Any]:
        return np.append(column, np.full(count, value))

    return Requests(
        name=asked.name + tuple(f"spare {n}" for n in range(count)),
        team=more(asked.team, 0).astype(np.int32), pool=more(asked.pool, 0).astype(np.int32),
        amount_gpu_ms=more(asked.amount_gpu_ms, 1), asked_ms=more(asked.asked_ms, 0), begin_ms=more(asked.begin_ms, 0),
        end_ms=more(asked.end_ms, 1), answered_ms=more(asked.answered_ms, k.NEVER), granted_gpu_ms=more(asked.granted_gpu_ms, 0),
        reason=asked.reason + words, avenue=asked.avenue + words, purpose=asked.purpose + words, project=asked.project + words,
    )  # fmt: skip
