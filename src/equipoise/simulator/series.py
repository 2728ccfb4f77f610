"""Who held the machine over time: the account of a run as mean accelerators between closes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from equipoise.account import Span
from equipoise.simulator.record import DENIED, ENTITLED, HELD, Record

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]

POINTS = 240


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """Mean accelerators in each of ``n`` spans of time; a span lies between two closes.

    Parameters
    ----------
    edges_ms : int64 array, shape (n + 1,)
    up : float64 array, shape (n,)
        Accelerators that were there: neither down nor in maintenance.
    held, entitled, denied : float64 arrays, shape (n, lines)
        Of every line of the reference plan; line 0 is the whole lab.
    """

    edges_ms: I64
    up: F64
    held: F64
    entitled: F64
    denied: F64


def series(record: Record, *, pool: int | None = None, points: int = POINTS, within: Span | None = None) -> Series:
    """Return what every team held, was entitled to and was denied over time.

    Parameters
    ----------
    record : Record
    pool : int or None
        A place in ``charter.pools``; None: all pools together.
    points : int
        At most so many spans: where there are more closes, neighbours are taken together. Nothing is lost by that, for
        the totals of closes are cumulative: mean × length still sums exactly.
    within : Span or None
        Only from the last close not after its beginning to the last not after its end.
    """
    chosen = slice(None) if pool is None else slice(pool, pool + 1)
    first, last = (
        (0, len(record.run.closes_ms)) if within is None else map(record.closes_by, (within.from_ms, within.to_ms))
    )
    begin_ms = int(record.run.closes_ms[first - 1]) if first else 0
    rows = first + _rows(record.run.closes_ms[first:last] - begin_ms, points)
    edges = np.concatenate([[begin_ms], record.run.closes_ms[rows]]).astype(np.int64)
    lengths = np.diff(edges).astype(np.float64)[:, None]
    ends = rows if not first else np.concatenate([[first - 1], rows])  # totals before the first close are nothing
    since = {} if first else {"prepend": 0}
    totals = np.diff(record.accounts[ends][:, chosen].sum(axis=1), axis=0, **since) / lengths[..., None]
    capacity = record.run.pools[ends][:, chosen].sum(axis=1)
    up = np.diff(capacity[:, 0] - capacity[:, 4] - capacity[:, 5], **since) / lengths[:, 0]
    return Series(edges, up, totals[..., HELD], totals[..., ENTITLED], totals[..., DENIED])


def _rows(ends: I64, points: int) -> I64:
    """Which closes end a span: evenly many apart, and the last; two at one time count once."""
    later = np.flatnonzero(np.diff(ends, prepend=0) > 0)
    every = max(1, -(-len(later) // points))
    return np.unique(np.concatenate([later[every - 1 :: every], later[-1:]]))
