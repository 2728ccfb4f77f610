"""What alerts and metrics are made of: how promises, ledger and clock stand at one instant, read in the controller's thread.

Between two instants of the core nothing changes, so a promise's stocks at any time are what was counted last and the rates since; so is
its point of no return, which is therefore seen when it comes and not with the next event (PACING 5).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from equipoise.account.scale import Scale
from equipoise.charter.model import Charter
from equipoise.controller.meters import Latency
from equipoise.policy.core import PROMISE_TOTALS
from equipoise.policy.growing import GrowingCore
from equipoise.policy.kernel import layout as k
from equipoise.policy.promises import Promised
from equipoise.simulator.verdicts import Totals


@dataclass(frozen=True, slots=True)
class OpenWindow:
    """A window of a promise of hours that is open; times are event time, hours H100-equivalent.

    Parameters
    ----------
    promise, team : str
    number : int
        Of the promise among those that the core counts.
    is_rolling : bool
    from_ms, to_ms : int
    owed_heh_h, delivered_heh_h, unclaimed_heh_h : float
        Since it began.
    denied_heh_h : float
        N since it began; above the verdict's to within what was denied since the promise's latest event.
    lost_ms : int or None
        The point of no return, if it has passed.
    no_return_in_ms : int or None
        When it comes if nothing changes; None: not, or not by `kind`.
    """

    promise: str
    team: str
    number: int
    is_rolling: bool
    from_ms: int
    to_ms: int
    owed_heh_h: float
    delivered_heh_h: float
    unclaimed_heh_h: float
    denied_heh_h: float
    lost_ms: int | None
    no_return_in_ms: int | None


@dataclass(frozen=True, slots=True)
class LedgerVitals:
    """How the ledger and its spool are.

    Parameters
    ----------
    entries : int
        In ledger and spool.
    trouble : str
        Why the ledger is not written; empty while it is.
    is_blocked : bool
        Whether something can be recorded nowhere, so that nothing is decided.
    spooled, spool_bytes, spool_most_bytes : int
        Records and bytes in the spool, and how large it may grow.
    unsigned_ms : int
        For how long the oldest entry has waited for a checkpoint; 0: none waits.
    checkpoint_every_ms : int
    clock_ahead_ms : int
        By how much event time is ahead of the clock.
    """

    entries: int
    trouble: str
    is_blocked: bool
    spooled: int
    spool_bytes: int
    spool_most_bytes: int
    unsigned_ms: int
    checkpoint_every_ms: int
    clock_ahead_ms: int


@dataclass(frozen=True, slots=True, eq=False)
class Closes:
    """All closes of the accounts, of which those of days are needed: what judges forecasts and hungry days.

    Parameters
    ----------
    closes_ms : int64 array
    teams : int64 array, shape (closes, pools * lines, 5)
        ``core.TEAM_TOTALS``.
    lines : tuple of str
        Paths of the teams.
    promised : tuple of Promised
    totals : mapping
        Of promises, by time.
    """

    closes_ms: NDArray[np.int64]
    teams: NDArray[np.int64]
    lines: tuple[str, ...]
    promised: tuple[Promised, ...]
    totals: Totals


@dataclass(frozen=True, slots=True, eq=False)
class Vitals:
    """Everything at one instant; ``closes`` only where there are others than the caller knows."""

    at_ms: int
    origin_ms: int
    charter: Charter
    windows: tuple[OpenWindow, ...]
    ledger: LedgerVitals
    closes: Closes | None
    passes: int
    decisions: Counter[str]
    engine: str
    engine_calls: Mapping[str, Latency]
    engine_errors: Counter[tuple[str, bool]]


def closes_since(core: GrowingCore, known: int) -> Closes | None:
    """Return the closes if there are more than ``known``."""
    if len(core.closes_ms) <= known:
        return None
    lines = tuple(line.path for line in core.layout.reference.lines)
    inner = core.core
    return Closes(inner.closes_ms, inner.teams, lines, core.layout.promised, inner.promises)


def windows_now(core: GrowingCore, at_ms: int) -> tuple[OpenWindow, ...]:
    """Return the open windows of all promises of hours, by promise and end."""
    state, totals, found = core.core.state, core.core.promises, list[OpenWindow]()
    for one in core.layout.promised:
        if one.foreign:
            continue
        promise = state.promises[one.number]
        stocks = _stocks(promise, at_ms)
        for span in state.spans[one.first_span : one.first_span + one.spans]:
            if int(span["from_ms"]) <= at_ms < int(span["to_ms"]) < k.NEVER and int(span["from_ms"]) in totals:
                found.append(_window(one, promise, span, stocks, totals, at_ms))
    return tuple(sorted(found, key=lambda window: (window.number, window.to_ms)))


def _stocks(promise: Any, at_ms: int) -> dict[str, int]:
    """Return owed, delivered, unclaimed and balance at ``at_ms``, as the kernel's `grow` would."""
    ms = max(0, at_ms - int(promise["last_ms"]))
    owed, held, asked = (
        int(promise["p"]) * int(promise["whole"]),
        int(promise["q"]) * int(promise["held"]),
        int(promise["q"]) * int(promise["asked"]),
    )
    rates = {"owed": owed, "delivered": held, "unclaimed": max(0, owed - asked), "balance": int(promise["rise"])}
    return {name: int(promise[name]) + rate * ms for name, rate in rates.items()}


def _window(one: Promised, promise: Any, span: Any, stocks: dict[str, int], totals: Totals, at_ms: int) -> OpenWindow:
    from_ms = int(span["from_ms"])
    begun = dict(zip(PROMISE_TOTALS, totals[from_ms][0][one.number].tolist(), strict=True))
    hours = Scale.of_promise(one.charter, one.promise).heh_h
    owed, delivered, unclaimed = (
        float(hours(stocks[name] - begun[name])) for name in ("owed", "delivered", "unclaimed")
    )
    lost_ms, comes_ms = _no_return(promise, span, stocks["balance"], at_ms)
    return OpenWindow(
        one.promise.name,
        one.promise.team,
        one.number,
        one.promise.window.calendar is None,
        from_ms,
        int(span["to_ms"]),
        owed,
        delivered,
        unclaimed,
        float(hours(_denied(promise, span, stocks["balance"], at_ms))),
        lost_ms,
        comes_ms,
    )


def _denied(promise: Any, span: Any, balance: int, at_ms: int) -> int:
    """Return N of a window: what was folded last and, while it is behind, all that has been short since."""
    owed, paced = int(promise["p"]) * int(promise["whole"]), int(promise["q"]) * int(promise["pace"])
    asked, held = int(promise["q"]) * int(promise["asked"]), int(promise["q"]) * int(promise["held"])
    arrears = max(0, balance - int(span["balance"]))
    since = max(0, min(max(owed, paced), asked) - held) * max(0, at_ms - int(promise["last_ms"]))
    return min(int(span["denied"]) + since, max(arrears, int(span["denied"])))


def _no_return(promise: Any, span: Any, balance: int, at_ms: int) -> tuple[int | None, int | None]:
    """Return when the point of no return was, and in how long it comes: x > q·most·L, as the kernel's `note_lost`."""
    if int(span["lost_ms"]) >= 0:
        return int(span["lost_ms"]), 0
    if int(promise["kind"]) != k.AT_LEAST:
        return None, None
    left_ms = int(span["to_ms"]) - at_ms
    by = "whole" if int(promise["of"]) == k.BY_RECORD else "capacity"
    forecast, most = int(promise["p"]) * int(promise[by]), int(promise["q"]) * int(promise["most"])
    short = most * left_ms - (balance - int(span["balance"]) + int(span["make_good"]) + forecast * left_ms)
    gain = most + int(promise["rise"]) - forecast
    if short < 0:
        return at_ms + (short // gain + 1 if gain > 0 else 0), 0
    in_ms = short // gain + 1 if gain > 0 else left_ms
    return None, in_ms if in_ms < left_ms else None
