"""The thread that raises alerts and delivers messages; the controller's thread is only ever asked, and never waits.

`Alerts._look` is the main path: read, judge, compare with the book, take over owners' notices. `Alerts._send` delivers beside it.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import Any

from equipoise.controller.alerts.alert import Alert, Condition
from equipoise.controller.alerts.book import AlertBook, Message, Passed
from equipoise.controller.alerts.conditions import lasting, passing
from equipoise.controller.alerts.delivery import Post, Run, receiver
from equipoise.controller.alerts.entered import WAKING, Entered
from equipoise.controller.alerts.settings import Notices, Settings, Sink, Webhook
from equipoise.controller.clock import Clock, SystemClock
from equipoise.controller.controller import Controller
from equipoise.errors import EquipoiseError, InputError, StoreError
from equipoise.units import HOUR_MS

LOG = logging.getLogger("equipoise.alerts")
AT_ONCE = 4_096
"""Entries, and notices, that are asked for at a time."""
PATIENCE_S = 30.0
"""How long the controller may take to answer."""


@dataclass(frozen=True, slots=True)
class AlertStatus:
    """How alerts stand: those that are open, and messages by receiver and state."""

    open: tuple[Alert, ...] = ()
    messages: Mapping[tuple[str, str], int] = field(default_factory=dict[tuple[str, str], int])


class Alerts:
    """Alerts and notices of one controller.

    Parameters
    ----------
    controller : Controller
    folder : Path
        The desk's; the book is ``alerts.db`` in it.
    settings : Settings
    notices : Notices
    clock : Clock or None
        Of the messages; None: this machine's.
    chance : Random or None
        Of the pauses between tries.

    Raises
    ------
    InputError
        R130, R131, R133 for receivers that cannot be.
    StoreError
        R132 where the book cannot be used.
    """

    def __init__(
        self,
        controller: Controller,
        folder: Path,
        settings: Settings,
        notices: Notices | None = None,
        *,
        clock: Clock | None = None,
        chance: Random | None = None,
    ) -> None:
        self._controller, self._settings, self._fixed = controller, settings, settings
        self._notices = notices or Notices()
        self._clock, self._chance = clock or SystemClock(), chance or Random()
        sinks = (*settings.sinks, *self._notices.sinks)
        self._receivers: dict[str, Post | Run] = {sink.name: receiver(sink) for sink in sinks}
        if len(self._receivers) < len(sinks):
            raise InputError("R130", "two receivers have one name", hint="a name for each, also for those of notices")
        self._book = AlertBook(folder / "alerts.db")
        self._gone: list[Post | Run] = []
        self._entered = Entered()
        self._closes = 0
        self._lasting: tuple[Condition, ...] = ()
        self._pruned_ms = 0
        self._said = ""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._ends = threading.Event()
        self.status = AlertStatus()
        self.looks = 0
        """How often it was looked."""
        self.failure: BaseException | None = None
        """What ended the thread; None while it runs, and after `stop`."""

    @property
    def fixed(self) -> tuple[Sink, ...]:
        """Who receives by the settings, also notices."""
        return (*self._fixed.sinks, *self._notices.sinks)

    def receive(self, hooks: Sequence[Webhook]) -> None:
        """Deliver alerts to these webhooks as well from now on, and to none that was added before; from any thread.

        Raises
        ------
        InputError
            R130, R131, R133 for one that cannot be; then nothing changes.
        """
        before, known = self._receivers, {one.name: one for one in self.fixed}
        kept = {name: one for name, one in before.items() if name in known or one.sink in hooks}
        receivers = kept | {hook.name: receiver(hook) for hook in hooks if hook.name not in kept}
        settings = replace(self._fixed, webhook=(*self._fixed.webhook, *hooks))
        gone = [one for name, one in before.items() if receivers.get(name) is not one]

        def change() -> None:
            self._receivers, self._settings = receivers, settings
            self._gone += gone

        if self._loop is None:
            change()
        else:
            with suppress(RuntimeError):  # it has ended
                self._loop.call_soon_threadsafe(change)
            self._rouse()

    def start(self) -> None:
        """Begin, in a thread of its own."""
        assert self._thread is None, "alerts start once"
        self._controller.subscribe(self._heard)
        self._thread = threading.Thread(target=self._run, name="equipoise alerts", daemon=True)
        self._thread.start()

    def stop(self, timeout_s: float = 10.0) -> None:
        """End; messages that are on their way count as not delivered, and are sent again by the next."""
        self._ends.set()
        if self._loop is not None:
            with suppress(RuntimeError):  # it has ended
                self._loop.call_soon_threadsafe(self._stopped.set)
        if self._thread is not None:
            self._thread.join(timeout_s)

    def _run(self) -> None:
        try:
            asyncio.run(self._live())
        except BaseException as error:
            self.failure = error
            LOG.critical("alerts end: %s", type(error).__name__, exc_info=not isinstance(error, EquipoiseError))
        finally:
            self._book.close()

    async def _live(self) -> None:
        self._roused, self._to_send, self._stopped = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._loop = asyncio.get_running_loop()
        if gone := self._book.forget_sinks(self._receivers):
            LOG.warning("%d messages to receivers that are no more are given up", gone)
        tasks = [asyncio.create_task(one) for one in (self._watch(), self._send(), self._stop_is_asked())]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            for one in (*self._receivers.values(), *self._gone):
                await one.close()

    async def _stop_is_asked(self) -> None:
        if not self._ends.is_set():
            await self._stopped.wait()

    def _heard(self, number: int, values: Mapping[str, Any], /) -> None:
        if values["kind"] in WAKING:
            self._rouse()

    def _rouse(self) -> None:
        """Look at once; from any thread."""
        if self._loop is not None:
            with suppress(RuntimeError):  # it has ended
                self._loop.call_soon_threadsafe(self._roused.set)

    # -------------------------------------------------------------------------------------------------------------- watching

    async def _watch(self) -> None:
        while not self._ends.is_set():
            self._roused.clear()
            try:
                await self._look()
                self._say("")
            except (EquipoiseError, TimeoutError) as error:
                self._say(
                    str(error)
                    if isinstance(error, EquipoiseError)
                    else f"no answer of the controller in {PATIENCE_S:g} s"
                )
            with suppress(TimeoutError):
                await asyncio.wait_for(self._roused.wait(), self._settings.look_every_ms / 1000)

    async def _look(self) -> None:
        """Read how things stand, raise and resolve, and take notices over."""
        await self._let_go()
        vitals = await self._asked(self._controller.vitals(self._closes))
        while entries := await self._asked(self._controller.entries(self._entered.read, AT_ONCE)):
            self._entered.take(entries, origin_ms=vitals.origin_ms)
        if vitals.closes is not None:
            self._lasting = lasting(vitals, vitals.closes, self._settings)
            self._closes = len(vitals.closes.closes_ms)
        entered = self._entered.conditions(vitals.charter, vitals.origin_ms + vitals.at_ms, origin_ms=vitals.origin_ms)
        raised, resolved = self._book.compare(
            [*passing(vitals, self._settings), *self._lasting, *entered],
            now_ms=self._clock.now_ms(),
            sinks=self._settings.sinks,
            mark=self._entered.read,
            passed=[Passed(*one) for one in self._entered.over],
        )
        self._entered.over.clear()
        for alert in raised:
            LOG.warning("%s", alert.condition.sentence, extra=_told(alert, "raised"))
        for alert in resolved:
            LOG.info("over: %s", alert.condition.sentence, extra=_told(alert, "resolved"))
        await self._take_notices()
        self._tidy()
        self.status = AlertStatus(tuple(self._book.open()), self._book.counts())
        self.looks += 1
        self._to_send.set()

    async def _let_go(self) -> None:
        """Let go of receivers that are no more, and of what they were to be told."""
        gone, self._gone = self._gone, []
        for one in gone:
            await one.close()
        if gone:
            self._book.forget_sinks(self._receivers)

    async def _take_notices(self) -> None:
        """Take owners' notices into the book, and only then off the desk."""
        while self._notices.sinks:
            notices = await self._asked(self._controller.notices(AT_ONCE))
            if not notices:
                return
            self._book.take_over(notices, now_ms=self._clock.now_ms(), sinks=self._notices.sinks)
            await self._asked(self._controller.delivered([number for number, _ in notices]))

    async def _asked(self, answer: Future[Any]) -> Any:
        # Not wrapped: a future that waits with the controller must never be cancelled.
        loop, done = asyncio.get_running_loop(), asyncio.Event()

        def tell(_: Future[Any]) -> None:
            with suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(done.set)

        answer.add_done_callback(tell)
        await asyncio.wait_for(done.wait(), PATIENCE_S)
        return answer.result()

    def _tidy(self) -> None:
        now_ms = self._clock.monotonic_ms()
        if now_ms - self._pruned_ms >= HOUR_MS or not self._pruned_ms:
            self._pruned_ms = now_ms
            self._book.prune(self._clock.now_ms())

    def _say(self, trouble: str) -> None:
        if trouble and trouble != self._said:
            LOG.warning("alerts wait: %s", trouble)
        self._said = trouble

    # ------------------------------------------------------------------------------------------------------------ delivering

    async def _send(self) -> None:
        """Deliver what is due, at most so many at once to each receiver."""
        under_way: dict[asyncio.Task[None], Message] = {}
        try:
            while not self._ends.is_set():
                self._to_send.clear()
                for message in self._due(under_way.values()):
                    under_way[asyncio.create_task(self._deliver(message))] = message
                pause_s = self._pause_s()
                woken = asyncio.create_task(self._to_send.wait())
                done, _ = await asyncio.wait({*under_way, woken}, timeout=pause_s, return_when=asyncio.FIRST_COMPLETED)
                woken.cancel()
                for task in [task for task in under_way if task in done]:
                    del under_way[task]
                    task.result()
        finally:
            for task in under_way:
                task.cancel()
            await asyncio.gather(*under_way, return_exceptions=True)

    def _due(self, under_way: Collection[Message]) -> list[Message]:
        """Return what is to be sent now, but for what is under way."""
        found: list[Message] = []
        try:
            for name in self._receivers:
                busy = {one.thread for one in under_way if one.sink == name}
                found += self._book.due(name, self._clock.now_ms(), self._settings.at_once - len(busy), but=busy)
        except StoreError as error:
            self._say(str(error))
        return found

    def _pause_s(self) -> float:
        """How long until a message is due; at least a moment, since one that is due may wait for its turn."""
        try:
            next_ms = self._book.next_ms()
        except StoreError:
            next_ms = None
        wait_ms = 1_000 if next_ms is None else next_ms - self._clock.now_ms()
        return min(1.0, max(0.05, wait_ms / 1000))

    async def _deliver(self, message: Message) -> None:
        """Try a message once, and note what came of it."""
        now_ms, to = self._clock.now_ms(), self._receivers.get(message.sink)
        if to is None:  # it was removed just now
            return
        trouble = await to.tell(message, now_ms // 1000)
        try:
            if not trouble:
                self._book.delivered(message)
            elif self._clock.now_ms() - message.made_ms >= self._settings.retry_for_ms:
                LOG.error("%s: %s is given up after %d tries: %s", message.sink, message.id, message.tries + 1, trouble)
                self._book.given_up(message)
            else:
                LOG.warning("%s: %s is not delivered: %s", message.sink, message.id, trouble)
                self._book.failed(message, self._clock.now_ms() + self._pause_ms(message.tries))
        except StoreError as error:  # it is then sent again: receivers know it by its name
            self._say(str(error))
            await asyncio.sleep(self._settings.retry_least_ms / 1000)

    def _pause_ms(self, tries: int) -> int:
        pause_ms = min(self._settings.retry_most_ms, self._settings.retry_least_ms << min(tries, 30))
        return max(1, round(pause_ms * (0.5 + self._chance.random())))


def _told(alert: Alert, state: str) -> dict[str, object]:
    said = alert.condition
    return {"alert": alert.id, "alert_kind": said.kind.value, "subject": said.subject, "state": state}
