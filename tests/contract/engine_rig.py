"""What the contract suite needs to know of an engine: how to open it, how fast it is, and how a job sees its devices."""

from __future__ import annotations

import json
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from equipoise.charter.model import Pool
from equipoise.engines.protocol import (
    Attempt,
    Command,
    Condition,
    Ended,
    Engine,
    Launch,
    Node,
    Observation,
    Part,
    Phase,
    Refused,
    Running,
    Seen,
    Stopped,
)

JOB = Path(__file__).with_name("engine_job.py")
LAST = (Ended, Stopped, Refused)
UNENDED = (Phase.STARTING, Phase.RUNNING, Phase.STOPPING)


@dataclass(frozen=True)
class Submission:
    """What a user gives to the engine itself."""

    name: str
    team: str
    pool: str
    gang: int
    argv: tuple[str, ...]
    after: str = ""


@dataclass
class Rig(ABC):
    """A real component with one engine over it. Jobs of all tests run in it, so their numbers go on.

    Parameters
    ----------
    folder : Path
        The engine's own; the same at every opening.
    directory : Path
        Where jobs write; every node sees it.
    pools : tuple of Pool
        The first has at least two nodes of at least two devices.
    """

    folder: Path
    directory: Path
    pools: tuple[Pool, ...]
    numbers: count[int] = field(default_factory=count)

    name = ""
    patience_s = 10.0
    """Within this every single step is done: a start, an end seen, a stop beyond its grace."""
    warning = "SIGUSR1"
    """The signal by which `warn` reaches a job."""
    killed = frozenset({-9})
    """What the exit code of a job that died by SIGKILL may be."""
    refused = Command(("/nonexistent/equipoise-program",))
    team = "research"
    """A team that may submit."""

    @abstractmethod
    def open(self) -> Engine:
        """Open the engine over the component, as a controller does when it starts."""

    @abstractmethod
    def devices(self, environment: Mapping[str, str]) -> frozenset[str]:
        """Name the devices that a job on one node has, by its environment; no two devices of the component share a name."""

    @abstractmethod
    def output(self, engine: Engine, attempt: Attempt) -> str:
        """Return what an attempt wrote to its standard output and error, from where the engine says that it keeps it."""

    def submit(self, submission: Submission) -> str:
        """Give a job to the component as its user does, not through the engine (where that can be); return its origin."""
        raise NotImplementedError

    def withdraw(self, origin: str) -> None:
        """Cancel it as its user does."""
        raise NotImplementedError

    @property
    def pool(self) -> Pool:
        return self.pools[0]


@dataclass
class Bench:
    """One opening of an engine, with everything that it reported; of a test's own."""

    rig: Rig
    engine: Engine
    heard: list[Observation] = field(default_factory=list[Observation])
    launched: list[Attempt] = field(default_factory=list[Attempt])

    # ------------------------------------------------------------------------------------------------ jobs

    def launch(
        self,
        *options: str | float,
        gang: int = 1,
        parts: Sequence[Part] | None = None,
        job: int | None = None,
        number: int = 0,
        savepoint: bool = False,
        command: Command | None = None,
        **more: Any,
    ) -> Attempt:
        """Launch the suite's job with ``options``, on the first node of the first pool unless ``parts`` say otherwise."""
        attempt = Attempt(next(self.rig.numbers) if job is None else job, number)
        self.start(self.order(attempt, *options, gang=gang, parts=parts, savepoint=savepoint, command=command, **more))
        return attempt

    def order(
        self,
        attempt: Attempt,
        *options: str | float,
        gang: int = 1,
        parts: Sequence[Part] | None = None,
        savepoint: bool = False,
        command: Command | None = None,
        **more: Any,
    ) -> Launch:
        given = command or Command(self.argv(attempt, *options), {"MARK": str(attempt)}, str(self.rig.directory))
        where = tuple(parts) if parts is not None else (Part(0, gang),)
        name = f"job-{attempt.job}"
        return Launch(attempt, name, self.rig.team, self.rig.pool.name, gang, where, given, savepoint=savepoint, **more)

    def start(self, order: Launch) -> None:
        self.launched.append(order.attempt)
        self.engine.launch(order)

    def argv(self, attempt: Attempt | str, *options: str | float) -> tuple[str, ...]:
        return (sys.executable, "-S", str(JOB), str(self.file(attempt)), *map(str, options))

    def file(self, attempt: Attempt | str) -> Path:
        return self.rig.directory / f"job-{attempt}"

    def notes(self, attempt: Attempt | str, what: str = "") -> list[dict[str, Any]]:
        """What a job wrote down, of one kind or all."""
        if not self.file(attempt).exists():
            return []
        lines = [json.loads(line) for line in self.file(attempt).read_text("utf-8").splitlines()]
        return [line for line in lines if what in ("", line["what"])]

    def signals(self, attempt: Attempt | str) -> list[str]:
        return [note["name"] for note in self.notes(attempt, "signal")]

    # ------------------------------------------------------------------------------------------- what is heard

    def listen(self, until: Callable[[], Any], what: str, *, extra_s: float = 0.0) -> None:
        """Observe until something is so; fails when patience ends."""
        deadline = time.monotonic() + self.rig.patience_s + extra_s
        while not until():
            left = deadline - time.monotonic()
            assert left > 0, f"{what}: not within {self.rig.patience_s + extra_s} s; heard {self.heard}"
            self.heard += self.engine.observe(min(left, 0.1))

    def of(self, attempt: Attempt) -> list[Observation]:
        return [seen for seen in self.heard if getattr(seen, "attempt", None) == attempt]

    def wait(self, attempt: Attempt, *kinds: type, extra_s: float = 0.0) -> Any:
        """Return the first observation of one of ``kinds`` about an attempt, waiting for it."""

        def found() -> list[Observation]:
            return [seen for seen in self.of(attempt) if isinstance(seen, kinds)]

        self.listen(found, f"{attempt} {'/'.join(kind.__name__ for kind in kinds)}", extra_s=extra_s)
        return found()[0]

    def running(self, *options: str | float, **more: Any) -> Attempt:
        """Launch a job that lasts, and wait until it has written down that it runs."""
        attempt = self.launch("--for", 600, *options, **more)
        self.wait(attempt, Running)
        self.listen(lambda: self.notes(attempt, "start"), f"{attempt} begins to write")
        return attempt

    def gone(self, attempt: Attempt, *, grace_ms: int = 0) -> None:
        self.engine.stop(attempt, grace_ms=grace_ms, requeue=False)
        self.wait(attempt, Stopped, extra_s=grace_ms / 1000)

    def seen(self, attempt: Attempt) -> Seen | None:
        found = [seen for seen in self.engine.attempts() if seen.attempt == attempt]
        assert len(found) <= 1
        return found[0] if found else None

    def quiet(self, for_s: float = 0.5) -> None:
        """Listen for a while more, for what ought not to come."""
        ends = time.monotonic() + for_s
        while (left := ends - time.monotonic()) > 0:
            self.heard += self.engine.observe(left)

    def node(self, number: int = 0) -> Node:
        return next(node for node in self.engine.nodes() if (node.pool, node.number) == (self.rig.pool.name, number))

    # ------------------------------------------------------------------------------------------------ the end

    def reopen(self, *, closed_s: float = 0.0) -> None:
        """Close the engine, as when the controller ends, and open it again; nothing that was reported is kept."""
        self.engine.close()
        time.sleep(closed_s)
        self.engine = self.rig.open()
        self.heard = []

    def finish(self) -> None:
        """Check what must hold of all that was heard, stop what still runs, and close."""
        try:
            for attempt in set(self.launched):
                self.check_order(attempt)
        finally:
            self.clear()
            self.engine.close()

    def check_order(self, attempt: Attempt) -> None:
        """An attempt runs before it ends, and there is one end, after which nothing comes."""
        kinds = [type(seen) for seen in self.of(attempt)]
        assert kinds.count(Running) <= 1, kinds
        assert sum(kind in LAST for kind in kinds) <= 1, self.of(attempt)
        assert not any(kind in LAST for kind in kinds[:-1]), kinds

    def clear(self) -> None:
        for seen in self.engine.attempts():
            if seen.phase in UNENDED:
                self.engine.stop(seen.attempt, grace_ms=0, requeue=False)
        self.listen(
            lambda: not [seen for seen in self.engine.attempts() if seen.phase in UNENDED], "what still runs is stopped"
        )
        for seen in self.engine.attempts():
            self.engine.forget(seen.attempt)
        for node in self.engine.nodes():
            if node.condition is Condition.MAINTENANCE:
                self.engine.drain(node.pool, node.number, back=True)
        self.listen(
            lambda: not [node for node in self.engine.nodes() if node.condition is Condition.MAINTENANCE],
            "nodes are back",
        )
