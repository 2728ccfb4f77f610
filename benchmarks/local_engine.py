"""The measurements of docs/engine-local.md: jobs that do nothing, started and ended by the local engine, beside plain processes.

`python -m benchmarks.local_engine` prints the table, `--write` puts it into the page; `--jobs` says how many jobs each row has.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks._machine import machine
from benchmarks._page import table, with_tables
from equipoise.charter.model import Pool
from equipoise.engines.local import LocalEngine, Settings, open_engine
from equipoise.engines.protocol import Attempt, Command, Ended, Launch, Part, Running

PAGE = Path(__file__).resolve().parents[1] / "docs" / "engine-local.md"
SLOTS = (1, 16, 64)
PROGRAM = "/bin/true"
STARTS_S = 30.0


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.local_engine", description="Measure the local engine.")
    parser.add_argument("--jobs", type=int, default=2_000)
    parser.add_argument("--write", action="store_true", help="put the table into the page")
    given = parser.parse_args()
    print(machine())
    rows = [
        "jobs, at most at once | jobs/s | start seen after, median ms | 99 of 100 within, ms",
        "--- | ---: | ---: | ---:",
    ]
    rows.append(f"plain processes, one after the other | {plain(given.jobs):.0f} | |")
    for slots in SLOTS:
        day = measured(given.jobs, slots, Settings(devices="slots"))
        rows.append(f"{given.jobs:,} jobs, {slots} | {day.rate:.0f} | {day.median_ms:.1f} | {day.late_ms:.1f}")
    day = measured(given.jobs, 16, Settings(devices="slots", open_files=512))
    rows.append(f"{given.jobs:,} jobs, 16, with a limit | {day.rate:.0f} | {day.median_ms:.1f} | {day.late_ms:.1f}")
    print(table(rows))
    if given.write:
        PAGE.write_text(with_tables(PAGE.read_text("utf-8"), "local_engine", [table(rows)]), "utf-8")


@dataclass(frozen=True)
class Day:
    """What a run of jobs showed."""

    rate: float
    median_ms: float
    late_ms: float


def plain(jobs: int) -> float:
    """The same program started and waited for without an engine: what this machine can do, one after the other."""
    began = time.perf_counter()
    for _ in range(jobs):
        subprocess.run([PROGRAM], check=True)
    return jobs / (time.perf_counter() - began)


def measured(jobs: int, slots: int, settings: Settings) -> Day:
    """Run jobs through the engine as a controller does, a new one as soon as a slot is free."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        engine = open_engine(settings, (Pool("p", "slot", slots, 1),), Path(folder))
        try:
            return _run(engine, jobs, slots)
        finally:
            engine.close()
            wait_until(lambda: not (Path(folder) / "socket").exists())


def _run(engine: LocalEngine, jobs: int, slots: int) -> Day:
    free, nodes, asked, delays_ms, ended = (
        list(range(slots)),
        dict[Attempt, int](),
        dict[Attempt, float](),
        list[float](),
        0,
    )
    began = time.perf_counter()
    while ended < jobs:
        while free and len(asked) < jobs:
            attempt = Attempt(len(asked), 0)
            nodes[attempt] = free.pop()
            asked[attempt] = time.perf_counter()
            engine.launch(Launch(attempt, "none", "team", "p", 1, (Part(nodes[attempt], 1),), Command((PROGRAM,))))
        for seen in engine.observe(STARTS_S):
            assert isinstance(seen, Running | Ended), seen
            if isinstance(seen, Running):
                delays_ms.append((time.perf_counter() - asked[seen.attempt]) * 1000)
            else:
                assert seen.exit_code == 0
                free.append(nodes.pop(seen.attempt))
                engine.forget(seen.attempt)
                ended += 1
    rate = jobs / (time.perf_counter() - began)
    delays_ms.sort()
    return Day(rate, delays_ms[len(delays_ms) // 2], delays_ms[int(len(delays_ms) * 0.99)])


def wait_until(done: Callable[[], bool]) -> None:
    """Wait for what takes moments."""
    deadline = time.monotonic() + STARTS_S
    while not done() and time.monotonic() < deadline:
        time.sleep(0.02)


if __name__ == "__main__":
    main()
