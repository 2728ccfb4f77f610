"""The arrays of baselines that order jobs in a way of their own: heaps by size of gang, lines of running jobs, ranks of users.

Of every other run each is a single record that nothing reads.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from equipoise.charter.model import Pool
from equipoise.policy.kernel import layout as k


def baseline_members(
    rules: int, pools: tuple[Pool, ...], columns: Mapping[str, Any], user_rows: NDArray[np.int64], n_lines: int
) -> dict[str, Any]:
    """Return the members of `layout.State` that ordered runs and Fair Tree need.

    Parameters
    ----------
    rules : int
        Of the plan.
    pools : tuple of Pool
    columns : mapping
        ``gang`` and ``pool`` of every job and replica.
    user_rows : array of int64
        The row to which each user of the state belongs, ascending.
    n_lines : int
        Rows of a pool.
    """
    ordered, ranked = bool(rules & k.ORDERED), bool(rules & k.FAIR_TREE)
    n_jobs = len(columns["gang"]) if ordered else 0
    n_users = len(user_rows) if ranked else 0
    orders = np.zeros(len(pools), k.ORDER)
    grades, spots = _grades(columns, orders, n_jobs)
    most = [min(n_jobs, pool.capacity) for pool in pools]
    orders["line"] = np.cumsum([0, *most[:-1]])
    standings = np.zeros(max(1, n_users), k.STANDING)
    if ranked:
        standings["row"] = user_rows
        first = np.searchsorted(user_rows, np.arange(len(pools) + 1) * n_lines)
        orders["users"], orders["users_n"] = first[:-1], np.diff(first)
    nodes = [pool.nodes if pool.gpus_per_node > 1 else 0 for pool in pools]
    levels = [pool.gpus_per_node + 1 if pool.gpus_per_node > 1 else 0 for pool in pools]
    i4 = np.int32
    return {
        "orders": orders,
        "grades": grades,
        "ranked": np.full(max(1, n_jobs), -1, i4),
        "spots": spots,
        "lineup": np.full(max(1, sum(most)), -1, i4),
        "vacant": np.zeros(max(1, sum(levels) * ordered), i4),
        "choices": np.zeros(max([1, *most]), k.CHOICE),
        "picked": np.zeros(max([1, *(n * ordered for n in nodes)]), i4),
        "standings": standings,
        "levels": np.zeros(max(1, n_lines * len(pools) * ranked)),
        "ladder": np.tile(np.arange(max(1, n_users), dtype=i4), 2),
    }


def _grades(columns: Mapping[str, Any], orders: NDArray[Any], n_jobs: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Heaps for each pool and size of gang, and for every job which is its own."""
    spots = np.zeros(max(1, n_jobs), k.SPOT)
    spots["spot"] = -1
    if n_jobs == 0:
        return np.zeros(1, k.GRADE), spots
    size = int(columns["gang"].max()) + 1
    keys, grade, count = np.unique(
        columns["pool"].astype(np.int64) * size + columns["gang"], return_inverse=True, return_counts=True
    )
    grades = np.zeros(len(keys), k.GRADE)
    grades["gang"], grades["first"] = keys % size, np.cumsum(count) - count
    spots["grade"] = grade
    first = np.searchsorted(keys, np.arange(len(orders) + 1) * size)
    orders["grades"], orders["grades_n"] = first[:-1], np.diff(first)
    return grades, spots
