"""Requests for credits as columns: who asked for how much compute, for what, and what was answered."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

I64 = NDArray[np.int64]
I32 = NDArray[np.int32]


def _no_i64() -> I64:
    return np.zeros(0, np.int64)


def _no_i32() -> I32:
    return np.zeros(0, np.int32)


@dataclass(frozen=True, slots=True)
class Refusals:
    """What was asked for and not granted, as columns of equal length in order of time: demand that never became a job.

    Parameters
    ----------
    at_ms : int64 array
        When it was answered, in milliseconds since ``Workload.origin_ms``.
    team, pool : int32 arrays
        Indices into ``Workload.teams`` and ``Workload.pools``.
    gpus : int64 array
        How many devices the amount would have held over the request's window, rounded up.
    amount_gpu_ms : int64 array
        What was cut or refused.
    """

    at_ms: I64
    team: I32
    pool: I32
    gpus: I64
    amount_gpu_ms: I64

    def __len__(self) -> int:
        return len(self.at_ms)


@dataclass(frozen=True, slots=True)
class Requests:
    """Requests as columns of equal length; times are milliseconds since ``Workload.origin_ms`` and may be below 0.

    Parameters
    ----------
    name : tuple of str
        Identifiers, each once.
    team, pool : int32 arrays
        Indices into ``Workload.teams`` and ``Workload.pools``.
    amount_gpu_ms : int64 array
        What is asked for; 1 or more.
    asked_ms, begin_ms, end_ms : int64 arrays
        When it is asked, and the window in which it would be used, without its end.
    answered_ms, granted_gpu_ms : int64 arrays
        -1 granted: still open (the answer's time means nothing then). Less than asked is cut, 0 is refused.
    reason, avenue, purpose, project : tuple of str
        Why not all of it; the line of research; what for, by whom.

    Examples
    --------
    >>> Requests().refusals().gpus.tolist()
    []
    """

    name: tuple[str, ...] = ()
    team: I32 = field(default_factory=_no_i32)
    pool: I32 = field(default_factory=_no_i32)
    amount_gpu_ms: I64 = field(default_factory=_no_i64)
    asked_ms: I64 = field(default_factory=_no_i64)
    begin_ms: I64 = field(default_factory=_no_i64)
    end_ms: I64 = field(default_factory=_no_i64)
    answered_ms: I64 = field(default_factory=_no_i64)
    granted_gpu_ms: I64 = field(default_factory=_no_i64)
    reason: tuple[str, ...] = ()
    avenue: tuple[str, ...] = ()
    purpose: tuple[str, ...] = ()
    project: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.name)

    def refusals(self) -> Refusals:
        """Return what was cut or refused, in order of the answers (ties: of the rows)."""
        rows = np.flatnonzero((self.granted_gpu_ms >= 0) & (self.granted_gpu_ms < self.amount_gpu_ms))
        rows = rows[np.argsort(self.answered_ms[rows], kind="stable")]
        amount = self.amount_gpu_ms[rows] - self.granted_gpu_ms[rows]
        length = self.end_ms[rows] - self.begin_ms[rows]
        return Refusals(self.answered_ms[rows], self.team[rows], self.pool[rows], -(-amount // length), amount)
