"""What a ledger says of charters, verdicts and releases: read once, entry by entry, and gone on with when it is asked for.

`Excerpt.read` is the main path. Passes, which are nearly everything in a ledger, are told by their bytes and not parsed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Protocol

from equipoise.audit.minutes import KINDS as MINUTES
from equipoise.audit.register import KINDS as RELEASES
from equipoise.audit.register import Register
from equipoise.ledger.entry import parse_entry
from equipoise.ledger.pieces import Pieces

AT_ONCE = 4_096
VERDICTS = ("window", "verdict", "correction")
MARKS = tuple(f'"kind":"{kind}"'.encode() for kind in (*MINUTES, *RELEASES, *VERDICTS, "piece"))


class Entries(Protocol):
    """Where entries come from: a controller, which also has those that wait in the spool."""

    def entries(self, first: int, most: int = AT_ONCE) -> Future[list[bytes]]:
        """Return entries from a number on."""
        ...


@dataclass(frozen=True, slots=True)
class Entered:
    """An entry, by its number; of one in pieces, that of the last."""

    number: int
    values: dict[str, Any]

    @property
    def kind(self) -> str:
        """What it is."""
        return str(self.values["kind"])


@dataclass(eq=False)
class Excerpt:
    """What was read.

    Attributes
    ----------
    size : int
        How many entries.
    acts : list of Entered
        What was entered about charters.
    windows, verdicts, corrections : list of Entered
    attested : list of Entered
        Attestations and releases.
    register : Register
        The same, as an audit takes it. Whoever changes it takes a copy.
    turn : asyncio.Lock
        Held while something is entered that rests on what was read.
    """

    size: int = 0
    acts: list[Entered] = field(default_factory=list[Entered])
    windows: list[Entered] = field(default_factory=list[Entered])
    verdicts: list[Entered] = field(default_factory=list[Entered])
    corrections: list[Entered] = field(default_factory=list[Entered])
    attested: list[Entered] = field(default_factory=list[Entered])
    register: Register = field(default_factory=Register)
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    _pieces: Pieces = field(default_factory=Pieces)
    _reading: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def read(self, source: Entries) -> Excerpt:
        """Read on to the ledger's end; returns itself."""
        async with self._reading:
            while found := await asyncio.wrap_future(source.entries(self.size, AT_ONCE)):
                self.take(found)  # here and not in a thread, which would go on where the call is given up
        return self

    def take(self, entries: Sequence[bytes]) -> None:
        """Take the next entries."""
        for data in entries:
            number, self.size = self.size, self.size + 1
            if any(mark in data for mark in MARKS):
                values = self._pieces.take(number, parse_entry(data))
                if values is not None:
                    self._take(Entered(number, dict(values)))

    def _take(self, entered: Entered) -> None:
        kind = entered.kind
        if kind in MINUTES:
            self.acts.append(entered)
        elif kind in RELEASES:
            self.register.take(entered.values, number=entered.number, passed_ms=None)
            self.attested.append(entered)
        elif kind in VERDICTS:
            {"window": self.windows, "verdict": self.verdicts, "correction": self.corrections}[kind].append(entered)
