"""What a user waits for: commands that do not simulate, the first compilation, a log from file to report."""

from __future__ import annotations

import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from benchmarks._replays import Fleet, compiled
from equipoise.workload import Workload
from equipoise.workload.fleet import fleet

STARTS = {"equipoise --help": ["--help"], "equipoise check": ["check"]}
COMPILE = """
import time
from equipoise.tasks.compilation import compile_scheduler
begun = time.process_time()
compile_scheduler()
print(time.process_time() - begun)
"""


@dataclass(frozen=True, slots=True)
class Took:
    """Seconds of the clock on the wall, and of all processors together."""

    wall_s: float
    cpu_s: float


def start_up(rounds: int = 5) -> dict[str, float]:
    """Measure the wall seconds of commands that do not simulate: the median of a few, after one to warm the disk."""
    seconds: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        charter = Path(folder) / "charter.yaml"
        ran([command(), "init", str(charter)])
        for name, words in STARTS.items():
            line = [command(), *words, *([str(charter)] if words == ["check"] else [])]
            seconds[name] = statistics.median([ran(line).wall_s for _ in range(rounds + 1)][1:])
    return seconds


def compilation() -> tuple[float, float]:
    """Processor seconds of the first compilation, with an empty cache, and of the second, from the cache."""
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {"NUMBA_CACHE_DIR": folder}
        line = [sys.executable, "-c", COMPILE]
        printed = [subprocess.run(line, check=True, capture_output=True, env=environment).stdout for _ in range(2)]
    return float(printed[0]), float(printed[1])


def log_to_report(wanted: Fleet, *, rounds: int) -> tuple[Took, int]:
    """Measure `equipoise report` on a fleet's log as CSV: the median round, and the bytes of the log."""
    compiled()
    workload, text = fleet(wanted.jobs, nodes=wanted.nodes, teams=wanted.teams, load=wanted.load)
    with tempfile.TemporaryDirectory() as folder:
        log, charter, report = (Path(folder) / name for name in ("jobs.csv", "fleet.yaml", "report.html"))
        write_log(workload, log)
        charter.write_text(text, "utf-8")
        line = [command(), "report", str(log), "--charter", str(charter), "--output", str(report)]
        rounds_took = sorted((ran(line) for _ in range(rounds)), key=lambda took: took.wall_s)
        return rounds_took[(rounds - 1) // 2], log.stat().st_size


def write_log(workload: Workload, path: Path) -> None:
    """Write the jobs of a workload as CSV."""
    jobs = workload.jobs
    columns = {
        "team": pl.Series(workload.teams).gather(jobs.team),
        "submit_ms": jobs.submit_ms,
        "num_gpu": jobs.gang,
        "duration_ms": jobs.duration_ms,
        "walltime_ms": jobs.walltime_ms,
        "preemptible": jobs.preemptible,
        "savepoint_ms": jobs.savepoint_ms,
    }
    pl.DataFrame(columns).write_csv(path)


def command() -> str:
    """Return the installed command, that of this environment first."""
    return shutil.which("equipoise", path=str(Path(sys.executable).parent)) or "equipoise"


def ran(line: list[str]) -> Took:
    """Run a command to its end."""
    before, begun_s = children_s(), time.perf_counter()
    subprocess.run(line, check=True, capture_output=True)
    return Took(time.perf_counter() - begun_s, children_s() - before)


def children_s() -> float:
    """Processor seconds of the processes that this one started and that ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
