"""What really happened, as a run: jobs start when their log says so, and are accounted against a charter like any other run.

`follow_log` is the main path. Nothing is decided, refused or stopped; what everybody was entitled to, was denied and
was promised is counted by the functions that count it where the charter decides.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from equipoise.charter.model import Charter
from equipoise.errors import InputError
from equipoise.policy.core import AT_ONCE
from equipoise.policy.events import Events
from equipoise.policy.kernel.layout import EVENT, NEVER
from equipoise.policy.plan import Plan
from equipoise.policy.state import Layout, build, pool_numbers
from equipoise.simulator import loop
from equipoise.simulator.days import midnights
from equipoise.simulator.replay import Replay, Run
from equipoise.simulator.timeline import Timeline
from equipoise.simulator.windows import windows_of
from equipoise.workload.model import Workload

I64 = NDArray[np.int64]


def flat(charter: Charter) -> Charter:
    """Return a charter whose devices are one to a node: where on its nodes a log's jobs ran is not known, and counts for no account."""
    pools = tuple(replace(pool, nodes=pool.capacity, gpus_per_node=1) for pool in charter.pools)
    return replace(charter, pools=pools)


def follow_log(
    workload: Workload,
    charter: Charter,
    plan: Plan,
    starts_ms: I64,
    *,
    closes_ms: Iterable[int] = (),
    interpreted: bool = False,
) -> Run:
    """Account what happened against a charter.

    Parameters
    ----------
    workload : Workload
        Jobs without services; ``submit_ms`` is when each could run.
    charter : Charter
        As `flat` made it.
    plan : Plan
        Of that charter.
    starts_ms : int64 array, shape (jobs,)
        When each started, not before it could.
    closes_ms : iterable of int
        As of `run.simulate`.
    interpreted : bool
        Run the kernel's source as plain Python.

    Raises
    ------
    InputError
        S125 where more devices were held than the charter's pool has; W101, C301 for a workload that does not fit the charter.
    """
    assert not workload.services and len(starts_ms) == len(workload.jobs)
    assert bool((starts_ms >= workload.jobs.submit_ms).all())
    check_room(workload, charter, starts_ms)
    layout = build(workload, charter.pools, plan, reference=plan)
    replay = _Following(layout, starts_ms, interpreted=interpreted)
    Timeline(
        replay,
        midnight_after=midnights(charter.timezone, workload.origin_ms),
        closes_ms=closes_ms,
        windows=windows_of(layout, charter, workload.origin_ms),
    ).run()
    return replay.result()


def check_room(workload: Workload, charter: Charter, starts_ms: I64) -> None:
    """Raise ``InputError`` S125 if the log's jobs held more of a pool at once than it has."""
    jobs, number = workload.jobs, np.asarray(pool_numbers(workload, charter.pools))[workload.jobs.pool]
    for p, pool in enumerate(charter.pools):
        own = number == p
        held = most_held(starts_ms[own], jobs.duration_ms[own], jobs.gang[own].astype(np.int64))
        if held > pool.capacity:
            raise InputError(
                "S125",
                f"the log's jobs held {held} devices of pool '{pool.name}' at once, and the charter has {pool.capacity}",
                hint="let the charter expect the machine that the log is of",
            )


def most_held(starts_ms: I64, duration_ms: I64, gang: I64) -> int:
    """Return the most that was held at once; at one instant ends come before starts."""
    lasts = duration_ms > 0
    times = np.concatenate([starts_ms[lasts] + duration_ms[lasts], starts_ms[lasts]])
    moves = np.concatenate([-gang[lasts], gang[lasts]])
    return int(np.cumsum(moves[np.lexsort((moves, times))]).max(initial=0))


class _Following(Replay):
    """A run that follows a log; a `Timeline` moves it."""

    def __init__(self, layout: Layout, starts_ms: I64, *, interpreted: bool) -> None:
        state = layout.state._replace(events=np.zeros(AT_ONCE + 1, EVENT))
        super().__init__(replace(layout, state=state), keep=True, interpreted=interpreted)
        # Jobs that end at once come first: they need room only for an instant in which others may need all of it.
        lasts = layout.state.jobs["duration_ms"][: len(starts_ms)] > 0
        self._order = np.lexsort((lasts, starts_ms))
        self._starts_ms = starts_ms[self._order]
        self._loaded = 0

    def advance(self, until_ms: int, *, resume: bool = False) -> int:
        """Run instants before ``until_ms``, some or all; returns the time of the next instant."""
        self._load()
        unloaded_ms = int(self._starts_ms[self._loaded]) if self._loaded < len(self._starts_ms) else NEVER
        next_ms: Any = self._call["follow"](self._handle, min(until_ms, unloaded_ms), self.layout.room, resume)
        self._drain()
        return min(int(next_ms), unloaded_ms)

    def _load(self) -> None:
        """Tell the next starts once the last ones are done: whole instants, as many as there is room for."""
        at: Any = self._member("events")[0]
        if at.subject < at.detail or self._loaded == len(self._starts_ms):
            return
        end = min(self._loaded + AT_ONCE, len(self._starts_ms))
        if end < len(self._starts_ms):
            end = int(np.searchsorted(self._starts_ms, int(self._starts_ms[end])))
        assert end > self._loaded, "more starts at one instant than are told at a time"
        rows = self._batch(self._loaded, end)
        self._tell(rows)
        self._loaded = end

    def _batch(self, begin: int, end: int) -> Events:
        rows = np.zeros(end - begin + 1, EVENT)
        rows["subject"][0], rows["detail"][0] = 1, len(rows)
        rows["time_ms"][1:], rows["subject"][1:] = self._starts_ms[begin:end], self._order[begin:end]
        return rows

    def _functions(self) -> dict[str, Any]:
        return super()._functions() | ({} if self._interpreted else {"follow": loop.follow})
