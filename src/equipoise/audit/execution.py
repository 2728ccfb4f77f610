"""Re-execution: a book's events go through the policy core again, and what comes out is held against what was recorded.

`audit` is the main path. The first decision that does not agree ends the comparison of decisions, for all later ones rest on it.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

import numpy as np

from equipoise.account import Correction
from equipoise.audit.book import Book, Values
from equipoise.audit.calendar import calendar_findings
from equipoise.audit.credits import credit_findings
from equipoise.audit.evidence import evidence_findings, evidence_notes, evidence_of
from equipoise.audit.finding import Finding
from equipoise.audit.minutes import LATE_MS
from equipoise.audit.releases import release_findings, rulings_of
from equipoise.audit.sentences import decision_text
from equipoise.audit.silence import excused, silence_notes
from equipoise.errors import VerificationError
from equipoise.policy.core import Core
from equipoise.policy.course import Enactment, course
from equipoise.policy.events import REASONS, Events, first_out_of_order, sentence
from equipoise.policy.kernel import layout as k
from equipoise.policy.retracing import Stretch, stretches
from equipoise.policy.state import build
from equipoise.policy.why import explain
from equipoise.receipt.residual import RESIDUAL
from equipoise.simulator.bookkeeping import ending, judged
from equipoise.simulator.record import Record
from equipoise.simulator.replay import run_of
from equipoise.units import MAX_DURATION_MS


@dataclass(frozen=True, slots=True, eq=False)
class Audit:
    """What came of an audit.

    Parameters
    ----------
    entries, passes, events, decisions : int
        What the ledger holds.
    findings : tuple of Finding
        In order of time; empty: every decision, total and verdict follows from the events under the charter.
    record : Record or None
        The run as re-executed, for a report; None where decisions differ.
    policy : str
        What was executed; only under ``charter`` do decisions follow from the charter.
    notes : tuple of str
        By whose leave charters changed, what was not asked for, which verdicts stand on gaps, and what was corrected later.
    silent_ms : int
        For how long the recorder says that it was away, in all.
    corrections : tuple of Correction
        Which change nothing that was decided or closed.
    residual : tuple of str
        What re-execution cannot find.
    """

    entries: int
    passes: int
    events: int
    decisions: int
    findings: tuple[Finding, ...]
    record: Record | None
    policy: str
    notes: tuple[str, ...] = ()
    names: tuple[str, ...] | None = None
    """What jobs are called, by number; None: by their numbers."""
    silent_ms: int = 0
    corrections: tuple[Correction, ...] = ()
    residual: tuple[str, ...] = tuple(map(str, RESIDUAL))

    @property
    def holds(self) -> bool:
        """Whether nothing was found."""
        return not self.findings

    def job_name(self, job: int) -> str:
        """Return what the ledger calls a job."""
        return str(job) if self.names is None or job >= len(self.names) else self.names[job]


def audit(book: Book, *, progress: Callable[[int, int], None] | None = None) -> Audit:
    """Re-execute a book.

    Parameters
    ----------
    book : Book
        With all entries of a ledger.
    progress : callable or None
        Called now and then with the number of events told, of how many.

    Raises
    ------
    VerificationError
        V101, V102, V209 for entries that cannot be read.
    InputError
        What `policy.state.build` raises, for a workload that does not fit the charter.
    """
    if book.last_ms > MAX_DURATION_MS:
        raise VerificationError("V102", f"a pass at {book.last_ms} ms, more than a hundred years on", hint="malformed")
    amended = (*book.charter_findings(), *evidence_findings(book))
    corrections = tuple(book.testimony.corrections)
    if not book.passes:  # nothing was executed yet
        notes = (*book.charter_notes(), *evidence_notes(book, None))
        policy = str((book.opened or {}).get("policy"))
        return Audit(book.size, 0, 0, 0, amended, None, policy, notes, corrections=corrections)
    charters, workload, events = book.charters(), book.workload(), book.events
    plans, references = book.plans(charters), course(charters)
    if plans[0].name == "charter":
        plans = references
    elif book.live:  # a live core keeps one tree, that of the policy it executes, and accounts against it
        references = plans
    later = list(zip(plans[1:], references[1:], strict=True))
    enacted = tuple(Enactment(at_ms, *pair) for at_ms, pair in zip(book.enact_ms, later, strict=True))
    options = book.options()

    def core() -> Core:
        layout = build(
            workload, charters[0].pools, plans[0], reference=references[0], later=later, options=options,
            run_times="known" if book.known else "unknown", burst=_burst(events),
        )  # fmt: skip
        return Core(layout, lasting=book.live)

    findings, late = [*_orders(book, events)], list[tuple[int, int]]()
    first = core()
    if not findings:
        findings += _decisions(book, first, events, core, progress, late)
    record = None
    if not findings:
        run = run_of(first, partial=bool((book.ended or {}).get("partial", True)), events=events)
        run = replace(run, decisions=book.decisions)  # which are those of the core
        outages = bool((events["kind"] == k.NODE_CHANGED).any())
        record = Record(
            run, workload, charters[0], plans[0], references[0], outages=outages, options=options, enacted=enacted,
            evidence=evidence_of(book), rulings=rulings_of(book, charters, workload),
        )  # fmt: skip
        findings += calendar_findings(book, first)
        findings += release_findings(book, record.rulings, workload)
        findings += credit_findings(book, workload, first.state.jobs["lost"])
        findings += _judged(book, record)
    return Audit(
        entries=book.size,
        passes=len(book.passes),
        events=len(events) - len(book.passes),
        decisions=len(book.decisions),
        findings=tuple(sorted((*amended, *findings), key=lambda one: one.at_ms)),
        record=record,
        policy=plans[0].name,
        notes=(*book.charter_notes(), *silence_notes(book, late), *evidence_notes(book, record)),
        silent_ms=sum(one.to_ms - one.from_ms for one in book.testimony.silences),
        names=workload.jobs.name,
        corrections=corrections,
    )


def _burst(events: Events) -> int:
    """Most submissions told at once."""
    number = np.cumsum(events["kind"] == k.PASS)
    return int(np.bincount(number[events["kind"] == k.SUBMITTED], minlength=1).max())


def _orders(book: Book, events: Events) -> Iterator[Finding]:
    """Find time that goes back, and events of a pass that are not in the order in which the policy takes them."""
    ends = np.flatnonzero(events["kind"] == k.PASS)
    times_ms = events["time_ms"][ends]
    back: list[int] = np.flatnonzero(np.diff(times_ms, prepend=0) < 0).tolist()
    for n in back[:1]:
        before = int(times_ms[n - 1]) if n else 0
        yield Finding(
            "V206", int(times_ms[n]), book.passes[n], f"a pass at {times_ms[n]} ms", f"one at {before} ms or later"
        )
        return
    at = first_out_of_order(events)
    if at is not None:
        n = int(np.searchsorted(ends, at))
        yield Finding(
            "V205", int(times_ms[n]), book.passes[n], sentence(events[at - 1]), f"first {sentence(events[at])}"
        )


def _decisions(
    book: Book,
    core: Core,
    events: Events,
    again: Callable[[], Core],
    progress: Callable[[int, int], None] | None,
    excused_ms: list[tuple[int, int]],
) -> Iterator[Finding]:
    """Tell the events, and find the first decision that differs, event that cannot be, or deadline that was not kept.

    A deadline that passed while the recorder was away, and says so, is no finding; ``excused_ms`` gets it, and when it was acted on.
    """
    closes_ms, edges_ms = _closings(book)
    recorded, at = book.decisions, 0
    ends = np.flatnonzero(events["kind"] == k.PASS)
    late_ms = LATE_MS.get(str((book.opened or {}).get("source")), 0)
    asked_ms = k.NEVER
    for stretch in stretches(core, events, closes_ms=closes_ms, edges_ms=edges_ms):
        passes = stretch.events[stretch.events["kind"] == k.PASS]
        n = int(np.searchsorted(ends, stretch.first))
        wanted_ms = np.concatenate([[asked_ms], passes["until_ms"][:-1]])
        asked_ms = int(passes["until_ms"][-1])
        late: list[int] = np.flatnonzero(passes["time_ms"] > wanted_ms + late_ms).tolist()
        if late and book.testimony.silences:
            late = excused(book.testimony.silences, late, wanted_ms, passes["time_ms"], late_ms, excused_ms)
        differs = _first_difference(stretch, recorded[at:], events["detail"][ends[n : n + len(passes)]])
        if len(stretch.refused):
            row = stretch.refused[0]
            at_ms = int(row["time_ms"])
            place = min(n + int(np.searchsorted(passes["time_ms"], at_ms)), len(ends) - 1)
            yield Finding("V202", at_ms, book.passes[place], sentence(row), REASONS[int(row["refused"])])
            return
        if late and (differs is None or late[0] <= differs):
            when = int(wanted_ms[late[0]])
            yield Finding(
                "V207",
                when,
                -1,
                f"nothing before {int(passes['time_ms'][late[0]])} ms",
                f"a pass at {when} ms, when a deadline is due",
            )
            return
        if differs is not None:
            yield _divergence(book, again(), events, n + differs)
            return
        at += len(stretch.decisions)
        if progress is not None:
            progress(stretch.first + len(stretch.events), len(events))


def _first_difference(stretch: Stretch, recorded: Any, counts: Any) -> int | None:
    """Return the first pass of a stretch whose decisions are not those recorded; None if all are."""
    passes = stretch.events[stretch.events["kind"] == k.PASS]
    own = stretch.decisions
    uneven: list[int] = np.flatnonzero(passes["detail"] != counts).tolist()
    same = min(len(own), len(recorded))
    unlike: list[int] = np.flatnonzero(own[:same] != recorded[:same]).tolist()
    first = uneven[:1]
    if unlike:
        first.append(int(np.searchsorted(np.cumsum(passes["detail"]), unlike[0], side="right")))
    return min(first) if first else None


def _divergence(book: Book, core: Core, events: Events, number: int) -> Finding:
    """Tell everything up to a pass to a core anew, then that pass, and say what was recorded and required, and why."""
    ends = np.flatnonzero(events["kind"] == k.PASS)
    closes_ms, edges_ms = _closings(book)
    at_ms = int(events["time_ms"][ends[number]])
    begin = int(ends[number - 1]) + 1 if number else 0
    before = events[:begin]
    stops = [close for close in closes_ms[:-1] if close <= at_ms]
    for _ in stretches(core, before, closes_ms=[*stops, at_ms], edges_ms=[edge for edge in edges_ms if edge <= at_ms]):
        pass
    told = stretches(core, events[begin : int(ends[number]) + 1])
    required = next(iter(told)).decisions
    first = int(np.sum(events["detail"][ends[:number]]))
    recorded = book.decisions[first : first + int(events["detail"][ends[number]])]
    place = next(
        (n for n, (a, b) in enumerate(zip(recorded, required, strict=False)) if a != b),
        min(len(recorded), len(required)),
    )
    said, due = (rows[place] if place < len(rows) else None for rows in (recorded, required))
    names = book.workload()
    jobs = dict.fromkeys(
        int(row["job"]) for row in (said, due) if row is not None and 0 <= row["job"] < core.layout.n_jobs
    )
    why = tuple(explain(core.state, core.layout, job, changes=False) for job in jobs)
    recorded_text, required_text = (decision_text(core.layout, names, row) for row in (said, due))
    return Finding("V201", at_ms, book.passes[number], recorded_text, required_text, why)


def closings(book: Book) -> tuple[list[int], list[int]]:
    """Return the times of recorded closes and, beside them, those at which windows and closes of promises begin and end."""
    origin_ms = book.origin_ms or 0
    closes_ms = [int(values["at_ms"]) for _, values in book.judged if values["kind"] == "totals"]
    edges: set[int] = set()
    for _, values in book.judged:
        if values["kind"] in ("window", "close"):
            edges |= {int(values["from_ms"]) - origin_ms} | (
                {int(values["to_ms"]) - origin_ms} if values["kind"] == "close" else set()
            )
    return closes_ms, sorted(edges - set(closes_ms))


def _closings(book: Book) -> tuple[list[int], list[int]]:
    """Return the same with a last close, the end: of a ledger that goes on right after all that it tells of.

    So a window that began with its latest pass is one that was seen.
    """
    closes_ms, edges_ms = closings(book)
    if book.ended is None:
        closes_ms = [*closes_ms, max([_end_ms(book), *closes_ms, *edges_ms]) + 1]
    return closes_ms or [_end_ms(book)], edges_ms


def _end_ms(book: Book) -> int:
    """Return the time up to which a ledger tells what happened."""
    return int((book.ended or {}).get("at_ms", max(book.last_ms, 0)))


def _judged(book: Book, record: Record) -> Iterator[Finding]:
    """Find totals, windows, closes and verdicts that do not follow from the passes."""
    required = [(at_ms, values) for at_ms, _, values in judged(record, as_known=book.live)]
    left: defaultdict[tuple[Any, ...], deque[tuple[int, Values]]] = defaultdict(deque)
    due_ms = k.NEVER if book.ended is not None else _end_ms(book)  # what a ledger that goes on may still say
    for at_ms, values in required:
        left[_name(values)].append((at_ms, values))
    for entry, values in book.judged:
        same = left[_name(values)]
        own = same.popleft()[1] if same else None
        if own != values:
            yield Finding(_code(values), _when(values, book), entry, _told(values, own), _told(own, values))
    for at_ms, values in chain.from_iterable(left.values()):
        if at_ms < due_ms:
            yield Finding(_code(values), _when(values, book), -1, "", _told(values, None))
    own = ending(record)
    if book.ended is not None and book.ended != own:
        yield Finding("V203", _when(own, book), book.ended_by, _told(book.ended, own), _told(own, book.ended))


def _code(values: Values) -> str:
    return "V203" if values["kind"] in ("totals", "teams") else "V204"


def _name(values: Values) -> tuple[Any, ...]:
    return tuple(values.get(name) for name in ("kind", "promise", "part", "at_ms", "from_ms", "to_ms"))


def _when(values: Values, book: Book) -> int:
    return int(values["to_ms"]) - (book.origin_ms or 0) if "to_ms" in values else int(values.get("at_ms", 0))


def _told(values: Values | None, other: Values | None) -> str:
    """Say what an entry says that the other does not."""
    if values is None:
        return ""
    what = f"{values['kind']} of '{values['promise']}'" if "promise" in values else str(values["kind"])
    unlike = [f"{name} {value}" for name, value in values.items() if other is None or other.get(name) != value]
    return f"{what}: " + ", ".join(unlike)[:400] if other is not None else what
