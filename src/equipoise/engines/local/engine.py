"""The local engine: what the controller holds. It says everything to the supervisor, and hears everything from it."""

from __future__ import annotations

import os
import sys
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from itertools import count
from pathlib import Path
from typing import Any

from equipoise.charter.model import Pool
from equipoise.engines.local import output, wire
from equipoise.engines.local.connection import Connection
from equipoise.engines.local.machine import gpus
from equipoise.engines.local.settings import Settings
from equipoise.engines.local.wire import Message, attempt_of, launch_message
from equipoise.engines.protocol import (
    Arrived,
    Attempt,
    Condition,
    Ended,
    Launch,
    Node,
    NodeChanged,
    Observation,
    Phase,
    Refused,
    Running,
    Seen,
    Stopped,
)
from equipoise.errors import EngineError, InputError

LAST = (Phase.ENDED, Phase.STOPPED)
RETRY_S = 0.3


class LocalEngine:
    """Processes of this machine; see `open_engine`."""

    name = "local"

    def __init__(self, settings: Settings, pools: tuple[Pool, ...], folder: Path) -> None:
        self._settings = settings
        self._pools = pools
        self._folder = folder
        self._inherited = {name: os.environ[name] for name in settings.pass_environment if name in os.environ}
        self._numbers = count(1)
        self._unanswered: dict[int, Message] = {}
        """Requests that were not done yet, for all that is known: sent again to the next supervisor."""
        self._failed: dict[int, str] = {}
        """Those of them that could not be done: tried again."""
        self._retried = 0.0
        self._known: dict[Attempt, Phase] = {}
        self._heard: deque[Observation] = deque()
        self._trouble = ""
        self._connection: Connection | None = None
        self._closed = False
        self._woken = False
        self._connect()

    # ------------------------------------------------------------------------------------------- the protocol

    def nodes(self) -> Sequence[Node]:
        """Every node that the pools expect; those beyond the devices of this machine are down."""
        return [_node(told) for told in self._ask({"do": "nodes"})["nodes"]]

    def attempts(self) -> Sequence[Seen]:
        """Every attempt that was started and not forgotten."""
        return [_seen(told) for told in self._ask({"do": "attempts"})["attempts"]]

    def waiting(self) -> Sequence[Arrived]:
        """Nothing: users cannot give jobs to this engine."""
        return ()

    def launch(self, launch: Launch, /) -> None:
        """Start an attempt."""
        message = launch_message(launch)
        size = sum(map(len, message["argv"] or ())) + sum(len(k) + len(v) for k, v in message["environment"].items())
        if size > wire.LONGEST_MESSAGE // 8:
            self._heard.append(Refused(launch.attempt, f"arguments and environment of {size >> 20} MB are too long"))
            return
        self._say(message)

    def warn(self, attempt: Attempt, /, *, by_ms: int, reason: str) -> None:
        """Send a job with savepoints the signal for one."""
        self._say({"do": "warn", "attempt": str(attempt)})

    def stop(self, attempt: Attempt, /, *, grace_ms: int, requeue: bool) -> None:
        """Ask the attempt's processes to end, and kill what is left of them after its grace."""
        self._say({"do": "stop", "attempt": str(attempt), "grace_ms": max(0, grace_ms)})

    def forget(self, attempt: Attempt, /) -> None:
        """Let go of an attempt that ended; its output stays where `output` says."""
        self._say({"do": "forget", "attempt": str(attempt)})

    def drain(self, pool: str, node: int, /, *, back: bool = False) -> None:
        """Start nothing more on a node, or again."""
        if not any(found.name == pool and 0 <= node < found.nodes for found in self._pools):
            raise EngineError("E107", f"there is no node {node} in a pool {pool!r} of the local engine")
        self._say({"do": "drain", "pool": pool, "node": node, "back": back})

    def observe(self, timeout_s: float, /) -> Sequence[Observation]:
        """Return what happened; raises EngineError E105, retryable, while the disk is full."""
        deadline = time.monotonic() + max(0.0, timeout_s)
        self._try_again()
        while not self._heard:
            left = deadline - time.monotonic()
            if not self._hear(max(0.0, left)) and (self._was_woken() or time.monotonic() >= deadline):
                break
            if not self._heard:
                self._complain()
        while self._connection is not None and self._connection.has_more:
            self._hear(0.0)
        if not self._heard:
            self._complain()
        found = list(self._heard)
        self._heard.clear()
        return found

    def wake(self) -> None:
        """Let `observe` return."""
        self._woken = True
        connection = self._connection
        if connection is not None:
            with suppress(OSError):
                os.eventfd_write(connection.wake, 1)

    def close(self) -> None:
        """Hang up. The supervisor stays for as long as a job runs."""
        self._closed = True
        if self._connection is not None:
            with suppress(ConnectionError, EngineError):
                self._flush()
            self._drop()

    def output(self, attempt: Attempt) -> Sequence[Path]:
        """Where an attempt's output is: standard output and standard error of each of its processes."""
        return output.files(output.folder_of(self._folder / wire.LOGS, str(attempt)))

    # ----------------------------------------------------------------------------------------- the connection

    def _connect(self) -> None:
        """Reach a supervisor, and work out what happened since the last one was heard."""
        deadline = time.monotonic() + self._settings.answer_s
        while True:
            self._connection = Connection(self._folder, self._settings.answer_s, self._inherited)
            try:
                found = self._exchange(self._hello())
                break
            except ConnectionError as error:  # it was just ending: the next is started
                self._drop()
                if time.monotonic() > deadline:
                    raise self._silent(str(error)) from error
        if "other" in found:
            self._drop()
            raise EngineError(
                "E106", f"the supervisor in {self._folder} is of another version of Equipoise",
                hint="it ends when its jobs have; or kill it: jobs run on and are found again, but their exit codes are lost",
            )  # fmt: skip
        self._trouble = found["trouble"]
        self._compare([_seen(told) for told in found["attempts"]])

    def _hello(self) -> Message:
        settings = asdict(self._settings) | {
            "per_part": self._settings.processes == "per-part",
            "inherited": self._inherited,
            "device_variables": () if self._devices is None else self._settings.device_variables,
        }
        pools = [[pool.name, pool.nodes, pool.gpus_per_node] for pool in self._pools]
        return {"do": "hello", "version": wire.VERSION, "pools": pools, "devices": self._devices, "settings": settings}

    def _compare(self, stands: Sequence[Seen]) -> None:
        """Report what changed while nobody was connected."""
        before, self._known = self._known, {seen.attempt: seen.phase for seen in stands}
        asked = {message["attempt"] for message in self._unanswered.values() if message["do"] == "launch"}
        for seen in stands:
            was = before.pop(seen.attempt, Phase.STARTING if str(seen.attempt) in asked else None)
            if was is None or was in LAST or was == seen.phase:
                continue
            if was is Phase.STARTING and seen.phase is not Phase.STARTING:
                self._heard.append(Running(seen.attempt))
            if seen.phase in LAST:
                self._heard.append(_last(seen))
        for attempt, was in before.items():
            if was not in LAST and str(attempt) not in asked:
                self._heard.append(Ended(attempt, None, "the supervisor knows nothing of it"))

    @property
    def _devices(self) -> Sequence[str] | None:
        given = self._settings.devices
        return None if given == "slots" else gpus() if given == "auto" else tuple(given)

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _again(self) -> None:
        """Connect anew, and send again what was not answered."""
        self._drop()
        if self._closed:
            raise EngineError("E103", "the local engine is closed")
        self._connect()
        self._failed.clear()
        try:
            for number, message in list(self._unanswered.items()):
                self._linked.send({"id": number, **message})
        except ConnectionError as error:
            raise self._silent(str(error)) from error

    @property
    def _linked(self) -> Connection:
        if self._connection is None:
            raise ConnectionError("not connected")
        return self._connection

    def _say(self, message: Message) -> None:
        """Send a request that is done whenever it is; it is sent again until it was."""
        number = next(self._numbers)
        self._unanswered[number] = message
        if message["do"] == "launch":
            self._known.setdefault(attempt_of(message["attempt"]), Phase.STARTING)
        try:
            self._linked.send({"id": number, **message})
        except ConnectionError:
            self._again()

    def _ask(self, message: Message) -> Message:
        """Send a request and wait for its answer; what happens meanwhile is kept for `observe`."""
        for last in (False, True):
            try:
                if self._connection is None:
                    self._again()
                return self._exchange(message)
            except ConnectionError as error:
                self._drop()
                if last:
                    raise self._silent(str(error)) from error
        raise AssertionError

    def _exchange(self, message: Message) -> Message:
        number = next(self._numbers)
        self._linked.send({"id": number, **message})
        deadline = time.monotonic() + self._settings.answer_s
        while time.monotonic() < deadline:
            found = self._linked.receive(deadline - time.monotonic())
            if found is None:
                self._was_woken(keep=True)
            elif found.get("re") == number:
                return found
            else:
                self._take(found)
        raise ConnectionError("the supervisor does not answer")

    def _flush(self) -> None:
        """See to it that what was asked for is done, before hanging up."""
        if self._unanswered:
            self._exchange({"do": "nodes"})

    def _silent(self, why: str) -> EngineError:
        return EngineError(
            "E103", f"the local engine's supervisor in {self._folder} cannot be spoken to: {why}", retryable=True
        )

    # -------------------------------------------------------------------------------------- what is heard

    def _hear(self, timeout_s: float) -> bool:
        """Take one message; tells whether there was one."""
        try:
            found = self._linked.receive(timeout_s)
        except ConnectionError:
            self._again()
            return True
        if found is not None:
            self._take(found)
        return found is not None

    def _take(self, message: Message) -> None:
        if "re" in message:
            if "failed" in message:
                self._failed[message["re"]] = message["failed"]
            else:
                self._unanswered.pop(message["re"], None)
            return
        kind = message["event"]
        if kind in ("trouble", "well"):
            self._trouble = message.get("message", "")
        elif kind == "node":
            self._heard.append(NodeChanged(_node(message["node"])))
        else:
            attempt = attempt_of(message["attempt"])
            if kind == "running":
                self._known[attempt] = Phase.RUNNING
                self._heard.append(Running(attempt))
            elif kind == "refused":
                self._known.pop(attempt, None)
                self._heard.append(Refused(attempt, message["reason"]))
            else:
                self._known.pop(attempt, None)
                self._heard.append(_last(_seen(message)))

    def _try_again(self) -> None:
        """Send once more what could not be done."""
        if self._failed and time.monotonic() - self._retried >= RETRY_S:
            self._retried = time.monotonic()
            failed, self._failed = self._failed, {}
            try:
                for number in failed:
                    self._linked.send({"id": number, **self._unanswered[number]})
            except ConnectionError:
                self._again()

    def _complain(self) -> None:
        trouble = self._trouble or next(iter(self._failed.values()), "")
        if trouble:
            raise EngineError(
                "E105", f"the local engine's supervisor cannot go on in {self._folder}: {trouble}",
                hint="give the machine what it lacks; nothing is lost meanwhile", retryable=True,
            )  # fmt: skip

    def _was_woken(self, *, keep: bool = False) -> bool:
        """Tell whether somebody called `wake` since the last time; ``keep``: `observe` is still to return for it."""
        with suppress(OSError):
            os.eventfd_read(self._linked.wake)
        woken = self._woken
        self._woken = keep and woken
        return woken


def open_engine(settings: Settings, pools: tuple[Pool, ...], folder: Path) -> LocalEngine:
    """Open the local engine over a folder of its own, with whatever runs there.

    Raises
    ------
    InputError
        E102, where the system has not what it needs.
    EngineError
        E103, E104, E106; E105 if the folder cannot be made.
    """
    if sys.platform != "linux" or not hasattr(os, "pidfd_open"):
        raise InputError(
            "E102", f"the local engine needs Linux, not {sys.platform}", hint="run the controller on a Linux machine"
        )
    folder = folder.resolve()
    try:
        folder.mkdir(mode=0o711, parents=True, exist_ok=True)
        (folder / wire.LOGS).mkdir(mode=0o711, exist_ok=True)
    except OSError as error:
        raise EngineError(
            "E105", f"the local engine's folder {folder} cannot be made: {error.strerror}", retryable=True
        ) from error
    return LocalEngine(settings, pools, folder)


def _node(told: list[Any]) -> Node:
    pool, number, name, condition, devices, reason = told
    return Node(pool, number, name, Condition(condition), devices, reason)


def _seen(told: Message) -> Seen:
    return Seen(attempt_of(told["attempt"]), Phase(told["phase"]), told["exit_code"], told["reason"])


def _last(seen: Seen) -> Observation:
    if seen.phase is Phase.STOPPED:
        return Stopped(seen.attempt)
    return Ended(seen.attempt, seen.exit_code, seen.reason)
