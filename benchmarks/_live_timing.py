"""An engine between the controller and a real one that writes down when it is told what, and when it says what."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from equipoise.engines.protocol import Attempt, Engine, Launch, Observation, Running, Stopped


def now_ms() -> float:
    return time.time_ns() / 1e6


class TimedEngine:
    """Implements :class:`~equipoise.engines.protocol.Engine`; all else goes to the engine behind it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.launched_ms: dict[str, float] = {}
        self.running_ms: dict[str, float] = {}
        self.stop_ms: dict[str, float] = {}
        self.stopped_ms: dict[str, float] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)

    def launch(self, launch: Launch, /) -> None:
        self.launched_ms.setdefault(str(launch.attempt), now_ms())
        self._engine.launch(launch)

    def stop(self, attempt: Attempt, /, *, grace_ms: int, requeue: bool) -> None:
        self.stop_ms.setdefault(str(attempt), now_ms())
        self._engine.stop(attempt, grace_ms=grace_ms, requeue=requeue)

    def observe(self, timeout_s: float, /) -> Sequence[Observation]:
        seen = self._engine.observe(timeout_s)
        for one in seen:
            if isinstance(one, Running):
                self.running_ms.setdefault(str(one.attempt), now_ms())
            elif isinstance(one, Stopped):
                self.stopped_ms.setdefault(str(one.attempt), now_ms())
        return seen
