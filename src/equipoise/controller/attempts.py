"""What of the engine is taken: every attempt that was launched, or is to be, and has not let go of its devices.

The policy frees the devices of a job that it stops at the decision, and may give them to another at once. The engine is told to launch
only when they are clear, and never a second attempt of a job while the first is not gone. Attempts whose place nobody remembers (from
before a restart) keep their pool closed until they are gone, which their grace bounds.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from enum import Enum, auto

from equipoise.engines.protocol import Attempt, Launch, Part


class Stage(Enum):
    """How far an attempt is."""

    HELD = auto()
    """To be launched when its devices are clear."""
    LAUNCHED = auto()
    STOPPING = auto()


@dataclass(slots=True)
class Taken:
    """An attempt that has devices, or is to have them.

    Parameters
    ----------
    attempt : Attempt
    pool : str
    parts : tuple of Part or None
        None: not remembered. Empty where the engine chooses.
    gang : int
    stage : Stage
    launch : Launch or None
        What the engine is told; None of one that is not to start.
    touched : bool
        Whether the engine may know it.
    grace_ms : int
    requeue : bool
    told : bool
        Whether the engine has taken the launch or the stop.
    lost_ms : int or None
        Since when its node is gone, by the monotonic clock.
    given_up : bool
        Whether its job may run elsewhere although nothing was heard of it.
    tries : int
    next_ms : int
        When the engine is asked (again), by the monotonic clock.
    """

    attempt: Attempt
    pool: str
    parts: tuple[Part, ...] | None
    gang: int
    stage: Stage
    launch: Launch | None = None
    touched: bool = False
    grace_ms: int = 0
    requeue: bool = True
    told: bool = False
    lost_ms: int | None = None
    given_up: bool = False
    tries: int = 0
    next_ms: int = 0


class Attempts:
    """All attempts that are not gone.

    Parameters
    ----------
    sizes : dict of str to (nodes, devices of a node)
        Of each pool.
    """

    def __init__(self, sizes: dict[str, tuple[int, int]]) -> None:
        self._sizes = sizes
        self.all: dict[Attempt, Taken] = {}
        self._of_job: defaultdict[int, set[Attempt]] = defaultdict(set)
        self._on: defaultdict[tuple[str, int], int] = defaultdict(int)
        self._unplaced: defaultdict[str, int] = defaultdict(int)
        self.held: dict[Attempt, Taken] = {}
        """Those that are to be launched, in the order of the decisions."""
        self.stopping: dict[Attempt, Taken] = {}

    def __contains__(self, attempt: Attempt) -> bool:
        return attempt in self.all

    def get(self, attempt: Attempt) -> Taken | None:
        """Return an attempt; None if it is gone or was never there."""
        return self.all.get(attempt)

    def hold(self, launch: Launch) -> None:
        """Enter an attempt that is to be launched."""
        assert launch.attempt not in self.all, f"{launch.attempt} is started twice"
        taken = Taken(launch.attempt, launch.pool, launch.parts, launch.gang, Stage.HELD, launch)
        self._enter(taken)
        self.held[launch.attempt] = taken

    def found(self, attempt: Attempt, pool: str, gang: int, parts: tuple[Part, ...] | None) -> Taken:
        """Enter an attempt that the engine has already; ``parts`` is None where nobody remembers its place."""
        taken = Taken(attempt, pool, parts, gang, Stage.LAUNCHED, touched=True)
        taken.told = True
        self._enter(taken)
        self._count(taken, 1)
        return taken

    def touch(self, taken: Taken) -> None:
        """Note that the engine is told of an attempt now, so that its devices count as taken from here on."""
        if not taken.touched:
            taken.touched = True
            self._count(taken, 1)

    def launched(self, taken: Taken) -> None:
        """Note that the engine has taken a launch."""
        self.held.pop(taken.attempt, None)
        taken.stage, taken.told, taken.tries = Stage.LAUNCHED, True, 0

    def relaunch(self, taken: Taken, launch: Launch) -> None:
        """Let an attempt be launched again of which the engine knows nothing."""
        taken.launch = launch
        taken.stage, taken.told, taken.next_ms = Stage.HELD, False, 0
        self.held[taken.attempt] = taken

    def drop(self, taken: Taken) -> None:
        """Do not launch an attempt of which the engine was never told."""
        assert not taken.touched, "the engine may have it"
        self.held.pop(taken.attempt, None)
        taken.stage = Stage.STOPPING

    def stop(self, taken: Taken, *, grace_ms: int, requeue: bool) -> None:
        """Let an attempt be stopped."""
        self.held.pop(taken.attempt, None)
        taken.stage, taken.told, taken.tries, taken.next_ms = Stage.STOPPING, False, 0, 0
        taken.grace_ms, taken.requeue = grace_ms, requeue
        self.stopping[taken.attempt] = taken

    def give_up(self, taken: Taken) -> None:
        """Let the job of an attempt run elsewhere; what is known of its devices stays taken until somebody hears of it."""
        assert not taken.given_up, "it is given up once"
        taken.given_up = True
        self._of_job[taken.attempt.job].discard(taken.attempt)
        if taken.parts is None:
            self._count(taken, -1)
            taken.parts = (Part(-2, 0),)  # nowhere that anybody knows of
            self._count(taken, 1)

    def gone(self, attempt: Attempt) -> bool:
        """Let go of an attempt; returns whether it was there."""
        taken = self.all.pop(attempt, None)
        if taken is None:
            return False
        self.held.pop(attempt, None)
        self.stopping.pop(attempt, None)
        self._of_job[attempt.job].discard(attempt)
        if not self._of_job[attempt.job]:
            del self._of_job[attempt.job]
        if taken.touched:
            self._count(taken, -1)
        return True

    def may_launch(self, taken: Taken) -> bool:
        """Whether the devices of a held attempt are clear, and no other attempt of its job is about."""
        if self._unplaced[taken.pool] or len(self._of_job[taken.attempt.job]) > 1:
            return False
        if taken.touched:  # told before without an answer: it has its devices
            return True
        nodes, each = self._sizes[taken.pool]
        parts = taken.parts or ()
        if not parts:
            return self._on[taken.pool, -1] + taken.gang <= nodes * each
        return all(self._on[taken.pool, part.node] + part.devices <= each for part in parts)

    def _enter(self, taken: Taken) -> None:
        self.all[taken.attempt] = taken
        self._of_job[taken.attempt.job].add(taken.attempt)

    def _count(self, taken: Taken, sign: int) -> None:
        if taken.parts is None:
            self._unplaced[taken.pool] += sign
            return
        for part in taken.parts or (Part(-1, taken.gang),):
            self._on[taken.pool, part.node] += sign * part.devices
