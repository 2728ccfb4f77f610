"""What the engine remembers of attempts over restarts: one small SQLite file, every change durable before it is acted on.

What was merely seen, and would be seen again, is written at once and made durable later, together with the next change that has to be, or
before it is told (`flush`).
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

from equipoise.engines.protocol import Attempt
from equipoise.errors import EngineError


class Stage(StrEnum):
    """How far an attempt is."""

    ASKED = "asked"
    """About to be given to Slurm; whether it was is not known yet."""
    RELEASED = "released"
    RUNNING = "running"
    STOPPING = "stopping"
    LOST = "lost"
    """Slurm took it off its nodes by itself; the controller has not asked for that yet."""
    ENDED = "ended"
    STOPPED = "stopped"
    REFUSED = "refused"


GONE = frozenset({Stage.ENDED, Stage.STOPPED, Stage.REFUSED})


@dataclass(slots=True)
class Tracked:
    """An attempt: which job of Slurm it is, and how far. Times are Unix seconds.

    Parameters
    ----------
    attempt : Attempt
    slurm_id : str
        Slurm's number of the job, ``12`` or ``12_3``; empty until it is known.
    queued : bool
        Whether its user gave it to Slurm (`Launch.origin`).
    stage : Stage
    savepoint, warned, heard : bool
        Whether it wants a signal before it is stopped; had it; and whether Running was reported.
    requeue, forced : bool
        Of a stop: whether the job is to run again; whether it was killed.
    late : bool
        The stop came when it had ended already.
    since_s : float
        When it was released.
    ask_s, kill_s : float
        When to ask (SIGTERM; 0: done) and when to kill.
    submitted_s : int
        When Slurm took it, as it shows that: a number alone may be given again. 0 until it is known.
    once : bool
        Whether its starts leave a mark (`once`): it was submitted by this version.
    begun, orphan : bool
        Whether its mark was seen; and whether it runs though Slurm does not know that any more.
    nonce : str
        Ends the comment by which a job that we submitted is known, and found when the answer was lost.
    user : str
    exit_code : int or None
    reason : str
    """

    attempt: Attempt
    slurm_id: str = ""
    queued: bool = False
    stage: Stage = Stage.ASKED
    savepoint: bool = False
    warned: bool = False
    heard: bool = False
    requeue: bool = False
    forced: bool = False
    late: bool = False
    since_s: float = 0.0
    submitted_s: int = 0
    ask_s: float = 0.0
    kill_s: float = 0.0
    once: bool = False
    begun: bool = False
    orphan: bool = False
    nonce: str = ""
    user: str = ""
    exit_code: int | None = None
    reason: str = ""

    def is_it(self, submitted_s: int, comment: str) -> bool:
        """Whether a job of Slurm with our number is this one, and not another that was given the number again."""
        if self.submitted_s and submitted_s:
            return self.submitted_s == submitted_s and (self.queued or not comment or comment.endswith(self.nonce))
        return self.queued or not comment or comment.endswith(self.nonce)

    @property
    def gone(self) -> bool:
        """Whether its devices are clear."""
        return self.stage in GONE


class Journal:
    """All attempts that were not forgotten, by attempt.

    Parameters
    ----------
    path : Path
    """

    def __init__(self, path: Path) -> None:
        self.new = not path.exists()
        try:
            self._base = sqlite3.connect(path, isolation_level=None, timeout=10.0, check_same_thread=False)
            self._base.execute("PRAGMA journal_mode=WAL")
            self._base.execute("PRAGMA synchronous=FULL")
            self._base.execute(
                "CREATE TABLE IF NOT EXISTS attempts (job INTEGER, number INTEGER, body TEXT, PRIMARY KEY (job, number))"
            )
            rows = self._base.execute("SELECT job, number, body FROM attempts ORDER BY job, number").fetchall()
            self.all = {(found := _tracked(*row)).attempt: found for row in rows}
        except (sqlite3.Error, ValueError, TypeError) as error:
            raise EngineError(
                "E145",
                f"{path} cannot be read: {error}",
                hint="move it away: attempts are then found by their comments",
            ) from None

    def put(self, tracked: Tracked, *, seen: bool = False) -> None:
        """Remember an attempt as it stands now; ``seen``: what would be found out again, and need not be durable yet."""
        body = asdict(tracked)
        del body["attempt"]
        key = tracked.attempt.job, tracked.attempt.number
        self._execute("INSERT OR REPLACE INTO attempts VALUES (?, ?, ?)", (*key, json.dumps(body)))
        if not seen:
            self.flush()
        self.all[tracked.attempt] = tracked

    def put_all(self, tracked: Iterable[Tracked]) -> None:
        """Remember attempts as they stand now, durably, all at once."""
        for one in tracked:
            self.put(one, seen=True)
        self.flush()

    def drop(self, attempt: Attempt) -> None:
        """Forget an attempt; if that is lost, it is known as one that is over, and forgotten again."""
        self._execute("DELETE FROM attempts WHERE job = ? AND number = ?", (attempt.job, attempt.number))
        self.all.pop(attempt, None)

    def flush(self) -> None:
        """Make durable what was written."""
        if self._base.in_transaction:
            self._execute("COMMIT", ())

    def close(self) -> None:
        """Close the file."""
        with contextlib.suppress(EngineError):
            self.flush()
        self._base.close()

    def _execute(self, statement: str, values: tuple[int | str, ...]) -> None:
        try:
            if not self._base.in_transaction:
                self._base.execute("BEGIN IMMEDIATE")
            self._base.execute(statement, values)
        except sqlite3.Error as error:
            raise EngineError("E146", f"the engine's journal cannot be written: {error}", retryable=True) from None


def _tracked(job: int, number: int, body: str) -> Tracked:
    values = json.loads(body)
    values["stage"] = Stage(values["stage"])
    return Tracked(Attempt(job, number), **values)
