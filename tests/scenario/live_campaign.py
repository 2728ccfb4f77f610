"""A controller over a real engine while everything is killed, filled up and set wrong by turns: `Campaign.run`, then `Campaign.found`.

Users go on handing in jobs meanwhile. Whoever starts the controller starts it again when it is gone.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from equipoise.audit import Book, audit
from equipoise.controller import Outcome
from equipoise.store import verify_sqlite
from tests.contract.postgres_server import Server
from tests.scenario import live_notes
from tests.scenario.live_engines import CHARTER, POOLS, TEAMS, Machine
from tests.scenario.live_process import KEY, open_ledger

ROOT = Path(__file__).parents[2]
JOB = ROOT / "tests" / "scenario" / "live_job.py"
CONTROLLER, A_JOB, DISK, CLOCK, POSTGRES = (
    "kill -9 of the controller", "kill -9 of a job", "full disk of the ledger", "a step of the clock", "kill -9 of PostgreSQL",
)  # fmt: skip
STEPS_MS = (-3_600_000, -5_000, 2_000, 60_000)
PATIENCE_S = 180


@dataclass
class Campaign:
    """Faults on one machine.

    Parameters
    ----------
    folder : Path
        Of its own, where jobs of other users may write.
    machine : Machine
    seed : int
    faults : sequence of str
        In which order they happen, one every ``every_s`` on average.
    jobs_per_s : float
    server : Server or None
        The PostgreSQL that holds the ledger; None: a file does.
    disk : Path or None
        A small file system for the ledger's file.
    """

    folder: Path
    machine: Machine
    seed: int
    faults: Sequence[str]
    every_s: float = 2.0
    jobs_per_s: float = 3.0
    server: Server | None = None
    disk: Path | None = None
    happened: Counter[str] = field(default_factory=Counter[str])
    violations: list[str] = field(default_factory=list[str])
    hit: set[int] = field(default_factory=set[int])
    lives: int = 0
    jobs: int = 0

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)
        self._process: subprocess.Popen[bytes] | None = None
        self._excused_until_s = 0.0
        self._levers: dict[str, Callable[[], object]] = {
            CONTROLLER: self._kill_controller, A_JOB: self._kill_job, DISK: self._fill_disk, CLOCK: self._set_clock,
            POSTGRES: self._crash_server,
        }  # fmt: skip
        for name, breaks in self.machine.breaks.items():
            self._levers[name] = lambda breaks=breaks: breaks(self.folder / "engine")

    # ------------------------------------------------------------------------------------------------------------ main path

    def run(self) -> Campaign:
        """Let everything happen, and wait until every job is over."""
        self._prepare()
        try:
            self._live_until(lambda: any(one["what"] == "begin" for one in self._notes()), 90)
            for fault in self.faults:
                self._live_for(self.chance.uniform(0.5, 1.5) * self.every_s)
                with (self.folder / "faults.log").open("a") as log:
                    log.write(f"{time.time():.3f} {fault}\n")
                if self._levers[fault]() is not False:
                    self.happened[fault] += 1
            (self.folder / "stay").unlink()
            self._live_until((self.folder / "over.json").exists, PATIENCE_S)
        finally:
            if self._process is not None:
                self._process.kill()
                self._process.wait()
        return self

    def found(self) -> list[str]:
        """Return what may never be: by the jobs' notes, the desk's outcomes, an audit and a check of the ledger."""
        found = [*self.violations]
        over: list[dict[str, Any]] = json.loads((self.folder / "over.json").read_text("utf-8"))
        outcomes = {
            one["job"]: Outcome(one["job"], one["what"], one["exit_code"], one["reason"]) if "what" in one else None
            for one in over
        }
        if sorted(outcomes) != list(range(self.jobs)):
            found.append(f"{len(outcomes)} jobs of {self.jobs}: {sorted(set(range(self.jobs)) ^ set(outcomes))}")
        book, entries = Book(), self._entries()
        book.read(entries)
        found += [f"audit: {finding}" for finding in audit(book).findings]
        if self.server is None:
            found += [f"ledger: {fault}" for fault in verify_sqlite(self._ledger_path, keys=[KEY.verifier]).faults]
        stopped, refused = live_notes.decided(entries)
        notes, codes = self._notes(), dict.fromkeys(outcomes, 0)
        return [*found, *live_notes.faults(notes, outcomes, codes, stopped=stopped, refused=refused, hurt=True)]

    # ------------------------------------------------------------------------------------------------------------ lives

    def _prepare(self) -> None:
        (self.folder / "jobs").mkdir(parents=True)
        (self.folder / "charter.yaml").write_text(CHARTER.replace("RECOVER", "5s"), "utf-8")
        (self.folder / "stay").touch()
        span_s = 1.3 * len(self.faults) * self.every_s  # some faults last a while
        self.jobs = max(10, int(span_s * self.jobs_per_s))
        wishes = [self._wish(n, n * span_s / self.jobs) for n in range(self.jobs)]
        (self.folder / "wishes.json").write_text(json.dumps(wishes), "utf-8")
        where = self.server.address if self.server is not None else str(self._ledger_path)
        site = {"engine": self.machine.engine, "table": self.machine.table, "ledger": where, "began_s": time.time()}
        (self.folder / "site.json").write_text(json.dumps(site), "utf-8")

    def _wish(self, n: int, at_s: float) -> dict[str, Any]:
        chance = self.chance
        length_s = f"{chance.choice((0.05, 0.3, 1.0, 3.0)):.2f}"
        argv = [sys.executable, "-I", "-S", str(JOB), str(self.folder / "jobs"), length_s, "0"]
        asked = {
            "gang": chance.choice((1, 1, 2, 4)),
            "team": chance.choice(TEAMS),
            "pool": chance.choice(POOLS),
            "user": "ada",
        }
        return {"key": f"key {n}", "at_s": at_s, "argv": argv, "asked": asked}

    def _live_for(self, seconds: float) -> None:
        until_s = time.monotonic() + seconds
        while time.monotonic() < until_s:
            self._see_to_controller()
            time.sleep(0.05)

    def _live_until(self, is_so: Callable[[], bool], within_s: float) -> None:
        until_s = time.monotonic() + within_s
        while not is_so():
            assert time.monotonic() < until_s, f"not after {within_s} s\n{self._log()}"
            self._see_to_controller()
            time.sleep(0.1)

    def _see_to_controller(self) -> None:
        """Start it if it is gone; that it goes of itself is only excused while its ledger cannot be reached."""
        if (self.folder / "over.json").exists() or (self._process is not None and self._process.poll() is None):
            return
        if self._process is not None and self._process.returncode not in (0, -signal.SIGKILL):
            if time.monotonic() > self._excused_until_s:
                self.violations.append(f"the controller ended with {self._process.returncode}: {self._log()}")
            time.sleep(0.5)
        environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)])}
        with (self.folder / "process.log").open("ab") as log:
            command = [sys.executable, "-m", "tests.scenario.live_process", str(self.folder)]
            self._process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
        self.lives += 1

    def _log(self) -> str:
        names = ("process.log", "controller.log")
        return "\n".join(
            (self.folder / name).read_text("utf-8")[-1500:] for name in names if (self.folder / name).exists()
        )

    # ------------------------------------------------------------------------------------------------------------ faults

    def _kill_controller(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def _kill_job(self) -> bool:
        """Kill a job that runs, if one does within a while."""
        for _ in range(40):
            notes = self._notes()
            over = {(note["job"], note["attempt"]) for note in notes if note["what"] == "end"}
            for note in reversed(notes):
                if note["what"] == "begin" and (note["job"], note["attempt"]) not in over and _is_ours(note["pid"]):
                    self.hit.add(note["job"])
                    with suppress(ProcessLookupError):
                        os.kill(note["pid"], signal.SIGKILL)
                        return True
            self._live_for(0.2)
        return False

    def _fill_disk(self) -> None:
        assert self.disk is not None
        ballast, self._excused_until_s = self.disk / "ballast", time.monotonic() + 60
        with ballast.open("wb", buffering=0) as file, suppress(OSError):
            while file.write(bytes(4096)):
                pass
        self._live_for(self.chance.uniform(0.5, 3))
        ballast.unlink()
        self._excused_until_s = time.monotonic() + 3

    def _set_clock(self) -> None:
        step = self.folder / "step"
        now_ms = int(step.read_text("utf-8")) if step.exists() else 0
        (self.folder / "step.part").write_text(str(now_ms + self.chance.choice(STEPS_MS)), "utf-8")
        (self.folder / "step.part").rename(step)

    def _crash_server(self) -> None:
        assert self.server is not None
        self._excused_until_s = time.monotonic() + 60
        self.server.crash()
        self._live_for(self.chance.uniform(0.1, 2))
        self.server.start()
        self._excused_until_s = time.monotonic() + 3

    # ------------------------------------------------------------------------------------------------------------ witnesses

    @property
    def _ledger_path(self) -> Path:
        return (self.disk or self.folder) / "ledger.db"

    def _notes(self) -> list[live_notes.Note]:
        return live_notes.read(self.folder / "jobs")

    def _entries(self) -> list[bytes]:
        where = self.server.address if self.server is not None else str(self._ledger_path)
        with open_ledger(self.folder, where, read_only=True) as store:
            return list(store.entries())


@contextmanager
def small_disk(folder: Path, megabytes: int = 16) -> Generator[Path]:
    """Mount a small file system for a while; root may."""
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def may_mount() -> bool:
    """Whether `small_disk` can be had."""
    return os.geteuid() == 0 and shutil.which("mount") is not None


def _is_ours(process: int) -> bool:
    try:
        return b"live_job.py" in Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:
        return False


def shuffled(seed: int, times: Mapping[str, int]) -> list[str]:
    """Return names of faults in a random order, each as often as is said."""
    names = [name for name, count in times.items() for _ in range(count)]
    random.Random(seed).shuffle(names)
    return names


def outcomes_by_kind(folder: Path) -> Iterator[str]:
    """Yield how jobs ended that did not end well, for whoever wants to look."""
    for one in json.loads((folder / "over.json").read_text("utf-8")):
        if one.get("what") != "ended":
            yield f"{one.get('what')} {one.get('exit_code')} {one.get('reason')}"
