"""What the controller asks of an engine, and what an engine reports. Nothing here decides anything.

An *attempt* is one start of a job: jobs are numbered from 0, attempts of a job from 0 too, by how often it was stopped before.
Everything that an engine is told to do may be told twice (the controller may have died between recording and acting), so
`launch`, `warn`, `stop` and `forget` of what is done already do nothing. What an engine reports may be lost if the controller
dies before it is recorded; `attempts` and `nodes` then tell how things stand, and the controller works out what happened.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol


@dataclass(frozen=True, slots=True, order=True)
class Attempt:
    """The ``number``-th start of a job (0: the first). Written ``12.0``."""

    job: int
    number: int

    def __str__(self) -> str:
        return f"{self.job}.{self.number}"


@dataclass(frozen=True, slots=True)
class Command:
    """What a job runs; never a shell string. Secrets may stand in ``environment``: it is never recorded nor logged.

    Parameters
    ----------
    argv : tuple of str
        The program and its arguments, at least one.
    environment : mapping of str to str
        Set for the job, beside what the engine sets.
    directory : str
        Where it runs; empty: the engine's default.
    user : str
        On whose behalf: the login name under which the engine runs it where it can; empty: the controller's own.
    """

    argv: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    directory: str = ""
    user: str = ""


@dataclass(frozen=True, slots=True)
class Part:
    """Some devices of one node: ``node`` counts within the pool from 0."""

    node: int
    devices: int


@dataclass(frozen=True, slots=True)
class Launch:
    """An attempt that is to start now.

    Parameters
    ----------
    attempt : Attempt
    name, team, pool : str
    gang : int
        Accelerators; the sum over ``parts``.
    parts : tuple of Part
        Where the policy put it. On a pool of one-device nodes only counts are kept: then it is empty and the engine chooses.
    command : Command or None
        None where the engine has the job already, because its user gave it to the engine (Slurm, Kubernetes).
    origin : str
        The engine's own name of the job, if it came from there (`Arrived.origin`); else empty.
    walltime_ms : int
        0: none declared.
    savepoint : bool
        Whether it wants a signal to write its savepoint before it is stopped.
    """

    attempt: Attempt
    name: str
    team: str
    pool: str
    gang: int
    parts: tuple[Part, ...]
    command: Command | None
    origin: str = ""
    walltime_ms: int = 0
    savepoint: bool = False


class Condition(StrEnum):
    """How a node stands."""

    UP = "up"
    DOWN = "down"
    MAINTENANCE = "maintenance"


class Phase(StrEnum):
    """How an attempt stands with the engine."""

    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"
    ENDED = "ended"
    """It came to its end, well or not, and was not stopped by `stop`."""
    STOPPED = "stopped"
    """It was stopped, and its devices are clear."""


@dataclass(frozen=True, slots=True)
class Node:
    """A node as the engine sees it: ``number`` counts within the pool from 0 and never changes its meaning."""

    pool: str
    number: int
    name: str
    condition: Condition
    devices: int
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Seen:
    """An attempt that the engine knows of; those that ended are known until `forget`."""

    attempt: Attempt
    phase: Phase
    exit_code: int | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Running:
    """The attempt has started: its devices are set up, and its command runs."""

    attempt: Attempt


@dataclass(frozen=True, slots=True)
class Ended:
    """The attempt came to its end and its devices are clear; ``exit_code`` is None where nobody knows, negative for a signal."""

    attempt: Attempt
    exit_code: int | None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Stopped:
    """An attempt that was told to stop is gone, and its devices are clear."""

    attempt: Attempt


@dataclass(frozen=True, slots=True)
class Refused:
    """The engine cannot start an attempt, and says why; its devices are clear."""

    attempt: Attempt
    reason: str


@dataclass(frozen=True, slots=True)
class NodeChanged:
    """A node went, came back, or is in maintenance."""

    node: Node


@dataclass(frozen=True, slots=True)
class Arrived:
    """A job that its user gave to the engine itself; it waits there, held, until `launch` names it by ``origin``.

    Parameters
    ----------
    origin : str
        The engine's own name of it, the same for as long as it exists.
    name, team, user, pool : str
    gang, walltime_ms, priority, savepoint_ms : int
        0 where nothing is declared, but for the gang.
    preemptible : bool
    after : str
        ``origin`` of the job that must end first, or empty.
    """

    origin: str
    name: str
    team: str
    user: str
    pool: str
    gang: int
    walltime_ms: int = 0
    priority: int = 0
    savepoint_ms: int = 0
    preemptible: bool = True
    after: str = ""


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """A job of the engine's own queue was withdrawn by its user before or while it ran."""

    origin: str


Observation = Running | Ended | Stopped | Refused | NodeChanged | Arrived | Withdrawn


class Engine(Protocol):
    """An engine. Only the controller's thread calls it, except `wake`.

    All methods raise ``EngineError``; one that is ``retryable`` is tried again with patience, any other stops the controller.
    """

    @property
    def name(self) -> str:
        """``local``, ``ray``, ``slurm`` or ``kubernetes``."""
        ...

    def nodes(self) -> Sequence[Node]:
        """Return every node that the charter's pools expect, as it stands; those that the engine does not have are down."""
        ...

    def attempts(self) -> Sequence[Seen]:
        """Return every attempt that the engine knows of and that was not forgotten."""
        ...

    def waiting(self) -> Sequence[Arrived]:
        """Return the jobs that users gave to the engine itself and that have not ended; none where they cannot."""
        ...

    def launch(self, launch: Launch, /) -> None:
        """Start an attempt, and return at once; `Running` or `Refused` follow. Does nothing if the engine knows the attempt."""
        ...

    def warn(self, attempt: Attempt, /, *, by_ms: int, reason: str) -> None:
        """Tell a running attempt that it will be stopped in ``by_ms`` milliseconds, so that it can write a savepoint."""
        ...

    def stop(self, attempt: Attempt, /, *, grace_ms: int, requeue: bool) -> None:
        """Stop an attempt: ask, wait at most ``grace_ms``, then force; returns at once, and `Stopped` follows.

        ``requeue`` is False where the job is not going to run again (it was cancelled).
        """
        ...

    def forget(self, attempt: Attempt, /) -> None:
        """Let go of what is kept of an attempt that ended or was stopped; logs of its output stay."""
        ...

    def drain(self, pool: str, node: int, /, *, back: bool = False) -> None:
        """Put a node into maintenance, or take it back; `NodeChanged` follows. Jobs on it are stopped by the controller."""
        ...

    def observe(self, timeout_s: float, /) -> Sequence[Observation]:
        """Return what happened since the last call, in order; waits for something to happen, at most so long."""
        ...

    def wake(self) -> None:
        """Let `observe` return soon; from any thread."""
        ...

    def close(self) -> None:
        """Let go of the engine; jobs run on. Closing twice does nothing."""
        ...
