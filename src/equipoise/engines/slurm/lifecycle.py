"""What becomes of an attempt, by what the queue shows of it: one small table of stages, and the levers of stopping.

A job is asked by SIGTERM to all its processes, and killed by SIGKILL to all of them. (Slurm's own kill waits for KillWait in between, and
what is once completing takes no signal; `--batch` keeps it from that, `--full` lets the signal reach more than the script.) What is to
run again is then requeued in held state.
"""

from __future__ import annotations

import logging
import time

from equipoise.engines.protocol import Ended, Observation, Refused, Running, Stopped, Withdrawn
from equipoise.engines.slurm.commands import Commands, SlurmRefusedError
from equipoise.engines.slurm.journal import Journal, Stage, Tracked
from equipoise.engines.slurm.marks import Marks
from equipoise.engines.slurm.once import AGAIN
from equipoise.engines.slurm.queue import RUNS, Past, Row
from equipoise.engines.slurm.settings import Settings
from equipoise.errors import EngineError

LOG = logging.getLogger("equipoise.engines.slurm")
LOST_S = 15.0  # how long the controller has to say what becomes of a job that Slurm took off its nodes
FORCE_S = 10.0  # a killed job that is still there after that is cancelled by Slurm's own means
SIGNAL_S = 2.0
WARN_S = 0.5  # between the signal for a savepoint and SIGTERM, which Slurm may deliver in any order
_BY_ITSELF = frozenset({"", "COMPLETED", "FAILED", "NODE_FAIL", "BOOT_FAIL", "PREEMPTED"})
_TAKEN = frozenset({"NODE_FAIL", "BOOT_FAIL", "PREEMPTED"})
_SIGNALLED = frozenset({-9, -15, 137, 143})  # ends that our signals make


class Lifecycle:
    """Moves attempts from stage to stage.

    Parameters
    ----------
    commands : Commands
    settings : Settings
    journal : Journal
    marks : Marks
    """

    def __init__(self, commands: Commands, settings: Settings, journal: Journal, marks: Marks) -> None:
        self._commands = commands
        self._settings = settings
        self._journal = journal
        self._marks = marks

    def advance(self, one: Tracked, row: Row | None, past: Past | None) -> list[Observation]:
        """Take in what is seen of an attempt now; ``past`` is how it ended where it has no row."""
        if row is None:
            return self._ended(one, past) if one.queued else self._command_ended(one, past)
        if row.state == "PENDING" and one.stage is Stage.RUNNING and not one.queued:
            return self._woken(one, row)
        if row.state == "PENDING":
            return self._pending(one, row)
        if row.state in RUNS:
            return self._runs(one)
        if one.stage is Stage.STOPPING:
            self.press(one)
        return []

    def press(self, one: Tracked) -> None:
        """Do what is due of a stop: ask, kill, and at last leave it to Slurm."""
        now_s = time.time()
        if one.forced:
            if now_s > one.kill_s + FORCE_S:
                one.kill_s = now_s
                self._try("scancel" if not self._again(one) else "requeuehold", one)
            return
        if now_s >= one.kill_s:
            if self._signal(one, "KILL", "--batch", "--full"):
                one.forced, one.ask_s = True, 0.0
                self._journal.put(one)
        elif one.ask_s and now_s >= one.ask_s and self._signal(one, "TERM", "--full"):
            one.ask_s = 0.0
            self._journal.put(one)

    def warn(self, one: Tracked) -> None:
        """Let a job write its savepoint."""
        try:
            self._commands.run("scancel", "--signal=USR1", "--batch", one.slurm_id)
        except SlurmRefusedError:  # it has just ended
            return
        if not one.warned:
            one.warned = True
            self._journal.put(one)

    def stopped(self, one: Tracked) -> list[Observation]:
        """End a stop: its devices are clear."""
        return self._leave(one, Stage.STOPPED, Stopped(one.attempt))

    # ------------------------------------------------------------------------------------------------ as the queue shows it

    def _pending(self, one: Tracked, row: Row) -> list[Observation]:
        if one.stage is Stage.STOPPING:
            if not self._again(one):
                return self._stops_woken(one)
            if row.held:
                return self.stopped(one)
            self._try("hold", one)
            return []
        if one.stage is Stage.RELEASED:
            return self._waits(one, row)
        if one.stage is Stage.RUNNING:  # Slurm or its user requeued it: it starts again when the policy says so
            self._lose(one)
        if one.stage is Stage.LOST:
            if not row.held:
                self._try("hold", one)
            elif time.time() > one.since_s + LOST_S:
                return self.stopped(one)
        return []

    def _waits(self, one: Tracked, row: Row) -> list[Observation]:
        """Refuse what Slurm does not start within patience: first held, then told, so that it cannot start in between."""
        if one.reason or row.held:
            if row.held:
                one.reason = one.reason or f"held: {row.reason}"
                return self._leave(one, Stage.REFUSED, Refused(one.attempt, one.reason))
            self._try("hold", one)
        elif time.time() > one.since_s + self._settings.patience_s:
            one.reason = f"it did not start within {self._settings.patience_s:g} s: {row.reason}"
            self._journal.put(one)
            self._try("hold" if one.queued else "scancel", one)
        return []

    def _runs(self, one: Tracked) -> list[Observation]:
        if one.stage is Stage.STOPPING:
            self.press(one)
        elif one.stage is Stage.RELEASED:
            told: list[Observation] = [] if one.heard else [Running(one.attempt)]
            one.stage, one.heard, one.reason = Stage.RUNNING, True, ""
            self._journal.put(one, seen=True)
            return told
        return []

    def _ended(self, one: Tracked, past: Past | None) -> list[Observation]:
        state, one.exit_code = (past.state, past.exit_code) if past else ("", None)
        reason = past.reason if past else "Slurm does not know it any more"
        if one.stage is Stage.STOPPING:
            return self._ended_stopping(one, state, reason)
        if one.stage is Stage.LOST and time.time() <= one.since_s + LOST_S:
            return []
        if one.stage is Stage.LOST:
            return self.stopped(one)
        if state in _TAKEN:
            self._lose(one)
            return []
        if one.stage is Stage.RELEASED and one.reason and not one.heard and state == "CANCELLED":
            return self._leave(one, Stage.REFUSED, Refused(one.attempt, one.reason))
        seen: list[Observation] = []
        if state == "CANCELLED":
            one.exit_code = None
            if one.queued:
                seen.append(Withdrawn(one.slurm_id))
        elif not one.heard:
            seen.append(Running(one.attempt))
        one.heard, one.reason = True, reason
        return seen + self._leave(one, Stage.ENDED, Ended(one.attempt, one.exit_code, reason))

    def _ended_stopping(self, one: Tracked, state: str, reason: str) -> list[Observation]:
        if one.late and state != "CANCELLED" and one.exit_code not in _SIGNALLED:
            one.reason = reason
            seen: list[Observation] = [] if one.heard else [Running(one.attempt)]
            return seen + self._leave(one, Stage.ENDED, Ended(one.attempt, one.exit_code, reason))
        if self._again(one) and self._try("requeuehold", one):
            return []  # it is seen pending and held next
        return ([Withdrawn(one.slurm_id)] if one.queued and one.requeue else []) + self.stopped(one)

    # ------------------------------------------------------------------------ commands, which leave marks of their own starts

    def _command_ended(self, one: Tracked, past: Past | None) -> list[Observation]:
        """End a command as its mark says, whatever slurmctld has forgotten, or taken for its end."""
        mark = self._marks.look(one)
        if not self._believes(one):
            return self._ended(one, past)
        if one.orphan:
            past = None
        # The accounting alone calls cancelled what slurmctld forgot when it started.
        last, past = past, None if past is not None and past.accounted else past
        if mark.exit_code is not None:
            return self._ended(one, self._by_its_mark(one, mark.exit_code, past))
        if past is not None and past.state != "COMPLETED" and past.exit_code != AGAIN:
            return self._ended(one, past)
        if not mark.begun and self._marks.take(one):
            return self._never_began(one)
        if one.stage is Stage.STOPPING:
            self._stop_by_mark(one)
        if not self._marks.silent(one):
            return self._runs(one) if one.stage is Stage.RELEASED else []
        if one.stage is Stage.STOPPING:
            return self.stopped(one)
        return self._ended(one, last or Past("", None, "slurmctld forgot it, and it did not come to its end"))

    def _believes(self, one: Tracked) -> bool:
        return one.once and self._marks.shared

    def _by_its_mark(self, one: Tracked, exit_code: int, past: Past | None) -> Past | None:
        if past is not None and past.state not in _BY_ITSELF:
            return past  # it was cancelled, or had its time
        if past is not None and past.state in _TAKEN and exit_code in _SIGNALLED:
            return past  # Slurm ended it
        one.late = one.late or (past is None and one.heard and one.ask_s > 0)
        if exit_code == 0:
            return Past("COMPLETED", 0, "")
        return past if past is not None and past.exit_code == exit_code else Past("FAILED", exit_code, "FAILED")

    def _never_began(self, one: Tracked) -> list[Observation]:
        """What slurmctld forgot before it began, and what now never does, is launched anew by who asks for `attempts`."""
        if one.stage is Stage.STOPPING:
            return self.stopped(one)
        if one.heard:
            return self._ended(one, Past("", None, "slurmctld forgot it before it began"))
        LOG.warning("slurmctld forgot job %s, attempt %s, before it began", one.slurm_id, one.attempt)
        self._journal.drop(one.attempt)
        return []

    def _woken(self, one: Tracked, row: Row) -> list[Observation]:
        """A command that began waits again, for slurmctld forgot that: cancelled there, it is over when its mark says so, or is silent.

        A second start on the node where the first still runs would let Slurm drain the node.
        """
        mark = self._marks.look(one)
        if not self._believes(one):
            self._lose(one)
            return []
        if not mark.begun:  # it was about to
            one.stage = Stage.RELEASED
            self._journal.put(one, seen=True)
            return self._waits(one, row)
        one.orphan = True
        self._journal.put(one)
        self._try("scancel", one)
        return self._command_ended(one, None)

    def ended_before(self, one: Tracked, past: Past) -> list[Observation]:
        """End a job that waits again though it ended: slurmctld forgot that, and the accounting knows."""
        self._try("scancel", one)
        return self._ended(one, past)

    def _stops_woken(self, one: Tracked) -> list[Observation]:
        """Stop what waits; if it is a command that began, and slurmctld forgot that, until it is gone."""
        mark = self._marks.look(one)
        if self._believes(one) and mark.begun and mark.exit_code is None:
            one.orphan = True
            self._stop_by_mark(one)
        self._try("scancel", one)
        return []

    def _stop_by_mark(self, one: Tracked) -> None:
        self._marks.stop(one)
        if one.ask_s:
            one.ask_s = 0.0  # from now on its end may be ours
            self._journal.put(one)

    # ------------------------------------------------------------------------------------------------------------- levers

    def _signal(self, one: Tracked, signal: str, *whom: str) -> bool:
        """Send a signal; False where it is to be sent again: scancel waits for minutes on a job that just changes its state."""
        try:
            self._commands.run("scancel", f"--signal={signal}", *whom, one.slurm_id, timeout_s=SIGNAL_S)
        except EngineError as error:
            if not error.retryable:
                raise
            return False
        except SlurmRefusedError:
            # Nothing to signal. If it ran, and nobody asked it before, it has ended by itself.
            one.late = one.heard and one.ask_s > 0
        return True

    def _try(self, lever: str, one: Tracked) -> bool:
        """Pull a lever; False where Slurm says no, because the job is not, or no longer, in that state."""
        try:
            if lever == "scancel":
                self._commands.run("scancel", one.slurm_id)
            else:
                self._commands.run("scontrol", lever, one.slurm_id)
        except SlurmRefusedError:
            return False
        return True

    @staticmethod
    def _again(one: Tracked) -> bool:
        """Whether the very job of Slurm is to run again; what we submitted is submitted anew."""
        return one.queued and one.requeue

    def _lose(self, one: Tracked) -> None:
        one.stage, one.since_s = Stage.LOST, time.time()
        self._journal.put(one)

    def _leave(self, one: Tracked, stage: Stage, last: Observation) -> list[Observation]:
        one.stage = stage
        self._journal.put(one, seen=True)
        return [last]
