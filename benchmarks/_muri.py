"""How the published simulator of Muri counts, in a few lines: what our figures differ from its by.

It places all jobs anew on an empty machine at every event, first fit in the order; makes every iteration 1.5 % longer; and takes the
time to start a job off the progress of every running job at every event, whether that job starts or not. Read from
github.com/Rivendile/Muri, simulator/run_sim.py, jobs.py and switch.py (Apache-2.0).
"""

from __future__ import annotations

import csv
import gzip
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

LONGER = 1.015
START_S = {  # seconds to start a job, by model, for gangs of 1, 2, 4, 8, 16 and 32
    "vgg16": (7, 7, 8, 9, 9, 10),
    "vgg19": (7, 7, 8, 9, 10, 10),
    "resnet18": (4, 5, 5, 7, 7, 7),
    "shufflenet_v2_x1_0": (4, 4, 5, 5, 7, 8),
    "bert": (10, 10, 10, 10, 10, 10),
    "gpt2": (10, 10, 10, 10, 10, 10),
    "a2c": (38, 39, 39, 46, 46, 46),
    "dqn": (5, 5, 6, 6, 8, 8),
}


@dataclass(frozen=True, slots=True)
class Training:
    """A job of Muri's traces."""

    submit_ms: int
    gang: int
    duration_ms: int
    iterations_ms: int
    model: str

    @property
    def start_s(self) -> int:
        """Seconds that it takes to start."""
        return START_S[self.model][self.gang.bit_length() - 1]


def trainings(path: Path) -> list[Training]:
    """Read a trace, in order of submission."""
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        found = [
            Training(
                int(row["submit_time"]),
                int(row["num_gpu"]),
                int(row["duration"]),
                int(row["iterations"]) * int(row["iteration_time"]),
                row["model_name"],
            )
            for row in csv.DictReader(file)
        ]
    return sorted(found, key=lambda job: job.submit_ms)


def mean_jct_s(
    jobs: Sequence[Training],
    order: str,
    *,
    nodes: int = 8,
    per_node: int = 8,
    longer: float = 1.0,
    starts_cost: bool = False,
) -> float:
    """Return the mean time from submission to end under ``srtf``, ``srsf`` or ``smallest``, in seconds."""
    left = [job.iterations_ms / 1000 * longer for job in jobs]
    active: list[int] = []
    running: set[int] = set()
    ends: dict[int, float] = {}
    at, following = 0.0, 0
    total_s = 0.0
    while following < len(jobs) or active:
        submit = jobs[following].submit_ms / 1000 if following < len(jobs) else float("inf")
        now = min([submit, *ends.values()])
        for job in list(running):
            if ends[job] == now:
                running.remove(job)
                active.remove(job)
                total_s += now - jobs[job].submit_ms / 1000
            else:
                left[job] -= max(now - at - (jobs[job].start_s if starts_cost else 0), 0)
        while following < len(jobs) and jobs[following].submit_ms / 1000 <= now:
            active.append(following)
            following += 1
        active.sort(key=lambda job: _key(order, jobs[job].gang, left[job]))
        running = packed([(job, jobs[job].gang) for job in active], nodes, per_node)
        ends = {job: now + left[job] for job in running}
        at = now
    return total_s / len(jobs)


def _key(order: str, gang: int, left: float) -> float:
    return {"smallest": gang, "srtf": left, "srsf": left * gang}[order]


def packed(gangs: Sequence[tuple[int, int]], nodes: int, per_node: int) -> set[int]:
    """Return who fits, placed in order on an empty machine: on the first node with room, or on whole nodes and one more."""
    free = [per_node] * nodes
    found: set[int] = set()
    for job, gang in gangs:
        whole, rest = divmod(gang, per_node)
        taken = [node for node, left in enumerate(free) if left == per_node][:whole]
        able = [node for node, left in enumerate(free) if left >= rest and node not in taken]
        if len(taken) < whole or (rest and not able):
            continue
        for node in taken:
            free[node] = 0
        if rest:
            free[able[0]] -= rest
        found.add(job)
        if not any(free):
            break
    return found
