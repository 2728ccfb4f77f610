"""A state at rest with the names of its rows: what the other modules of this package read."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from equipoise.policy.kernel import inquiry
from equipoise.policy.kernel import layout as k
from equipoise.policy.state import Layout
from equipoise.policy.why.trial import Trial


@dataclass(frozen=True, eq=False)
class View:
    """One waiting or other job in a state at rest.

    Parameters
    ----------
    state : State
        Not written to.
    layout : Layout
        Names pools and teams of the executing plan.
    job : int
    """

    state: k.State
    layout: Layout
    job: int

    @property
    def glob(self) -> Any:
        """The one record of what holds for the whole run."""
        return self.state.glob[0]

    @property
    def row(self) -> int:
        """The job's leaf."""
        return int(self.state.queues["row"][self.state.jobs["queue"][self.job]])

    @property
    def pool(self) -> int:
        """The job's pool."""
        return int(self.state.queues["pool"][self.state.jobs["queue"][self.job]])

    @property
    def solid(self) -> bool:
        """Whether it may not be stopped."""
        return bool(self.state.queues["solid"][self.state.jobs["queue"][self.job]])

    @property
    def gang(self) -> int:
        """Devices it asks for."""
        return int(self.state.jobs["gang"][self.job])

    @property
    def estimate_ms(self) -> int:
        """How long it is expected to run from its start."""
        return int(self.state.jobs["estimate_ms"][self.job])

    def follows(self, rule: int) -> bool:
        """Whether a rule of `layout` is in force."""
        return bool(int(self.glob["rules"]) & rule)

    def path(self) -> list[int]:
        """Rows from the job's leaf up to, not including, the whole pool."""
        found: list[int] = []
        row = self.row
        while self.state.rows["parent"][row] >= 0:
            found.append(row)
            row = int(self.state.rows["parent"][row])
        return found

    def team(self, row: int) -> str:
        """Path of the team that a row is of."""
        return self.layout.plan.lines[row % len(self.layout.plan.lines)].path

    def job_team(self, job: int) -> str:
        """Path of the leaf that a job belongs to, by the reference charter (a plan of one queue knows no teams)."""
        lines = self.layout.reference.lines
        return lines[int(self.state.jobs["ref"][job]) % len(lines)].path

    def held(self, row: int) -> int:
        """What a row holds once open claims are carried out."""
        x = self.state.rows[row]
        return int(x["alloc"] + x["claimed"] - x["warned"])

    @cached_property
    def running(self) -> NDArray[np.intp]:
        """Slots of the jobs that run in the pool."""
        return np.flatnonzero(
            (self.state.slots["end_ms"] >= 0) & (self.state.rows["pool"][self.state.slots["row"]] == self.pool)
        )

    @cached_property
    def asked(self) -> Trial:
        """A copy on which the kernel was asked about the job: estimates that were outlived are extended on it."""
        trial = Trial(self.state)
        trial.inquire(self.job)
        return trial

    def answer(self, place: int) -> int:
        """Return what the kernel says of the waiting job: one of the answers of `inquiry`."""
        return int(self.asked.state.scratch2[place])

    @property
    def free(self) -> int:
        """Devices of the pool that nobody holds, not even by name."""
        return int(self.state.pools["free"][self.pool])

    @property
    def shadow_ms(self) -> int | None:
        """When the job could start if estimates held and nobody came before it; None if that is not foreseen."""
        found = self.answer(inquiry.SHADOW)
        return None if found >= k.NEVER else found

    @property
    def claim(self) -> int:
        """The open claim of a claimed job."""
        claim = int(self.state.pools["claim_head"][self.pool])
        while int(self.state.claims["job"][claim]) != self.job:
            claim = int(self.state.claims["next"][claim])
        return claim

    def warnings(self) -> list[Any]:
        """Warnings of the job's claim, carried out or not."""
        found: list[Any] = []
        at = int(self.state.claims["warn_head"][self.claim])
        while at >= 0:
            found.append(self.state.warns[at])
            at = int(self.state.warns["next"][at])
        return found
