"""How jobs stand with the policy now: what the loop reads of the core's state, between passes."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from equipoise.engines.protocol import Attempt, Part
from equipoise.policy.growing import GrowingCore
from equipoise.policy.kernel import layout as k


class Situation:
    """The state of a core at rest.

    Parameters
    ----------
    core : GrowingCore
        Asked anew every time, for it may be laid out anew.
    """

    def __init__(self, core: GrowingCore) -> None:
        self._core = core

    @property
    def jobs(self) -> int:
        """How many jobs were submitted."""
        return self._core.submitted

    def condition(self, job: int) -> int:
        """Return ``layout.PENDING`` and the like."""
        return int(self._state.jobs["state"][job])

    def is_asked_for(self, job: int) -> bool:
        """Whether a job waits or runs."""
        return self.condition(job) in (k.DEPENDENT, k.PENDING, k.CLAIMED, k.RUNNING)

    def attempt(self, job: int) -> Attempt:
        """Return the attempt that runs, or would run next."""
        return Attempt(job, int(self._state.jobs["stops"][job]))

    def runs(self, attempt: Attempt) -> bool:
        """Whether the policy has this attempt of a job running (or starting up)."""
        return (
            0 <= attempt.job < self.jobs
            and self.condition(attempt.job) == k.RUNNING
            and self.attempt(attempt.job) == attempt
        )

    def is_superseded(self, attempt: Attempt) -> bool:
        """Whether this attempt was stopped by a decision."""
        return 0 <= attempt.job < self.jobs and 0 <= attempt.number < self.attempt(attempt.job).number

    def awaits_start(self, job: int) -> bool:
        """Whether the start of a running job is not confirmed yet."""
        return int(self._slot(job)["began_ms"]) >= k.NEVER

    def gang(self, job: int) -> int:
        """Return how many devices a job asks for."""
        return int(self._state.jobs["gang"][job])

    def lost_gpu_ms(self, job: int) -> int:
        """Return the work that stops have cost a job so far."""
        return int(self._state.jobs["lost"][job])

    def losses(self) -> dict[int, int]:
        """Return the work that stops have cost each job that lost any."""
        lost = self._state.jobs["lost"][: self.jobs]
        return {job: int(lost[job]) for job in np.flatnonzero(lost).tolist()}

    def pool(self, job: int) -> str:
        """Return the name of a job's pool."""
        return self._core.layout.pools[self._pool(job)].name

    def team(self, job: int) -> str:
        """Return the path of a job's team."""
        lines = self._core.layout.reference.lines
        return lines[int(self._state.jobs["ref"][job]) % len(lines)].path

    def parts(self, job: int) -> tuple[Part, ...]:
        """Return where a running job is; empty on a pool of one-device nodes."""
        p = self._pool(job)
        each = self._core.layout.pools[p].gpus_per_node
        if each == 1:
            return ()
        slot, first = self._slot(job), int(self._state.pools["node_off"][p])
        found: list[Part] = []
        n = int(slot["node"])
        while n >= 0:
            found.append(Part(n - first, each))
            n = int(self._state.nodes["next"][n])
        if int(slot["part_node"]) >= 0:
            found.append(Part(int(slot["part_node"]) - first, int(slot["part"])))
        return tuple(sorted(found, key=lambda part: part.node))

    def stop_ms(self, job: int) -> int | None:
        """Return when a warned job is stopped; None for one that is not warned."""
        slot = self._slot(job)
        warning = int(slot["warn"])
        if warning < 0 or int(self._state.warns["state"][warning]) != 1:
            return None
        return int(self._state.warns["stop_ms"][warning])

    def running(self) -> list[int]:
        """Return the jobs that run or start up, by number."""
        return np.flatnonzero(self._state.jobs["state"][: self.jobs] == k.RUNNING).tolist()

    def draining(self) -> Iterator[Attempt]:
        """Yield the stopped attempts that the policy believes to have devices still."""
        drained, drains = self._state.drained, self._state.drains
        for job in np.flatnonzero(drained[: self.jobs] >= 0).tolist():
            d, told = int(drained[job]), set[int]()
            while d >= 0:
                number = int(drains["attempt"][d])
                if number not in told:
                    told.add(number)
                    yield Attempt(job, number)
                d = int(drains["down"][d])

    @property
    def _state(self) -> k.State:
        return self._core.core.state

    def _slot(self, job: int) -> np.void:
        slot: np.void = self._state.slots[int(self._state.jobs["slot"][job])]
        return slot

    def _pool(self, job: int) -> int:
        return int(self._state.queues["pool"][self._state.jobs["queue"][job]])
