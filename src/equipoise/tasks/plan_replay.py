"""What an amendment would have done to the last days of a run that is over: replayed in the background, asked for again until it is done.

`PlanReplays.begin` is the main path. One replay runs at a time, since it takes a processor; the same question gets the same answer.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from concurrent.futures import Future, ThreadPoolExecutor
from hashlib import sha256
from typing import Any

from equipoise.charter.model import Charter
from equipoise.errors import EquipoiseError, InputError
from equipoise.screens import LabRun
from equipoise.tasks.rehearse import Recorded, rehearse
from equipoise.units import DAY_MS
from equipoise.workload.part import part

MOST_WAITING = 3
MOST_KEPT = 20
Plain = dict[str, Any]


class PlanReplays:
    """Replays of plans, by name."""

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="plan-replay")
        self._found: OrderedDict[str, Future[Plain]] = OrderedDict()
        self._ended = threading.Event()

    def begin(self, run: LabRun, charter: Charter, text: str, *, until_ms: int, days: int) -> str:
        """Begin to replay the days of a run before a time, under its charter and under another; returns the replay's name.

        Parameters
        ----------
        run : LabRun
        charter : Charter
            In force in the run then.
        text : str
            The charter that is tried.
        until_ms : int
            In the run's own time.
        days : int

        Raises
        ------
        InputError
            N178 where too many wait.
        """
        from_ms = max(0, until_ms - days * DAY_MS)
        named = f"{run.name} {run.number} {from_ms} {until_ms} {text}"
        name = sha256(named.encode()).hexdigest()[:24]
        with self._turn:
            if name in self._found:
                return name
            if sum(not one.done() for one in self._found.values()) > MOST_WAITING:
                raise InputError("N178", "too many plans are being replayed", hint="wait until one of them is done")
            self._found[name] = self._worker.submit(
                self._replay, run, charter, text, from_ms, max(until_ms, from_ms + 1)
            )
            while len(self._found) > MOST_KEPT:
                done = next((name for name, one in self._found.items() if one.done()), None)
                if done is None:
                    break
                del self._found[done]
        return name

    def state(self, name: str) -> Plain:
        """Return how a replay stands: running, failed with why, or done with what came of it; N176 for one that is not there."""
        with self._turn:
            found = self._found.get(name)
        if found is None:
            raise InputError("N176", f"no replay {name[:40]}", hint="ask for the plan again")
        if not found.done():
            return {"replay": name, "state": "running", "fault": None, "result": None}
        error = found.exception()
        if error is not None:
            told = {"code": "N148", "sentence": f"a bug of ours: {type(error).__name__}", "hint": "please report it"}
            if isinstance(error, EquipoiseError):
                told = {"code": error.code, "sentence": error.message, "hint": error.hint}
            return {"replay": name, "state": "failed", "fault": told, "result": None}
        return {"replay": name, "state": "done", "fault": None, "result": found.result()}

    def close(self) -> None:
        """End what runs."""
        self._ended.set()
        self._worker.shutdown(wait=True, cancel_futures=True)

    def _replay(self, run: LabRun, charter: Charter, text: str, from_ms: int, until_ms: int) -> Plain:
        work = part(run.record.workload, from_ms, until_ms)
        if not len(work.jobs) and not work.services:
            raise InputError("N178", "nothing was asked for in these days", hint="choose a later moment, or more days")
        recorded = Recorded(work, charter, 0)
        return rehearse(recorded, text.encode(), "charter", halt=self._ended.is_set)
