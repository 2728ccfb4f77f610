"""What the engine and its supervisor say to each other: JSON objects, one a line, over a Unix socket in the engine's folder.

Requests have a number, ``id``, and are answered by ``re``; what has no ``re`` is an event. A request may be sent again after the connection
broke: each does nothing if it is done already.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from equipoise.engines.protocol import Attempt, Launch

VERSION = 1
SOCKET, LOCK, JOURNAL, LOGS, REPORT = "socket", "lock", "journal", "logs", "supervisor.log"
LONGEST_MESSAGE = 32 << 20

Message = dict[str, Any]


def text_of(message: Message) -> bytes:
    """Return a message as it is sent."""
    return json.dumps(message, separators=(",", ":")).encode() + b"\n"


class Lines:
    """Messages out of a stream of bytes."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def add(self, data: bytes) -> None:
        """Take what was received."""
        self._pieces.append(data)

    def take(self) -> Iterator[Message]:
        """Give the messages that are whole; those not taken stay. Raises ValueError on what is no message."""
        text = b"".join(self._pieces)
        start = 0
        try:
            while (end := text.find(b"\n", start)) >= 0:
                line, start = text[start:end], end + 1
                yield json.loads(line)
            if len(text) - start > LONGEST_MESSAGE:
                raise ValueError("a message without end")
        finally:
            self._pieces = [text[start:]]


def attempt_of(text: str) -> Attempt:
    """Read ``12.0``."""
    job, _, number = text.partition(".")
    return Attempt(int(job), int(number))


def launch_message(launch: Launch) -> Message:
    """Say what is to start; this alone carries the environment, and it is kept nowhere."""
    command = launch.command
    return {
        "do": "launch",
        "attempt": str(launch.attempt),
        "team": launch.team,
        "name": launch.name,
        "pool": launch.pool,
        "gang": launch.gang,
        "parts": [[part.node, part.devices] for part in launch.parts],
        "savepoint": launch.savepoint,
        "argv": None if command is None else list(command.argv),
        "environment": {} if command is None else dict(command.environment),
        "directory": "" if command is None else command.directory,
        "user": "" if command is None else command.user,
    }


def reach(folder: Path, connected: socket.socket, *, listen: bool) -> None:
    """Bind or connect to the socket of a folder, however long the folder's path is (a socket's address has 107 bytes at most)."""
    handle = os.open(folder, os.O_PATH | os.O_DIRECTORY)
    try:
        address = f"/proc/self/fd/{handle}/{SOCKET}"
        if listen:
            connected.bind(address)
        else:
            connected.connect(address)
    finally:
        os.close(handle)
