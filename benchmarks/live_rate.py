"""How fast a live controller is with an engine that answers at once: ``python -m benchmarks.live_rate [--jobs N]``.

The ledger and the desk are real files, synced at every pass; the engine is a table in memory, so the figures are the controller's own.
"""

# ruff: noqa: D102  (the methods are those of the protocol)

from __future__ import annotations

import argparse
import tempfile
import threading
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path

from equipoise.charter.model import Charter
from equipoise.charter_io import loads
from equipoise.controller import Controller, Foundation, Settings, open_controller
from equipoise.engines.protocol import (
    Arrived,
    Attempt,
    Command,
    Condition,
    Ended,
    Launch,
    Node,
    Observation,
    Running,
    Seen,
)
from equipoise.ledger.keys import Algorithm, SigningKey
from equipoise.store import open_sqlite
from equipoise.workload.roll import Asked

CHARTER = """\
equipoise: charter/v1
lab: Rate
pools:
  h100: {device: H100, expect: 64 nodes of 8 gpu}
teams:
  product: {floor: 40%, weight: 3}
  research: {floor: 25%}
  safety: {floor: 25%}
"""
KEY = SigningKey("rate.example/log", Algorithm.ED25519, bytes(range(32)))


class InstantEngine:
    """Everything that is launched runs and ends at once; implements :class:`~equipoise.engines.protocol.Engine`."""

    name = "instant"

    def __init__(self, charter: Charter) -> None:
        self._pools = charter.pools
        self._said: deque[Observation] = deque()
        self._event = threading.Event()
        self.launched_s: dict[int, float] = {}

    def nodes(self) -> Sequence[Node]:
        return [
            Node(pool.name, n, f"{pool.name}-{n}", Condition.UP, pool.gpus_per_node)
            for pool in self._pools
            for n in range(pool.nodes)
        ]

    def attempts(self) -> Sequence[Seen]:
        return []

    def waiting(self) -> Sequence[Arrived]:
        return []

    def launch(self, launch: Launch, /) -> None:
        self.launched_s[launch.attempt.job] = time.perf_counter()
        self._said += (Running(launch.attempt), Ended(launch.attempt, 0))

    def warn(self, attempt: Attempt, /, *, by_ms: int, reason: str) -> None: ...

    def stop(self, attempt: Attempt, /, *, grace_ms: int, requeue: bool) -> None: ...

    def forget(self, attempt: Attempt, /) -> None: ...

    def drain(self, pool: str, node: int, /, *, back: bool = False) -> None: ...

    def observe(self, timeout_s: float, /) -> Sequence[Observation]:
        if not self._said:
            self._event.wait(timeout_s)
        self._event.clear()
        said, self._said = [*self._said], deque()
        return said

    def wake(self) -> None:
        self._event.set()

    def close(self) -> None: ...


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=10_000)
    jobs = parser.parse_args().jobs
    charter = loads(CHARTER.encode())
    with tempfile.TemporaryDirectory() as name:
        folder, engines = Path(name), list[InstantEngine]()

        def open_engine(first: Charter) -> InstantEngine:
            engines.append(InstantEngine(first))
            return engines[0]

        controller = open_controller(
            lambda: open_sqlite(folder / "ledger.db", origin=KEY.name), open_engine, folder=folder, spool_folder=folder / "spool",
            key=KEY, foundation=Foundation(charter, CHARTER), settings=Settings(survey_every_ms=3_600_000), room=jobs + 1_024,
        )  # fmt: skip
        assert controller is not None
        controller.start()
        _run(controller, engines[0], 200)  # compiles
        took_s, waits_ms = _run(controller, engines[0], jobs)
        print(
            f"{jobs:,} jobs at once: {jobs / took_s:,.0f} a second, each submitted, started, confirmed and ended in the ledger"
        )
        print(
            f"submission to launch: p50 {waits_ms[len(waits_ms) // 2]:,.0f} ms, p99 {waits_ms[len(waits_ms) * 99 // 100]:,.0f} ms"
        )
        single = sorted(_run(controller, engines[0], 1)[1][0] for _ in range(300))
        print(f"one at a time: p50 {single[150]:.1f} ms, p99 {single[297]:.1f} ms from submission to launch")
        controller.stop()


def _run(controller: Controller, engine: InstantEngine, jobs: int) -> tuple[float, list[float]]:
    """Hand in jobs, wait until all have started; returns how long that took, and how long each waited, in order."""
    command, begun = Command(("true",)), time.perf_counter()
    told = [
        (
            time.perf_counter(),
            controller.submit(Asked(1 + n % 8, ("product", "research", "safety")[n % 3]), command, owner="ada"),
        )
        for n in range(jobs)
    ]
    numbers = [(at, future.result(600).job) for at, future in told]
    while not all(job in engine.launched_s for _, job in numbers):
        time.sleep(0.001)
    took_s = max(engine.launched_s[job] for _, job in numbers) - begun
    return took_s, sorted(1000 * (engine.launched_s[job] - at) for at, job in numbers)


if __name__ == "__main__":
    main()
