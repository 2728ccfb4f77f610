"""What teams held, were entitled to, were promised and were denied over time, as the least, most and mean of each span.

`series` is the main path. What is held and waited for is exact at any instant (`steps`); entitled and denied are those of the account,
whose totals are known at its closes: between two closes they count as spread evenly. So mean × length summed over all spans is what
was added between the closes at the ends, exactly.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from equipoise.charter.floors import quotas
from equipoise.errors import InputError
from equipoise.screens.lab_run import LabRun, Plain
from equipoise.screens.machine import machine
from equipoise.screens.steps import Steps, steps
from equipoise.screens.teams import pool_number
from equipoise.simulator.record import DENIED, ENTITLED, Record
from equipoise.units import shown

I64 = NDArray[np.int64]
F64 = NDArray[np.float64]
Told = tuple[F64, F64, F64]

MEASURES = ("held", "waiting", "entitled", "denied", "floor")
MOST_TEAMS, MOST_POINTS, MOST_VALUES = 24, 2_000, 20_000


def series(
    run: LabRun,
    teams: Sequence[str],
    measures: Sequence[str] = ("held",),
    *,
    pool: str | None = None,
    from_ms: int | None = None,
    to_ms: int | None = None,
    points: int = 400,
) -> Plain:
    """Return buckets of equal length for every team and measure.

    Parameters
    ----------
    run : LabRun
    teams : sequence of str
        Paths; the empty one is the whole lab.
    measures : sequence of str
        Some of `MEASURES`, all in devices.
    pool : str or None
        None: all pools together.
    from_ms, to_ms : int or None
        Unix times; None: the beginning and the end of the run.
    points : int
        How many buckets at most; where the time is not a multiple the last one is shorter.

    Raises
    ------
    InputError
        C301 for a team or pool that is not there; N170 for measures or sizes that cannot be; N171 for a time that has no length.
    """
    _check(teams, measures, points)
    number = pool_number(run.record.charter, pool)
    first_ms = 0 if from_ms is None else run.own_ms(from_ms)
    last_ms = run.own_ms(to_ms)
    if last_ms <= first_ms:
        raise InputError("N171", "the time asked for has no length within the run", hint="from_ms < to_ms, see /runs")
    step_ms = -(-(last_ms - first_ms) // points)
    edges_ms = np.append(np.arange(first_ms, last_ms, step_ms), last_ms)
    items: list[Plain] = []
    for path in teams:
        line = _line(run.record, path)
        for measure in measures:
            least, most, mean = _MADE[measure](run.record, line, number, edges_ms)
            items.append(
                {"team": path, "measure": measure, "min": _short(least), "max": _short(most), "mean": _short(mean)}
            )
    return {
        "from_ms": run.origin_ms + first_ms,
        "to_ms": run.origin_ms + last_ms,
        "step_ms": step_ms,
        "pool": pool,
        "items": items,
        "next": None,
    }


def _check(teams: Sequence[str], measures: Sequence[str], points: int) -> None:
    unknown = [one for one in measures if one not in MEASURES]
    if unknown or not measures:
        said = f"no measure {shown(unknown[0])}" if unknown else "no measure was asked for"
        raise InputError("N170", said, hint="there are: " + ", ".join(MEASURES))
    if not teams or len(teams) > MOST_TEAMS or not 1 <= points <= MOST_POINTS:
        hint = f"1 to {MOST_TEAMS} teams, 1 to {MOST_POINTS} points"
        raise InputError("N170", f"{len(teams)} teams at {points} points cannot be answered", hint=hint)
    if len(teams) * len(measures) * points * 3 > MOST_VALUES:
        hint = f"teams × measures × points × 3 is at most {MOST_VALUES:,}"
        raise InputError("N170", "so much at once would be too large an answer", hint=hint)


def _line(record: Record, path: str) -> int:
    if path == "":
        return 0
    for charter in reversed(record.charters):
        if any(team.path == path for team in charter.teams):
            return record.reference.line_of(path)
    return record.reference.line_of(record.charter.team(path).path)


def _stepped(of: Steps, edges_ms: I64) -> Told:
    least, most = of.extremes(edges_ms)
    mean = np.diff(of.totals(edges_ms)) / np.diff(edges_ms)
    return least.astype(np.float64), most.astype(np.float64), mean


def _held(record: Record, line: int, pool: int | None, edges_ms: I64) -> Told:
    return _stepped(steps(record, "held", line, pool), edges_ms)


def _waiting(record: Record, line: int, pool: int | None, edges_ms: I64) -> Told:
    return _stepped(steps(record, "waiting", line, pool), edges_ms)


def _closed(column: int) -> Any:
    def of(record: Record, line: int, pool: int | None, edges_ms: I64) -> Told:
        return _spread(*_totals(record, column, line, pool), edges_ms)

    return of


def _totals(record: Record, column: int, line: int, pool: int | None) -> tuple[I64, I64]:
    """Return the times of closes, and a line's totals there, beginning with 0 at 0."""
    chosen = slice(None) if pool is None else slice(pool, pool + 1)
    times, last = np.unique(record.run.closes_ms[::-1], return_index=True)
    totals = record.accounts[len(record.run.closes_ms) - 1 - last][:, chosen, line, column].sum(axis=1)
    later = times > 0
    zero = np.zeros(1, np.int64)
    return np.concatenate([zero, times[later]]), np.concatenate([zero, totals[later]])


def _spread(times_ms: I64, totals: I64, edges_ms: I64) -> Told:
    """Spread what was added between closes evenly, and take spans of it; after the last close nothing is known: 0."""
    if len(times_ms) < 2:
        nothing = np.zeros(len(edges_ms) - 1)
        return nothing, nothing, nothing
    rates = np.append(np.diff(totals) / np.diff(times_ms), 0.0)
    sums = np.interp(edges_ms, times_ms, totals.astype(np.float64))
    mean = np.diff(sums) / np.diff(edges_ms)
    first = np.searchsorted(times_ms, edges_ms[:-1], side="right") - 1
    last = np.maximum(np.searchsorted(times_ms, edges_ms[1:], side="left") - 1, first)
    cuts = np.stack([first, last + 1], axis=1).ravel()
    padded = np.append(rates, rates[-1])
    return np.minimum.reduceat(padded, cuts)[::2], np.maximum.reduceat(padded, cuts)[::2], mean


def _floor(record: Record, line: int, pool: int | None, edges_ms: I64) -> Told:
    """A team's floor by the charters in force, with the devices that were up; not what pacing lifts it by."""
    found = Steps(np.zeros(1, np.int64), np.zeros(1, np.int64))
    for number, devices in enumerate(machine(record)):
        if pool in (None, number):
            found = _sum(found, _floors(record, line, number, devices.time_ms, devices.up))
    return _stepped(found, edges_ms)


def _floors(record: Record, line: int, pool: int, time_ms: I64, up: I64) -> Steps:
    path = record.reference.lines[line].path
    times = np.union1d(time_ms, np.array(record.enact_ms, np.int64))
    starts: list[int] = time_ms.tolist()
    known: dict[tuple[int, int], int] = {}
    levels: list[int] = []
    for at_ms in times.tolist():
        version = bisect_right(record.enact_ms, at_ms)
        capacity = int(up[bisect_right(starts, at_ms) - 1])
        if (version, capacity) not in known:
            charter = record.charters[version]
            numbers = {team.path: number for number, team in enumerate(charter.teams)}
            found = quotas(charter, charter.pools[pool].name, capacity)
            known[version, capacity] = capacity if line == 0 else found[numbers[path]].floor if path in numbers else 0
        levels.append(known[version, capacity])
    return Steps(times, np.array(levels, np.int64))


def _sum(one: Steps, other: Steps) -> Steps:
    times = np.union1d(one.time_ms, other.time_ms)
    levels = [of.level[np.searchsorted(of.time_ms, times, side="right") - 1] for of in (one, other)]
    return Steps(times, levels[0] + levels[1])


def _short(values: F64) -> list[float | int]:
    """Four decimals are enough for a picture, and whole numbers need none."""
    rounded = np.round(values, 4)
    return [int(value) if value == int(value) else value for value in rounded.tolist()]


_MADE: dict[str, Any] = {
    "held": _held,
    "waiting": _waiting,
    "entitled": _closed(ENTITLED),
    "denied": _closed(DENIED),
    "floor": _floor,
}
