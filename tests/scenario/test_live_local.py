"""Real jobs under the local engine: the controller's process is killed again and again, and everything is done once all the same."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from equipoise.audit import Book, audit
from equipoise.charter_io import loads
from equipoise.engines.local import Settings, open_engine
from equipoise.policy.kernel import layout as k
from equipoise.store import open_sqlite, verify_sqlite
from tests.scenario.live_process import KEY

ROOT = Path(__file__).parents[2]
CHARTER = """\
equipoise: charter/v1
lab: Live Lab
pools:
  slots: {device: slot, expect: 4 nodes of 4 gpu}
defaults:
  recover: 4s
  protect: {grace: 1s, min_runtime: 1s, reclaims_per_day: 1000}
teams:
  product: {floor: 40%, weight: 3}
  research: {floor: 25%, weight: 2}
  safety: {floor: 25%}
  exploration: {weight: 1}
"""
# A line when it begins and one when it ends, each in one write: two attempts of a job that run at once would show.
PROGRAM = """\
import os, sys, time
mine = [os.environ["EQUIPOISE_" + name] for name in ("JOB", "ATTEMPT", "DEVICES")]
say = lambda what: os.write(log, f"{what} {mine[0]}.{mine[1]} {time.time():.3f} {mine[2]}\\n".encode())
log = os.open(PATH, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
say("begin"); time.sleep(LENGTH); say("end"); sys.exit(CODE)
"""


def prepare(folder: Path, jobs: int, seed: int) -> list[int]:
    """Write charter and wishes; returns the exit code that each job will have."""
    chance = random.Random(seed)
    codes = [0 if chance.random() < 0.9 else 3 for _ in range(jobs)]
    wishes = [
        {
            "key": f"key {n}",
            "argv": [sys.executable, "-S", "-c", PROGRAM.replace("PATH", repr(str(folder / "jobs.log"))).replace(
                "LENGTH", f"{chance.uniform(0.05, 0.8):.2f}"
            ).replace("CODE", str(code))],
            "asked": {
                "gang": chance.choice((1, 1, 2, 4, 6)), "team": chance.choice(("product", "research", "safety", "exploration")),
                "user": chance.choice(("ada", "ben")), "walltime_ms": chance.choice((0, 2_000)),
            },
        }
        for n, code in enumerate(codes)
    ]  # fmt: skip
    (folder / "charter.yaml").write_text(CHARTER)
    (folder / "wishes.json").write_text(json.dumps(wishes))
    return codes


def live(folder: Path, kills: int, seed: int, *, timeout_s: float = 300) -> int:
    """Let controllers live one after the other until everything is over; returns how many were killed."""
    chance, killed, began = random.Random(seed), 0, time.monotonic()
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)])}
    while not (folder / "over.json").exists():
        assert time.monotonic() - began < timeout_s, (folder / "controller.log").read_text()[-3000:]
        command = [sys.executable, "-m", "tests.scenario.live_process", str(folder)]
        with (folder / "process.log").open("a") as log:
            process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
            try:
                process.wait(chance.uniform(4, 14) if killed < kills else timeout_s)
            except subprocess.TimeoutExpired:
                killed += 1
            finally:
                process.send_signal(signal.SIGKILL)
                process.wait()
        assert killed or process.returncode == 0, (folder / "process.log").read_text()[-3000:]
    return killed


def judged(folder: Path, codes: list[int]) -> list[str]:
    """Return what may never be: by the jobs' own log, by the desk's outcomes and by an audit."""
    found: list[str] = []
    over = json.loads((folder / "over.json").read_text())
    for one, code in zip(over, codes, strict=True):
        if (one["what"], one["exit_code"]) != ("ended" if code == 0 else "failed", code):
            found.append(f"{one}, where the exit code is {code}")
    book = Book()
    with open_sqlite(folder / "ledger.db", read_only=True) as store:
        book.read(list(store.entries()))
    found += _done_twice(folder, book, [one["job"] for one in over])
    found += [f"audit: {finding}" for finding in audit(book).findings]
    checked = verify_sqlite(folder / "ledger.db", keys=[KEY.verifier])
    if checked.faults:
        found.append(str(checked.faults))
    return found


def _done_twice(folder: Path, book: Book, jobs: list[int]) -> list[str]:
    """Return attempts that began twice or at the same time as another, and work done twice though no decision stopped it before its end."""
    found: list[str] = []
    begun: dict[tuple[int, int], float] = {}
    ended: dict[tuple[int, int], float] = {}
    for line in (folder / "jobs.log").read_text().splitlines():
        what, attempt, at_s, _ = line.split(" ", 3)
        job, number = map(int, attempt.split("."))
        if what == "begin" and (job, number) in begun:
            found.append(f"{attempt} began twice")
        (begun if what == "begin" else ended)[job, number] = float(at_s)
    stops = book.decisions[np.isin(book.decisions["kind"], (k.STOP, k.LOST))]
    for job in jobs:
        times_s = ((book.origin_ms or 0) + stops["time_ms"][stops["job"] == job]) / 1000
        mine = sorted(number for j, number in begun if j == job)
        if not any((job, number) in ended for number in mine) or mine[-1] > len(times_s):
            found.append(f"job {job}: attempts {mine}, {len(times_s)} stops")
        for number, after in pairwise(mine):
            end_s = ended.get((job, number), begun[job, number])
            if end_s > begun[job, after]:
                found.append(f"{job}.{after} began before the end of {job}.{number}")
            if (job, number) in ended and end_s < times_s[number]:
                found.append(f"{job}.{number} had ended when it was stopped, and ran again")
    return found


@pytest.mark.slow
def test_real_jobs_are_done_once_though_the_controller_is_killed(tmp_path: Path) -> None:
    codes = prepare(tmp_path, 200, seed=1)
    try:
        assert live(tmp_path, kills=3, seed=1) >= 1
    finally:
        engine = open_engine(Settings(devices="slots"), loads(CHARTER.encode()).pools, tmp_path / "engine")
        for seen in engine.attempts():
            engine.stop(seen.attempt, grace_ms=0, requeue=False)
        engine.close()
    assert judged(tmp_path, codes) == []
