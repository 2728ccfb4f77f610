"""What the engine is to be told, again and again until it has taken it: launches, warnings, stops, what it may forget.

Everything may be told twice. An error that is ``retryable`` is answered with patience, which grows and is jittered by a seeded
generator; any other is the engine's end, and the controller's with it. No errand waits for another.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from equipoise.controller.attempts import Attempts, Stage, Taken
from equipoise.controller.clock import Clock
from equipoise.controller.settings import Settings
from equipoise.engines.protocol import Attempt, Engine
from equipoise.errors import EngineError

LOG = logging.getLogger("equipoise.controller")


@dataclass(slots=True)
class Errand:
    """Something that is told once it is taken, and then is over."""

    call: Callable[[], None]
    what: str
    until_ms: int | None = None
    tries: int = 0
    next_ms: int = 0


class Errands:
    """What the engine has not taken yet.

    Parameters
    ----------
    engine : Engine
    attempts : Attempts
    clock : Clock
    settings : Settings
    chance : Random
        Of the pauses.
    """

    def __init__(self, engine: Engine, attempts: Attempts, clock: Clock, settings: Settings, chance: Random) -> None:
        self._engine = engine
        self._attempts = attempts
        self._clock = clock
        self._settings = settings
        self._chance = chance
        self._others: list[Errand] = []
        self.launches = 0

    def warn(self, attempt: Attempt, *, by_ms: int, reason: str) -> None:
        """Let a running attempt know that it will be stopped in ``by_ms``; later than that is too late."""
        engine, due_ms = self._engine, self._clock.monotonic_ms() + by_ms

        def call() -> None:
            left_ms = max(0, due_ms - self._clock.monotonic_ms())
            taken = self._attempts.get(attempt)
            if taken is not None and taken.stage is Stage.LAUNCHED:
                engine.warn(attempt, by_ms=left_ms, reason=reason)

        self._others.append(Errand(call, f"warn {attempt}", until_ms=due_ms))

    def forget(self, attempt: Attempt) -> None:
        """Let the engine let go of an attempt that is over."""
        self._others.append(Errand(lambda: self._engine.forget(attempt), f"forget {attempt}"))

    def stop_stray(self, attempt: Attempt) -> None:
        """Stop an attempt that nobody decided."""
        self._others.append(Errand(lambda: self._engine.stop(attempt, grace_ms=0, requeue=False), f"stop {attempt}"))

    def drain(self, pool: str, node: int, *, back: bool) -> None:
        """Put a node into maintenance, or take it back."""
        self._others.append(Errand(lambda: self._engine.drain(pool, node, back=back), f"drain {pool}/{node}"))

    def run(self, *, may_launch: bool) -> None:
        """Tell the engine whatever is due; launches wait while nothing can be recorded."""
        now_ms = self._clock.monotonic_ms()
        for taken in [*self._attempts.stopping.values()]:
            if taken.next_ms <= now_ms:
                self._stop(taken, now_ms)
        for taken in [*self._attempts.held.values()] if may_launch else ():
            if taken.next_ms <= now_ms and self._attempts.may_launch(taken):
                self._launch(taken, now_ms)
        waiting, self._others = self._others, []
        for errand in waiting:
            if errand.next_ms > now_ms or not self._tell(errand, now_ms):
                self._others.append(errand)

    def next_ms(self, *, may_launch: bool) -> int | None:
        """Return when something is due, by the monotonic clock; None: nothing is."""
        times = [taken.next_ms for taken in self._attempts.stopping.values()]
        held = self._attempts.held.values() if may_launch else ()
        times += [taken.next_ms for taken in held if self._attempts.may_launch(taken)]
        times += [errand.next_ms for errand in self._others]
        return min(times, default=None)

    def _launch(self, taken: Taken, now_ms: int) -> None:
        assert taken.launch is not None
        self._attempts.touch(taken)
        try:
            self._engine.launch(taken.launch)
        except EngineError as error:
            taken.tries, taken.next_ms = (
                taken.tries + 1,
                self._later(error, taken.tries, now_ms, f"launch {taken.attempt}"),
            )
            return
        self.launches += 1
        self._attempts.launched(taken)

    def _stop(self, taken: Taken, now_ms: int) -> None:
        try:
            self._engine.stop(taken.attempt, grace_ms=taken.grace_ms, requeue=taken.requeue)
        except EngineError as error:
            taken.tries, taken.next_ms = (
                taken.tries + 1,
                self._later(error, taken.tries, now_ms, f"stop {taken.attempt}"),
            )
            return
        # An engine that never says that it has stopped is told again.
        taken.told, taken.tries = True, taken.tries + 1
        taken.next_ms = now_ms + taken.grace_ms + self._pause_ms(taken.tries + 4)

    def _tell(self, errand: Errand, now_ms: int) -> bool:
        """Tell one; returns whether it is over."""
        if errand.until_ms is not None and now_ms > errand.until_ms:
            return True
        try:
            errand.call()
        except EngineError as error:
            errand.tries, errand.next_ms = errand.tries + 1, self._later(error, errand.tries, now_ms, errand.what)
            return False
        return True

    def _later(self, error: EngineError, tries: int, now_ms: int, what: str) -> int:
        """Return when to try again; raises the error if that cannot help."""
        if not error.retryable:
            raise error
        pause_ms = self._pause_ms(tries)
        LOG.warning("%s: %s; again in %d ms", what, error.message, pause_ms)
        return now_ms + pause_ms

    def _pause_ms(self, tries: int) -> int:
        """A pause that doubles with every try, up to a bound, and is between half and one and a half of that."""
        pause_ms = min(self._settings.retry_most_ms, self._settings.retry_least_ms << min(tries, 20))
        return max(1, round(pause_ms * (0.5 + self._chance.random())))
