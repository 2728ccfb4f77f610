"""A run that was simulated, gone through again up to an instant; a few states are kept on the way, so that going back is quick.

`Rewound.at` is the main path. Whoever uses it holds ``turn`` as long as the replay is looked at: the next wish moves it on.
"""

from __future__ import annotations

import threading

import numpy as np
from numpy.typing import NDArray

from equipoise.policy.kernel import layout as k
from equipoise.policy.state import Layout, build
from equipoise.screens.kept import Kept
from equipoise.simulator.days import midnights_under
from equipoise.simulator.record import Record
from equipoise.simulator.replay import NODE_STATES, CapChange, NodeChange, Replay
from equipoise.simulator.timeline import Timeline
from equipoise.simulator.windows import windows_of

SNAPSHOTS = 8
"""So many states of a run are kept, evenly over the time in which work was asked for."""


class Rewound:
    """A run that can be gone through again.

    Parameters
    ----------
    record : Record
        With its decisions and events.
    """

    def __init__(self, record: Record) -> None:
        self.turn = threading.Lock()
        self._record = record
        self._snapshots: dict[int, bytes] = {}
        self._latest: tuple[Replay, Timeline] | None = None

    def at(self, at_ms: int) -> tuple[Replay, Timeline] | None:
        """Return a replay that has gone through an instant, and nothing later; None where other decisions come of it.

        They do where the run was not simulated: nobody knows what its workload asked for beyond what was told.
        """
        if (
            self._latest is None
            or self._latest[0].passed_ms > at_ms + 1
            or self._nearest(at_ms) > self._latest[0].passed_ms
        ):
            self._latest = self._begun(self._nearest(at_ms))
        replay, timeline = self._latest
        end_ms = self._record.workload.asked_ms
        for stop_ms in (end_ms * n // SNAPSHOTS for n in range(1, SNAPSHOTS)):
            if replay.passed_ms < stop_ms <= at_ms:
                timeline.run(stop_ms)
                self._snapshots.setdefault(stop_ms, replay.snapshot())
        timeline.run(at_ms + 1)
        made, own = replay.decisions, self._record.run.decisions
        assert made is not None
        assert own is not None, "a run that is looked at keeps its decisions"
        return (replay, timeline) if np.array_equal(made, own[: len(made)]) else None

    def _nearest(self, at_ms: int) -> int:
        """The latest kept state before an instant; -1: the beginning."""
        return max((kept_ms for kept_ms in self._snapshots if kept_ms <= at_ms), default=-1)

    def _begun(self, kept_ms: int) -> tuple[Replay, Timeline]:
        """Return a replay at a kept state."""
        record, layout = self._record, layout_of(self._record)
        replay = Replay(layout, keep=True) if kept_ms < 0 else Replay.restore(self._snapshots[kept_ms], layout)
        zones = [record.charter.timezone, *(one.plan.charter.timezone for one in record.enacted)]
        timeline = Timeline(
            replay,
            midnight_after=midnights_under(zones, list(record.enact_ms), record.workload.origin_ms),
            closes_ms=record.run.closes_ms.tolist()[:-1],
            nodes=_nodes(record),
            enact_ms=record.enact_ms,
            caps=_caps(record),
            windows=windows_of(layout, record.charters[0], record.workload.origin_ms, list(record.enact_ms)),
        )
        return replay, timeline


def rewound(record: Record) -> Rewound:
    """Return what goes through a run again; it is kept as long as the record is."""
    return _KEPT.of(record)


def layout_of(record: Record, *, told: bool = False, burst: int | None = None) -> Layout:
    """Return the state that a run began with; ``told``: by events, which say when jobs end."""
    later = [(one.plan, one.reference) for one in record.enacted]
    return build(
        record.workload, record.charter.pools, record.plan, reference=record.reference, later=later,
        options=record.options, run_times="unknown" if told else "simulated", burst=burst,
    )  # fmt: skip


def _nodes(record: Record) -> list[NodeChange]:
    words = {state: word for word, state in NODE_STATES.items()}
    pools = [pool.name for pool in record.charter.pools]
    rows = _rows(record, k.NODE_CHANGED)
    return [
        NodeChange(int(row["time_ms"]), pools[int(row["pool"])], int(row["subject"]), words[int(row["detail"])])
        for row in rows[rows["refused"] == 0]
    ]


def _caps(record: Record) -> list[CapChange]:
    return [
        CapChange(int(row["time_ms"]), int(row["subject"]), None if row["amount"] >= k.NEVER else int(row["amount"]))
        for row in _rows(record, k.CAP_SET)
    ]


def _rows(record: Record, kind: int) -> NDArray[np.void]:
    events = record.run.events
    assert events is not None, "a run that is looked at keeps its events"
    return events[events["kind"] == kind]


_KEPT = Kept(Rewound)
