"""The entries of a ledger, sorted by what they are, and the workload that they tell of."""

from __future__ import annotations

import json
from array import array
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self, cast

import numpy as np
from numpy.typing import NDArray

from equipoise.audit.finding import Finding
from equipoise.audit.minutes import KINDS, Minutes, charter_of, finding_of
from equipoise.audit.register import KINDS as RELEASED
from equipoise.audit.register import Register
from equipoise.audit.sentences import charter_notes
from equipoise.audit.testimony import KINDS as TOLD_OF_ITSELF
from equipoise.audit.testimony import Testimony
from equipoise.charter.model import Charter
from equipoise.errors import EquipoiseError, VerificationError
from equipoise.ledger.entry import parse_entry
from equipoise.ledger.pieces import Pieces
from equipoise.policy.columns import Options
from equipoise.policy.course import course
from equipoise.policy.latency import Latency
from equipoise.policy.passage import Reader
from equipoise.policy.plan import Plan
from equipoise.policy.spelling import Spelled
from equipoise.units import shown
from equipoise.workload.model import Service, Workload
from equipoise.workload.requests import Requests
from equipoise.workload.roll import UNANSWERED

Values = Mapping[str, Any]
FORMAT = 1
STATE_FORMAT = 4
OTHERS = (*KINDS, *RELEASED)
CREDITS = ("spent", "transferred", "expired")
JUDGED = ("totals", "teams", "window", "close", "verdict")

_CREDIT_FIELDS = {
    "spent": (("name",), ("at_ms", "job", "gpu_ms")),
    "transferred": (("name", "to", "reason", "by"), ("at_ms", "gpu_ms")),
    "expired": (("name",), ("at_ms", "gpu_ms", "kept_gpu_ms")),
}


class Book:
    """A ledger's entries in order; `read` takes their bytes, `add` the values of one after the other.

    Attributes
    ----------
    size : int
        Entries so far.
    passes : array of int
        The entry of each pass.
    judged : list of (int, mapping)
        Entries that must follow from the passes: totals, and of promises windows, closes and verdicts.
    testimony : Testimony
        Heartbeats, silences and corrections.
    credits : list of (int, int, mapping)
        Entries about requests and grants: each with its number, and how many passes there were before it.
    """

    def __init__(self) -> None:
        self.size = 0
        self.passes = array("q")
        self.judged: list[tuple[int, Values]] = []
        self.opened: Values | None = None
        self.ended: Values | None = None
        self.ended_by = -1  # the entry
        self.minutes: Minutes | None = None
        self.testimony = Testimony()
        self._amended: list[Finding] = []
        self.register = Register()
        self._others: list[tuple[int, int, Values]] = []  # what a book made of columns takes again
        self._passed_ms = 0
        self._reader = Reader()
        self._pieces = Pieces()
        self._charters: list[tuple[int, Values]] = []
        self._names: dict[str, list[str]] = {"teams": [], "pools": [], "users": []}
        self._services: list[Values] = []
        self._requests: list[Values] = []
        self.credits: list[tuple[int, int, Values]] = []
        self._takes: dict[str, Callable[[Values], None]] = {
            "opened": self._take_opened,
            "names": self._take_names,
            "service": self._services.append,
            "request": self._take_request,
            "answer": self._take_answer,
            "pass": self._take_pass,
            "ended": self._take_ended,
            "engine": self._take_engine,
        }
        self._takes |= dict.fromkeys(JUDGED, self._take_judged) | dict.fromkeys(KINDS, self._take_minute)
        self._takes |= dict.fromkeys(TOLD_OF_ITSELF, self._take_testimony)
        self._takes |= dict.fromkeys(RELEASED, self._take_released) | dict.fromkeys(CREDITS, self._take_credit)

    def read(self, entries: Sequence[bytes]) -> None:
        """Take the next entries as they are stored: plain passes many at once, everything else by its values.

        Raises
        ------
        VerificationError
            L127 for bytes that are no entry, L128 for an entry in pieces that is broken off, and as `add`.
        """
        text, at = Spelled.of(entries), 0
        while at < len(entries):
            if self.opened is not None and self.ended is None and not self._pieces.pending:
                end = self._reader.read(text, at)
                self.passes.extend(range(self.size, self.size + end - at))
                self.size, first, at = self.size + end - at, at, end
                if at > first:
                    self._pass_by(int(cast(int, parse_entry(entries[at - 1])["at_ms"])))
            if at < len(entries):
                values = self._pieces.take(self.size, parse_entry(entries[at]))
                if values is None:
                    self.size += 1
                else:
                    self.add(values)
                at += 1

    @property
    def divided(self) -> bool:
        """Whether the last entry is a piece of one that is not whole yet."""
        return self._pieces.pending

    def columns(self) -> dict[str, NDArray[Any]]:
        """Return everything that was read, as arrays without objects; `of` makes a book of it again. Not of a `divided` one."""
        assert not self.divided
        names, requests = self._reader.texts
        rest = {
            "format": STATE_FORMAT, "size": self.size, "testimony": self.testimony.to_json(), "judged": self.judged,
            "opened": self.opened, "ended": self.ended, "ended_by": self.ended_by,
            "others": self._others, "passed_ms": self._passed_ms,
            "names": self._names, "services": self._services, "requests": self._requests,
            "credits": self.credits,
            "job_names": list(names.items()), "job_requests": list(requests.items()),
        }  # fmt: skip
        text = json.dumps(rest, separators=(",", ":")).encode()
        return self._reader.columns() | {
            "passes": np.array(self.passes, np.int64),
            "rest": np.frombuffer(text, np.uint8),
        }

    @classmethod
    def of(cls, columns: Mapping[str, NDArray[Any]]) -> Self:
        """Return a book that goes on after what another read; raises ``TypeError`` or ``ValueError`` for another version's."""
        rest: dict[str, Any] = json.loads(columns["rest"].tobytes())
        if rest["format"] != STATE_FORMAT:
            raise ValueError("of another version")
        book = cls()
        if rest["opened"] is not None:
            book._take_opened(rest["opened"])
        for book.size, passed_ms, values in rest["others"]:
            book._pass_by(passed_ms)
            book._others.append((book.size, passed_ms, values))
            book._takes[values["kind"]](values)
        book.size, book.ended, book.ended_by = rest["size"], rest["ended"], rest["ended_by"]
        book._pass_by(rest["passed_ms"])
        book.judged += ((n, values) for n, values in rest["judged"])
        book.testimony = Testimony.of(rest["testimony"])
        book._names.update(rest["names"])
        book._services += rest["services"]
        book._requests += rest["requests"]
        book.credits += ((entry, passes, values) for entry, passes, values in rest["credits"])
        book._reader = Reader.of(columns, dict(rest["job_names"]), dict(rest["job_requests"]))
        book.passes.frombytes(columns["passes"].astype(np.int64).tobytes())
        return book

    def close(self) -> None:
        """Say that there is no more; raises ``VerificationError`` L128 where an entry in pieces is broken off."""
        self._pieces.close()

    def add(self, values: Values) -> None:
        """Take the next entry.

        Raises
        ------
        VerificationError
            V101 for an entry of an unknown kind, before the ledger was opened or (but for corrections) after it was ended; V102
            for a malformed one.
        """
        kind = values.get("kind")
        take = self._takes.get(kind) if isinstance(kind, str) else None
        if take is None:
            raise VerificationError(
                "V101", f"entry {self.size} is of kind {shown(str(kind))}", hint="written by a newer version, perhaps"
            )
        over = self.ended is not None and kind != "correction"
        if (self.opened is None) != (kind == "opened") or over:
            raise VerificationError(
                "V101",
                f"entry {self.size} ({kind}) is out of place",
                hint="the first entry opens a ledger, `ended` ends it but for corrections",
            )
        if kind in OTHERS:
            self._others.append((self.size, self._passed_ms, values))
        take(values)
        self.size += 1

    def _take_pass(self, values: Values) -> None:
        self._reader.add(values)
        self.passes.append(self.size)
        self._pass_by(int(values["at_ms"]))

    def _pass_by(self, at_ms: int) -> None:
        """Take notice that passes were recorded up to a time."""
        self._passed_ms = at_ms
        if self.minutes is not None and self.minutes.asked:
            self._let_pass(at_ms)

    def _let_pass(self, at_ms: int) -> None:
        """Find a charter that should be in force by the time of a pass and is not."""
        assert self.minutes is not None
        due = self.minutes.let_pass(at_ms)
        if due is not None:
            self.minutes.awaited.clear()  # told once
            required = f"{shown(due.digest, width=20)} in force since {due.at_ms - self.minutes.origin_ms} ms"
            self._amended.append(Finding("V225", at_ms, self.size, "a pass under the charter before", required))

    def _take_released(self, values: Values) -> None:
        """Take a release or an attestation at its time; only a simulation may have some from before it began."""
        passed_ms = self._passed_ms if self.live or self.passes else None
        self.register.take(values, number=self.size, passed_ms=passed_ms)

    def _take_answer(self, values: Values) -> None:
        """Take the answer to a request: what is not granted is demand from then on, so it comes before the passes that see it."""
        at_ms, granted, reason = (values.get(name) for name in ("at_ms", "granted_gpu_ms", "reason"))
        rows = [n for n, row in enumerate(self._requests) if row.get("name") == values.get("name")]
        if not isinstance(at_ms, int) or not isinstance(granted, int) or len(rows) != 1 or not isinstance(reason, str):
            raise VerificationError("V102", f"entry {self.size} answers no request", hint="malformed")
        asked = self._requests[rows[0]]
        open_yet = asked.get("granted_gpu_ms") == UNANSWERED and 0 <= granted <= int(asked["amount_gpu_ms"])
        if not open_yet or (self.passes and at_ms <= self._passed_ms):
            raise VerificationError(
                "V102",
                f"entry {self.size} answers request {shown(str(values['name']))} a second time, too late or with too much",
                hint="an answer counts from the next pass on",
            )
        self._note_credit(values)
        self._requests[rows[0]] = {**asked, "answered_ms": at_ms, "granted_gpu_ms": granted, "reason": reason}

    def _take_request(self, values: Values) -> None:
        self._requests.append(values)
        self._note_credit(values)

    def _take_credit(self, values: Values) -> None:
        """Take what was spent or moved of a grant, or lapsed; whether it follows is for `audit.credits` to say."""
        texts, numbers = _CREDIT_FIELDS[str(values["kind"])]
        well = all(type(values.get(name)) is int for name in numbers) and all(
            isinstance(values.get(name), str) for name in texts
        )
        if not well or not isinstance(values.get("team", ""), str):
            raise VerificationError("V102", f"entry {self.size} says nothing of a grant", hint="malformed")
        self._note_credit(values)

    def _note_credit(self, values: Values) -> None:
        self.credits.append((self.size, len(self.passes), values))

    def _take_engine(self, values: Values) -> None:
        """Take what an engine said of an attempt that it ended; that is told, not judged."""
        numbers = (values.get(name) for name in ("at_ms", "job", "attempt"))
        if not all(isinstance(number, int) for number in numbers) or not isinstance(values.get("reason"), str):
            raise VerificationError("V102", f"entry {self.size} says nothing of an attempt", hint="malformed")

    def _take_judged(self, values: Values) -> None:
        self.judged.append((self.size, values))

    def _take_testimony(self, values: Values) -> None:
        self.testimony.take(values, number=self.size, passes=len(self.passes))

    def _take_ended(self, values: Values) -> None:
        self.ended, self.ended_by = values, self.size

    def _take_opened(self, values: Values) -> None:
        if values.get("format") != FORMAT:
            said = f"the ledger is of format {shown(str(values.get('format')))}, and this reads {FORMAT}"
            raise VerificationError("V101", said, hint="use the version that wrote it")
        self.opened = values
        self.minutes = Minutes(self.origin_ms or 0, source=str(values.get("source")), read=self._read_charter)

    def _take_minute(self, values: Values) -> None:
        assert self.minutes is not None, "the first entry opens a ledger"
        if values["kind"] == "charter":
            self._charters.append((self.size, values))
        try:
            self.minutes.take(values)
        except EquipoiseError as error:
            if error.code == "V209":
                raise
            self._amended.append(finding_of(error, self.size, values))
            self.minutes.awaited.clear()
            if values["kind"] == "charter":
                self.minutes.force(values)

    def charter_findings(self) -> tuple[Finding, ...]:
        """Return what was found of entries about charters, in order."""
        return tuple(self._amended)

    def charter_notes(self) -> tuple[str, ...]:
        """Say by whose leave charters came into force, and whose was not asked for."""
        return () if self.minutes is None else tuple(charter_notes(self.minutes))

    def _take_names(self, values: Values) -> None:
        for name, known in self._names.items():
            known += map(str, values.get(name, ()))

    @property
    def events(self) -> Any:
        """What the policy was told: rows of ``layout.EVENT``, each batch ending with its ``PASS``."""
        return self._reader.events

    @property
    def decisions(self) -> Any:
        """What was recorded as decided: rows of ``layout.DECISION``."""
        return self._reader.decisions

    def charters(self) -> tuple[Charter, ...]:
        """Return the charters in the order in which they came into force.

        Raises
        ------
        VerificationError
            V209 where there is none, a text is not what its entry says, or one does not follow the one before.
        """
        if not self._charters:
            raise VerificationError("V209", "the ledger has no charter", hint="the second entry is the first charter")
        return tuple(self._read_charter(values) for _, values in self._charters)

    @property
    def text(self) -> str:
        """The charter that came into force last, as it was written; empty without one."""
        return str(self._charters[-1][1].get("text", "")) if self._charters else ""

    def _read_charter(self, values: Values) -> Charter:
        return charter_of(values)

    @property
    def enact_ms(self) -> tuple[int, ...]:
        """When all charters but the first came into force, as their entries say; those that no pass has seen, right after the last."""
        return tuple(
            min(int(values["at_ms"]), self.last_ms + n) for n, (_, values) in enumerate(self._charters[1:], start=1)
        )

    @property
    def last_ms(self) -> int:
        """Time of the last pass; -1 without one."""
        events = self.events
        return int(events["time_ms"][-1]) if len(events) else -1

    def plans(self, charters: Sequence[Charter]) -> tuple[Plan, ...]:
        """Return the plans that were executed under each charter, by what the first entry says."""
        opened = self.opened or {}
        return course(charters, str(opened.get("policy")), first=str(opened.get("first")))

    def options(self) -> Options:
        """Return what the policy assumed beyond charter and workload."""
        opened = self.opened or {}
        try:
            return Options(
                estimates=str(opened["estimates"]),
                enforce_walltime=bool(opened["enforce_walltime"]),
                trace=bool(opened["trace"]),
                savepoint_cost_ms=int(opened["savepoint_cost_ms"]),
                latency=Latency() if opened["confirmed"] else None,
            )
        except (KeyError, TypeError, ValueError) as error:
            raise VerificationError(
                "V102", "the first entry does not say how the policy ran", hint="malformed"
            ) from error

    @property
    def origin_ms(self) -> int | None:
        """Unix time of time 0; None where there is no calendar."""
        origin_ms = (self.opened or {}).get("origin_ms")
        return None if origin_ms is None else int(origin_ms)

    @property
    def source(self) -> str:
        """Who wrote it: ``live``, or ``simulated``."""
        return str((self.opened or {}).get("source"))

    @property
    def live(self) -> bool:
        """Whether nobody says that it is of a simulation."""
        return self.source != "simulated"

    @property
    def known(self) -> bool:
        """Whether the policy's account knew how long jobs run, as a simulator's does."""
        return (self.opened or {}).get("run_times") == "known"

    @property
    def named(self) -> dict[str, int]:
        """How many teams, pools and users have a name so far."""
        return {kind: len(names) for kind, names in self._names.items()}

    def workload(self) -> Workload:
        """Return what was asked for; raises ``VerificationError`` V102 where that is malformed."""
        try:
            return Workload(
                jobs=self._reader.jobs(),
                teams=tuple(self._names["teams"]),
                pools=tuple(self._names["pools"]),
                users=tuple(self._names["users"]),
                services=tuple(map(_service, self._services)),
                origin_ms=self.origin_ms,
                requests=_requests(self._requests),
            )
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise VerificationError("V102", "what was asked for is malformed", hint=f"{error}") from error


def _service(values: Values) -> Service:
    return Service(
        name=str(values["name"]),
        team=int(values["team"]),
        pool=int(values["pool"]),
        gang=int(values["gang"]),
        minimum=int(values["minimum"]),
        at_ms=np.zeros(1, np.int64),
        replicas=np.array([values["most"]], np.int32),
        carry=bool(values["carry"]),
    )


def _requests(rows: list[Values]) -> Requests:
    def numbers(name: str, kind: type[np.int64] | type[np.int32] = np.int64) -> Any:
        return np.array([row[name] for row in rows], kind)

    def texts(name: str) -> tuple[str, ...]:
        return tuple(str(row[name]) for row in rows)

    return Requests(
        name=texts("name"),
        team=numbers("team", np.int32),
        pool=numbers("pool", np.int32),
        reason=texts("reason"),
        avenue=texts("avenue"),
        purpose=texts("purpose"),
        project=texts("project"),
        **{
            name: numbers(name)
            for name in ("amount_gpu_ms", "asked_ms", "begin_ms", "end_ms", "answered_ms", "granted_gpu_ms")
        },
    )
