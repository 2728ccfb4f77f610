"""What a run puts into a ledger: the entries that a live controller would have made, in the order in which it would have.

`entries` is the main path. Entries are plain values (strings, whole numbers, lists, mappings); who keeps them makes them bytes.
Times inside passes are milliseconds since the run's origin, those of windows and closes Unix milliseconds, as the account has them.
"""

from __future__ import annotations

import heapq
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice, pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from equipoise import __version__
from equipoise.account import Close, Span, heartbeat
from equipoise.charter.canonical import to_values
from equipoise.charter.model import Charter
from equipoise.errors import InputError
from equipoise.gates.evidence import Recorded
from equipoise.policy.core import TEAM_TOTALS, WINDOW_TOTALS
from equipoise.policy.events import record_in_order
from equipoise.policy.kernel import layout as k
from equipoise.policy.passage import decision_rows, event_rows, job_values, told
from equipoise.policy.promises import Promised
from equipoise.simulator.record import Record
from equipoise.simulator.verdicts import Window, stocks_of, windows_seen
from equipoise.units import json_integer

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
    streams = (_heartbeats(record), _passes(record), judged(record), _amended(record, texts), later)
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


def judged(record: Record) -> Iterator[Timed]:
    """Yield what follows from the passes alone: totals, and of promises the windows, closes and verdicts."""
    yield from heapq.merge(_totals(record), _promises(record), key=lambda one: one[:2])


def _opening(record: Record, charter_text: str) -> Iterator[Values]:
    workload, options, plan = record.workload, record.options, record.plan
    opened: Values = {
        "kind": "opened", "at_ms": 0, "format": FORMAT, "lab": record.charter.lab, "source": "simulated",
        "software": f"equipoise {__version__}", "policy": plan.name, "first": plan.first, "run_times": "known",
        "estimates": options.estimates, "enforce_walltime": options.enforce_walltime, "trace": options.trace,
        "savepoint_cost_ms": options.savepoint_cost_ms, "confirmed": options.latency is not None,
    }  # fmt: skip
    if workload.origin_ms is not None:
        opened["origin_ms"] = workload.origin_ms
    yield opened
    yield charter_values(record.charter, charter_text, at_ms=0, how="founded")
    yield {"kind": "names", "teams": list(workload.teams), "pools": list(workload.pools), "users": list(workload.users)}
    for service in workload.services:
        yield {
            "kind": "service", "name": service.name, "team": service.team, "pool": service.pool, "gang": service.gang,
            "minimum": service.minimum, "carry": service.carry, "most": int(service.replicas.max(initial=0)),
        }  # fmt: skip
    asked = workload.requests
    for n, name in enumerate(asked.name):
        yield {
            "kind": "request", "name": name, "team": int(asked.team[n]), "pool": int(asked.pool[n]),
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


def _heartbeats(record: Record) -> Iterator[Timed]:
    """Yield a heartbeat as often as the strictest charter of the run asks for, until the run's end."""
    assert record.run.events is not None
    times_ms = record.run.events["time_ms"][record.run.events["kind"] == k.PASS]
    every_ms = min(charter.evidence.checkpoint_every_ms for charter in record.charters)
    for at_ms in range(every_ms, int(record.run.closes_ms[-1]), every_ms):
        yield at_ms, BEFORE, heartbeat(at_ms, int(np.searchsorted(times_ms, at_ms)))


def _totals(record: Record) -> Iterator[Timed]:
    """Yield at each close the totals of pools, of the lab and of teams with promises, then those of all teams that had anything."""
    run, paths = record.run, [line.path for line in record.reference.lines]
    names = [pool.name for pool in record.charter.pools]
    times = run.closes_ms.tolist()
    teams = run.teams.reshape(len(times), len(names), len(paths), len(TEAM_TOTALS))
    told = sorted({0, *(record.reference.line_of(one.promise.team) for one in run.promised if not one.foreign)})
    for n, at_ms in enumerate(times):
        when = AFTER if n == len(times) - 1 else BEFORE
        rows = [[name, paths[t], *_integers(teams[n, p, t])] for p, name in enumerate(names) for t in told]
        pools = [[name, *_integers(run.pools[n, p])] for p, name in enumerate(names)]
        yield at_ms, when, {"kind": "totals", "at_ms": at_ms, "pools": pools, "teams": rows}
        rows = [
            [name, path, *_integers(teams[n, p, t])]
            for p, name in enumerate(names)
            for t, path in enumerate(paths)
            if t and teams[n, p, t].any()
        ]
        for part in range(0, len(rows), ROWS):
            yield (
                at_ms,
                when,
                {"kind": "teams", "at_ms": at_ms, "part": part // ROWS, "teams": rows[part : part + ROWS]},
            )


def _promises(record: Record) -> Iterator[Timed]:
    """Yield of every promise of hours its closes, when its windows open, and their verdicts."""
    run, origin_ms = record.run, record.workload.origin_ms or 0
    seen = windows_seen(run.promised, run.promises, origin_ms, record.evidence)
    end_ms = int(run.closes_ms[-1])
    found: list[Timed] = []
    for one in run.promised:
        if not one.foreign:
            own = [window for window in seen if window.promised is one]
            found += [*_closes(record, one, own), *_verdicts(own), *_opened(own)]
    for at_ms, values in sorted(((at_ms, values) for at_ms, _, values in found), key=lambda one: one[0]):
        yield at_ms, AFTER if at_ms == end_ms else BEFORE, values


def _opened(windows: list[Window]) -> Iterator[Timed]:
    for window in windows:
        terms = window.terms
        dated = terms.capacity is not None
        capacity = (
            {p.name: p.capacity for p in window.promised.charter.pools if p.name in window.promised.weights}
            if dated
            else None
        )
        yield window.span.from_ms, BEFORE, {"kind": "window", **terms.to_json(capacity)}


def _verdicts(windows: list[Window]) -> Iterator[Timed]:
    for window in windows:
        if window.judgement is not None:
            span = window.terms.span
            values: Values = {
                "kind": "verdict",
                "promise": window.terms.promise.name,
                "from_ms": span.from_ms,
                "to_ms": span.to_ms,
            }
            yield window.span.to_ms, BEFORE, values | window.judgement.to_json()


def _closes(record: Record, one: Promised, windows: list[Window]) -> Iterator[Timed]:
    """Yield the close of each stretch between times at which the promise's totals were recorded."""
    totals, origin_ms = record.run.promises, record.workload.origin_ms or 0
    times, begun = sorted(totals), sorted(window.span.from_ms for window in windows)
    ends_ms = max((window.seen_ms for window in windows), default=0)
    for from_ms, to_ms in pairwise(times[bisect_left(times, begun[0]) : bisect_right(times, ends_ms)] if begun else []):
        spans = totals[to_ms][1][one.first_span : one.first_span + one.spans].tolist()
        told = [row for row in spans if row[0] < to_ms <= row[1] < k.NEVER]
        if not told:  # between two windows of a promise whose text changed
            continue
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
        yield to_ms, BEFORE, {"kind": "close", **close.to_json()}


def _integers(row: NDArray[np.int64]) -> list[int | str]:
    return [json_integer(value) for value in row.tolist()]
