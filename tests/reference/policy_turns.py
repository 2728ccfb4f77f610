"""Turns on a flat pool, as FAIRNESS 8 tells them and with no other rule: a reservation for the earliest crossed turn.

Nothing is reclaimed, devices are only counted, walltimes are enforced (a gang runs for exactly as long as it declares),
and the order of admission among those whose turn has not come is drawn by chance: the bound must hold for every order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from random import Random


@dataclass(frozen=True, slots=True)
class TurnJob:
    """A gang of a team."""

    team: int
    gang: int
    submit_ms: int
    length_ms: int


class Turns:
    """One run."""

    def __init__(
        self, capacity: int, floors: Sequence[int], weights: Sequence[int], jobs: Sequence[TurnJob], chance: Random
    ) -> None:
        """Take jobs in order of submission."""
        self.capacity, self.floors, self.weights, self.jobs, self.chance = capacity, floors, weights, jobs, chance
        self.now = 0
        self.start_ms: dict[int, int] = {}
        self.running: set[int] = set()
        self.waiting: list[int] = []
        self.turn = [Fraction(0)] * len(floors)
        self.head_since: dict[int, int] = {}
        self.crossed: list[int] = []  # teams, first crossed first

    def run(self) -> list[int]:
        """Return when each job starts."""
        while len(self.start_ms) < len(self.jobs):
            following = [job.submit_ms for job in self.jobs if job.submit_ms > self.now]
            following += [self.end_ms(job) for job in self.running if self.end_ms(job) > self.now]
            self.arrive()
            self.one_pass()
            following += [self.end_ms(job) for job in self.running]
            if len(self.start_ms) < len(self.jobs):
                self.pass_time(min(following))
        return [self.start_ms[job] for job in range(len(self.jobs))]

    def end_ms(self, job: int) -> int:
        """Return when a running job ends."""
        return self.start_ms[job] + self.jobs[job].length_ms

    def arrive(self) -> None:
        """End what ends now and take in what is submitted now."""
        self.running = {job for job in self.running if self.end_ms(job) > self.now}
        self.waiting += [number for number, job in enumerate(self.jobs) if job.submit_ms == self.now]

    def head_of(self, team: int) -> int | None:
        """Return the oldest gang of a team that waits and is larger than its floor."""
        return next((j for j in self.waiting if self.jobs[j].team == team and self.is_large(j)), None)

    def is_large(self, job: int) -> bool:
        """Return whether a gang is larger than its team's floor."""
        return self.jobs[job].gang > self.floors[self.jobs[job].team]

    def pass_time(self, until_ms: int) -> None:
        """Let the turn of every team with a large gang that waits grow by its exact share."""
        share = self.shares()
        for team in range(len(self.floors)):
            if self.head_of(team) is not None:
                self.turn[team] += share[team] * (until_ms - self.now)
        self.now = until_ms

    def shares(self) -> list[Fraction]:
        """Return the rational shares: floors first, the rest by weight, nobody above what it asks for."""
        asks = [Fraction(0)] * len(self.floors)
        for job in (*self.running, *self.waiting):
            asks[self.jobs[job].team] += self.jobs[job].gang
        share = [min(Fraction(floor), ask) for floor, ask in zip(self.floors, asks, strict=True)]
        left = Fraction(self.capacity) - sum(share, Fraction(0))
        while left > 0 and any(s < a for s, a in zip(share, asks, strict=True)):
            open_ = [team for team in range(len(asks)) if share[team] < asks[team]]
            total = sum(self.weights[team] for team in open_)
            level = min(left / total, *((asks[team] - share[team]) / self.weights[team] for team in open_))
            for team in open_:
                share[team] += level * self.weights[team]
            left -= level * total
        return share

    def one_pass(self) -> None:
        """Start the gangs whose turn has come, first crossed first; others only beside the reservation."""
        self.cross()
        while self.crossed:
            head = self.head_of(self.crossed[0])
            assert head is not None
            if self.jobs[head].gang > self.free():
                self.backfill(head)
                return
            self.start(head)
        order = list(self.waiting)
        self.chance.shuffle(order)
        for job in order:
            if self.jobs[job].gang > self.free():
                self.backfill(job)
                return
            self.start(job)

    def cross(self) -> None:
        """Note the teams whose turn has come."""
        for team in range(len(self.floors)):
            head = self.head_of(team)
            if head is not None and team not in self.crossed:
                job = self.jobs[head]
                if self.turn[team] >= job.gang * job.length_ms:
                    self.crossed.append(team)

    def free(self) -> int:
        """Return the free devices."""
        return self.capacity - sum(self.jobs[job].gang for job in self.running)

    def start(self, job: int) -> None:
        """Start a job; the head gang of its team pays for its turn."""
        team = self.jobs[job].team
        if self.head_of(team) == job:
            self.turn[team] = max(self.turn[team] - self.jobs[job].gang * self.jobs[job].length_ms, Fraction(0))
            if team in self.crossed:
                self.crossed.remove(team)
        self.waiting.remove(job)
        self.start_ms[job] = self.now
        self.running.add(job)
        self.cross()

    def backfill(self, head: int) -> None:
        """Start, in an order drawn by chance, whatever cannot delay the head."""
        free, shadow = self.free(), self.now
        for end, gang in sorted((self.end_ms(job), self.jobs[job].gang) for job in self.running):
            if free < self.jobs[head].gang or end == shadow:
                free, shadow = free + gang, end
        spare = free - self.jobs[head].gang
        order = [job for job in self.waiting if job != head]
        self.chance.shuffle(order)
        for job in order:
            gang = self.jobs[job].gang
            if gang > self.free():
                continue
            if self.now + self.jobs[job].length_ms <= shadow:
                self.start(job)
            elif gang <= spare:
                spare -= gang
                self.start(job)
