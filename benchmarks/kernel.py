"""Jobs a second of the kernel on one core: one queue, backfill, fair share and all rules, on a fleet made on the fly.

    script/bench kernel
    python -m benchmarks.kernel --jobs 100000 --rounds 1

The time is that of the processor in the thread that runs the kernel, from the laid-out state to the last event:
compilation, the making of the fleet and the laying-out come before it. Start-up times are those of the installed
command, as a user waits for them.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numba
from rich.console import Console
from rich.table import Table

from equipoise.charter import Charter
from equipoise.charter_io import loads
from equipoise.policy.plan import plan
from equipoise.policy.state import Options, build
from equipoise.simulator.days import midnights
from equipoise.simulator.replay import Replay, Run
from equipoise.simulator.timeline import Timeline
from equipoise.tasks.compilation import compile_scheduler
from equipoise.workload import Workload
from equipoise.workload.fleet import fleet

POLICIES = ("fifo", "easy", "no-floors", "charter")
STARTS = {"equipoise --help": ["--help"], "equipoise check": ["check"]}


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


def main() -> None:
    """Print what runs where, one row per policy, and the times of start-up."""
    wanted = arguments()
    console = Console()
    console.print(machine())
    speeds = measure(wanted.policies, jobs=wanted.jobs, nodes=wanted.nodes, teams=wanted.teams, rounds=wanted.rounds)
    console.print(
        f"{wanted.jobs:,} jobs, {wanted.nodes:,} nodes of 8, {wanted.teams} teams, walltimes enforced; "
        f"one core, median of {wanted.rounds}"
    )
    console.print(table(speeds))
    for name, seconds in start_up().items():
        console.print(f"{name:20} {seconds:5.2f} s")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Jobs a second of the kernel on one core.")
    parser.add_argument("--jobs", type=int, default=1_000_000)
    parser.add_argument("--nodes", type=int, default=1_000, help="of 8 accelerators")
    parser.add_argument("--teams", type=int, default=100, help="in 10 divisions, or fewer")
    parser.add_argument("--rounds", type=int, default=3, help="the median counts")
    parser.add_argument("--policies", nargs="+", choices=POLICIES, default=list(POLICIES))
    return parser.parse_args()


def measure(policies: list[str], *, jobs: int, nodes: int, teams: int, rounds: int) -> list[Speed]:
    """Replay one fleet under each policy ``rounds`` times."""
    compile_scheduler(announce=lambda sentence: print(sentence, file=sys.stderr))
    workload, text = fleet(jobs, nodes=nodes, gpus_per_node=8, teams=teams, divisions=min(10, teams))
    charter = loads(text)
    return [_median(policy, workload, charter, rounds) for policy in policies]


def _median(policy: str, workload: Workload, charter: Charter, rounds: int) -> Speed:
    runs = sorted((_round(policy, workload, charter) for _ in range(rounds)), key=lambda pair: pair[0])
    assert len({run.digest for _, run in runs}) == 1, "the same replay decided differently"
    middle = statistics.median_low(seconds for seconds, _ in runs)
    return Speed(policy, len(workload.jobs), middle, runs[0][1])


def _round(policy: str, workload: Workload, charter: Charter) -> tuple[float, Run]:
    """Run once, along the road that `simulate` goes; returns seconds of one core and the run."""
    reference = plan(charter)
    way = reference if policy == "charter" else plan(charter, policy)
    laid_out = build(workload, charter.pools, way, reference=reference, options=Options(enforce_walltime=True))
    replay = Replay(laid_out, keep=False)
    timeline = Timeline(replay, midnight_after=midnights(charter.timezone, workload.origin_ms))
    started = time.thread_time()
    timeline.run()
    seconds = time.thread_time() - started
    return seconds, replay.result()


def table(speeds: list[Speed]) -> Table:
    """Lay the speeds out, with what each policy had to do for them."""
    shown = Table("policy", box=None, pad_edge=False)
    for heading in ("M jobs/s", "ns/job", "events", "starts", "stops", "claims"):
        shown.add_column(heading, justify="right")
    for speed in speeds:
        counts = (f"{speed.run.counters[name]:,}" for name in ("events", "starts", "stops", "claims"))
        shown.add_row(speed.policy, f"{speed.jobs_per_s / 1e6:.2f}", f"{1e9 / speed.jobs_per_s:.0f}", *counts)
    return shown


def machine() -> str:
    """Say what the figures were measured on."""
    model = platform.machine()
    if Path("/proc/cpuinfo").exists():
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
        model = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), model)
    return f"{model}, {os.cpu_count()} cores, Python {platform.python_version()}, numba {numba.__version__}"


def start_up(rounds: int = 5) -> dict[str, float]:
    """Measure the wall seconds of commands that do not simulate: the median of a few, after one to warm the disk."""
    command = shutil.which("equipoise", path=str(Path(sys.executable).parent)) or "equipoise"
    seconds: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        charter = Path(folder) / "charter.yaml"
        subprocess.run([command, "init", str(charter)], check=True, capture_output=True)
        for name, words in STARTS.items():
            line = [command, *words, *([str(charter)] if words == ["check"] else [])]
            seconds[name] = statistics.median([_wall(line) for _ in range(rounds + 1)][1:])
    return seconds


def _wall(line: list[str]) -> float:
    started = time.perf_counter()
    subprocess.run(line, check=True, capture_output=True)
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
