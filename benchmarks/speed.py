"""The tables of docs/speed.md: how fast Equipoise is, beside what it set out to reach, and beside AccaSim.

`script/bench speed` (or `python -m benchmarks.speed`) prints them in some minutes; `--large` adds ten million jobs, and
`--write` measures all of it and puts it into the page.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass

from benchmarks._commands import compilation, log_to_report, start_up
from benchmarks._large import large
from benchmarks._latency import latency
from benchmarks._machine import machine
from benchmarks._replays import POLICIES, Fleet, pacing_costs, speeds
from benchmarks._rival import NODES, Match, Side, match
from benchmarks.conformance import table
from benchmarks.philly import ROOT, with_tables

PAGE = ROOT / "docs" / "speed.md"
NAMES = {"fifo": "FIFO", "easy": "EASY", "no-floors": "floors off", "charter": "all rules"}
LOADS = (0.8, 0.9, 0.95)
MISSED = ", **missed**"


@dataclass(frozen=True, slots=True)
class Target:
    """What a figure should at least be, or at most."""

    bound: float
    unit: str
    least: bool = True

    def __str__(self) -> str:
        return f"{'≥' if self.least else '≤'} {self.bound:,g} {self.unit}".rstrip()

    def beside(self, figure: float, *, digits: int = 2) -> str:
        """Return the figure as written (so that it is what is compared), and whether it misses the target."""
        written = f"{figure:,.{digits}f}"
        value = float(written.replace(",", ""))
        misses = value < self.bound if self.least else value > self.bound
        return f"{written} {self.unit}".rstrip() + MISSED * misses


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much is measured."""

    jobs: int = 1_000_000
    rounds: int = 3
    pending: int = 10_000
    pending_of: int = 300_000  # jobs, of which at twice the load that the machine bears so many wait
    large: int = 0  # jobs; 0: not measured


SPEEDS = {"fifo": Target(5, ""), "charter": Target(1, "")}  # M jobs/s
MILLION_GPUS = Target(0.5, "M jobs/s")
LARGE_CPU, LARGE_PEAK = Target(12, "CPU-s", least=False), Target(2, "GB", least=False)
PACING, PACING_LOADS = Target(15, "%", least=False), (0.7, 0.9)
PACING_ROUNDS = 5  # times as many: some per cent are as much as a shared machine wavers
DECISION = Target(20, "µs", least=False)
REPORT = Target(10, "s", least=False)
RATIO = Target(1000, "×")


def main() -> None:
    parser = argparse.ArgumentParser(description="The tables of docs/speed.md.")
    parser.add_argument("--large", action="store_true", help="also 10 million jobs: a minute, and 3 GB of memory")
    parser.add_argument("--write", action="store_true", help="measure all and put it into the page")
    wanted = parser.parse_args()
    made = tables(Sizes(large=10_000_000 if wanted.large or wanted.write else 0))
    for text in made:
        print(text, end="\n\n")
    if wanted.write:
        PAGE.write_text(with_tables(PAGE.read_text("utf-8"), made), "utf-8")


def tables(sizes: Sizes) -> list[str]:
    """Return the tables of the page as Markdown, in its order."""
    return [measured_on(), throughput(sizes), pacing(sizes), scale(sizes), waiting(sizes), rival(match())]


def measured_on() -> str:
    return table(["measured on"], "l", [[machine()]])


def throughput(sizes: Sizes) -> str:
    """Jobs a second of each policy, at some loads, and where every job can be stopped."""
    fleets = [Fleet(sizes.jobs, load=load) for load in LOADS] + [Fleet(sizes.jobs, all_preemptible=True)]
    columns = [speeds(fleet, list(POLICIES), rounds=sizes.rounds) for fleet in fleets]
    rows: list[list[str]] = []
    for policy, *found in zip(POLICIES, *columns, strict=True):
        target = SPEEDS.get(policy)
        millions = [speed.jobs_per_s / 1e6 for speed in found]
        cells = [target.beside(value) if target else f"{value:.2f}" for value in millions]
        rows.append([NAMES[policy], str(target or "–"), *cells])
    heads = [f"load {load}" for load in LOADS]
    return table(["million jobs a second", "target", *heads, "0.95, every job preemptible"], "lrrrrr", rows)


def pacing(sizes: Sizes) -> str:
    """What promises over time add to a replay."""
    columns = [pacing_costs(Fleet(sizes.jobs, load=load), rounds=PACING_ROUNDS * sizes.rounds) for load in PACING_LOADS]
    rows = [["none", "–", *(f"{found['none'][0]:,.0f} ns a job" for found in columns)]]
    for name in list(columns[0])[1:]:
        more = [100 * (found[name][1] - 1) for found in columns]
        first = name == "a part of a quarter"
        cells = [PACING.beside(part, digits=0) if first else f"{part:,.0f} %" for part in more]
        rows.append([name, str(PACING) if first else "–", *cells])
    heads = [f"load {load}" for load in PACING_LOADS]
    return table(["all rules, and promises", "target", *heads], "lrrr", rows)


def scale(sizes: Sizes) -> str:
    """A machine of a million accelerators, and ten million jobs."""
    [wide] = speeds(Fleet(sizes.jobs, nodes=125_000, teams=1_000), ["charter"], rounds=sizes.rounds)
    rows = [["1M GPUs × 1,000 teams", str(MILLION_GPUS), MILLION_GPUS.beside(wide.jobs_per_s / 1e6)]]
    if sizes.large:
        found = large(sizes.large)
        before = f"; before it: made in {found.made_s:.1f}, laid out in {found.laid_out_s:.1f} CPU-s"
        rows += [
            ["10 M jobs: replay", str(LARGE_CPU), LARGE_CPU.beside(found.replayed_s, digits=1) + before],
            ["10 M jobs: most memory", str(LARGE_PEAK), LARGE_PEAK.beside(found.peak_bytes / 1e9)],
        ]
    else:
        rows += [["10 M jobs", f"{LARGE_CPU}, {LARGE_PEAK}", "not measured (`--large`)"]]
    return table(["all rules, load 0.95", "target", "measured"], "lrr", rows)


def waiting(sizes: Sizes) -> str:
    """What is waited for: a decision, the compilation, a report, a command."""
    one = latency(Fleet(sizes.pending_of, load=2.0), pending=sizes.pending)
    cold_s, warm_s = compilation()
    report, size = log_to_report(Fleet(sizes.jobs), rounds=sizes.rounds)
    instants = f"a decision, {one.pending:,} to {one.most_pending:,} jobs pending, 1,000 nodes"
    rows = [
        [f"{instants}: median", "–", f"{one.p50_us:.1f} µs"],
        [f"{instants}: p99 of {one.instants:,}", str(DECISION), DECISION.beside(one.p99_us, digits=1)],
        [
            f"log of {sizes.jobs:,} rows ({size / 1e6:,.0f} MB of CSV) to report",
            str(REPORT),
            f"{REPORT.beside(report.wall_s, digits=1)} ({report.cpu_s:.1f} CPU-s)",
        ],
        ["compiling the kernel, first use", "–", f"{cold_s:.1f} CPU-s"],
        ["loading it from the cache", "–", f"{warm_s:.2f} CPU-s"],
        *([f"`{name}`", "–", f"{seconds:.2f} s"] for name, seconds in start_up().items()),
    ]
    return table(["waiting for", "target", "measured"], "lrr", rows)


def rival(found: Match | str) -> str:
    """Both simulators on the same jobs, in the same run, or why there is nothing to compare."""
    if isinstance(found, str):
        return table(["EASY", "measured"], "ll", [["beside AccaSim", f"not measured: {found}"]])

    def row(name: str, side: Side) -> list[str]:
        return [name, f"{side.seconds:,.4g} CPU-s", f"{side.jobs_per_s:,.0f}", f"{side.mean_wait_s / 3600:,.1f} h"]

    rows = [
        [*row("AccaSim 1.1.3", found.rival), "", ""],
        [*row("Equipoise, with the laying-out", found.whole), str(RATIO), RATIO.beside(found.ratio, digits=0)],
        [*row("Equipoise, the replay alone", found.replay), "–", f"{found.replay_ratio:,.0f} ×"],
    ]
    head = [f"EASY, {found.whole.jobs:,} jobs, {NODES} nodes", "took", "jobs a second", "mean wait"]
    return table([*head, "target", "as many"], "lrrrrr", rows)


if __name__ == "__main__":
    main()
