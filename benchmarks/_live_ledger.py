"""What a ledger says of floors: from when a team had work below its floor until it was given what that work needs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from equipoise.charter.model import Charter

Place = tuple[str, str]
"""A team and a pool."""


@dataclass(frozen=True, slots=True)
class Episode:
    """A time in which a team had work waiting that fitted its floor; times are those of the ledger.

    Parameters
    ----------
    team, pool : str
    since_ms, until_ms : int
        Until it was decided that work starts, or nothing waited below the floor any more; equal where that was the same pass.
    started : tuple of str
        The attempts that started at its end.
    """

    team: str
    pool: str
    since_ms: int
    until_ms: int
    started: tuple[str, ...]


@dataclass
class Course:
    """Follows the passes of a ledger: who holds what, and who waits.

    Parameters
    ----------
    floors : mapping of (team, pool) to int
        In devices.
    jobs : mapping of int to (team, pool, gang)
    """

    floors: Mapping[Place, int]
    jobs: Mapping[int, tuple[str, str, int]]
    stopped: set[str] = field(default_factory=set[str])
    started_ms: dict[str, int] = field(default_factory=dict[str, int])
    submitted_ms: dict[int, int] = field(default_factory=dict[int, int])
    stop_ms: dict[str, int] = field(default_factory=dict[str, int])
    clear_ms: dict[str, int] = field(default_factory=dict[str, int])
    refused: set[int] = field(default_factory=set[int])
    decisions: int = 0
    passes: int = 0

    def __post_init__(self) -> None:
        self._held: defaultdict[Place, int] = defaultdict(int)
        self._waiting: defaultdict[Place, set[int]] = defaultdict(set)
        self._attempt: defaultdict[int, int] = defaultdict(int)
        self._runs: set[int] = set()
        self._since_ms: dict[Place, int] = {}

    def take(self, entry: Mapping[str, Any]) -> Iterator[Episode]:
        """Take an entry; yields the episodes that end with it."""
        if entry["kind"] != "pass":
            return
        self.passes += 1
        at_ms, started = int(entry["at_ms"]), defaultdict[Place, list[str]](list)
        for word, subject, *more in (row for row in entry.get("events", [])):
            self._event(word, subject, more, at_ms)
        below = {place for place in self.floors if self._is_below(place)}
        for word, job, *_ in entry.get("decisions", []):
            self.decisions += 1
            self._decision(word, job, at_ms, started)
        for place in self.floors:
            if self._is_below(place):
                self._since_ms.setdefault(place, at_ms)
            elif place in self._since_ms or place in below:
                yield Episode(*place, self._since_ms.pop(place, at_ms), at_ms, tuple(started[place]))

    def _is_below(self, place: Place) -> bool:
        room = self.floors[place] - self._held[place]
        return any(self.jobs[job][2] <= room for job in self._waiting[place])

    def _event(self, word: str, job: int, more: list[int], at_ms: int) -> None:
        if word == "submitted":
            self.submitted_ms[job] = at_ms
            self._waiting[self._place(job)].add(job)
        elif word in ("ended", "cancelled"):
            self._free(job)
            self._waiting[self._place(job)].discard(job)
        elif word == "stop_confirmed":
            self.clear_ms[f"{job}.{more[0] if more else 0}"] = at_ms

    def _decision(self, word: str, job: int, at_ms: int, started: Mapping[Place, list[str]]) -> None:
        attempt = f"{job}.{self._attempt[job]}"
        if word == "start":
            place = self._place(job)
            self._runs.add(job)
            self._held[place] += self.jobs[job][2]
            self._waiting[place].discard(job)
            self.started_ms[attempt] = at_ms
            started[place].append(attempt)
        elif word in ("stop", "lost"):
            self._free(job)
            self.stopped.add(attempt)
            self.stop_ms[attempt] = at_ms
            self._attempt[job] += 1
            self._waiting[self._place(job)].add(job)
        elif word == "refuse":
            self.refused.add(job)
            self._waiting[self._place(job)].discard(job)

    def _free(self, job: int) -> None:
        if job in self._runs:
            self._runs.discard(job)
            self._held[self._place(job)] -= self.jobs[job][2]

    def _place(self, job: int) -> Place:
        team, pool, _ = self.jobs[job]
        return team, pool


def floors_of(charter: Charter, percent: Mapping[str, int]) -> dict[Place, int]:
    """Return each team's floor in devices of each pool: a part of it, rounded down."""
    return {
        (team, pool.name): part * pool.nodes * pool.gpus_per_node // 100
        for pool in charter.pools
        for team, part in percent.items()
    }
