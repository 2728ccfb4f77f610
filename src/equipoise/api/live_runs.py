"""The live lab as a run: its ledger followed in a thread, as often as somebody looks and it is cheap enough."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import closing

from equipoise.api.runs import no_run
from equipoise.errors import EquipoiseError, StoreError, VerificationError
from equipoise.screens import LabRun
from equipoise.store import StoredLedger
from equipoise.tasks.history import NAME, History

LOG = logging.getLogger("equipoise.api")
LEAST_S = 2.0
TIMES_COST = 20
"""The ledger is followed at most every so many times what following it took."""
LOOKED_AT_S = 60.0
"""So long after somebody looked it is followed further."""
PATIENCE_S = 3.0
"""So long somebody who looks waits for a state that is new enough."""


class LiveRuns:
    """One run, ``live``: what the lab's own ledger proves.

    Parameters
    ----------
    open_reader : callable
        Opens the ledger read-only.
    title : str
        What the run is called to readers.
    clock_s : callable
        A clock that never goes back.
    """

    def __init__(
        self, open_reader: Callable[[], StoredLedger], title: str, *, clock_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._open_reader, self._clock_s = open_reader, clock_s
        self._history = History(title)
        self._turn = threading.Condition()
        self._asked_s = float("-inf")
        self._followed_s = float("-inf")  # since when what is known is known
        self._every_s = LEAST_S
        self._trouble: EquipoiseError | None = None
        self._ended = False
        self._thread = threading.Thread(target=self._live, name="history", daemon=True)

    def start(self) -> None:
        """Begin to follow the ledger."""
        self._thread.start()

    def stop(self) -> None:
        """End, after what is being executed."""
        with self._turn:
            self._ended = True
            self._turn.notify_all()
        if self._thread.is_alive():
            self._thread.join(timeout=60)

    def all(self) -> Sequence[LabRun]:
        """Return the live run, if there is one yet."""
        self._look()
        run = self._history.proven.run
        return () if run is None else (run,)

    def one(self, name: str) -> LabRun:
        """Return the live run.

        Raises
        ------
        InputError
            N151 for another name.
        StoreError
            N173 where nothing has happened yet, or the ledger is still being read.
        VerificationError
            N174 where the ledger does not follow from its own entries, and never did since the server began.
        """
        if name != NAME:
            raise no_run(name, [NAME])
        self._look()
        proven = self._history.proven
        if proven.run is not None:
            return proven.run
        if proven.findings:
            raise VerificationError(
                "N174", f"the ledger cannot be followed: {proven.findings[0]}", hint="`equipoise audit` says all"
            )
        if self._trouble is not None:
            raise StoreError("N173", f"the ledger cannot be read: {self._trouble.message}", retryable=True)
        raise StoreError("N173", "the live lab has no history yet", hint="it begins with the first job", retryable=True)

    def _look(self) -> None:
        """Say that somebody looks, and wait for a state that is not older than it need be."""
        now_s = self._clock_s()
        with self._turn:
            self._asked_s = now_s
            self._turn.notify_all()
            self._turn.wait_for(lambda: self._ended or self._followed_s >= now_s - 2 * self._every_s, PATIENCE_S)

    def _live(self) -> None:
        """Follow the ledger while somebody looks."""
        reader: StoredLedger | None = None
        while self._awaits_turn():
            began_s = self._clock_s()
            try:
                if reader is None:
                    reader = self._open_reader()
                changed = self._history.follow(reader)
                self._trouble = None
            except StoreError as error:
                LOG.warning("the history cannot be followed: %s", error)
                changed, self._trouble = True, error
            except Exception:
                LOG.exception("a bug of ours: the history is no longer followed")
                changed, self._ended = True, True
            with self._turn:
                self._followed_s = began_s
                if changed:
                    self._every_s = max(LEAST_S, TIMES_COST * (self._clock_s() - began_s))
                self._turn.notify_all()
        if reader is not None:
            with closing(reader):
                return

    def _awaits_turn(self) -> bool:
        """Wait until it is time to follow the ledger; returns whether it is, or all is over."""
        with self._turn:
            while not self._ended:
                now_s = self._clock_s()
                due_s = self._followed_s + self._every_s
                looked_at = now_s - self._asked_s < LOOKED_AT_S
                if looked_at and now_s >= due_s:
                    return True
                self._turn.wait(due_s - now_s if looked_at else None)
        return False
