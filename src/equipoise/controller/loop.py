"""The live loop: observe → event → decide → record → act, in that order, in one thread that owns engine, core and ledger.

`Loop.step` is the main path. What others want comes through the `Inbox`. Time-driven rules fire from the core's own next deadline.
A crash between any two steps loses nothing: what is recorded and not acted on is acted on again by the next life (`restart`), and what
was seen and not recorded the engine still knows.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import nullcontext
from copy import deepcopy
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any, assert_never

import numpy as np

from equipoise.audit.minutes import LATE_MS
from equipoise.audit.minutes import Minutes as MinuteBook
from equipoise.controller.acting import Acting, Deeds
from equipoise.controller.attempts import Attempts
from equipoise.controller.clock import Clock, EventTime
from equipoise.controller.desk import Desk, Notes, Outcome
from equipoise.controller.errands import Errands
from equipoise.controller.inbox import (
    Accepted,
    Answer,
    Ask,
    Cancel,
    Convene,
    Drain,
    Enact,
    Enter,
    Inbox,
    Look,
    Submit,
    Transfer,
)
from equipoise.controller.meters import MeteredEngine, Meters
from equipoise.controller.recorder import Recorder
from equipoise.controller.reports import Batch, Reports
from equipoise.controller.restart import Found, Survey, believed_conditions
from equipoise.controller.settings import Settings
from equipoise.controller.situation import Situation
from equipoise.controller.spans import Spans, no_spans
from equipoise.controller.submissions import Filing, Submissions
from equipoise.engines.protocol import Attempt, Engine, Observation
from equipoise.errors import EngineError, EquipoiseError, InputError, StoreError
from equipoise.policy.events import REASONS, sentence
from equipoise.policy.kernel import capacity
from equipoise.policy.spelling import DECISION_WORDS
from equipoise.simulator.chronicle import NOTHING, Chronicle, Taken

LOG = logging.getLogger("equipoise.controller")


@dataclass
class Pass:
    """What was decided together, and what follows once it is recorded."""

    at_ms: int
    batch: Batch = field(default_factory=Batch)
    entries: list[Any] = field(default_factory=list[Any])
    deeds: Deeds = field(default_factory=Deeds)
    filed: Filing = field(default_factory=list)  # pyright: ignore[reportUnknownVariableType]
    answers: list[Callable[[], None]] = field(default_factory=list[Callable[[], None]])
    wanted: bool = False
    """Whether a pass is needed even without events."""
    is_busy: bool = False
    """Whether there is something to decide, and not only somebody who looks."""


class Loop:
    """One leader's loop over one engine.

    Parameters
    ----------
    engine : Engine
    chronicle : Chronicle
        New and opened, or resumed from the ledger.
    recorder : Recorder
    desk : Desk
    minutes : MinuteBook
        What the ledger holds about charters.
    clock : Clock
    settings : Settings
    chance : Random
        Of pauses between retries.
    spans : Spans
        What opens a span around each pass, and in it around what is decided, recorded and acted on.
    """

    def __init__(
        self,
        engine: Engine,
        chronicle: Chronicle,
        recorder: Recorder,
        desk: Desk,
        *,
        minutes: MinuteBook,
        clock: Clock,
        settings: Settings,
        chance: Random,
        spans: Spans = no_spans,
    ) -> None:
        self._spans = spans
        self.meters = Meters()
        engine = MeteredEngine(engine, self.meters, clock)
        self.engine, self.chronicle, self.recorder, self.desk = engine, chronicle, recorder, desk
        self.minutes = minutes
        self._clock, self._settings = clock, settings
        core = chronicle.core
        pools = core.charters[0].pools
        self.situation = Situation(core)
        self.attempts = Attempts({pool.name: (pool.nodes, pool.gpus_per_node) for pool in pools})
        self.errands = Errands(engine, self.attempts, clock, settings, chance)
        self.acting = Acting(self.situation, self.attempts, self.errands, desk, settings, clock.monotonic_ms)
        sizes = {pool.name: (n, pool.gpus_per_node, pool.nodes) for n, pool in enumerate(pools)}
        believed = believed_conditions(core.record, [pool.name for pool in pools])
        self.reports = Reports(self.situation, self.attempts, sizes, believed, desk.owner)
        self._survey = Survey(
            engine, self.situation, self.attempts, self.reports, self.acting, desk, settings, clock.monotonic_ms
        )
        self._origin_ms = core.roll.origin_ms or 0
        self.time = EventTime(clock, origin_ms=self._origin_ms, last_ms=core.now_ms)
        self.submissions = Submissions(chronicle, desk, self.time.now_ms)
        self.inbox = Inbox(engine.wake)
        self._unfinished: Pass | None = None
        self._kept: list[Observation] = []
        self._clear: list[Attempt] = []
        self._notes = Notes()
        self._survey_ms = self._engine_ms = clock.monotonic_ms()
        self._engine_fails = 0
        self._first = True

    @property
    def surveyed(self) -> bool:
        """Whether the engine was compared with the ledger once, so that orders are taken."""
        return not self._first

    def step(self) -> None:
        """Go once through the loop; waits at most until something is due.

        Raises
        ------
        EngineError
            That is not retryable.
        StoreError
            R107 where another controller leads.
        """
        if self.recorder.settle() and self._unfinished is not None:
            done, self._unfinished = self._unfinished, None
            self._act(done)
        self._kept += self._observe()
        if self._unfinished is not None:
            self._turn_away()
        elif not (self._first and self._is_engine_silent()):
            seen, self._kept = self._kept, []
            self._decide(seen)
        self.errands.run(may_launch=self._unfinished is None and not self._first)
        self.recorder.sign_if_due()

    def end(self) -> None:
        """Say until when somebody was there, and sign."""
        if self._unfinished is None and not self._first:
            at_ms = self.time.now_ms()
            self.recorder.write(self.chronicle.farewell(at_ms), self._origin_ms + at_ms)
        self.recorder.sign()

    # -------------------------------------------------------------------------------------------------------------- observe

    def _observe(self) -> Sequence[Observation]:
        if self._is_engine_silent():
            self._clock.pause(max(1, round(self._timeout_s() * 1000)))
            return []
        try:
            seen = self.engine.observe(self._timeout_s())
        except EngineError as error:
            self._engine_failed(error)
            return []
        return seen

    def _is_engine_silent(self) -> bool:
        return self._clock.monotonic_ms() < self._engine_ms

    def _engine_failed(self, error: EngineError) -> None:
        """Leave an engine that does not answer alone for a while; raises what patience does not help."""
        if not error.retryable:
            raise error
        self._engine_fails += 1
        pause_ms = min(self._settings.longest_wait_ms, self._settings.retry_least_ms << min(self._engine_fails, 10))
        self._engine_ms = self._clock.monotonic_ms() + pause_ms
        LOG.warning("the engine does not answer: %s", error.message)

    def _timeout_s(self) -> float:
        """How long to wait for the engine: until something else is due."""
        is_busy = self._kept or self._clear or len(self.inbox)
        if self._unfinished is None and (self._first or is_busy) and not self._is_engine_silent():
            return 0.0
        now_ms = self._clock.monotonic_ms()
        times = [self._settings.longest_wait_ms]
        if self._unfinished is None:
            times.append(max(self._survey_ms, self._engine_ms) - now_ms)
            times.append(self.chronicle.next_ms - self.time.now_ms())
        due_ms = self.errands.next_ms(may_launch=self._unfinished is None)
        if due_ms is not None:
            times.append(due_ms - now_ms)
        return max(0, min(times)) / 1000

    # ------------------------------------------------------------------------------------------------------- event and decide

    def _decide(self, seen: Sequence[Observation]) -> None:
        """Make events of what was seen and wanted, let the core decide, record, and act."""
        found = self._look_around()
        if self._first and found is None:
            self._kept = [*seen, *self._kept]
            return
        made = Pass(self.time.now_ms())
        orders = self.inbox.take(self._settings.burst) if not self._first else []
        made.is_busy = bool(
            seen
            or found is not None
            or self._clear
            or self.chronicle.next_ms <= made.at_ms
            or any(not isinstance(order, Look) for order in orders)
        )
        with self._spans("pass") if made.is_busy else nullcontext() as span:
            self._make(made, seen, found, orders)
            if span is not None:
                span.set_attribute("equipoise.event_time_ms", made.at_ms)
                span.set_attribute("equipoise.entries", len(made.entries))
        for order in orders:
            if isinstance(order, Look):
                _answer(order.future, order.read)

    def _make(self, made: Pass, seen: Sequence[Observation], found: Found | None, orders: Sequence[Any]) -> None:
        """Decide, record and act."""
        with self._spans("decide") if made.is_busy else nullcontext():
            self._fill(made, seen, found, orders)
        self._record(made)

    def _fill(self, made: Pass, seen: Sequence[Observation], found: Found | None, orders: Sequence[Any]) -> None:
        self._catch_up(made)
        self._enact(made, [order for order in orders if isinstance(order, Enact)])
        self._convene(made, [order for order in orders if isinstance(order, Convene)])
        if found is not None:
            self._survey.make(made.batch, found, made.at_ms)
        if self._first:
            self._begin(made)
        self.reports.take(made.batch, seen, made.at_ms)
        self._clear_away(made)
        self._carry_out(made, orders)
        made.entries += made.batch.entries
        if made.batch.events or made.wanted or self.chronicle.next_ms <= made.at_ms:
            self._take(made, self.chronicle.take(made.at_ms, np.concatenate([NOTHING, *made.batch.events])))
        made.deeds.notices += self.submissions.credits.notices(made.at_ms)

    def _catch_up(self, made: Pass) -> None:
        """Let each deadline that is due be decided at its own time, before what is seen now; say so where nobody was there then."""
        late_ms = LATE_MS["live"]
        if self._first or self.chronicle.due_ms + late_ms < made.at_ms:
            silences = self.chronicle.silence(made.at_ms, least_ms=late_ms)
            made.entries += silences
            made.wanted = made.wanted or bool(silences)
        while (due_ms := self.chronicle.due_ms) < made.at_ms:
            self._take(made, self.chronicle.take(due_ms, is_past=True))

    def _take(self, made: Pass, taken: Taken) -> None:
        made.entries += taken.entries
        made.at_ms = max(made.at_ms, taken.at_ms)
        for _, answer in taken.answers:
            for row in answer.refused:
                LOG.warning("not taken: %s: %s", sentence(row), REASONS[int(row["refused"])])
        self.acting.plan(made.deeds, taken.decisions, taken.at_ms)
        self.meters.passes += len(taken.answers)
        kinds, counts = np.unique(taken.decisions["kind"], return_counts=True)
        for kind, count in zip(kinds.tolist(), counts.tolist(), strict=True):
            self.meters.decisions[DECISION_WORDS[kind]] += count

    def _enact(self, made: Pass, orders: Sequence[Enact]) -> None:
        for order in orders:
            made.at_ms = max(made.at_ms, self.chronicle.core.passed_ms + 1)
            try:
                minutes = [*order.minutes(made.at_ms)]
                taken = self.chronicle.enact(made.at_ms, order.charter, order.text, how=order.how)
            except EquipoiseError as error:
                order.future.set_exception(error)
                continue
            made.entries += minutes
            self._minute([*minutes, *(one for one in taken.entries if one["kind"] == "charter")])
            self._take(made, taken)
            made.answers.append(_result(order.future, taken.at_ms))

    def _minute(self, entries: Sequence[Any]) -> None:
        """Take into the minutes what others found right; a charter that was not asked for is in force all the same."""
        for values in entries:
            try:
                self.minutes.take(values)
            except EquipoiseError as error:
                LOG.warning("the minutes do not follow: %s", error.message)
                if values["kind"] == "charter":
                    self.minutes.force(values)

    def _convene(self, made: Pass, orders: Sequence[Convene]) -> None:
        """Let the minutes be written, and what they put in force be in force; where one cannot be, nothing of it is entered."""
        core = self.chronicle.core
        for order in orders:
            minutes, at_ms = deepcopy(self.minutes), max(made.at_ms, core.passed_ms + 1)
            entered: list[Any] = []
            taken: Taken | None = None
            try:
                entries = order.enter(minutes, (core.roll.origin_ms or 0) + at_ms)
                for values in entries:
                    if values["kind"] != "charter":
                        entered.append(values)
                        continue
                    digest = str(values["digest"])
                    taken = self.chronicle.enact(
                        at_ms, minutes.charters[digest], minutes.texts[digest], how=str(values["how"])
                    )
                    made.entries += entered
                    entered = []
                    self._take(made, taken)
            except EquipoiseError as error:
                if taken is None:
                    order.future.set_exception(error)
                    continue
                raise
            made.entries += entered
            made.at_ms = max(made.at_ms, at_ms if entries else 0)
            self.minutes = minutes
            made.answers.append(_result(order.future, tuple(entries)))

    def _look_around(self) -> Found | None:
        """Ask the engine for everything, if it is time."""
        now_ms = self._clock.monotonic_ms()
        if now_ms < self._survey_ms or self._is_engine_silent():
            return None
        try:
            found = self._survey.ask()
        except EngineError as error:
            self._engine_failed(error)
            return None
        self._engine_fails = 0
        self._survey_ms = now_ms + self._settings.survey_every_ms
        return found

    def _begin(self, made: Pass) -> None:
        """Of a new life, once the engine was compared with the ledger: submit what is only on the desk, and warn again."""
        self._first, made.wanted = False, True
        made.batch.events += self.submissions.again(made.at_ms)
        made.deeds.calls += self._survey.warnings(made.at_ms)

    def _clear_away(self, made: Pass) -> None:
        """Attempts that were stopped before the engine heard of them are gone; those of nodes that stay away are given up."""
        clear, self._clear = self._clear, []
        for attempt in clear:
            self.reports.cleared(made.batch, attempt)
        now_ms = self._clock.monotonic_ms()
        for taken in self.attempts.stopping.values():
            is_late = taken.lost_ms is not None and now_ms - taken.lost_ms > self._settings.lost_after_ms
            if is_late and not taken.given_up and self.reports.is_cut_off(taken):
                LOG.warning(
                    "nothing was heard of attempt %s since its node went; its job may run elsewhere", taken.attempt
                )
                self.attempts.give_up(taken)

    def _carry_out(self, made: Pass, orders: Sequence[Any]) -> None:
        """Take orders into the pass."""
        submissions = [order for order in orders if isinstance(order, Submit)]
        for order in orders:
            if not isinstance(order, (Submit, Enact, Convene, Look)):
                try:
                    self._order(made, order)
                except EquipoiseError as error:
                    order.future.set_exception(error)
        for origin in made.batch.withdrawn:
            job = self.desk.by_origin(origin)
            if job is not None and job < self.situation.jobs and self.reports.cancel(made.batch, job):
                made.batch.outcomes.append(Outcome(job, "cancelled", None, "withdrawn by its user"))
        events, made.filed = self.submissions.take(
            [*self.submissions.arrivals(made.batch.arrived), *submissions], made.at_ms
        )
        made.batch.events += events

    def _order(self, made: Pass, order: Cancel | Ask | Answer | Transfer | Drain | Enter) -> None:
        match order:
            case Cancel(job, future):
                if not 0 <= job < self.situation.jobs:
                    raise InputError("R108", f"there is no job {job}", hint="`top` lists them")
                asked = self.reports.cancel(made.batch, job)
                if asked:
                    made.batch.outcomes.append(Outcome(job, "cancelled"))
                made.answers.append(_result(future, asked))
            case Ask(request, future):
                made.entries += self.chronicle.ask(replace(request, asked_ms=made.at_ms))
                made.answers.append(_result(future, None))
            case Answer(name, granted, reason, future):
                self.submissions.credits.check_answer(name, granted, reason)
                entries = self.chronicle.answer(name, made.at_ms, granted, reason=reason)
                made.entries += entries
                made.at_ms, made.wanted = max(made.at_ms, int(entries[0]["at_ms"])), True
                made.answers.append(_result(future, made.at_ms))
            case Transfer(name, to, gpu_ms, reason, by, future):
                entries, receiver = self.submissions.credits.transfer(
                    name, to, gpu_ms, at_ms=made.at_ms, reason=reason, by=by
                )
                made.entries += entries
                made.answers.append(_result(future, receiver))
            case Drain(pool, node, back, future):
                if (pool, node) not in self.nodes():
                    raise InputError("R109", f"pool '{pool}' has no node {node}", hint="nodes count from 0")
                if not back:  # from now on nothing is started there, also before the engine says so
                    self.reports.away(made.batch, pool, node)
                made.deeds.calls.append(lambda: self.errands.drain(pool, node, back=back))
                made.answers.append(_result(future, None))
            case Enter(minutes, future):
                entries = [*minutes(made.at_ms)]
                made.entries += entries
                self._minute(entries)
                made.answers.append(_result(future, made.at_ms))
            case _:
                assert_never(order)

    def nodes(self) -> dict[tuple[str, int], int]:
        """Return how every node of the charter's pools stands by the ledger."""
        pools = self.chronicle.core.charters[0].pools
        believed = self.reports.conditions
        return {(p.name, n): believed.get((p.name, n), capacity.UP) for p in pools for n in range(p.nodes)}

    def _turn_away(self) -> None:
        """Nothing can be recorded: who wants something is told so, who only looks may."""
        cause = self.recorder.trouble
        for order in self.inbox.take(self._settings.burst):
            if isinstance(order, Look):
                _answer(order.future, order.read)
            else:
                said = "nothing can be recorded now" + (f": {cause.message}" if cause else "")
                order.future.set_exception(StoreError("R111", said, hint="try again later", retryable=True))

    # ----------------------------------------------------------------------------------------------------------- record and act

    def _record(self, made: Pass) -> None:
        with self._spans("record") if made.entries else nullcontext():
            is_recorded = self.recorder.write(made.entries, self._origin_ms + made.at_ms)
        if not is_recorded:
            self._unfinished = made
            return
        with self._spans("act") if made.entries else nullcontext():
            self._act(made)

    def _act(self, made: Pass) -> None:
        """Carry out what is recorded, note what the ledger does not hold, and let those who wait know."""
        for call in made.deeds.calls:
            call()
        for attempt in made.batch.strays:
            self.errands.stop_stray(attempt)
        self._clear += made.deeds.never_launched
        self._notes.outcomes += [*made.batch.outcomes, *made.deeds.outcomes]
        self._notes.notices += [*made.batch.notices, *made.deeds.notices]
        self._notes.places += made.deeds.places
        self._notes.forgotten += made.batch.forgotten
        self._note()
        for order, job in made.filed:
            order.future.set_result(Accepted(job, made.deeds.refused.get(job, "")))
        for answer in made.answers:
            answer()

    def _note(self) -> None:
        """Write to the desk, then let the engine forget; what cannot be written now is tried with the next."""
        if not self._notes.any:
            return
        try:
            self.desk.note_all(self._notes)
        except StoreError as error:
            LOG.error("what is to be noted waits: %s", error.message)
            return
        for attempt in self._notes.forgotten:
            self.errands.forget(attempt)
        self._notes = Notes()


def _answer(future: Future[Any], read: Callable[[], Any]) -> None:
    try:
        future.set_result(read())
    except EquipoiseError as error:
        future.set_exception(error)


def _result(future: Future[Any], value: Any) -> Callable[[], None]:
    return lambda: future.set_result(value)
