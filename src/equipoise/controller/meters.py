"""What the loop counts of itself: passes, decisions, and how long each call of the engine took. Only the controller's thread writes."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from equipoise.controller.clock import Clock
from equipoise.engines.protocol import Arrived, Attempt, Engine, Launch, Node, Observation, Seen
from equipoise.errors import EngineError

T = TypeVar("T")
BOUNDS_MS = (1, 3, 10, 30, 100, 300, 1_000, 3_000, 10_000, 30_000)
"""Upper bounds of the classes of latency."""


@dataclass
class Latency:
    """Times in classes: ``counts`` has one more than `BOUNDS_MS`, for what took longer."""

    counts: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS_MS) + 1))
    sum_ms: int = 0

    def add(self, ms: int) -> None:
        """Count one."""
        self.counts[bisect_left(BOUNDS_MS, ms)] += 1
        self.sum_ms += ms


@dataclass
class Meters:
    """Counts since this controller began.

    Attributes
    ----------
    passes : int
    decisions : Counter of str
        By kind, in the words of the ledger.
    calls : dict of str to Latency
        By method of the engine; `observe` waits on purpose and is not among them.
    errors : Counter of (str, bool)
        Calls that failed, by method and whether trying again may help.
    """

    passes: int = 0
    decisions: Counter[str] = field(default_factory=Counter[str])
    calls: dict[str, Latency] = field(default_factory=dict[str, Latency])
    errors: Counter[tuple[str, bool]] = field(default_factory=Counter[tuple[str, bool]])


class MeteredEngine:
    """An engine whose calls are counted and timed.

    Parameters
    ----------
    engine : Engine
    meters : Meters
    clock : Clock
    """

    def __init__(self, engine: Engine, meters: Meters, clock: Clock) -> None:
        self._engine, self._meters, self._clock = engine, meters, clock

    @property
    def name(self) -> str:
        """The engine's."""
        return self._engine.name

    def nodes(self) -> Sequence[Node]:
        """As of the engine."""
        return self._call("nodes", self._engine.nodes)

    def attempts(self) -> Sequence[Seen]:
        """As of the engine."""
        return self._call("attempts", self._engine.attempts)

    def waiting(self) -> Sequence[Arrived]:
        """As of the engine."""
        return self._call("waiting", self._engine.waiting)

    def launch(self, launch: Launch, /) -> None:
        """As of the engine."""
        self._call("launch", lambda: self._engine.launch(launch))

    def warn(self, attempt: Attempt, /, *, by_ms: int, reason: str) -> None:
        """As of the engine."""
        self._call("warn", lambda: self._engine.warn(attempt, by_ms=by_ms, reason=reason))

    def stop(self, attempt: Attempt, /, *, grace_ms: int, requeue: bool) -> None:
        """As of the engine."""
        self._call("stop", lambda: self._engine.stop(attempt, grace_ms=grace_ms, requeue=requeue))

    def forget(self, attempt: Attempt, /) -> None:
        """As of the engine."""
        self._call("forget", lambda: self._engine.forget(attempt))

    def drain(self, pool: str, node: int, /, *, back: bool = False) -> None:
        """As of the engine."""
        self._call("drain", lambda: self._engine.drain(pool, node, back=back))

    def observe(self, timeout_s: float, /) -> Sequence[Observation]:
        """As of the engine; only its errors are counted."""
        try:
            return self._engine.observe(timeout_s)
        except EngineError as error:
            self._meters.errors["observe", error.retryable] += 1
            raise

    def wake(self) -> None:
        """As of the engine."""
        self._engine.wake()

    def close(self) -> None:
        """As of the engine."""
        self._engine.close()

    def _call(self, what: str, call: Callable[[], T]) -> T:
        began_ms = self._clock.monotonic_ms()
        try:
            return call()
        except EngineError as error:
            self._meters.errors[what, error.retryable] += 1
            raise
        finally:
            self._meters.calls.setdefault(what, Latency()).add(max(0, self._clock.monotonic_ms() - began_ms))
