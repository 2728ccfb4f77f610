"""The engine: the queue is read now and then, what changed is reported, and what the controller decides is done by Slurm's programs."""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from equipoise.charter.model import Pool
from equipoise.engines.protocol import (
    Arrived,
    Attempt,
    Condition,
    Ended,
    Launch,
    Node,
    NodeChanged,
    Observation,
    Phase,
    Seen,
)
from equipoise.engines.slurm.arrivals import Arrivals
from equipoise.engines.slurm.commands import Commands, SlurmRefusedError
from equipoise.engines.slurm.forgotten import Forgotten, Numbers
from equipoise.engines.slurm.journal import Journal, Stage, Tracked
from equipoise.engines.slurm.lifecycle import WARN_S, Lifecycle
from equipoise.engines.slurm.marks import Marks
from equipoise.engines.slurm.nodes import Nodes, check_pools
from equipoise.engines.slurm.queue import RUNS, Queue, Row
from equipoise.engines.slurm.settings import Settings
from equipoise.engines.slurm.starts import Starts
from equipoise.engines.slurm.submission import Submission
from equipoise.errors import EngineError

LOG = logging.getLogger("equipoise.engines.slurm")
SWEEP_S = 3600.0
LONG = 500  # more jobs than so many make a long queue
UNENDED = RUNS | {"PENDING"}
_PHASES = {
    Stage.ASKED: Phase.STARTING, Stage.RELEASED: Phase.STARTING, Stage.RUNNING: Phase.RUNNING, Stage.STOPPING: Phase.STOPPING,
    Stage.LOST: Phase.STOPPING, Stage.ENDED: Phase.ENDED, Stage.STOPPED: Phase.STOPPED, Stage.REFUSED: Phase.STOPPED,
}  # fmt: skip


class SlurmEngine:
    """An engine over a Slurm cluster; see `equipoise.engines.protocol.Engine` for what each method does.

    Parameters
    ----------
    settings : Settings
    pools : tuple of Pool
        Of the charter.
    folder : Path
        The engine's own.
    """

    name = "slurm"

    def __init__(self, settings: Settings, pools: tuple[Pool, ...], folder: Path) -> None:
        check_pools(settings, pools)
        folder.mkdir(mode=0o711, parents=True, exist_ok=True)
        self.settings = settings
        self._commands = Commands(settings)
        self._queue = Queue(self._commands, settings.partitions)
        self._nodes = Nodes(self._commands, settings, pools, folder)
        self._submission = Submission(self._commands, settings, self._nodes, pools, folder)
        self._arrivals = Arrivals(self._commands, settings, self._queue, pools)
        self._journal = Journal(folder / "journal.sqlite")
        place = self._submission.mark_folder
        self._marks = Marks(lambda one: place(one.attempt, one.user, one.nonce), folder / "shared")
        self._lifecycle = Lifecycle(self._commands, settings, self._journal, self._marks)
        self._forgotten = Forgotten(self._commands, settings, self._queue, self._nodes, self._journal, self._marks)
        self._numbers = Numbers(self._commands)
        self._numbers.seen(one.slurm_id for one in self._journal.all.values())
        self._starts = Starts(
            self._commands, self._submission, self._queue, self._arrivals, self._journal, self._numbers, lambda: self._rows,
            self._read_queue,
        )  # fmt: skip
        self._told: list[Observation] = []
        self._woken = threading.Event()
        self._rows: dict[str, Row] = {}
        self._look_at = self._nodes_at = 0.0
        self._swept_at = time.monotonic()
        self._closed = False
        try:
            self._conditions = {(node.pool, node.number): node for node in self._nodes.read()}
            if self._journal.new:
                self._recover()
            self._settle_asked()
            self._read_queue()
            self._open_fences()
        except BaseException:
            self._commands.close()
            self._journal.close()
            raise
        self._told = [one for one in self._told if not isinstance(one, Arrived)]  # `waiting` has them

    # -------------------------------------------------------------------------------------------------------- as it stands

    def nodes(self) -> Sequence[Node]:
        """Return every node that the pools expect."""
        return self._read_nodes()

    def attempts(self) -> Sequence[Seen]:
        """Return every attempt that was not forgotten, by a fresh look at the queue."""
        self._read_queue()
        self._journal.flush()
        return [Seen(one.attempt, _PHASES[one.stage], one.exit_code, one.reason) for one in self._journal.all.values()]

    def waiting(self) -> Sequence[Arrived]:
        """Return the jobs that users gave to Slurm in our partitions."""
        return list(self._arrivals.known.values())

    @property
    def strays(self) -> Sequence[str]:
        """Slurm's numbers of jobs that run in our partitions though nobody launched them."""
        return list(self._arrivals.strays)

    def output(self, attempt: Attempt) -> list[Path]:
        """Return the files that hold what an attempt wrote, as far as they exist."""
        folder = self._submission.output(attempt).parent
        return sorted(folder.glob(f"**/{attempt}.out"))

    # --------------------------------------------------------------------------------------------------- what is to be done

    def launch(self, launch: Launch, /) -> None:
        """Submit a job, or take the one that its user submitted; `observe` lets them start, all at once."""
        known = self._journal.all.get(launch.attempt)
        if (
            self.settings.shadow
            or launch.attempt in self._starts
            or (known is not None and known.stage is not Stage.ASKED)
        ):
            self._note("launch", launch.attempt)
            return
        one = known or Tracked(
            launch.attempt, launch.origin, bool(launch.origin), savepoint=launch.savepoint, nonce=os.urandom(9).hex(),
            once=not launch.origin,
        )  # fmt: skip
        one.user = launch.command.user if launch.command else ""
        self._told += self._starts.add(launch, one, again=known is not None)

    def warn(self, attempt: Attempt, /, *, by_ms: int, reason: str) -> None:
        """Signal a job that writes savepoints."""
        one = self._journal.all.get(attempt)
        if self.settings.shadow or one is None:
            self._note("warn", attempt)
        elif one.stage is Stage.RUNNING and one.savepoint:
            self._lifecycle.warn(one)

    def stop(self, attempt: Attempt, /, *, grace_ms: int, requeue: bool) -> None:
        """Ask, and let `observe` and `attempts` go on from there."""
        one = self._journal.all.get(attempt)
        if self.settings.shadow or one is None or one.gone:
            self._note("stop", attempt)
            return
        now_s = time.time()
        if one.stage is Stage.STOPPING:
            one.kill_s, one.requeue = min(one.kill_s, now_s + grace_ms / 1000), one.requeue and requeue
            self._journal.put(one)
        elif one.stage is Stage.ASKED:
            self._withdraw(one, requeue=requeue)
        else:
            lost = one.stage is Stage.LOST
            signals = one.stage is Stage.RUNNING and one.savepoint and not one.warned and grace_ms > 0
            one.stage, one.requeue, one.kill_s = Stage.STOPPING, requeue, now_s + grace_ms / 1000
            one.ask_s = now_s + (min(WARN_S, grace_ms / 2000) if signals else 0.0)
            self._journal.put(one)
            if signals:
                self._lifecycle.warn(one)
            row = self._rows.get(one.slurm_id)
            if not lost and one.heard and row is not None and one.is_it(row.submitted_s, row.comment):
                self._lifecycle.press(one)
        self._look_at = 0.0  # at once

    def forget(self, attempt: Attempt, /) -> None:
        """Let go of an attempt that is over."""
        one = self._journal.all.get(attempt)
        if one is not None and one.gone:
            self._journal.drop(attempt)

    def drain(self, pool: str, node: int, /, *, back: bool = False) -> None:
        """Let Slurm drain a node, or take it back."""
        if self.settings.shadow:
            return
        current = next((one for one in self._nodes.read() if (one.pool, one.number) == (pool, node)), None)
        if current is None or (current.condition is Condition.MAINTENANCE) is not back:
            return
        name = self._nodes.name(pool, node)
        change = ["State=RESUME"] if back else ["State=DRAIN", f"Reason={self.settings.mark}"]
        try:
            self._commands.run("scontrol", "update", f"NodeName={name}", *change)
        except SlurmRefusedError as refusal:
            raise EngineError("E144", f"node {name}: {refusal}", retryable=True) from None
        self._nodes_at = 0.0

    # --------------------------------------------------------------------------------------------------------- what happened

    def observe(self, timeout_s: float, /) -> Sequence[Observation]:
        """Read the queue and the nodes when it is time, until there is something to tell."""
        ends = time.monotonic() + timeout_s
        while True:
            self._starts.flush(self._told)
            now = time.monotonic()
            if now >= self._look_at:
                self._read_queue()
            if now >= self._nodes_at + self.settings.node_poll_s:
                self._read_nodes()
                self._open_fences()
            if now >= self._swept_at + SWEEP_S:
                self._swept_at = now
                self._marks.sweep(self._submission.folder, {one.nonce for one in self._journal.all.values()})
            left = ends - time.monotonic()
            if self._told or left <= 0 or self._woken.is_set():
                break
            self._woken.wait(min(left, self._starts.wait_s, max(0.0, self._look_at - time.monotonic())))
        self._woken.clear()
        self._journal.flush()
        told, self._told = self._told, []
        return told

    def wake(self) -> None:
        """Let `observe` return soon."""
        self._woken.set()

    def close(self) -> None:
        """Close the journal; jobs run on."""
        if not self._closed:
            self._closed = True
            self._commands.close()
            self._journal.close()

    def _read_queue(self) -> None:
        """Look at the queue, and move every attempt on by what is seen."""
        began = time.monotonic()
        rows = self._queue.rows()
        self._rows = rows
        self._numbers.seen(rows)
        self._renew(rows)
        now = time.monotonic()
        self._look_at = now + max(self.settings.poll_s, (now - began) / 2)  # a long queue is not read without a pause
        live = [one for one in self._journal.all.values() if not one.gone and one.slurm_id]
        shown = {one.attempt: self._shown(one, rows) for one in live}
        missing = {one.slurm_id: one.submitted_s for one in live if shown[one.attempt] is None}
        users = {one.slurm_id for one in live if one.queued} if len(rows) > LONG else ()
        past = self._queue.past(missing, at_first=users) if missing else {}
        ended = self._forgotten.ended((one, row) for one in live if (row := shown[one.attempt]))
        lost_before = sum(one.stage is Stage.LOST for one in live)
        for one in live:
            how = past.get(one.slurm_id)
            if how is not None and not one.is_it(how.submitted_s, how.comment):
                how = None
            if one.attempt in ended:
                told = self._lifecycle.ended_before(one, ended[one.attempt])
            else:
                told = self._lifecycle.advance(one, shown[one.attempt], how)
            self._told += told
            if one.queued and any(isinstance(seen, Ended) for seen in told):
                self._arrivals.drop(one.slurm_id)
        self._forgotten.released(shown, self._submission.admit)
        if sum(one.stage is Stage.LOST for one in live) > lost_before:
            self._read_nodes()  # why it was lost is told first, so that the policy may run it elsewhere
        running = {one.slurm_id for one in live if one.queued and not one.gone}
        self._cancel_doubles(rows)
        mark = f"{self.settings.mark}:"
        ours = {one.slurm_id for one in live if not one.queued} | {
            id for id, row in rows.items() if row.comment.startswith(mark)
        }
        self._told += self._withdrawn_once(self._arrivals.update(rows, ours, running))

    def _renew(self, rows: dict[str, Row]) -> None:
        """Know jobs again that were requeued: Slurm says then that they were submitted anew."""
        queued = {
            one.slurm_id: one for one in self._journal.all.values() if one.queued and not one.gone and one.submitted_s
        }
        moved = {id for id, one in queued.items() if id in rows and not one.is_it(rows[id].submitted_s, "")}
        moved |= self._arrivals.moved(rows)
        details = self._queue.details(sorted(moved)) if moved else {}
        for id in moved:
            one, row = queued.get(id), rows[id]
            is_older = one is not None and row.submitted_s < one.submitted_s  # slurmctld forgot that it was requeued
            if is_older or (id in details and details[id].restarts):
                self._arrivals.renew(row)
                if one is not None:
                    one.submitted_s = row.submitted_s
                    self._journal.put(one, seen=True)

    def _shown(self, one: Tracked, rows: dict[str, Row]) -> Row | None:
        """Return the row of an attempt: the one with its number, if that was not given to another job since."""
        row = rows.get(one.slurm_id)
        if row is None or not one.is_it(row.submitted_s, row.comment):
            return None
        if not one.submitted_s:
            one.submitted_s = row.submitted_s
            self._journal.put(one, seen=True)
        return row

    def _cancel_doubles(self, rows: dict[str, Row]) -> None:
        """Cancel what is not to run: submitted twice because an answer was lost, or over, and slurmctld forgot that."""
        live = [one for one in self._journal.all.values() if not one.gone]
        known = {one.nonce: one.slurm_id for one in live if one.nonce and not one.queued}
        found = {one.slurm_id for one in live if not one.nonce}
        for row in rows.values():
            own, _, nonce = row.comment.rpartition(":")
            if row.state not in UNENDED or not own.startswith(f"{self.settings.mark}:") or row.id in found:
                continue
            if known.get(nonce, "") != row.id and (nonce not in known or known[nonce]):
                with contextlib.suppress(SlurmRefusedError):  # it has just ended
                    self._commands.run("scancel", row.id)

    def _withdrawn_once(self, seen: list[Observation]) -> list[Observation]:
        told = {str(one) for one in self._told}
        return [one for one in seen if str(one) not in told]

    def _open_fences(self) -> None:
        if self._forgotten.is_closed():
            for _ in range(3):  # what has begun, then what waits all the same, and then without that
                self._read_queue()
            self._numbers.pass_by(self._submission.blank)
            self._forgotten.open()

    def _read_nodes(self) -> Sequence[Node]:
        nodes = self._nodes.read()
        self._nodes_at = time.monotonic()
        for node in nodes:
            before = self._conditions.get((node.pool, node.number))
            if before is None or (before.condition, before.devices) != (node.condition, node.devices):
                self._told.append(NodeChanged(node))
            self._conditions[node.pool, node.number] = node
        return nodes

    # ------------------------------------------------------------------------------------------------------------- its parts

    def _withdraw(self, one: Tracked, *, requeue: bool) -> None:
        """Stop what may never have reached Slurm."""
        if not one.slurm_id:
            one.slurm_id = self._starts.asked_before(one)
        may_start = self._starts.give_up(one.attempt)
        if one.slurm_id and (may_start or not one.queued):
            one.stage, one.requeue, one.kill_s = Stage.STOPPING, requeue, time.time()
            self._journal.put(one)
        else:
            self._told += self._lifecycle.stopped(one)

    def _recover(self) -> None:
        """Find users' jobs that were launched before the folder was lost, by what only operators can write."""
        rows = self._queue.rows()
        for id, details in self._queue.details(list(rows)).items():
            mark, _, attempt = details.admin_comment.partition(":")
            job, _, number = attempt.partition(".")
            if mark != self.settings.mark or not (job.isdigit() and number.isdigit()):
                continue
            if rows[id].held:  # stopped, and not launched since
                continue
            found = Tracked(
                Attempt(int(job), int(number)), id, not rows[id].comment.startswith(f"{mark}:"), Stage.RELEASED
            )
            found.since_s, found.submitted_s = time.time(), rows[id].submitted_s
            if not found.queued:
                found.once, found.nonce = True, rows[id].comment.rpartition(":")[2]
            self._journal.put(found)
            LOG.warning("job %s of Slurm is attempt %s, by its comment", id, found.attempt)

    def _settle_asked(self) -> None:
        """Find what was released although the journal does not say so: that is written durably only with what comes next.

        The rest is let go of, so that it is launched anew by who asks for `attempts`.
        """
        for one in [one for one in self._journal.all.values() if one.stage is Stage.ASKED]:
            one.slurm_id = one.slurm_id or self._starts.asked_before(one)
            if one.slurm_id and self._starts.marked(one.slurm_id) == self._submission.mark(one.attempt):
                one.stage, one.since_s = Stage.RELEASED, time.time()
                self._journal.put(one)
            else:
                self._journal.drop(one.attempt)

    def _note(self, what: str, attempt: Attempt) -> None:
        if self.settings.shadow:
            LOG.info("shadow: would %s %s", what, attempt)
