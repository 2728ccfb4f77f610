"""A small lab with promises: pools, teams and what they ask for, all of it plain data that can be written on a page.

A team asks for a list of jobs, over and over: whenever what it runs and what it has waiting falls below its *level*, the
next job of the list is submitted. Levels change at given instants; at level 0 what waits is withdrawn.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

NEVER_MS = 1 << 62


@dataclass(frozen=True, slots=True)
class Job:
    """One entry of a team's list."""

    size: int
    run_ms: int
    preemptible: bool = True


@dataclass(frozen=True, slots=True)
class Level:
    """From an instant on, the GPUs that a team asks for in each pool (running and waiting)."""

    from_ms: int
    gpus: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Team:
    """A row of the tree. Inner rows have no jobs.

    Parameters
    ----------
    floor, limit : tuple of int
        Per pool, in GPUs of its full capacity.
    min_runtime_ms, grace_ms : int
        What its borrowed jobs may count on.
    recover_ms : int
        The longest wait of its claims.
    savepoint_ms : int
        Savepoints are so far apart; 0 means that nothing is ever lost.
    jobs : tuple of tuple of Job
        Its list for each pool.
    """

    parent: int = -1
    floor: tuple[int, ...] = (0,)
    limit: tuple[int, ...] = (1 << 20,)
    weight: int = 1
    min_runtime_ms: int = 0
    grace_ms: int = 0
    recover_ms: int = NEVER_MS
    savepoint_ms: int = 0
    jobs: tuple[tuple[Job, ...], ...] = ((),)
    levels: tuple[Level, ...] = ()

    def level_at(self, now_ms: int, pool: int) -> int:
        """Return the GPUs that the team asks for now."""
        now = 0
        for level in self.levels:
            if level.from_ms <= now_ms:
                now = level.gpus[pool]
        return now

    def sizes(self, pool: int) -> tuple[int, ...]:
        """Return the sizes of gangs in its list."""
        return tuple(sorted({job.size for job in self.jobs[pool]}))


@dataclass(frozen=True, slots=True)
class Promise:
    """``at_least`` p/q of what is delivered in all pools, for a row; or ``at_most``."""

    row: int
    p: int
    q: int
    pace_max: tuple[int, int] = (0, 1)
    rolling_ms: int = 0
    """Length of a rolling window, judged at the ends of the lab's windows; 0 is a calendar promise."""
    make_good: tuple[int, int] = (0, 1)
    at_most: bool = False


@dataclass(frozen=True, slots=True)
class Outage:
    """From an instant on a pool has so many GPUs."""

    from_ms: int
    pool: int
    capacity: int


@dataclass(frozen=True, slots=True)
class Lab:
    """Everything that a run depends on."""

    capacity: tuple[int, ...]
    teams: tuple[Team, ...]
    promises: tuple[Promise, ...]
    window_ms: int
    windows: int = 1
    warm_ms: int = 0
    """When the first window begins; the lab is at work before."""
    node: tuple[int, ...] = (0,)
    """GPUs per node of each pool; 0 counts GPUs only."""
    heh: tuple[int, ...] = (1,)
    outages: tuple[Outage, ...] = ()

    def with_teams(self, teams: tuple[Team, ...]) -> Lab:
        """Return the lab with other teams."""
        return replace(self, teams=teams)

    def below(self, row: int) -> list[int]:
        """Return the leaves at or below a row."""
        inner = {team.parent for team in self.teams}
        return [leaf for leaf in range(len(self.teams)) if leaf not in inner and row in self.path(leaf)]

    def path(self, row: int) -> list[int]:
        """Return a row and all above it."""
        rows: list[int] = []
        while row >= 0:
            rows.append(row)
            row = self.teams[row].parent
        return rows

    def sizes(self, row: int, pool: int) -> tuple[int, ...]:
        """Return the sizes of gangs at or below a row."""
        return tuple(sorted({size for leaf in self.below(row) for size in self.teams[leaf].sizes(pool)}))

    def reclaim_ms(self, row: int) -> int:
        """Return τ: the longest that a claim of the row can take, over all borrowers."""
        own = self.below(row)
        recover_ms = max(self.teams[leaf].recover_ms for leaf in own)
        others = [self.teams[leaf] for leaf in self.below_any() if leaf not in own]
        return min(recover_ms, max((team.min_runtime_ms + team.grace_ms for team in others), default=0))

    def below_any(self) -> list[int]:
        """Return all leaves."""
        inner = {team.parent for team in self.teams}
        return [row for row in range(len(self.teams)) if row not in inner]


@dataclass(frozen=True, slots=True)
class Rules:
    """Which of the rules under trial are on.

    Parameters
    ----------
    pace : {"even", "late", "none"}
        Spread what is owed evenly over the time left; P_max from the last possible instant on (just in time); static
        floors alone.
    rounding : {"text", "mended", "exact"}
        s·⌈floor/s⌉; u(⌈floor/u⌉ − 1) + s; the floor itself.
    whole : bool
        Grant a rounded floor whole or not at all.
    level : bool
        A pace is never cut below B = ⌈φC·W/(W − δ)⌉, rounded floors included, instead of ⌈φC⌉.
    ahead : bool
        From B (P_max without ``level``) on a claim takes the whole rounded floor at once, and what is free of it is kept for the team.
    fill : bool
        Of several pools, ask each for the same fraction as far as there is demand, and let the others bear the rest.
    margin : int
        δ in multiples of τ.
    binding : bool
        Jobs that cannot be stopped run within max(static floor, ⌈φC⌉) only; with ``level`` the rounded floor of B
        takes the place of ⌈φC⌉.
    """

    pace: str = "even"
    rounding: str = "text"
    whole: bool = True
    level: bool = False
    ahead: bool = False
    fill: bool = False
    margin: int = 2
    binding: bool = True
