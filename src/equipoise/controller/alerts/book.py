"""What was raised and what is still to be told, durable: an SQLite file beside the desk.

`AlertBook.compare` is the main path: what holds now against what is open, in one transaction with the messages that follow. So a
restart raises nothing twice, and what was raised is told although nobody could be reached then.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from equipoise.controller.alerts.alert import Alert, Condition, Kind
from equipoise.controller.alerts.settings import Sink
from equipoise.controller.durable import DurableFile
from equipoise.controller.notices import Notice
from equipoise.units import DAY_MS

_SCHEMA = (
    "CREATE TABLE IF NOT EXISTS about (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT",
    "CREATE TABLE IF NOT EXISTS alert (number INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, subject TEXT NOT NULL,"
    " since_ms INTEGER NOT NULL, sentence TEXT NOT NULL, numbers TEXT NOT NULL, over_ms INTEGER) STRICT",
    "CREATE UNIQUE INDEX IF NOT EXISTS alert_open ON alert (kind, subject) WHERE over_ms IS NULL",
    "CREATE TABLE IF NOT EXISTS message (number INTEGER PRIMARY KEY AUTOINCREMENT, sink TEXT NOT NULL, id TEXT NOT NULL,"
    " thread TEXT NOT NULL, body BLOB NOT NULL, made_ms INTEGER NOT NULL, tries INTEGER NOT NULL DEFAULT 0,"
    " next_ms INTEGER NOT NULL DEFAULT 0, state TEXT NOT NULL DEFAULT 'waits', UNIQUE (sink, id)) STRICT",
    "CREATE INDEX IF NOT EXISTS message_due ON message (sink, thread, number) WHERE state = 'waits'",
)
_APPLICATION = 0x4551414C  # "EQAL"
KEPT_MS = 30 * DAY_MS
"""How long messages that are over stay; alerts stay for ever."""


@dataclass(frozen=True, slots=True)
class Message:
    """What is told to one receiver.

    Parameters
    ----------
    number : int
    sink : str
        The receiver's name.
    id : str
        The same at every try; receivers pass over what they had.
    thread : str
        What it is about: messages about one thing are told in order.
    body : bytes
    made_ms : int
        Unix milliseconds.
    tries : int
    """

    number: int
    sink: str
    id: str
    thread: str
    body: bytes
    made_ms: int
    tries: int


@dataclass(frozen=True, slots=True)
class Passed:
    """A condition that began and ended; ``mark`` is the number of the entry with which it began."""

    mark: int
    condition: Condition
    over_ms: int


class AlertBook(DurableFile):
    """The book in one file; one thread at a time uses it.

    Parameters
    ----------
    path : path

    Raises
    ------
    StoreError
        R132 where the file cannot be used.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path, _SCHEMA, _APPLICATION, code="R132", what="the book of alerts")
        with self._translated("opened"):
            self._file.execute("INSERT OR IGNORE INTO about VALUES ('id', ?)", (secrets.token_hex(6),))
        self.id = str(self._about("id"))
        """Begins the name of each alert and notice, so that those of two labs are never the same."""

    @property
    def mark(self) -> int | None:
        """How many entries of the ledger were read when it was compared last; None: never."""
        value = self._about("mark")
        return None if value is None else int(value)

    def compare(
        self,
        holds: Iterable[Condition],
        *,
        now_ms: int,
        sinks: Sequence[Sink],
        mark: int = 0,
        passed: Iterable[Passed] = (),
    ) -> tuple[list[Alert], list[Alert]]:
        """Raise what holds and is not open, resolve what is open and does not hold; both in one transaction with their messages.

        Parameters
        ----------
        holds : iterable of Condition
            Everything that holds now.
        now_ms : int
            Unix milliseconds.
        sinks : sequence of Sink
        mark : int
            How many entries of the ledger were read.
        passed : iterable of Passed
            What began and ended; raised and resolved unless it was known, or is from before the book's first comparison.

        Returns
        -------
        (list of Alert, list of Alert)
            Raised and resolved.
        """
        raised, resolved = list[Alert](), list[Alert]()
        now = {one.key: one for one in holds}
        before = self.mark
        with self._transaction():
            was_open = {alert.condition.key: alert for alert in self.open()}
            for one in passed:
                known = was_open.get(one.condition.key)
                if known is None and before is not None and one.mark >= before:
                    known = self._raise(one.condition, now_ms, sinks)
                    raised.append(known)
                if known is not None and one.condition.key not in now:
                    resolved.append(self._resolve(known, one.over_ms, now_ms, sinks))
                    was_open.pop(one.condition.key, None)
            for key, alert in was_open.items():
                if key not in now:
                    resolved.append(self._resolve(alert, now_ms, now_ms, sinks))
            raised += [self._raise(one, now_ms, sinks) for key, one in now.items() if key not in was_open]
            self._file.execute("INSERT OR REPLACE INTO about VALUES ('mark', ?)", (str(mark),))
        return raised, resolved

    def open(self) -> list[Alert]:
        """Return the alerts that are not over, oldest first."""
        with self._translated("read"):
            rows = self._file.execute(f"{_ALERT} WHERE over_ms IS NULL ORDER BY number").fetchall()
        return [self._alert(row) for row in rows]

    def latest(self, most: int = 100) -> list[Alert]:
        """Return the latest alerts, over or not, newest first."""
        with self._translated("read"):
            rows = self._file.execute(f"{_ALERT} ORDER BY number DESC LIMIT ?", (most,)).fetchall()
        return [self._alert(row) for row in rows]

    def take_over(self, notices: Iterable[tuple[int, Notice]], *, now_ms: int, sinks: Sequence[Sink]) -> None:
        """Make owners' notices messages; one that was taken over already stays as it is."""
        with self._transaction():
            for number, one in notices:
                told = {
                    "format": 1, "notice": number, "kind": one.kind.value, "owner": one.owner, "job": one.job, "at_ms": one.at_ms,
                    "sentence": one.text, "lost_gpu_ms": one.lost_gpu_ms, "why": one.why,
                }  # fmt: skip
                for sink in sinks:
                    self._tell(sink, f"{self.id}-notice-{number}", f"job {one.job}", told, now_ms)

    # ------------------------------------------------------------------------------------------------------------ messages

    def due(self, sink: str, now_ms: int, most: int, *, but: Collection[str] = ()) -> list[Message]:
        """Return messages to a receiver that are due, oldest first, one of each thread, and none of the threads ``but``."""
        with self._translated("read"):
            rows = self._file.execute(
                "SELECT number, sink, id, thread, body, made_ms, tries FROM message WHERE number IN (SELECT min(number) FROM message"
                " WHERE state = 'waits' AND sink = ? GROUP BY thread) AND next_ms <= ? ORDER BY number LIMIT ?",
                (sink, now_ms, max(0, most) + len(but)),
            ).fetchall()
        found = [Message(*row) for row in rows if row[3] not in but]
        return found[: max(0, most)]

    def next_ms(self) -> int | None:
        """Return when the next message is due; None: none waits."""
        return self._one("SELECT min(next_ms) FROM message WHERE state = 'waits'")[0]

    def delivered(self, message: Message) -> None:
        """Note that a message was taken."""
        self._end(message, "delivered")

    def given_up(self, message: Message) -> None:
        """Note that a message is not tried again."""
        self._end(message, "given up")

    def failed(self, message: Message, next_ms: int) -> None:
        """Note that a message was not taken, and when to try again."""
        with self._transaction():
            self._file.execute(
                "UPDATE message SET tries = tries + 1, next_ms = ? WHERE number = ?", (next_ms, message.number)
            )

    def forget_sinks(self, names: Collection[str]) -> int:
        """Give up messages to receivers that are no more; returns how many."""
        with self._translated("read"):
            waits = {row[0] for row in self._file.execute("SELECT DISTINCT sink FROM message WHERE state = 'waits'")}
        gone = waits - set(names)
        with self._transaction():
            return sum(
                self._file.execute(
                    "UPDATE message SET state = 'given up' WHERE sink = ? AND state = 'waits'", (sink,)
                ).rowcount
                for sink in gone
            )

    def counts(self) -> dict[tuple[str, str], int]:
        """Return how many messages there are by receiver and state (``waits``, ``delivered``, ``given up``); of the last month."""
        with self._translated("read"):
            rows = self._file.execute("SELECT sink, state, count(*) FROM message GROUP BY sink, state").fetchall()
        return {(sink, state): count for sink, state, count in rows}

    def prune(self, now_ms: int) -> None:
        """Let go of old messages that are over."""
        with self._transaction():
            self._file.execute("DELETE FROM message WHERE state != 'waits' AND made_ms < ?", (now_ms - KEPT_MS,))

    # ------------------------------------------------------------------------------------------------------------ the file

    def _raise(self, one: Condition, now_ms: int, sinks: Sequence[Sink]) -> Alert:
        row = (one.kind.value, one.subject, one.since_ms, one.sentence, json.dumps(dict(one.numbers)))
        found = self._file.execute(
            "INSERT INTO alert (kind, subject, since_ms, sentence, numbers) VALUES (?, ?, ?, ?, ?)", row
        )
        alert = Alert(f"{self.id}-{found.lastrowid}", one)
        self._announce(alert, now_ms, sinks)
        return alert

    def _resolve(self, alert: Alert, over_ms: int, now_ms: int, sinks: Sequence[Sink]) -> Alert:
        over = replace(alert, over_ms=max(over_ms, alert.condition.since_ms))
        number = int(alert.id.rsplit("-", 1)[1])
        self._file.execute("UPDATE alert SET over_ms = ? WHERE number = ?", (over.over_ms, number))
        self._announce(over, now_ms, sinks)
        return over

    def _announce(self, alert: Alert, now_ms: int, sinks: Sequence[Sink]) -> None:
        told = alert.to_json()
        for sink in sinks:
            if alert.condition.kind in sink.kinds:
                self._tell(sink, f"{alert.id}-{told['state']}", alert.id, told, now_ms)

    def _tell(self, sink: Sink, name: str, thread: str, told: dict[str, Any], now_ms: int) -> None:
        body = json.dumps({"id": name} | told, separators=(",", ":"), ensure_ascii=True).encode()
        self._file.execute(
            "INSERT OR IGNORE INTO message (sink, id, thread, body, made_ms) VALUES (?, ?, ?, ?, ?)",
            (sink.name, name, thread, body, now_ms),
        )

    def _end(self, message: Message, state: str) -> None:
        with self._transaction():
            self._file.execute(
                "UPDATE message SET state = ?, tries = tries + 1 WHERE number = ?", (state, message.number)
            )

    def _alert(self, row: Sequence[Any]) -> Alert:
        number, kind, subject, since_ms, sentence, numbers, over_ms = row
        return Alert(
            f"{self.id}-{number}", Condition(Kind(kind), subject, since_ms, sentence, json.loads(numbers)), over_ms
        )

    def _about(self, name: str) -> str | None:
        return self._one("SELECT max(value) FROM about WHERE name = ?", name)[0]


_ALERT = "SELECT number, kind, subject, since_ms, sentence, numbers, over_ms FROM alert"
