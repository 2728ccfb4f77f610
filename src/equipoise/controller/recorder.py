"""Recorded before acted on: entries go to the ledger, or while that cannot be written to the spool, or else nothing goes on.

`Recorder.write` is the main path. Every entry's key is its number, so that what was written and not acknowledged may be written again,
and a second writer that believes it leads finds the number taken.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any, Protocol

from equipoise.controller.clock import Clock
from equipoise.controller.settings import Settings
from equipoise.controller.spool import Kept, Spool
from equipoise.errors import EquipoiseError, InputError, StoreError
from equipoise.ledger.keys import SigningKey
from equipoise.ledger.note import sign_note
from equipoise.ledger.pieces import encoded
from equipoise.store import LedgerStore, State

Values = Mapping[str, Any]
LOG = logging.getLogger("equipoise.controller")
AT_ONCE = 512
"""Records of the spool that are brought to the ledger at a time."""


class Listener(Protocol):
    """Who is told of every entry once it is recorded; called in the controller's thread, so it returns at once."""

    def __call__(self, number: int, values: Values, /) -> None:
        """Take an entry and its number (of one in pieces the last)."""
        ...


class Recorder:
    """What writes the ledger; only the controller's thread calls it.

    Parameters
    ----------
    store : LedgerStore
        Open for writing.
    spool : Spool
    key : SigningKey
        Signs checkpoints.
    clock : Clock
    settings : Settings
    """

    def __init__(self, store: LedgerStore, spool: Spool, key: SigningKey, clock: Clock, settings: Settings) -> None:
        self._store = store
        self._spool = spool
        self._key = key
        self._clock = clock
        self._settings = settings
        self._listeners: list[Listener] = []
        self._pending: Kept | None = None
        self._said: Sequence[tuple[int, Values]] = ()
        self._retry_ms = 0
        self._signed_ms = clock.monotonic_ms()
        self._signed_size = -1
        self._unsigned_ms = self._signed_ms if store.size else None
        self.trouble: StoreError | None = None
        """Why the ledger is not written; None while it is."""
        self.every_ms = settings.checkpoint_every_ms
        self._next = self._empty_spool()

    def _empty_spool(self) -> int:
        """Bring over what the spool still holds of an earlier life; returns the number of the next entry."""
        number = self._store.size
        for kept in self._spool.records:
            self._append(kept)
        if self._spool.records:
            LOG.info("the spool's %d records are in the ledger", len(self._spool.records))
            number = max(number, self._spool.records[-1].first + len(self._spool.records[-1].entries))
            self._spool.clear()
        return number

    @property
    def size(self) -> int:
        """How many entries there are, in ledger and spool."""
        return self._next

    @property
    def blocked(self) -> bool:
        """Whether something could be recorded nowhere: then nothing is decided or acted on."""
        return self._pending is not None

    @property
    def spooled(self) -> int:
        """How many records wait in the spool."""
        return len(self._spool.records)

    @property
    def spool(self) -> Spool:
        """Where records wait while the ledger is not written."""
        return self._spool

    @property
    def unsigned_ms(self) -> int:
        """For how long the oldest entry of this life has waited for a checkpoint; 0: none waits."""
        return 0 if self._unsigned_ms is None else max(0, self._clock.monotonic_ms() - self._unsigned_ms)

    def entries(self, first: int, most: int) -> list[bytes]:
        """Return at most so many entries from a number on, of the ledger and then of the spool."""
        end = min(first + most, self._store.size)
        found = list(self._store.entries(first, end)) if first < end else []
        for kept in self._spool.records:
            skipped = first + len(found) - kept.first
            if 0 <= skipped < len(kept.entries):
                found += kept.entries[skipped : skipped + most - len(found)]
        return found

    def subscribe(self, listener: Listener) -> None:
        """Tell a listener of every entry from now on."""
        self._listeners.append(listener)

    def write(self, entries: Sequence[Values], time_ms: int) -> bool:
        """Record entries of a Unix time; returns whether that worked. If not, nothing more may be written until `settle` returns True."""
        assert not self.blocked, "what could not be recorded comes first"
        if not entries:
            return True
        pieces = [tuple(encoded(values)) for values in entries]
        kept = Kept(self._next, tuple(piece for one in pieces for piece in one), time_ms)
        ends = accumulate(map(len, pieces))
        self._said = [(self._next + end - 1, values) for end, values in zip(ends, entries, strict=True)]
        if self._keep(kept):
            return True
        self._pending = kept
        return False

    def settle(self) -> bool:
        """Try again what could not be recorded, and the ledger if it stopped; returns whether one may go on."""
        now_ms = self._clock.monotonic_ms()
        troubled = self.trouble is not None or self._spool.records
        if troubled and now_ms >= self._retry_ms:
            self._retry_ms = now_ms + self._settings.reopen_every_ms
            self._mend()
        if self._pending is not None:
            kept, self._pending = self._pending, None
            if not self._keep(kept):
                self._pending = kept
        return not self.blocked

    def sign_if_due(self) -> None:
        """Sign the head where the last checkpoint is old enough and the ledger has grown."""
        now_ms = self._clock.monotonic_ms()
        if now_ms - self._signed_ms >= self.every_ms:
            self._signed_ms = now_ms
            self.sign()

    def sign(self) -> None:
        """Sign the durable head, if it grew."""
        if self.trouble is not None or self._store.size in (0, self._signed_size):
            return
        time_s = self._clock.now_ms() // 1000
        try:
            self._store.sign(lambda text: sign_note(text, [self._key], time_s=time_s))
            self._signed_size = self._store.size
            self._unsigned_ms = None
        except StoreError as error:
            self._stop(error)

    # ------------------------------------------------------------------------------------------------------------ the two ways

    def _keep(self, kept: Kept) -> bool:
        """Record in the ledger, or in the spool where that cannot be written."""
        if self.trouble is None and not self._spool.records:
            try:
                self._append(kept)
                self._done(kept)
                return True
            except StoreError as error:
                self._stop(error)
        try:
            self._spool.keep(kept)
        except StoreError as error:
            LOG.error("nothing is decided until this is mended: %s", error)
            return False
        self._done(kept)
        return True

    def _done(self, kept: Kept) -> None:
        """Go on after a record that is durable, and tell who listens."""
        said, self._said = self._said, ()
        self._next = kept.first + len(kept.entries)
        if self._unsigned_ms is None:
            self._unsigned_ms = self._clock.monotonic_ms()
        for listener in self._listeners:
            for number, values in said:
                listener(number, values)

    def _append(self, *records: Kept) -> None:
        entries = [entry for kept in records for entry in kept.entries]
        numbers = [kept.first + n for kept in records for n in range(len(kept.entries))]
        try:
            # What is known already is not written again, and its time is not looked at.
            found = self._store.append(entries, [f"entry {number}" for number in numbers], time_ms=records[-1].time_ms)
        except InputError as error:
            raise _taken(numbers[0], error.message) from error
        if list(found) != numbers:
            raise _taken(numbers[0], f"it became {found[0]}")

    def _mend(self) -> None:
        """Reopen a ledger that stopped, and bring over what the spool holds."""
        try:
            if self._store.state is not State.OPEN:
                self._store.reopen()
            records = self._spool.records
            for at in range(0, len(records), AT_ONCE):
                self._append(*records[at : at + AT_ONCE])
            self._spool.clear()
        except StoreError as error:
            self._stop(error)
            if not error.retryable:
                LOG.error("the ledger stays closed: %s", error)
            if error.code == "R107":
                raise
            return
        if self.trouble is not None:
            LOG.warning("the ledger is written again, %d entries", self._store.size)
        self.trouble = None

    def _stop(self, error: StoreError) -> None:
        if error.code == "R107":
            raise error
        if self.trouble is None:
            LOG.error("the ledger cannot be written, and its entries go to the spool: %s", error)
        self.trouble = error
        self._retry_ms = self._clock.monotonic_ms() + self._settings.reopen_every_ms


def _taken(number: int, said: str) -> StoreError:
    return StoreError(
        "R107",
        f"entry {number} of the ledger is somebody else's: {said}",
        hint="another controller leads; this one ends",
    )


def is_led_elsewhere(error: EquipoiseError) -> bool:
    """Whether an error means that another writer holds the ledger."""
    return error.code == "L141"
