"""The tables of docs/baselines.md: published figures of Tiresias and Muri, ours, and what makes the difference.

`python -m benchmarks.baselines` prints them; with `--write` it puts them into the page.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Sequence

import numpy as np

from benchmarks import _muri
from benchmarks.philly import DATA, ROOT, with_tables
from equipoise.charter_io import loads
from equipoise.simulator.results import Results
from equipoise.tasks.simulate import simulate
from equipoise.workload.model import Jobs, Workload

PAGE = ROOT / "docs" / "baselines.md"
TIRESIAS = DATA / "tiresias" / "60_job.csv"
MURI = {
    "1": DATA / "philly_5vc" / "muri_trace1_7f04ca.csv.gz",
    "2": DATA / "philly_5vc" / "muri_trace2_ee9e8c.csv.gz",
}
# Muri (SIGCOMM 2022), figure 9; the numbers behind it are in its artifact, simulator/draw_fig9-10.py.
MURI_JCT_S = {
    ("1", "srtf"): 1370603.198,
    ("1", "srsf"): 980140.5699,
    ("2", "srtf"): 2665607.375,
    ("2", "srsf"): 2213949.687,
}
# Tiresias' simulator (github.com/SymbioticLab/Tiresias) on its 60 jobs: mean time to done, mean pending, makespan.
TIRESIAS_S = {"fifo": (200.82, 22.40, 3335), "sjf": (198.20, 19.78, 3271)}


def main() -> None:
    if not DATA.is_dir():
        print("../shared/data is not here: nothing to replay")
        return
    made = tables()
    for text in made:
        print(text, end="\n\n")
    if "--write" in sys.argv[1:]:
        PAGE.write_text(renewed(PAGE.read_text("utf-8"), made), "utf-8")


def renewed(page: str, made: list[str]) -> str:
    """Return the page with its tables of figures replaced; the first table of the page is no figure."""
    head, mark, figures = page.partition("## Tiresias")
    return head + mark + with_tables(figures, made)


def tables() -> list[str]:
    """Return the tables of figures, in the page's order."""
    return [tiresias(), muri(), steps()]


def run(jobs: Sequence[tuple[int, int, int]], machine: str, policy: str) -> Results:
    """Replay (submit ms, gang, duration ms) with a savepoint in every millisecond: stopping costs nothing."""
    n = len(jobs)
    submit, gang, duration = (np.array(column, np.int64) for column in zip(*jobs, strict=True))
    zeros = np.zeros(n, np.int32)
    workload = Workload(
        Jobs(
            submit_ms=submit, duration_ms=duration, gang=gang.astype(np.int32), walltime_ms=np.zeros(n, np.int64),
            team=zeros, pool=zeros, user=zeros - 1, priority=zeros, preemptible=np.ones(n, np.bool_),
            savepoint_ms=np.ones(n, np.int64), after=zeros - 1,
        ),
        ("research",),
        ("gpu",),
    )  # fmt: skip
    text = f"equipoise: charter/v1\nlab: L\npools: {{gpu: {{device: GPU, expect: {machine}}}}}\nteams: {{research: {{}}}}\n"
    return simulate(workload, loads(text), policy=policy)


def tiresias_jobs() -> list[tuple[int, int, int]]:
    with TIRESIAS.open(encoding="utf-8", newline="") as file:
        rows = [(int(r["submit_time"]), int(r["num_gpu"]), int(r["duration"])) for r in csv.DictReader(file)]
    return [(1000 * submit, gang, 1000 * length) for submit, gang, length in sorted(rows, key=lambda row: row[0])]


def tiresias() -> str:
    """Sixty jobs on sixteen GPUs: the published rows, and ours on devices that are counted and on nodes."""
    jobs = tiresias_jobs()
    length = sum(job[2] for job in jobs) / len(jobs) / 1000
    lines = [
        "| published | its rule here | machine | mean time to done, s | pending, s | makespan, s | difference |",
        "|---|---|---|---:|---:|---:|---:|",
    ]
    for name, published in TIRESIAS_S.items():
        jct, pending, makespan = published
        lines.append(f"| **{name}** | | | {jct:.2f} | {pending:.2f} | {makespan} | |")
        for policy in ("fifo",) if name == "fifo" else ("smallest", "sjf"):
            for machine in ("16 nodes of 1 gpu", "2 nodes of 8 gpu"):
                found = run(jobs, machine, policy)
                mean, last = found.mean_jct_s or 0.0, found.makespan_s
                cells = [f"{mean:.2f}", f"{mean - length:.2f}", f"{last:.0f}", f"{percent(mean / jct - 1)}"]
                lines.append(f"| | `{policy}` | {machine} | " + " | ".join(cells) + " |")
    anew = [_muri.Training(submit, gang, ms, ms, "") for submit, gang, ms in jobs]
    mean = _muri.mean_jct_s(anew, "smallest", nodes=2)
    difference = percent(mean / TIRESIAS_S["sjf"][0] - 1)
    cells = [f"{mean:.2f}", f"{mean - length:.2f}", "", difference]
    lines.append("| | `smallest`, but all placed anew at every event | 2 nodes of 8 gpu | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def percent(part: float) -> str:
    return f"{100 * part:+.2f} %".replace("-", "−") if abs(part) >= 0.00005 else "0"


def muri() -> str:
    """Mean time to done on 8 nodes of 8, published and ours."""
    lines = ["| trace | rule | published, s | ours, s | difference |", "|---|---|---:|---:|---:|"]
    for (trace, policy), published in MURI_JCT_S.items():
        ours = ours_s(trace, policy)
        lines.append(f"| {trace} | `{policy}` | {published:,.0f} | {ours:,.0f} | {percent(ours / published - 1)} |")
    return "\n".join(lines)


def ours_s(trace: str, policy: str) -> float:
    jobs = [(job.submit_ms, job.gang, job.duration_ms) for job in _muri.trainings(MURI[trace])]
    return run(jobs, "8 nodes of 8 gpu", policy).mean_jct_s or 0.0


def steps() -> str:
    """From ours to the published figure, one change at a time; each as its difference to the published figure."""
    lines = [
        "| trace | rule | ours | all placed anew at every event | and iterations 1.5 % longer"
        " | and starting charged to all at every event |",
        "|---|---|---:|---:|---:|---:|",
    ]
    for (trace, policy), published in MURI_JCT_S.items():
        jobs = _muri.trainings(MURI[trace])
        found = [
            ours_s(trace, policy),
            _muri.mean_jct_s(jobs, policy),
            _muri.mean_jct_s(jobs, policy, longer=_muri.LONGER),
            _muri.mean_jct_s(jobs, policy, longer=_muri.LONGER, starts_cost=True),
        ]
        cells = [percent(jct / published - 1) for jct in found]
        lines.append(f"| {trace} | `{policy}` | " + " | ".join(cells) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
