"""Promises as a screen shows them: how each stands, what is forecast, and every window with its verdict; all as it was known then.

`promises` is the overview and `promise` one of them with its course. Hours are H100-equivalent. Totals are those of the latest close
that is not after the moment that is looked at: nothing later is read, so a film shows at each moment what could be known at it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from equipoise.account import Answer
from equipoise.account.scale import Scale
from equipoise.charter.explanation import promise_sentences
from equipoise.charter.model import Charter
from equipoise.charter.promise import Commitment
from equipoise.policy.promises import Promised, asks
from equipoise.screens.lab_run import LabRun, Plain
from equipoise.screens.promise_words import NOT_ACCOUNTED, overview, standing
from equipoise.simulator.promise_frame import Days, Forecast, days_in, forecast
from equipoise.simulator.starts import StartsWindow, starts_seen
from equipoise.simulator.verdicts import Totals, Window, windows_seen

POINTS = 2_000
"""The most points of a course."""
LATEST = 60
"""Past windows of each promise in the overview."""
SMALL = 48
"""The most points of a curve in the overview."""


@dataclass(frozen=True, slots=True, eq=False)
class Known:
    """What is known of a run's promises at a moment.

    Parameters
    ----------
    run : LabRun
    own_ms : int
        The moment, in the run's own time.
    totals : mapping
        As of `Run.promises`, up to the moment.
    windows : sequence of Window
        Of promises of hours, by promise and time, as they stood.
    starts : sequence of StartsWindow
        Of promises of starts.
    """

    run: LabRun
    own_ms: int
    totals: Totals
    windows: Sequence[Window]
    starts: Sequence[StartsWindow]

    @property
    def charter(self) -> Charter:
        """In force then."""
        record = self.run.record
        return record.charters[sum(at_ms <= self.own_ms for at_ms in record.enact_ms)]

    @property
    def as_of_ms(self) -> int:
        """Unix time of the latest close."""
        return self.run.origin_ms + max(self.totals, default=0)

    @property
    def is_accounted(self) -> bool:
        """Whether the accounts were closed since the run began."""
        return self.as_of_ms > self.run.origin_ms

    def names(self) -> list[str]:
        """Promises of the charter in force, and those of which a window is still open or was judged."""
        seen = [one.promised.promise.name for one in self.windows] + [one.promise.name for one in self.starts]
        return list(dict.fromkeys([*(one.name for one in self.charter.commitments), *seen]))


def known(run: LabRun, at_ms: int | None = None) -> Known:
    """Return what is known of a run's promises at a Unix time; None is its end."""
    record, own_ms = run.record, run.own_ms(at_ms)
    totals = {time_ms: rows for time_ms, rows in record.run.promises.items() if time_ms <= own_ms}
    windows = windows_seen(record.run.promised, totals, run.origin_ms, record.evidence)
    starts = starts_seen(record.charters, record.run, record.workload.origin_ms, record.enact_ms, until_ms=own_ms)
    return Known(run, own_ms, totals, windows, starts)


def promises(run: LabRun, at_ms: int | None = None, *, first: int = 0, limit: int = 20) -> Plain:
    """Return how every promise stands at a Unix time, with its open window and the verdicts of the latest ones.

    Parameters
    ----------
    run : LabRun
    at_ms : int or None
        None is the end of the run.
    first, limit : int
        Which of them.
    """
    found = known(run, at_ms)
    names = found.names()
    items = [_brief(found, name) for name in names[first : first + limit]]
    later = first + limit
    return {
        "run": run.name,
        "at_ms": run.origin_ms + found.own_ms,
        "as_of_ms": found.as_of_ms,
        "sentence": overview(items, of=len(names)) if found.is_accounted or not items else NOT_ACCOUNTED,
        "items": items,
        "next": later if later < len(names) else None,
    }


def promise(run: LabRun, name: str, at_ms: int | None = None) -> Plain | None:
    """Return one promise with its course and all windows; None where the run knows none of that name."""
    found = known(run, at_ms)
    if name not in found.names():
        return None
    return {
        "run": run.name,
        "at_ms": run.origin_ms + found.own_ms,
        "as_of_ms": found.as_of_ms,
        **_one(found, name),
        "course": [_course(found, one) for one in _versions(found, name)],
        "counts": _counts(found, name),
    }


def _versions(found: Known, name: str) -> list[Promised]:
    """Texts of a promise of which windows have begun, in order."""
    seen = {one.promised.number for one in found.windows}
    return [one for one in found.run.record.run.promised if one.promise.name == name and one.number in seen]


def _text(found: Known, name: str) -> tuple[Charter, Commitment]:
    """The latest charter that has the promise, of those that came into force by then."""
    record = found.run.record
    known_by_then = record.charters[: 1 + sum(at_ms <= found.own_ms for at_ms in record.enact_ms)]
    return next(
        (charter, one) for charter in reversed(known_by_then) for one in charter.commitments if one.name == name
    )


def _brief(found: Known, name: str) -> Plain:
    """A promise for the overview: small enough that many fit into an answer."""
    row = _one(found, name)
    row["windows"] = [[one["from_ms"], one["to_ms"], one["verdict"]] for one in row["windows"][-LATEST:]]
    window = row["open"]
    if window is not None and row["kind"] != "starts":
        window["forecast"] = window["forecast"] and _thinned(window["forecast"])
        window["course"] = _so_far(found, name, window)
    return row


def _thinned(curve: Plain) -> Plain:
    places = np.unique(np.linspace(0, len(curve["at_ms"]) - 1, min(SMALL, len(curve["at_ms"]))).astype(np.int64))
    return {key: [value[n] for n in places] if isinstance(value, list) else value for key, value in curve.items()}


def _so_far(found: Known, name: str, row: Plain) -> Plain:
    """Owed and delivered since a window began."""
    origin_ms = found.run.origin_ms
    window = _open_window(found, name, row)
    told = days_in(found.totals, window.promised)
    inside = np.flatnonzero(told.at_ms >= window.span.from_ms)
    since = {
        key: values[inside] - values[inside[0]] for key, values in (("owed", told.owed), ("delivered", told.delivered))
    }
    curve = {"at_ms": (told.at_ms[inside] + origin_ms).tolist()}
    return _thinned(curve | {f"{key}_heh_h": _rounded(values) for key, values in since.items()})


def _one(found: Known, name: str) -> Plain:
    charter, text = _text(found, name)
    rows = (
        [_starts(found, one) for one in found.starts if one.promise.name == name]
        if text.kind == "starts"
        else [_hours(found, one) for one in found.windows if one.promised.promise.name == name]
    )
    over = [row for row in rows if row["to_ms"] <= found.run.origin_ms + found.own_ms and row["verdict"] is not None]
    running = [row for row in rows if row["verdict"] is None]
    open_row = min(running, key=lambda row: (row["to_ms"], row["from_ms"]), default=None)
    if open_row is not None and text.kind != "starts":
        open_row |= _ahead(found, name, open_row)
    share = text.at_least if text.at_least is not None else text.at_most
    share = share if text.starts is None else text.starts.at_least
    row: Plain = {
        "promise": name,
        "team": text.team,
        "kind": text.kind,
        "of": "starts in time" if text.starts else text.of,
        "share_ppm": round(float(share or 0) * 1_000_000),
        "window": str(text.window),
        "pools": list(text.pools),
        "public": text.public,
        "warn_below_ppm": round(float(text.warn_below) * 1_000_000),
        "in_force": any(one.name == name for one in found.charter.commitments),
        "text": list(promise_sentences(charter, text)),
        "open": open_row,
        "open_windows": len(running),
        "tally": dict(Counter(str(one["verdict"]) for one in over)),
        "windows_judged": len(over),
        "windows": over,
    }
    return row | standing(row, at_ms=found.as_of_ms, is_accounted=found.is_accounted)


def _hours(found: Known, window: Window) -> Plain:
    hours, origin_ms = window.terms.scale.heh_h, found.run.origin_ms
    stocks, judged = window.stocks, window.judgement
    row: Plain = {
        "from_ms": origin_ms + window.span.from_ms,
        "to_ms": origin_ms + window.span.to_ms,
        "verdict": None if judged is None else judged.verdict.answer.value,
        "grace_heh_h": float(hours(window.terms.grace)),
        "to_make_good_heh_h": float(hours(window.terms.make_good)),
        "lost_ms": None if window.lost_ms is None else origin_ms + window.lost_ms,
        "made_good": None,
    }
    numbers: Mapping[str, int]
    if judged is None:
        names = ("owed", "delivered", "unclaimed", "denied", "surplus", "arrears")
        numbers = {name: getattr(stocks, name) for name in names} | {"broken_by": 0}
    else:
        said = judged.verdict
        names = ("owed", "delivered", "unclaimed", "denied", "surplus", "broken_by")
        numbers = {name: getattr(said, name) for name in names} | {"arrears": max(0, said.owed - said.delivered)}
        row["made_good"] = None if judged.made_good is None else judged.made_good.answer.value
        row["gaps"] = [[gap.from_ms, gap.to_ms] for gap in judged.gaps]
    return row | {f"{name}_heh_h": float(hours(number)) for name, number in numbers.items()}


def _starts(found: Known, window: StartsWindow) -> Plain:
    origin_ms, said, to_ms = found.run.origin_ms, window.verdict, found.run.origin_ms + window.span.to_ms
    counts = said.counts
    decided = window.span.to_ms <= found.own_ms and said.answer is not Answer.UNDECIDED
    return {
        "from_ms": origin_ms + window.span.from_ms,
        "to_ms": to_ms,
        "verdict": said.answer.value if decided else None,
        "jobs": counts.in_time + counts.late + counts.open,
        "jobs_in_time": counts.in_time,
        "jobs_late": counts.late,
        "jobs_open": counts.open,
        "lost_ms": None,
    }


def _open_window(found: Known, name: str, row: Plain) -> Window:
    from_ms = row["from_ms"] - found.run.origin_ms
    running = (one for one in found.windows if one.judgement is None and one.span.from_ms == from_ms)
    return next(one for one in running if one.promised.promise.name == name)


def _ahead(found: Known, name: str, row: Plain) -> Plain:
    """What is asked for now, and how the open window may go on."""
    origin_ms = found.run.origin_ms
    window = _open_window(found, name, row)
    told = days_in(found.totals, window.promised)
    ahead = forecast(told, window.span.from_ms, window.span.to_ms, now_ms=window.seen_ms)
    most = 0.0
    if window.promised.promise.kind == "at_least":
        one = window.promised
        expected = {pool.name: pool.capacity for pool in one.charter.pools if pool.name in one.weights}
        heh = {pool.name: float(pool.heh) for pool in one.charter.pools}
        most = sum(heh[pool] * ask.most for pool, ask in asks(one, one.charter, expected).items())
    return {
        "pace_heh_gpus": float(told.pace[-1]) if len(told.pace) else 0.0,
        "pace_max_heh_gpus": most,
        "forecast": None if ahead is None else _forecast(ahead, origin_ms),
    }


def _forecast(ahead: Forecast, origin_ms: int) -> Plain:
    return {
        "at_ms": (ahead.at_ms + origin_ms).tolist(),
        **{f"{name}_heh_h": _rounded(getattr(ahead, name)) for name in ("low", "middle", "high", "owed")},
        "met_ppm": round(ahead.met * 1_000_000),
    }


def _course(found: Known, one: Promised) -> Plain:
    """Owed and delivered since the run began, and what pacing asked for, at no more than `POINTS` closes; edges of windows stay."""
    told = days_in(found.totals, one)
    chosen = _chosen(told, [window for window in found.windows if window.promised.number == one.number])
    return {
        "text": one.charter.digest,
        "at_ms": (told.at_ms[chosen] + found.run.origin_ms).tolist(),
        **{f"{name}_heh_h": _rounded(getattr(told, name)[chosen]) for name in ("owed", "delivered")},
        "pace_heh_gpus": _rounded(told.pace[chosen]),
    }


def _chosen(told: Days, windows: Sequence[Window]) -> Any:
    count = len(told.at_ms)
    if count <= POINTS:
        return np.arange(count)
    edges = {edge for window in windows for edge in (window.span.from_ms, window.span.to_ms)}
    places = np.flatnonzero(np.isin(told.at_ms, sorted(edges)))[-POINTS // 4 :]
    even = np.linspace(0, count - 1, POINTS - len(places)).astype(np.int64)
    return np.unique(np.concatenate([even, places]))


def _counts(found: Known, name: str) -> Plain:
    """What counts for a promise and what is left out, by the latest text of it."""
    charter, text = _text(found, name)
    leaves = [team.path for team in charter.leaves if f"{team.path}.".startswith(f"{text.team}.")]
    weights: list[Plain] = []
    if text.kind != "starts":
        scale = Scale.of_promise(charter, text)
        weights = [{"pool": pool, "heh": float(weight * scale.heh)} for pool, weight in scale.weights.items()]
    return {
        "charter": charter.digest,
        "pools": weights,
        "pools_left_out": [pool.name for pool in charter.pools if pool.name not in text.pools],
        "teams": leaves[:200],
        "unused": text.unused,
        "make_good_ppm": round(float(text.make_good) * 1_000_000),
        "settle_ms": text.settle_ms,
        "checkpoint_every_ms": charter.evidence.checkpoint_every_ms,
        "witnesses_asked": charter.evidence.witnesses,
        "protected_by": list(text.protected_by),
    }


def _rounded(values: Any) -> list[float]:
    return [round(float(value), 3) for value in values]
