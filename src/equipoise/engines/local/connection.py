"""The engine's connection to its supervisor: started if there is none, made again when it breaks, every wait bounded."""

from __future__ import annotations

import json
import os
import select
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

import equipoise
from equipoise.engines.local import wire
from equipoise.engines.local.wire import Lines, Message
from equipoise.errors import EngineError

START = (
    "import sys; sys.path.insert(0, sys.argv[1]); from pathlib import Path; "
    "from equipoise.engines.local.supervisor import main; main(Path(sys.argv[2]))"
)


class Connection:
    """A stream of messages to and from the supervisor of a folder. Raises ConnectionError when it breaks."""

    def __init__(self, folder: Path, answer_s: float, inherited: Mapping[str, str]) -> None:
        self._answer_s = answer_s
        self._socket = _connected(folder, answer_s, inherited)
        self._socket.settimeout(answer_s)
        self._lines = Lines()
        self._arrived: deque[Message] = deque()
        self.wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._poll = select.poll()
        for descriptor in (self._socket.fileno(), self.wake):
            self._poll.register(descriptor, select.POLLIN)

    def send(self, message: Message) -> None:
        """Send a message; what does not get through in time breaks the connection, as half of it may have."""
        try:
            self._socket.sendall(wire.text_of(message))
        except OSError as error:
            raise ConnectionError(str(error)) from error

    def receive(self, timeout_s: float) -> Message | None:
        """Return the next message, or None when time is over or `wake` was written to."""
        if self._arrived:
            return self._arrived.popleft()
        deadline = time.monotonic() + timeout_s
        while not self._arrived:
            ready = dict(self._poll.poll(max(0.0, deadline - time.monotonic()) * 1000))
            if self._socket.fileno() in ready:
                self._read()
            elif ready or time.monotonic() >= deadline:
                return None
        return self._arrived.popleft()

    @property
    def has_more(self) -> bool:
        """Whether `receive` has a message at hand."""
        return bool(self._arrived)

    def _read(self) -> None:
        try:
            data = self._socket.recv(1 << 20)
        except OSError as error:
            raise ConnectionError(str(error)) from error
        if not data:
            raise ConnectionError("the supervisor has gone")
        self._lines.add(data)
        self._arrived.extend(self._lines.take())

    def close(self) -> None:
        """Hang up."""
        self._socket.close()
        os.close(self.wake)


def _connected(folder: Path, answer_s: float, inherited: Mapping[str, str]) -> socket.socket:
    deadline = time.monotonic() + answer_s
    while True:
        found = socket.socket(socket.AF_UNIX)
        found.settimeout(max(0.1, deadline - time.monotonic()))
        try:
            wire.reach(folder, found, listen=False)
            return found
        except OSError as error:
            found.close()
            if time.monotonic() > deadline:
                raise EngineError(
                    "E103", f"the local engine's supervisor cannot be reached in {folder}: {error.strerror or error}",
                    hint=f"see {folder / wire.REPORT}", retryable=True,
                ) from error  # fmt: skip
        _start(folder, deadline, inherited)
        time.sleep(0.01)


def _start(folder: Path, deadline: float, inherited: Mapping[str, str]) -> None:
    """Start a supervisor; it does nothing if another was faster. It inherits no secret from the controller's environment."""
    where = str(Path(equipoise.__file__).parent.parent)
    with suppress(subprocess.TimeoutExpired), _report(folder) as report:
        done = subprocess.run(
            [sys.executable, "-I", "-S", "-c", START, where, str(folder)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=report, env=dict(inherited), cwd="/",
            timeout=max(0.5, deadline - time.monotonic()), check=False,
        )  # fmt: skip
        if done.stdout:
            code, message, hint, retryable = json.loads(done.stdout)
            raise EngineError(code, message, hint=hint, retryable=retryable)


def _report(folder: Path) -> BinaryIO:
    try:
        return open(folder / wire.REPORT, "ab")
    except OSError:
        return open(os.devnull, "ab")
