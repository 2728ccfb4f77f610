"""From recorded decisions to what the engine and owners are told. Nothing is decided here.

`Acting.plan` reads decisions with the state that they led to, so it is called right after their pass; what it returns is carried out
once the pass is recorded.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from equipoise.controller.attempts import Attempts
from equipoise.controller.desk import Desk, Outcome
from equipoise.controller.errands import Errands
from equipoise.controller.notices import Notice, Told
from equipoise.controller.settings import Settings
from equipoise.controller.situation import Situation
from equipoise.engines.protocol import Attempt, Launch, Part
from equipoise.policy.kernel import layout as k

REFUSALS = {
    k.OVER_MAX_JOB: "its gang is larger than its team's max_job",
    k.OVER_LIMIT: "its gang is larger than a limit of its team",
    k.OVER_POOL: "its gang is larger than the pool",
    k.OVER_FLOOR: "it may not be stopped, and is larger than what its team is sure of",
    k.NO_TEAM: "its team is not in the charter",
}


@dataclass
class Deeds:
    """What is to be done once a pass is recorded."""

    calls: list[Callable[[], None]] = field(default_factory=list[Callable[[], None]])
    outcomes: list[Outcome] = field(default_factory=list[Outcome])
    notices: list[Notice] = field(default_factory=list[Notice])
    refused: dict[int, str] = field(default_factory=dict[int, str])
    places: list[tuple[Attempt, tuple[Part, ...]]] = field(default_factory=list[tuple[Attempt, tuple[Part, ...]]])
    never_launched: list[Attempt] = field(default_factory=list[Attempt])


class Acting:
    """Plans what decisions ask for.

    Parameters
    ----------
    situation, attempts, errands, desk, settings
    monotonic_ms : callable
    """

    def __init__(
        self,
        situation: Situation,
        attempts: Attempts,
        errands: Errands,
        desk: Desk,
        settings: Settings,
        monotonic_ms: Callable[[], int],
    ) -> None:
        self._situation = situation
        self._attempts = attempts
        self._errands = errands
        self._desk = desk
        self._settings = settings
        self._monotonic_ms = monotonic_ms
        self._lost = situation.losses()

    def plan(self, deeds: Deeds, decisions: NDArray[Any], at_ms: int) -> None:
        """Add to the deeds what decisions of one call of the core ask for, in their order."""
        stops = decisions[np.isin(decisions["kind"], (k.STOP, k.LOST, k.RELEASE))]
        left: Counter[int] = Counter(stops["job"].tolist())
        for row in decisions:
            kind, job, other = int(row["kind"]), int(row["job"]), int(row["other"])
            attempt = Attempt(job, self._situation.attempt(job).number - left[job])
            if kind == k.START:
                if left[job] == 0:
                    self._start(deeds, attempt, at_ms)
            elif kind in (k.STOP, k.LOST, k.RELEASE):
                left[job] -= 1
                self._stop(deeds, kind, attempt, other, at_ms)
            elif kind == k.WARN:
                if left[job] == 0:
                    self._warn(deeds, attempt, other, at_ms)
            elif kind == k.WITHDRAW and other >= 0:
                self._tell(deeds, other, Told.SPARED, f"Job {other} goes on: its devices are no longer needed.", at_ms)
            elif kind == k.REFUSE:
                why = REFUSALS.get(other, "it cannot run")
                deeds.refused[job] = why
                deeds.outcomes.append(Outcome(job, "refused", None, why))
                self._tell(deeds, job, Told.REFUSED, f"Job {job} is refused: {why}.", at_ms)

    def launch_of(self, attempt: Attempt) -> Launch:
        """Return what the engine is told to start; its job is on the desk, or the ledger is not this controller's."""
        filed = self._desk.job(attempt.job)
        assert filed is not None, f"job {attempt.job} is in the ledger and not on the desk"
        job, asked = attempt.job, filed.asked
        return Launch(
            attempt=attempt,
            name=asked.name or f"job-{job}",
            team=asked.team,
            pool=self._situation.pool(job),
            gang=asked.gang,
            parts=self._situation.parts(job),
            command=filed.command,
            origin=filed.origin,
            walltime_ms=asked.walltime_ms,
            savepoint=asked.savepoint_ms > 0,
        )

    def warning(self, attempt: Attempt, *, at_ms: int, why: str) -> Callable[[], None] | None:
        """Return what warns an attempt; None for one that is not to be stopped."""
        stop_ms = self._situation.stop_ms(attempt.job)
        if stop_ms is None:
            return None
        return lambda: self._errands.warn(attempt, by_ms=max(0, stop_ms - at_ms), reason=why)

    def _start(self, deeds: Deeds, attempt: Attempt, at_ms: int) -> None:
        if not self._situation.runs(attempt):
            return
        launch = self.launch_of(attempt)
        deeds.places.append((attempt, launch.parts))

        def call() -> None:
            if attempt not in self._attempts:  # a survey of the same step may have found it missing
                self._attempts.hold(launch)

        deeds.calls.append(call)
        if attempt.number:
            self._tell(
                deeds,
                attempt.job,
                Told.RESTARTED,
                f"Job {attempt.job} starts again (attempt {attempt.number + 1}).",
                at_ms,
            )

    def _stop(self, deeds: Deeds, kind: int, attempt: Attempt, other: int, at_ms: int) -> None:
        released, lost = kind == k.RELEASE, kind == k.LOST
        grace_ms = self._settings.cancel_grace_ms if released else self._settings.stop_grace_ms

        def call() -> None:
            taken = self._attempts.get(attempt)
            if taken is None or not taken.touched:
                if taken is not None:
                    self._attempts.drop(taken)
                deeds.never_launched.append(attempt)
                return
            if lost:
                taken.lost_ms = self._monotonic_ms()
            self._attempts.stop(taken, grace_ms=grace_ms, requeue=not released)

        deeds.calls.append(call)
        if released:
            return
        total = self._situation.lost_gpu_ms(attempt.job)
        cost, self._lost[attempt.job] = total - self._lost.get(attempt.job, 0), total
        if lost:
            text, why, told = f"Job {attempt.job} lost its node, and waits again.", "the node went", Told.LOST
        else:
            why, told = self._because(attempt.job, other), Told.RECLAIMED
            text = f"Job {attempt.job} is stopped, and waits again: {why}."
        self._tell(deeds, attempt.job, told, text, at_ms, lost_gpu_ms=cost, why=why)

    def _warn(self, deeds: Deeds, attempt: Attempt, other: int, at_ms: int) -> None:
        why = self._because(attempt.job, other)
        call = self.warning(attempt, at_ms=at_ms, why=why)
        if call is not None:
            deeds.calls.append(call)
            stop_ms = self._situation.stop_ms(attempt.job) or at_ms
            text = f"Job {attempt.job} is stopped in {(stop_ms - at_ms) // 1000} s: {why}."
            self._tell(deeds, attempt.job, Told.WARNED, text, at_ms, why=why)

    def _because(self, job: int, other: int) -> str:
        if other < 0:
            return "what its team is due became less"
        own, asks = self._situation.team(job), self._situation.team(other)
        gang = self._situation.gang(other)
        if own == asks:
            return f"job {other} of the same team has a higher priority and needs {gang} gpu"
        return f"job {other} of {asks} takes back {gang} gpu of its floor"

    def _tell(
        self, deeds: Deeds, job: int, kind: Told, text: str, at_ms: int, *, lost_gpu_ms: int = 0, why: str = ""
    ) -> None:
        deeds.notices.append(Notice(job, self._desk.owner(job), kind, text, at_ms, lost_gpu_ms, why))
