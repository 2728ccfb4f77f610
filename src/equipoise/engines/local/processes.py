"""Processes as the kernel shows them in /proc: which are whose, and how to signal one without ever meaning another.

A process number is used again once its process is gone. A process is therefore named by its number *and* the time at which it started
(in clock ticks since the machine did), and signalled through a file descriptor of the process that was compared first.
"""

from __future__ import annotations

import ctypes
import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

PR_SET_CHILD_SUBREAPER = 36
MARK = "EQUIPOISE_ENGINE"
"""In the environment of every process of a job: which engine it belongs to, and which attempt."""


@dataclass(frozen=True, slots=True)
class Process:
    """A process, whatever happens to its number; ``started`` is in ticks since the machine started."""

    pid: int
    started: int


@dataclass(frozen=True, slots=True)
class Status:
    """What /proc says of a process."""

    state: str
    parent: int
    group: int
    session: int
    started: int


def status_of(pid: int) -> Status | None:
    """Read how a process stands; None if there is no such process."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            text = file.read()
    except (FileNotFoundError, ProcessLookupError):
        return None
    words = text[text.rindex(b")") + 2 :].split()  # the name before it may hold anything
    return Status(words[0].decode(), int(words[1]), int(words[2]), int(words[3]), int(words[19]))


def is_alive(process: Process) -> bool:
    """Tell whether a process still runs: not gone, no zombie, and not another of the same number."""
    status = status_of(process.pid)
    return status is not None and status.started == process.started and status.state not in "ZX"


def open_process(process: Process) -> int | None:
    """Return a descriptor of a process that becomes readable at its end; None if it is gone."""
    try:
        descriptor = os.pidfd_open(process.pid)
    except OSError:
        return None
    if is_alive(process):  # compared after it was opened: the descriptor is of the process that was compared
        return descriptor
    os.close(descriptor)
    return None


def send(process: Process, number: int) -> bool:
    """Signal a process, unless it is gone; tells whether it was there and may be signalled."""
    descriptor = open_process(process)
    if descriptor is None:
        return False
    try:
        signal.pidfd_send_signal(descriptor, number)
    except (ProcessLookupError, PermissionError):
        return False
    finally:
        os.close(descriptor)
    return True


def mark_of(pid: int) -> str | None:
    """Return the mark in a process's environment; empty if it has none, None if that cannot be read."""
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            text = b"\0" + file.read()
    except OSError:
        return None
    _, found, rest = text.partition(b"\0" + MARK.encode() + b"=")
    return rest.partition(b"\0")[0].decode(errors="replace") if found else ""


def marked(prefix: str) -> Iterator[tuple[Process, str]]:
    """Find every running process whose mark begins with ``prefix``, with the rest of the mark."""
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        mark = mark_of(int(name))
        if mark and mark.startswith(prefix):
            status = status_of(int(name))
            if status is not None and status.state not in "ZX":
                yield Process(int(name), status.started), mark.removeprefix(prefix)


def children() -> list[int]:
    """Return the numbers of this process's own children; only they can be signalled by number, as no one else lets them go."""
    own = os.getpid()
    with suppress(FileNotFoundError), open(f"/proc/self/task/{own}/children", "rb") as file:
        return [int(word) for word in file.read().split()]
    found: list[int] = []
    for name in os.listdir("/proc"):
        status = status_of(int(name)) if name.isdigit() else None
        if status is not None and status.parent == own:
            found.append(int(name))
    return found


def inherit_orphans() -> None:
    """Become the parent of all descendants whose own parent ends."""
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER)")


def boot() -> str:
    """Name the time since the machine started: another after each start."""
    with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
        return file.read().strip()
