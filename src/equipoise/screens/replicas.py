"""For how long each replica of a service was asked for, worked out again from demand, caps and what ran.

The kernel keeps only how many are asked for now. `asked_for` does its sums again (`kernel.services`): at each change of demand or cap
as many replicas are asked for as demand and cap say, and of a service that carries what went unserved so many more as make up for the
last hour by the next change.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from equipoise.policy.kernel.layout import CAP_SET, DEMAND_CHANGED, NEVER
from equipoise.policy.kernel.services import CARRY_MS
from equipoise.screens.attempts import NOT_YET, Attempts

I64 = NDArray[np.int64]
Spans = tuple[I64, I64, I64]


def asked_for(found: Attempts) -> Spans:
    """Return replicas (numbered after the jobs), and from when to when each was asked for; ``NOT_YET``: to the end."""
    record = found.record
    assert record.run.events is not None, "a run that is looked at keeps its events"
    rows: list[tuple[int, int, int]] = []
    for number in range(len(record.workload.services)):
        events = record.run.events
        own = events[np.isin(events["kind"], (CAP_SET, DEMAND_CHANGED)) & (events["subject"] == number)]
        rows += _of_service(record.run.services[number], own, _served(found, number))
    columns = np.array(rows, np.int64).reshape(len(rows), 3)
    return columns[:, 0], columns[:, 1], columns[:, 2]


def _of_service(service: Any, events: NDArray[Any], served: _Steps) -> list[tuple[int, int, int]]:
    """Go along the changes of one service."""
    first, gang, most = int(service["first_job"]), int(service["gang"]), int(service["most"])
    backlog = _Backlog(served) if service["carry"] else None
    sought, cap, until_ms, wanted = 0, NEVER, 0, 0
    since: dict[int, int] = {}
    rows: list[tuple[int, int, int]] = []
    for event in events:
        at_ms = int(event["time_ms"])
        if event["kind"] == CAP_SET:
            amount = int(event["amount"])
            cap = amount // gang if amount < NEVER else NEVER
        else:
            sought, until_ms = int(event["detail"]), int(event["until_ms"])
        asked = min(sought, cap)
        extra = 0 if backlog is None else backlog.turn(at_ms, asked, until_ms)
        now = min(asked + (extra if asked > 0 else 0), most, cap)
        for replica in range(wanted, now):
            since[replica] = at_ms
        rows += [(first + replica, since.pop(replica), at_ms) for replica in range(now, wanted)]
        wanted = now
    return rows + [(first + replica, from_ms, NOT_YET) for replica, from_ms in since.items()]


class _Backlog:
    """What went unserved in the last hour, oldest first, and what was made up since."""

    def __init__(self, served: _Steps) -> None:
        self._served = served
        self._left: list[tuple[int, int]] = []
        self._since_ms, self._asked = 0, 0

    def turn(self, at_ms: int, asked: int, until_ms: int) -> int:
        """Return how many replicas more make up for what is left by the next change; from now on ``asked`` are asked for."""
        short, over = self._served.beside(self._since_ms, at_ms, self._asked)
        left: list[tuple[int, int]] = []
        for from_ms, amount in self._left:
            used = min(over, amount)
            over -= used
            if amount > used and from_ms + CARRY_MS > at_ms:
                left.append((from_ms, amount - used))
        self._left = [*left, (at_ms, short)] if short else left
        self._since_ms, self._asked = at_ms, asked
        return -(-sum(amount for _, amount in self._left) // max(until_ms - at_ms, 1))


@dataclass(frozen=True, slots=True)
class _Steps:
    """How many replicas serve: ``level[n]`` from ``time_ms[n]`` on."""

    time_ms: I64
    level: I64

    def beside(self, from_ms: int, to_ms: int, asked: int) -> tuple[int, int]:
        """Return replicas × milliseconds by which fewer, and more, served than were asked for."""
        low, high = np.searchsorted(self.time_ms, (from_ms, to_ms), side="right")
        edges = np.concatenate([np.array([from_ms]), self.time_ms[low:high], np.array([to_ms])])
        before = self.level[low - 1 : low] if low else np.zeros(1, np.int64)
        beyond: I64 = (np.concatenate([before, self.level[low:high]]) - asked) * np.diff(edges)
        return int(-beyond[beyond < 0].sum()), int(beyond[beyond > 0].sum())


def _served(found: Attempts, number: int) -> _Steps:
    """How many replicas of a service served when: from a start, or where starts are confirmed from that, to its end."""
    service = found.record.run.services[number]
    first = int(service["first_job"])
    own = np.flatnonzero((found.job >= first) & (found.job < first + int(service["most"])))
    begin_ms, end_ms = found.serves_ms[own], found.end_ms[own]
    lasts = begin_ms < end_ms
    ends = lasts & (end_ms < NOT_YET)
    times = np.concatenate([begin_ms[lasts], end_ms[ends]])
    moves = np.concatenate([np.ones(lasts.sum(), np.int64), -np.ones(ends.sum(), np.int64)])
    order = np.argsort(times, kind="stable")
    return _Steps(times[order], np.cumsum(moves[order]))
