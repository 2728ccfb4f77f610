"""A ledger written while it happens: a growing core with the charter's calendar, and the entries of each instant.

`Chronicle.take` is the main path. What `bookkeeping.entries` writes of a run that is over, this writes pass by pass: days, windows of
promises and closes come at their own times, also where nobody called then, and totals, closes and verdicts stand before the
passes of their instant. Entries of one call belong into the ledger together, or not at all, and before anybody acts on the answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from equipoise.account import Evidence, Span, heartbeat, silence
from equipoise.charter.model import Charter
from equipoise.errors import InputError
from equipoise.policy.core import Answer
from equipoise.policy.events import Events, event
from equipoise.policy.growing import GrowingCore
from equipoise.policy.kernel import layout as k
from equipoise.policy.passage import decision_rows, event_rows, job_values, told
from equipoise.simulator.bookkeeping import (
    charter_values,
    close_values,
    opened_values,
    request_values,
    totals_values,
    verdict_values,
    window_values,
)
from equipoise.simulator.crediting import Crediting, named
from equipoise.simulator.days import midnights_under
from equipoise.simulator.replay import WindowBegin
from equipoise.simulator.verdicts import terms_of, window_at
from equipoise.simulator.windows import windows_of
from equipoise.workload.model import Workload
from equipoise.workload.roll import Asked, Request

Values = dict[str, Any]
NOTHING = np.zeros(0, k.EVENT)


@dataclass(frozen=True, slots=True)
class Taken:
    """What came of a call.

    Parameters
    ----------
    at_ms : int
        When it counts.
    entries : list of mappings
        To be written before the decisions are carried out.
    answers : list of (int, Answer)
        Of each pass, in order; the last is that of the call itself.
    """

    at_ms: int
    entries: list[Values]
    answers: list[tuple[int, Answer]]

    @property
    def decisions(self) -> np.ndarray[Any, Any]:
        """All decisions, to be carried out in this order: rows of ``layout.DECISION``."""
        return np.concatenate([np.zeros(0, k.DECISION), *(answer.decisions for _, answer in self.answers)])


class Chronicle:
    """A core under the charter's calendar.

    Parameters
    ----------
    core : GrowingCore
        New, or one that went on with a record (then with ``enact_ms`` and ``named`` of its ledger).
    enact_ms : sequence of int
        When all charters of the core but the first came into force.
    named : mapping of str to int, or None
        How many names of ``teams``, ``pools`` and ``users`` the ledger has.
    evidence : Evidence or None
        Heartbeats and re-foundings that the ledger has.
    credits : Crediting or None
        Grants as the ledger has them.
    """

    def __init__(
        self,
        core: GrowingCore,
        *,
        enact_ms: Sequence[int] = (),
        named: Mapping[str, int] | None = None,
        evidence: Evidence | None = None,
        credits: Crediting | None = None,
    ) -> None:
        self.core = core
        self.credits = Crediting(confirmed=core.options.latency is not None) if credits is None else credits
        self.enact_ms = list(enact_ms)
        self._named = dict(named) if named is not None else dict.fromkeys(core.roll.names, 0)
        days = core.record["time_ms"][core.record["kind"] == k.DAY_BEGAN]
        self._day_ms = int(days[-1]) if len(days) else 0
        self._noted_ms = max(core.core.promises, default=0)
        origin_ms = core.roll.origin_ms or 0
        self._beats_ms = [] if evidence is None else [*evidence.beats_ms]
        self._refounded_ms = [] if evidence is None else [*evidence.refounded_ms]
        self._evidence = Evidence(origin_ms, self._beats_ms, self._refounded_ms)
        self._passes = int((core.record["kind"] == k.PASS).sum())
        self._unsaid = Taken(0, [], [])
        self._follow_calendar(core.passed_ms)

    def opening(self, text: str) -> list[Values]:
        """Return the first entries of a ledger; ``text`` is the first charter's."""
        plan, first = self.core.layout.plan, self.core.charters[0]
        opened = opened_values(
            plan, self.core.options, self.core.roll.origin_ms, source="live", run_times="unknown", lab=first.lab
        )
        return [opened, charter_values(first, text, at_ms=0, how="founded"), *self._names()]

    @property
    def next_ms(self) -> int:
        """When `take` is to be called though nothing happens: a deadline of the core, a midnight, an edge of a window, a grant's end."""
        return min(self.due_ms, self._beat_ms)

    @property
    def due_ms(self) -> int:
        """The same without heartbeats, which are of whenever they are made."""
        calendar_ms = min(self._close_ms, self._midnight_ms, self._edge_ms)
        return min(self.core.next_ms, calendar_ms, self.credits.next_ms)

    def take(self, at_ms: int, events: Events = NOTHING, *, is_past: bool = False) -> Taken:
        """Tell what happened at one instant; a time before the latest pass counts as that pass's.

        Days, windows and closes that were due before come first, each at its own time. Of an instant that is past, whose deadline
        is decided now, nobody says that he was there.
        """
        taken = self._begin(max(at_ms, self.core.now_ms))
        self._catch_up(taken, taken.at_ms)
        if not is_past:
            self._beat(taken)
        self._instant(taken, taken.at_ms, events)
        return taken

    def silence(self, until_ms: int, *, least_ms: int) -> list[Values]:
        """Return an entry that says that nobody was there since the latest thing that was recorded, if that is longer ago than some."""
        from_ms = max([self.core.now_ms, *(at_ms - (self.core.roll.origin_ms or 0) for at_ms in self._beats_ms[-1:])])
        is_long = self.core.passed_ms >= 0 and until_ms - from_ms > least_ms
        return [silence(from_ms, until_ms)] if is_long else []

    def farewell(self, at_ms: int) -> list[Values]:
        """Return a heartbeat for the end of an orderly life, from which on nobody is there; nothing while a deadline is due."""
        taken = self._begin(at_ms)
        if self.core.passed_ms >= 0 and self.core.now_ms <= at_ms < self.due_ms:
            self._beat_ms = at_ms
            self._beat(taken)
        return taken.entries

    def enact(self, at_ms: int, charter: Charter, text: str, *, how: str = "amended") -> Taken:
        """Let another charter be in force from ``at_ms`` on, at the earliest right after the latest pass.

        Raises
        ------
        InputError
            As of `GrowingCore.enact`; the charter before stays in force, and what was due by then is told with the next call.
        """
        taken = self._begin(max(at_ms, self.core.passed_ms + 1))
        self._catch_up(taken, taken.at_ms)
        try:
            number = self.core.enact(charter)
        except InputError:
            self._unsaid = taken
            raise
        self.enact_ms.append(taken.at_ms)
        if how == "re-founded":
            self._refounded_ms.append((self.core.roll.origin_ms or 0) + taken.at_ms)
        self._follow_calendar(taken.at_ms - 1)
        entry = charter_values(charter, text, at_ms=taken.at_ms, how=how)
        self._instant(taken, taken.at_ms, event(k.CHARTER_ENACTED, number), before=[entry])
        return taken

    def ask(self, request: Request) -> list[Values]:
        """Enter a request for credits; raises ``InputError`` P112 as `GrowingCore.ask`, and A205 for the name of a grant."""
        self.credits.grants.check_new(request.name)
        self.core.ask(request)
        asked = self.core.roll.requests()
        return [*self._names(), request_values(asked, len(asked) - 1)]

    def answer(self, name: str, at_ms: int, granted_gpu_ms: int, *, reason: str = "") -> list[Values]:
        """Answer a request for credits; raises ``InputError`` P112 as `GrowingCore.answer`."""
        answered = self.core.answer(name, at_ms, granted_gpu_ms, reason=reason)
        self.credits.answered(answered)
        values: Values = {"kind": "answer", "at_ms": answered.answered_ms, "name": name}
        return [values | {"granted_gpu_ms": granted_gpu_ms, "reason": reason}]

    def transfer(
        self, name: str, to: str, gpu_ms: int, *, at_ms: int, reason: str, by: str, team: str = ""
    ) -> list[Values]:
        """Move what a grant has left to another grant, or (``team``) to a new one of that name for another team.

        Raises
        ------
        InputError
            A205 for what cannot be moved, C301 and W102 for a team that cannot have a grant; nothing has changed then.
        """
        if team:
            self.core.check(Asked(1, team, self.core.layout.pools[0].name))
        at_ms = max(at_ms, self.core.now_ms)
        return [self.credits.transfer(name, to, gpu_ms, at_ms=at_ms, team=team, reason=reason, by=by)]

    # ------------------------------------------------------------------------------------------------------------ the calendar

    def _follow_calendar(self, passed_ms: int) -> None:
        """Find what comes after a time, up to which everything was done, under all charters that are known."""
        core = self.core
        zones = [charter.timezone for charter in core.charters]
        self._midnight_after = midnights_under(zones, self.enact_ms, core.roll.origin_ms)
        self._close_ms = self._midnight_after(max(passed_ms, 0))
        self._midnight_ms = self._midnight_after(self._day_ms)
        # Twice as often as the strictest charter asks.
        self._beat_every_ms = min(charter.evidence.checkpoint_every_ms for charter in core.charters) // 2
        latest_ms = self._beats_ms[-1] - (core.roll.origin_ms or 0) if self._beats_ms else 0
        self._beat_ms = latest_ms + self._beat_every_ms
        self._windows = windows_of(core.layout, core.charters[0], core.roll.origin_ms, self.enact_ms)
        if self._windows is not None:
            self._windows.skip(passed_ms)

    @property
    def _edge_ms(self) -> int:
        return k.NEVER if self._windows is None else self._windows.next_ms

    def _begin(self, at_ms: int) -> Taken:
        """Begin a call with what one that failed left to say."""
        unsaid, self._unsaid = self._unsaid, Taken(0, [], [])
        return Taken(at_ms, unsaid.entries, unsaid.answers)

    def _beat(self, taken: Taken) -> None:
        """Say that the recorder is alive, if that is due: only ever of now."""
        if taken.at_ms >= self._beat_ms:
            taken.entries.append(heartbeat(taken.at_ms, self._passes))
            self._beats_ms.append((self.core.roll.origin_ms or 0) + taken.at_ms)
            self._beat_ms = taken.at_ms + self._beat_every_ms

    def _catch_up(self, taken: Taken, until_ms: int) -> None:
        """Do what was due before a time."""
        while (stop_ms := min(self._close_ms, self._edge_ms, self.credits.next_ms)) < until_ms:
            self._instant(taken, stop_ms, None)

    def _instant(self, taken: Taken, at_ms: int, events: Events | None, *, before: Sequence[Values] = ()) -> None:
        """Close accounts, begin days and windows, and let the core decide; without events only where a window changes."""
        taken.entries.extend(self.credits.expire(at_ms))
        begun, closing, edge = list[WindowBegin](), at_ms == self._close_ms, at_ms == self._edge_ms
        if closing:
            taken.entries.extend(self._close(at_ms))
        if edge and self._windows is not None:
            self.core.close_promises(at_ms)
            begun = self._windows.turn(self.core.core)
        if closing or edge:
            taken.entries.extend(self._promises(at_ms, begun))
        taken.entries.extend(before)
        if events is not None or begun or (edge and self.core.layout.later):
            self._pass(taken, at_ms, [NOTHING if events is None else events, *map(_window_row, begun)])

    def _pass(self, taken: Taken, at_ms: int, rows: list[Events]) -> None:
        if self._midnight_ms <= at_ms:
            rows.append(event(k.DAY_BEGAN))
            self._day_ms, self._midnight_ms = at_ms, self._midnight_after(at_ms)
        first = self.core.submitted
        answer = self.core.take(at_ms, np.concatenate(rows))
        asked = Workload(self.core.roll.jobs(first, self.core.submitted), ())
        taken.entries.extend(self._names())
        taken.entries.append(
            told(
                at_ms,
                list(event_rows(answer.taken)),
                list(decision_rows(answer.decisions)),
                list(job_values(asked, known=False)),
            )
        )
        taken.entries.extend(self._spent(at_ms, answer, asked, first))
        taken.answers.append((at_ms, answer))
        self._passes += 1

    def _spent(self, at_ms: int, answer: Answer, asked: Workload, first: int) -> list[Values]:
        """Return what the jobs that are over with a pass spent of grants."""
        for job, spender in named(asked.jobs, answer.taken, first=first):
            self.credits.name(job, spender)
        lost = self.core.core.state.jobs["lost"]
        return self.credits.passed(at_ms, answer.taken, answer.decisions, lambda job: int(lost[job]))

    # ------------------------------------------------------------------------------------------------------------ entries

    def _names(self) -> list[Values]:
        """Return the names that the ledger does not have yet."""
        names = self.core.roll.names
        new = {kind: found[self._named[kind] :] for kind, found in names.items() if len(found) > self._named[kind]}
        self._named = {kind: len(found) for kind, found in names.items()}
        return [{"kind": "names"} | new] if new else []

    def _close(self, at_ms: int) -> list[Values]:
        self.core.close(at_ms)
        self._close_ms = self._midnight_after(at_ms)
        teams, pools = self.core.core.latest_close
        reference, promised = self.core.layout.reference, self.core.layout.promised
        return list(totals_values(at_ms, teams, pools, reference, promised, {line.path for line in reference.lines}))

    def _promises(self, at_ms: int, begun: Sequence[WindowBegin]) -> list[Values]:
        """Return the closes and verdicts that end, and the windows that open."""
        layout, origin_ms = self.core.layout, self.core.roll.origin_ms or 0
        totals, found = self.core.core.promises, list[Values]()
        for one in layout.promised:
            if not one.foreign:
                close = close_values(one, totals, self._noted_ms, at_ms, origin_ms) if self._noted_ms < at_ms else None
                found += [] if close is None else [close]
                for from_ms, to_ms in totals[at_ms][1][one.first_span : one.first_span + one.spans, :2].tolist():
                    if from_ms < to_ms == at_ms:
                        found.append(verdict_values(window_at(one, totals, from_ms, at_ms, origin_ms, self._evidence)))
                for new in begun:
                    if new.promise == one.number:
                        span = Span(origin_ms + at_ms, origin_ms + new.to_ms)
                        found.append(window_values(one, terms_of(one, span, new.make_good)))
        self._noted_ms = at_ms
        return found


def _window_row(one: WindowBegin) -> Events:
    return event(k.WINDOW_BEGAN, one.promise, detail=one.place, until_ms=one.to_ms, amount=one.make_good)
