"""How fast the kernel replays: processor time of the thread that runs it, from the laid-out state to the last event.

Compilation, the making of the fleet and the laying-out come before it.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from equipoise.charter import Charter
from equipoise.charter_io import loads
from equipoise.policy.plan import plan
from equipoise.policy.state import Layout, Options, build
from equipoise.simulator.days import midnights
from equipoise.simulator.replay import Replay, Run
from equipoise.simulator.timeline import Timeline
from equipoise.simulator.windows import windows_of
from equipoise.tasks.compilation import compile_scheduler
from equipoise.workload import Workload
from equipoise.workload.fleet import fleet

POLICIES = ("fifo", "easy", "no-floors", "charter")
ENFORCED = Options(enforce_walltime=True)

_QUARTER = "commitments:\n  quarter: {team: d0, at_least: 8%, window: quarter}\n"
_ROLLING = "  rolling: {team: d0, at_least: 8%, window: rolling 28d}\n"
PROMISES = {
    "none": "",
    "a part of a quarter": _QUARTER,
    "and of every four weeks": _QUARTER + _ROLLING,
    "and a ceiling of another": _QUARTER + _ROLLING + "  ceiling: {team: d1, at_most: 60%, window: quarter}\n",
}
"""Promises of a fleet's first division, each with those before it; a rolling one has 29 windows open at once."""


@dataclass(frozen=True, slots=True)
class Fleet:
    """A fleet to measure: its machine has nodes of 8, its teams lie in 10 divisions or fewer."""

    jobs: int = 1_000_000
    nodes: int = 1_000
    teams: int = 100
    load: float = 0.95
    all_preemptible: bool = False

    def made(self) -> tuple[Workload, Charter]:
        """Make its jobs and its charter."""
        workload, text = fleet(
            self.jobs, nodes=self.nodes, teams=self.teams, divisions=min(10, self.teams), load=self.load
        )
        if self.all_preemptible:
            every = np.ones(self.jobs, np.bool_)
            workload = replace(workload, jobs=replace(workload.jobs, preemptible=every))
        return workload, loads(text)

    def __str__(self) -> str:
        stops = ", every job preemptible" if self.all_preemptible else ""
        return f"{self.jobs:,} jobs, {self.nodes:,} nodes of 8, {self.teams:,} teams, load {self.load}{stops}"


@dataclass(frozen=True, slots=True)
class Speed:
    """Median of the rounds of one policy."""

    policy: str
    jobs: int
    seconds: float
    run: Run

    @property
    def jobs_per_s(self) -> float:
        """Of processor time, not of wall time."""
        return self.jobs / self.seconds


def compiled() -> None:
    """Compile the kernel if it is not in the cache, and say so on stderr."""
    compile_scheduler(announce=lambda sentence: print(sentence, file=sys.stderr))


def speeds(wanted: Fleet, policies: list[str], *, rounds: int) -> list[Speed]:
    """Replay one fleet under each policy ``rounds`` times."""
    compiled()
    workload, charter = wanted.made()
    return [speed(policy, workload, charter, rounds=rounds) for policy in policies]


def speed(policy: str, workload: Workload, charter: Charter, *, rounds: int, options: Options = ENFORCED) -> Speed:
    """Replay a workload ``rounds`` times; all must decide alike."""
    runs = [replayed(laid_out(policy, workload, charter, options), workload, charter) for _ in range(rounds)]
    assert len({run.digest for _, run in runs}) == 1, "the same replay decided differently"
    middle = statistics.median_low(seconds for seconds, _ in runs)
    return Speed(policy, len(workload.jobs), middle, runs[0][1])


def laid_out(policy: str, workload: Workload, charter: Charter, options: Options = ENFORCED) -> Layout:
    """Return the state before the first event, accounted against the charter as `simulate` does."""
    reference = plan(charter)
    way = reference if policy == "charter" else plan(charter, policy)
    return build(workload, charter.pools, way, reference=reference, options=options)


def replayed(
    layout: Layout, workload: Workload, charter: Charter, *, kind: Callable[..., Replay] = Replay
) -> tuple[float, Run]:
    """Run once, along the road that `simulate` goes; returns seconds of one core and the run."""
    replay = kind(layout, keep=False)
    timeline = Timeline(
        replay,
        midnight_after=midnights(charter.timezone, workload.origin_ms),
        windows=windows_of(layout, charter, workload.origin_ms),
    )
    started = time.thread_time()
    timeline.run()
    seconds = time.thread_time() - started
    return seconds, replay.result()


def pacing_costs(wanted: Fleet, *, rounds: int) -> dict[str, tuple[float, float]]:
    """Replay one fleet with promises of its first division: median nanoseconds a job, and the median ratio to none in a round."""
    compiled()
    workload, text = fleet(
        wanted.jobs, nodes=wanted.nodes, teams=wanted.teams, divisions=min(10, wanted.teams), load=wanted.load
    )
    charters = {name: loads(text.rstrip() + "\n" + promises) for name, promises in PROMISES.items()}
    found: dict[str, list[float]] = {name: [] for name in charters}
    for _ in range(rounds):
        for name, charter in charters.items():
            seconds, _ = replayed(laid_out("charter", workload, charter), workload, charter)
            found[name].append(seconds / wanted.jobs * 1e9)
    none = found["none"]
    return {
        name: (statistics.median(each), statistics.median(a / b for a, b in zip(each, none, strict=True)))
        for name, each in found.items()
    }
