"""Where charters are measured: in this process, on the processors of this machine, or on Ray; the figures are the same."""

from __future__ import annotations

import importlib
import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, TimeoutError
from types import TracebackType
from typing import Any

from equipoise.charter_io import loads
from equipoise.errors import EngineError, InputError
from equipoise.tune import Case, Figures, Gauge

Halt = Callable[[], bool]
LOOK_S = 0.2
"""How often whoever waits for a worker asks whether to end."""


class Here:
    """Measures one charter after the other in this process."""

    def __init__(self, cases: Sequence[Case], *, halt: Halt | None = None) -> None:
        self._gauges, self._halt = [Gauge(case) for case in cases], halt

    def __enter__(self) -> Here:
        return self

    def __exit__(self, *ended: object) -> None:
        """Nothing to end."""

    def __call__(self, charters: Sequence[bytes], /, *, case: int = 0) -> Iterator[Figures]:
        """Measure charters on one of the cases; fewer if halted."""
        for data in charters:
            found = self._gauges[case](loads(data), halt=self._halt)
            if found is None or (self._halt is not None and self._halt()):
                return
            yield found


class Processes:
    """Measures on so many processes of this machine; each is given the log once, and finds the scheduler compiled.

    Processes are begun anew and not forked, for threads of NumPy and Polars do not survive a fork; so a script that calls
    this keeps its own work under ``if __name__ == "__main__":``.
    """

    def __init__(self, cases: Sequence[Case], *, workers: int, halt: Halt | None = None) -> None:
        self._halt = halt
        spawn = multiprocessing.get_context("spawn")
        self._pool = ProcessPoolExecutor(workers, mp_context=spawn, initializer=_begin, initargs=(cases,))
        for _ in range(workers):  # so that they begin now
            self._pool.submit(os.getpid)

    def __enter__(self) -> Processes:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown(cancel_futures=True)

    def __call__(self, charters: Sequence[bytes], /, *, case: int = 0) -> Iterator[Figures]:
        """Measure charters on one of the cases; fewer if halted."""
        waiting = [self._pool.submit(_measured, case, data) for data in charters]
        for future in waiting:
            found = self._awaited(future)
            if found is None:
                for each in waiting:
                    each.cancel()
                return
            yield found

    def _awaited(self, future: Future[Figures]) -> Figures | None:
        while True:
            if self._halt is not None and self._halt():
                return None
            try:
                return future.result(LOOK_S)
            except TimeoutError:
                continue


class Worker:
    """What a worker keeps: the cases that it measures charters on."""

    def __init__(self, *cases: Case) -> None:
        self._gauges = [Gauge(case) for case in cases]

    def measured(self, case: int, data: bytes) -> Figures:
        """Measure a charter."""
        found = self._gauges[case](loads(data))
        assert found is not None, "nobody halts a worker"
        return found


_worker: list[Worker] = []


def _begin(cases: Sequence[Case]) -> None:
    """Prepare a process: Ctrl-C is for the one that asked, which ends its workers."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _worker[:] = [Worker(*cases)]


def _measured(case: int, data: bytes) -> Figures:
    return _worker[0].measured(case, data)


class RayActors:
    """Measures on so many actors of a Ray cluster, one processor each; the log is put into the object store once.

    Every node needs this version of Equipoise. The cluster is the one of ``RAY_ADDRESS``; without it one is begun here and
    ended in the end.

    Raises
    ------
    InputError
        U106 if Ray is not installed.
    EngineError
        U107 if the cluster does not answer, or a worker fails.
    """

    def __init__(self, cases: Sequence[Case], *, workers: int, halt: Halt | None = None) -> None:
        try:
            self._ray: Any = importlib.import_module("ray")
        except ImportError:
            hint = "pip install 'equipoise[ray]'"
            raise InputError("U106", "Ray is not installed", hint=hint) from None
        self._halt = halt
        self._mine = not self._ray.is_initialized()
        if self._mine:
            where = {} if os.environ.get("RAY_ADDRESS") else {"num_cpus": workers, "include_dashboard": False}
            try:
                self._ray.init(log_to_driver=False, logging_level="error", **where)
            except Exception as error:
                raise EngineError("U107", f"Ray does not begin: {error}", hint="see RAY_ADDRESS") from error
        logs = [self._ray.put(case) for case in cases]
        actor = self._ray.remote(num_cpus=1)(Worker)
        self._actors = [actor.remote(*logs) for _ in range(workers)]

    def __enter__(self) -> RayActors:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for actor in self._actors:
            self._ray.kill(actor)
        if self._mine:
            self._ray.shutdown()

    def __call__(self, charters: Sequence[bytes], /, *, case: int = 0) -> Iterator[Figures]:
        """Measure charters on one of the cases; fewer if halted."""
        asked = [
            self._actors[number % len(self._actors)].measured.remote(case, data) for number, data in enumerate(charters)
        ]
        for number, reference in enumerate(asked):
            while not self._ray.wait([reference], timeout=LOOK_S)[0]:
                if self._halt is not None and self._halt():
                    for each in asked[number:]:
                        self._ray.cancel(each, force=False)
                    return
            try:
                yield self._ray.get(reference)
            except self._ray.exceptions.RayError as error:
                raise EngineError("U107", f"a worker of Ray failed: {error}", hint="see its log") from error
