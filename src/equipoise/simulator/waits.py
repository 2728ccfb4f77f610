"""Statistics of waiting: means and percentiles of groups of jobs, and how evenly something is divided."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]

SLOWDOWN_FLOOR_MS = 10_000
"""Runs shorter than this count as this long in a bounded slowdown, so that trifles do not rule the mean."""
QUANTILES = (0.50, 0.95, 0.99)


def quantiles(values: I64, groups: I64, count: int, *, of: Sequence[float] = QUANTILES) -> F64:
    """Return quantiles of each group: the least value that at least that part of the group does not exceed.

    So every quantile is a wait that somebody had; nothing is interpolated.

    Parameters
    ----------
    values, groups : int64 arrays of equal length
        A value, and the group it belongs to (0 to ``count`` − 1).
    count : int
        Number of groups.
    of : sequence of float
        Which quantiles, in (0, 1].

    Returns
    -------
    float64 array, shape (count, len(of))
        NaN for a group without values.

    Examples
    --------
    >>> quantiles(np.array([5, 1, 9, 7]), np.array([0, 0, 0, 1]), 3, of=(0.5, 1.0)).tolist()
    [[5.0, 9.0], [7.0, 7.0], [nan, nan]]
    """
    order = np.lexsort((values, groups))
    ranked = values[order]
    sizes = np.bincount(groups, minlength=count)[:count]
    starts = np.cumsum(sizes) - sizes
    out = np.full((count, len(of)), np.nan)
    filled = sizes > 0
    for column, part in enumerate(of):
        # A hair is taken off before rounding up: 0.95 × 20 is 19, though its float product is a little more.
        rank = np.ceil(part * sizes[filled] - 1e-9).astype(np.int64)
        out[filled, column] = ranked[starts[filled] + np.maximum(rank, 1) - 1]
    return out


def means(values: I64 | F64, groups: I64, count: int) -> F64:
    """Return the mean of each group; NaN for one without values.

    Examples
    --------
    >>> means(np.array([1, 2, 6]), np.array([0, 0, 2]), 3).tolist()
    [1.5, nan, 6.0]
    """
    sizes = np.bincount(groups, minlength=count)[:count]
    sums = np.bincount(groups, weights=values.astype(np.float64), minlength=count)[:count]
    return np.divide(sums, sizes, out=np.full(count, np.nan), where=sizes > 0)


def bounded_slowdown(jct_ms: I64, run_ms: I64) -> F64:
    """Return how many times longer than its run each job took, at least 1 (Feitelson 2001, with τ = 10 s).

    Examples
    --------
    >>> bounded_slowdown(np.array([90_000, 11_000, 4_000]), np.array([30_000, 1_000, 4_000])).tolist()
    [3.0, 1.1, 1.0]
    """
    return np.maximum(1.0, jct_ms / np.maximum(run_ms, SLOWDOWN_FLOOR_MS))


def jain_index(parts: F64) -> float:
    """Return Jain's index of evenness: 1 if all parts are equal, 1/n if one has all; NaN without parts.

    Examples
    --------
    >>> jain_index(np.array([2.0, 2.0])), jain_index(np.array([1.0, 0.0]))
    (1.0, 0.5)
    """
    squares = float((parts * parts).sum())
    return float(parts.sum()) ** 2 / (len(parts) * squares) if squares > 0 else float("nan")


def gang_bins(gangs: I64) -> I64:
    """Return each gang's size class: 0 for 1, 1 for 2, 2 for 3 to 4, 3 for 5 to 8, and so on.

    Examples
    --------
    >>> gang_bins(np.array([1, 2, 3, 4, 5, 8, 9])).tolist()
    [0, 1, 2, 2, 3, 3, 4]
    """
    bins = np.zeros(len(gangs), np.int64)
    left = gangs.astype(np.int64) - 1
    while np.any(left > 0):
        bins += left > 0
        left >>= 1
    return bins
