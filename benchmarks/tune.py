"""The search: how many charters are measured in a second, what a second worker adds, and that they find the same.

`python -m benchmarks.tune` prints the table of docs/tune.md, `--write` puts it into the page; `--small` takes a small lab; `--ray`
adds Ray (the extra `ray`; `script/ray` installs it apart). It fails if any two ways find something different.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from benchmarks._machine import machine
from equipoise.tasks.compilation import compile_scheduler
from equipoise.tasks.tune import tune
from equipoise.tune.outcome import Tuned
from equipoise.workload.synthetic import lab, lab_charter

PAGE = Path(__file__).resolve().parents[1] / "docs" / "tune.md"


@dataclass(frozen=True, slots=True)
class Size:
    """How large a lab, how long a log, how long a search."""

    days: int
    gpus: int
    trials: int


Way = tuple[Literal["processes", "ray"], int]

LARGE, SMALL = Size(60, 4096, 200), Size(12, 512, 40)
WAYS: tuple[Way, ...] = (("processes", 1), ("processes", 2))
ON_RAY: tuple[Way, ...] = (("ray", 2),)


def main() -> None:
    size = SMALL if "--small" in sys.argv[1:] else LARGE
    ways = WAYS + ON_RAY if "--ray" in sys.argv[1:] else WAYS
    made = table(size, ways)
    print(made)
    if "--write" in sys.argv[1:]:
        page = re.sub(
            r"(?s)(<!-- benchmarks\.tune -->\n).*?(<!-- end -->)",
            lambda found: f"{found[1]}{made}\n{found[2]}",
            PAGE.read_text("utf-8"),
        )
        PAGE.write_text(page, "utf-8")


def table(size: Size, ways: tuple[Way, ...]) -> str:
    """Search once for each way; all find the same or this fails."""
    compile_scheduler()
    work, charter = lab(days=size.days, gpus=size.gpus), lab_charter(size.gpus).encode()
    before = machine()
    rows = ["workers | charters measured | seconds | charters/s | processor seconds", "---|---|---|---|---"]
    names: dict[str, str] = {}
    for on, workers in ways:
        begun_s, used_s = time.perf_counter(), _used_s()
        found = tune(work, charter, trials=size.trials, on=on, workers=workers)
        took_s = time.perf_counter() - begun_s
        # What is held out is measured too: the present charter and the points.
        many = len(found.searched.trials) + len({0, *(point.trial.number for point in found.points)})
        where = f"{workers}" if on == "processes" else f"{workers}, on Ray"
        used = f"{_used_s() - used_s:.0f}" if on == "processes" else ""
        rows.append(f"{where} | {many} | {took_s:.0f} | {many / took_s:.2f} | {used}")
        names[where] = name_of(found)
    assert len(set(names.values())) == 1, f"the ways find different things: {names}"
    told = f"{len(work.jobs):,} jobs of {size.days} days on {size.gpus:,} accelerators, two thirds of them searched; {before}."
    return "\n".join([told, "", *(f"| {row} |" for row in rows)])


def name_of(found: Tuned) -> str:
    """Return a digest of everything that was found."""
    whole = found.frame().write_csv() + json.dumps(found.to_dict(), sort_keys=True)
    return hashlib.sha256(whole.encode()).hexdigest()


def _used_s() -> float:
    """Processor time of this process and of those that it began and that have ended."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


if __name__ == "__main__":
    main()
