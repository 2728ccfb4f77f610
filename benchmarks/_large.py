"""Ten million jobs in a process of their own, whose memory then says what they need: `python -m benchmarks._large`."""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks._replays import Fleet, compiled, laid_out, replayed


@dataclass(frozen=True, slots=True)
class Large:
    """Processor seconds of the three steps, and the most memory that the process ever had."""

    jobs: int
    made_s: float
    laid_out_s: float
    replayed_s: float
    peak_bytes: int


def main() -> None:
    parser = argparse.ArgumentParser(description="Many jobs under all rules: processor seconds and peak memory.")
    parser.add_argument("--jobs", type=int, default=10_000_000)
    print(json.dumps(asdict(here(Fleet(parser.parse_args().jobs)))))


def large(jobs: int) -> Large:
    """Measure in a new process."""
    line = [sys.executable, "-m", "benchmarks._large", "--jobs", str(jobs)]
    done = subprocess.run(line, check=True, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).resolve().parents[1])
    return Large(**json.loads(done.stdout))


def here(wanted: Fleet) -> Large:
    """Measure in this process."""
    compiled()
    begun_s = time.process_time()
    workload, charter = wanted.made()
    made_s = time.process_time()
    layout = laid_out("charter", workload, charter)
    laid_out_s = time.process_time()
    replayed_s, _ = replayed(layout, workload, charter)
    return Large(wanted.jobs, made_s - begun_s, laid_out_s - made_s, replayed_s, peak_bytes())


def peak_bytes() -> int:
    """The most memory that this process had resident; `getrusage` would count what its parent had."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text("utf-8"))
    assert found, "only Linux says it"
    return int(found[1]) * 1024


if __name__ == "__main__":
    main()
