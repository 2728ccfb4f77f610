"""Jobs a second of the kernel on one core: one queue, backfill, fair share and all rules, on a fleet made on the fly.

    script/bench kernel
    python -m benchmarks.kernel --jobs 100000 --rounds 1 --load 0.8

One fleet, with what each policy had to do; `benchmarks.speed` has the table with targets.
"""

from __future__ import annotations

import argparse

from rich.console import Console
from rich.table import Table

from benchmarks._machine import machine
from benchmarks._replays import POLICIES, Fleet, Speed, speeds


def main() -> None:
    """Print what runs where, and one row per policy."""
    wanted = arguments()
    measured = Fleet(wanted.jobs, wanted.nodes, wanted.teams, wanted.load, wanted.all_preemptible)
    console = Console()
    console.print(machine())
    found = speeds(measured, wanted.policies, rounds=wanted.rounds)
    console.print(f"{measured}; walltimes enforced; one core, median of {wanted.rounds}")
    console.print(table(found))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Jobs a second of the kernel on one core.")
    parser.add_argument("--jobs", type=int, default=1_000_000)
    parser.add_argument("--nodes", type=int, default=1_000, help="of 8 accelerators")
    parser.add_argument("--teams", type=int, default=100, help="in 10 divisions, or fewer")
    parser.add_argument("--load", type=float, default=0.95, help="GPU-time asked for ÷ GPU-time there is")
    parser.add_argument("--all-preemptible", action="store_true")
    parser.add_argument("--rounds", type=int, default=3, help="the median counts")
    parser.add_argument("--policies", nargs="+", choices=POLICIES, default=list(POLICIES))
    return parser.parse_args()


def table(speeds: list[Speed]) -> Table:
    """Lay the speeds out, with what each policy had to do for them."""
    shown = Table("policy", box=None, pad_edge=False)
    for heading in ("M jobs/s", "ns/job", "events", "starts", "stops", "claims"):
        shown.add_column(heading, justify="right")
    for speed in speeds:
        counts = (f"{speed.run.counters[name]:,}" for name in ("events", "starts", "stops", "claims"))
        shown.add_row(speed.policy, f"{speed.jobs_per_s / 1e6:.2f}", f"{1e9 / speed.jobs_per_s:.0f}", *counts)
    return shown


if __name__ == "__main__":
    main()
