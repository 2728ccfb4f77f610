"""Flat pools with a long backlog of gangs, many larger than their team's floor, and the bound of FAIRNESS 8 on their waits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import ceil
from random import Random
from typing import NamedTuple

import numpy as np

from equipoise.policy.state import Options
from equipoise.simulator.run import simulate
from equipoise.workload.model import Jobs, Workload
from tests.property.small_systems import Lab, charter_of, plan_of
from tests.reference.policy_turns import TurnJob, Turns


class Wait(NamedTuple):
    """How long one gang waited at the head of its team, and how long it may."""

    job: int
    wait_ms: int
    bound_ms: int


@dataclass(frozen=True, slots=True)
class TurnCase:
    """A flat pool and its gangs in order of submission; every gang declares how long it runs."""

    capacity: int
    floors: tuple[int, ...]
    weights: tuple[int, ...]
    jobs: tuple[TurnJob, ...]
    half_life_ms: int = 1_000

    def twin_starts(self, seed: int) -> list[int]:
        """Return the starts under nothing but the rule of turns, all other order by chance."""
        return Turns(self.capacity, self.floors, self.weights, self.jobs, Random(seed)).run()

    def kernel_starts(self, *, enforced: bool = True, lengths_ms: Sequence[int] = ()) -> list[int]:
        """Return the kernel's first starts; ``lengths_ms`` are how long gangs really run where nobody enforces it."""
        lab = Lab((-1,) * len(self.floors), self.floors, self.capacity, weight=self.weights)
        n = len(self.jobs)
        declared = np.array([job.length_ms for job in self.jobs], np.int64)
        jobs = Jobs(
            submit_ms=np.array([job.submit_ms for job in self.jobs], np.int64),
            duration_ms=np.array(lengths_ms, np.int64) if lengths_ms else declared,
            gang=np.array([job.gang for job in self.jobs], np.int32),
            walltime_ms=declared,
            team=np.array([job.team for job in self.jobs], np.int32),
            pool=np.zeros(n, np.int32),
            user=np.zeros(n, np.int32),
            priority=np.zeros(n, np.int32),
            preemptible=np.ones(n, np.bool_),
            savepoint_ms=np.zeros(n, np.int64),
            after=np.full(n, -1, np.int32),
        )
        charter = replace(charter_of(lab), usage_half_life_ms=self.half_life_ms)
        work = Workload(jobs, tuple(team.path for team in charter.teams), ("p",), ("u",))
        made = replace(plan_of(lab), half_life_ms=self.half_life_ms)
        run = simulate(work, charter, made, reference=made, options=Options(enforce_walltime=enforced))
        return run.jobs["first_ms"].tolist()

    def waits(self, starts: Sequence[int]) -> Iterator[Wait]:
        """Yield the wait of each gang larger than its floor, from when it is the first such gang of its team."""
        longest = max(job.length_ms for job in self.jobs)
        saving = {job.team for job in self.jobs if self.is_large(job)}
        for team in sorted(saving):
            share = self.floors[team] + Fraction(self.capacity - sum(self.floors)) * self.weights[team] / sum(
                self.weights
            )
            head_ms = 0
            for number, job in enumerate(self.jobs):
                if job.team == team and self.is_large(job):
                    head_ms = max(head_ms, job.submit_ms)
                    others = len(saving) * max(longest, job.length_ms) + (len(saving) - 1) * job.length_ms
                    bound = ceil(job.gang * job.length_ms / share) + others + 1
                    yield Wait(number, starts[number] - head_ms, bound)
                    head_ms = max(head_ms, starts[number])

    def is_large(self, job: TurnJob) -> bool:
        """Return whether a gang is larger than its team's floor."""
        return job.gang > self.floors[job.team]


def draw_turns(seed: int, *, floored: bool) -> TurnCase:
    """Draw a case in which every team has work for a long time; without floors every gang saves up for its turn."""
    chance = Random(seed)
    capacity, teams = chance.randint(2, 8), chance.randint(2, 4)
    weights = tuple(chance.choice((10_000, 10_000, 20_000, 30_000)) for _ in range(teams))
    left, floors = capacity, list[int]()
    for _ in range(teams):
        floors.append(chance.randint(0, left // 2) if floored else 0)
        left -= floors[-1]
    saving, jobs = chance.randint(1, teams), list[TurnJob]()
    for team in range(teams):
        asked = 0
        while asked < 60 * capacity:
            large = team < saving and chance.random() < 0.6
            gang = chance.randint(
                min(floors[team] + 1, capacity) if large else 1, capacity if large else max(1, capacity // 2)
            )
            length_ms = chance.randint(1, 12)
            jobs.append(TurnJob(team, gang, chance.choice((0, 0, chance.randint(0, 30))), length_ms))
            asked += gang * length_ms
    jobs.sort(key=lambda job: job.submit_ms)
    return TurnCase(capacity, tuple(floors), weights, tuple(jobs), chance.choice((5, 50, 1_000, 1_000_000)))
