"""Receipts of runs that are over: each run is told as a ledger, signed by a key made for it, and proofs are taken from that.

Nothing of it is kept. What such a receipt proves is the replay: what the lab's rules made of this work, not what a machine did; its
ledger says so (`source`: simulated), and so does whoever verifies it.
"""

from __future__ import annotations

import secrets
import tempfile
import threading
from pathlib import Path
from typing import Any

from equipoise.errors import InputError
from equipoise.ledger.keys import Algorithm, SigningKey
from equipoise.screens import LabRun
from equipoise.store.start import checkpoint_of
from equipoise.tasks.ledger import receipt_of, record_run
from equipoise.units import shown

SAYS = (
    "A proof of a replay: its ledger was written from the run when it was first asked for, and signed with a key that was made for"
    " this showing and is not kept. It shows that the verdict follows from the closes and the charter, not what a machine did."
)


class FilmLedgers:
    """The ledgers of runs that are over, each made when it is first asked for. Calls block, and may come from any thread."""

    def __init__(self, origin: str = "film.example") -> None:
        self._origin = origin
        self._turn = threading.Lock()
        self._found: dict[str, FilmLedger] = {}

    def of(self, run: LabRun) -> FilmLedger:
        """Return the ledger of a run; it is not made yet."""
        with self._turn:
            return self._found.setdefault(run.name, FilmLedger(run, f"{self._origin}/{run.name}"))

    def close(self) -> None:
        """Remove what was made."""
        with self._turn:
            for one in self._found.values():
                one.close()
            self._found.clear()


class FilmLedger:
    """The ledger of a run that is over.

    Parameters
    ----------
    run : LabRun
        With its events and decisions.
    origin : str
        What the ledger and its key are called.
    """

    def __init__(self, run: LabRun, origin: str) -> None:
        self._run = run
        self._key = SigningKey(origin, Algorithm.ED25519, secrets.token_bytes(32))
        self._turn = threading.Lock()
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._note: bytes | None = None
        self._receipts: dict[tuple[str, int], bytes] = {}

    def receipt(self, promise: str, to_ms: int) -> bytes:
        """Return the receipt of a window.

        Raises
        ------
        InputError
            N177 for a window that was not judged, and a run of which there can be no ledger.
        """
        with self._turn:
            found = self._receipts.get((promise, to_ms))
            if found is None:
                try:
                    found = receipt_of(self._made(), promise, to_ms=to_ms)
                except InputError as error:
                    raise InputError("N177", error.message, hint=error.hint) from error
                self._receipts[promise, to_ms] = found
            return found

    def evidence(self) -> dict[str, Any]:
        """Return whose signature it is under, and how large it is once it was made."""
        note = self._note
        head = None if note is None else checkpoint_of(note)
        return {
            "source": "replay",
            "says": SAYS,
            "origin": self._key.name,
            "key": str(self._key.verifier),
            "size": None if head is None else head.size,
            "root": None if head is None else head.root.hex(),
            "checkpoint": None if note is None else note.decode(),
            "witnesses": [],
        }

    def close(self) -> None:
        """Remove the file."""
        with self._turn:
            if self._folder is not None:
                self._folder.cleanup()
                self._folder = None

    def _made(self) -> Path:
        if self._folder is not None:
            return Path(self._folder.name) / "ledger"
        record = self._run.record
        if self._run.results.partial or len(record.charters) > 1 or record.rulings:
            raise InputError(
                "N177",
                f"of the run {shown(self._run.name)} there is no ledger",
                hint="it was ended before its time, or charters or release gates changed in it; `simulate --ledger` records such a run",
            )
        folder = tempfile.TemporaryDirectory(prefix="equipoise-film-")
        try:
            self._note = record_run(record, [self._run.text], Path(folder.name) / "ledger", self._key).checkpoint
        except BaseException:
            folder.cleanup()
            raise
        self._folder = folder
        return Path(folder.name) / "ledger"
