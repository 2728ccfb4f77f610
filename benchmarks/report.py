"""How long the report of a replay of a million jobs takes, and how large it is: `python -m benchmarks.report`."""

from __future__ import annotations

import time
from statistics import median

from equipoise.charter_io import loads
from equipoise.report.page import page
from equipoise.report.view import Source
from equipoise.tasks.simulate import simulate
from equipoise.workload.fleet import fleet

JOBS, NODES, TEAMS, ROUNDS = 1_000_000, 1_000, 100, 5


def main() -> None:
    workload, text = fleet(JOBS, nodes=NODES, teams=TEAMS, seed=1)
    runs = simulate(workload, loads(text), policy="easy", vs=["fifo"]).runs
    took_s: list[float] = []
    size = 0
    for _ in range(ROUNDS):
        begun_s = time.perf_counter()
        size = len(page(runs, source=Source("fleet", "fleet.yaml", text, "equipoise report")).encode())
        took_s.append(time.perf_counter() - begun_s)
    print(f"{JOBS:,} jobs, {TEAMS} teams, two runs: {median(took_s):.3f} s (median of {ROUNDS}), {size:,} bytes")


if __name__ == "__main__":
    main()
