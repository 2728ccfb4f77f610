"""A small lab in virtual time with its alerts, and a receiver on loopback that answers as badly as it is told to.

The receiver checks signatures by the page alone: with the standard library, and nothing of the sender's.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import socket
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from random import Random
from typing import Any

from equipoise.charter_io import loads
from equipoise.controller import Controller, Foundation, open_controller
from equipoise.controller import Settings as Live
from equipoise.controller.alerts import Alerts, Notices, Settings
from equipoise.engines.protocol import Command
from equipoise.ledger.keys import Algorithm, SigningKey
from equipoise.policy.columns import Options
from equipoise.policy.latency import Latency
from equipoise.store import open_sqlite
from equipoise.workload.roll import Asked
from tests.scenario.live_days import Disk, Doom, FailingStore
from tests.scenario.scripted_engine import Faults, ScriptedEngine, VirtualClock, World

CHARTER = """\
equipoise: charter/v1
lab: Alert Lab
pools:
  big: {device: H100, expect: 4 nodes of 4 gpu}
teams:
  product: {weight: 3}
  safety: {floor: 25%}
commitments:
  safety-day: {team: safety, at_least: 25%, window: day}
  safety-week: {team: safety, at_least: 25%, window: week}
"""
KEY = SigningKey("alerts.example/log", Algorithm.ED25519, bytes(range(32)))
SECRET = b"a secret of the receiver and us"
DAY_MS = 86_400_000


@dataclass
class Post:
    """A request as it came; ``is_ours`` by its signature."""

    id: str
    body: dict[str, Any]
    is_ours: bool
    at_s: float
    path: str


@dataclass
class Receiver:
    """What answers each request in turn as ``script`` says, then well; ``posts`` are all that came whole."""

    script: list[str] = field(default_factory=list[str])
    posts: list[Post] = field(default_factory=list[Post])
    port: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)
    at_once: int = 0
    most_at_once: int = 0

    @property
    def ids(self) -> list[str]:
        return [post.id for post in self.posts]

    def take(self, request: BaseHTTPRequestHandler) -> None:
        body = request.rfile.read(int(request.headers["Content-Length"]))
        with self.lock:
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
            told = dict(part.split("=", 1) for part in request.headers["Equipoise-Signature"].split(","))
            expected = hmac.new(SECRET, told["t"].encode() + b"." + body, hashlib.sha256).hexdigest()
            is_ours = hmac.compare_digest(expected, told["v1"])
            post = Post(request.headers["Equipoise-Id"], json.loads(body), is_ours, time.monotonic(), request.path)
            self.posts.append(post)
            how = self.script.pop(0) if self.script else "well"
        try:
            self._answer(request, how)
        finally:
            with self.lock:
                self.at_once -= 1

    def _answer(self, request: BaseHTTPRequestHandler, how: str) -> None:
        line = request.connection
        if how in ("late", "slow"):
            time.sleep(1.0 if how == "late" else 0.2)
        elif how == "drip":  # a byte now and then, so that no single read ever waits long
            for byte in b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n":
                line.sendall(bytes([byte]))
                time.sleep(0.05)
            return
        elif how == "closes":
            line.shutdown(socket.SHUT_RDWR)
            return
        elif how == "garbage":
            line.sendall(b"\x00\xff\x1b[31m secret \r\n\r\n")
            return
        elif how == "large":
            line.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\n" + b"x" * 100_000)
            return
        elif how == "huge headers":
            line.sendall(b"HTTP/1.1 200 OK\r\n" + b"X-A: " + b"a" * 2_000_000 + b"\r\n\r\n")
            return
        status = int(how) if how.isdigit() else 200
        request.send_response(status)
        if 300 <= status < 400:
            request.send_header("Location", f"http://127.0.0.1:{self.port}/elsewhere")
        request.send_header("Content-Length", "0")
        request.end_headers()


@contextmanager
def receiving(*script: str) -> Generator[Receiver]:
    """Let a receiver listen on loopback."""
    found = Receiver([*script])

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            with suppress(BrokenPipeError, ConnectionResetError):
                found.take(self)

        do_GET = do_POST  # noqa: N815

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def hook(folder: Path, receiver: Receiver, **more: Any) -> dict[str, Any]:
    """Return the table of a webhook."""
    secret = folder / "secret"
    secret.write_bytes(SECRET + b"\n")
    secret.chmod(0o600)
    url = f"http://127.0.0.1:{receiver.port}/hooks/path-that-is-secret"
    return {"name": "pager", "url": url, "secret_file": str(secret), "timeout_ms": 500} | more


@dataclass
class Lab:
    """A controller that is stepped by the test, and alerts in their own thread."""

    folder: Path
    policy: str = "product-first"
    charter: str = CHARTER

    def __post_init__(self) -> None:
        self.clock = VirtualClock()
        self.chance = Random(1)
        pools = loads(self.charter.encode()).pools
        self.world = World(self.clock, pools, self.chance, Faults(), lambda job: 400 * DAY_MS)
        self.disk = Disk(self.chance)
        self.alerts: Alerts | None = None
        self.controller: Controller | None = None

    def begin(self, settings: dict[str, Any] | None = None, notices: dict[str, Any] | None = None, **more: Any) -> Lab:
        """Open a controller, and begin alerts where there are settings for them."""
        found = open_controller(
            lambda: FailingStore(open_sqlite(self.folder / "ledger.db", origin=KEY.name), Doom(), self.disk),  # pyright: ignore[reportArgumentType]
            lambda charter: ScriptedEngine(self.world),
            folder=self.folder, spool_folder=self.folder / "spool", key=KEY,
            foundation=Foundation(loads(self.charter.encode()), self.charter, self.policy, Options(latency=Latency())),
            settings=Live(longest_wait_ms=600_000, survey_every_ms=600_000), clock=self.clock, chance=self.chance, room=64,
            **more,
        )  # fmt: skip
        assert found is not None
        self.controller = found
        if settings is not None:
            told = Settings.of({"look_every_ms": 20, "retry_least_ms": 20, "retry_most_ms": 200} | settings)
            self.alerts = Alerts(found, self.folder, told, Notices.of(notices or {}), chance=Random(2))
            self.alerts.start()
        return self

    def end(self) -> None:
        """Let both go."""
        try:
            if self.alerts is not None:
                self.alerts.stop()
                assert self.alerts.failure is None, self.alerts.failure
        finally:
            if self.controller is not None:
                self.controller.close()
            self.alerts = self.controller = None

    def submit(self, team: str, gang: int) -> None:
        assert self.controller is not None
        command = Command(("train",), {"API_KEY": "value-of-the-environment"})
        asked = Asked(gang=gang, team=team, pool="big", user="ada", walltime_ms=100 * DAY_MS)
        future = self.controller.submit(asked, command, owner="ada")
        self.until(future.done)
        future.result()

    def until(self, is_so: Callable[[], bool], *, timeout_s: float = 60.0, frozen: bool = True) -> None:
        """Step until something is so; ``frozen``: in the lab no time passes meanwhile."""
        assert self.controller is not None
        deadline = time.monotonic() + timeout_s
        while not is_so():
            assert time.monotonic() < deadline, "it does not come to that"
            assert self.alerts is None or self.alerts.failure is None, self.alerts.failure
            if frozen:
                self.controller._loop.engine.wake()
            self.controller.step()
            time.sleep(0.002)

    def pass_by(self, ms: int) -> None:
        """Let so much time pass in the lab, and the alerts see it."""
        assert self.controller is not None
        until_ms = self.clock.steady_ms + ms
        while self.clock.steady_ms < until_ms:
            self.controller.step()
        self.looked()

    def looked(self) -> None:
        """Wait for the alerts to have seen how things stand now."""
        if self.alerts is not None:
            before = self.alerts.looks
            self.until(lambda: self.alerts is None or self.alerts.looks >= before + 2)
