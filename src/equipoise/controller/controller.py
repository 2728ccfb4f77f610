"""The controller as everything above it sees it: start, stop, orders in, futures out.

`open_controller` is the main path: it waits for the lead, brings the ledger up to date, goes on after it or founds it, and returns a
`Controller`, whose loop runs in a thread of its own. Everything of a `Controller` may be called from any thread.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from copy import deepcopy
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any

from equipoise.audit import Book
from equipoise.audit.minutes import Minutes as MinuteBook
from equipoise.audit.resuming import resumed
from equipoise.charter.model import Charter
from equipoise.controller.clock import Clock, SystemClock
from equipoise.controller.credits import RequestRecord
from equipoise.controller.desk import Desk, Outcome
from equipoise.controller.inbox import (
    Accepted,
    Answer,
    Ask,
    Cancel,
    Convene,
    Drain,
    Enact,
    Enter,
    Look,
    Minutes,
    Submit,
    Transfer,
)
from equipoise.controller.leader import await_lead
from equipoise.controller.loop import Loop
from equipoise.controller.notices import Notice
from equipoise.controller.recorder import Listener, Recorder
from equipoise.controller.register import JobRecord, job_record, job_records
from equipoise.controller.restart import lost_jobs
from equipoise.controller.settings import Settings
from equipoise.controller.situation import Situation
from equipoise.controller.spans import Spans, no_spans
from equipoise.controller.spool import Spool
from equipoise.controller.standing import Standing, jobs_now, pools_now, teams_now
from equipoise.controller.vitals import LedgerVitals, Vitals, closes_since, windows_now
from equipoise.engines.protocol import Command, Engine
from equipoise.errors import EquipoiseError, InputError, StoreError
from equipoise.ledger.keys import SigningKey
from equipoise.policy.columns import Options
from equipoise.policy.growing import GrowingCore
from equipoise.policy.latency import Latency
from equipoise.policy.why import Explanation, explain
from equipoise.simulator.chronicle import Chronicle
from equipoise.store import LedgerStore, StoredLedger
from equipoise.workload.roll import Asked, Request

LOG = logging.getLogger("equipoise.controller")
AT_ONCE = 4_096
Values = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Foundation:
    """What a new ledger begins with; of one that is there nothing of it is read.

    Parameters
    ----------
    charter : Charter
    text : str
        As it was written.
    policy : str
    options : Options
        Starts and stops of a live lab are confirmed, so ``latency`` is set.
    """

    charter: Charter
    text: str
    policy: str = "charter"
    options: Options = Options(latency=Latency())  # noqa: RUF009


class Controller:
    """One leader over one engine.

    Parameters
    ----------
    loop : Loop
        Made by `open_controller`.
    store : LedgerStore
        Closed with the controller.
    """

    def __init__(self, loop: Loop, store: LedgerStore) -> None:
        self._loop = loop
        self._store = store
        self._ends = threading.Event()
        self._thread: threading.Thread | None = None
        self.failure: BaseException | None = None
        """What ended the loop; None while it runs, and after `stop`."""

    # ------------------------------------------------------------------------------------------------------------ life

    def start(self) -> None:
        """Let the loop run in its thread."""
        assert self._thread is None, "a controller starts once"
        self._thread = threading.Thread(target=self._run, name="equipoise controller", daemon=True)
        self._thread.start()

    def stop(self, timeout_s: float = 30.0) -> None:
        """End the loop after its step, sign the ledger, and let go of everything; jobs run on."""
        self._ends.set()
        self._loop.engine.wake()
        if self._thread is not None:
            self._thread.join(timeout_s)
            if self._thread.is_alive():
                raise StoreError(
                    "R115", f"the controller has not ended in {timeout_s:g} s", hint="its engine or ledger hangs"
                )
        self.close()

    def join(self, timeout_s: float | None = None) -> bool:
        """Wait for the loop to end by itself, which is a failure; returns whether it has."""
        assert self._thread is not None
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def step(self) -> None:
        """Go once through the loop in this thread, instead of `start`."""
        self._loop.step()

    def close(self) -> None:
        """Let go of everything; what waits fails."""
        self._loop.inbox.close(
            StoreError("R116", "the controller has ended", hint="try again with the next", retryable=True)
        )
        self._loop.desk.close()
        self._store.close()
        self._loop.engine.close()

    def _run(self) -> None:
        try:
            while not self._ends.is_set():
                self._loop.step()
            self._loop.end()
        except BaseException as error:
            self.failure = error
            LOG.critical("the controller ends: %s", error, exc_info=not isinstance(error, EquipoiseError))
            self._loop.inbox.close(
                StoreError("R116", f"the controller has ended: {error}", hint="see its log", retryable=True)
            )

    # ---------------------------------------------------------------------------------------------------------- orders

    def submit(self, asked: Asked, command: Command | None, *, owner: str, key: str = "") -> Future[Accepted]:
        """Ask for a job; its number follows once the submission is durable. The same key again: the same number.

        Future raises
        -------------
        InputError
            C301, W101, W102, P110 for a job that cannot be; R103 for a key that was used for another; R110 without a program; R112 to R114
            for a grant that it cannot spend.
        StoreError
            R102, R111 where it can be kept nowhere now.
        """
        return self._put(Submit(asked, command, owner, key)).future

    def cancel(self, job: int) -> Future[bool]:
        """Withdraw a job; whether it still waited or ran. R108 for one that is not there."""
        return self._put(Cancel(job)).future

    def ask(self, request: Request) -> Future[None]:
        """Ask for credits, now; P112 for a request that cannot be."""
        return self._put(Ask(request)).future

    def answer(self, name: str, granted_gpu_ms: int, *, reason: str = "") -> Future[int]:
        """Grant, cut or refuse a request; returns from when it counts. P112 for one that is not open; R117 without a reason."""
        return self._put(Answer(name, granted_gpu_ms, reason)).future

    def left_gpu_ms(self, request: str) -> Future[int]:
        """Return what a grant has left; R112 for no such grant."""
        return self._look(lambda: self._loop.submissions.credits.left_gpu_ms(request))

    def transfer(self, name: str, to: str, gpu_ms: int, *, reason: str, who: str) -> Future[str]:
        """Move what a grant has left to another grant, or to a team; returns the grant that has it then (a team gets a new one).

        Who may do that (the owner of the giving team) is for the caller to check. R112 for no such grant, R150 without a reason or a
        person, R151 for what is set aside for jobs, A205 for one that cannot receive it, C301 and W102 for a team that cannot.
        """
        return self._put(Transfer(name, to, gpu_ms, reason, who)).future

    def requests(self) -> Future[list[RequestRecord]]:
        """Return all requests for credits with what became of them, then what transfers opened."""
        return self._look(self._loop.submissions.credits.records)

    def drain(self, pool: str, node: int, *, back: bool = False) -> Future[None]:
        """Put a node into maintenance, or take it back; R109 for one that is not there."""
        return self._put(Drain(pool, node, back)).future

    def enact(
        self, charter: Charter, text: str, *, how: str = "amended", minutes: Minutes = lambda at_ms: ()
    ) -> Future[int]:
        """Let a charter be in force at once that was checked and signed; returns when it took force.

        ``minutes`` is called in the controller's thread with the event time, and returns the entries that come before the charter's own; if
        it raises an ``EquipoiseError``, or `Chronicle.enact` does, nothing is recorded and the charter before stays in force.
        """
        return self._put(Enact(charter, text, how, minutes)).future

    def enter(self, minutes: Minutes) -> Future[int]:
        """Record entries about charters (a proposal, a signature) that ``minutes`` makes for the event time; returns that."""
        return self._put(Enter(minutes)).future

    def convene(self, enter: Callable[[MinuteBook, int], Sequence[Mapping[str, Any]]]) -> Future[tuple[Values, ...]]:
        """Enter something about charters into the minutes, as `tasks.amend` does, and put in force what is due by it.

        ``enter`` is given minutes that it may change, and the Unix time; it returns the entries that it took into them, which the
        future has once they are durable. What it raises the future raises, and nothing is entered.
        """
        return self._put(Convene(enter)).future

    # --------------------------------------------------------------------------------------------------------- looking

    def standing(self, *, jobs: bool = True) -> Future[Standing]:
        """Return how everything stands; without ``jobs`` none of them is told."""
        return self._look(lambda: self._standing(jobs=jobs))

    def jobs(
        self, first: int = 0, *, most: int = 100, is_open: bool = False, of: Callable[[str], bool] | None = None
    ) -> Future[list[JobRecord]]:
        """Return jobs by number, also those that are over; ``of`` tells which teams' are wanted."""
        return self._look(lambda: job_records(*self._sources(), first=first, most=most, is_open=is_open, of=of))

    def job(self, job: int) -> Future[JobRecord]:
        """Return how a job stands or ended; R108 for one that is not there."""
        return self._look(lambda: job_record(*self._sources(), self._known(job)))

    def minutes(self) -> Future[MinuteBook]:
        """Return a copy of what the ledger holds about charters; its docket has the one in force."""
        return self._look(lambda: deepcopy(self._loop.minutes))

    def charter_due_ms(self) -> Future[int | None]:
        """Return the Unix time at which `convene` is to put a charter in force; None while none is due at a known time."""
        return self._look(lambda: self._loop.minutes.due_ms)

    def charter(self) -> Future[Charter]:
        """Return the charter in force."""
        return self._look(lambda: self._loop.chronicle.core.charters[-1])

    def nodes(self) -> Future[dict[tuple[str, int], int]]:
        """Return of every node (pool, number) how it stands by the ledger, as of ``policy.kernel.capacity``."""
        return self._look(self._loop.nodes)

    def why(self, job: int, *, changes: bool = True) -> Future[Explanation]:
        """Explain a job as things stand now; R108 for one that is not there."""
        return self._look(lambda: self._why(job, changes=changes))

    def outcome(self, job: int) -> Future[Outcome | None]:
        """Return how a job ended; None while it has not."""
        return self._look(lambda: self._loop.desk.outcome(job))

    def notices(self, most: int = 100) -> Future[list[tuple[int, Notice]]]:
        """Return the oldest notices that were not delivered, each with its number."""
        return self._look(lambda: self._loop.desk.undelivered(most))

    def delivered(self, numbers: Iterable[int]) -> Future[None]:
        """Note that notices were delivered."""
        told = list(numbers)
        return self._look(lambda: self._loop.desk.delivered(told))

    def vitals(self, closes: int = 1 << 60) -> Future[Vitals]:
        """Return what alerts and metrics are made of; with all closes if there are more than so many."""
        return self._look(lambda: self._vitals(closes))

    def entries(self, first: int, most: int = 4_096) -> Future[list[bytes]]:
        """Return entries from a number on, also those that wait in the spool."""
        return self._look(lambda: self._loop.recorder.entries(first, most))

    def subscribe(self, listener: Listener) -> Future[None]:
        """Tell a listener of every entry that is recorded from now on; in the controller's thread, so it returns at once."""
        return self._look(lambda: self._loop.recorder.subscribe(listener))

    def _sources(self) -> tuple[GrowingCore, Situation, Desk]:
        return self._loop.chronicle.core, self._loop.situation, self._loop.desk

    def _standing(self, *, jobs: bool) -> Standing:
        loop, core = self._loop, self._loop.chronicle.core
        trouble = loop.recorder.trouble
        return Standing(
            core.now_ms,
            core.roll.origin_ms or 0,
            pools_now(core),
            teams_now(core),
            jobs_now(core, loop.situation, loop.desk) if jobs else (),
            loop.recorder.size,
            loop.recorder.spooled,
            "" if trouble is None else trouble.message,
        )

    def _vitals(self, closes: int) -> Vitals:
        loop, core, meters = self._loop, self._loop.chronicle.core, self._loop.meters
        recorder, at_ms = loop.recorder, loop.time.now_ms()
        ledger = LedgerVitals(
            recorder.size,
            "" if recorder.trouble is None else recorder.trouble.message,
            recorder.blocked,
            recorder.spooled,
            recorder.spool.size_bytes,
            recorder.spool.most_bytes,
            recorder.unsigned_ms,
            recorder.every_ms,
            loop.time.ahead_ms,
        )
        return Vitals(
            at_ms,
            core.roll.origin_ms or 0,
            core.charters[-1],
            windows_now(core, at_ms),
            ledger,
            closes_since(core, closes),
            meters.passes,
            meters.decisions.copy(),
            loop.engine.name,
            deepcopy(meters.calls),
            meters.errors.copy(),
        )

    def _why(self, job: int, *, changes: bool) -> Explanation:
        core = self._loop.chronicle.core
        found = explain(core.core.state, core.layout, self._known(job), changes=changes)
        later_ms = self._loop.time.now_ms() - found.at_ms  # nothing has happened since, but time has passed
        waited_ms = found.waited_ms + later_ms if found.state in ("waiting", "claimed") else found.waited_ms
        origin_ms = self._loop.chronicle.core.roll.origin_ms
        return replace(found, at_ms=found.at_ms + later_ms, waited_ms=waited_ms, origin_ms=origin_ms)

    def _known(self, job: int) -> int:
        if not 0 <= job < self._loop.chronicle.core.submitted:
            raise InputError("R108", f"there is no job {job}", hint="`top` lists them")
        return job

    def _look(self, read: Callable[[], Any]) -> Future[Any]:
        return self._put(Look(read)).future

    def _put(self, order: Any) -> Any:
        self._loop.inbox.put(order)
        return order


def open_controller(
    open_store: Callable[[], StoredLedger],
    open_engine: Callable[[Charter], Engine],
    *,
    folder: Path,
    spool_folder: Path,
    key: SigningKey,
    foundation: Foundation,
    settings: Settings | None = None,
    clock: Clock | None = None,
    chance: Random | None = None,
    given_up: threading.Event | None = None,
    book: Callable[[], Book] = Book,
    room: int = 4_096,
    give_up_lost: bool = False,
    spans: Spans = no_spans,
) -> Controller | None:
    """Lead a lab: wait for the ledger, go on after it or found it, and be ready to `Controller.start`.

    Parameters
    ----------
    open_store : callable
        Opens the ledger for writing, such as `open_sqlite` with its path and origin.
    open_engine : callable
        From the first charter to the engine, called once this controller leads.
    folder : Path
        Where the desk is kept (``desk.db``), beside the ledger.
    spool_folder : Path
        Where the spool is kept, on another disk than the ledger.
    key : SigningKey
        The ledger's.
    foundation : Foundation
    settings, clock, chance
        By default the settings' defaults, this machine's clocks, and a generator seeded by the machine.
    given_up : Event or None
        Set to wait for the lead no longer.
    book : callable
        What reads the ledger.
    room : int
        Rows for jobs to begin with.
    give_up_lost : bool
        End jobs that wait or run by the ledger and are not on the desk, because it was lost or is an older one.
    spans : Spans
        `otel_spans`, to watch passes with OpenTelemetry.

    Returns
    -------
    Controller or None
        None where waiting was given up.

    Raises
    ------
    StoreError
        What the store raises; R102, R104, R105 for desk and spool; R118 for a desk that lacks jobs.
    VerificationError
        For a ledger that cannot be gone on with.
    """
    settings, clock = settings or Settings(), clock or SystemClock()
    store = await_lead(open_store, given_up=given_up)
    if store is None:
        return None
    folder.mkdir(parents=True, exist_ok=True)
    spool_folder.mkdir(parents=True, exist_ok=True)
    try:
        desk = Desk(folder / "desk.db")
        recorder = Recorder(
            store, Spool(spool_folder / "spool", key, most_bytes=settings.spool_bytes), key, clock, settings
        )
        chronicle, minutes = _chronicle(store, recorder, foundation, clock, book(), room)
        charter = chronicle.core.charters[-1]
        recorder.every_ms = min(settings.checkpoint_every_ms, charter.evidence.checkpoint_every_ms)
        lost = lost_jobs(chronicle.core, desk)
        if lost and not give_up_lost:
            raise StoreError(
                "R118",
                f"{folder / 'desk.db'} lacks {len(lost)} jobs that wait or run by the ledger, such as {lost[0].number}",
                hint="put a newer backup of the desk back; --give-up-lost ends these jobs as failed",
            )
        desk.file(lost)
        engine = open_engine(chronicle.core.charters[0])
    except BaseException:
        store.close()
        raise
    loop = Loop(
        engine, chronicle, recorder, desk, minutes=minutes, clock=clock, settings=settings, chance=chance or Random(),
        spans=spans,
    )  # fmt: skip
    controller = Controller(loop, store)
    for one in lost:
        controller.cancel(one.number)
    return controller


def _chronicle(
    store: StoredLedger, recorder: Recorder, foundation: Foundation, clock: Clock, book: Book, room: int
) -> tuple[Chronicle, MinuteBook]:
    """Return what goes on after the ledger, or founds it, and what it holds about charters."""
    raw = store.entries()
    while chunk := list(islice(raw, AT_ONCE)):
        book.read(chunk)
    book.close()
    if book.opened is not None:
        assert book.minutes is not None, "a ledger that was opened has minutes"
        return resumed(book, room=room), book.minutes
    core = GrowingCore(
        [foundation.charter], foundation.policy, options=foundation.options, origin_ms=clock.now_ms(), room=room
    )
    chronicle = Chronicle(core)
    opening = chronicle.opening(foundation.text)
    if not recorder.write(opening, core.roll.origin_ms or 0):
        raise StoreError("R111", "a ledger cannot be founded: it cannot be written", retryable=True)
    minutes = MinuteBook(core.roll.origin_ms or 0)
    for values in opening:
        if values["kind"] == "charter":
            minutes.take(values)
    return chronicle, minutes
