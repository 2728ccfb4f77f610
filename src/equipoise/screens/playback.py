"""A simulated run played again up to an instant, so that the policy itself can be asked why a job waits there, and when it may start.

`Playback.why` is the main path. One replay is kept with each run: it goes forward, and begins anew when an earlier instant is asked about.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from equipoise.policy.kernel import layout as k
from equipoise.policy.state import build
from equipoise.policy.why import Explanation, explain
from equipoise.screens.attempts import attempts
from equipoise.screens.kept import Kept
from equipoise.simulator.calibration import MOST_MS, Guess
from equipoise.simulator.days import midnights_under
from equipoise.simulator.forecast import starts_ms
from equipoise.simulator.record import Record
from equipoise.simulator.replay import NODE_STATES, CapChange, NodeChange, Replay
from equipoise.simulator.timeline import Timeline
from equipoise.simulator.windows import windows_of

FUTURES = 9
"""So many futures are played for a prediction: 8 of 10 starts lie between the first and the last tenth of them."""
SEED = 1


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a job waits, and between which times it starts in 8 of 10 futures; None where that is not foreseen, or was not asked."""

    found: Explanation
    low_ms: int | None = None
    high_ms: int | None = None


class Playback:
    """A run under way again.

    Parameters
    ----------
    record : Record
        Of a run that was simulated, with its events.
    """

    def __init__(self, record: Record) -> None:
        self._record = record
        self._replay: Replay | None = None
        self._timeline: Timeline | None = None
        self._at_ms = -1
        self._playing = threading.Lock()

    def why(self, jobs: Sequence[int], at_ms: int, *, predict: bool) -> list[Reason] | None:
        """Explain jobs at an instant; None where the run cannot be played again: it was not simulated.

        Parameters
        ----------
        jobs : sequence of int
            Of the workload, or replicas.
        at_ms : int
            All of it has happened.
        predict : bool
            Whether to play futures for those that wait.
        """
        with self._playing:
            replay = self._played(at_ms)
            if not self._agrees(replay, at_ms):
                return None
            origin_ms = self._record.workload.origin_ms
            found = [
                replace(explain(replay.state, replay.layout, job, changes=False), origin_ms=origin_ms) for job in jobs
            ]
            starts = self._starts(replay, jobs, found) if predict else {}
        return [Reason(one, *starts.get(one.job, (None, None))) for one in found]

    def _played(self, at_ms: int) -> Replay:
        if self._replay is None or self._timeline is None or at_ms < self._at_ms:
            self._begin()
        assert self._replay is not None
        assert self._timeline is not None
        self._timeline.run(at_ms + 1)
        self._at_ms = at_ms
        return self._replay

    def _begin(self) -> None:
        record, workload = self._record, self._record.workload
        later = [(one.plan, one.reference) for one in record.enacted]
        layout = build(
            workload, record.charter.pools, record.plan, reference=record.reference, later=later, options=record.options
        )
        self._replay = Replay(layout, keep=False)
        zones = [record.charter.timezone, *(one.plan.charter.timezone for one in record.enacted)]
        self._timeline = Timeline(
            self._replay,
            midnight_after=midnights_under(zones, record.enact_ms, workload.origin_ms),
            nodes=_nodes(record),
            enact_ms=record.enact_ms,
            caps=_caps(record),
            windows=windows_of(layout, record.charter, workload.origin_ms, record.enact_ms),
        )

    def _agrees(self, replay: Replay, at_ms: int) -> bool:
        """Whether the same jobs run as the record says."""
        found = attempts(self._record)
        runs = np.sort(found.job[found.running(at_ms)])
        return bool(np.array_equal(runs, np.flatnonzero(replay.state.jobs["state"] == k.RUNNING)))

    def _starts(
        self, replay: Replay, jobs: Sequence[int], found: Sequence[Explanation]
    ) -> dict[int, tuple[int | None, int | None]]:
        record = self._record
        rows = [job for job, one in zip(jobs, found, strict=True) if one.state in ("waiting", "claimed")]
        rows = [job for job in rows if job < len(record.run.jobs)]
        if not rows:
            return {}
        now_ms, enforced = replay.now_ms, record.options.enforce_walltime
        walltimes = record.workload.jobs.walltime_ms
        played = starts_ms(
            replay.state, replay.layout, rows, walltimes=walltimes, seed=SEED, replicas=FUTURES, enforced=enforced
        )
        ends: dict[int, tuple[int | None, int | None]] = {}
        for place, job in enumerate(rows):
            guess = Guess.of(now_ms, job, played[:, place])
            low, high = (None if ms >= now_ms + MOST_MS else ms for ms in (guess.low_ms, guess.high_ms))
            ends[job] = (low, high)
        return ends


def playback(record: Record) -> Playback:
    """Return the playback of a run."""
    return _KEPT.of(record)


def _nodes(record: Record) -> list[NodeChange]:
    events = record.run.events
    assert events is not None, "a run that is looked at keeps its events"
    words = {state: word for word, state in NODE_STATES.items()}
    rows = events[(events["kind"] == k.NODE_CHANGED) & (events["refused"] == 0)]
    pools = [pool.name for pool in record.charter.pools]
    return [
        NodeChange(int(row["time_ms"]), pools[int(row["pool"])], int(row["subject"]), words[int(row["detail"])])
        for row in rows
    ]


def _caps(record: Record) -> list[CapChange]:
    events = record.run.events
    assert events is not None
    return [
        CapChange(int(row["time_ms"]), int(row["subject"]), None if row["amount"] >= k.NEVER else int(row["amount"]))
        for row in events[events["kind"] == k.CAP_SET]
    ]


_KEPT = Kept(Playback)
