"""Appends that wait for the disk together: whoever comes first writes for all who came meanwhile.

A durable append costs one wait for the disk, however many entries it writes; with several threads, those that arrive
while one waits are written by the next in one transaction (group commit). Each call still succeeds or fails alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from threading import Lock

from equipoise.errors import EquipoiseError, InputError, StoreError
from equipoise.ledger.tiles import MAX_ENTRY_BYTES
from equipoise.store.tables import Row

MAX_KEY_LENGTH = 255


@dataclass(slots=True, eq=False)
class Append:
    """One call, from its arguments to its outcome."""

    entries: Sequence[bytes]
    keys: Sequence[str | None]
    time_ms: int | None
    indices: Sequence[int] = ()
    error: EquipoiseError | None = None
    done: bool = False
    leads: bool = False
    turn: Lock = field(default_factory=Lock)

    def __post_init__(self) -> None:
        if len(self.keys) != len(self.entries):
            raise InputError("L153", f"{len(self.entries)} entries with {len(self.keys)} keys")
        longest = max(map(len, self.entries), default=0)
        if longest > MAX_ENTRY_BYTES:
            raise InputError(
                "L114",
                f"an entry of {longest} bytes, where {MAX_ENTRY_BYTES} is the most",
                hint="record its hash and keep the bytes beside the log",
            )
        for key in self.keys:
            if key is not None and not (0 < len(key) <= MAX_KEY_LENGTH and key.isprintable()):
                raise InputError("L153", f"a key is 1 to {MAX_KEY_LENGTH} printable characters, not {key[:80]!r}")

    def outcome(self) -> Sequence[int]:
        """Return the indices, or raise what went wrong."""
        assert self.done
        if self.error is not None:
            raise self.error
        return self.indices


class Queue:
    """Calls that wait to be written, and the one lock under which a ledger changes.

    The first to come leads: it writes for all that wait, then wakes them, and hands over to the first that came meanwhile.
    """

    def __init__(self) -> None:
        self.writing = Lock()
        self._adding = Lock()
        self._waiting: list[Append] = []
        self._led = False

    def write(self, append: Append, lead: Callable[[list[Append]], None]) -> Sequence[int]:
        """Wait for the turn; ``lead`` settles a group of calls, unless another thread's already settled this one."""
        append.turn.acquire()
        with self._adding:
            self._waiting.append(append)
            leads, self._led = not self._led, True
        try:
            if not leads:
                append.turn.acquire()  # until a leader has settled it, or hands over
        except BaseException:
            self._leave(append)
            raise
        if not append.done:
            try:
                with self.writing:
                    with self._adding:
                        group, self._waiting = self._waiting, []
                    _settled(group, lead)
            finally:
                self._hand_over(append)
        return append.outcome()

    def _hand_over(self, leader: Append) -> None:
        with self._adding:
            if leader in self._waiting:  # interrupted before it began
                self._waiting.remove(leader)
            self._led = bool(self._waiting)
            if self._waiting:
                self._waiting[0].leads = True
                self._waiting[0].turn.release()

    def _leave(self, append: Append) -> None:
        """Of a call interrupted while it waits: take it back, unless it is being written."""
        if append.leads and not append.done:
            self._hand_over(append)
            return
        with self._adding:
            if append in self._waiting:
                self._waiting.remove(append)


def _settled(group: list[Append], lead: Callable[[list[Append]], None]) -> None:
    try:
        lead(group)
    finally:
        for one in group:
            if not one.done:  # the leader was interrupted before
                one.done = True
                one.error = one.error or StoreError("L145", "the append was interrupted", retryable=True)
            one.turn.release()


@dataclass(slots=True)
class Plan:
    """What of a group of calls is new, in order."""

    size: int
    time_ms: int
    known: dict[str, Row]
    entries: list[bytes] = field(default_factory=list[bytes])
    keys: list[str | None] = field(default_factory=list[str | None])

    def admit(self, append: Append) -> None:
        """Give the call its indices and take in what is new of it; or give it its error and take in nothing."""
        try:
            self._admit(append)
        except InputError as error:
            append.error, append.done = error, True

    def _admit(self, append: Append) -> None:
        first = self.size + len(self.entries)
        named = [key for key in append.keys if key is not None]
        if len(set(named)) == len(named) and self.known.keys().isdisjoint(named):
            new_entries, new_keys = append.entries, append.keys
            indices: Sequence[int] = range(first, first + len(append.entries))
        else:
            new_entries, new_keys, indices = self._without_known(append, first)
        if new_entries and append.time_ms is not None and append.time_ms < self.time_ms:
            raise InputError(
                "L147",
                f"an event at {append.time_ms} ms after one at {self.time_ms} ms",
                hint="the time of an event is the larger of the clock and the latest event's",
            )
        if named:
            rows = map(Row, range(first, first + len(new_entries)), new_entries, new_keys)
            self.known.update((row.key, row) for row in rows if row.key is not None)
        if new_entries:
            self.time_ms = max(self.time_ms, append.time_ms or 0)
        self.entries += new_entries
        self.keys += new_keys
        append.indices = indices

    def _without_known(self, append: Append, first: int) -> tuple[list[bytes], list[str | None], Sequence[int]]:
        entries: list[bytes] = []
        keys: list[str | None] = []
        indices: list[int] = []
        own: dict[str, Row] = {}
        for entry, key in zip(append.entries, append.keys, strict=True):
            found = None if key is None else own.get(key) or self.known.get(key)
            if found is None:
                found = Row(first + len(entries), entry, key)
                entries.append(entry)
                keys.append(key)
                if key is not None:
                    own[key] = found
            elif found.data != entry:
                raise InputError(
                    "L142",
                    f"the key {key!r} was used for other bytes, entry {found.place}",
                    hint="a key names one event for ever; a correction is an entry of its own",
                )
            indices.append(found.place)
        return entries, keys, indices
