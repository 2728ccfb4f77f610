"""What the ledger must not hold: commands with their environments, who submitted what under which key, exit codes, notices to owners.

A small SQLite file beside the ledger, readable by its owner only. A job is on the desk before its submission is in the ledger, so what
a crash leaves between the two is submitted again: nothing is lost, and the key sees to it that nothing comes twice.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from equipoise.controller.durable import DurableFile
from equipoise.controller.notices import Notice, Told
from equipoise.engines.protocol import Attempt, Command, Part
from equipoise.errors import InputError
from equipoise.units import shown
from equipoise.workload.roll import Asked

_SCHEMA = (
    "CREATE TABLE IF NOT EXISTS job (number INTEGER PRIMARY KEY, key TEXT UNIQUE, owner TEXT NOT NULL, asked TEXT NOT NULL,"
    " command TEXT, origin TEXT UNIQUE, outcome TEXT, exit_code INTEGER, reason TEXT NOT NULL DEFAULT '') STRICT",
    "CREATE TABLE IF NOT EXISTS notice (number INTEGER PRIMARY KEY, job INTEGER NOT NULL, owner TEXT NOT NULL, kind TEXT NOT NULL,"
    " text TEXT NOT NULL, at_ms INTEGER NOT NULL, lost_gpu_ms INTEGER NOT NULL, why TEXT NOT NULL, delivered INTEGER NOT NULL) STRICT",
    "CREATE TABLE IF NOT EXISTS place (job INTEGER NOT NULL, attempt INTEGER NOT NULL, parts TEXT NOT NULL,"
    " PRIMARY KEY (job, attempt)) STRICT",
    "CREATE INDEX IF NOT EXISTS notice_due ON notice (number) WHERE delivered = 0",
)
_APPLICATION = 0x45514445  # "EQDE"


@dataclass(frozen=True, slots=True)
class Filed:
    """A job on the desk.

    Parameters
    ----------
    number : int
        The job's, in the ledger.
    owner : str
        Who submitted it.
    asked : Asked
    command : Command or None
        None where the engine has it.
    key : str
        The submission's idempotency key, or empty.
    origin : str
        The engine's own name of it, or empty.
    """

    number: int
    owner: str
    asked: Asked
    command: Command | None
    key: str = ""
    origin: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a job came to its end: ``ended``, ``failed``, ``refused`` or ``cancelled``."""

    job: int
    what: str
    exit_code: int | None = None
    reason: str = ""


@dataclass(slots=True)
class Notes:
    """What is to be noted together: ends, messages, where attempts are launched, and which ones the engine may forget."""

    outcomes: list[Outcome] = field(default_factory=list[Outcome])
    notices: list[Notice] = field(default_factory=list[Notice])
    places: list[tuple[Attempt, tuple[Part, ...]]] = field(default_factory=list[tuple[Attempt, tuple[Part, ...]]])
    forgotten: list[Attempt] = field(default_factory=list[Attempt])

    @property
    def any(self) -> bool:
        """Whether there is something to note."""
        return bool(self.outcomes or self.notices or self.places or self.forgotten)


class Desk(DurableFile):
    """The desk in one file.

    Parameters
    ----------
    path : path

    Raises
    ------
    StoreError
        R102 where the file cannot be used.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path, _SCHEMA, _APPLICATION, code="R102", what="the desk")

    # ------------------------------------------------------------------------------------------------------------ jobs

    def file(self, jobs: Sequence[Filed]) -> None:
        """Make jobs durable, all or none."""
        with self._transaction():
            self._insert(jobs)

    def _insert(self, jobs: Sequence[Filed]) -> None:
        rows = [
            (
                one.number,
                one.key or None,
                one.owner,
                json.dumps(asdict(one.asked)),
                _command_text(one.command),
                one.origin or None,
            )
            for one in jobs
        ]
        self._file.executemany(
            "INSERT INTO job (number, key, owner, asked, command, origin) VALUES (?, ?, ?, ?, ?, ?)", rows
        )

    def refile(self, first: int, jobs: Sequence[Filed]) -> None:
        """Put jobs in the place of those from a number on, none of which was ever submitted."""
        with self._transaction():
            self._file.execute("DELETE FROM job WHERE number >= ?", (first,))
            self._insert(jobs)

    @property
    def size(self) -> int:
        """One more than the highest number of a job; 0 without one."""
        return int(self._one("SELECT coalesce(max(number) + 1, 0) FROM job")[0])

    def job(self, number: int) -> Filed | None:
        """Return a job; None for one that is not on the desk."""
        return self._filed("number = ?", number)

    def by_key(self, key: str, owner: str, asked: Asked, command: Command | None) -> int | None:
        """Return the job that was submitted under a key; None if none was.

        Raises
        ------
        InputError
            R103 where the key was used for something else.
        """
        known = self._filed("key = ?", key) if key else None
        if known is None:
            return None
        if (known.owner, known.asked, known.command) != (owner, asked, command):
            raise InputError(
                "R103",
                f"the key {shown(key)} was used for another job",
                hint="a key stands for one submission; take a new one",
            )
        return known.number

    def by_origin(self, origin: str) -> int | None:
        """Return the job that an engine calls by a name; None if none is."""
        known = self._filed("origin = ?", origin)
        return None if known is None else known.number

    def origins(self) -> dict[str, int]:
        """Return the jobs of the engine's own queue that have no outcome."""
        with self._translated("read"):
            rows = self._file.execute("SELECT origin, number FROM job WHERE origin IS NOT NULL AND outcome IS NULL")
            return {str(origin): int(number) for origin, number in rows}

    def labels(self) -> dict[int, tuple[str, str]]:
        """Return owner and name of every job that has no outcome."""
        with self._translated("read"):
            sql = "SELECT number, owner, json_extract(asked, '$.name') FROM job WHERE outcome IS NULL"
            return {int(number): (str(owner), str(name)) for number, owner, name in self._file.execute(sql)}

    def jobs(self, first: int) -> list[Filed]:
        """Return the jobs from a number on."""
        with self._translated("read"):
            rows = self._file.execute(f"{_SELECT} WHERE number >= ? ORDER BY number", (first,)).fetchall()
        return [_read(row) for row in rows]

    def owner(self, number: int) -> str:
        """Return who submitted a job; empty for one that is not on the desk."""
        row = self._one("SELECT max(owner) FROM job WHERE number = ?", number)
        return str(row[0] or "")

    # ---------------------------------------------------------------------------------------------- outcomes and notices

    def note(self, outcomes: Iterable[Outcome], notices: Iterable[Notice]) -> None:
        """Make durable how jobs ended (what was noted first stays), and what owners are told."""
        self.note_all(Notes([*outcomes], [*notices]))

    def note_all(self, notes: Notes) -> None:
        """Make durable all that there is to note; places come before the engine is told, and go when it may forget."""
        outcomes, notices = notes.outcomes, notes.notices
        places = [
            (one.job, one.number, json.dumps([[p.node, p.devices] for p in parts])) for one, parts in notes.places
        ]
        ends = [(one.what, one.exit_code, one.reason, one.job) for one in outcomes]
        told = [(one.job, one.owner, one.kind, one.text, one.at_ms, one.lost_gpu_ms, one.why) for one in notices]
        with self._transaction():
            self._file.executemany(
                "UPDATE job SET outcome = ?, exit_code = ?, reason = ? WHERE number = ? AND outcome IS NULL", ends
            )
            self._file.executemany(
                "INSERT INTO notice (job, owner, kind, text, at_ms, lost_gpu_ms, why, delivered) VALUES (?, ?, ?, ?, ?, ?, ?, 0)",
                told,
            )
            self._file.executemany("INSERT OR REPLACE INTO place (job, attempt, parts) VALUES (?, ?, ?)", places)
            gone = [(one.job, one.number) for one in notes.forgotten]
            self._file.executemany("DELETE FROM place WHERE job = ? AND attempt = ?", gone)

    def place(self, attempt: Attempt) -> tuple[Part, ...] | None:
        """Return where an attempt was launched; None if that is not known."""
        row = self._one("SELECT max(parts) FROM place WHERE job = ? AND attempt = ?", attempt.job, attempt.number)
        return None if row[0] is None else tuple(Part(node, devices) for node, devices in json.loads(row[0]))

    def outcome(self, number: int) -> Outcome | None:
        """Return how a job ended; None while it has not."""
        row = self._one("SELECT max(outcome), max(exit_code), max(reason) FROM job WHERE number = ?", number)
        return None if row[0] is None else Outcome(number, str(row[0]), row[1], str(row[2]))

    def undelivered(self, most: int = 100) -> list[tuple[int, Notice]]:
        """Return the notices that nobody delivered yet, oldest first, each with its number."""
        with self._translated("read"):
            rows = self._file.execute(
                "SELECT number, job, owner, kind, text, at_ms, lost_gpu_ms, why FROM notice WHERE delivered = 0"
                " ORDER BY number LIMIT ?",
                (most,),
            ).fetchall()
        return [(row[0], Notice(row[1], row[2], Told(row[3]), row[4], row[5], row[6], row[7])) for row in rows]

    def delivered(self, numbers: Iterable[int]) -> None:
        """Note that notices were delivered."""
        with self._transaction():
            self._file.executemany(
                "UPDATE notice SET delivered = 1 WHERE number = ?", [(number,) for number in numbers]
            )

    # ------------------------------------------------------------------------------------------------------------ the file

    def _filed(self, where: str, value: object) -> Filed | None:
        with self._translated("read"):
            row = self._file.execute(f"{_SELECT} WHERE {where}", (value,)).fetchone()
        return None if row is None else _read(row)


_SELECT = "SELECT number, owner, asked, command, key, origin FROM job"


def _read(row: Sequence[object]) -> Filed:
    number, owner, asked, command, key, origin = row
    assert isinstance(number, int)
    return Filed(
        number,
        str(owner),
        Asked(**json.loads(str(asked))),
        None if command is None else _command(str(command)),
        str(key or ""),
        str(origin or ""),
    )


def _command_text(command: Command | None) -> str | None:
    if command is None:
        return None
    told = {
        "argv": list(command.argv), "environment": dict(command.environment), "directory": command.directory, "user": command.user,
    }  # fmt: skip
    return json.dumps(told)


def _command(text: str) -> Command:
    told = json.loads(text)
    return Command(tuple(told["argv"]), told["environment"], told["directory"], told["user"])
