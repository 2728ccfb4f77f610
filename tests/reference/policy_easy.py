"""One queue on one pool, event by event: strict first-in-first-out and exact EASY backfill, slow and plain.

A gang of g on nodes of n devices takes g // n whole empty nodes and, for the rest, the node with the fewest free
devices that suffice; among equals the node whose free devices changed last (at first: the first node). A count-only
pool is one node that holds all devices.

At one millisecond jobs end, then jobs are submitted, then there is one pass. A job of duration 0 gives its devices back
inside the pass that starts it. A running job that has outlived its estimate is expected to end in the next millisecond.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass

Placement = tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class QueuedJob:
    """A job of the one queue; ``estimate_ms`` 0 means none was declared and the run time serves as the estimate."""

    submit_ms: int
    gang: int
    duration_ms: int
    estimate_ms: int = 0

    @property
    def expected_ms(self) -> int:
        """Return how long the job is expected to run."""
        return self.estimate_ms or self.duration_ms


class Machine:
    """The free devices of each node."""

    def __init__(self, nodes: int, gpus_per_node: int) -> None:
        """Take an empty machine; ``gpus_per_node`` 1 makes it count-only."""
        if gpus_per_node == 1:
            nodes, gpus_per_node = 1, nodes
        self.gpus_per_node = gpus_per_node
        self.free = [gpus_per_node] * nodes
        self.latest = list(range(nodes))  # the node that changed last stands first

    def place(self, gang: int) -> Placement | None:
        """Return the nodes that a gang would take now, with the devices on each, or None."""
        whole, rest = divmod(gang, self.gpus_per_node)
        empty = [node for node in self.latest if self.free[node] == self.gpus_per_node]
        if len(empty) < whole:
            return None
        taken = empty[:whole]
        placement = [(node, self.gpus_per_node) for node in taken]
        if rest:
            able = [node for node in self.latest if self.free[node] >= rest and node not in taken]
            if not able:
                return None
            placement.append((min(able, key=lambda node: self.free[node]), rest))
        return tuple(placement)

    def take(self, placement: Placement) -> None:
        """Take the devices of a placement."""
        for node, devices in placement:
            self.free[node] -= devices
            assert self.free[node] >= 0, "a node holds more than it has"
            self.changed(node)

    def give_back(self, placement: Placement) -> None:
        """Give the devices of a placement back: whole nodes, the last taken first, then the rest."""
        whole = [part for part in placement if part[1] == self.gpus_per_node]
        for node, devices in (*reversed(whole), *(part for part in placement if part not in whole)):
            self.free[node] += devices
            assert self.free[node] <= self.gpus_per_node, "a node has more than it holds"
            self.changed(node)

    def changed(self, node: int) -> None:
        """Remember that a node's free devices changed last."""
        self.latest.remove(node)
        self.latest.insert(0, node)

    def copy(self) -> Machine:
        """Return a machine that can be changed without changing this one."""
        twin = Machine(1, self.gpus_per_node)
        twin.gpus_per_node, twin.free, twin.latest = self.gpus_per_node, list(self.free), list(self.latest)
        return twin


class OneQueue:
    """The state of a run: who runs where, who waits."""

    def __init__(self, jobs: Sequence[QueuedJob], nodes: int, gpus_per_node: int, *, backfill: bool) -> None:
        """Take the jobs in order of submission."""
        self.jobs = jobs
        self.machine = Machine(nodes, gpus_per_node)
        self.backfill = backfill
        self.start_ms: list[int | None] = [None] * len(jobs)
        self.where: dict[int, Placement] = {}
        self.ends: list[tuple[int, int]] = []
        self.queue: list[int] = []

    def run(self) -> list[int]:
        """Return the start of every job in milliseconds; raise ValueError if one can never start."""
        arrivals = sorted(range(len(self.jobs)), key=lambda job: (self.jobs[job].submit_ms, job))
        following = 0
        while following < len(arrivals) or self.ends:
            times = [self.ends[0][0]] if self.ends else []
            if following < len(arrivals):
                times.append(self.jobs[arrivals[following]].submit_ms)
            now = min(times)
            while self.ends and self.ends[0][0] == now:
                self.machine.give_back(self.where.pop(heapq.heappop(self.ends)[1]))
            while following < len(arrivals) and self.jobs[arrivals[following]].submit_ms == now:
                self.queue.append(arrivals[following])
                following += 1
            self.schedule(now)
        starts = [start for start in self.start_ms if start is not None]
        if len(starts) < len(self.jobs):
            raise ValueError("a job is larger than the machine")
        return starts

    def schedule(self, now: int) -> None:
        """Start the head while it fits; then, with backfill, every other job in order that does not delay the head."""
        while self.queue and self.try_start(self.queue[0], now):
            self.queue.pop(0)
        if not self.backfill or len(self.queue) < 2:
            return
        head = self.queue[0]
        shadow = self.shadow_ms(self.jobs[head].gang, now)
        if shadow is None:
            return
        for job in self.queue[1:]:
            if self.harmless(job, head, shadow, now):
                started = self.try_start(job, now)
                assert started, "a job that fitted a moment ago does not"
                self.queue.remove(job)

    def try_start(self, job: int, now: int) -> bool:
        """Start a job if it fits now."""
        placement = self.machine.place(self.jobs[job].gang)
        if placement is None:
            return False
        self.start_ms[job] = now
        self.machine.take(placement)
        if self.jobs[job].duration_ms == 0:
            self.machine.give_back(placement)
        else:
            self.where[job] = placement
            heapq.heappush(self.ends, (now + self.jobs[job].duration_ms, job))
        return True

    def expected_end_ms(self, job: int, now: int) -> int:
        """Return when a running job is expected to end, never before the next millisecond."""
        started = self.start_ms[job]
        assert started is not None
        return max(started + self.jobs[job].expected_ms, now + 1)

    def shadow_ms(self, gang: int, now: int) -> int | None:
        """Return the first time at which the gang fits if everything that runs ends as expected."""
        machine = self.machine.copy()
        for end, job in sorted((self.expected_end_ms(job, now), job) for job in self.where):
            machine.give_back(self.where[job])
            if machine.place(gang) is not None:
                return end
        return None

    def harmless(self, job: int, head: int, shadow: int, now: int) -> bool:
        """Return whether a job fits now and leaves the head's start at the shadow time possible."""
        placement = self.machine.place(self.jobs[job].gang)
        if placement is None:
            return False
        if now + self.jobs[job].expected_ms <= shadow:
            return True
        machine = self.machine.copy()
        machine.take(placement)
        for other, held in self.where.items():
            if self.expected_end_ms(other, now) <= shadow:
                machine.give_back(held)
        return machine.place(self.jobs[head].gang) is not None


def starts(jobs: Sequence[QueuedJob], nodes: int, gpus_per_node: int = 1, *, backfill: bool = False) -> list[int]:
    """Return when each job starts, in milliseconds, on an empty machine under FIFO or EASY."""
    return OneQueue(jobs, nodes, gpus_per_node, backfill=backfill).run()
