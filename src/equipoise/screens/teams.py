"""The screen Teams: every team at an instant, one row each: what it is entitled to, what it has, and whether it starves.

`teams` is the main path; `table` makes the rows of a moment, whoever found it out.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from equipoise.charter.model import Charter
from equipoise.screens.lab_run import LabRun, Plain
from equipoise.screens.moment import Moment, moment
from equipoise.screens.window import MILLION, Window, window
from equipoise.simulator.record import Record
from equipoise.simulator.warning_frame import ABOVE
from equipoise.units import DAY_MS

I64 = NDArray[np.int64]

STARVED_MS, SHARE_MS = 7 * DAY_MS, 28 * DAY_MS
STARVED_PPM = round(ABOVE * MILLION)
COLUMNS = (
    "path", "depth", "is_leaf", "floor_gpus", "limit_gpus", "entitled_gpus", "held_gpus", "borrowed_gpus", "lent_gpus",
    "waiting_gpus", "waiting_jobs", "longest_wait_ms", "lacks_gpus", "denied_7d_ppm", "share_28d_ppm", "floor_ppm", "starving",
)  # fmt: skip
_AMOUNTS = ("floor", "limit", "entitled", "held", "borrowed", "lent", "waiting", "waiting_jobs")


def teams(run: LabRun, at_ms: int | None, pool: str | None = None) -> Plain:
    """Return all teams at an instant.

    Parameters
    ----------
    run : LabRun
    at_ms : int or None
        Unix time; None: the end of the run.
    pool : str or None
        None: all pools together, in devices; shares of several pools count devices by their ``heh``.

    Raises
    ------
    InputError
        C301 for a pool that is not there.
    """
    own_ms = run.own_ms(at_ms)
    return table(moment(run.record, own_ms), run.record, pool, origin_ms=run.origin_ms)


def table(now: Moment, record: Record | None, pool: str | None, *, origin_ms: int) -> Plain:
    """Return the rows of a moment; what goes back over days comes from ``record``, and is unknown without one."""
    charter = now.charter
    number = pool_number(charter, pool)
    columns = _columns(now, number)
    past = _past(record, charter, now.at_ms, number)
    told = [None if value >= limit else value for value, limit in zip(*_limits(now, number), strict=True)]
    capacity, floors = _weighed(now, number)
    denied = past[0]
    listed: dict[str, list[Any]] = {
        "path": [team.path for team in charter.teams],
        "depth": [team.path.count(".") for team in charter.teams],
        "is_leaf": [int(team.is_leaf) for team in charter.teams],
        **{f"{name}_gpus" if name != "waiting_jobs" else name: columns[name].tolist() for name in _AMOUNTS},
        "limit_gpus": told,
        "longest_wait_ms": columns["longest_ms"].tolist(),
        "lacks_gpus": columns["lacks"].tolist(),
        "denied_7d_ppm": denied,
        "share_28d_ppm": past[1],
        "floor_ppm": [round(MILLION * floor / capacity) if capacity else None for floor in floors],
        "starving": [int(value is not None and value > STARVED_PPM) for value in denied],
    }
    return {
        "at_ms": origin_ms + now.at_ms,
        "pool": pool,
        "capacity_gpus": sum(one.capacity for n, one in enumerate(now.pools) if number in (None, n)),
        "since": {"denied_ms": past[2], "share_ms": past[3]},
        "columns": list(COLUMNS),
        "rows": [list(row) for row in zip(*(listed[name] for name in COLUMNS), strict=True)],
        "next": None,
    }


def inside(path: str, above: str) -> bool:
    """Whether a team is another one, or is below it."""
    return path == above or path.startswith(f"{above}.")


def pool_number(charter: Charter, pool: str | None) -> int | None:
    """Return the place of a pool; raises ``InputError`` C301 where there is none of that name."""
    return None if pool is None else charter.pools.index(charter.pool(pool))


def _columns(now: Moment, number: int | None) -> dict[str, I64]:
    """Sum the columns over pools; of waits the longest."""
    chosen = [one for n, one in enumerate(now.pools) if number in (None, n)]
    found = {name: np.sum([getattr(one, name) for one in chosen], axis=0) for name in (*_AMOUNTS, "lacks")}
    return found | {"longest_ms": np.max([one.longest_ms for one in chosen], axis=0)}


def _limits(now: Moment, number: int | None) -> tuple[list[int], list[int]]:
    """Return each team's limit, and from where on it limits nothing: the whole of the pools."""
    chosen = [one for n, one in enumerate(now.pools) if number in (None, n)]
    limits = np.sum([one.limit for one in chosen], axis=0)
    return limits.tolist(), [sum(one.capacity for one in chosen)] * len(limits)


def _weighed(now: Moment, number: int | None) -> tuple[float, list[float]]:
    """Return capacity and floors, devices counted by their ``heh``."""
    chosen = [(float(pool.heh), now.pools[n]) for n, pool in enumerate(now.charter.pools) if number in (None, n)]
    floors = np.sum([weight * one.floor for weight, one in chosen], axis=0)
    return sum(weight * one.capacity for weight, one in chosen), floors.tolist()


def _past(
    record: Record | None, charter: Charter, at_ms: int, number: int | None
) -> tuple[list[int | None], list[int | None], int | None, int | None]:
    """Return what teams were denied of late, their share of late, and how long "of late" is in either case."""
    if record is None:
        nothing: list[int | None] = [None] * len(charter.teams)
        return nothing, nothing, None, None
    week, month = (window(record, until_ms=at_ms, lasts_ms=ms, pool=number) for ms in (STARVED_MS, SHARE_MS))
    lines = {line.path: at for at, line in enumerate(record.reference.lines)}
    at = [lines.get(team.path, -1) for team in charter.teams]
    denied, share = week.denied_ppm, month.share_ppm
    return _picked(denied, at), _picked(share, at), _length(week), _length(month)


def _picked(values: list[int | None], at: list[int]) -> list[int | None]:
    return [values[place] if place >= 0 else None for place in at]


def _length(of: Window) -> int:
    return of.to_ms - of.from_ms
