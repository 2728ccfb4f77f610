"""The devices of each pool over time: how many were up, down, and in maintenance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from equipoise.policy.kernel.capacity import DOWN, MAINTENANCE, UP
from equipoise.policy.kernel.layout import NODE_CHANGED
from equipoise.screens.kept import Kept
from equipoise.simulator.record import Record

I64 = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Devices:
    """Of one pool: from ``time_ms[n]`` on so many devices were in each state; ``time_ms[0]`` is 0."""

    time_ms: I64
    up: I64
    down: I64
    maintenance: I64

    def at(self, at_ms: int) -> tuple[int, int, int]:
        """Return how many devices were up, down and in maintenance once all of an instant had happened."""
        n = int(np.searchsorted(self.time_ms, at_ms, side="right")) - 1
        return int(self.up[n]), int(self.down[n]), int(self.maintenance[n])


def machine(record: Record) -> tuple[Devices, ...]:
    """Return the devices of every pool, in the order of ``charter.pools``."""
    return _KEPT.of(record)


def _found(record: Record) -> tuple[Devices, ...]:
    events = record.run.events
    assert events is not None, "a run that is looked at keeps its events"
    changes = events[(events["kind"] == NODE_CHANGED) & (events["refused"] == 0)]
    found: list[Devices] = []
    for number, pool in enumerate(record.charter.pools):
        states: dict[int, int] = {}
        counts = {UP: pool.capacity, DOWN: 0, MAINTENANCE: 0}
        rows = [(0, pool.capacity, 0, 0)]
        for event in changes[changes["pool"] == number]:
            node, state = int(event["subject"]), int(event["detail"])
            counts[states.get(node, UP)] -= pool.gpus_per_node
            counts[state] += pool.gpus_per_node
            states[node] = state
            rows.append((int(event["time_ms"]), counts[UP], counts[DOWN], counts[MAINTENANCE]))
        columns = np.array(rows, np.int64)
        found.append(Devices(*(columns[:, n] for n in range(4))))
    return tuple(found)


_KEPT = Kept(_found)
