"""Passes read from their bytes at the speed of compiled code: only those spelled exactly as a ledger's canonical form spells them.

`read_passes` takes entries that are a plain pass: keys in order and none but those of a pass and of a job, whole numbers of at most
15 digits without a leading zero, text of printable ASCII without escapes. Whatever it takes is canonical, so nothing is left to
check; at the first other entry it stops, and `passage.Reader` is given that one as values, parsed the long way. No byte is read twice
and none behind the end: the buffer ends with a zero byte, which goes with nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from equipoise.policy.events import KINDS
from equipoise.policy.kernel import layout as k

EVENT_WORDS = {kind: words.replace(" ", "_") for kind, words in KINDS.items() if kind != k.PASS}
DECISION_WORDS = {
    k.START: "start", k.CLAIM: "claim", k.WARN: "warn", k.STOP: "stop", k.WITHDRAW: "withdraw", k.REFUSE: "refuse",
    k.RELEASE: "release", k.END: "end", k.MARK: "mark", k.LOST: "lost",
}  # fmt: skip
EVENT_FIELDS = ("subject", "detail", "until_ms", "amount", "pool")
DECISION_FIELDS = ("job", "other", "detail")
EVENT_DEFAULTS = (-1, 0, -1, 0, -1)
DECISION_DEFAULTS = (-1, -1, 0)
JOB_DEFAULTS: dict[str, int] = {
    "after": -1, "gang": 0, "pool": -1, "preemptible": 1, "priority": 0, "runs_ms": k.UNKNOWN, "savepoint_ms": 0, "team": -1,
    "user": -1, "walltime_ms": 0,
}  # fmt: skip
"""What is asked for with a job in numbers, and what it is where nothing is said."""
JOB_COLUMNS = ("at_ms", "job", *JOB_DEFAULTS)
TEXT_COLUMNS = 4  # where a job's name begins and ends in the buffer, and its request; -1: it has none
_WORD = 24  # no word is longer
_DIGITS = 15
_MINUS, _ZERO, _NINE, _COMMA, _QUOTE, _BACKSLASH = b'-09,"\\'
_OPEN, _CLOSE, _BEGIN, _END = b"[]{}"

Bytes = NDArray[np.uint8]
Table = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Spelled:
    """Entries one behind the other, and where each ends."""

    data: Bytes
    ends: Table

    @classmethod
    def of(cls, entries: Sequence[bytes]) -> Spelled:
        """Put entries into one buffer.

        >>> Spelled.of([b"ab", b"c"]).ends.tolist()
        [2, 3]
        """
        return cls(
            np.frombuffer(b"".join([*entries, b"\0"]), np.uint8), np.cumsum([*map(len, entries)], dtype=np.int64)
        )

    def text(self, begin: int, end: int) -> str:
        """Return a job's name or request."""
        return self.data[begin:end].tobytes().decode("ascii")


def _table(words: Sequence[str]) -> Bytes:
    """Return words as rows of bytes, filled up with zeros."""
    assert max(map(len, words)) < _WORD
    return np.array([list(word.encode().ljust(_WORD, b"\0")) for word in words], np.uint8)


_EVENTS = _table([f'"{word}"' for word in EVENT_WORDS.values()])
_EVENT_KINDS = np.array([*EVENT_WORDS], np.int64)
_EVENT_REST = np.array(EVENT_DEFAULTS, np.int64)
_DECISIONS = _table([f'"{word}"' for word in DECISION_WORDS.values()])
_DECISION_KINDS = np.array([*DECISION_WORDS], np.int64)
_DECISION_REST = np.array(DECISION_DEFAULTS, np.int64)
_KEYS = _table([f'"{name}":' for name in sorted([*JOB_DEFAULTS, "name", "request"])])
_SORTED = sorted([*JOB_DEFAULTS, "name", "request"])
_PLACES = np.array([JOB_COLUMNS.index(name) if name in JOB_COLUMNS else -1 for name in _SORTED], np.int64)
_NAME, _REQUEST, _PREEMPTIBLE = map(_SORTED.index, ("name", "request", "preemptible"))
_JOB_REST = np.array([0, 0, *JOB_DEFAULTS.values(), -1, -1, -1, -1], np.int64)
_FIRST, _MADE, _TOLD, _ASKED, _LAST, _TRUTH = (
    np.frombuffer(text, np.uint8)
    for text in (b'{"at_ms":', b',"decisions":[', b',"events":[', b',"jobs":[', b',"kind":"pass"}', b"false")
)


def _compiled(function: Any) -> Any:
    return numba.njit(function, cache=True, nogil=True, error_model="numpy")


@_compiled
def _literal(data: Bytes, at: int, text: Bytes) -> int:
    """Return where a text ends that stands at a place; -1 where it does not stand there. Zeros end it."""
    for n in range(len(text)):
        if text[n] == 0:
            return at + n
        if data[at + n] != text[n]:
            return -1
    return at + len(text)


@_compiled
def _integer(data: Bytes, at: int) -> tuple[int, int]:
    """Return a whole number and where it ends; -1 where there is none of so many digits."""
    sign, value = 1, 0
    if data[at] == _MINUS:
        sign, at = -1, at + 1
    if data[at] == _ZERO:
        return (0, at + 1) if sign > 0 else (0, -1)
    first = at
    while data[at] >= _ZERO and data[at] <= _NINE:
        value = value * 10 + data[at] - _ZERO  # of int64, for numba adds a byte to one
        at += 1
        if at - first > _DIGITS:
            return 0, -1
    return (sign * value, at) if at > first else (0, -1)


@_compiled
def _rows(
    data: Bytes, at: int, words: Bytes, kinds: Table, rest: Table, table: Table, n: int, at_ms: int
) -> tuple[int, int]:
    """Read rows up to the end of their list; return where it ends (-1: they are not plain), and the next row of the table."""
    width = len(rest)
    while data[at] == _OPEN:
        end = -1
        for which in range(len(words)):
            end = _literal(data, at + 1, words[which])
            if end >= 0:
                table[n, 1] = kinds[which]
                break
        if end < 0:
            return -1, n
        at = end
        table[n, 0] = at_ms
        for column in range(width):
            table[n, 2 + column] = rest[column]
        column = 0
        while data[at] == _COMMA and column < width:
            table[n, 2 + column], at = _integer(data, at + 1)
            if at < 0:
                return -1, n
            column += 1
        if data[at] != _CLOSE:
            return -1, n
        at, n = at + 1, n + 1
        if data[at] == _CLOSE:
            return at + 1, n
        if data[at] != _COMMA:
            return -1, n
        at += 1
    return -1, n


@_compiled
def _text(data: Bytes, at: int) -> int:
    """Return where a text without escapes ends, before its quotation mark; -1 where there is none."""
    if data[at] != _QUOTE:
        return -1
    at += 1
    while data[at] != _QUOTE:
        if data[at] < 32 or data[at] > 126 or data[at] == _BACKSLASH:
            return -1
        at += 1
    return at


@_compiled
def _job(data: Bytes, at: int, row: Table) -> int:
    """Read what was asked for with a job; return where it ends, -1 where it is not plain."""
    row[:] = _JOB_REST
    if data[at] != _BEGIN:
        return -1
    at += 1
    known = 0
    for field in range(len(_KEYS)):
        if known and data[at] != _COMMA:
            break
        end = _literal(data, at + (known > 0), _KEYS[field])
        if end < 0:
            continue
        known += 1
        if field in (_NAME, _REQUEST):
            at = _text(data, end)
            column = len(_JOB_REST) - (4 if field == _NAME else 2)
            row[column], row[column + 1] = end + 1, at
            at = at + 1 if at >= 0 else at
        elif field == _PREEMPTIBLE:
            at = _literal(data, end, _TRUTH)
            row[_PLACES[field]] = 0
        else:
            row[_PLACES[field]], at = _integer(data, end)
        if at < 0:
            return -1
    return at + 1 if data[at] == _END else -1


@_compiled
def _jobs(data: Bytes, at: int, events: Table, begin: int, told: int, table: Table, n: int) -> tuple[int, int]:
    """Read the jobs of a pass, one of each submission; return as `_rows` does."""
    first = True
    for event in range(begin, told):
        if events[event, 1] == k.SUBMITTED:
            if not first:
                if data[at] != _COMMA:
                    return -1, n
                at += 1
            first = False
            at = _job(data, at, table[n])
            if at < 0:
                return -1, n
            table[n, 0], table[n, 1] = events[event, 0], events[event, 2]
            n += 1
    return (at + 1, n) if data[at] == _CLOSE and not first else (-1, n)


@_compiled
def read_passes(
    data: Bytes, ends: Table, first: int, events: Table, decisions: Table, jobs: Table, counts: Table
) -> int:
    """Read entries from one on, and return the first that is not a plain pass.

    ``counts`` says how many events, decisions and jobs were read; each pass ends with its ``PASS`` among the events.
    """
    number = first
    while number < len(ends):
        told, made, asked = counts[0], counts[1], counts[2]
        at = _literal(data, np.int64(0) if number == 0 else ends[number - 1], _FIRST)
        if at < 0:
            break
        at_ms, at = _integer(data, at)
        if at < 0:
            break
        end = _literal(data, at, _MADE)
        if end >= 0:
            at, made = _rows(data, end, _DECISIONS, _DECISION_KINDS, _DECISION_REST, decisions, made, at_ms)
            if at < 0:
                break
        end = _literal(data, at, _TOLD)
        if end >= 0:
            at, told = _rows(data, end, _EVENTS, _EVENT_KINDS, _EVENT_REST, events, told, at_ms)
            if at < 0:
                break
        end = _literal(data, at, _ASKED)
        if end >= 0:
            at, asked = _jobs(data, end, events, counts[0], told, jobs, asked)
            if at < 0:
                break
        if _literal(data, at, _LAST) != ends[number]:
            break
        events[told, 0], events[told, 1], events[told, 2] = at_ms, k.PASS, -1
        events[told, 3], events[told, 4], events[told, 5], events[told, 6] = made - counts[1], -1, 0, -1
        counts[0], counts[1], counts[2] = told + 1, made, asked
        number += 1
    return number
