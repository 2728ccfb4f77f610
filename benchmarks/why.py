"""How often predicted starts hold on the Philly log: the table of docs/why.md.

`python -m benchmarks.why` prints it; with `--write` it puts it into the page. Some minutes.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from benchmarks.philly import CHARTER, LOG, ROOT, halved, with_tables
from equipoise.charter.model import Charter
from equipoise.charter_io import load
from equipoise.policy.kernel.layout import CLAIM, NEVER, START
from equipoise.policy.plan import plan
from equipoise.policy.state import Options
from equipoise.report.figures import part, span
from equipoise.simulator.calibration import Guess, Stretch, stretch
from equipoise.tasks.simulate import as_workload
from equipoise.tasks.why import Lookout, Road
from equipoise.units import DAY_MS
from equipoise.workload import Workload
from equipoise.workload.draws import Draws

PAGE = ROOT / "docs" / "why.md"
SEED = 2017
INSTANTS = 150
JOBS = 5
BEGINS_MS, ENDS_MS = 8 * DAY_MS, 118 * DAY_MS
TESTED_MS = 60 * DAY_MS
"""Predictions before are only what later ones are corrected by."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A prediction that could be corrected, and when the job started."""

    guess: Guess
    by: Stretch
    start_ms: int


def main() -> None:
    if not LOG.is_file():
        print("../shared/data is not here: nothing to replay")
        return
    made = table()
    print(made)
    if "--write" in sys.argv[1:]:
        PAGE.write_text(with_tables(PAGE.read_text("utf-8"), [made]), "utf-8")


def table() -> str:
    """Return the table of the page as Markdown."""
    half = judged(halved(), at_random)
    whole = judged(load(CHARTER), halfway)
    rows = [
        "predictions | judged | held | started before | started after | width (median) | still to wait (median) | uncorrected, held",
        "---|---:|---:|---:|---:|---:|---:|---:",
        line("half the machine, days 60 to 118", [j for j in half if j.guess.at_ms >= TESTED_MS]),
        line("half the machine, before day 60", [j for j in half if j.guess.at_ms < TESTED_MS]),
        line("the whole machine", whole),
    ]
    return "\n".join(f"| {row} |" for row in rows)


def line(name: str, found: list[Judged]) -> str:
    """Return one row of the table."""
    intervals = [(j.by.interval_ms(j.guess), j) for j in found]
    n = len(found)
    held = sum(low <= j.start_ms <= high for (low, high), j in intervals)
    before = sum(j.start_ms < low for (low, _), j in intervals)
    raw = sum(j.guess.low_ms <= j.start_ms <= j.guess.high_ms for j in found)
    width_s = statistics.median(min(high - low, 365 * DAY_MS) for (low, high), _ in intervals) / 1000
    wait_s = statistics.median(min(j.start_ms - j.guess.at_ms, 365 * DAY_MS) for j in found) / 1000
    cells = [name, f"{n}", part(held / n), part(before / n), part((n - held - before) / n)]
    return " | ".join([*cells, span(width_s), span(wait_s), part(raw / n)])


def judged(charter: Charter, looks: Callable[[Road, Lookout, Workload], None]) -> list[Judged]:
    """Replay the log, predict on the way, and correct each prediction by those before it, as known then."""
    workload = as_workload(LOG, charter, {})
    reference = plan(charter)
    road = Road(workload, charter, reference, reference, Options(), (), name="charter", progress=None)
    replay, timeline = road.begun()
    lookout = Lookout(replay, timeline, workload, enforced=False, seed=SEED)
    looks(road, lookout, workload)
    timeline.run(NEVER)
    starts = lookout.started_ms()
    found: list[Judged] = []
    for guess, start_ms in zip(lookout.guesses, starts, strict=True):
        by = stretch(lookout.guesses, starts, now_ms=guess.at_ms)
        if by is not None:
            found.append(Judged(guess, by, start_ms))
    return found


def at_random(road: Road, lookout: Lookout, workload: Workload) -> None:
    """Look at random instants, and there at jobs drawn at random among those that wait."""
    drawn = Draws(SEED).unit(INSTANTS) * (ENDS_MS - BEGINS_MS)
    for number, at_ms in enumerate(np.sort(BEGINS_MS + drawn.astype(np.int64)).tolist()):
        lookout.go(at_ms, predict=False)
        lookout.look(number, jobs=JOBS)


def halfway(road: Road, lookout: Lookout, workload: Workload) -> None:
    """Look at every job that ever waits in a queue, halfway through its wait: on the whole machine they are few."""
    replay, timeline = road.begun()
    timeline.run(NEVER)
    decisions = replay.decisions
    assert decisions is not None
    first: dict[int, int] = {}
    for decision in decisions[np.isin(decisions["kind"], (START, CLAIM))]:
        first.setdefault(int(decision["job"]), int(decision["time_ms"]))
    submit = workload.jobs.submit_ms
    waits = sorted(
        ((int(submit[job]) + at_ms) // 2, job) for job, at_ms in first.items() if at_ms > int(submit[job]) + 1
    )
    for number, (at_ms, job) in enumerate(waits):
        lookout.go(at_ms, predict=False)
        if lookout.waits(job):
            lookout.guess([job], number)


if __name__ == "__main__":
    main()
