"""What slurmctld forgot when it was killed, for it writes its state some seconds late.

Of commands their marks say what happened (`marks`). Of the jobs that users submitted the accounting does, which slurmctld tells at once:
that one ended though it waits again. Where a partition is fenced, Slurm starts nothing before that was looked at.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Iterable, Mapping

from equipoise.engines.protocol import Attempt
from equipoise.engines.slurm.commands import Commands, SlurmRefusedError
from equipoise.engines.slurm.journal import Journal, Stage, Tracked
from equipoise.engines.slurm.marks import Marks
from equipoise.engines.slurm.nodes import Nodes
from equipoise.engines.slurm.queue import RUNS, Past, Queue, Row
from equipoise.engines.slurm.settings import Settings
from equipoise.errors import EngineError

LOG = logging.getLogger("equipoise.engines.slurm")
_ASKED_EVERY_S = 1.0
_LOOKED_S = 30.0  # so long after a start of slurmctld it is asked whether what runs has ended
_AT_ONCE = 200
_MANY, _LATE_S = 50_000, 600.0
_DONE = frozenset({"COMPLETED", "FAILED", "TIMEOUT", "OUT_OF_MEMORY", "DEADLINE"})


class Numbers:
    """Numbers of jobs that were in use of late, which slurmctld gives again if it forgot them.

    A second job of one number is killed, and its node drained, if the first still has a process there ("Duplicate jobid").

    Parameters
    ----------
    commands : Commands
    """

    def __init__(self, commands: Commands) -> None:
        self._commands = commands
        self._used: dict[str, float] = {}
        self._most = _MANY

    def seen(self, ids: Iterable[str]) -> None:
        """Take notice of numbers in use."""
        now_s = time.monotonic()
        self._used |= dict.fromkeys(ids, now_s)
        if len(self._used) > self._most:
            self._used = {id: at_s for id, at_s in self._used.items() if at_s > now_s - _LATE_S}
            self._most = _MANY + 2 * len(self._used)

    def fresh(self, submit: Callable[[], str]) -> str:
        """Submit a job that does not start yet until it has a number that none had of late; the others are cancelled."""
        id, spent = self._beyond(submit)
        self._cancel(spent)
        self.seen([id])
        return id

    def pass_by(self, submit: Callable[[], str]) -> None:
        """Let slurmctld give no number again that was in use of late, to users either."""
        try:
            id, spent = self._beyond(submit)
        except SlurmRefusedError as refusal:
            LOG.warning("numbers of jobs may be given again, for none can be submitted: %s", refusal)
        else:
            self._cancel([*spent, id])

    def _beyond(self, submit: Callable[[], str]) -> tuple[str, list[str]]:
        spent: list[str] = []
        while (id := submit()) in self._used:
            spent.append(id)
        return id, spent

    def _cancel(self, spent: list[str]) -> None:
        for at in range(0, len(spent), _AT_ONCE):
            try:
                self._commands.run("scancel", *spent[at : at + _AT_ONCE])
            except SlurmRefusedError as refusal:
                LOG.info("not all of %d jobs could be cancelled: %s", len(spent), refusal)


class Forgotten:
    """Finds out what slurmctld forgot.

    Parameters
    ----------
    commands : Commands
    settings : Settings
    queue : Queue
    nodes : Nodes
    journal : Journal
    marks : Marks
    """

    def __init__(
        self, commands: Commands, settings: Settings, queue: Queue, nodes: Nodes, journal: Journal, marks: Marks
    ) -> None:
        self._commands = commands
        self._marks = marks
        self._fenced = {place.partition for place in settings.pools.values() if place.fenced and not settings.shadow}
        self._queue = queue
        self._nodes = nodes
        self._journal = journal
        self._booted_s = self._asked_s = self._noticed_s = 0.0
        self._silences = 0
        self._opened: dict[str, float] = {}

    def ended(self, shown: Iterable[tuple[Tracked, Row]]) -> dict[Attempt, Past]:
        """Return how jobs of users that wait again ended: those that ran, and those released before slurmctld started."""
        asked = [
            (one, row)
            for one, row in shown
            if one.queued and self._may_have_ended(one, row)
        ]  # fmt: skip
        if not asked or not self._commands.has_accounting:
            return {}
        known = self._queue.accounted({one.slurm_id: row.submitted_s for one, row in asked})
        return {
            one.attempt: known[one.slurm_id]
            for one, _ in asked
            if one.slurm_id in known and known[one.slurm_id].state in _DONE
        }

    def released(self, shown: Mapping[Attempt, Row | None], admit: Callable[[Attempt, str], None]) -> None:
        """See to it that what was to start does, though slurmctld forgot that it may."""
        for attempt, row in shown.items():
            one = self._journal.all.get(attempt)
            if one is not None and row is not None and row.state in RUNS and one.once and self._booted_of_late(one):
                if self._marks.ended_long(one):
                    self._wake(one)
                continue
            if one is None or row is None or one.stage is not Stage.RELEASED or row.state != "PENDING":
                continue
            if one.once and self._has_begun(one):
                one.stage = Stage.RUNNING  # it is seen to waiting again next
                self._journal.put(one, seen=True)
            elif row.reason == "BeginTime" and not one.queued and self._booted_since(one, ask=True):
                admit(attempt, one.slurm_id)
                one.since_s = time.time()
                self._journal.put(one, seen=True)
            elif row.held and one.queued and not one.reason and self._booted_since(one, ask=True):
                LOG.warning("slurmctld forgot that job %s was released, attempt %s", one.slurm_id, attempt)
                self._journal.drop(attempt)  # so it is launched anew by who asks for `attempts`

    def is_closed(self) -> bool:
        """Whether a fence is closed, so that the queue should be read before it is opened."""
        closed = self._fenced & self._nodes.closed
        return bool(closed) and any(self._opened.get(partition) != self._boot_s() for partition in closed)

    def open(self) -> None:
        """Open the fences that slurmctld closed by its start; what an operator closed stays closed."""
        booted_s = self._boot_s()
        for partition in self._fenced & self._nodes.closed:
            if self._opened.get(partition) == booted_s:
                continue
            try:
                self._commands.run("scontrol", "update", f"PartitionName={partition}", "State=UP")
            except SlurmRefusedError as refusal:
                raise EngineError(
                    "E169", f"partition {partition} cannot be opened: {refusal}", retryable=True
                ) from None
            self._opened[partition] = booted_s
            LOG.info("partition %s is opened, slurmctld having started at %d", partition, booted_s)

    def _may_have_ended(self, one: Tracked, row: Row) -> bool:
        """Whether it should be asked how a job ended, though Slurm says that it waits or runs."""
        if row.state != "PENDING":
            return row.state in RUNS and self._booted_of_late(one)
        return one.stage is Stage.RUNNING or (one.stage is Stage.RELEASED and self._booted_since(one))

    def _wake(self, one: Tracked) -> None:
        """Let go of what Slurm says runs, and is over: its mark is believed when Slurm shows it no more."""
        LOG.warning("slurmctld forgot that job %s ended, attempt %s", one.slurm_id, one.attempt)
        one.orphan = True
        self._journal.put(one)
        with contextlib.suppress(SlurmRefusedError):
            self._commands.run("scancel", one.slurm_id)

    def _booted_of_late(self, one: Tracked) -> bool:
        return self._booted_since(one) and time.monotonic() < self._noticed_s + _LOOKED_S

    def _has_begun(self, one: Tracked) -> bool:
        """Whether a command began that waits now: its mark was there already when the queue was read."""
        had_begun = one.begun
        if self._booted_since(one):
            one.begun = self._marks.look(one).begun
        return had_begun and one.begun

    def _booted_since(self, one: Tracked, *, ask: bool = False) -> bool:
        """Whether slurmctld started after an attempt was released, as far as is known, or ``ask``ed now."""
        if ask or self._commands.silences != self._silences or self.is_closed():
            self._boot_s()
        return self._booted_s + 1 > one.since_s

    def _boot_s(self) -> float:
        now_s = time.monotonic()
        if not self._asked_s or now_s > self._asked_s + _ASKED_EVERY_S:
            silences = self._commands.silences
            before = self._booted_s
            self._booted_s, self._asked_s, self._silences = self._queue.booted_s(), now_s, silences
            if self._booted_s != before:
                self._noticed_s = now_s
        return self._booted_s
