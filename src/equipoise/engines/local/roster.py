"""The attempts that the supervisor has: how each starts, is asked to end, is forced, ends, and is cleared away.

An attempt has ended when its processes have *and* nothing that they started is left: what stayed in the group is killed before the group's
number is let go of; what left it falls to the supervisor as an orphan (it inherits orphans) and is known by the mark in its environment.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from equipoise.engines.local import launcher, output, processes
from equipoise.engines.local.journal import Journal, Record
from equipoise.engines.local.launcher import Recipe
from equipoise.engines.local.machine import CannotStartError, Machine
from equipoise.engines.local.processes import Process
from equipoise.engines.local.strays import Strays
from equipoise.engines.protocol import Phase

LAST = (Phase.ENDED, Phase.STOPPED)
AGAIN_S = 0.05
"""How soon it is looked again whether what was killed is gone."""
ADOPTED_AGAIN_S = 0.2
DISK_AGAIN_S = 0.3


@dataclass(slots=True)
class Stop:
    """Asked to end: told so at ``term_at`` (None: done), by force at ``by``; seconds of the monotonic clock."""

    by: float
    term_at: float | None


@dataclass(slots=True)
class Run:
    """An attempt; ``alive`` are the numbers of those of its processes that have not ended.

    ``adopted``: an earlier supervisor started them, and they are no children of this one.
    """

    attempt: str
    devices: tuple[str, ...]
    savepoint: bool
    processes: list[Process] = field(default_factory=list[Process])
    adopted: bool = False
    alive: set[int] = field(default_factory=set[int])
    phase: Phase = Phase.RUNNING
    warned: bool = False
    stop: Stop | None = None
    exit_code: int | None = None
    reason: str = ""
    refusal: str = ""

    def seen(self) -> dict[str, Any]:
        """What is told of it."""
        return {"attempt": self.attempt, "phase": self.phase, "exit_code": self.exit_code, "reason": self.reason}

    def start_record(self) -> Record:
        """Write down as what it runs."""
        pids = [[process.pid, process.started] for process in self.processes]
        return {
            "kind": "start", "attempt": self.attempt, "devices": self.devices, "processes": pids, "savepoint": self.savepoint,
        }  # fmt: skip


@dataclass(slots=True)
class Roster:
    """All attempts that were not forgotten. ``tell`` carries an event to the controller's side, if there is one."""

    journal: Journal
    machine: Machine
    logs: Path
    engine: str
    tell: Callable[[dict[str, Any]], None]
    savepoint_signal: int = signal.SIGUSR1
    savepoint_to_group: bool = False
    term_s: float = 5.0
    runs: dict[str, Run] = field(default_factory=dict[str, Run])
    live: dict[str, Run] = field(default_factory=dict[str, Run])
    """Those of them that have not ended, for all that is written down."""
    leaders: dict[int, Run] = field(default_factory=dict[int, Run])
    """Own processes that were not waited for yet."""
    stopping: set[str] = field(default_factory=set[str])
    clearing: dict[str, Run] = field(default_factory=dict[str, Run])
    """All processes of these have ended; what they left behind may not have."""
    ends: list[Run] = field(default_factory=list[Run])
    """Cleared, and not written down yet."""
    owed: list[Record] = field(default_factory=list[Record])
    """Records that found no room yet."""
    strays: Strays = field(default_factory=Strays)
    trouble: str = ""
    """Why ends cannot be written down."""

    # --------------------------------------------------------------------------------------------- starting

    def mark(self, attempt: str) -> str:
        """Of every process of an attempt."""
        return f"local:{self.engine}:{attempt}"

    def launch(self, run: Run, recipes: Iterable[Recipe], owner: tuple[int, int] | None) -> None:
        """Start an attempt's processes: first it is written down that it is to start, then as what it runs.

        If this is cut off in between, its processes are found again by their mark. Raises OSError where the machine lacks something
        now, CannotStartError where it can never start; nothing runs then.
        """
        intent = {"kind": "intent", "attempt": run.attempt, "devices": run.devices, "savepoint": run.savepoint}
        self.journal.append([*self.owed, intent], durable=False)
        self.owed.clear()
        try:
            for part, recipe in enumerate(recipes):
                files = output.create(output.folder_of(self.logs, run.attempt), part, owner)
                try:
                    run.processes.append(launcher.begin(recipe, files))
                finally:
                    for file in files:
                        os.close(file)
        except (OSError, CannotStartError) as error:
            if not run.processes:
                self._note({"kind": "forget", "attempt": run.attempt})
                raise
            run.refusal = str(error)  # told when those that did start are gone
        self.machine.hold(run.attempt, run.devices)
        self.runs[run.attempt] = self.live[run.attempt] = run
        for process in run.processes:
            run.alive.add(process.pid)
            self.leaders[process.pid] = run
        self._note(run.start_record())
        if run.refusal:
            self._force(run)
        else:
            self.tell({"event": "running", "attempt": run.attempt})

    def _note(self, record: Record) -> None:
        """Write down what is so already; what finds no room now is written with the next."""
        self.owed.append(record)
        with suppress(OSError):
            self.journal.append(self.owed, durable=False)
            self.owed.clear()

    # -------------------------------------------------------------------------------------- warning, stopping

    def warn(self, attempt: str) -> None:
        """Ask a job for its savepoint, once."""
        run = self.runs.get(attempt)
        if run is None or run.phase in LAST or not run.savepoint or run.warned:
            return
        run.warned = True
        self._signal(run, self.savepoint_signal, whole_group=self.savepoint_to_group)

    def ask_to_stop(self, attempt: str, grace_s: float) -> None:
        """Begin to stop an attempt; asked again, the shorter grace counts. Raises OSError if it cannot be written down."""
        run = self.runs.get(attempt)
        if run is None or run.phase in LAST or run in self.ends:
            return
        now = time.monotonic()
        if run.stop is not None:
            run.stop.by = min(run.stop.by, now + grace_s)
            return
        by = now + grace_s
        self.journal.append([{"kind": "stop", "attempt": attempt, "by": by}], durable=False)
        wants_time = run.savepoint and not run.warned and grace_s > 0
        if wants_time:
            self.warn(attempt)
        self._stop(run, Stop(by, by - min(self.term_s, grace_s / 2) if wants_time else now))
        self.press(now)

    def _stop(self, run: Run, stop: Stop) -> None:
        run.stop, run.phase = stop, Phase.STOPPING
        self.stopping.add(run.attempt)

    def press(self, now: float) -> None:
        """Tell to end whoever's time that is, and force whose grace is over."""
        for attempt in list(self.stopping):
            run = self.runs[attempt]
            assert run.stop is not None
            if run.stop.term_at is not None and now >= run.stop.term_at:
                run.stop.term_at = None
                self._signal(run, signal.SIGTERM, whole_group=True)
                self._signal(run, signal.SIGCONT, whole_group=True)
            if now >= run.stop.by:
                self.stopping.discard(attempt)
                self._force(run)

    def _force(self, run: Run) -> None:
        self._signal(run, signal.SIGKILL, whole_group=True)

    def _signal(self, run: Run, number: int, *, whole_group: bool) -> None:
        if run.adopted:
            if whole_group:
                for process, _ in self._left_by(run):
                    processes.send(process, number)
            for process in run.processes:
                processes.send(process, number)
            return
        for pid in run.alive:  # not waited for, so the number is still theirs
            with suppress(ProcessLookupError, PermissionError):
                (os.killpg if whole_group else os.kill)(pid, number)

    # ----------------------------------------------------------------------------------------------- ending

    def reap(self) -> None:
        """Let go of own children that have ended: processes of attempts, and orphans."""
        while True:
            try:
                found = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                return
            if found is None:
                return
            run = self.leaders.pop(found.si_pid, None)
            if run is not None and (run.stop is None or run.attempt not in self.stopping):
                with suppress(ProcessLookupError, PermissionError):
                    os.killpg(found.si_pid, signal.SIGKILL)  # while the group's number cannot be another's
            os.waitpid(found.si_pid, 0)
            if run is not None:
                code = found.si_status if found.si_code == os.CLD_EXITED else -found.si_status
                self.ended(run, found.si_pid, code)

    def look_at_adopted(self) -> None:
        """Find out which processes of an earlier supervisor have ended: nobody can say how."""
        for run in list(self.live.values()):
            if run.adopted:
                for process in run.processes:
                    if process.pid in run.alive and not processes.is_alive(process):
                        self.ended(run, process.pid, None)

    def ended(self, run: Run, pid: int, code: int | None) -> None:
        """Take note that a process of an attempt has ended; the first that failed ends the others."""
        run.alive.discard(pid)
        if run.exit_code in (None, 0):
            run.exit_code = code
        if not run.alive:
            self.clearing[run.attempt] = run
        elif code != 0 and run.stop is None:
            self._force(run)

    def clear(self) -> None:
        """Kill what ended attempts have left behind; those that left nothing have ended."""
        if not self.clearing:
            return
        unended = set(self.live)
        groups = {process.pid: run.attempt for run in self.live.values() for process in run.processes}
        left = self.strays.find(self.mark(""), self.leaders, groups, unended=unended, ending=set(self.clearing))
        for pid in left.pop("", ()):  # of attempts that ended before
            self._kill_child(pid)
        for attempt, run in list(self.clearing.items()):
            rest = left.get(attempt, [])
            others = [process for process, _ in self._left_by(run)] if run.adopted else []
            if not rest and not others:
                del self.clearing[attempt]
                self.stopping.discard(attempt)
                self.ends.append(run)
            elif attempt not in self.stopping:  # else they have their grace as the job has
                for pid in rest:
                    self._kill_child(pid)
                for process in others:
                    processes.send(process, signal.SIGKILL)

    @staticmethod
    def _kill_child(pid: int) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)

    def _left_by(self, run: Run) -> Iterable[tuple[Process, str]]:
        return ((process, rest) for process, rest in processes.marked(self.mark(run.attempt)) if rest == "")

    def write_ends(self) -> None:
        """Write down what has ended, and only then tell of it; if there is no room, it is tried again."""
        if not self.ends and not self.owed:
            return
        try:
            self.journal.append([*self.owed, *map(self._end_record, self.ends)], durable=bool(self.ends))
        except OSError as error:
            self.trouble = f"what became of jobs cannot be written down: {error.strerror}"
            self.tell({"event": "trouble", "message": self.trouble})
            return
        self.owed.clear()
        if self.trouble:
            self.trouble = ""
            self.tell({"event": "well"})
        ends, self.ends = self.ends, []
        for run in ends:
            self.machine.release(run.attempt, run.devices)
            del self.live[run.attempt]
            if run.refusal and run.stop is None:
                del self.runs[run.attempt]
                self.tell({"event": "refused", "attempt": run.attempt, "reason": run.refusal})
                continue
            run.phase = Phase.ENDED if run.stop is None else Phase.STOPPED
            run.processes.clear()
            self.tell({"event": "last", **run.seen()})

    @staticmethod
    def _end_record(run: Run) -> Record:
        if run.refusal and run.stop is None:
            return {"kind": "forget", "attempt": run.attempt}
        return {"kind": "end", "attempt": run.attempt, "exit_code": run.exit_code, "reason": run.reason}

    def forget(self, attempt: str) -> None:
        """Let go of an attempt that has ended. Raises OSError."""
        run = self.runs.get(attempt)
        if run is not None and run.phase in LAST:
            self.journal.append([{"kind": "forget", "attempt": attempt}], durable=False)
            del self.runs[attempt]

    # ------------------------------------------------------------------------------------------------- time

    def next_s(self, now: float) -> float | None:
        """Tell in how many seconds something is due."""
        due = [run.stop.by if run.stop.term_at is None else min(run.stop.by, run.stop.term_at)
               for run in map(self.runs.__getitem__, self.stopping) if run.stop is not None]  # fmt: skip
        if self.clearing:
            due.append(now + AGAIN_S)
        if any(run.adopted for run in self.live.values()):
            due.append(now + ADOPTED_AGAIN_S)
        if self.ends or self.owed:
            due.append(now + DISK_AGAIN_S)
        return max(0.0, min(due) - now) if due else None
