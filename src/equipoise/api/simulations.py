"""Simulations that callers ask for: each in a process of its own, with limits; what it was asked and what came of it in a folder.

`Simulations.begin` is the main path. The process is `equipoise.api.rehearsal`; it ends with the server, for it listens whether the
server is still there.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from equipoise.errors import InputError, StoreError
from equipoise.units import shown

MOST_AT_ONCE = 2
MOST_KEPT = 100
GRACE_S = 2.0
Plain = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Limits:
    """What a simulation may take.

    Parameters
    ----------
    cpu_s : int
        Processor time.
    memory_bytes : int
        Address space.
    """

    cpu_s: int = 3_600
    memory_bytes: int = 16 << 30


class Simulations:
    """The simulations of a lab.

    Parameters
    ----------
    folder : Path
        Made when the first begins; the latest stay there.
    ledger : Path or None
        The file of the ledger; None: it is in PostgreSQL, at the address of the environment.
    limits : Limits
    """

    def __init__(self, folder: Path, ledger: Path | None, limits: Limits | None = None) -> None:
        self._folder, self._ledger, self._limits = folder, ledger, limits or Limits()
        self._turn = threading.Lock()
        self._running: dict[int, tuple[str, subprocess.Popen[bytes]]] = {}

    def begin(self, asked: Mapping[str, Any], *, token: str, person: str) -> int:
        """Begin a simulation; returns its number.

        Raises
        ------
        InputError
            N168 where another of the same token runs, N138 where too many run.
        StoreError
            N162 where it cannot be kept.
        """
        with self._turn:
            self._reap()
            if any(who == token for who, _ in self._running.values()):
                raise InputError("N168", "a simulation of this token runs already", hint="wait for it, or DELETE it")
            if len(self._running) >= MOST_AT_ONCE:
                raise InputError("N138", f"{MOST_AT_ONCE} simulations run already", hint="try again later")
            number = max(self._numbers(), default=0) + 1
            place = self._folder / str(number)
            told = {
                **asked, "person": person, "begun_ms": time.time_ns() // 1_000_000, "cpu_s": self._limits.cpu_s,
                "memory_bytes": self._limits.memory_bytes, "ledger": None if self._ledger is None else os.fspath(self._ledger),
            }  # fmt: skip
            try:
                place.mkdir(mode=0o700, parents=True)
                _put(place / "asked.json", told)
                with (place / "log").open("wb") as log:
                    process = subprocess.Popen(
                        [sys.executable, "-m", "equipoise.api.rehearsal", os.fspath(place.resolve())],
                        stdin=subprocess.PIPE, stdout=log, stderr=log, start_new_session=True,
                    )  # fmt: skip
            except OSError as error:
                raise StoreError("N162", f"no simulation can begin: {error.strerror}", retryable=True) from error
            self._running[number] = token, process
            self._prune()
        return number

    def all(self) -> list[Plain]:
        """Return all that are kept, the first one first."""
        return [self.status(number) for number in sorted(self._numbers())]

    def status(self, number: int) -> Plain:
        """Return how a simulation stands; N167 for one that is not there."""
        place = self._place(number)
        with self._turn:
            self._reap()
            runs = number in self._running
        asked = _read(place / "asked.json")
        fault = _read(place / "fault.json")
        is_done = (place / "result.json").exists()
        state = "running" if runs else "done" if is_done else "failed" if fault else "cancelled"
        if state == "cancelled" and not (place / "cancelled").exists():
            state, fault = (
                "failed",
                {"code": "N168", "title": "it ended without a result: out of time, memory, or luck"},
            )
        progress = _read(place / "progress.json")
        return {
            "simulation": number,
            "state": state,
            "person": asked.get("person"),
            "begun_ms": asked.get("begun_ms"),
            "policy": asked.get("policy"),
            "run": asked.get("run"),
            "has_text": asked.get("text") is not None,
            "done_ppm": 1_000_000 if state == "done" else progress.get("done_ppm", 0),
            "stage": "done" if state == "done" else progress.get("stage", "starting"),
            "fault": fault or None,
        }

    def result(self, number: int) -> Plain:
        """Return what came of a simulation; N168 while it has no result."""
        place = self._place(number)
        if not (place / "result.json").exists():
            state = self.status(number)["state"]
            raise InputError("N168", f"simulation {number} is {state}, and has no result", hint="ask how it stands")
        return _read(place / "result.json")

    def cancel(self, number: int) -> bool:
        """End a simulation; whether it still ran."""
        place = self._place(number)
        with self._turn:
            self._reap()
            found = self._running.pop(number, None)
        if found is None:
            return False
        with suppress(OSError):
            (place / "cancelled").touch()
        _end(found[1])
        return True

    def close(self) -> None:
        """End all that run."""
        with self._turn:
            running, self._running = self._running, {}
        for number, (_, process) in running.items():
            with suppress(OSError):
                (self._folder / str(number) / "cancelled").touch()
            _end(process)

    def _place(self, number: int) -> Path:
        place = self._folder / str(number)
        if not (place / "asked.json").exists():
            raise InputError("N167", f"there is no simulation {shown(str(number))}", hint="/simulations lists them")
        return place

    def _reap(self) -> None:
        for number, (_, process) in list(self._running.items()):
            if process.poll() is not None:
                assert process.stdin is not None
                process.stdin.close()
                del self._running[number]

    def _numbers(self) -> list[int]:
        if not self._folder.is_dir():
            return []
        return [int(one.name) for one in self._folder.iterdir() if one.name.isdecimal()]

    def _prune(self) -> None:
        over = [number for number in sorted(self._numbers()) if number not in self._running]
        for number in over[: max(0, len(over) - MOST_KEPT)]:
            shutil.rmtree(self._folder / str(number), ignore_errors=True)


def _end(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin is not None
    with suppress(OSError):
        process.stdin.close()
    for kind in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, kind)
        with suppress(subprocess.TimeoutExpired):
            process.wait(GRACE_S)
            return


def _put(path: Path, values: Mapping[str, Any]) -> None:
    beside = path.with_name(path.name + ".new")
    beside.write_text(json.dumps(values), "utf-8")
    beside.replace(path)


def _read(path: Path) -> Plain:
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return cast(Plain, found) if isinstance(found, dict) else {}
