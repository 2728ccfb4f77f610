"""How fast the Slurm engine starts jobs, beside Slurm's own scheduler on the same cluster in the same run.

    python -m benchmarks.slurm_rates [JOBS] [NODES]

Starts a cluster of its own (real daemons, fake devices). JOBS individual jobs of one device that end at once are submitted to a partition
in which nothing starts; then Slurm starts them by itself (the partition is opened), or they are launched through the engine in the order of
their arrival, each onto a free device of a node that is chosen here. Prints jobs per second from the first start to the last end, and
for the engine how long it is from the launch until Running is reported.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path

from equipoise.charter.model import Pool
from equipoise.engines.protocol import Attempt, Ended, Launch, Part, Refused, Running
from equipoise.engines.slurm import Place, Settings, open_engine
from equipoise.engines.slurm.commands import Commands
from tests.contract import slurm_cluster

ARRAY = 1_000


def main() -> None:
    jobs = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    nodes = int(sys.argv[2]) if len(sys.argv) > 2 else 8
    with slurm_cluster.cluster(nodes=nodes, devices=8) as cluster:
        print(f"{jobs} pending jobs of 1 device on {nodes} nodes of 8; submitted at {submit(cluster, jobs):.0f} jobs/s")
        began = time.monotonic()
        cluster.run("scontrol", "update", "PartitionName=submit", "State=UP")
        while cluster.run("squeue", "-h", "-o", "%A"):
            time.sleep(0.5)
        print(f"Slurm's own scheduler: {jobs / (time.monotonic() - began):.1f} jobs/s started and ended")
        cluster.run("scontrol", "update", "PartitionName=submit", "State=DOWN")
        submit(cluster, jobs)
        through_engine(cluster, jobs, nodes)


def submit(cluster: slurm_cluster.Cluster, jobs: int, script: Path | None = None) -> float:
    """Submit jobs into the queue that is closed; returns how many a second. Without a script they only end."""
    if script is None:
        script = cluster.folder / "job.sh"
        script.write_text("#!/bin/sh\nexit 0\n", "utf-8")
    began = time.monotonic()
    changes: list[tuple[str, ...]] = []
    for at in range(0, jobs, ARRAY):
        tasks = min(ARRAY, jobs - at)
        given = (
            "--account=safety",
            "--partition=submit",
            "--gres=gpu:1",
            "--output=/dev/null",
            f"--array=0-{tasks - 1}",
        )
        number = cluster.run("sbatch", "--parsable", *given, str(script))
        changes += [("update", f"JobId={number}_{task}", "AdminComment=one") for task in range(tasks)]
    commands = Commands(Settings(pools={"main": Place("main", ("submit",))}, conf=str(cluster.conf)))
    failures = commands.change_all(changes)  # a task that was changed is a job of its own to Slurm
    commands.close()
    assert not any(failures), next(filter(None, failures))
    return jobs / (time.monotonic() - began)


def through_engine(cluster: slurm_cluster.Cluster, jobs: int, nodes: int) -> None:
    settings = Settings(pools={"main": Place("main", ("submit",))}, conf=str(cluster.conf), poll_s=0.2)
    engine = open_engine(settings, (Pool("main", "gpu", nodes, 8),), Path(tempfile.mkdtemp(dir=cluster.folder)))
    queue = sorted(engine.waiting(), key=lambda one: [int(part) for part in one.origin.split("_")])
    assert len(queue) == jobs
    free, placed = dict.fromkeys(range(nodes), 8), dict[Attempt, int]()
    launched, wait_ms = dict[Attempt, float](), list[float]()
    began, ended, refused, next_job = time.monotonic(), 0, 0, 0
    while ended + refused < jobs:
        while next_job < jobs and free[node := max(free, key=lambda number: free[number])]:
            arrived, attempt = queue[next_job], Attempt(next_job, 0)
            at = time.monotonic()
            engine.launch(
                Launch(attempt, arrived.name, arrived.team, "main", 1, (Part(node, 1),), None, origin=arrived.origin)
            )
            launched[attempt], placed[attempt], next_job = at, node, next_job + 1
            free[node] -= 1
        for seen in engine.observe(1.0):
            if isinstance(seen, Running):
                wait_ms.append((time.monotonic() - launched[seen.attempt]) * 1000)
            elif isinstance(seen, Ended | Refused):
                ended, refused = ended + isinstance(seen, Ended), refused + isinstance(seen, Refused)
                free[placed[seen.attempt]] += 1
                engine.forget(seen.attempt)
    took_s = time.monotonic() - began
    print(f"through the engine: {jobs / took_s:.1f} jobs/s started and ended, {refused} refused")
    print(
        f"  from the launch to Running: median {statistics.median(wait_ms):.0f} ms, 99th percentile {quantile(wait_ms):.0f} ms"
    )
    engine.close()


def quantile(values: list[float]) -> float:
    return sorted(values)[int(0.99 * (len(values) - 1))]


if __name__ == "__main__":
    main()
