"""Credits held against the passes: what each entry about a grant must say follows from what its jobs held.

`credited` goes through a book as whoever wrote it did. A controller that goes on takes its grants from there, an audit the findings.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from equipoise.audit.book import CREDITS, Book, Values
from equipoise.audit.finding import Finding
from equipoise.errors import InputError
from equipoise.policy.kernel import layout as k
from equipoise.simulator.crediting import Crediting, Spender, named
from equipoise.units import shown
from equipoise.workload.model import Workload
from equipoise.workload.roll import UNANSWERED, Request

_CODES = {"spent": "V240", "transferred": "V241", "expired": "V242"}
I64 = NDArray[np.int64]


def credit_findings(book: Book, workload: Workload, lost_gpu_ms: I64) -> Iterator[Finding]:
    """Find the first entry about a grant that does not follow, or is missing. A simulated ledger has none."""
    if book.live:
        yield from islice(credited(book, workload, lost_gpu_ms)[1], 1)
    else:
        wrong = ((n, values) for n, _, values in book.credits if values["kind"] in CREDITS)
        for number, values in islice(wrong, 1):
            yield Finding(_CODES[values["kind"]], int(values["at_ms"]), number, _text(values), "")


def credited(book: Book, workload: Workload, lost_gpu_ms: I64) -> tuple[Crediting, list[Finding]]:
    """Return the grants after the last entry of a live ledger, and what was found on the way.

    Parameters
    ----------
    book : Book
    workload : Workload
        As `Book.workload` has it.
    lost_gpu_ms : int64 array
        Of every job what stops took from it, by the policy that was executed again.
    """
    going = _Going(book, workload, lost_gpu_ms)
    for number in going.passes():
        going.take_entries(number)
        going.take_pass(number)
    going.finish()
    return going.credits, going.findings


class _Going:
    """Entries about grants and the passes that touch them, in the order of the ledger."""

    def __init__(self, book: Book, workload: Workload, lost_gpu_ms: I64) -> None:
        self._book, self._workload, self._lost = book, workload, lost_gpu_ms
        self.credits = Crediting(confirmed=book.options().latency is not None)
        self.findings: list[Finding] = []
        self._entries = deque(book.credits)
        self._required: deque[Values] = deque()
        self._asked: dict[str, Request] = {}
        events = book.events
        self._ends = np.flatnonzero(events["kind"] == k.PASS)
        self._times: list[int] = events["time_ms"][self._ends].tolist()
        self._decided = np.concatenate([[0], np.cumsum(events["detail"][self._ends])])

    def passes(self) -> list[int]:
        """Return the numbers of the passes that have to do with jobs that name a grant."""
        names = self._workload.jobs.request
        if names is None:
            return []
        named_jobs = np.flatnonzero([bool(name) for name in names])
        events, decisions = self._book.events, self._book.decisions
        told = np.flatnonzero(
            np.isin(events["kind"], (k.SUBMITTED, k.START_CONFIRMED, k.ENDED, k.JOB_CANCELLED))
            & np.isin(events["subject"], named_jobs)
        )
        decided = np.flatnonzero(np.isin(decisions["job"], named_jobs))
        of_decided = np.searchsorted(self._decided, decided, side="right") - 1
        found: list[int] = np.union1d(np.searchsorted(self._ends, told), of_decided).tolist()
        return found

    def take_entries(self, number: int) -> None:
        """Take the entries that stand before a pass."""
        while self._entries and self._entries[0][1] <= number:
            entry, before, values = self._entries.popleft()
            self._take(entry, values, self._times[before - 1] if before else -1)

    def take_pass(self, number: int) -> None:
        """Take a pass: what must have been said before it, and what it makes due."""
        at_ms, begin = self._times[number], int(self._ends[number - 1]) + 1 if number else 0
        self._missing([*self._required, *self.credits.expire(at_ms)])
        events = self._book.events[begin : self._ends[number]]
        decisions = self._book.decisions[self._decided[number] : self._decided[number + 1]]
        for job, spender in named(self._workload.jobs, events, first=0):
            self._check_named(job, spender, at_ms, self._book.passes[number])
            self.credits.name(job, spender)
        self._required.extend(self.credits.passed(at_ms, events, decisions, lambda job: int(self._lost[job])))

    def finish(self) -> None:
        """Take what stands after the last pass that counts."""
        self.take_entries(len(self._times))
        late = self.credits.expire(self._times[-1]) if self._times else []
        self._missing([*self._required, *late])

    def _take(self, entry: int, values: Values, passed_ms: int) -> None:
        kind, at_ms = values["kind"], int(values.get("at_ms", 0))
        if kind == "request":
            self._ask(entry, values)
        elif kind == "answer":
            self._answer(entry, str(values["name"]), at_ms, int(values["granted_gpu_ms"]))
        elif kind == "transferred":
            self._transfer(entry, values, at_ms, passed_ms)
        else:
            self._hold(entry, values, at_ms, passed_ms)

    def _ask(self, entry: int, values: Values) -> None:
        team, pool = self._workload.teams[int(values["team"])], self._workload.pools[int(values["pool"])]
        amount, asked_ms, begin_ms, end_ms = (
            int(values[name]) for name in ("amount_gpu_ms", "asked_ms", "begin_ms", "end_ms")
        )
        name = str(values["name"])
        self._asked[name] = Request(name, team, pool, amount, asked_ms, begin_ms, end_ms)
        granted = int(values["granted_gpu_ms"])
        if granted != UNANSWERED:
            self._answer(entry, name, int(values["answered_ms"]), granted)

    def _answer(self, entry: int, name: str, at_ms: int, granted_gpu_ms: int) -> None:
        try:
            self.credits.answered(replace(self._asked[name], answered_ms=at_ms, granted_gpu_ms=granted_gpu_ms))
        except InputError as error:
            self.findings.append(Finding("V241", at_ms, entry, f"an answer to request {shown(name)}", error.message))

    def _transfer(self, entry: int, values: Values, at_ms: int, passed_ms: int) -> None:
        team = str(values.get("team", ""))
        wrong = ""
        if at_ms < passed_ms:
            wrong = f"one at {passed_ms} ms or later, as the pass before it"
        elif not str(values["reason"]).strip() or not str(values["by"]).strip():
            wrong = "one with a reason, by somebody"
        elif team and team not in self._leaves():
            wrong = f"a team of the charter, which {shown(team)} is not"
        try:
            if not wrong:
                self.credits.transfer(
                    str(values["name"]), str(values["to"]), int(values["gpu_ms"]), at_ms=at_ms, team=team,
                    reason=str(values["reason"]), by=str(values["by"]),
                )  # fmt: skip
        except InputError as error:
            wrong = error.message
        if wrong:
            self.findings.append(Finding("V241", at_ms, entry, _text(values), wrong))

    def _leaves(self) -> set[str]:
        return {team.path for charter in self._book.charters() for team in charter.leaves}

    def _hold(self, entry: int, values: Values, at_ms: int, passed_ms: int) -> None:
        """Hold an entry against the one that is due."""
        if values["kind"] == "expired":
            self._required.extend(self.credits.expire(at_ms))
        due = self._required.popleft() if self._required else None
        is_late = values["kind"] == "expired" and at_ms <= passed_ms
        if due != values or is_late:
            said = _text(values) + (f", after a pass at {passed_ms} ms" if is_late else "")
            code = _CODES[str(values["kind"] if due is None or is_late else due["kind"])]
            self.findings.append(Finding(code, at_ms, entry, said, _text(due)))

    def _missing(self, required: Iterable[Values]) -> None:
        for values in required:
            code = _CODES[str(values["kind"])]
            self.findings.append(Finding(code, int(values["at_ms"]), -1, "", _text(values)))
        self._required.clear()

    def _check_named(self, job: int, spender: Spender, at_ms: int, entry: int) -> None:
        jobs, grant = self._workload.jobs, self.credits.grants.get(spender.grant)
        team, pool = self._workload.teams[int(jobs.team[job])], self._workload.pools[int(jobs.pool[job])]
        if grant is None or (grant.team, grant.pool) != (team, pool) or not grant.is_open(at_ms):
            said = f"job {job} of {team} in {pool} names {shown(spender.grant)}"
            self.findings.append(Finding("V243", at_ms, entry, said, "an open grant of its team and pool"))


def _text(values: Values | None) -> str:
    if values is None:
        return ""
    return (
        f"{values['kind']}: " + ", ".join(f"{name} {values[name]}" for name in sorted(values) if name != "kind")[:400]
    )
