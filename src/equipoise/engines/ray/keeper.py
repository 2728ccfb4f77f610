"""The keeper: one detached actor on every node. It runs the parts of attempts that are on its node, and keeps how they ended.

A *part* is what an attempt runs on one node: the command once, under the rank that the part has in the gang. What is known
of it is a record, which is written to the node's disk before anyone hears of it, so that a keeper that was killed and
started again by Ray knows what ended before. What still ran then is dead: the undertaker kills it (sweep.py).

Runs in Ray's worker processes, where Equipoise need not be installed: standard library only, shipped by value.
"""

from __future__ import annotations

import json
import os
import pwd
import signal
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

Record = dict[str, Any]
"""``attempt``, ``rank``, ``nodes`` (names, by rank), ``signal`` (of its warning, or empty), ``node`` (Ray's id), ``phase`` (running,
stopping, over), ``exit``, ``asked`` (by whom it was told to end, or empty), ``reason``, ``warned``, ``turn``."""

_KEPT_FROM = ("RAY_", "CUDA_VISIBLE_DEVICES", "OMP_NUM_THREADS", "EQUIPOISE_")
"""What Ray sets for its own workers, and jobs do not inherit."""


class Keeper:
    """Runs parts on one node. ``place`` names the node and its lab, ``node`` is Ray's id, ``directory`` holds records and output."""

    def __init__(self, place: str, node: str, directory: str, sweep: Callable[[str], int], undertaker: str) -> None:
        self._place = place
        self._node = node
        self._sweep = sweep
        self._directory = _own_directory(Path(directory))
        self._changed = threading.Condition()
        self._life = uuid.uuid4().hex
        self._turn = 0
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._undone: set[str] = set()
        sweep(place)
        self._records = self._read_records()
        self._undertaker = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", undertaker, place], stdin=subprocess.PIPE, start_new_session=True
        )

    def changes(self, life: str, turn: int, timeout_s: float) -> dict[str, Any]:
        """Return the records that changed after ``turn``, or all if the keeper has another ``life`` than the asker knows."""
        with self._changed:
            if life == self._life:
                self._changed.wait_for(lambda: self._turn > turn, timeout_s)
            else:
                turn = 0
            new = [record for record in self._records.values() if record["turn"] > turn]
            return {"life": self._life, "turn": self._turn, "records": sorted(new, key=lambda record: record["turn"])}

    def start(self, part: dict[str, Any]) -> Record:
        """Start a part, unless it was started before; raises OSError with the reason if it cannot."""
        key = _key(part["attempt"], part["rank"])
        with self._changed:
            if key in self._records:
                return self._records[key]
            if key in self._undone:
                raise OSError("another part of its gang could not start")
            record: Record = {name: part[name] for name in ("attempt", "rank", "nodes", "signal")}
            record |= {"node": self._node, "phase": "running", "exit": None, "asked": "", "reason": "", "warned": False}
            self._note(key, record)
            try:
                process = self._spawn(key, part)
            except (OSError, KeyError, ValueError):
                del self._records[key]
                self._file(key).unlink(missing_ok=True)
                raise
            self._running[key] = process
        threading.Thread(target=self._wait, args=(key, process), daemon=True).start()
        return record

    def warn(self, key: str) -> None:
        """Send the signal of a part with savepoints to its own process; what it started hears of it only from there."""
        with self._changed:
            process, record = self._running.get(key), self._records.get(key)
            if process is None or record is None or not record["signal"]:
                return
            process.send_signal(signal.Signals[record["signal"]])
            record["warned"] = True

    def stop(self, key: str, grace_ms: int, asked: str) -> None:
        """Ask a part to end, and force it after ``grace_ms``; ``asked`` is kept with it, and says why.

        A part with savepoints that was not warned is warned now, and asked when half of its grace is over.
        """
        with self._changed:
            process = self._running.get(key)
            if process is None:
                return
            record = self._records[key]
            unwarned = bool(record["signal"]) and not record["warned"] and grace_ms > 0
            if not record["asked"]:
                self._note(key, record | {"phase": "stopping", "asked": asked})
        if unwarned:
            self.warn(key)
        self._later(grace_ms / 2000 if unwarned else 0.0, self._end, key, process)
        self._later(grace_ms / 1000, self._force, key, process)

    def undo(self, key: str) -> None:
        """End a part whose gang could not start whole, and know it no more, also if it is to start only now."""
        with self._changed:
            process = self._running.get(key)
            self._undone.add(key)
        if process is not None:
            self._clear(key, process)
            process.wait()
        with self._changed:
            self._changed.wait_for(lambda: key not in self._running, 5.0)
            self.forget(key)

    def forget(self, key: str) -> None:
        """Let go of the record of a part that is over; its output stays."""
        with self._changed:
            if key in self._records and self._records[key]["phase"] == "over":
                del self._records[key]
                self._file(key).unlink(missing_ok=True)

    def _spawn(self, key: str, part: dict[str, Any]) -> subprocess.Popen[bytes]:
        environment = {name: value for name, value in os.environ.items() if not name.startswith(_KEPT_FROM)}
        account = _account(part["user"])
        if account:
            environment |= {"HOME": account.pw_dir, "USER": account.pw_name, "LOGNAME": account.pw_name}
        environment |= part["environment"]
        environment["EQUIPOISE_PLACE"] = f"{self._place}{key}/"
        as_user: dict[str, Any] = {}
        if account:
            groups = os.getgrouplist(account.pw_name, account.pw_gid)
            as_user = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": groups}
        with open(self._directory / f"{key}.log", "ab") as output:
            process: Any = subprocess.Popen(
                part["argv"],
                env=environment,
                cwd=part["directory"] or None,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                **as_user,
            )
        return process

    def _wait(self, key: str, process: subprocess.Popen[bytes]) -> None:
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        self._clear(key, process)  # before it is reaped: its number is still the group's
        exit_code = process.wait()
        with self._changed:
            del self._running[key]
            self._note(key, self._records[key] | {"phase": "over", "exit": exit_code})

    def _later(
        self,
        delay_s: float,
        do: Callable[[str, subprocess.Popen[bytes]], None],
        key: str,
        process: subprocess.Popen[bytes],
    ) -> None:
        if delay_s == 0:
            do(key, process)
            return
        timer = threading.Timer(delay_s, do, (key, process))
        timer.daemon = True
        timer.start()

    def _end(self, key: str, process: subprocess.Popen[bytes]) -> None:
        if self._running.get(key) is process:
            _signal_group(process.pid, signal.SIGTERM)

    def _force(self, key: str, process: subprocess.Popen[bytes]) -> None:
        if self._running.get(key) is process:
            self._clear(key, process)

    def _clear(self, key: str, process: subprocess.Popen[bytes]) -> None:
        """Kill what is left of a part, in its group or out of it."""
        _signal_group(process.pid, signal.SIGKILL)
        self._sweep(f"{self._place}{key}/")

    def _note(self, key: str, record: Record) -> None:
        """Write a record, then let those who wait know of it."""
        written = json.dumps({name: value for name, value in record.items() if name != "turn"})
        draft = self._directory / f"{key}.draft"
        try:
            draft.write_text(written, "utf-8")
            draft.replace(self._file(key))
        except OSError:
            if record["phase"] == "running":
                raise  # nothing runs that a later keeper does not know of
        self._turn += 1
        self._records[key] = record | {"turn": self._turn}
        self._changed.notify_all()

    def _read_records(self) -> dict[str, Record]:
        records: dict[str, Record] = {}
        for path in sorted(self._directory.glob("*.json")):
            try:
                record: Record = json.loads(path.read_text("utf-8"))
            except ValueError:
                continue
            if record["phase"] != "over" and record["node"] != self._node:
                path.unlink()  # lost with the node as it was before: whoever asks must not take it for an end of its own
                continue
            if record["phase"] != "over":
                record |= {
                    "phase": "over",
                    "exit": None,
                    "reason": "the keeper of its node was killed, and the job with it",
                }
            self._turn += 1
            records[path.stem] = record | {"turn": self._turn}
        return records

    def _file(self, key: str) -> Path:
        return self._directory / f"{key}.json"


def _key(attempt: str, rank: int) -> str:
    return f"{attempt}.{rank}"


def _own_directory(directory: Path) -> Path:
    """Make a directory that nobody else can write to; raises OSError if somebody else made it."""
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    found = directory.lstat()
    if found.st_uid != os.geteuid() or found.st_mode & 0o022:
        raise PermissionError(f"{directory} is not this user's alone")
    return directory


def _account(user: str) -> pwd.struct_passwd | None:
    """Return whose account a part runs under, or None for the keeper's own; raises KeyError if there is no such user."""
    if not user or os.geteuid() != 0:
        return None
    account = pwd.getpwnam(user)
    return None if account.pw_uid == os.geteuid() else account


def _signal_group(group: int, number: signal.Signals) -> None:
    try:
        os.killpg(group, number)
        os.killpg(group, signal.SIGCONT)
    except ProcessLookupError:
        pass
