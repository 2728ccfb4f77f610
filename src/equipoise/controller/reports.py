"""What an engine reports, as events for the policy; what is late, doubled or of no attempt of ours is told apart here.

`Reports.take` is the main path. A report about an attempt that was stopped by a decision only says that its devices are clear; one
that the engine refused, or no longer knows, ends its job, and an entry of the ledger says why.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, assert_never

from equipoise.controller.attempts import Attempts, Taken
from equipoise.controller.desk import Outcome
from equipoise.controller.notices import Notice, Told
from equipoise.controller.situation import Situation
from equipoise.engines.protocol import (
    Arrived,
    Attempt,
    Condition,
    Ended,
    Node,
    NodeChanged,
    Observation,
    Refused,
    Running,
    Stopped,
    Withdrawn,
)
from equipoise.policy.events import Events, event
from equipoise.policy.kernel import capacity
from equipoise.policy.kernel import layout as k

LOG = logging.getLogger("equipoise.controller")
STATES = {Condition.UP: capacity.UP, Condition.DOWN: capacity.DOWN, Condition.MAINTENANCE: capacity.MAINTENANCE}
MAX_REASON = 400


@dataclass
class Batch:
    """What is to be told at one instant, and what follows once that is recorded."""

    events: list[Events] = field(default_factory=list[Events])
    entries: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    outcomes: list[Outcome] = field(default_factory=list[Outcome])
    notices: list[Notice] = field(default_factory=list[Notice])
    forgotten: list[Attempt] = field(default_factory=list[Attempt])
    strays: list[Attempt] = field(default_factory=list[Attempt])
    arrived: list[Arrived] = field(default_factory=list[Arrived])
    withdrawn: list[str] = field(default_factory=list[str])
    started: set[Attempt] = field(default_factory=set[Attempt])
    over: set[Attempt] = field(default_factory=set[Attempt])
    cancelled: set[int] = field(default_factory=set[int])


class Reports:
    """Makes events of reports.

    Parameters
    ----------
    situation : Situation
    attempts : Attempts
    sizes : mapping of str to (number, devices of a node, nodes)
        The charter's pools.
    conditions : dict of (pool, node) to int
        How the policy believes nodes to stand; those that are missing are up.
    owner : callable
        From a job to its owner.
    """

    def __init__(
        self,
        situation: Situation,
        attempts: Attempts,
        sizes: dict[str, tuple[int, int, int]],
        conditions: dict[tuple[str, int], int],
        owner: Callable[[int], str],
    ) -> None:
        self._situation = situation
        self._attempts = attempts
        self._sizes = sizes
        self.conditions = conditions
        self._owner = owner

    def take(self, batch: Batch, seen: Sequence[Observation], at_ms: int) -> None:
        """Add to a batch what reports mean; nodes come first, since what ended with its node is lost and runs again."""
        for one in sorted(seen, key=lambda one: not isinstance(one, NodeChanged)):
            match one:
                case Running(attempt):
                    self._running(batch, attempt)
                case Ended(attempt, exit_code, reason):
                    self._ended(batch, attempt, exit_code, reason)
                case Stopped(attempt):
                    self._stopped(batch, attempt, at_ms)
                case Refused(attempt, reason):
                    self._refused(batch, attempt, reason, at_ms)
                case NodeChanged(node):
                    self._node(batch, node)
                case Arrived():
                    batch.arrived.append(one)
                case Withdrawn(origin):
                    batch.withdrawn.append(origin)
                case _:
                    assert_never(one)

    def vanished(self, batch: Batch, attempt: Attempt, at_ms: int) -> None:
        """A running attempt of which the engine knows nothing any more ends its job, unless its node is down."""
        if not self._went_with_its_node(attempt, None):
            self._fail(batch, attempt, "unknown", "the engine no longer knows it", at_ms)

    def cleared(self, batch: Batch, attempt: Attempt) -> None:
        """The devices of an attempt that was stopped are clear, if that was not said before."""
        if attempt not in batch.over:
            batch.over.add(attempt)
            batch.events.append(event(k.STOP_CONFIRMED, attempt.job, detail=attempt.number))
            self._attempts.gone(attempt)

    def is_cut_off(self, taken: Taken) -> bool:
        """Whether a node of an attempt (of its pool, where nobody remembers its nodes) is down."""
        down = {
            node for (pool, node), state in self.conditions.items() if pool == taken.pool and state == capacity.DOWN
        }
        return bool(down) if taken.parts is None else any(part.node in down for part in taken.parts)

    def away(self, batch: Batch, pool: str, node: int) -> None:
        """A node that is up goes into maintenance; the engine is told, and says the same later."""
        if self.conditions.get((pool, node), capacity.UP) == capacity.UP:
            self._changed(batch, pool, node, capacity.MAINTENANCE)

    def cancel(self, batch: Batch, job: int) -> bool:
        """Let a job be withdrawn; returns whether it was asked for."""
        if not self._situation.is_asked_for(job) or job in batch.cancelled or self._ends(batch, job):
            return False
        batch.cancelled.add(job)
        batch.events.append(event(k.JOB_CANCELLED, job))
        return True

    # ------------------------------------------------------------------------------------------------------ each of the reports

    def _running(self, batch: Batch, attempt: Attempt) -> None:
        if self._situation.runs(attempt):
            self._start(batch, attempt)
        elif not self._situation.is_superseded(attempt):
            self._stray(batch, attempt)

    def _ended(self, batch: Batch, attempt: Attempt, exit_code: int | None, reason: str) -> None:
        if attempt in batch.over:
            return
        if self._went_with_its_node(attempt, exit_code):
            LOG.info("attempt %s went with its node", attempt)
        elif self._situation.runs(attempt):
            self._end(batch, attempt)
            what = "ended" if exit_code == 0 else "failed"
            batch.outcomes.append(Outcome(attempt.job, what, exit_code, reason[:MAX_REASON]))
        elif self._situation.is_superseded(attempt):
            if exit_code == 0 and self.cancel(batch, attempt.job):
                # It was done before the stop reached it: what is done is not run again.
                batch.outcomes.append(Outcome(attempt.job, "ended", 0, "it ended before it could be stopped"))
            self._clear(batch, attempt)
        elif self._is_ours(attempt):
            batch.outcomes.append(
                Outcome(attempt.job, "ended" if exit_code == 0 else "failed", exit_code, reason[:MAX_REASON])
            )
        self._over(batch, attempt)

    def _stopped(self, batch: Batch, attempt: Attempt, at_ms: int) -> None:
        if attempt in batch.over:
            return
        if self._went_with_its_node(attempt, None):
            LOG.info("attempt %s went with its node", attempt)
        elif self._situation.runs(attempt):
            self._fail(batch, attempt, "stopped", "somebody stopped it with the engine", at_ms)
        elif self._situation.is_superseded(attempt):
            self._clear(batch, attempt)
        self._over(batch, attempt)

    def _refused(self, batch: Batch, attempt: Attempt, reason: str, at_ms: int) -> None:
        if attempt in batch.over:
            return
        if self._went_with_its_node(attempt, None):
            LOG.info("attempt %s could not start, for its node went: %s", attempt, reason)
        elif self._situation.runs(attempt):
            self._fail(batch, attempt, "refused", reason, at_ms)
        elif self._situation.is_superseded(attempt):
            self._clear(batch, attempt)
        self._over(batch, attempt)

    def _node(self, batch: Batch, node: Node) -> None:
        known = self._sizes.get(node.pool)
        if known is None or not 0 <= node.number < known[2]:
            LOG.warning("a node that no pool of the charter expects: %s/%d (%s)", node.pool, node.number, node.name)
            return
        state = STATES[node.condition]
        if state == capacity.UP and node.devices < known[1]:
            LOG.warning("node %s has %d devices of %d, and counts as down", node.name, node.devices, known[1])
            state = capacity.DOWN
        if self.conditions.get((node.pool, node.number), capacity.UP) != state:
            self._changed(batch, node.pool, node.number, state)

    def _changed(self, batch: Batch, pool: str, node: int, state: int) -> None:
        self.conditions[pool, node] = state
        batch.events.append(event(k.NODE_CHANGED, node, detail=state, pool=self._sizes[pool][0]))

    # ----------------------------------------------------------------------------------------------------------- what they mean

    def _start(self, batch: Batch, attempt: Attempt) -> None:
        if self._situation.awaits_start(attempt.job) and attempt not in batch.started:
            batch.started.add(attempt)
            batch.events.append(event(k.START_CONFIRMED, attempt.job, detail=attempt.number))

    def _end(self, batch: Batch, attempt: Attempt) -> None:
        self._start(batch, attempt)
        batch.events.append(event(k.ENDED, attempt.job, detail=attempt.number))

    def _ends(self, batch: Batch, job: int) -> bool:
        return self._situation.condition(job) == k.RUNNING and self._situation.attempt(job) in batch.over

    def _fail(self, batch: Batch, attempt: Attempt, said: str, reason: str, at_ms: int) -> None:
        """End a job because of its engine, and let the ledger say so."""
        batch.entries.append(
            {
                "kind": "engine",
                "at_ms": at_ms,
                "job": attempt.job,
                "attempt": attempt.number,
                "said": said,
                "reason": reason[:MAX_REASON],
            }
        )
        self._end(batch, attempt)
        batch.outcomes.append(Outcome(attempt.job, "failed", None, reason[:MAX_REASON]))
        batch.notices.append(
            Notice(
                attempt.job,
                self._owner(attempt.job),
                Told.FAILED,
                f"Job {attempt.job} failed: {reason[:MAX_REASON]}.",
                at_ms,
            )
        )
        batch.over.add(attempt)
        self._attempts.gone(attempt)

    def _clear(self, batch: Batch, attempt: Attempt) -> None:
        """The devices of a stopped attempt are clear; said twice, it is told once."""
        if attempt in self._attempts:
            batch.events.append(event(k.STOP_CONFIRMED, attempt.job, detail=attempt.number))

    def _over(self, batch: Batch, attempt: Attempt) -> None:
        batch.over.add(attempt)
        self._attempts.gone(attempt)
        batch.forgotten.append(attempt)

    def _stray(self, batch: Batch, attempt: Attempt) -> None:
        LOG.error("the engine runs attempt %s, which nobody decided; it is stopped", attempt)
        batch.strays.append(attempt)

    def _went_with_its_node(self, attempt: Attempt, exit_code: int | None) -> bool:
        """Whether a running attempt ended, nobody knows how, on a node that is down: the policy lets it wait again."""
        if exit_code is not None or not self._situation.runs(attempt):
            return False
        pool = self._situation.pool(attempt.job)
        return any(
            self.conditions.get((pool, part.node), capacity.UP) == capacity.DOWN
            for part in self._situation.parts(attempt.job)
        )

    def _is_ours(self, attempt: Attempt) -> bool:
        return 0 <= attempt.job < self._situation.jobs and attempt == self._situation.attempt(attempt.job)
