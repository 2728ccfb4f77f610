"""Calls that are made again: an ``Idempotency-Key`` that a person used for a change gives its answer once more, for a day.

`Repeats.call` is the main path. What is kept is the digest of what was asked and the answer, never what was asked, in ``calls.db`` of
the lab's folder; of a call whose answer has a secret only that it was made. A change that was refused may be tried again under its key.
"""

from __future__ import annotations

import asyncio
import secrets
import threading
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from starlette.responses import Response

from equipoise.controller.durable import DurableFile
from equipoise.errors import InputError
from equipoise.units import DAY_MS

KEPT_MS = DAY_MS
MOST_KEPT_BYTES = 1 << 20
"""Longer answers are not kept; the call is then made again."""
_SCHEMA = (
    "CREATE TABLE IF NOT EXISTS call (who TEXT PRIMARY KEY, made_ms INTEGER NOT NULL, asked TEXT NOT NULL, life TEXT NOT NULL,"
    " status INTEGER, kind TEXT NOT NULL DEFAULT '', body BLOB NOT NULL DEFAULT x'') STRICT, WITHOUT ROWID",
    "CREATE INDEX IF NOT EXISTS call_made ON call (made_ms)",
)
_APPLICATION = 0x4551434C  # "EQCL"


@dataclass(frozen=True, slots=True)
class Kept:
    """What is known of a call.

    Parameters
    ----------
    asked : str
        The digest of what was asked.
    life : str
        Of the server that began it.
    status : int or None
        None while it is not over.
    kind : str
        The answer's media type; empty where it had a secret.
    body : bytes
    """

    asked: str
    life: str
    status: int | None
    kind: str
    body: bytes


class Repeats(DurableFile):
    """The calls of a file.

    Parameters
    ----------
    path : Path
        Readable by its owner only.
    now_ms : callable
        The clock.

    Raises
    ------
    StoreError
        N162 where the file cannot be used.
    """

    def __init__(self, path: Path, now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000) -> None:
        super().__init__(path, _SCHEMA, _APPLICATION, code="N162", what="the file of calls that were made")
        self._now_ms = now_ms
        self._life = secrets.token_hex(8)
        self._turn = threading.Lock()

    async def call(
        self,
        who: str,
        asked: bytes,
        act: Callable[[], Awaitable[Response]],
        *,
        is_secret: bool = False,
        is_safe: bool = True,
    ) -> Response:
        """Make a change, or tell again what came of it.

        Parameters
        ----------
        who : str
            Whose key for what: person, key, method and path.
        asked : bytes
            What is asked for.
        act : callable
            Makes the change.
        is_secret : bool
            Whether the answer has a secret, and is told once.
        is_safe : bool
            Whether making it twice is no harm, so that one whose end is not known is made again.

        Raises
        ------
        InputError
            N163 for another change under the key, N164 where it is being made, N165 where its answer cannot be told again.
        """
        digest = sha256(asked).hexdigest()
        known = await asyncio.to_thread(self._begin, who, digest, is_safe=is_safe)
        if known is not None:
            return _again(known)
        try:
            answer = await act()
        except BaseException:
            await asyncio.shield(asyncio.to_thread(self._forget, who))
            raise
        if answer.status_code >= 300 or len(answer.body) > MOST_KEPT_BYTES:
            await asyncio.to_thread(self._forget, who)
        else:
            kind = "" if is_secret else answer.headers.get("content-type", "")
            body = b"" if is_secret else bytes(answer.body)
            await asyncio.to_thread(self._end, who, answer.status_code, kind, body)
        return answer

    def _begin(self, who: str, asked: str, *, is_safe: bool) -> Kept | None:
        """Return what is known of a call, or note that it begins."""
        now_ms = self._now_ms()
        with self._turn, self._transaction():
            self._file.execute("DELETE FROM call WHERE made_ms < ?", (now_ms - KEPT_MS,))
            row: Any = self._one("SELECT asked, life, status, kind, body FROM call WHERE who = ?", who)
            if row is None:
                self._file.execute(
                    "INSERT INTO call (who, made_ms, asked, life) VALUES (?, ?, ?, ?)", (who, now_ms, asked, self._life)
                )
                return None
            known = Kept(*row)
            if known.asked != asked:
                raise InputError(
                    "N163", "the Idempotency-Key was used for another call", hint="a new key for what is new"
                )
            if known.status is not None:
                return known
            self._judge(known, is_safe=is_safe)
            self._file.execute("UPDATE call SET life = ? WHERE who = ?", (self._life, who))
            return None

    def _judge(self, known: Kept, *, is_safe: bool) -> None:
        """Refuse a call that is being made, or whose end nobody knows."""
        if known.life == self._life:
            raise InputError("N164", "the same call is being made", hint="wait for its answer, then try again")
        if not is_safe:
            raise InputError(
                "N165",
                "the server ended while it made this call, and does not know how far it came",
                hint="look whether it is done; then use a new key",
            )

    def _end(self, who: str, status: int, kind: str, body: bytes) -> None:
        with self._turn, self._transaction():
            self._file.execute(
                "UPDATE call SET status = ?, kind = ?, body = ? WHERE who = ?", (status, kind, body, who)
            )

    def _forget(self, who: str) -> None:
        with self._turn, self._transaction():
            self._file.execute("DELETE FROM call WHERE who = ? AND status IS NULL", (who,))


def _again(known: Kept) -> Response:
    assert known.status is not None
    if not known.kind:
        raise InputError(
            "N165",
            "this call was made, and its answer is told only once",
            hint="a new key makes another; revoke the first",
        )
    return Response(known.body, known.status, {"Idempotency-Replayed": "true"}, known.kind)
