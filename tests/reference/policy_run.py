"""A finished run as a checker sees it: the question (tree, pool, jobs, protections) and the stream of decisions.

Several pools are several runs. A replica of a service is a job, below its minimum a non-preemptible one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum

from equipoise.workload import Jobs
from tests.reference.policy_tree import Gang, Tree


class Kind(IntEnum):
    """What a row of the stream says. ``other`` is the claimant, the reason of a refusal, a time, or -1."""

    START = 0
    END = 1  # an event, not a decision: the job came to its natural end
    WARN = 2  # other = claimant; grace begins
    STOP = 3  # other = claimant; the victim goes back to the queue
    CLAIM = 4  # devices are held for this job from now on; other = t0 of FAIRNESS 5 where that was earlier
    WITHDRAW = 5  # the claim is gone; warnings not yet carried out are void
    REFUSE = 6  # at submission; other = a reason code of the caller
    MARK = 7  # optional, directly after its CLAIM: this job is one of its victims; other = claimant
    LEAVE = 8  # an event: the job is no longer asked for (a replica whose service shrinks), whatever it was doing


@dataclass(frozen=True, slots=True)
class Row:
    """One entry of the stream."""

    time_ms: int
    kind: Kind
    job: int
    other: int = -1


@dataclass(frozen=True, slots=True)
class Job:
    """A job of the workload; its position is its id. ``duration_ms`` is what it runs in all, cut at enforced limits.

    Of what is asked for at one instant, replicas of services (``replica``) come before jobs.
    """

    leaf: int
    gang: int
    submit_ms: int
    duration_ms: int
    preemptible: bool = True
    savepoint_ms: int = 0
    priority: int = 0
    after: int = -1
    replica: bool = False


@dataclass(frozen=True, slots=True)
class Protection:
    """What a team's borrowed jobs may count on, and how soon the team has its own floor back."""

    grace_ms: int = 600_000
    min_runtime_ms: int = 1_800_000
    recover_ms: int = 3_600_000


@dataclass(frozen=True, slots=True)
class Run:
    """All that a checker may know.

    Parameters
    ----------
    protections : sequence of Protection
        One per row of the tree.
    max_job : sequence of int or None
        Largest gang per row, smallest along the path; empty means none anywhere.
    reclaim : str
        ``floors`` or ``shares``.
    savepoint_cost_ms : int
        Grace that suffices to save everything.
    places : mapping of row index to tuple of (node, devices)
        Where a START put its gang; left empty, only counts are checked.
    """

    tree: Tree
    nodes: int
    gpus_per_node: int
    jobs: Sequence[Job]
    protections: Sequence[Protection]
    rows: Sequence[Row]
    max_job: Sequence[int | None] = ()
    reclaim: str = "floors"
    savepoint_cost_ms: int = 60_000
    places: Mapping[int, tuple[tuple[int, int], ...]] = field(default_factory=dict[int, tuple[tuple[int, int], ...]])

    @property
    def capacity(self) -> int:
        """Return the devices of the pool."""
        return self.nodes * self.gpus_per_node

    def too_large(self, job: int) -> bool:
        """Return whether a gang must be refused at submission: above a limit, max_job or the pool.

        A job that is not preemptible may only start where it is secure, so above its team's floor it never will.
        """
        asked = self.jobs[job]
        bounds = [self.capacity] if asked.preemptible else [self.tree.floor[asked.leaf]]
        for row in self.tree.path(asked.leaf):
            bounds.append(self.tree.limit[row])
            largest = self.max_job[row] if self.max_job else None
            if largest is not None:
                bounds.append(largest)
        return asked.gang > min(bounds)


class State:
    """Who runs, who waits, what is done and what was lost, as the stream tells it. It believes every row."""

    def __init__(self, run: Run) -> None:
        """Begin before the first row with nothing running."""
        self.run = run
        self.now = 0
        self.running: dict[int, Gang] = {}
        self.waiting: dict[int, int] = {}  # job -> since when it is eligible; a stopped job keeps its first instant
        self.done: set[int] = set()
        self.refused: set[int] = set()
        self.warned: dict[int, tuple[int, int]] = {}  # victim -> (when, by which claimant)
        self.progress_ms = [0] * len(run.jobs)
        self.lost_ms = [0] * len(run.jobs)
        self.eligible_ms: dict[int, int] = {}
        self.waits_since_ms: dict[int, int] = {}  # as above, but a stopped job begins anew
        self.held = [0] * len(run.tree)
        asked = [(job.submit_ms, not job.replica, number) for number, job in enumerate(run.jobs)]
        self._following = [number for _, _, number in sorted(asked, reverse=True)]
        self._dependent: dict[int, list[int]] = {}

    def next_submit_ms(self) -> int | None:
        """Return when the next job is submitted."""
        return self.run.jobs[self._following[-1]].submit_ms if self._following else None

    def advance(self, now: int) -> None:
        """Take in what was submitted up to and at ``now``."""
        self.now = now
        while self._following and self.run.jobs[self._following[-1]].submit_ms <= now:
            job = self._following.pop()
            first = self.run.jobs[job].after
            if first >= 0 and first not in self.done and first not in self.refused:
                self._dependent.setdefault(first, []).append(job)
            else:
                self._become_eligible(job, self.run.jobs[job].submit_ms)

    def apply(self, row: Row) -> None:
        """Carry one row out."""
        if row.kind is Kind.START:
            self._start(row.job)
        elif row.kind is Kind.END:
            self._end(row.job)
        elif row.kind is Kind.STOP:
            self._stop(row.job)
        elif row.kind is Kind.WARN:
            self.warned[row.job] = (row.time_ms, row.other)
        elif row.kind is Kind.REFUSE:
            self.refused.add(row.job)
            self.waiting.pop(row.job, None)
            self._release(row.job)
        elif row.kind is Kind.LEAVE:
            self._leave(row.job)
        elif row.kind is Kind.WITHDRAW:
            self._forget_warnings_of(row.job)

    def remaining_ms(self, job: int) -> int:
        """Return what a job that does not run still has to run."""
        return self.run.jobs[job].duration_ms - self.progress_ms[job]

    def demand(self) -> list[int]:
        """Return what each leaf asks for: running and eligible jobs (0 for inner rows)."""
        asked = [0] * len(self.run.tree)
        for job in (*self.running, *self.waiting):
            asked[self.run.jobs[job].leaf] += self.run.jobs[job].gang
        return asked

    def _become_eligible(self, job: int, since: int) -> None:
        if job not in self.refused:
            self.eligible_ms[job] = since
            self.waiting[job] = since
            self.waits_since_ms[job] = since

    def _start(self, job: int) -> None:
        asked = self.run.jobs[job]
        self.waiting.pop(job, None)
        self.running[job] = Gang(job, asked.leaf, asked.gang, self.now, asked.preemptible, asked.priority)
        self._hold(asked.leaf, asked.gang)
        self._forget_warnings_of(job)

    def _end(self, job: int) -> None:
        gang = self.running.pop(job)
        self._hold(gang.leaf, -gang.size)
        self.warned.pop(job, None)
        self.done.add(job)
        self.progress_ms[job] = self.run.jobs[job].duration_ms
        self._release(job)

    def _leave(self, job: int) -> None:
        gang = self.running.pop(job, None)
        if gang is not None:
            self._hold(gang.leaf, -gang.size)
            self.progress_ms[job] += self.now - gang.start_ms
        self.waiting.pop(job, None)
        self.warned.pop(job, None)
        self._forget_warnings_of(job)
        self.done.add(job)

    def _release(self, job: int) -> None:
        """What waits for a job waits no longer once it has ended, or is refused and never will."""
        for dependent in self._dependent.pop(job, []):
            self._become_eligible(dependent, self.now)

    def _stop(self, job: int) -> None:
        gang = self.running.pop(job)
        self._hold(gang.leaf, -gang.size)
        warned_ms = self.warned.pop(job, (self.now, -1))[0]
        ran = self.now - gang.start_ms
        kept = self.kept_ms(job, ran, self.now - warned_ms)
        self.progress_ms[job] += kept
        self.lost_ms[job] += ran - kept
        self.waiting[job] = self.eligible_ms[job]
        self.waits_since_ms[job] = self.now

    def kept_ms(self, job: int, ran_ms: int, granted_ms: int) -> int:
        """Return how much of a run survives a stop; savepoints are counted from the start of the run."""
        interval = self.run.jobs[job].savepoint_ms
        if interval == 0:
            return 0
        return ran_ms if granted_ms >= self.run.savepoint_cost_ms else ran_ms // interval * interval

    def _hold(self, leaf: int, devices: int) -> None:
        for row in self.run.tree.path(leaf):
            self.held[row] += devices

    def _forget_warnings_of(self, claimant: int) -> None:
        self.warned = {victim: by for victim, by in self.warned.items() if by[1] != claimant}


def jobs_from_columns(jobs: Jobs, leaf_of_team: Sequence[int], *, pool: int | None = None) -> tuple[Job, ...]:
    """Return the jobs of a workload in the shape of the checker; their ids are the rows of the columns.

    Parameters
    ----------
    leaf_of_team : sequence of int
        Row of the tree for each index into ``Workload.teams``.
    pool : int or None
        Where given, a job of another pool becomes one that is never submitted, so that ids stay the rows.
    """
    never = 2**62
    return tuple(
        Job(
            leaf=leaf_of_team[int(jobs.team[row])],
            gang=int(jobs.gang[row]),
            submit_ms=int(jobs.submit_ms[row]) if pool is None or int(jobs.pool[row]) == pool else never,
            duration_ms=int(jobs.duration_ms[row]),
            preemptible=bool(jobs.preemptible[row]),
            savepoint_ms=int(jobs.savepoint_ms[row]),
            priority=int(jobs.priority[row]),
            after=int(jobs.after[row]),
        )
        for row in range(len(jobs))
    )
