"""What is to start: gathered while the controller says what, and given to Slurm together.

All of it is remembered durably by one write before any of it is given, and given by one batch of changes, of which each has its own answer.
What fails, or is refused, is looked at once more before that is believed: the answer to an earlier try may have been lost.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from equipoise.engines.protocol import Attempt, Launch, Observation, Refused
from equipoise.engines.slurm.arrivals import Arrivals
from equipoise.engines.slurm.commands import Commands, SlurmRefusedError
from equipoise.engines.slurm.forgotten import Numbers
from equipoise.engines.slurm.journal import Journal, Stage, Tracked
from equipoise.engines.slurm.queue import JOB_ID, Queue, Row
from equipoise.engines.slurm.submission import Submission
from equipoise.errors import EngineError

AT_ONCE = 64
MOST_S = 1.0  # then what has started is looked at before more is given
SHORTEST_S, LONGEST_S = 0.1, 30.0  # from a try that failed to the next


@dataclass(slots=True)
class Due:
    """What is to start.

    Parameters
    ----------
    launch : Launch
    one : Tracked
    changes : list of tuple of str
        Are made one after the other, each if the one before was.
    tries : int
        How often that has failed; 0: Slurm knows nothing of it.
    next_s : float
        Not before then, by the monotonic clock.
    refusal : SlurmRefusedError or None
        Of the last try: believed if the same changes would be made again.
    """

    launch: Launch
    one: Tracked
    changes: list[tuple[str, ...]] = field(default_factory=list[tuple[str, ...]])
    tries: int = 0
    next_s: float = 0.0
    refusal: SlurmRefusedError | None = None

    def failed(self, refusal: SlurmRefusedError | None = None) -> None:
        """Note that a try failed; without a refusal it is tried again later and later."""
        self.tries, self.refusal = self.tries + 1, refusal
        self.next_s = 0.0 if refusal else time.monotonic() + min(LONGEST_S, SHORTEST_S * 2 ** min(self.tries, 10))


class Starts:
    """Gives what is to start to Slurm.

    Parameters
    ----------
    commands : Commands
    submission : Submission
    queue : Queue
    arrivals : Arrivals
    journal : Journal
    numbers : Numbers
    rows, look : callable
        Return the queue as it was seen last, and look at it now.
    """

    def __init__(
        self, commands: Commands, submission: Submission, queue: Queue, arrivals: Arrivals, journal: Journal, numbers: Numbers,
        rows: Callable[[], Mapping[str, Row]], look: Callable[[], None],
    ) -> None:  # fmt: skip
        self._commands, self._submission, self._queue = commands, submission, queue
        self._arrivals, self._journal, self._numbers = arrivals, journal, numbers
        self._rows, self._look = rows, look
        self._due: dict[Attempt, Due] = {}

    def __contains__(self, attempt: Attempt) -> bool:
        return attempt in self._due

    @property
    def wait_s(self) -> float:
        """How long until something is to be given; infinite: nothing is."""
        return max(0.0, min((due.next_s for due in self._due.values()), default=math.inf) - time.monotonic())

    def add(self, launch: Launch, one: Tracked, *, again: bool) -> list[Observation]:
        """Take in what is to start; what has a command is submitted now, to begin in a year.

        ``again`` where that was tried before, and may have succeeded without an answer.

        Raises
        ------
        EngineError
            It is taken in all the same, and tried again.
        """
        due = self._due[one.attempt] = Due(launch, one)
        self._journal.all[one.attempt] = one
        told: list[Observation] = []
        try:
            self._is_still_due(due, told, again=again)
        except EngineError:
            due.failed()
            raise
        return told

    def give_up(self, attempt: Attempt) -> bool:
        """Let go of what is not to start any more; returns whether Slurm may start it all the same."""
        due = self._due.pop(attempt, None)
        return due is not None and due.tries > 0

    def flush(self, told: list[Observation]) -> None:
        """Give to Slurm what is due, for a second at most; adds to ``told`` what is refused.

        Raises
        ------
        EngineError
            Slurm does not answer, or the journal cannot be written; what is due stays so.
        """
        ends = time.monotonic() + MOST_S
        failure = None
        while failure is None and self.wait_s == 0.0 and time.monotonic() < ends:
            now = time.monotonic()
            some = [due for due in self._due.values() if due.next_s <= now][:AT_ONCE]
            if any(due.tries for due in some):
                self._look()
            some = [due for due in some if not self._is_over(due)]
            try:
                some = [due for due in some if due.tries == 0 or self._is_still_due(due, told, again=True)]
                self._journal.put_all(due.one for due in some)
            except EngineError:
                for due in some:
                    due.failed()
                raise
            failure = self._give(some, told)
        if failure is not None:
            raise failure

    def _give(self, some: list[Due], told: list[Observation]) -> EngineError | None:
        """Make the changes: the first of each, and then the second of those whose first was made."""
        failure, step, left = None, 0, some
        while left and failure is None:
            further: list[Due] = []
            for due, answer in zip(left, self._commands.change_all([due.changes[step] for due in left]), strict=True):
                if isinstance(answer, EngineError):
                    failure = failure or answer
                elif answer is not None:
                    due.failed(answer)
                elif step + 1 < len(due.changes):
                    further.append(due)
                else:
                    self._started(due)
            left, step = further, step + 1
        for due in some if failure is not None else ():
            if due.one.attempt in self._due and due.refusal is None:
                due.failed()
        return failure

    def _is_still_due(self, due: Due, told: list[Observation], *, again: bool) -> bool:
        """Find out which changes are to be made; False: Slurm has begun with it already, or refuses it."""
        before, refusal, due.refusal = due.changes, due.refusal, None
        try:
            begun = not (self._release(due) if due.launch.origin else self._submit(due, again=again))
            if refusal is not None and not begun and due.changes == before:
                raise refusal
        except SlurmRefusedError as final:
            del self._due[due.one.attempt]
            due.one.stage, due.one.reason = Stage.REFUSED, str(final)
            self._journal.put(due.one, seen=True)
            told.append(Refused(due.one.attempt, due.one.reason))
            return False
        if begun:
            self._started(due)
        return not begun

    def _is_over(self, due: Due) -> bool:
        """Whether something else became of it meanwhile: its user withdrew it, or slurmctld forgot it."""
        if self._journal.all.get(due.one.attempt) is due.one and due.one.stage is Stage.ASKED:
            return False
        del self._due[due.one.attempt]
        return True

    def _started(self, due: Due) -> None:
        del self._due[due.one.attempt]
        due.one.stage, due.one.since_s = Stage.RELEASED, time.time()
        self._journal.put(due.one, seen=True)  # asked for again, it is found released

    # ---------------------------------------------------------------------------------------------------- which changes it takes

    def _release(self, due: Due) -> bool:
        launch, rows = due.launch, self._rows()
        if not JOB_ID.fullmatch(launch.origin):
            raise SlurmRefusedError(f"{launch.origin[:40]!r} is no number of a job")
        if launch.origin not in rows or launch.origin not in self._arrivals.details:
            self._look()
            rows = self._rows()
        row, details = rows.get(launch.origin), self._arrivals.details.get(launch.origin)
        if row is not None and details is not None and row.state == "PENDING":
            due.one.submitted_s = row.submitted_s
            due.changes = self._submission.release(launch, row, details)
            return True
        if self.marked(launch.origin) != self._submission.mark(launch.attempt):
            raise SlurmRefusedError("Slurm started it by itself" if row else "Slurm does not have the job any more")
        return False

    def _submit(self, due: Due, *, again: bool) -> bool:
        launch, one = due.launch, due.one
        if again:
            if one.slurm_id and self.marked(one.slurm_id) == self._submission.mark(launch.attempt):
                return False
            one.slurm_id = self.asked_before(one)  # its number may be another's by now
        if not one.slurm_id:
            self._journal.put(one)
            one.slurm_id = self._numbers.fresh(lambda: self._submission.submit(launch, one.nonce))
        due.changes = [self._submission.admission(launch.attempt, one.slurm_id)]
        return True

    def marked(self, id: str) -> str:
        """Return which attempt a job of Slurm is, by what only operators can write."""
        found = self._queue.details([id]).get(id)
        return found.admin_comment if found else ""

    def asked_before(self, one: Tracked) -> str:
        """Return Slurm's number of a job that was submitted though the answer was lost; empty: it was not."""
        comment = f"{self._submission.mark(one.attempt)}:{one.nonce}"
        found = [row.id for row in self._queue.rows().values() if row.comment == comment]
        return max(found, key=int) if found else ""  # those before it may have a number that was given again
