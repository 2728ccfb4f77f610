"""Scheduling by an order of jobs (``sjf``, ``smallest``, ``srtf``, ``srsf``, ``las``): a plain event loop without the kernel.

At every instant all jobs are walked through in order, running ones and waiting ones alike. Whoever fits what those before
it left of the machine is to run. A running job keeps its devices if nobody before it took them; otherwise it moves, if it
fits elsewhere, or waits again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

Placement = tuple[tuple[int, int], ...]
LEAST_SERVED_GPU_MS = 3_250_000  # Tiresias, simulator/jobs.py: queue_limit[0], GPU-seconds


@dataclass(frozen=True, slots=True)
class OrderedJob:
    """A job; its position in the list is its number."""

    submit_ms: int
    gang: int
    duration_ms: int
    savepoint_ms: int = 0
    preemptible: bool = True


@dataclass(frozen=True, slots=True)
class Move:
    """A job starts or is stopped."""

    time_ms: int
    kind: Literal["start", "stop"]
    job: int


class Bench:
    """The machine as one walk fills it from empty; ``loose`` is what is free in truth and not yet given away."""

    def __init__(self, per_node: int, loose: Sequence[int]) -> None:
        self.per_node = per_node
        self.left = [per_node] * len(loose)
        self.loose = list(loose)

    def room(self) -> int:
        """Return the largest gang that fits."""
        empty = sum(left == self.per_node for left in self.left)
        return empty * self.per_node + max((left for left in self.left if left < self.per_node), default=0)

    def keep(self, placement: Placement) -> bool:
        """Let a running job keep its devices, if nobody took them."""
        if any(self.left[node] < devices for node, devices in placement):
            return False
        for node, devices in placement:
            self.left[node] -= devices
        return True

    def give(self, gang: int) -> Placement:
        """Give devices to a gang that fits: free ones first, whole nodes by number, the rest where it fits best."""
        whole, rest = divmod(gang, self.per_node)
        empty = [node for node, left in enumerate(self.left) if left == self.per_node]
        taken = sorted(empty, key=lambda node: (-self.loose[node], node))[:whole]
        placement = [(node, self.per_node) for node in taken]
        if rest:
            able = [node for node, left in enumerate(self.left) if left >= rest and node not in taken]
            free = [node for node in able if self.loose[node] >= rest]
            if free:
                placement.append((min(free, key=lambda node: (self.loose[node], node)), rest))
            else:
                placement.append((min(able, key=lambda node: (-self.loose[node], self.left[node], node)), rest))
        for node, devices in placement:
            self.left[node] -= devices
            self.loose[node] = max(self.loose[node] - devices, 0)
        return tuple(placement)


class Ordered:
    """The state of a run."""

    def __init__(self, jobs: Sequence[OrderedJob], nodes: int, per_node: int, order: str) -> None:
        if per_node == 1:
            nodes, per_node = 1, nodes
        self.jobs, self.order, self.per_node = jobs, order, per_node
        self.free = [per_node] * nodes
        self.where: dict[int, Placement] = {}
        self.since: dict[int, int] = {}
        self.waiting: set[int] = set()
        self.done = [0] * len(jobs)
        self.lost = [0] * len(jobs)
        self.first = [-1] * len(jobs)
        self.end_ms = [-1] * len(jobs)
        self.now = 0
        self.ended = False
        self.moves: list[Move] = []

    def run(self) -> None:
        """Move from instant to instant until nothing more happens."""
        arrivals = sorted(range(len(self.jobs)), key=lambda job: (self.jobs[job].submit_ms, job))
        following = 0
        while following < len(arrivals) or self.where:
            times = [*self.changes()]
            if following < len(arrivals):
                times.append(self.jobs[arrivals[following]].submit_ms)
            self.now = min(times)
            for job in sorted(job for job in self.where if self.ends(job) == self.now):
                self.finish(job)
            while following < len(arrivals) and self.jobs[arrivals[following]].submit_ms == self.now:
                self.waiting.add(arrivals[following])
                following += 1
            self.ended = True
            while self.ended:  # what a job of no length gives back is given away in the same instant
                self.ended = False
                self.schedule()

    def changes(self) -> Iterator[int]:
        """Yield when running jobs end, and when one has had so much that it goes behind others that wait."""
        for job in self.where:
            yield self.ends(job)
            short = LEAST_SERVED_GPU_MS - self.attained(job)
            if self.order == "las" and short > 0 and self.waiting:
                yield self.now + -(-short // self.jobs[job].gang)

    def ends(self, job: int) -> int:
        """Return when a running job ends if nobody stops it."""
        return self.since[job] + self.jobs[job].duration_ms - self.done[job]

    def attained(self, job: int) -> int:
        """Return the GPU-milliseconds that a job has had, whether they were of use or lost."""
        ran = self.now - self.since[job] if job in self.where else 0
        return (self.done[job] + self.lost[job] + ran) * self.jobs[job].gang

    def key(self, job: int) -> tuple[int, ...]:
        """Return a job's place in the order, least first; those that nobody may stop come first."""
        asked = self.jobs[job]
        running = job in self.where
        age = (asked.submit_ms, job)
        if running and (self.order == "sjf" or not asked.preemptible):
            return (-1, 0, *age)
        if self.order == "sjf":
            return (0, asked.duration_ms, *age)
        if self.order == "smallest":
            return (0, asked.gang, *age)
        if self.order == "las":
            begun = self.first[job] if self.first[job] >= 0 else 1 << 59
            return (int(self.attained(job) >= LEAST_SERVED_GPU_MS), begun, *age)
        left = asked.duration_ms - self.done[job] - (self.now - self.since[job] if running else 0)
        return (0, left * (asked.gang if self.order == "srsf" else 1), *age)

    def schedule(self) -> None:
        """Walk through all jobs in order, then stop and start whom that concerns."""
        if not self.waiting:
            return
        bench = Bench(self.per_node, self.free)
        stopped: list[int] = []
        given: list[tuple[int, Placement]] = []
        for job in sorted([*self.where, *self.waiting], key=self.key):
            fits = self.jobs[job].gang <= bench.room()
            if job in self.where:
                if bench.keep(self.where[job]):
                    continue
                stopped.append(job)
            if fits:
                given.append((job, bench.give(self.jobs[job].gang)))
        for job in stopped:
            self.stop(job)
        for job, placement in given:
            self.start(job, placement)

    def stop(self, job: int) -> None:
        """Let a job wait again with what its savepoints kept."""
        ran = self.now - self.since[job]
        every = self.jobs[job].savepoint_ms
        kept = ran // every * every if every else 0
        self.done[job] += kept
        self.lost[job] += ran - kept
        self.vacate(job)
        self.waiting.add(job)
        self.moves.append(Move(self.now, "stop", job))

    def start(self, job: int, placement: Placement) -> None:
        """Start a job on given devices."""
        self.waiting.remove(job)
        for node, devices in placement:
            self.free[node] -= devices
            assert self.free[node] >= 0, "a node holds more than it has"
        self.where[job], self.since[job] = placement, self.now
        if self.first[job] < 0:
            self.first[job] = self.now
        self.moves.append(Move(self.now, "start", job))
        if self.ends(job) == self.now:
            self.finish(job)
            self.ended = True

    def finish(self, job: int) -> None:
        """End a job."""
        self.vacate(job)
        self.end_ms[job] = self.now

    def vacate(self, job: int) -> None:
        """Give a job's devices back."""
        for node, devices in self.where.pop(job):
            self.free[node] += devices
        del self.since[job]


def run_in_order(jobs: Sequence[OrderedJob], nodes: int, per_node: int, order: str) -> Ordered:
    """Run jobs on an empty machine in an order, and return what became of them."""
    run = Ordered(jobs, nodes, per_node, order)
    run.run()
    return run
