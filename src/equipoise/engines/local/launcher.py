"""Starts one process of a job: forked, set up, held at a gate until its number is written down, then its command.

The gate is one end of a pair of sockets. A byte opens it; if the supervisor dies before, the child reads the end of the stream and ends
without having run anything. The child's own end closes by itself when the command begins: that is how the supervisor knows that it runs.
What goes wrong before is written there.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import socket
from collections.abc import Mapping
from dataclasses import dataclass

from equipoise.engines.local.processes import Process, status_of

NOT_STARTED = 127


@dataclass(frozen=True, slots=True)
class Identity:
    """As whom a job runs: numbers only, looked up before."""

    uid: int
    gid: int
    groups: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything that a child needs to become the job; limits are ``None`` where there is none."""

    argv: tuple[str, ...]
    environment: Mapping[str, str]
    directory: str
    identity: Identity | None
    limits: Mapping[int, int]
    nice: int


@dataclass(slots=True)
class Child:
    """A process that was started, and the supervisor's end of its gate (None once it runs)."""

    process: Process
    gate: socket.socket | None

    def let_go(self) -> None:
        """Open the gate: the command begins."""
        assert self.gate is not None
        try:
            self.gate.send(b"1")
        except OSError:
            pass  # it failed, or was killed; its status says so

    def verdict(self) -> str | None:
        """Tell how the start went: empty if the command runs, a reason if it cannot; None: not yet. Closes the gate."""
        if self.gate is None:
            return ""
        try:
            text = self.gate.recv(65536)
        except BlockingIOError:
            return None
        except OSError:
            text = b""
        self.gate.close()
        self.gate = None
        return text.decode(errors="replace")


def begin(recipe: Recipe, output: tuple[int, int]) -> Child:
    """Fork a child and return at once; it waits at its gate. Raises OSError if there can be no more processes."""
    ours, theirs = socket.socketpair()
    before = signal.pthread_sigmask(
        signal.SIG_BLOCK, signal.valid_signals()
    )  # what is sent to the child waits until it is one
    try:
        pid = os.fork()
    except OSError:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        ours.close()
        theirs.close()
        raise
    if pid == 0:
        try:
            ours.close()
            _become(recipe, output, theirs)
        finally:
            os._exit(NOT_STARTED)
    signal.pthread_sigmask(signal.SIG_SETMASK, before)
    theirs.close()
    ours.setblocking(False)
    status = status_of(pid)  # a child that was not waited for has one, even if it is dead
    assert status is not None
    return Child(Process(pid, status.started), ours)


def _become(recipe: Recipe, output: tuple[int, int], gate: socket.socket) -> None:
    """Turn this process into the job. Only ever returns if that cannot be; the reason has then been sent."""
    step = "start"
    try:
        os.setsid()
        nothing = os.open(os.devnull, os.O_RDONLY)
        for number, descriptor in enumerate((nothing, *output)):
            os.dup2(descriptor, number)
        signal.set_wakeup_fd(-1)
        for ignored in (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(ignored, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        step = "set the limits"
        for name, value in recipe.limits.items():
            hard = resource.getrlimit(name)[1]
            value = value if hard == resource.RLIM_INFINITY else min(value, hard)
            # Which files are open is for the job to raise up to what the machine allows; the others are not.
            resource.setrlimit(name, (value, hard if name == resource.RLIMIT_NOFILE else value))
        if recipe.nice:
            os.nice(recipe.nice)
        if recipe.identity is not None:
            step = "become the user"
            os.setgroups(recipe.identity.groups)
            os.setgid(recipe.identity.gid)
            os.setuid(recipe.identity.uid)
        step = f"change to the directory {recipe.directory!r}"
        os.chdir(recipe.directory)
        step = f"run {recipe.argv[0]!r}"
        if gate.recv(1):
            os.execvpe(recipe.argv[0], recipe.argv, recipe.environment)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        gate.send(f"cannot {step}: {reason}".encode(errors="replace"))


def problem(argv: object, environment: object) -> str:
    """Say why a command can be none; empty if it can. Never names a value of the environment: it may be secret."""
    if not isinstance(argv, list) or not argv or not all(isinstance(word, str) for word in argv):  # pyright: ignore[reportUnknownVariableType]
        return "the command is no list of texts"
    if not argv[0]:
        return "the command has no name"
    if not all(_fits(word) for word in argv):  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
        return "an argument holds a zero byte, or what is no text"
    assert isinstance(environment, dict)
    for name, value in environment.items():  # pyright: ignore[reportUnknownVariableType]
        if not name or "=" in name or not _fits(name):  # pyright: ignore[reportUnknownArgumentType]
            return f"the environment holds a variable with the impossible name {json.dumps(name)}"
        if not _fits(value):  # pyright: ignore[reportUnknownArgumentType]
            return f"the environment's variable {json.dumps(name)} holds a zero byte, or what is no text"
    return ""


def _fits(word: str) -> bool:
    try:
        return b"\0" not in os.fsencode(word)
    except UnicodeEncodeError:
        return False
