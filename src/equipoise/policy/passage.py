"""A pass in words: what the policy was told at one instant and what it decided, as plain values that a ledger can keep.

Who writes a record (the simulator's caller, a live controller) calls `told` for each pass; who reads one (an audit) feeds a
`Reader`, which gives back the kernel's rows and the workload. Values are strings, whole numbers, lists and mappings only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from equipoise.errors import VerificationError
from equipoise.policy.events import Events
from equipoise.policy.kernel import layout as k
from equipoise.policy.spelling import (
    DECISION_DEFAULTS,
    DECISION_FIELDS,
    DECISION_WORDS,
    EVENT_DEFAULTS,
    EVENT_FIELDS,
    EVENT_WORDS,
    JOB_COLUMNS,
    JOB_DEFAULTS,
    TEXT_COLUMNS,
    Spelled,
    Table,
    read_passes,
)
from equipoise.units import json_integer, read_json_integer
from equipoise.workload.model import Jobs, Workload

_EVENT_KINDS = {word: kind for kind, word in EVENT_WORDS.items()}
_DECISION_KINDS = {word: kind for kind, word in DECISION_WORDS.items()}
_WITH_LARGE = (EVENT_WORDS[k.WINDOW_BEGAN], EVENT_WORDS[k.CAP_SET])
EVENT_NAMES, DECISION_NAMES = ("time_ms", "kind", *EVENT_FIELDS), ("time_ms", "kind", *DECISION_FIELDS)
AT_ONCE = 1 << 18
"""So many rows are turned into arrays at a time."""

Row = list[str | int]
Values = dict[str, Any]


def told(at_ms: int, events: Sequence[Row], decisions: Sequence[Row], jobs: Sequence[Values] = ()) -> Values:
    """Return the values of one pass.

    Parameters
    ----------
    at_ms : int
        Its time.
    events, decisions : sequences of rows
        From `event_rows` and `decision_rows`; without the ``PASS``.
    jobs : sequence of mappings
        Of each submission among the events, in their order, what was asked for (`job_values`).
    """
    values: Values = {"at_ms": at_ms, "kind": "pass"}
    if events:
        values["events"] = events
    if decisions:
        values["decisions"] = decisions
    if jobs:
        values["jobs"] = jobs
    return values


def event_rows(events: Events) -> Iterator[Row]:
    """Yield each event as its word and what it says: subject, detail, until, amount and pool, without defaults at the end."""
    return _rows(events, EVENT_WORDS, EVENT_FIELDS, EVENT_DEFAULTS)


def decision_rows(decisions: NDArray[Any]) -> Iterator[Row]:
    """Yield each decision as its word and what it says: job, other and detail, without defaults at the end."""
    return _rows(decisions, DECISION_WORDS, DECISION_FIELDS, DECISION_DEFAULTS)


def _rows(
    rows: NDArray[Any], words: Mapping[int, str], names: tuple[str, ...], defaults: tuple[int, ...]
) -> Iterator[Row]:
    n = len(names)
    for first in range(0, len(rows), AT_ONCE):
        part = rows[first : first + AT_ONCE]
        columns = [_plain(part[name]) for name in names]
        kept = np.zeros(len(part), np.int64)  # how many values have to be said
        for at, (name, default) in enumerate(zip(names, defaults, strict=True)):
            kept[part[name] != default] = at + 1
        for kind, most, *values in zip(part["kind"].tolist(), kept.tolist(), *columns, strict=True):
            yield [words[kind], *(values if most == n else values[:most])]


def _plain(column: NDArray[Any]) -> list[int | str]:
    values: list[int | str] = column.tolist()
    for at in np.flatnonzero(np.abs(column) >= 1 << 53).tolist():  # "no cap", and what windows make good
        values[at] = json_integer(int(column[at]))
    return values


def job_values(workload: Workload, *, known: bool) -> Iterator[Values]:
    """Yield what was asked for with each job, in order; ``known`` adds how long it is going to run, which a simulator knows."""
    jobs = workload.jobs
    names = (
        "gang",
        "team",
        "pool",
        "user",
        "walltime_ms",
        "priority",
        "preemptible",
        "savepoint_ms",
        "after",
        "duration_ms",
    )
    for first in range(0, len(jobs), AT_ONCE):
        columns = [getattr(jobs, name)[first : first + AT_ONCE].tolist() for name in names]
        for at, (gang, team, pool, user, walltime, priority, soft, savepoint, after, runs) in enumerate(
            zip(*columns, strict=True), start=first
        ):
            values: Values = {"gang": gang, "team": team, "pool": pool, "user": user}
            if walltime:
                values["walltime_ms"] = walltime
            if priority:
                values["priority"] = priority
            if not soft:
                values["preemptible"] = False
            if savepoint:
                values["savepoint_ms"] = savepoint
            if after >= 0:
                values["after"] = after
            if jobs.name is not None:
                values["name"] = jobs.name[at]
            if jobs.request is not None and jobs.request[at]:
                values["request"] = jobs.request[at]
            if known:
                values["runs_ms"] = runs
            yield values


class Reader:
    """Passes in words, turned into the kernel's rows again.

    Examples
    --------
    >>> reader = Reader()
    >>> reader.add(told(5, [["submitted", 0]], [["start", 0]], [{"gang": 2, "team": 0, "pool": 0, "user": 0}]))
    >>> reader.events["kind"].tolist(), reader.decisions["job"].tolist(), reader.jobs().gang.tolist()
    ([11, 12], [0], [2])
    """

    def __init__(self) -> None:
        self.passes = 0
        self._events: list[int] = []
        self._decisions: list[int] = []
        self._asked: list[int] = []
        self._event_parts: list[Events] = []
        self._decision_parts: list[NDArray[Any]] = []
        self._asked_parts: list[Table] = []
        self._names: dict[int, str] = {}
        self._requests: dict[int, str] = {}
        self._jobs = 0
        self._scratch = (np.zeros((0, 7), np.int64), np.zeros((0, 5), np.int64), np.zeros((0, 0), np.int64))

    def read(self, text: Spelled, first: int) -> int:
        """Take passes from an entry on, and return the first that is not a plain one (or none): that may be given to `add`.

        Raises ``VerificationError`` V102 as `add` does.
        """
        rows = len(text.data) // 9 + len(text.ends) + 1  # no row is shorter than `["ended"]`
        if len(self._scratch[0]) < rows:
            widths = (7, 5, len(JOB_COLUMNS) + TEXT_COLUMNS)
            self._scratch = tuple(np.zeros((rows, width), np.int64) for width in widths)
        counts = np.zeros(3, np.int64)
        end = int(read_passes(text.data, text.ends, first, *self._scratch, counts))
        if end > first:
            self._flush()
            events, decisions, asked = (
                table[:count] for table, count in zip(self._scratch, counts.tolist(), strict=True)
            )
            self._event_parts.append(_as_rows(events, EVENT_NAMES, k.EVENT))
            self._decision_parts.append(_as_rows(decisions, DECISION_NAMES, k.DECISION))
            self._asked_parts.append(asked[:, : len(JOB_COLUMNS)].copy())
            for column, found in ((-4, self._names), (-2, self._requests)):
                for at in np.flatnonzero(asked[:, column] >= 0).tolist():
                    found[self._jobs + at] = text.text(int(asked[at, column]), int(asked[at, column + 1]))
            self._jobs += len(asked)
            self.passes += end - first
        return end

    def add(self, values: Mapping[str, Any]) -> None:
        """Take one pass; raises ``VerificationError`` V102 for what `told` does not make."""
        try:
            at_ms, events, decisions = values["at_ms"], values.get("events", ()), values.get("decisions", ())
            flat = self._events
            for row in events:
                word, *numbers = row
                if word in _WITH_LARGE:
                    numbers = map(_number, numbers)
                flat += (at_ms, _EVENT_KINDS[word], *numbers, *_rest(EVENT_DEFAULTS, row))
            flat += (at_ms, k.PASS, -1, len(decisions), -1, 0, -1)
            out = self._decisions
            for row in decisions:
                out += (at_ms, _DECISION_KINDS[row[0]], *row[1:], *_rest(DECISION_DEFAULTS, row))
            if "jobs" in values:
                self._ask(at_ms, events, values["jobs"])
        except (KeyError, TypeError, IndexError) as error:
            raise _malformed(values) from error
        self.passes += 1
        if len(flat) > AT_ONCE * 7:
            self._flush()

    def _ask(self, at_ms: int, events: Sequence[Row], jobs: Sequence[Values]) -> None:
        numbers = [row[1] for row in events if row[0] == "submitted"]
        if len(numbers) != len(jobs):
            raise KeyError("jobs")
        for number, asked in zip(numbers, jobs, strict=True):
            asked_for: tuple[Any, ...] = (
                at_ms,
                number,
                *(asked.get(name, default) for name, default in JOB_DEFAULTS.items()),
            )
            self._asked += asked_for
            for name, found in (("name", self._names), ("request", self._requests)):
                if name in asked:
                    found[self._jobs] = str(asked[name])
            self._jobs += 1

    def _flush(self) -> None:
        if self._events:
            events, decisions, asked = self._events, self._decisions, self._asked
            self._events, self._decisions, self._asked = [], [], []
            self._event_parts.append(_as_rows(_as_table(events, len(EVENT_NAMES)), EVENT_NAMES, k.EVENT))
            self._decision_parts.append(_as_rows(_as_table(decisions, len(DECISION_NAMES)), DECISION_NAMES, k.DECISION))
            self._asked_parts.append(_as_table(asked, len(JOB_COLUMNS)))

    @property
    def events(self) -> Events:
        """Every event so far; each batch ends with a ``PASS``, whose ``detail`` is how many decisions were recorded with it."""
        self._flush()
        self._event_parts = [np.concatenate([np.zeros(0, k.EVENT), *self._event_parts])]
        return self._event_parts[0]

    @property
    def decisions(self) -> NDArray[Any]:
        """Every decision so far."""
        self._flush()
        self._decision_parts = [np.concatenate([np.zeros(0, k.DECISION), *self._decision_parts])]
        return self._decision_parts[0]

    def columns(self) -> dict[str, NDArray[Any]]:
        """Return everything read so far; `of` makes a reader of it again."""
        events, decisions = self.events, self.decisions
        self._asked_parts = [self._asked_table()]
        return {"events": events, "decisions": decisions, "asked": self._asked_parts[0]}

    @property
    def texts(self) -> tuple[dict[int, str], dict[int, str]]:
        """Names and requests of the jobs that have one, by number."""
        return self._names, self._requests

    @classmethod
    def of(cls, columns: Mapping[str, NDArray[Any]], names: Mapping[int, str], requests: Mapping[int, str]) -> Reader:
        """Return a reader that goes on after what another read."""
        reader = cls()
        events, decisions, asked = columns["events"], columns["decisions"], columns["asked"]
        if (events.dtype, decisions.dtype, asked.dtype, asked.shape[1:]) != (
            k.EVENT, k.DECISION, np.int64, (len(JOB_COLUMNS),)
        ):  # fmt: skip
            raise TypeError("rows of another version")
        reader._event_parts, reader._decision_parts, reader._asked_parts = [events], [decisions], [asked]
        reader._names, reader._requests, reader._jobs = dict(names), dict(requests), len(asked)
        reader.passes = int((events["kind"] == k.PASS).sum())
        return reader

    def _asked_table(self) -> Table:
        self._flush()
        return np.concatenate([np.zeros((0, len(JOB_COLUMNS)), np.int64), *self._asked_parts])

    def jobs(self) -> Jobs:
        """Return the jobs submitted so far; raises ``VerificationError`` V102 where their numbers are not 0, 1, 2, … in order."""
        table = self._asked_table()
        self._asked_parts = [table]
        wrong: list[int] = np.flatnonzero(table[:, 1] != np.arange(len(table))).tolist()
        if wrong:
            raise VerificationError(
                "V102",
                f"job {table[wrong[0], 1]} is submitted where job {wrong[0]} is next",
                hint="jobs are numbered as they come",
            )

        def column(name: str, kind: Any) -> NDArray[Any]:
            asked = table[:, JOB_COLUMNS.index(name)]
            found = asked.astype(kind)
            if not np.array_equal(found, asked):
                raise VerificationError("V102", f"a job has a {name} that is too large", hint="the record is malformed")
            return found

        n = len(table)
        return Jobs(
            submit_ms=column("at_ms", np.int64),
            duration_ms=column("runs_ms", np.int64),
            gang=column("gang", np.int32),
            walltime_ms=column("walltime_ms", np.int64),
            team=column("team", np.int32),
            pool=column("pool", np.int32),
            user=column("user", np.int32),
            priority=column("priority", np.int32),
            preemptible=column("preemptible", np.bool_),
            savepoint_ms=column("savepoint_ms", np.int64),
            after=column("after", np.int32),
            name=tuple(self._names.get(at, str(at)) for at in range(n)) if self._names else None,
            request=tuple(self._requests.get(at, "") for at in range(n)) if self._requests else None,
        )


def _rest(defaults: tuple[int, ...], row: Row) -> tuple[int, ...]:
    """Return what a row leaves out; raises ``IndexError`` for one that says more than there is to say."""
    if len(row) > len(defaults) + 1:
        raise IndexError(len(row))
    return defaults[len(row) - 1 :]


def _as_table(flat: list[int], width: int) -> Table:
    """Return flat numbers as rows; V102 where they are not whole numbers that fit."""
    if not {int, bool}.issuperset(map(type, flat)):
        raise VerificationError("V102", "a pass holds something else than whole numbers", hint="malformed")
    try:
        return np.array(flat, np.int64).reshape(-1, width)
    except OverflowError as error:
        raise VerificationError("V102", "a pass holds a number that is too large", hint="malformed") from error


def _as_rows(table: Table, names: tuple[str, ...], record: np.dtype[Any]) -> NDArray[Any]:
    """Return a table as rows of a record; V102 where a number does not fit."""
    rows = np.zeros(len(table), record)
    for at, name in enumerate(names):
        rows[name] = table[:, at]
        if not np.array_equal(rows[name], table[:, at]):
            raise VerificationError("V102", f"a pass has a {name} that is too large", hint="the record is malformed")
    return rows


def _number(value: object) -> int:
    read = read_json_integer(value)
    if read is None:
        raise TypeError("not a whole number")
    return read


def _malformed(values: Mapping[str, Any]) -> VerificationError:
    return VerificationError(
        "V102", f"the pass at {values.get('at_ms')} ms is malformed", hint="it was not written as a pass is"
    )
