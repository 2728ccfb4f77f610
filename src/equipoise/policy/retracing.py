"""A record of events told to a core again, as an audit does: many passes at a time, accounts closed where the run closed them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from equipoise.errors import InputError
from equipoise.policy.core import Core
from equipoise.policy.events import REASONS, Events, sentence
from equipoise.policy.kernel import layout as k


@dataclass(frozen=True, slots=True)
class Stretch:
    """Some passes of a record, told.

    Parameters
    ----------
    first : int
        Where in the record they begin.
    events, decisions : structured arrays of ``layout.EVENT`` and ``layout.DECISION``
        Each ``PASS`` has in ``detail`` how many of the decisions it led to, in ``until_ms`` when the policy then wants to be
        asked again.
    refused : structured array of ``layout.EVENT``
        Events that cannot be.
    """

    first: int
    events: Events
    decisions: NDArray[Any]
    refused: Events


def retrace(core: Core, record: Events, *, closes_ms: Sequence[int] = (), edges_ms: Iterable[int] = ()) -> None:
    """Tell a core a whole record, pass by pass, and close its accounts as the run did that was recorded.

    Parameters
    ----------
    core : Core
        At its beginning.
    record : structured array of ``layout.EVENT``
        Each batch ends with a ``PASS``, whose time is the batch's.
    closes_ms : sequence of int
        Times of closes, in order. At one instant a close comes first, but the last one, which ends the run, comes last.
    edges_ms : iterable of int
        Times at which windows begin or end, where the totals of promises are recorded too.

    Raises
    ------
    InputError
        P102 for an event that the core refuses: what was recorded did not happen under this charter and workload.
    """
    for stretch in stretches(core, record, closes_ms=closes_ms, edges_ms=edges_ms):
        for row in stretch.refused[:1]:
            reason = REASONS[int(row["refused"])]
            raise InputError("P102", f"{sentence(row)}: {reason}", hint="replay the record of this very run")


def stretches(
    core: Core, record: Events, *, closes_ms: Sequence[int] = (), edges_ms: Iterable[int] = (), ended: bool = True
) -> Iterator[Stretch]:
    """Tell a core a record as `retrace` does, and yield what was told and decided, some passes at a time.

    Of a record that goes on (not ``ended``) the last close is one like the others.
    """
    among, last = (closes_ms[:-1], closes_ms[-1:]) if ended else (closes_ms, ())
    stops = [(at_ms, core.close) for at_ms in among] + [(at_ms, core.close_promises) for at_ms in edges_ms]
    coming = deque(sorted(stops, key=lambda stop: stop[0]))
    ends = np.flatnonzero(record["kind"] == k.PASS)
    times_ms = record["time_ms"][ends]
    changes = np.searchsorted(ends, np.flatnonzero(_told_alone(core, record["kind"])))
    if (
        core.layout.later
    ):  # a pass without events, at which a text that is no longer in force may have ended with its window
        changes = np.append(changes, np.flatnonzero(np.isin(times_ms, [stop_ms for stop_ms, _ in coming])))
    changes = np.unique(changes)
    at = first = 0
    while at < len(ends):
        while coming and coming[0][0] <= times_ms[at]:
            stop_ms, close = coming.popleft()
            close(stop_ms)
        change = int(np.searchsorted(changes, at))
        if change < len(changes) and changes[change] == at:
            yield _told(core, record, first, int(ends[at]))
            first, at = int(ends[at]) + 1, at + 1
            continue
        until = int(np.searchsorted(times_ms, coming[0][0])) if coming else len(ends)
        until = min(until, int(changes[change])) if change < len(changes) else until
        decisions, told = core.take_passes(record[first : int(ends[until - 1]) + 1])
        yield Stretch(first, told, decisions, told[told["refused"] != 0])
        first += len(told)
        at = int(np.searchsorted(ends, first))
    for stop_ms, close in [*coming, *((at_ms, core.close) for at_ms in last)]:
        close(stop_ms)


def _told_alone(core: Core, kinds: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Which events have to be told with `Core.take`: those between reports and requests, and windows of promises with several texts."""
    between = (kinds >= k.NODE_CHANGED) & (kinds <= k.CAP_SET)
    return between | (kinds == k.WINDOW_BEGAN) if core.layout.later else between


def _told(core: Core, record: Events, first: int, end: int) -> Stretch:
    """Tell one batch, and its pass."""
    told = record[first : end + 1].copy()
    answer = core.take(int(record["time_ms"][end]), told[:-1])
    told["detail"][-1], told["until_ms"][-1] = len(answer.decisions), answer.next_ms
    return Stretch(first, told, answer.decisions, answer.refused)
