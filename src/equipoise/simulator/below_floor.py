"""How long teams had less than their floor while they asked for more, exactly: from when jobs asked, started, were stopped and ended."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from equipoise.policy.kernel.layout import DONE, LOST, REFUSED, START, STOP
from equipoise.simulator.record import Record

I64 = NDArray[np.int64]


def below_floor(record: Record) -> dict[str, tuple[int, int]]:
    """Return for every team how long it was below its floor in some pool, and how much it lacked there.

    Parameters
    ----------
    record : Record
        With its decisions, of jobs without services. A team's floor is that of the reference charter with all devices up.

    Returns
    -------
    dict of path to (int, int)
        Milliseconds (pools one after another, where there are several), and GPU-milliseconds.
    """
    assert record.run.decisions is not None and len(record.run.replicas) == 0
    asked, held = _asked(record), _held(record)
    found: dict[str, tuple[int, int]] = {}
    for number, line in enumerate(record.reference.lines):
        below_ms = lacking_gpu_ms = 0
        for p, quota in enumerate(line.quotas):
            mine = _below(record, number) & (record.pool == p)
            lasts, lacks = _short(quota.floor, *(_moves(spans, mine, record) for spans in (asked, held)))
            below_ms, lacking_gpu_ms = below_ms + lasts, lacking_gpu_ms + lacks
        if number:
            found[line.path] = below_ms, lacking_gpu_ms
    return found


Spans = tuple[I64, I64, I64]
"""Jobs, and from when to when."""


def _asked(record: Record) -> Spans:
    jobs = record.run.jobs
    rows = np.flatnonzero(jobs["state"] != REFUSED)
    return rows, jobs["eligible_ms"][rows], _ends(record)[rows]


def _held(record: Record) -> Spans:
    """From each start of a job to its next stop, or its end."""
    decisions = record.run.decisions
    assert decisions is not None
    moves = decisions[np.isin(decisions["kind"], (START, STOP, LOST))]
    moves = moves[np.argsort(moves["job"], kind="stable")]
    begins = np.flatnonzero(moves["kind"] == START)
    rows = moves["job"][begins].astype(np.int64)
    ends = _ends(record)[rows]
    after = np.minimum(begins + 1, len(moves) - 1)
    stopped = (after > begins) & (moves["job"][after] == rows) & (moves["kind"][after] != START)
    return rows, moves["time_ms"][begins], np.where(stopped, moves["time_ms"][after], ends)


def _ends(record: Record) -> I64:
    """When each job ended; of one that did not, when the run did."""
    jobs, over_ms = record.run.jobs, int(record.run.closes_ms[-1])
    return np.where(jobs["state"] == DONE, jobs["end_ms"], over_ms).astype(np.int64)


def _below(record: Record, number: int) -> NDArray[np.bool_]:
    """Which jobs are of a line or of one below it."""
    under = np.zeros(record.count, np.bool_)
    under[number] = True
    for line in range(number + 1, record.count):
        under[line] = under[record.reference.lines[line].parent]
    return under[record.line]


def _moves(spans: Spans, mine: NDArray[np.bool_], record: Record) -> tuple[I64, I64]:
    """Return times and by how much the sum of gangs changes then."""
    rows, from_ms, to_ms = spans
    own = mine[rows]
    gangs = record.run.jobs["gang"][rows[own]].astype(np.int64)
    return np.concatenate([from_ms[own], to_ms[own]]), np.concatenate([gangs, -gangs])


def _short(floor: int, asked: tuple[I64, I64], held: tuple[I64, I64]) -> tuple[int, int]:
    """Return for how long less than both the floor and what is asked for was held, and how much less, summed over time."""
    times = np.concatenate([asked[0], held[0]])
    if floor == 0 or len(times) == 0:
        return 0, 0
    order = np.argsort(times, kind="stable")
    nothing = np.zeros_like
    wanted = np.cumsum(np.concatenate([asked[1], nothing(held[1])])[order])
    has = np.cumsum(np.concatenate([nothing(asked[1]), held[1]])[order])
    lasts = np.diff(times[order], append=times[order][-1])
    lacks = np.maximum(0, np.minimum(wanted, floor) - has)
    return int(lasts[lacks > 0].sum()), int((lacks * lasts).sum())
