"""A drawn system with promises is run, and every total and verdict held to the books that were kept anew beside it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from random import Random
from typing import Any

import numpy as np

from equipoise.policy.core import PROMISE_TOTALS, WINDOW_TOTALS, Core
from equipoise.policy.events import batches, event, in_order
from equipoise.policy.kernel import layout as k
from equipoise.simulator.replay import Run
from equipoise.simulator.starts import starts_seen
from equipoise.simulator.verdicts import windows_seen
from tests.property.latency_cases import core_of
from tests.property.policy_systems import POLICIES, Shape, System, draw_closes, draw_system, with_latency, with_outages
from tests.property.promised_systems import PROMISED, with_more_promised, with_promises
from tests.reference.promise_books import Books
from tests.reference.promise_replay import Case, Replayed
from tests.reference.promise_terms import Told

ACCOUNTED = replace(PROMISED, carry=False, ticks=(20_000, 21_600_000, *PROMISED.ticks), jobs=18)
"""Services do not carry demand over: how many replicas they ask for would depend on what ran."""

Row = dict[str, int]


@dataclass(frozen=True)
class Drawn:
    """A system, the policy that runs it, and when totals are recorded."""

    system: System
    policy: str
    closes_ms: list[int]


def drawn_case(chance: Random, shape: Shape = ACCOUNTED) -> Drawn:
    """Draw a system with all that an account of promises knows."""
    system = with_promises(draw_system(chance, shape), chance)
    system = with_more_promised(system, chance)
    if chance.random() < 0.4:
        system = with_latency(system, chance)
    if chance.random() < 0.4:
        system = with_outages(system, chance)
    policy = "charter" if chance.random() < 0.7 else chance.choice(POLICIES)
    return Drawn(system, policy, draw_closes(chance, system))


def differences(drawn: Drawn, seen: Counter[str]) -> list[str]:
    """Return where the totals and verdicts of a run are not those of the books; counts in ``seen`` what was compared."""
    system = drawn.system
    done = system.run(drawn.policy, closes_ms=drawn.closes_ms, record=True)
    books, found = Replayed(Case(system.charter, system.workload, system.options)), list[str]()
    stops = sorted(done.promises)
    for at_ms, told, said in batches_of(drawn, done):
        while stops and stops[0] <= at_ms:
            books.reach(stops[0])
            ends = any(window.to_ms == stops[0] for own in books.books for window in own.windows)
            if len(stops) == 1 and not ends:
                break  # the run's last totals are those after its last event
            found += totals_differ(books, done, stops.pop(0), seen)
        books.reach(at_ms)
        books.instant(at_ms, told, said)
    for at_ms in stops:
        books.reach(at_ms)
        found += totals_differ(books, done, at_ms, seen)
    return found + verdicts_differ(books, system, done, seen) + starts_differ(books, system, done, seen)


def differences_with_cancellations(drawn: Drawn, chance: Random, seen: Counter[str]) -> list[str]:
    """Tell a core a run's events and cancellations of its jobs between; return where its totals are not those of the books.

    From the first cancellation on it is another run: events that cannot be any more are refused, and some jobs never end.
    """
    charter = drawn.system.charter  # nothing is made good: that would follow from verdicts of this other run
    promises = tuple(replace(one, make_good=Fraction(0)) for one in charter.commitments)
    system = replace(drawn.system, charter=replace(charter, commitments=promises))
    done = system.run(drawn.policy, closes_ms=drawn.closes_ms, record=True)
    assert done.events is not None
    core = Core(core_of(system, drawn.policy, "known"))
    books, found = Replayed(Case(system.charter, system.workload, system.options)), list[str]()
    stops = sorted(done.promises)
    for at_ms, events in batches(done.events):
        while stops and stops[0] <= at_ms:
            core.close_promises(stops[0])
            books.reach(stops[0])
            found += totals_differ(books, replace(done, promises=core.promises), stops.pop(0), seen)
        books.reach(at_ms)
        if chance.random() < 0.6:
            job = chance.randrange(len(system.workload.jobs))
            events = np.concatenate([events, event(k.JOB_CANCELLED, job, at_ms=at_ms)])
        answer = core.take(at_ms, events)
        refused = {(row["kind"], row["subject"], row["detail"]) for row in rows_of(answer.refused)}
        told = [row for row in rows_of(in_order(events)) if (row["kind"], row["subject"], row["detail"]) not in refused]
        seen["cancelled"] += sum(row["kind"] == k.JOB_CANCELLED for row in told)
        books.instant(at_ms, told, rows_of(answer.decisions))
    return found


def batches_of(drawn: Drawn, done: Run) -> Iterator[tuple[int, list[Row], list[Row]]]:
    """Yield time, events and decisions of every batch: of two at one time the stream does not say which decided what."""
    assert done.events is not None
    core = Core(core_of(drawn.system, drawn.policy, "known"))
    for at_ms, events in batches(done.events):
        answer = core.take(at_ms, events)
        assert not len(answer.refused)
        yield at_ms, rows_of(events), rows_of(answer.decisions)
    assert core.digest == done.digest


def rows_of(array: Any) -> list[Row]:
    """Return records as dictionaries."""
    names = [name for name in array.dtype.names if name != "pad"]
    return [dict(zip(names, values, strict=True)) for values in array[names].tolist()]


def totals_differ(books: Replayed, done: Run, at_ms: int, seen: Counter[str]) -> list[str]:
    """Compare all totals of promises and of their open windows at one time."""
    totals, windows = done.promises[at_ms]
    found = list[str]()
    accounted = [one for one in done.promised if not one.foreign]
    for one, own in zip(accounted, books.books, strict=True):
        here = f"{at_ms} ms, {one.promise.name}"
        row = dict(zip(PROMISE_TOTALS, totals[one.number].tolist(), strict=True))
        wanted = {name: getattr(own, name) for name in PROMISE_TOTALS}
        if one.promise.kind == "at_most":
            wanted["pace"] = 0
        found += [f"{here} {name}: {row[name]}, books {wanted[name]}" for name in row if row[name] != wanted[name]]
        rows = [
            dict(zip(WINDOW_TOTALS, values, strict=True))
            for values in windows[one.first_span : one.first_span + one.spans].tolist()
        ]
        by_begin = {row["from_ms"]: row for row in rows if row["to_ms"] < k.NEVER}
        for window in own.windows:
            kept = by_begin[window.from_ms]
            found += [
                f"{here} window {window.from_ms} {name}: {kept[name]}, books {getattr(window, name)}"
                for name in WINDOW_TOTALS
                if kept[name] != getattr(window, name)
            ]
        seen["totals"] += 1
        _count_states(own, one.promise.kind, seen)
    return found


def _count_states(own: Books, kind: str, seen: Counter[str]) -> None:
    states = {
        f"{kind} of {own.terms.of}": True,
        "hours lapse": own.terms.forfeit and own.unclaimed > 0,
        "denied": any(window.denied for window in own.windows),
        "of a ceiling denied": kind == "at_most" and any(window.denied for window in own.windows),
        "denied of what is made good": any(window.denied_both > window.denied for window in own.windows),
        "lost": any(window.lost_ms >= 0 for window in own.windows),
        "several windows": len(own.windows) > 1,
        "several pools": len(own.terms.weights) > 1,
        "weights differ": len(set(own.terms.weights.values())) > 1,
        "budgets are empty": any(not item.left for item in own.items.values()),
        "requests are refused": any(isinstance(key, tuple) and item.left for key, item in own.items.items()),
        "pace above what is owed": own.terms.q * own.pace > own.terms.p * own.whole > 0,
    }
    seen.update(name for name, holds in states.items() if holds)


def verdicts_differ(books: Replayed, system: System, done: Run, seen: Counter[str]) -> list[str]:
    """Compare the verdicts of all windows that ended within the run."""
    origin_ms = system.workload.origin_ms or 0
    judged = windows_seen(done.promised, done.promises, origin_ms)
    found = list[str]()
    accounted = [one for one in done.promised if not one.foreign]
    for one, own in zip(accounted, books.books, strict=True):
        answers = {(from_ms, to_ms): (a.own, a.made_good, a.carried) for (from_ms, to_ms), a in own.answers.items()}
        told = {
            (window.span.from_ms, window.span.to_ms): (
                _told(window.judgement.verdict),
                _told(window.judgement.made_good),
                window.judgement.carried,
            )
            for window in judged
            if window.promised is one and window.judgement is not None
        }
        for span in sorted(answers.keys() | told.keys()):
            if answers.get(span) != told.get(span):
                found.append(f"{one.promise.name} {span}: {told.get(span)}, books {answers.get(span)}")
        seen.update(f"{own.terms.promise.kind}: {answer.own.answer}" for answer in own.answers.values())
        seen.update(f"made good: {a.made_good.answer}" for a in own.answers.values() if a.made_good)
    return found


def _told(verdict: Any) -> Told | None:
    if verdict is None:
        return None
    return Told(verdict.answer.value, verdict.owed, verdict.delivered, verdict.denied, verdict.broken_by)


def starts_differ(books: Replayed, system: System, done: Run, seen: Counter[str]) -> list[str]:
    """Compare which jobs promises of starts count, and their verdicts."""
    found, end_ms = list[str](), int(done.closes_ms[-1])
    judged = starts_seen([system.charter], done, system.workload.origin_ms)
    for number, one in enumerate(books.starts.promises):
        answers = books.starts.answers(number, end_ms)
        told = {
            (of.span.from_ms, of.span.to_ms): (
                of.verdict.answer.value,
                of.verdict.counts.in_time,
                of.verdict.counts.late,
                of.verdict.counts.open,
            )
            for of in judged
            if of.promise is one
        }
        if answers != told:
            found.append(f"{one.name}: {told}, books {answers}")
        seen.update(f"starts: {answer}" for answer, *_ in answers.values())
        seen["starts that count"] += sum(sum(counts) for _, *counts in answers.values())
    return found
