"""What is said of one job at one instant: records only, in whole numbers; `report.why` makes sentences of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

JobState = Literal["future", "dependent", "waiting", "claimed", "running", "done", "refused", "cancelled"]
Kind = Literal[
    "refused", "dependency", "protection", "limit", "non-preemptible", "reserve", "placement", "entitlement",
    "devices", "reservation", "order",
]  # fmt: skip
"""What a job can wait for; `constraint.find_constraint` says when it is which."""


@dataclass(frozen=True, slots=True)
class Constraint:
    """The one thing that keeps a job from starting.

    Parameters
    ----------
    kind : str
        See ``Kind``.
    numbers : dict of str to int
        What it is made of; amounts are accelerators, and names that end in ``_ms`` are times since the run's origin or
        lengths of time.
    team : str or None
        Whose limit, floor or idle reserve it is; the empty path is the whole lab.
    job : int or None
        Which job it waits for, or behind.
    reason : str
        Which of several cases of the kind: a short stable word.
    """

    kind: Kind
    numbers: dict[str, int]
    team: str | None = None
    job: int | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Holder:
    """What a team has of the pool: ``waiting`` counts devices that its pending jobs ask for; no limit is None."""

    team: str
    held: int
    floor: int
    limit: int | None
    entitled: int
    borrowed: int
    waiting: int


@dataclass(frozen=True, slots=True)
class Occupant:
    """A running job whose end or reclaim would free devices.

    ``secure`` says whether it runs within a floor, so that nobody may take it back; ``expected_ms`` is when it is
    expected to end by its estimate (None: it is not foreseen).
    """

    job: int
    team: str
    gang: int
    start_ms: int
    expected_ms: int | None
    secure: bool


@dataclass(frozen=True, slots=True)
class Warned:
    """A running job that gives way to the job: it is warned at ``warn_ms`` and stopped at ``stop_ms`` at the latest."""

    job: int
    team: str
    gang: int
    warn_ms: int
    stop_ms: int
    warned: bool


@dataclass(frozen=True, slots=True)
class Turn:
    """How far the team's turn is, in GPU-ms, for its large gang; ``bounded`` says whether a wait is promised to end."""

    job: int
    saved: int
    needed: int
    crossed: bool
    bounded: bool


@dataclass(frozen=True, slots=True)
class Change:
    """The smallest change of one kind that starts the job now, found by applying it; one unit less does not.

    Parameters
    ----------
    kind : {"size", "walltime", "limit", "floor", "devices", "nodes", "ended", "withdrawn"}
    amount : int
        By how much: accelerators, nodes, milliseconds of ``walltime``; of ``ended`` and ``withdrawn`` the accelerators of those
        jobs.
    before, after : int or None
        Of what has a value: the job's size or estimate, the team's floor or limit.
    part : float
        The amount as a part of what the job asks for, by which changes of different kinds are compared.
    teams : tuple of (str, int)
        Floors or limits with their new values, the job's own team first.
    jobs : tuple of int
        Which running jobs end, or which waiting jobs are withdrawn; none of them can be left out.
    """

    kind: Literal["size", "walltime", "limit", "floor", "devices", "nodes", "ended", "withdrawn"]
    amount: int
    part: float
    before: int | None = None
    after: int | None = None
    teams: tuple[tuple[str, int], ...] = ()
    jobs: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why one job does not run at an instant, or what has become of it.

    Parameters
    ----------
    job : int
        Row of the workload.
    state : str
        See ``JobState``; ``waiting`` is in a queue, ``claimed`` has devices named that others must leave first.
    at_ms : int
        The latest event at or before the instant: nothing has changed since.
    since_ms : int
        Since when it is in this state (of ``future``: when it will be submitted, where that is known).
    waited_ms : int
        How long ago it became eligible, if it waits; a job that was stopped has run in between.
    stops : int
        How often it was stopped.
    constraint : Constraint or None
        None for a job that does not wait.
    ahead : int
        Waiting jobs of the pool that became eligible earlier.
    changes : tuple of Change
        The smallest of each kind that works, least first.
    origin_ms : int or None
        Unix time of time 0, if times are to be told by the calendar.
    """

    job: int
    state: JobState
    at_ms: int
    since_ms: int
    team: str
    pool: str
    gang: int
    estimate_ms: int
    waited_ms: int = 0
    stops: int = 0
    ahead: int = 0
    constraint: Constraint | None = None
    holders: tuple[Holder, ...] = ()
    occupants: tuple[Occupant, ...] = ()
    warned: tuple[Warned, ...] = ()
    turn: Turn | None = None
    changes: tuple[Change, ...] = ()
    origin_ms: int | None = None

    @property
    def smallest(self) -> Change | None:
        """The change that asks for least, as a part of what the job asks for; None if none of the kinds works."""
        return self.changes[0] if self.changes else None
