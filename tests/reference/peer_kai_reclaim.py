"""Which reclaims KAI's rule permits: fair shares per level, and for each victim one of two strategies.

Written from the ``semantics`` text of ../shared/cases/reclaim_cases.json. It says what may be taken back, not in which
order KAI searches, so the answer is every outcome that the rule can lead to. Resources are counted, not placed: KAI
moves running work between nodes where that makes room.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from itertools import combinations

from tests.reference.peer_division import Claim, kai_division

Amounts = Mapping[str, Fraction]

UNLIMITED = Fraction(10**18)
MOST_VICTIMS = 3


@dataclass(frozen=True, slots=True)
class Queue:
    """A queue or a department. What it is not guaranteed by name it is guaranteed without a limit."""

    name: str
    parent: str | None
    guaranteed: Amounts
    limit: Amounts
    weight: Fraction
    priority: int

    def quota(self, resource: str) -> Fraction:
        """Return the guarantee of one resource."""
        return self.guaranteed.get(resource, UNLIMITED)


@dataclass(frozen=True, slots=True)
class Job:
    """A gang; ``stuck`` is one that is being stopped and does not let go."""

    name: str
    queue: str
    amounts: Amounts
    preemptible: bool
    running: bool
    stuck: bool = False


Final = tuple[frozenset[str], frozenset[str]]
"""Who was evicted, and who was started."""


@dataclass(frozen=True)
class Cluster:
    """One instant of a cluster; shares are computed once, from all that runs and waits."""

    total: Amounts
    queues: Sequence[Queue]
    jobs: Sequence[Job]

    def finals(self) -> set[Final]:
        """Return every end that claims, one after another, can lead to when none is left that the rule permits."""
        running = frozenset(job.name for job in self.jobs if job.running or job.stuck)
        found: set[Final] = set()
        seen: set[Final] = set()
        open_: list[Final] = [(frozenset(), frozenset())]
        while open_:
            victims, started = open_.pop()
            further = {(victims | taken, started | {job}) for job, taken in self._claims(running, victims, started)}
            if not further:
                found.add((victims, started))
            open_ += further - seen
            seen |= further
        return found

    def _claims(
        self, running: frozenset[str], victims: frozenset[str], started: frozenset[str]
    ) -> Iterator[tuple[str, frozenset[str]]]:
        held = (running - victims) | started
        for job in self.jobs:
            if not job.running and not job.stuck and job.name not in started:
                for taken in self._least_sets(job, held, running):
                    yield job.name, taken

    def _least_sets(self, job: Job, held: frozenset[str], running: frozenset[str]) -> list[frozenset[str]]:
        """Return the smallest sets of victims with which a job may start: no part of one suffices."""
        usable = sorted(name for name in held & running if self._job[name].preemptible and not self._job[name].stuck)
        usable = [name for name in usable if self._job[name].queue != job.queue]
        found: list[frozenset[str]] = []
        for size in range(MOST_VICTIMS + 1):
            for chosen in combinations(usable, size):
                taken = frozenset(chosen)
                if not any(less <= taken for less in found) and self._permitted(job, held, taken):
                    found.append(taken)
        return found

    def _permitted(self, job: Job, held: frozenset[str], taken: frozenset[str]) -> bool:
        left = self._allocation(held - taken)
        if any(left[None][r] + amount > self.total.get(r, UNLIMITED) for r, amount in job.amounts.items()):
            return False
        if not job.preemptible and not self._within_guarantee(job, held, bound=True):
            return False
        if not taken:
            return True
        within = all(left[job.queue][r] + amount <= self._share[job.queue][r] for r, amount in job.amounts.items())
        return within and self._each_may_go(job, held, taken) and self._stays_less_saturated(job, left, taken)

    def _each_may_go(self, job: Job, held: frozenset[str], taken: frozenset[str]) -> bool:
        """Strategy 1 or 2 for each victim, in some order: those before it are gone."""

        def may_go(victim: str, gone: frozenset[str]) -> bool:
            _, theirs = self._fork(job.queue, self._job[victim].queue)
            has = self._allocation(held - gone)[theirs]
            guaranteed = {r: self._queue[theirs].quota(r) for r in has}
            if any(amount > max(guaranteed[r], self._share[theirs][r]) for r, amount in has.items()):
                return True
            above = any(amount > guaranteed[r] for r, amount in has.items())
            return above and self._within_guarantee(job, held, bound=False)

        def some_order(gone: frozenset[str]) -> bool:
            left = taken - gone
            return not left or any(may_go(victim, gone) and some_order(gone | {victim}) for victim in left)

        return some_order(frozenset())

    def _within_guarantee(self, job: Job, held: frozenset[str], *, bound: bool) -> bool:
        """Whether the job's queue stays within its guarantee; ``bound`` counts what is not preemptible alone."""
        names = {name for name in held if not (bound and self._job[name].preemptible)}
        has = self._allocation(names)[job.queue]
        return all(has[r] + amount <= self._queue[job.queue].quota(r) for r, amount in job.amounts.items())

    def _stays_less_saturated(
        self, job: Job, left: Mapping[str | None, Mapping[str, Fraction]], taken: frozenset[str]
    ) -> bool:
        for victim in taken:
            mine, theirs = self._fork(job.queue, self._job[victim].queue)
            for r, amount in job.amounts.items():
                if not amount or not self._share[mine][r]:
                    continue
                level = (left[mine][r] + amount) / self._share[mine][r]
                if level > 1 and self._share[theirs][r] and left[theirs][r] / self._share[theirs][r] <= level:
                    return False
        return True

    def _allocation(self, names: Iterable[str]) -> dict[str | None, dict[str, Fraction]]:
        """Return what every queue, and the whole (None), holds."""
        held = {name: dict.fromkeys(self._resources, Fraction(0)) for name in (None, *self._queue)}
        for name in names:
            job = self._job[name]
            for at in (None, *self._path(job.queue)):
                for r, amount in job.amounts.items():
                    held[at][r] += amount
        return held

    def _path(self, queue: str) -> list[str]:
        found, at = list[str](), queue
        while at:
            found.append(at)
            at = self._queue[at].parent
        return found

    def _fork(self, queue: str, other: str) -> tuple[str, str]:
        mine, theirs = self._path(queue)[::-1], self._path(other)[::-1]
        return next((a, b) for a, b in zip(mine, theirs, strict=False) if a != b)

    @cached_property
    def _queue(self) -> dict[str, Queue]:
        return {queue.name: queue for queue in self.queues}

    @cached_property
    def _job(self) -> dict[str, Job]:
        return {job.name: job for job in self.jobs}

    @cached_property
    def _resources(self) -> list[str]:
        return sorted({r for job in self.jobs for r in job.amounts})

    @cached_property
    def _share(self) -> dict[str, dict[str, Fraction]]:
        """Fair share of every queue and resource, level by level."""
        asked = self._allocation(self._job)
        share: dict[str, dict[str, Fraction]] = {queue.name: {} for queue in self.queues}

        def divide(parent: str | None) -> None:
            children = [queue for queue in self.queues if queue.parent == parent]
            for r in self._resources:
                total = self.total.get(r, UNLIMITED) if parent is None else share[parent][r]
                claims = [
                    Claim(q.name, q.quota(r), q.limit.get(r), q.weight, asked[q.name][r], q.priority) for q in children
                ]
                for name, amount in kai_division(total, claims)[0].items():
                    share[name][r] = amount
            for queue in children:
                divide(queue.name)

        divide(None)
        return share


def without_priorities(cluster: Cluster) -> Cluster:
    """Return the cluster with queues of one priority."""
    return Cluster(cluster.total, [replace(queue, priority=0) for queue in cluster.queues], cluster.jobs)


def with_guarantees(cluster: Cluster, resource: str, guaranteed: Amounts) -> Cluster:
    """Return the cluster with other guarantees of one resource, by queue."""
    queues = [
        replace(queue, guaranteed={**queue.guaranteed, resource: guaranteed[queue.name]}) for queue in cluster.queues
    ]
    return Cluster(cluster.total, queues, cluster.jobs)
