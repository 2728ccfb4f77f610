"""How long one instant takes: from the kernel's being called for it to its decisions' being there.

The clock is read in Python around each call, so the call itself and the clock are in every figure.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from benchmarks._replays import Fleet, compiled, laid_out, replayed
from equipoise.policy.state import Layout
from equipoise.simulator.replay import Replay


class Clocked(Replay):
    """A replay that goes instant by instant and reads the clock around each, with the jobs pending before it."""

    def __init__(self, layout: Layout, *, keep: bool) -> None:
        super().__init__(layout, keep=keep)
        self.took_ns: list[int] = []
        self.pending: list[int] = []
        self._call["run"] = self._clocked(self._call["run"])

    def advance(self, until_ms: int, *, resume: bool = False) -> int:
        """Run instants before ``until_ms``, one a call."""
        next_ms = super().advance(0, resume=resume)  # nothing comes before 0: this asks for the time of the next
        while next_ms < until_ms:
            next_ms = super().advance(next_ms + 1)
        return next_ms

    def _clocked(self, run: Callable[..., int]) -> Callable[..., int]:
        pools, clock = self.layout.state.pools, time.perf_counter_ns

        def clocked(handle: object, until_ms: int, room: int, resume: bool) -> int:  # noqa: FBT001 the kernel's own form
            pending = int(pools["pending"].sum())
            begun_ns = clock()
            next_ms = run(handle, until_ms, room, resume)
            took_ns = clock() - begun_ns
            if until_ms > 0:
                self.took_ns.append(took_ns)
                self.pending.append(pending)
            return next_ms

        return clocked


@dataclass(frozen=True, slots=True)
class Latency:
    """Of the instants before which at least so many jobs were pending."""

    pending: int
    most_pending: int
    instants: int
    p50_us: float
    p99_us: float


def latency(wanted: Fleet, *, pending: int) -> Latency:
    """Replay a fleet that asks for too much under all rules, instant by instant; the decisions are those of the straight run."""
    compiled()
    workload, charter = wanted.made()
    clocked: list[Clocked] = []

    def kind(layout: Layout, *, keep: bool) -> Replay:
        clocked.append(Clocked(layout, keep=keep))
        return clocked[0]

    _, run = replayed(laid_out("charter", workload, charter), workload, charter, kind=kind)
    _, straight = replayed(laid_out("charter", workload, charter), workload, charter)
    assert run.digest == straight.digest, "instant by instant it decided differently"
    before = np.array(clocked[0].pending)
    took_us = np.array(clocked[0].took_ns)[before >= pending] / 1e3
    assert len(took_us) > 1_000, f"only {len(took_us)} instants had {pending:,} jobs pending"
    p50, p99 = np.percentile(took_us, (50, 99))
    return Latency(pending, int(before.max()), len(took_us), float(p50), float(p99))
