"""A simulated run played again up to an instant, so that the policy itself can be asked why a job waits there, and when it may start.

`Playback.why` is the main path; `rewound` goes through the run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from equipoise.policy.why import Explanation, explain
from equipoise.screens.kept import Kept
from equipoise.screens.rewound import rewound
from equipoise.simulator.calibration import MOST_MS, Guess
from equipoise.simulator.forecast import starts_ms
from equipoise.simulator.record import Record
from equipoise.simulator.replay import Replay

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
        self._rewound = rewound(record)

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
        with self._rewound.turn:
            there = self._rewound.at(at_ms)
            if there is None:
                return None
            replay, _ = there
            origin_ms = self._record.workload.origin_ms
            found = [
                replace(explain(replay.state, replay.layout, job, changes=False), origin_ms=origin_ms) for job in jobs
            ]
            starts = self._starts(replay, jobs, found) if predict else {}
        return [Reason(one, *starts.get(one.job, (None, None))) for one in found]

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


_KEPT = Kept(Playback)
