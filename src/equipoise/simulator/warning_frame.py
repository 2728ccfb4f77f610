"""Early warning by team: days on which it was starved, and when they had become usual.

A day is hungry when more than `ABOVE` of what the team was entitled to while it asked was denied. The chart is that of
`equipoise.account.detection`: hungry days at `USUAL` are no news, at `RAISED` they are to be noticed, and by design a
false alarm comes no more often than once in `FALSE_ALARM_DAYS`, while no more than `AFTER_HUNGRY` of the days after a
hungry one are hungry too. That part, and the false alarms, are measured in docs/warning.md.
"""

from __future__ import annotations

from fractions import Fraction
from functools import cache

import numpy as np
import polars as pl

from equipoise.account import Chart, Need, Scale, alarms, chart, hungry_days
from equipoise.simulator.days import midnights
from equipoise.simulator.promise_frame import instant
from equipoise.simulator.record import DENIED, ENTITLED, Record

ABOVE = Fraction(1, 4)
USUAL, RAISED = Fraction(1, 10), Fraction(1, 3)
AFTER_HUNGRY = Fraction(3, 10)
FALSE_ALARM_DAYS = 3_650
LATEST_DAYS = 20

_COLUMNS: dict[str, type[pl.DataType]] = {
    "team": pl.String, "days": pl.Int64, "days_asked": pl.Int64, "days_starved": pl.Int64, "latest_days": pl.Int64,
    "latest_starved": pl.Int64, "alarms": pl.Int64, "first_alarm": pl.String, "first_alarm_s": pl.Float64,
    "last_alarm": pl.String, "last_alarm_s": pl.Float64, "days_to_false_alarm": pl.Float64,
}  # fmt: skip


@cache
def daily_chart() -> Chart:
    """Return the chart that watches every team's days."""
    return chart(USUAL, RAISED, days_to_false_alarm=FALSE_ALARM_DAYS, after_hungry=AFTER_HUNGRY)


def warnings_frame(record: Record) -> pl.DataFrame:
    """Return one row per team: its whole local days up to the last submission, the starved ones, and the alarms.

    A day counts that has a close at both of its ends; without such closes (``--closes N``) there are no rows.
    """
    edges = whole_days(record)
    rows: list[dict[str, object]] = []
    for number, line in enumerate(record.reference.lines):
        if number == 0 or not edges:
            continue
        hungry = hungry_days(needs(record, number, edges), above=ABOVE)
        asked = [day for day in hungry if day is not None]
        ends_ms = [int(record.run.closes_ms[last]) for _, last in edges]
        told = [ends_ms[day] for day in alarms(daily_chart(), hungry)]
        rows.append({
            "team": line.path, "days": len(hungry), "days_asked": len(asked), "days_starved": sum(asked),
            "latest_days": len(hungry[-LATEST_DAYS:]), "latest_starved": sum(map(bool, hungry[-LATEST_DAYS:])),
            "alarms": len(told), "first_alarm": instant(record, told[0]) if told else None,
            "first_alarm_s": told[0] / 1000 if told else None, "last_alarm": instant(record, told[-1]) if told else None,
            "last_alarm_s": told[-1] / 1000 if told else None,
            "days_to_false_alarm": float(daily_chart().days_to_false_alarm),
        })  # fmt: skip
    return pl.DataFrame(rows, schema=_COLUMNS, orient="row")


def whole_days(record: Record) -> list[tuple[int, int]]:
    """Return the whole days up to the last submission, each as the numbers of the closes (-1: the start) at its two ends."""
    closes = {int(at_ms): number for number, at_ms in enumerate(record.run.closes_ms)}
    after = midnights(record.charter.timezone, record.workload.origin_ms)
    begin_ms = 0 if after(-1) == 0 else after(0)
    found: list[tuple[int, int]] = []
    while (end_ms := after(begin_ms)) <= min(record.workload.asked_ms, int(record.run.closes_ms[-1])):
        if end_ms in closes and (begin_ms in closes or begin_ms == 0):
            found.append((closes.get(begin_ms, -1), closes[end_ms]))
        begin_ms = end_ms
    return found


def needs(record: Record, line: int, edges: list[tuple[int, int]]) -> list[Need]:
    """Return what a team was entitled to and denied on each of `whole_days`."""
    scale = Scale.of(Fraction(1), {pool.name: pool.heh for pool in record.charter.pools})
    weights = np.array([scale.weights[pool.name] for pool in record.charter.pools], np.int64)
    totals = record.accounts[:, :, line, :]
    found: list[Need] = []
    for first, last in edges:
        grown = totals[last] - (totals[first] if first >= 0 else 0)
        found.append(Need(*(int(grown[:, column] @ weights) for column in (ENTITLED, DENIED))))
    return found
