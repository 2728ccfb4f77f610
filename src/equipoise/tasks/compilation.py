"""Compile the scheduler before the first run, and say so only where something really is compiled."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import cache
from typing import Any

import numpy as np
from numba.core import event

from equipoise.charter.model import EVERYTHING, NOTHING, Charter, Pool, Team
from equipoise.policy.plan import plan
from equipoise.simulator.run import NodeChange, simulate
from equipoise.workload import Jobs, Workload

SENTENCE = "compiling the scheduler (first use on this machine, a minute or two) …"


def compile_scheduler(*, outages: bool = False, announce: Callable[[str], None] | None = None) -> None:
    """Make sure that the scheduler is compiled; what was compiled before is read from numba's cache.

    Parameters
    ----------
    outages : bool
        Whether also what changes nodes is needed.
    announce : callable or None
        Called once with a sentence when compilation begins; never if everything is in the cache.

    Examples
    --------
    >>> compile_scheduler()
    """
    with announced(SENTENCE, announce):
        _run_once(outages=outages)


@contextmanager
def announced(sentence: str, announce: Callable[[str], None] | None) -> Generator[None]:
    """Announce a sentence once if something is compiled in the block."""
    announcer = _Announcer(sentence, announce)
    events: Any = event  # numba says nothing of its types
    events.register("numba:compile", announcer)
    try:
        yield
    finally:
        events.unregister("numba:compile", announcer)


class _Announcer(event.Listener):
    def __init__(self, sentence: str, announce: Callable[[str], None] | None) -> None:
        self._sentence, self._announce = sentence, announce

    def on_start(self, event: Any) -> None:
        if self._announce is not None:
            announce, self._announce = self._announce, None
            announce(self._sentence)

    def on_end(self, event: Any) -> None:
        """Nothing to say."""


@cache
def _run_once(*, outages: bool) -> None:
    """Replay one job on two tiny pools, with a close and, if asked, nodes that come and go."""
    pools = (Pool("a", "a", 2, 2), Pool("b", "b", 2, 1))
    team = Team("t", "t", None, dict.fromkeys("ab", NOTHING), dict.fromkeys("ab", EVERYTHING))
    charter = Charter(lab="", pools=pools, teams=(team,))
    one = np.ones(1, np.int64)
    index = np.zeros(1, np.int32)
    jobs = Jobs(
        submit_ms=0 * one,
        duration_ms=9 * one,
        gang=one.astype(np.int32),
        walltime_ms=0 * one,
        team=index,
        pool=index,
        user=index,
        priority=index,
        preemptible=one.astype(np.bool_),
        savepoint_ms=0 * one,
        after=index - 1,
    )
    changes = [NodeChange(at, pool, 1, state) for pool in "ab" for at, state in ((2, "down"), (4, "up"))]
    workload = Workload(jobs=jobs, teams=("t",), pools=("a",))
    way = plan(charter)
    simulate(workload, charter, way, reference=way, closes_ms=[3], nodes=changes if outages else ())
