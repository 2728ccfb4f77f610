"""Equipoise beside AccaSim: the Philly jobs of five clusters on 640 nodes of one accelerator, EASY backfilling.

Both get the jobs in memory, have run before, know the true run times, and are measured in processor seconds, one after
the other. AccaSim is installed from PyPI into an environment of its own, which is thrown away.
"""

from __future__ import annotations

import csv
import json
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks._replays import compiled, laid_out, replayed
from benchmarks.philly import LOG
from equipoise.charter import Charter
from equipoise.charter_io import loads
from equipoise.policy.state import Options
from equipoise.traces import read
from equipoise.workload import Workload

RIVAL = "accasim==1.1.3"
NODES = 640
REPLAY = Path(__file__).with_name("_accasim.py")
LIMIT_S = 900
OPTIONS = Options(estimates="actual")


@dataclass(frozen=True, slots=True)
class Side:
    """What one simulator did: jobs, processor seconds, seconds that the jobs waited on average."""

    jobs: int
    seconds: float
    mean_wait_s: float

    @property
    def jobs_per_s(self) -> float:
        return self.jobs / self.seconds


@dataclass(frozen=True, slots=True)
class Match:
    """``replay`` is ours from the laid-out state, ``whole`` from the columns of the log: that is what AccaSim's covers."""

    replay: Side
    whole: Side
    rival: Side

    @property
    def ratio(self) -> float:
        """How many times as many jobs a second, with the laying-out."""
        return self.whole.jobs_per_s / self.rival.jobs_per_s

    @property
    def replay_ratio(self) -> float:
        """The same without the laying-out."""
        return self.replay.jobs_per_s / self.rival.jobs_per_s


def match() -> Match | str:
    """Measure both, or say why not."""
    if not LOG.is_file():
        return "../shared/data is not here"
    workload, charter = philly()
    try:
        rival = theirs(workload)
    except (subprocess.SubprocessError, OSError) as error:
        output = str(getattr(error, "stderr", "") or error).strip()
        return f"AccaSim could not be installed or run: {output.splitlines()[-1] if output else 'no output'}"
    return Match(*ours(workload, charter), rival)


def philly() -> tuple[Workload, Charter]:
    """Return the jobs, and the charter of one team on 640 nodes of one accelerator."""
    charter = loads(
        "equipoise: charter/v1\nlab: Philly\n"
        f"pools: {{gpu: {{device: GPU, expect: {NODES} nodes of 1 gpu}}}}\nteams: {{philly: {{}}}}\n"
    )
    return read(LOG, leaves=["philly"], unmapped="philly", pools=["gpu"]), charter


def ours(workload: Workload, charter: Charter, *, rounds: int = 21) -> tuple[Side, Side]:
    """Median of the rounds: the replay alone, and with the laying-out before it."""
    compiled()
    replays: list[float] = []
    wholes: list[float] = []
    waited_s = 0.0
    for _ in range(rounds + 1):  # the first warms up
        begun_s = time.thread_time()
        layout = laid_out("easy", workload, charter, OPTIONS)
        laid_out_s = time.thread_time() - begun_s
        seconds, run = replayed(layout, workload, charter)
        replays.append(seconds)
        wholes.append(laid_out_s + seconds)
        waited_s = float((run.jobs["start_ms"] - workload.jobs.submit_ms).mean()) / 1e3
    jobs = len(workload.jobs)
    alone, whole = (Side(jobs, statistics.median(times[1:]), waited_s) for times in (replays, wholes))
    return alone, whole


def theirs(workload: Workload) -> Side:
    """Install AccaSim, and let it replay the same jobs once, after a thousand of them to warm up."""
    jobs = workload.jobs
    with tempfile.TemporaryDirectory() as folder:
        python, log = Path(folder) / "venv" / "bin" / "python", Path(folder) / "jobs.csv"
        _run([sys.executable, "-m", "venv", str(Path(folder) / "venv")])
        _run([str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", RIVAL])
        with log.open("w", encoding="utf-8", newline="") as file:
            rows = zip(jobs.submit_ms // 1000, jobs.gang, jobs.duration_ms // 1000, strict=True)
            csv.writer(file).writerows(rows)
        printed = _run([str(python), str(REPLAY), str(log), str(NODES)])
    found = json.loads(printed.splitlines()[-1])
    assert found["jobs"] == len(jobs), "AccaSim left out jobs"
    return Side(len(jobs), found["seconds"], found["waited_s"] / len(jobs))


def _run(line: list[str]) -> str:
    return subprocess.run(line, check=True, capture_output=True, text=True, timeout=LIMIT_S).stdout
