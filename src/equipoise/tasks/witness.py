"""A witness that serves over HTTP (C2SP tlog-witness), and a ledger that asks witnesses to cosign its head.

The witness remembers, of each log, the head that it last cosigned, in a file of its own: it is stored before the answer is sent. Who
runs one should not be who runs the ledger.
"""

from __future__ import annotations

import sqlite3
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

from equipoise.errors import InputError, RetryableError, VerificationError
from equipoise.ledger.checkpoint import parse_checkpoint
from equipoise.ledger.keys import SigningKey, VerifierKey
from equipoise.ledger.note import parse_note, sign_note
from equipoise.ledger.quorum import Party, Policy, Witnessed
from equipoise.ledger.tree import consistency_proof
from equipoise.ledger.witness import MAX_REQUEST_BYTES, Answer, Head, Request, add_cosignatures, decide, stored_size
from equipoise.store import open_sqlite

PATH = "/add-checkpoint"
WAIT_S = 10.0
MAX_ANSWER_BYTES = 1 << 20


class Heads:
    """What a witness cosigned last of each log, in a file; one request at a time changes it."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        try:
            self._data = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
            self._data.execute("PRAGMA synchronous = FULL")
            self._data.execute(
                "CREATE TABLE IF NOT EXISTS head (origin TEXT PRIMARY KEY, size INTEGER, root BLOB) STRICT"
            )
        except sqlite3.Error as error:
            raise InputError("L181", f"{path} cannot hold what the witness has seen: {error}") from error

    def answer(self, decided: Callable[[Mapping[str, Head]], Answer]) -> Answer:
        """Decide by what is stored, and store what was decided before it is known to anybody."""
        with self._lock, self._transaction():
            rows = self._data.execute("SELECT origin, size, root FROM head").fetchall()
            found = decided({str(origin): Head(int(size), bytes(root)) for origin, size, root in rows})
            if found.head is not None:
                self._data.execute(
                    "INSERT INTO head VALUES (?, ?, ?) ON CONFLICT (origin) DO UPDATE SET size = excluded.size, root = excluded.root",
                    (found.origin, found.head.size, found.head.root),
                )
        return found

    @contextmanager
    def _transaction(self) -> Generator[None]:
        self._data.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._data.execute("ROLLBACK")
            raise
        self._data.execute("COMMIT")

    def close(self) -> None:
        """Let go of the file."""
        self._data.close()


class Witness(ThreadingHTTPServer):
    """A witness's server; bound to loopback unless another address is given.

    Parameters
    ----------
    heads : Heads
    logs : sequence of VerifierKey
        The ledgers that it knows, each by the key that signs under its origin.
    keys : sequence of SigningKey
        Its own, of type witness or ml-dsa-44.
    """

    daemon_threads = True

    def __init__(
        self,
        heads: Heads,
        logs: Sequence[VerifierKey],
        keys: Sequence[SigningKey],
        *,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        self.heads, self.keys = heads, keys
        self.logs = {log.name: [key for key in logs if key.name == log.name] for log in logs}
        super().__init__((host, port), _Handler)

    @property
    def url(self) -> str:
        """Where it is reached."""
        host, port = self.server_address[:2]
        return f"http://{host!s}:{port}"


class _Handler(BaseHTTPRequestHandler):
    server: Witness  # pyright: ignore[reportIncompatibleVariableOverride]
    timeout = WAIT_S
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.close_connection = True
        length = self.headers.get("Content-Length", "")
        if self.path != PATH:
            self._send(Answer(404, b"a witness has one path: POST /add-checkpoint\n"))
        elif not length.isdigit() or int(length) > MAX_REQUEST_BYTES:
            self._send(Answer(413, b"the request is too long, or does not say how long it is\n"))
        else:
            body, one = self.rfile.read(int(length)), self.server
            self._send(
                one.heads.answer(
                    lambda heads: decide(body, logs=one.logs, heads=heads, keys=one.keys, time_s=int(time.time()))
                )
            )

    def _send(self, answer: Answer) -> None:
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(answer.body)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(answer.body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: what is cosigned is in the ledger."""


@dataclass(frozen=True, slots=True)
class Cosigned:
    """A checkpoint with the cosignatures that were got, and why others were not."""

    note: bytes
    size: int
    witnessed: Witnessed | None
    refusals: Mapping[str, str]


def cosign_head(path: Path, key: SigningKey, policy: Policy) -> Cosigned:
    """Sign the head of a ledger and ask every witness of a policy to cosign it; what was got is kept in the ledger.

    Raises
    ------
    InputError
        L180 for a witness without an address, or one that is not HTTP.
    StoreError
        Where the ledger cannot be written.
    """
    for party in policy.witnesses.values():
        _check_url(party)
    refusals: dict[str, str] = {}
    with closing(open_sqlite(path, origin=key.name)) as store:
        now_s = int(time.time())
        note = store.sign(lambda text: sign_note(text, [key], time_s=now_s))
        size = parse_checkpoint(parse_note(note).text).size

        def proof(old_size: int) -> tuple[bytes, ...]:
            return tuple(consistency_proof(old_size, size, store)) if 0 < old_size < size else ()

        for name, party in policy.witnesses.items():
            try:
                note = store.put_checkpoint(_asked(party, note, size, proof))
            except (VerificationError, RetryableError, InputError) as error:
                refusals[name] = error.message
    try:
        witnessed = policy.open(note)
    except VerificationError:
        witnessed = None
    return Cosigned(note, size, witnessed, refusals)


def _asked(party: Party, note: bytes, size: int, proof: Callable[[int], tuple[bytes, ...]]) -> bytes:
    """Ask one witness; where it has another size than was thought, ask again from there."""
    old = 0
    for _ in range(3):
        status, body = _post(party.url, Request(old, proof(old), note).to_bytes())
        if status == 200:
            return add_cosignatures(note, body, [party.key])
        if status != 409:
            said = body.decode("utf-8", "replace").strip()[:200]
            raise VerificationError("L182", f"the witness answers {status}: {said}")
        old = stored_size(body)
        if old > size:
            raise VerificationError(
                "L182",
                f"the witness has seen {old} entries, and the ledger has {size}",
                hint="was it restored from an older copy?",
            )
    raise VerificationError(
        "L182",
        "the witness has seen another history of this ledger",
        hint="find out who saw which",
    )


def _check_url(party: Party) -> None:
    if urlsplit(party.url).scheme not in ("http", "https"):
        raise InputError(
            "L180", f"the policy does not say where {party.key.name} is reached", hint="witness NAME VKEY http://…"
        )


def _post(url: str, body: bytes) -> tuple[int, bytes]:
    request = urllib.request.Request(url.rstrip("/") + PATH, data=body, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=WAIT_S) as answer:
            return int(answer.status), answer.read(MAX_ANSWER_BYTES)
    except urllib.error.HTTPError as error:
        with error:  # it is the answer, too
            return error.code, error.read(MAX_ANSWER_BYTES)
    except (OSError, ValueError) as error:
        raise RetryableError(
            "L183", f"the witness at {url} is not reached: {error}", hint="try again", retryable=True
        ) from error
