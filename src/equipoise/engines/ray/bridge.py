"""The controller's end of the driver (driver.py): requests down a pipe, replies and news up, every wait bounded."""

from __future__ import annotations

import contextlib
import json
import queue
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any

from equipoise.engines.ray.settings import Settings
from equipoise.errors import EngineError, InputError

Message = dict[str, Any]
Answered = Callable[[Message], None]
"""Takes a reply: ``ok``, or ``error`` with a sentence."""

_DRIVER = Path(__file__).with_name("driver.py")
_GONE: Message = {"news": "gone"}
_WOKEN: Message = {"news": "woken"}


class Bridge:
    """A driver that runs. When it ends, `receive` tells so once, and every later call raises E122."""

    def __init__(self, settings: Settings, log: Path) -> None:
        self._answer_s = settings.answer_ms / 1000
        self._inbox: queue.SimpleQueue[Message] = queue.SimpleQueue()
        self._set_aside: list[Message] = []
        self._waiting: dict[int, Answered] = {}
        self._asked = 0
        self.woken = False
        try:
            with log.open("ab") as errors:
                self._process = subprocess.Popen(
                    [*settings.python, str(_DRIVER)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors
                )
        except OSError as error:
            hint = "engines.ray.python names the Python that has the cluster's Ray."
            raise InputError("E120", f"engines.ray: python cannot be started: {error}", hint=hint) from error
        assert self._process.stdin is not None and self._process.stdout is not None
        self._requests: IO[bytes] = self._process.stdin
        self._reader = threading.Thread(target=self._read, args=(self._process.stdout,), daemon=True)
        self._reader.start()

    @property
    def lives(self) -> bool:
        """Whether the driver runs."""
        return self._process.poll() is None

    def send(self, do: str, answered: Answered, what: Mapping[str, Any] | None = None) -> None:
        """Ask, and return at once; `receive` calls ``answered`` with the reply."""
        self._asked += 1
        self._waiting[self._asked] = answered
        line = json.dumps({"id": self._asked, "do": do, **(what or {})}) + "\n"
        try:
            self._requests.write(line.encode())
            self._requests.flush()
        except (OSError, ValueError) as error:
            raise _broken() from error

    def ask(self, do: str, what: Mapping[str, Any] | None = None, *, within_s: float | None = None) -> Any:
        """Ask, and wait for the reply; news that come meanwhile stay for `receive`."""
        replies: list[Message] = []
        self.send(do, replies.append, what)
        until_s = time.monotonic() + (within_s or self._answer_s)
        while not replies:
            message = self._next(until_s - time.monotonic())
            if message is None:
                raise EngineError("E121", f"Ray did not answer in time: {do}", retryable=True)
            if message is _GONE:
                self._set_aside.append(message)
                raise _broken()
            if "id" not in message or self._answer(message) is None:
                self._set_aside.append(message)
        return result(do, replies[0])

    def receive(self, timeout_s: float) -> Message | None:
        """Hand on one reply, or return one piece of news; None when nothing came in time, or `wake` was called (``woken``)."""
        message = self._set_aside.pop(0) if self._set_aside else self._next(timeout_s)
        if message is None or message is _WOKEN:
            self.woken |= message is _WOKEN
            return None
        if "id" in message:
            self._answer(message)
            return {"news": "reply"}
        return message

    def wake(self) -> None:
        """Let `receive` return; from any thread."""
        self._inbox.put(_WOKEN)

    def close(self) -> None:
        """End the driver; what runs in Ray runs on."""
        with contextlib.suppress(OSError):
            self._requests.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join(5)

    def _next(self, timeout_s: float) -> Message | None:
        try:
            return self._inbox.get(timeout=max(0.0, timeout_s))
        except queue.Empty:
            return None

    def _answer(self, message: Message) -> Answered | None:
        answered = self._waiting.pop(message["id"], None)
        if answered is not None:
            answered(message)
        return answered

    def _read(self, replies: IO[bytes]) -> None:
        with replies:
            for line in replies:
                self._inbox.put(json.loads(line))
        self._inbox.put(_GONE)


def result(do: str, reply: Message) -> Any:
    """Return what a reply brings, or raise what it tells."""
    if reply.get("missing"):
        raise InputError(
            "E100",
            f"the Python of engines.ray has no Ray: {reply['error']}",
            hint="pip install 'equipoise[ray]', or name the cluster's Python as engines.ray.python.",
        )
    if "error" in reply:
        raise EngineError("E123", f"Ray could not carry out {do}: {reply['error']}", retryable=True)
    return reply["ok"]


def _broken() -> EngineError:
    hint = "It is connected again at the next call; jobs run on."
    return EngineError("E122", "the connection to Ray broke", hint=hint, retryable=True)
