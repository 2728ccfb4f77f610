"""What a policy is told: events as rows of `layout.EVENT`, batches of one instant, and why an event is refused."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from equipoise.policy.kernel import layout as k

Events = NDArray[Any]

KINDS = {
    k.DAY_BEGAN: "day began",
    k.WINDOW_BEGAN: "window began",
    k.START_CONFIRMED: "start confirmed",
    k.STOP_CONFIRMED: "stop confirmed",
    k.ENDED: "ended",
    k.NODE_CHANGED: "node changed",
    k.CHARTER_ENACTED: "charter enacted",
    k.CAP_SET: "cap set",
    k.DEMAND_CHANGED: "demand changed",
    k.JOB_CANCELLED: "cancelled",
    k.SUBMITTED: "submitted",
    k.PASS: "pass",
}
REASONS = {
    k.NO_SUCH_KIND: "there is no such event",
    k.NO_SUCH_JOB: "there is no such job",
    k.NOT_RUNNING: "it does not run",
    k.SUPERSEDED: "that attempt was stopped before",
    k.NOT_CONFIRMED: "its start is not confirmed",
    k.CONFIRMED_BEFORE: "its start needs no confirmation, or was confirmed before",
    k.NOT_STOPPED: "that attempt was not stopped",
    k.SUBMITTED_BEFORE: "it was submitted before",
    k.NOT_ASKED_FOR: "it is not asked for, or no longer",
    k.NO_SUCH_SERVICE: "there is no such service, or no such number of replicas",
    k.NO_SUCH_NODE: "there is no such node, or no such state",
    k.NO_SUCH_PROMISE: "there is no such promise or place for its window, or the window ends before it begins",
    k.NO_SUCH_CHARTER: "there is no such charter in the sequence that this core was laid out for",
}


def event(
    kind: int,
    subject: int = -1,
    *,
    detail: int = 0,
    pool: int = -1,
    at_ms: int = 0,
    until_ms: int = -1,
    amount: int = 0,
) -> Events:
    """Return one event as an array of one row.

    Parameters
    ----------
    kind : int
        One of ``layout.DAY_BEGAN`` … ``layout.SUBMITTED``.
    subject : int
        A job's or replica's number, a service's, a promise's (`Layout.promised`), a charter's (`Layout.in_force`), or a node's within
        ``pool``.
    detail : int
        Of what is confirmed or ended: the attempt, that is how often the job was stopped before. Of a demand: replicas.
        Of a node: ``capacity.UP``, ``DOWN`` or ``MAINTENANCE``. Of a submission: 1 for a job that takes no time.
    pool : int
        The pool of a node.
    at_ms : int
        When it happened; a batch is taken at the time that its caller says.
    until_ms : int
        When the next change of a demand is known to come; carried demand is to be made up by then. Of a window: its end.
    amount : int
        What a window is to make good, in the promise's stock units. Of a cap: whole accelerators (``layout.NEVER``: no cap).

    Examples
    --------
    >>> event(k.SUBMITTED, 3)["subject"].tolist()
    [3]
    """
    row = np.zeros(1, k.EVENT)
    row["time_ms"], row["until_ms"], row["kind"], row["subject"] = at_ms, until_ms, kind, subject
    row["detail"], row["pool"], row["amount"] = detail, pool, amount
    return row


def in_order(events: Events) -> Events:
    """Return the events of one instant as they are taken: by kind, then by number; nodes as they came."""
    return events[np.lexsort((_number(events), events["kind"]))]


def record_in_order(record: Events) -> Events:
    """Return a record with the events of each pass as they are taken."""
    return record[np.lexsort((_number(record), record["kind"], _pass(record)))]


def first_out_of_order(record: Events) -> int | None:
    """Return the first event of a record that should have come before the one ahead of it; None if there is none."""
    keys = (_pass(record), record["kind"], _number(record))
    less, same = np.zeros(max(0, len(record) - 1), np.bool_), np.ones(max(0, len(record) - 1), np.bool_)
    for key in keys:
        less |= same & (key[1:] < key[:-1])
        same &= key[1:] == key[:-1]
    return next((at + 1 for at in np.flatnonzero(less).tolist()), None)


def _number(events: Events) -> NDArray[np.int32]:
    """By what events of a kind are ordered: their number; nodes, and the end of a pass, as they came."""
    return np.where((events["kind"] == k.NODE_CHANGED) | (events["kind"] == k.PASS), 0, events["subject"])


def _pass(record: Events) -> NDArray[np.int64]:
    """Which pass each event belongs to."""
    passes = record["kind"] == k.PASS
    return np.cumsum(passes) - passes


def batches(record: Events) -> Iterator[tuple[int, Events]]:
    """Yield the time and the events of each pass of a record."""
    ends = np.flatnonzero(record["kind"] == k.PASS)
    begins = np.concatenate([[0], ends[:-1] + 1])
    for first, end, at_ms in zip(begins.tolist(), ends.tolist(), record["time_ms"][ends].tolist(), strict=True):
        yield at_ms, record[first:end]


def per_pass(events: Events) -> Events:
    """Let each ``PASS`` tell how many decisions it led to, where it told how many there were after it; changes the rows."""
    passes = np.flatnonzero(events["kind"] == k.PASS)
    events["detail"][passes] = np.diff(events["detail"][passes], prepend=0)
    return events


def sentence(row: Any) -> str:
    """Say an event in words: ``job 3 ended (attempt 0) at 500 ms``."""
    kind = int(row["kind"])
    what = {
        k.NODE_CHANGED: "node",
        k.WINDOW_BEGAN: "promise",
        k.CHARTER_ENACTED: "charter",
        k.CAP_SET: "cap of service",
        k.DEMAND_CHANGED: "demand for service",
    }.get(kind, "job")
    attempt = f" (attempt {row['detail']})" if kind in (k.START_CONFIRMED, k.STOP_CONFIRMED, k.ENDED) else ""
    return f"{what} {row['subject']}: {KINDS.get(kind, f'kind {kind}')}{attempt} at {row['time_ms']} ms"
