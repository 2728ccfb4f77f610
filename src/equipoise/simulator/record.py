"""A finished run beside what it was a run of, with the indices that its statistics share."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from equipoise.account import Evidence, Span
from equipoise.charter.model import Charter
from equipoise.gates.rulings import Ruling
from equipoise.policy.course import Enactment
from equipoise.policy.kernel.layout import LOST, ORDERED, PREEMPT, RECLAIM, STOP
from equipoise.policy.plan import Plan
from equipoise.policy.state import Options
from equipoise.simulator.replay import Run
from equipoise.workload.model import Workload

I64 = NDArray[np.int64]

HELD, ENTITLED, DENIED, LOST_MS, STOPPED = range(5)  # columns of Run.teams


@dataclass(frozen=True, eq=False)
class Record:
    """What happened, to what, under which rules.

    Parameters
    ----------
    run : Run
    workload : Workload
    charter : Charter
        The reference charter: its teams and pools name the rows of the account.
    plan, reference : Plan
        What was executed, and the plan of the reference charter.
    outages : bool
        Whether nodes changed during the run.
    options : Options
        What the run assumed beyond charter and workload.
    enacted : tuple of Enactment
        The charters that came into force during the run; ``charter``, ``plan`` and ``reference`` were the first.
    evidence : Evidence or None
        What vouches for it, of a run that was read from a ledger.
    rulings : tuple of Ruling
        What release gates said of the services, where they were asked.

    Notes
    -----
    A *line* is a place in ``reference.lines``: 0 is the whole lab, parents come before their children.
    """

    run: Run
    workload: Workload
    charter: Charter
    plan: Plan
    reference: Plan
    outages: bool = False
    options: Options = field(default_factory=Options)
    enacted: tuple[Enactment, ...] = ()
    evidence: Evidence | None = None
    rulings: tuple[Ruling, ...] = ()

    @property
    def charters(self) -> tuple[Charter, ...]:
        """The reference charters, in the order in which they came into force."""
        return (self.reference.charter, *(one.reference.charter for one in self.enacted))

    @property
    def enact_ms(self) -> tuple[int, ...]:
        """When all of them but the first did."""
        return tuple(one.at_ms for one in self.enacted)

    @property
    def count(self) -> int:
        """Number of lines."""
        return len(self.reference.lines)

    @cached_property
    def line(self) -> I64:
        """Each job's leaf, as a line; int64, shape (jobs,)."""
        return self.run.jobs["ref"].astype(np.int64) % self.count

    @cached_property
    def pool(self) -> I64:
        """Each job's pool, as a place in ``charter.pools``; int64, shape (jobs,)."""
        return self.run.jobs["ref"].astype(np.int64) // self.count

    @cached_property
    def levels(self) -> tuple[I64, ...]:
        """For each depth from the top, the line above (or of) each line at that depth; -1 where it lies higher."""
        parents = np.array([line.parent for line in self.reference.lines], np.int64)
        depth = np.zeros(self.count, np.int64)
        for number in range(1, self.count):
            depth[number] = depth[parents[number]] + 1
        found: list[I64] = []
        for level in range(int(depth.max()) + 1):
            at = np.arange(self.count)
            while np.any(depth[at] > level):
                at = np.where(depth[at] > level, parents[at], at)
            found.append(np.where(depth[at] == level, at, -1))
        return tuple(found)

    @cached_property
    def leaves(self) -> I64:
        """Lines that hold workloads."""
        return np.array([n for n, line in enumerate(self.reference.lines) if not line.children and n], np.int64)

    def total(self, per_job: NDArray[np.int64] | NDArray[np.bool_]) -> I64:
        """Sum a column of jobs for every line, inner ones included; int64, shape (lines,)."""
        own = np.zeros(self.count, np.int64)
        np.add.at(own, self.line, per_job.astype(np.int64))
        return self.rolled_up(own)

    def rolled_up(self, own: I64) -> I64:
        """Add to every line what the lines below it have; the last axis is that of lines."""
        out = own.copy()
        for number in range(self.count - 1, 0, -1):
            out[..., self.reference.lines[number].parent] += out[..., number]
        return out

    @cached_property
    def accounts(self) -> I64:
        """Totals so far, shape (closes, pools, lines, 5): held, entitled, denied and lost GPU-ms, jobs stopped.

        The kernel limits what a leaf is denied to what its waiting work still needs; an inner team has no work of its
        own, so it is never denied more than the leaves below it together.
        """
        totals = self.run.teams.reshape(len(self.run.closes_ms), len(self.charter.pools), self.count, 5).copy()
        own = np.zeros_like(totals[..., DENIED])
        own[..., self.leaves] = totals[..., self.leaves, DENIED]
        totals[..., DENIED] = np.minimum(totals[..., DENIED], self.rolled_up(own))
        return totals

    def closes_by(self, at_ms: int) -> int:
        """Return how many closes are not after a time."""
        return int(np.searchsorted(self.run.closes_ms, at_ms, side="right"))

    def grown(self, totals: I64, within: Span | None) -> I64:
        """Return what totals grew by over a time: from the last close that is not after its beginning to the last not after its end.

        Parameters
        ----------
        totals : int64 array
            At every close; its first axis is that of closes.
        within : Span or None
            Milliseconds since the run's origin; None: the whole run.
        """
        if within is None:
            return totals[-1]
        begin, end = self.closes_by(within.from_ms), self.closes_by(within.to_ms)
        nothing = np.zeros_like(totals[-1])
        return (totals[end - 1] if end else nothing) - (totals[begin - 1] if begin else nothing)

    def reference_at(self, at_ms: int) -> Plan:
        """Return the plan of the reference charter that was in force at a time."""
        return next((one.reference for one in reversed(self.enacted) if one.at_ms <= at_ms), self.reference)

    def stops_within(self, within: Span | None) -> dict[str, I64]:
        """Return how often each job was stopped in a time, as ``stops`` of the whole run; needs decisions."""
        if within is None:
            return self.stops
        assert self.run.decisions is not None, "a run of which a time is looked at keeps its decisions"
        times_ms = self.run.decisions["time_ms"]
        rows = self.run.decisions[(times_ms >= within.from_ms) & (times_ms < within.to_ms)]
        return self._by_cause(rows)

    @cached_property
    def stops(self) -> dict[str, I64]:
        """How often each job was stopped: ``reclaims`` (across teams), ``preemptions`` (inside one), ``failures``.

        Where more than one cause is possible the stream of decisions tells them apart; `needs_decisions` says so.
        """
        stops = self.run.jobs["stops"].astype(np.int64)
        causes = self._causes()
        found = {cause: np.zeros_like(stops) for cause in ("reclaims", "preemptions", "failures")}
        if len(causes) < 2:
            for cause in causes:
                found[cause] = stops
            return found
        assert self.run.decisions is not None, "a run with several causes of stops keeps its decisions"
        return self._by_cause(self.run.decisions)

    def _by_cause(self, decisions: NDArray[Any]) -> dict[str, I64]:
        count, found = len(self.run.jobs), dict[str, I64]()
        decisions = decisions[np.isin(decisions["kind"], (STOP, LOST)) & (decisions["job"] < count)]
        refs = np.concatenate([self.run.jobs["ref"], self.run.replicas["ref"]])
        failed = decisions["kind"] == LOST
        inside = ~failed & (refs[decisions["job"]] == refs[decisions["other"]])
        for cause, rows in (("failures", failed), ("preemptions", inside), ("reclaims", ~failed & ~inside)):
            found[cause] = np.bincount(decisions["job"][rows], minlength=count).astype(np.int64)
        return found

    def _causes(self) -> list[str]:
        return causes(self.plan, self.workload, outages=self.outages)


def causes(plan: Plan, workload: Workload, *, outages: bool) -> list[str]:
    """Return why jobs may be stopped in a run: some of ``reclaims``, ``preemptions`` and ``failures``."""
    several = bool(len(workload.jobs)) and int(workload.jobs.priority.min()) < int(workload.jobs.priority.max())
    # A service's replicas have priority 0.
    several |= bool(workload.services) and bool(np.any(workload.jobs.priority != 0))
    found = ["reclaims"] if plan.rules & RECLAIM else []
    if plan.rules & PREEMPT and several:
        found.append("preemptions")
    if plan.rules & ORDERED and plan.name != "sjf":  # one order of all jobs stops those of any team
        found += ["reclaims", "preemptions"]
    if outages:
        found.append("failures")
    return found


def needs_decisions(plan: Plan, workload: Workload, *, outages: bool) -> bool:
    """Whether only the stream of decisions tells why a job was stopped."""
    return len(causes(plan, workload, outages=outages)) > 1
