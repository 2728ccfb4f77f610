"""What holds now of promises, teams and the ledger. Functions of what was read; they remember nothing.

`conditions` is the main path. What is judged by days (a promise at risk, a starving team) is judged anew at each close of the accounts,
from all closes there are; so it comes out the same after a restart.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from itertools import groupby

import numpy as np

from equipoise.account import Need, Scale, hungry_days
from equipoise.charter.explanation import instant_text
from equipoise.charter.model import Charter
from equipoise.controller.alerts.alert import Condition, Kind
from equipoise.controller.alerts.settings import Settings
from equipoise.controller.vitals import Closes, LedgerVitals, OpenWindow, Vitals
from equipoise.policy.core import TEAM_TOTALS
from equipoise.simulator.days import midnights
from equipoise.simulator.promise_frame import HISTORY_DAYS, days_in, forecast
from equipoise.simulator.warning_frame import ABOVE, FALSE_ALARM_DAYS, daily_chart
from equipoise.units import HOUR_MS, MINUTE_MS, duration_text

ENTITLED, DENIED = TEAM_TOTALS.index("acc_entitled"), TEAM_TOTALS.index("acc_denied")


def lasting(vitals: Vitals, closes: Closes, settings: Settings) -> tuple[Condition, ...]:
    """Return what the closes say: it holds until the next one, and for the windows that are still open."""
    return (*at_risk(vitals, closes, settings), *starving(vitals.charter, closes, vitals.origin_ms))


def passing(vitals: Vitals, settings: Settings) -> tuple[Condition, ...]:
    """Return what is to be seen at once: points of no return, and what is wrong with ledger and clock."""
    return (*no_return(vitals), *ledger_trouble(vitals, settings))


# -------------------------------------------------------------------------------------------------------------- promises


def no_return(vitals: Vitals) -> Iterator[Condition]:
    """Yield promises of which an open window is past saving, of a rolling one the window that ends first.

    Only where something was denied: what a team did not ask for breaks no promise, however much is missing.
    """
    for _, windows in groupby(vitals.windows, key=lambda window: window.number):
        window = next((one for one in windows if one.lost_ms is not None and one.denied_heh_h > 0), None)
        if window is not None:
            assert window.lost_ms is not None
            arrears = max(0.0, window.owed_heh_h - window.delivered_heh_h)
            ends = instant_text(vitals.origin_ms + window.to_ms)
            said = (
                f"the promise '{window.promise}' cannot be kept any more by pacing: {arrears:,.1f} H100-equivalent hours are"
                f" missing in the window that ends {ends}"
            )
            yield Condition(
                Kind.NO_RETURN, window.promise, vitals.origin_ms + window.lost_ms, said, _numbers(vitals, window)
            )


def at_risk(vitals: Vitals, closes: Closes, settings: Settings) -> Iterator[Condition]:
    """Yield promises with an open window of which something was denied and whose forecast is below the bound.

    What is past saving is not at risk but lost.
    """
    now_ms = int(closes.closes_ms[-1])
    lost = {window.number for window in vitals.windows if window.lost_ms is not None}
    for number, windows in groupby(vitals.windows, key=lambda window: window.number):
        if number in lost or now_ms not in closes.totals:
            continue
        told = days_in(closes.totals, closes.promised[number])
        worst: tuple[float, OpenWindow] | None = None
        for window in windows:
            is_asked = window.from_ms < now_ms and window.denied_heh_h > 0
            found = forecast(told, window.from_ms, window.to_ms, now_ms=now_ms) if is_asked else None
            if found is not None and (worst is None or found.met < worst[0]):
                worst = found.met, window
        if worst is not None and worst[0] < settings.at_risk_below:
            met, window = worst
            said = (
                f"the promise '{window.promise}' is kept in {met:.0%} of the ways in which the last"
                f" {HISTORY_DAYS} days may go on until {instant_text(vitals.origin_ms + window.to_ms)}"
            )
            numbers = _numbers(vitals, window) | {"probability": round(met, 4), "bound": float(settings.at_risk_below)}
            yield Condition(Kind.AT_RISK, window.promise, vitals.origin_ms + now_ms, said, numbers)


def _numbers(vitals: Vitals, window: OpenWindow) -> dict[str, int | float | str]:
    told: dict[str, int | float | str] = {
        "team": window.team, "from_ms": vitals.origin_ms + window.from_ms, "to_ms": vitals.origin_ms + window.to_ms,
        "owed_heh_h": round(window.owed_heh_h, 3), "delivered_heh_h": round(window.delivered_heh_h, 3),
        "unclaimed_heh_h": round(window.unclaimed_heh_h, 3), "denied_heh_h": round(window.denied_heh_h, 3),
    }  # fmt: skip
    if window.no_return_in_ms:
        told["no_return_in_ms"] = window.no_return_in_ms
    return told


# ----------------------------------------------------------------------------------------------------------------- teams


def starving(charter: Charter, closes: Closes, origin_ms: int) -> Iterator[Condition]:
    """Yield teams whose chart gave the alarm and has not come back to 0 since.

    The score stays at the limit after the alarm, and the alert is over once it is 0. So between two alerts of a team the chart begins
    at 0 as it does between two alarms, and false alerts are no more often than the chart's false alarms.
    """
    scale = Scale.of(Fraction(1), {pool.name: pool.heh for pool in charter.pools})
    weights = np.array([scale.weights[pool.name] for pool in charter.pools], np.int64)
    edges = _whole_days(charter, closes, origin_ms)
    accounts = closes.teams.reshape(len(closes.closes_ms), len(charter.pools), len(closes.lines), -1)
    chart = daily_chart()
    for number, path in enumerate(closes.lines):
        if number == 0 or not edges:
            continue
        days: list[Need] = []
        for first, last in edges:
            grown = accounts[last, :, number] - (accounts[first, :, number] if first >= 0 else 0)
            days.append(Need(int(grown[:, ENTITLED] @ weights), int(grown[:, DENIED] @ weights)))
        since, score = None, 0
        for (_, last), hungry in zip(edges, hungry_days(days, above=ABOVE), strict=True):
            if hungry is not None:
                score = min(chart.limit, chart.score(score, hungry=hungry))
            if score >= chart.limit and since is None:
                since = last
            elif score == 0:
                since = None
        if since is not None:
            recent = days[-HISTORY_DAYS:]
            total = sum(recent, Need())
            share = float(total.starvation or 0)
            said = (
                f"'{path}' is starving: {share:.0%} of what it was entitled to in the last {len(recent)} days while it asked was"
                f" denied; a false alarm of this kind comes once in {FALSE_ALARM_DAYS // 365} years at most, if one day in ten is hungry"
            )
            hungry = sum(map(bool, hungry_days(recent, above=ABOVE)))
            numbers: dict[str, int | float | str] = {
                "days": len(recent), "hungry_days": hungry, "denied_share": round(share, 4),
                "days_to_false_alarm": round(float(chart.days_to_false_alarm)),
            }  # fmt: skip
            yield Condition(Kind.STARVING, path, origin_ms + int(closes.closes_ms[since]), said, numbers)


def _whole_days(charter: Charter, closes: Closes, origin_ms: int) -> list[tuple[int, int]]:
    """Return the whole local days, each as the numbers of the closes at its two ends (-1: the ledger's beginning)."""
    known = {int(at_ms): number for number, at_ms in enumerate(closes.closes_ms)}
    after = midnights(charter.timezone, origin_ms)
    begin_ms = 0 if after(-1) == 0 else after(0)
    found: list[tuple[int, int]] = []
    while (end_ms := after(begin_ms)) <= int(closes.closes_ms[-1]):
        if end_ms in known and (begin_ms in known or begin_ms == 0):
            found.append((known.get(begin_ms, -1), known[end_ms]))
        begin_ms = end_ms
    return found


# ---------------------------------------------------------------------------------------------------------------- ledger


def ledger_trouble(vitals: Vitals, settings: Settings) -> Iterator[Condition]:
    """Yield what is wrong with ledger, spool, checkpoints and clock."""
    ledger, now_ms = vitals.ledger, vitals.origin_ms + vitals.at_ms
    for subject, said, numbers in _troubles(ledger, settings):
        yield Condition(Kind.LEDGER, subject, now_ms, said, numbers)


def _troubles(ledger: LedgerVitals, settings: Settings) -> Iterator[tuple[str, str, dict[str, int | float | str]]]:
    if ledger.is_blocked:
        said = "nothing can be recorded, neither in the ledger nor in the spool: nothing is decided, and nothing starts"
        yield "blocked", said, {"entries": ledger.entries}
    if ledger.trouble:
        yield "stopped", f"the ledger is not written: {ledger.trouble}", {"entries": ledger.entries}
    if ledger.spool_bytes > settings.spool_above * ledger.spool_most_bytes:
        said = (
            f"the spool holds {ledger.spooled:,} records, {ledger.spool_bytes / ledger.spool_most_bytes:.0%} of what it"
            f" may hold; once it is full nothing is decided"
        )
        numbers: dict[str, int | float | str] = {
            "records": ledger.spooled, "bytes": ledger.spool_bytes, "most_bytes": ledger.spool_most_bytes,
        }  # fmt: skip
        yield "spool", said, numbers
    if ledger.unsigned_ms > settings.checkpoint_late * ledger.checkpoint_every_ms:
        said = f"entries have waited {_about(ledger.unsigned_ms)} for a checkpoint that is due every {_about(ledger.checkpoint_every_ms)}"
        yield (
            "checkpoint",
            said,
            {"unsigned_ms": ledger.unsigned_ms, "checkpoint_every_ms": ledger.checkpoint_every_ms},
        )
    if ledger.clock_ahead_ms > settings.clock_ahead_ms:
        said = f"the ledger's time is {_about(ledger.clock_ahead_ms)} ahead of the clock: it was set back, or had been far ahead"
        yield "clock", said, {"ahead_ms": ledger.clock_ahead_ms}


def _about(ms: int) -> str:
    """Write a time to the second, minute or hour that people would say."""
    unit = next((unit for unit in (HOUR_MS, MINUTE_MS, 1_000) if ms >= 10 * unit), 1)
    return duration_text(ms // unit * unit)
