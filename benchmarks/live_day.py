"""A day of the synthetic lab with real jobs: ``python -m benchmarks.live_day [--engine local|ray|slurm] [--jobs N] [--minutes M]``.

The day is lived through in minutes, by the real controller over a real engine with a real ledger; afterwards the ledger is audited, and
what the jobs wrote about themselves is compared with what the desk and the ledger say. ``--write`` puts the row into docs/live.md.
Ends with 1 if something was lost, done twice or given twice, or a floor came back later than it may.
"""

from __future__ import annotations

import argparse
import json
import logging
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np

from benchmarks._live_lab import Wanted, day
from benchmarks._live_ledger import Course, Episode, floors_of
from benchmarks._live_timing import TimedEngine, now_ms
from benchmarks._machine import machine as described_machine
from benchmarks._page import with_rows
from equipoise.charter.model import Charter
from equipoise.charter_io import loads
from equipoise.controller import Accepted, Controller, Foundation, Outcome, Settings, open_controller
from equipoise.engines.protocol import Command, Engine
from equipoise.ledger.keys import Algorithm, SigningKey
from equipoise.policy.columns import Options
from equipoise.policy.events import event
from equipoise.policy.growing import GrowingCore
from equipoise.policy.kernel import layout as k
from equipoise.policy.latency import Latency
from equipoise.store import open_sqlite
from equipoise.workload.roll import Asked
from tests.scenario import live_notes
from tests.scenario.live_engines import CHARTER, Machine, machine

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "live.md"
KEY = SigningKey("day.example/log", Algorithm.ED25519, bytes(range(32)))
JOB = ROOT / "tests" / "scenario" / "live_job.py"
RECOVER_S = 6
FLOORS = {"product": 35, "frontier": 27, "safety": 20, "exploration": 8}
TARDY_MS = 250
"""What a pass may be late beyond its due time, because two cores are shared with the jobs."""


@dataclass
class Day:
    """What was lived through."""

    wanted: list[Wanted]
    engine: TimedEngine
    controller: Controller
    began_ms: float
    submitted_ms: list[float] = field(default_factory=list[float])
    told_ms: dict[int, float] = field(default_factory=dict[int, float])
    numbers: list[int] = field(default_factory=list[int])
    recorded_ms: dict[int, float] = field(default_factory=dict[int, float])
    outcomes: dict[int, Outcome | None] = field(default_factory=dict[int, Outcome | None])
    over_ms: float = 0.0
    late_s: float = 0.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--engine", choices=("local", "ray", "slurm"), default="local")
    parser.add_argument("--jobs", type=int, default=2_400)
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--keep", type=Path, help="a folder for ledger, desk and notes, which stay")
    given = parser.parse_args()
    before = described_machine()
    wanted = day(given.seed, span_s=60 * given.minutes, most=given.jobs)
    with tempfile.TemporaryDirectory(prefix="equipoise-day-") as name, machine(given.engine) as made:
        folder = given.keep or Path(name)
        folder.mkdir(exist_ok=True)
        lived = live(made, wanted, folder)
        found, rows = judged(lived, folder, given.engine)
    for line in rows.values():
        print(line)
    print(f"{before}; users handed in at most {lived.late_s:.1f} s late")
    for fault in found:
        print(f"VIOLATION {fault}")
    if given.write:
        page = PAGE.read_text("utf-8")
        for table, line in rows.items():
            page = with_rows(page, f"live_day {table}", {given.engine: line})
        PAGE.write_text(page, "utf-8")
    return int(bool(found))


# ------------------------------------------------------------------------------------------------------------------ the day


def live(made: Machine, wanted: list[Wanted], folder: Path) -> Day:
    """Live through a day; returns once every job is over."""
    logging.basicConfig(filename=folder / "controller.log", level=logging.INFO, force=True)
    text = CHARTER.replace("RECOVER", f"{RECOVER_S}s")
    engines: list[TimedEngine] = []

    def open_engine(charter: Charter) -> Engine:
        engines.append(TimedEngine(made.open(charter.pools, folder / "engine")))
        return cast(Engine, engines[0])

    controller = open_controller(
        lambda: open_sqlite(folder / "ledger.db", origin=KEY.name), open_engine, folder=folder, spool_folder=folder / "spool",
        key=KEY, foundation=Foundation(loads(text.encode()), text), settings=Settings(checkpoint_every_ms=5_000),
    )  # fmt: skip
    assert controller is not None
    (folder / "jobs").mkdir()
    folder.chmod(0o755)
    _compile()
    lived = Day(wanted, engines[0], controller, now_ms())
    controller.start()
    try:
        _hand_in(lived, folder)
    finally:
        controller.stop()
    return lived


def _compile() -> None:
    """Let the policy be compiled, or read from its cache, before the day begins."""
    core = GrowingCore(
        [loads(CHARTER.replace("RECOVER", "6s").encode())], options=Options(latency=Latency()), origin_ms=0
    )
    for team in FLOORS:
        core.take(core.now_ms + 1, event(k.SUBMITTED, core.admit(Asked(1, team, "flex"))))


def _hand_in(lived: Day, folder: Path) -> None:
    """Hand in every job at its time, and wait until all are over."""
    controller = lived.controller
    controller.subscribe(lambda number, values: _note_recorded(lived, values)).result(60)
    futures: list[Future[Accepted]] = []
    controller.standing().result(120)
    lived.began_ms = now_ms()
    for wish in lived.wanted:
        pause_s = lived.began_ms / 1000 + wish.at_s - time.time()
        time.sleep(max(0.0, pause_s))
        lived.late_s = max(lived.late_s, -pause_s)
        argv = (sys.executable, "-I", "-S", str(JOB), str(folder / "jobs"), f"{wish.length_s:.3f}", "0")
        lived.submitted_ms.append(now_ms())
        futures.append(controller.submit(wish.asked, Command(argv), owner=wish.asked.user))
    lived.numbers = [future.result(120).job for future in futures]
    while controller.standing().result(60).jobs:
        assert controller.failure is None, controller.failure
        time.sleep(0.2)
    lived.over_ms = now_ms()
    lived.outcomes = {job: controller.outcome(job).result(60) for job in lived.numbers}


def _note_recorded(lived: Day, values: Mapping[str, Any]) -> None:
    for word, subject, *_ in values.get("events", []):
        if word == "submitted":
            lived.recorded_ms[subject] = now_ms()


# --------------------------------------------------------------------------------------------------------------- what came of it


def judged(lived: Day, folder: Path, engine: str) -> tuple[list[str], dict[str, str]]:
    """Return what may never be, and the rows of the page's tables."""
    notes = live_notes.read(folder / "jobs")
    course, episodes, origin_ms = _course(lived, folder)
    found = [
        *live_notes.faults(
            notes, lived.outcomes, dict.fromkeys(lived.numbers, 0), stopped=course.stopped, refused=course.refused
        )
    ]
    found += [f"jobs are {len(set(lived.numbers))} of {len(lived.wanted)}"] * (
        len(set(lived.numbers)) != len(lived.wanted)
    )
    audited = subprocess.run(
        [Path(sys.executable).with_name("equipoise"), "audit", folder / "ledger.db"],
        capture_output=True,
        text=True,
        check=False,
    )
    if audited.returncode:
        found.append(f"audit: {audited.stdout[-500:]} {audited.stderr[-500:]}")
    begun = {f"{run.job}.{run.attempt}": run.begun_ms for run in live_notes.runs(notes)}
    late, floors = _floors(lived, episodes, begun, origin_ms)
    took_s = (lived.over_ms - lived.began_ms) / 1000
    launches = len(lived.engine.launched_ms)
    rows = {
        "jobs": f"{engine} | {len(lived.numbers):,} | {took_s:.0f} | {launches / took_s:.1f} | {course.decisions / took_s:.1f} | "
        f"{len(course.stopped):,} | {len([*found, *late])} | {'clean' if not audited.returncode else 'NOT CLEAN'}",
        "latency": f"{engine} | {' | '.join(_latencies(lived, begun))}",
        "floors": f"{engine} | {floors}",
    }
    return [*found, *late], rows


def _course(lived: Day, folder: Path) -> tuple[Course, list[Episode], int]:
    jobs = {
        number: (wish.asked.team, wish.asked.pool, wish.asked.gang)
        for number, wish in zip(lived.numbers, lived.wanted, strict=True)
    }
    course = Course(floors_of(loads(CHARTER.replace("RECOVER", "6s").encode()), FLOORS), jobs)
    with open_sqlite(folder / "ledger.db", read_only=True) as store:
        entries: list[dict[str, Any]] = [json.loads(entry) for entry in store.entries()]
    episodes = [episode for entry in entries for episode in course.take(entry)]
    [opened] = [entry for entry in entries if entry["kind"] == "opened"]
    return course, episodes, int(opened["origin_ms"])


def _latencies(lived: Day, begun: Mapping[str, float]) -> list[str]:
    """Return p50, p99 and most of each step of a job's first attempt, and of stops."""
    engine = lived.engine
    at = dict(zip(lived.numbers, lived.submitted_ms, strict=True))
    recorded = [lived.recorded_ms[job] - at[job] for job in at]
    running = [engine.running_ms[it] - told for it, told in engine.launched_ms.items() if it in engine.running_ms]
    program = [begun[it] - told for it, told in engine.launched_ms.items() if it in begun]
    stops = [engine.stopped_ms[it] - told for it, told in engine.stop_ms.items() if it in engine.stopped_ms]
    free = [engine.launched_ms[f"{job}.0"] - lived.recorded_ms[job] for job in at if f"{job}.0" in engine.launched_ms]
    return [_spread(one) for one in (recorded, free, program, running, stops)]


def _floors(
    lived: Day, episodes: Sequence[Episode], begun: Mapping[str, float], origin_ms: int
) -> tuple[list[str], str]:
    """Judge how long floors were not honoured: by the decisions, and until the programs that were due ran."""
    engine = lived.engine
    start_ms = max((begun[it] - told for it, told in engine.launched_ms.items() if it in begun), default=0.0)
    stop_ms = max(
        (engine.stopped_ms[it] - told for it, told in engine.stop_ms.items() if it in engine.stopped_ms), default=0.0
    )
    decided: list[float] = []
    restored: list[float] = []
    late: list[str] = []
    for episode in episodes:
        decided.append(episode.until_ms - episode.since_ms)
        ran = [begun[it] for it in episode.started if it in begun]
        restored.append(max(ran, default=origin_ms + episode.until_ms) - origin_ms - episode.since_ms)
        most_ms = 1000 * RECOVER_S + TARDY_MS
        if decided[-1] > most_ms or restored[-1] > most_ms + start_ms + stop_ms:
            late.append(f"{episode} took {decided[-1]:.0f} ms to decide and {restored[-1]:.0f} ms in all")
    lent = [took for took in decided if took > 0]
    bound = 1000 * RECOVER_S + TARDY_MS + start_ms + stop_ms
    return (
        late,
        f"{len(episodes):,} | {len(lent):,} | {_spread(lent)} | {_spread(restored)} | {bound:,.0f} | {len(late)}",
    )


def _spread(values: Sequence[float]) -> str:
    if not values:
        return "–"
    p50, p99 = np.percentile(values, [50, 99])
    return f"{p50:,.0f} / {p99:,.0f} / {max(values):,.0f}"


if __name__ == "__main__":
    sys.exit(main())
