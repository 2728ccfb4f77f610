"""An engine in virtual time, for the controller's faults: attempts take their time, reports are late, doubled or lost, calls fail before
or after they took effect, nodes go and come back. It keeps its own account of every device and attempt, and says what may never be.

`World` is what exists whether or not a controller lives; a `ScriptedEngine` is one controller's connection to it.
"""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random

from equipoise.charter.model import Pool
from equipoise.engines.protocol import (
    Arrived,
    Attempt,
    Condition,
    Ended,
    Launch,
    Node,
    NodeChanged,
    Observation,
    Part,
    Phase,
    Refused,
    Running,
    Seen,
    Stopped,
)
from equipoise.errors import EngineError

OVER = (Phase.ENDED, Phase.STOPPED)


class VirtualClock:
    """Two hands that move together, but for steps of the wall clock."""

    def __init__(self, start_ms: int = 1_790_000_000_000) -> None:
        self.wall_ms = start_ms
        self.steady_ms = 0

    def now_ms(self) -> int:
        return self.wall_ms

    def monotonic_ms(self) -> int:
        return self.steady_ms

    def pause(self, ms: int, /) -> None:
        self.advance(ms)

    def advance(self, ms: int) -> None:
        self.wall_ms += ms
        self.steady_ms += ms


@dataclass(frozen=True)
class Faults:
    """How often something goes wrong, each a probability."""

    lost: float = 0.0
    doubled: float = 0.0
    late: float = 0.0
    failing_call: float = 0.0
    refused: float = 0.0
    silent_node: float = 0.0


@dataclass
class Trial:
    """One attempt as it is in the world."""

    attempt: Attempt
    launch: Launch
    phase: Phase
    exit_code: int | None = None
    parts: tuple[Part, ...] = ()
    forgotten: bool = False
    dead: bool = False  # its node went


@dataclass
class World:
    """Devices, attempts and the time.

    ``length_ms`` says how long each job runs; ``violations`` is what an engine saw that may never be.
    """

    clock: VirtualClock
    pools: tuple[Pool, ...]
    chance: Random
    faults: Faults
    length_ms: Callable[[int], int]
    exit_code: Callable[[int], int] = lambda job: 0
    trials: dict[Attempt, Trial] = field(default_factory=dict[Attempt, Trial])
    used: Counter[tuple[str, int]] = field(default_factory=Counter[tuple[str, int]])
    conditions: defaultdict[tuple[str, int], Condition] = field(
        default_factory=lambda: defaultdict(lambda: Condition.UP)
    )
    violations: list[str] = field(default_factory=list[str])
    ends: Counter[int] = field(default_factory=Counter[int])
    launched_ms: dict[Attempt, int] = field(default_factory=dict[Attempt, int])
    coming: list[tuple[int, int, Callable[[], None]]] = field(default_factory=list[tuple[int, int, Callable[[], None]]])
    engine: ScriptedEngine | None = None
    sequence: int = 0
    warned: set[Attempt] = field(default_factory=set[Attempt])
    happened: Counter[str] = field(default_factory=Counter[str])
    """How often something went wrong."""

    # ------------------------------------------------------------------------------------------------------------ time

    def after(self, ms: int, what: Callable[[], None]) -> None:
        self.sequence += 1
        heapq.heappush(self.coming, (self.clock.steady_ms + ms, self.sequence, what))

    def pass_until(self, until_ms: int, *, may_end: Callable[[], bool]) -> None:
        """Let time pass until an instant of the steady clock, or until there is something to report."""
        while not may_end():
            if not self.coming or self.coming[0][0] > until_ms:
                self.clock.advance(max(0, until_ms - self.clock.steady_ms))
                return
            at_ms, _, what = heapq.heappop(self.coming)
            self.clock.advance(max(0, at_ms - self.clock.steady_ms))
            what()

    # -------------------------------------------------------------------------------------------------------- attempts

    def launch(self, order: Launch) -> None:
        if order.attempt in self.trials:
            return
        alive = [one for one in self.trials.values() if one.attempt.job == order.attempt.job and self._is_alive(one)]
        if alive:
            self.violations.append(f"{order.attempt} starts while {alive[0].attempt} is alive")
        trial = Trial(order.attempt, order, Phase.STARTING)
        self.trials[order.attempt] = trial
        self.launched_ms[order.attempt] = self.clock.steady_ms
        if sum(part.devices for part in order.parts) != order.gang and order.parts:
            self.violations.append(f"{order.attempt}: parts {order.parts} of a gang of {order.gang}")
        trial.parts = order.parts or self._chosen(order)
        for part in trial.parts:
            self._use(order.pool, part, 1)
        if any(self.conditions[order.pool, part.node] is Condition.DOWN for part in trial.parts):
            trial.dead = True  # the engine has not said so yet
            return
        if self.chance.random() < self.faults.refused:
            self.after(self.chance.randint(1, 500), lambda: self._over(trial, Phase.ENDED, None, refused=True))
        else:
            self.after(self.chance.randint(1, 3_000), lambda: self._begin(trial))

    def stop(self, attempt: Attempt, grace_ms: int) -> None:
        trial = self.trials.get(attempt)
        if trial is None or trial.phase in OVER or trial.phase is Phase.STOPPING:
            return
        trial.phase = Phase.STOPPING
        if not trial.dead:
            self.after(self.chance.randint(1, max(2, grace_ms)), lambda: self._over(trial, Phase.STOPPED, None))
        elif self.chance.random() >= self.faults.silent_node:
            self.after(self.chance.randint(1, 5_000), lambda: self._over(trial, Phase.STOPPED, None))

    def change_node(self, pool: str, node: int, condition: Condition) -> None:
        self.conditions[pool, node] = condition
        if condition is Condition.DOWN:
            for trial in self.trials.values():
                if (
                    trial.launch.pool == pool
                    and any(part.node == node for part in trial.parts)
                    and trial.phase not in OVER
                ):
                    trial.dead = True
        elif condition is Condition.UP:
            for trial in [*self.trials.values()]:  # a node that comes back has nothing of what was on it
                is_there = trial.launch.pool == pool and any(part.node == node for part in trial.parts)
                if trial.dead and trial.phase not in OVER and is_there:
                    self._over(trial, Phase.STOPPED if trial.phase is Phase.STOPPING else Phase.ENDED, None)
        self.report(NodeChanged(self.node(pool, node)))

    def node(self, pool: str, node: int) -> Node:
        [of] = [one for one in self.pools if one.name == pool]
        return Node(pool, node, f"{pool}-{node}", self.conditions[pool, node], of.gpus_per_node)

    def _begin(self, trial: Trial) -> None:
        if trial.phase is Phase.STARTING and not trial.dead:
            trial.phase = Phase.RUNNING
            self.report(Running(trial.attempt))
            self.after(self.length_ms(trial.attempt.job), lambda: self._end(trial))

    def _end(self, trial: Trial) -> None:
        if trial.phase in (Phase.RUNNING, Phase.STOPPING) and not trial.dead:
            self.ends[trial.attempt.job] += 1
            self._over(trial, Phase.ENDED, self.exit_code(trial.attempt.job))

    def _over(self, trial: Trial, phase: Phase, exit_code: int | None, *, refused: bool = False) -> None:
        if trial.phase in OVER:
            return
        trial.phase, trial.exit_code = phase, exit_code
        for part in trial.parts:
            self._use(trial.launch.pool, part, -1)
        if refused:
            self.report(Refused(trial.attempt, "no such image"))
        else:
            self.report(Stopped(trial.attempt) if phase is Phase.STOPPED else Ended(trial.attempt, exit_code))

    def _is_alive(self, trial: Trial) -> bool:
        return trial.phase not in OVER and not trial.dead

    def _chosen(self, order: Launch) -> tuple[Part, ...]:
        [pool] = [one for one in self.pools if one.name == order.pool]
        free = [n for n in range(pool.nodes) if self.used[pool.name, n] == 0]
        if len(free) < order.gang:
            self.violations.append(f"{order.attempt}: {len(free)} of {pool.name} are free, {order.gang} are needed")
        free.sort(
            key=lambda n: self.conditions[pool.name, n] is not Condition.UP
        )  # of those that are out nobody may know yet
        return tuple(Part(n, 1) for n in free[: order.gang])

    def _use(self, pool: str, part: Part, sign: int) -> None:
        place = pool, part.node
        self.used[place] += sign * part.devices
        [most] = [one.gpus_per_node for one in self.pools if one.name == pool]
        if self.used[place] > most:
            self.violations.append(f"{self.used[place]} of {most} devices in use on {place}")

    # --------------------------------------------------------------------------------------------------------- reports

    def report(self, said: Observation) -> None:
        """Let the controller hear of something: now, late, twice or not at all."""
        if self.chance.random() < self.faults.lost:
            self.happened["a report that never comes"] += 1
            return
        if self.chance.random() < self.faults.late:
            self.happened["a report that comes late"] += 1
            self.after(self.chance.randint(100, 20_000), lambda: self._say(said))
        else:
            self._say(said)
        if self.chance.random() < self.faults.doubled:
            self.happened["a report that comes twice"] += 1
            self.after(self.chance.randint(0, 30_000), lambda: self._say(said))

    def _say(self, said: Observation) -> None:
        if self.engine is not None:
            self.engine.heard.append(said)


class ScriptedEngine:
    """One controller's connection; implements :class:`~equipoise.engines.protocol.Engine`."""

    name = "scripted"

    def __init__(self, world: World, point: Callable[[], None] = lambda: None) -> None:
        self.world = world
        self.heard: list[Observation] = []
        self._point = point
        self._awake = False
        world.engine = self

    def nodes(self) -> Sequence[Node]:
        self._fail()
        return [self.world.node(pool.name, n) for pool in self.world.pools for n in range(pool.nodes)]

    def attempts(self) -> Sequence[Seen]:
        self._fail()
        known = [one for one in self.world.trials.values() if not one.forgotten]
        return [Seen(one.attempt, one.phase, one.exit_code) for one in known]

    def waiting(self) -> Sequence[Arrived]:
        return ()

    def launch(self, launch: Launch, /) -> None:
        self._call(lambda: self.world.launch(launch))

    def warn(self, attempt: Attempt, /, *, by_ms: int, reason: str) -> None:
        assert by_ms >= 0 and reason
        self._call(lambda: self.world.warned.add(attempt))

    def stop(self, attempt: Attempt, /, *, grace_ms: int, requeue: bool) -> None:
        self._call(lambda: self.world.stop(attempt, grace_ms))

    def forget(self, attempt: Attempt, /) -> None:
        def forget() -> None:
            trial = self.world.trials.get(attempt)
            if trial is not None:
                assert trial.phase in OVER, f"{attempt} is forgotten while it is {trial.phase}"
                trial.forgotten = True

        self._call(forget)

    def drain(self, pool: str, node: int, /, *, back: bool = False) -> None:
        self._call(lambda: self.world.change_node(pool, node, Condition.UP if back else Condition.MAINTENANCE))

    def observe(self, timeout_s: float, /) -> Sequence[Observation]:
        self._point()
        world = self.world
        world.pass_until(
            world.clock.steady_ms + round(timeout_s * 1000), may_end=lambda: bool(self.heard) or self._awake
        )
        self._awake = False
        said, self.heard = self.heard, []
        self._point()
        return said

    def wake(self) -> None:
        self._awake = True

    def close(self) -> None:
        if self.world.engine is self:
            self.world.engine = None

    def _call(self, what: Callable[[], None]) -> None:
        """Do something, unless the call fails, before or after it took effect."""
        self._point()
        fails = self.world.chance.random() < self.world.faults.failing_call
        self.world.happened["a call that fails"] += fails
        if fails and self.world.chance.random() < 0.5:
            raise EngineError("U901", "no answer", retryable=True)
        what()
        self._point()
        if fails:
            raise EngineError("U901", "no answer", retryable=True)

    def _fail(self) -> None:
        self._point()
        if self.world.chance.random() < self.world.faults.failing_call:
            raise EngineError("U901", "no answer", retryable=True)
