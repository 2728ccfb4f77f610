"""What teams were entitled to, denied and held over the last days, by the closes of the account."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from equipoise.simulator.record import DENIED, ENTITLED, HELD, Record

I64 = NDArray[np.int64]
F64 = NDArray[np.float64]
MILLION = 1_000_000


@dataclass(frozen=True, slots=True, eq=False)
class Window:
    """Totals between two closes, in device-hours weighted by ``heh``.

    Parameters
    ----------
    from_ms, to_ms : int
        The closes; they are the same where there is none yet.
    capacity : float
    held, entitled, denied : float64 arrays, shape (lines,)
    """

    from_ms: int
    to_ms: int
    capacity: float
    held: F64
    entitled: F64
    denied: F64

    @property
    def denied_ppm(self) -> list[int | None]:
        """Denied ÷ entitled of every line; None where it was entitled to nothing."""
        return ratios(self.denied, self.entitled)

    @property
    def share_ppm(self) -> list[int | None]:
        """Held ÷ capacity of every line."""
        return ratios(self.held, np.full(len(self.held), self.capacity))


def window(record: Record, *, until_ms: int, lasts_ms: int, pool: int | None = None) -> Window:
    """Return the totals of the closes in the last ``lasts_ms`` before an instant.

    Parameters
    ----------
    record : Record
    until_ms, lasts_ms : int
        It begins and ends with the last close not after either edge: what is not closed yet does not count.
    pool : int or None
        A place in ``charter.pools``; None: all of them.
    """
    closes = record.run.closes_ms
    first, last = (int(np.searchsorted(closes, ms, side="right")) - 1 for ms in (until_ms - lasts_ms, until_ms))
    weights = np.array([float(one.heh) for one in record.charter.pools])
    if pool is not None:
        weights[np.arange(len(weights)) != pool] = 0.0
    teams = _between(record.accounts, first, last)
    capacity = _between(record.run.pools, first, last)[:, 0]
    hours = np.tensordot(weights, teams.astype(np.float64), axes=1) / 3_600_000.0
    return Window(
        int(closes[first]) if first >= 0 else 0,
        int(closes[last]) if last >= 0 else 0,
        float(weights @ capacity) / 3_600_000.0,
        hours[:, HELD],
        hours[:, ENTITLED],
        hours[:, DENIED],
    )


def ratios(parts: F64, wholes: F64) -> list[int | None]:
    """Return parts of wholes in millionths; None where there is no whole."""
    known = wholes > 0
    found = np.rint(MILLION * parts / np.where(known, wholes, 1.0)).astype(np.int64).tolist()
    return [value if there else None for value, there in zip(found, known.tolist(), strict=True)]


def _between(totals: I64, first: int, last: int) -> I64:
    """Return what was added between two closes; -1 is before the first of them."""
    if last < 0:
        return np.zeros_like(totals[0])
    return totals[last] - totals[first] if first >= 0 else totals[last]
