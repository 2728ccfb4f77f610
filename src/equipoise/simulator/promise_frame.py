"""Promises of a run as data frames: every window with its verdict, and every day of each promise.

Hours are H100-equivalent (``heh``). The forecast of an open window adds to what was delivered and owed so far as many
days as are left, drawn with replacement from the last `HISTORY_DAYS`, hours owed and delivered of a day together; the
draws are seeded, so that a table is the same at every run.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
from numpy.typing import NDArray

from equipoise.account import Answer, Span
from equipoise.account.scale import Scale
from equipoise.policy.core import PROMISE_TOTALS
from equipoise.policy.promises import Promised
from equipoise.simulator.record import Record
from equipoise.simulator.starts import StartsWindow, starts_seen
from equipoise.simulator.verdicts import Totals, Window, windows_seen
from equipoise.units import DAY_MS

HISTORY_DAYS = 14
DRAWS = 2_000
LOW, HIGH = 0.1, 0.9
"""The band holds 80 of 100 draws."""

F64 = NDArray[np.float64]

_COLUMNS: dict[str, type[pl.DataType]] = {
    "promise": pl.String, "team": pl.String, "kind": pl.String, "window": pl.String, "from": pl.String, "to": pl.String,
    "from_s": pl.Float64, "to_s": pl.Float64, "share": pl.Float64, "of": pl.String, "verdict": pl.String,
    "owed_heh_h": pl.Float64, "delivered_heh_h": pl.Float64, "unclaimed_heh_h": pl.Float64, "denied_heh_h": pl.Float64,
    "surplus_heh_h": pl.Float64, "grace_heh_h": pl.Float64, "broken_by_heh_h": pl.Float64, "made_good": pl.String,
    "to_make_good_heh_h": pl.Float64, "lost": pl.String, "lost_s": pl.Float64, "forecast_owed_heh_h": pl.Float64,
    "forecast_heh_h": pl.Float64, "forecast_low_heh_h": pl.Float64, "forecast_high_heh_h": pl.Float64,
    "forecast_met": pl.Float64, "jobs": pl.Int64, "jobs_in_time": pl.Int64,
}  # fmt: skip
_DAYS: dict[str, type[pl.DataType]] = {
    "promise": pl.String, "team": pl.String, "at": pl.String, "at_s": pl.Float64, "owed_heh_h": pl.Float64,
    "delivered_heh_h": pl.Float64, "arrears_heh_h": pl.Float64, "pace_heh_gpus": pl.Float64,
}  # fmt: skip


def promises_frame(record: Record, within: Span | None = None) -> pl.DataFrame:
    """Return one row per window of each promise of the reference charter that began in the run, by promise and time.

    ``within``: those that ended in a time, and those open at its end as they stood then, by nothing that came later.
    """
    origin_ms = record.workload.origin_ms
    run = record.run
    totals = run.promises if within is None else {at: one for at, one in run.promises.items() if at <= within.to_ms}
    rows = [
        _row(record, window)
        for window in windows_seen(run.promised, totals, origin_ms or 0, record.evidence)
        if window.seen_ms > window.span.from_ms and (within is None or window.span.to_ms > within.from_ms)
    ]
    until_ms = None if within is None else within.to_ms
    rows += [
        _starts_row(record, window)
        for window in starts_seen(record.charters, run, origin_ms, record.enact_ms, until_ms=until_ms)
        if within is None or window.span.to_ms > within.from_ms
    ]
    return pl.DataFrame(rows, schema=_COLUMNS, orient="row")


def windows_by(promises: pl.DataFrame, until_ms: int) -> list[dict[str, Any]]:
    """Return the windows that count up to a time: rolling ones by their end, others by their beginning."""
    return [
        row
        for row in promises.to_dicts()
        if row["to_s"] * 1000 <= until_ms or (row["from_s"] * 1000 < until_ms and "rolling" not in row["window"])
    ]


def promise_days_frame(record: Record) -> pl.DataFrame:
    """Return one row per promise of hours and time of a close: owed and delivered since the run began, arrears, pace.

    Arrears are those of the whole time since the run began; what a single window lacks is in its own row.
    """
    rows: list[dict[str, object]] = []
    for one in record.run.promised:
        if one.foreign:
            continue
        told = days_of(record, one)
        for n, at_ms in enumerate(told.at_ms.tolist()):
            owed, delivered = float(told.owed[n]), float(told.delivered[n])
            rows.append({
                "promise": one.promise.name, "team": one.promise.team, "at": instant(record, at_ms), "at_s": at_ms / 1000,
                "owed_heh_h": owed, "delivered_heh_h": delivered, "arrears_heh_h": max(0.0, owed - delivered),
                "pace_heh_gpus": float(told.pace[n]),
            })  # fmt: skip
    return pl.DataFrame(rows, schema=_DAYS, orient="row")


@dataclass(frozen=True, slots=True, eq=False)
class Days:
    """A promise at the times at which its totals were recorded: hours since the run began, and what pacing asks for.

    Parameters
    ----------
    at_ms : int64 array
        Increasing.
    owed, delivered, pace : float64 arrays
        In H100-equivalent hours, and H100-equivalents.
    """

    at_ms: NDArray[np.int64]
    owed: F64
    delivered: F64
    pace: F64

    def at(self, times_ms: Iterable[int]) -> tuple[F64, F64]:
        """Return owed and delivered at times, evenly between those recorded."""
        wanted = np.fromiter(times_ms, np.float64)
        return np.interp(wanted, self.at_ms, self.owed), np.interp(wanted, self.at_ms, self.delivered)


def days_of(record: Record, one: Promised) -> Days:
    """Return a promise of a run at every time at which its totals were recorded."""
    return days_in(record.run.promises, one)


def days_in(totals: Totals, one: Promised) -> Days:
    """Return a promise at every time at which its totals were recorded."""
    times = sorted(totals)
    table = np.array([totals[at_ms][0][one.number] for at_ms in times], np.int64).reshape(len(times), -1)
    scale = Scale.of_promise(one.charter, one.promise)
    hour = float(scale.heh_h(1 << 40)) / (1 << 40)
    columns = {name: table[:, n] for n, name in enumerate(PROMISE_TOTALS)}
    owed, delivered, pace = (
        np.asarray(columns[name] * unit, np.float64)
        for name, unit in (("owed", hour), ("delivered", hour), ("pace", float(scale.heh)))
    )
    return Days(np.array(times, np.int64), owed, delivered, pace)


@dataclass(frozen=True, slots=True, eq=False)
class Forecast:
    """How a window may go on from an instant: quantiles of what is delivered by each time, and of the owed the middle.

    Parameters
    ----------
    at_ms : int64 array
        The instant, then every following day, then the window's end.
    low, middle, high, owed : float64 arrays
        Hours since the window began.
    met : float
        Part of the draws in which as much is delivered as is owed.
    """

    at_ms: NDArray[np.int64]
    low: F64
    middle: F64
    high: F64
    owed: F64
    met: float


def forecast(told: Days, from_ms: int, to_ms: int, *, now_ms: int, seed: int = 1) -> Forecast | None:
    """Play an open window to its end with days drawn from those before ``now_ms``; None without one whole day before.

    Days from before the window began count as well; nothing after ``now_ms`` is looked at.
    """
    first_ms = max(int(told.at_ms[0]), now_ms - HISTORY_DAYS * DAY_MS)
    whole = (now_ms - first_ms) // DAY_MS
    if whole < 1 or now_ms >= to_ms:
        return None
    edges = [now_ms - n * DAY_MS for n in range(whole, -1, -1)]
    owed, delivered = (np.diff(values) for values in told.at(edges))
    times = [*range(now_ms, to_ms, DAY_MS), to_ms]
    parts = np.diff(np.array(times, np.float64)) / DAY_MS
    drawn = np.random.default_rng(seed).integers(0, whole, (DRAWS, len(parts)))
    begun = told.at([from_ms, now_ms])
    paths: list[F64] = [
        np.concatenate([np.zeros((DRAWS, 1)), np.cumsum(values[drawn] * parts, axis=1)], axis=1) + (at[1] - at[0])
        for values, at in ((owed, begun[0]), (delivered, begun[1]))
    ]
    low, middle, high = (np.asarray(np.quantile(paths[1], at, axis=0), np.float64) for at in (LOW, 0.5, HIGH))
    met = float(np.mean(paths[1][:, -1] >= paths[0][:, -1]))
    return Forecast(
        np.array(times, np.int64), low, middle, high, np.asarray(np.quantile(paths[0], 0.5, axis=0), np.float64), met
    )


def _row(record: Record, window: Window) -> dict[str, object]:
    hours = window.terms.scale.heh_h
    promise, stocks, judged = window.promised.promise, window.stocks, window.judgement
    share = promise.at_least if promise.at_least is not None else promise.at_most
    row: dict[str, object] = {
        **_named(record, promise.name, promise.team, promise.kind, str(promise.window), window.span.from_ms, window.span.to_ms),
        "share": float(share or 0),
        "of": promise.of,
        "grace_heh_h": float(hours(window.terms.grace)),
        "to_make_good_heh_h": float(hours(window.terms.make_good)),
    }  # fmt: skip
    if judged is None:
        told = days_of(record, window.promised)
        found = forecast(told, window.span.from_ms, window.span.to_ms, now_ms=window.seen_ms)
        numbers = (stocks.owed, stocks.delivered, stocks.unclaimed, stocks.denied, stocks.surplus, 0)
        row["verdict"] = Answer.UNDECIDED.value
        if found is not None:
            row |= {
                "forecast_owed_heh_h": float(found.owed[-1]), "forecast_heh_h": float(found.middle[-1]),
                "forecast_low_heh_h": float(found.low[-1]), "forecast_high_heh_h": float(found.high[-1]),
                "forecast_met": found.met,
            }  # fmt: skip
    else:
        said = judged.verdict
        numbers = (said.owed, said.delivered, said.unclaimed, said.denied, said.surplus, said.broken_by)
        row |= {"verdict": said.answer.value, "made_good": judged.made_good and judged.made_good.answer.value}
    names = ("owed", "delivered", "unclaimed", "denied", "surplus", "broken_by")
    row |= {f"{name}_heh_h": float(hours(number)) for name, number in zip(names, numbers, strict=True)}
    if window.lost_ms is not None:
        row |= {"lost": instant(record, window.lost_ms), "lost_s": window.lost_ms / 1000}
    return row


def _starts_row(record: Record, window: StartsWindow) -> dict[str, object]:
    promise, counts = window.promise, window.verdict.counts
    assert promise.starts is not None
    return {
        **_named(record, promise.name, promise.team, "starts", str(promise.window), window.span.from_ms, window.span.to_ms),
        "share": float(promise.starts.at_least),
        "of": "starts",
        "verdict": window.verdict.answer.value,
        "jobs": counts.counted,
        "jobs_in_time": counts.in_time,
    }  # fmt: skip


def _named(record: Record, name: str, team: str, kind: str, window: str, from_ms: int, to_ms: int) -> dict[str, object]:
    return {
        "promise": name, "team": team, "kind": kind, "window": window, "from": instant(record, from_ms),
        "to": instant(record, to_ms), "from_s": from_ms / 1000, "to_s": to_ms / 1000,
    }  # fmt: skip


def instant(record: Record, at_ms: int) -> str | None:
    """Write an instant in the charter's time zone; None where the log has no calendar."""
    origin_ms = record.workload.origin_ms
    if origin_ms is None:
        return None
    return datetime.fromtimestamp((origin_ms + at_ms) // 1000, ZoneInfo(record.charter.timezone)).isoformat()
