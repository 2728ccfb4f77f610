"""What the engine knows, held against what the policy believes: at a start, and now and then in case a report was lost.

`Survey.make` is the main path. Jobs that ended, vanished or appeared while nobody looked become reports as if the engine made them now;
decisions that were recorded and not acted on are acted on again; attempts that nobody decided are stopped.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from equipoise.controller.acting import Acting
from equipoise.controller.attempts import Attempts, Stage
from equipoise.controller.desk import Desk, Filed
from equipoise.controller.reports import Batch, Reports
from equipoise.controller.settings import Settings
from equipoise.controller.situation import Situation
from equipoise.controller.standing import ASKED_FOR
from equipoise.engines.protocol import (
    Arrived,
    Attempt,
    Command,
    Ended,
    Engine,
    Node,
    NodeChanged,
    Observation,
    Phase,
    Running,
    Seen,
    Stopped,
)
from equipoise.policy.events import Events
from equipoise.policy.growing import GrowingCore
from equipoise.policy.kernel import layout as k
from equipoise.workload.roll import Asked


def believed_conditions(record: Events, pools: list[str]) -> dict[tuple[str, int], int]:
    """Return how nodes stand by the record; those that are missing are up."""
    rows = record[record["kind"] == k.NODE_CHANGED]
    places = zip(rows["pool"].tolist(), rows["subject"].tolist(), rows["detail"].tolist(), strict=True)
    return {(pools[pool], node): state for pool, node, state in places}


@dataclass(frozen=True, slots=True)
class Found:
    """Everything that an engine knows at one moment."""

    attempts: Mapping[Attempt, Seen]
    nodes: Sequence[Node]
    waiting: Sequence[Arrived]


class Survey:
    """Asks an engine for everything.

    Parameters
    ----------
    engine, situation, attempts, reports, acting, desk, settings, monotonic_ms
        Of the loop.
    """

    def __init__(
        self,
        engine: Engine,
        situation: Situation,
        attempts: Attempts,
        reports: Reports,
        acting: Acting,
        desk: Desk,
        settings: Settings,
        monotonic_ms: Callable[[], int],
    ) -> None:
        self._monotonic_ms = monotonic_ms
        self._engine, self._situation, self._attempts = engine, situation, attempts
        self._reports, self._acting, self._desk, self._settings = reports, acting, desk, settings

    def ask(self) -> Found:
        """Ask the engine; raises ``EngineError``."""
        attempts = {one.attempt: one for one in self._engine.attempts()}
        return Found(attempts, self._engine.nodes(), self._engine.waiting())

    def make(self, batch: Batch, seen: Found, at_ms: int) -> None:
        """Add to a batch what became of attempts, nodes and the engine's own jobs."""
        found: list[Observation] = [NodeChanged(node) for node in seen.nodes]
        for one in seen.attempts.values():
            self._adopt(batch, one)
            found += _report(one)
        self._reports.take(batch, found, at_ms)
        self._missing(batch, seen.attempts, at_ms)
        batch.arrived += seen.waiting
        held = {one.origin for one in seen.waiting}
        batch.withdrawn += [
            origin
            for origin, job in self._desk.origins().items()
            if origin not in held and not self._is_with_engine(job)
        ]

    def warnings(self, at_ms: int) -> list[Callable[[], None]]:
        """Return what warns again those that are to be stopped."""
        jobs = self._situation.running()
        calls = [
            self._acting.warning(self._situation.attempt(job), at_ms=at_ms, why="its devices are claimed")
            for job in jobs
        ]
        return [call for call in calls if call is not None]

    def _is_with_engine(self, job: int) -> bool:
        """Whether a job was handed to the engine, so that it is no longer among those that wait there."""
        return job < self._situation.jobs and self._situation.condition(job) == k.RUNNING

    def _adopt(self, batch: Batch, one: Seen) -> None:
        """Take notice of an attempt that the engine has and nobody here remembers."""
        attempt, is_over = one.attempt, one.phase in (Phase.ENDED, Phase.STOPPED)
        taken = self._attempts.get(attempt)
        if taken is not None:
            if taken.stage is Stage.HELD:  # it was told, and the answer was lost
                self._attempts.touch(taken)
                self._attempts.launched(taken)
            return
        job = attempt.job
        if self._situation.runs(attempt):
            parts = self._situation.parts(job)
            self._attempts.found(attempt, self._situation.pool(job), self._situation.gang(job), parts)
        elif self._situation.is_superseded(attempt):
            parts = self._desk.place(attempt)
            taken = self._attempts.found(attempt, self._situation.pool(job), self._situation.gang(job), parts)
            if not is_over:
                grace_ms, requeue = self._settings.stop_grace_ms, self._situation.is_asked_for(job)
                self._attempts.stop(taken, grace_ms=grace_ms, requeue=requeue)
                taken.lost_ms = self._monotonic_ms()  # in case its node is down
        elif not is_over:
            batch.strays.append(attempt)

    def _missing(self, batch: Batch, seen: Mapping[Attempt, Seen], at_ms: int) -> None:
        """Launch what the engine should have and never had, and end what it had and no longer knows."""
        for job in self._situation.running():
            attempt = self._situation.attempt(job)
            if attempt in seen or attempt in batch.over:
                continue
            taken = self._attempts.get(attempt)
            if not self._situation.awaits_start(job):
                self._reports.vanished(batch, attempt, at_ms)
            elif taken is None:
                self._attempts.hold(self._acting.launch_of(attempt))
            elif taken.stage is Stage.LAUNCHED:
                self._attempts.relaunch(taken, self._acting.launch_of(attempt))
        for attempt, taken in [*self._attempts.stopping.items()]:
            if attempt not in seen and taken.told:
                self._reports.cleared(batch, attempt)
        for attempt in [*self._situation.draining()]:
            if attempt not in seen and attempt not in self._attempts:
                self._reports.cleared(batch, attempt)


def _report(one: Seen) -> list[Observation]:
    """Return what the engine would have reported of an attempt."""
    match one.phase:
        case Phase.RUNNING:
            return [Running(one.attempt)]
        case Phase.ENDED:
            return [Ended(one.attempt, one.exit_code, one.reason)]
        case Phase.STOPPED:
            return [Stopped(one.attempt)]
        case Phase.STARTING | Phase.STOPPING:
            return []


def lost_jobs(core: GrowingCore, desk: Desk) -> list[Filed]:
    """Return the jobs that wait or run by the ledger and are not on the desk, each with a program that fails instead of its own."""
    rows = core.core.state.jobs[: core.submitted]
    known = desk.labels()
    missing: list[int] = [
        job
        for job in np.flatnonzero(np.isin(rows["state"], ASKED_FOR)).tolist()
        if job not in known and desk.job(job) is None
    ]
    if not missing:
        return []
    all_, found = core.workload(), list[Filed]()
    for job in missing:
        team, pool = all_.teams[int(all_.jobs.team[job])], all_.pools[int(all_.jobs.pool[job])]
        instead = Asked(int(all_.jobs.gang[job]), team, pool)
        found.append(Filed(job, all_.users[int(all_.jobs.user[job])], instead, Command(("false",))))
    return found
