"""What a run puts into a ledger: the entries that a live controller would have made, in the order in which it would have.

`entries` is the main path. Entries are plain values (strings, whole numbers, lists, mappings); who keeps them makes them bytes.
Times inside passes are milliseconds since the run's origin, those of windows and closes Unix milliseconds, as the account has them.
"""

from __future__ import annotations

import heapq
from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice, pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from equipoise import __version__
from equipoise.account import Close, Span, Terms
from equipoise.charter.canonical import to_values
from equipoise.charter.model import Charter
from equipoise.errors import InputError
from equipoise.gates.evidence import Recorded
from equipoise.policy.columns import Options
from equipoise.policy.core import TEAM_TOTALS, WINDOW_TOTALS
from equipoise.policy.course import course
from equipoise.policy.events import record_in_order
from equipoise.policy.kernel import layout as k
from equipoise.policy.passage import decision_rows, event_rows, job_values, told
from equipoise.policy.plan import Plan
from equipoise.policy.promises import Promised
from equipoise.simulator.record import Record
from equipoise.simulator.verdicts import Totals, Window, stocks_of, windows_seen
from equipoise.units import json_integer
from equipoise.workload.requests import Requests

Values = dict[str, Any]
BEFORE, PASS, AFTER = 0, 1, 2  # entries of an instant come before its passes, but for those of the run's end

FORMAT = 1
ROWS = 300
"""Rows of teams in one entry."""


@dataclass(frozen=True, slots=True)
class Releases:
    """What services run, and what was attested of it.

    Parameters
    ----------
    digests : Mapping of str to str
        ``sha256:…`` by the service's name.
    records : sequence of Recorded
        In order of time (Unix milliseconds); those before the origin are entered first.
    """

    digests: Mapping[str, str]
    records: Sequence[Recorded]


def entries(record: Record, texts: Sequence[str], releases: Releases | None = None) -> Iterator[Values]:
    """Yield the entries of a run in the order of a ledger.

    Parameters
    ----------
    record : Record
        With its events and decisions, run under its own charter.
    texts : sequence of str
        The charters as they were written, in the order in which they came into force; each has its digest from its text.
    releases : Releases or None
        Where gates held services: what they decided by.

    Raises
    ------
    InputError
        S109 for a run that was executed under another charter than it is accounted against, or has no stream.
    """
    run = record.run
    if record.plan.charter is not record.reference.charter or run.events is None or run.decisions is None:
        raise InputError(
            "S109",
            "a ledger is of one run under the charter by which it is accounted",
            hint="record the run of the charter itself, without `--vs`",
        )
    yield from _opening(record, texts[0])
    released = [] if releases is None else list(_released(record, releases))
    yield from (values for at_ms, _, values in released if at_ms <= 0)
    later = [one for one in released if one[0] > 0]
    streams = (_passes(record), judged(record), _amended(record, texts), later)
    for _, _, values in heapq.merge(*streams, key=lambda one: one[:2]):
        yield values
    yield ending(record)


def ending(record: Record) -> Values:
    """Return the last entry: how many passes there were, and the name of all decisions."""
    run = record.run
    assert run.events is not None
    passes = int((run.events["kind"] == k.PASS).sum())
    at_ms = int(run.closes_ms[-1])
    return {"kind": "ended", "at_ms": at_ms, "partial": run.partial, "passes": passes, "decisions": run.digest}


Timed = tuple[int, int, Values]
"""When, whether before or after the passes of that instant, and what."""


def judged(record: Record, *, as_known: bool = False) -> Iterator[Timed]:
    """Yield what follows from the passes alone: totals, and of promises the windows, closes and verdicts.

    ``as_known``: totals leave out teams of charters that came into force later, which a live ledger could not know.
    """
    yield from heapq.merge(_totals(record, as_known=as_known), _promises(record), key=lambda one: one[:2])


def _opening(record: Record, charter_text: str) -> Iterator[Values]:
    workload = record.workload
    yield opened_values(
        record.plan, record.options, workload.origin_ms, source="simulated", run_times="known", lab=record.charter.lab
    )
    yield charter_values(record.charter, charter_text, at_ms=0, how="founded")
    yield {"kind": "names", "teams": list(workload.teams), "pools": list(workload.pools), "users": list(workload.users)}
    for service in workload.services:
        yield {
            "kind": "service", "name": service.name, "team": service.team, "pool": service.pool, "gang": service.gang,
            "minimum": service.minimum, "carry": service.carry, "most": int(service.replicas.max(initial=0)),
        }  # fmt: skip
    for n in range(len(workload.requests)):
        yield request_values(workload.requests, n)


def opened_values(
    plan: Plan, options: Options, origin_ms: int | None, *, source: str, run_times: str, lab: str
) -> Values:
    """Return the first entry of a ledger, which says how the policy runs."""
    opened: Values = {
        "kind": "opened", "at_ms": 0, "format": FORMAT, "lab": lab, "source": source,
        "software": f"equipoise {__version__}", "policy": plan.name, "first": plan.first, "run_times": run_times,
        "estimates": options.estimates, "enforce_walltime": options.enforce_walltime, "trace": options.trace,
        "savepoint_cost_ms": options.savepoint_cost_ms, "confirmed": options.latency is not None,
    }  # fmt: skip
    if origin_ms is not None:
        opened["origin_ms"] = origin_ms
    return opened


def request_values(asked: Requests, n: int) -> Values:
    """Return the entry of a request for credits, with its answer if there is one."""
    return {
        "kind": "request", "name": asked.name[n], "team": int(asked.team[n]), "pool": int(asked.pool[n]),
        "amount_gpu_ms": int(asked.amount_gpu_ms[n]), "asked_ms": int(asked.asked_ms[n]), "begin_ms": int(asked.begin_ms[n]),
        "end_ms": int(asked.end_ms[n]), "answered_ms": int(asked.answered_ms[n]), "granted_gpu_ms": int(asked.granted_gpu_ms[n]),
        "reason": asked.reason[n], "avenue": asked.avenue[n], "purpose": asked.purpose[n], "project": asked.project[n],
    }  # fmt: skip


def _released(record: Record, releases: Releases) -> Iterator[Timed]:
    """Yield which service runs which release, and what was attested until the run's end."""
    origin_ms, end_ms = record.workload.origin_ms or 0, int(record.run.closes_ms[-1])
    for service, digest in releases.digests.items():
        yield 0, BEFORE, {"kind": "release", "at_ms": 0, "service": service, "digest": digest}
    for one in sorted(releases.records, key=lambda one: one.at_ms):
        at_ms = one.at_ms - origin_ms
        if at_ms <= end_ms:
            yield at_ms, BEFORE, {"kind": "attestation", "at_ms": at_ms, "envelope": one.envelope.decode()}


def charter_values(charter: Charter, text: str, *, at_ms: int, how: str) -> Values:
    """Return the entry of a charter that comes into force: ``how`` is founded, amended, or announced and never in force."""
    return {
        "kind": "charter", "at_ms": at_ms, "how": how, "digest": charter.digest, "text": text, "canonical": to_values(charter),
    }  # fmt: skip


def _amended(record: Record, texts: Sequence[str]) -> Iterator[Timed]:
    assert record.run.events is not None
    enacted = int((record.run.events["kind"] == k.CHARTER_ENACTED).sum())
    end_ms = int(record.run.closes_ms[-1])
    for n, (one, charter, text) in enumerate(zip(record.enacted, record.charters[1:], texts[1:], strict=True)):
        if n < enacted:
            yield one.at_ms, BEFORE, charter_values(charter, text, at_ms=one.at_ms, how="amended")
        else:  # it was to come after the run's end, and work may have named its teams
            yield end_ms, AFTER, charter_values(charter, text, at_ms=one.at_ms, how="announced")


def _passes(record: Record) -> Iterator[Timed]:
    events, decisions = record.run.events, record.run.decisions
    assert events is not None and decisions is not None
    events = record_in_order(events)
    passes = events["kind"] == k.PASS
    ends = np.flatnonzero(passes)
    begins = np.concatenate([[0], ends[:-1] + 1])
    submitted = np.add.reduceat((events["kind"] == k.SUBMITTED).astype(np.int64), begins) if len(ends) else ends
    rows, made, asked = event_rows(events[~passes]), decision_rows(decisions), job_values(record.workload, known=True)
    for at_ms, size, many, jobs in zip(
        events["time_ms"][ends].tolist(),
        (ends - begins).tolist(),
        events["detail"][ends].tolist(),
        submitted.tolist(),
        strict=True,
    ):
        yield at_ms, PASS, told(at_ms, list(islice(rows, size)), list(islice(made, many)), list(islice(asked, jobs)))


def _totals(record: Record, *, as_known: bool) -> Iterator[Timed]:
    """Yield at each close the totals of pools, of the lab and of teams with promises, then those of all teams that had anything."""
    run, times, plan = record.run, record.run.closes_ms.tolist(), record.reference
    known: dict[int, tuple[set[str], tuple[Promised, ...]]] = {}
    for n, at_ms in enumerate(times):
        when = AFTER if n == len(times) - 1 else BEFORE
        number = bisect_right(record.enact_ms, at_ms) if as_known else len(record.enacted)
        if number not in known:
            lines = course(record.charters[: number + 1], plan.name, first=plan.first or "product")[0].lines
            promised = tuple(one for one in run.promised if min(one.charters) <= number)
            known[number] = {line.path for line in lines}, promised
        for values in totals_values(at_ms, run.teams[n], run.pools[n], plan, known[number][1], known[number][0]):
            yield at_ms, when, values


def totals_values(
    at_ms: int,
    teams: NDArray[np.int64],
    pools: NDArray[np.int64],
    reference: Plan,
    promised: Sequence[Promised],
    paths: Collection[str],
) -> Iterator[Values]:
    """Yield the entries of one close: totals as `Core.teams` and `Core.pools` have them for it, of the teams of some paths."""
    lines = [(t, line.path) for t, line in enumerate(reference.lines) if line.path in paths]
    names = [pool.name for pool in reference.charter.pools]
    rows = teams.reshape(len(names), len(reference.lines), len(TEAM_TOTALS))
    told = {0, *(reference.line_of(one.promise.team) for one in promised if not one.foreign)}
    yield {
        "kind": "totals",
        "at_ms": at_ms,
        "pools": [[name, *_integers(pools[p])] for p, name in enumerate(names)],
        "teams": [
            [name, path, *_integers(rows[p, t])] for p, name in enumerate(names) for t, path in lines if t in told
        ],
    }
    some = [
        [name, path, *_integers(rows[p, t])]
        for p, name in enumerate(names)
        for t, path in lines
        if t and rows[p, t].any()
    ]
    for part in range(0, len(some), ROWS):
        yield {"kind": "teams", "at_ms": at_ms, "part": part // ROWS, "teams": some[part : part + ROWS]}


def _promises(record: Record) -> Iterator[Timed]:
    """Yield of every promise of hours its closes, when its windows open, and their verdicts."""
    run, origin_ms = record.run, record.workload.origin_ms or 0
    seen = windows_seen(run.promised, run.promises, origin_ms)
    end_ms = int(run.closes_ms[-1])
    found: list[tuple[int, Values]] = []
    for one in run.promised:
        if not one.foreign:
            own = [window for window in seen if window.promised is one]
            found += _closes(record, one, own)
            found += [(window.span.to_ms, verdict_values(window)) for window in own if window.judgement is not None]
            found += [(window.span.from_ms, window_values(one, window.terms)) for window in own]
    for at_ms, values in sorted(found, key=lambda one: one[0]):
        yield at_ms, AFTER if at_ms == end_ms else BEFORE, values


def window_values(one: Promised, terms: Terms) -> Values:
    """Return the entry of a window that opens."""
    capacity = {pool.name: pool.capacity for pool in one.charter.pools if pool.name in one.weights}
    return {"kind": "window", **terms.to_json(None if terms.capacity is None else capacity)}


def verdict_values(window: Window) -> Values:
    """Return the entry of a window's verdict."""
    assert window.judgement is not None, "it was seen to its end"
    span = window.terms.span
    told: Values = {
        "kind": "verdict",
        "promise": window.terms.promise.name,
        "from_ms": span.from_ms,
        "to_ms": span.to_ms,
    }
    return told | window.judgement.to_json()


def _closes(record: Record, one: Promised, windows: list[Window]) -> Iterator[tuple[int, Values]]:
    """Yield the close of each stretch between times at which the promise's totals were recorded."""
    totals, origin_ms = record.run.promises, record.workload.origin_ms or 0
    times, begun = sorted(totals), sorted(window.span.from_ms for window in windows)
    ends_ms = max((window.seen_ms for window in windows), default=0)
    for from_ms, to_ms in pairwise(times[bisect_left(times, begun[0]) : bisect_right(times, ends_ms)] if begun else []):
        values = close_values(one, totals, from_ms, to_ms, origin_ms)
        if values is not None:
            yield to_ms, values


def close_values(one: Promised, totals: Totals, from_ms: int, to_ms: int, origin_ms: int) -> Values | None:
    """Return the entry of a promise's close; None between two windows of a promise whose text changed."""
    spans = totals[to_ms][1][one.first_span : one.first_span + one.spans].tolist()
    told = [row for row in spans if row[0] < to_ms <= row[1] < k.NEVER]
    if not told:
        return None
    row = dict(zip(WINDOW_TOTALS, min(told, key=lambda row: row[1]), strict=True))
    before, after = (stocks_of(totals[at_ms][0][one.number]) for at_ms in (from_ms, to_ms))
    close = Close.between(
        before,
        replace(after, denied=row["denied"], denied_both=row["denied_both"]),
        promise=one.promise.name,
        text=one.charter.digest,
        window_from_ms=origin_ms + row["from_ms"],
        span=Span(origin_ms + from_ms, origin_ms + to_ms),
    )
    return {"kind": "close", **close.to_json()}


def _integers(row: NDArray[np.int64]) -> list[int | str]:
    return [json_integer(value) for value in row.tolist()]
