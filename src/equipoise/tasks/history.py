"""The history of a lab that runs, as its ledger proves it: read as it grows, and executed again as an audit does.

`History.follow` is the main path: it reads what was added and, where that is anything, executes everything again. What is shown of a
live lab's past is then what an auditor would find, and nothing that the controller says besides.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import islice

from equipoise.audit import Audit, Book, audit
from equipoise.errors import InputError, VerificationError
from equipoise.screens import LabRun
from equipoise.simulator.results import results
from equipoise.store import StoredLedger

NAME = "live"
AT_ONCE = 4_096
MOST_FINDINGS = 20


@dataclass(frozen=True, slots=True, eq=False)
class Proven:
    """What a ledger proves so far.

    Parameters
    ----------
    run : LabRun or None
        Its latest state that follows from the entries; None before the first pass.
    findings : tuple of str
        What does not follow since; empty while all does.
    entries : int
        How many were read.
    """

    run: LabRun | None = None
    findings: tuple[str, ...] = ()
    entries: int = 0


class History:
    """A ledger's history, followed as the ledger grows.

    Parameters
    ----------
    title : str
        What the run is called to readers.
    """

    def __init__(self, title: str) -> None:
        self._title = title
        self._book = Book()
        self._broken = False
        self.proven = Proven()

    def follow(self, store: StoredLedger) -> bool:
        """Take in what was added to a ledger; returns whether there was anything.

        Raises
        ------
        StoreError
            Where the ledger cannot be read now; nothing is lost by trying again.
        """
        store.refresh()
        return not self._broken and self.take(store.entries(self._book.size))

    def take(self, entries: Iterable[bytes]) -> bool:
        """Take the next entries, and execute all of them again; returns whether there were any."""
        book, before, stream = self._book, self._book.size, iter(entries)
        try:
            while chunk := list(islice(stream, AT_ONCE)):
                self._read(chunk)
            if book.size == before:
                return False
            self.proven = self._next(audit(book))
        except (VerificationError, InputError) as error:
            self.proven = self._stalled((str(error),))
        return True

    def _read(self, entries: list[bytes]) -> None:
        """Let the book read; what it cannot read is not skipped, so it reads nothing any more."""
        try:
            self._book.read(entries)
        except VerificationError:
            self._broken = True
            raise

    def _stalled(self, findings: tuple[str, ...]) -> Proven:
        last = self.proven.run
        return Proven(None if last is None else replace(last, findings=findings), findings, self._book.size)

    def _next(self, found: Audit) -> Proven:
        findings = tuple(map(str, found.findings[:MOST_FINDINGS]))
        if found.record is None or findings:
            return self._stalled(findings)
        record = replace(found.record, run=replace(found.record.run, decisions=self._book.decisions))
        told = results(record, policy=found.policy)
        told = replace(told, notes=(*record.workload.notes, *found.notes))  # not that it was interrupted: it goes on
        run = LabRun(
            NAME, self._title, told, self._book.text, live=True, ends_ms=self._book.last_ms, number=found.entries
        )
        return Proven(run, (), found.entries)
