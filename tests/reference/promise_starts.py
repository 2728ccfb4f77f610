"""Promises of starts, from submissions and starts alone: which jobs count, and the share of them that started in time.

A job up to the promise's size counts if, when it became eligible, it fitted its team's floor with all that the team then
held or had waiting.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from equipoise.charter.floors import quotas
from equipoise.charter.model import Charter
from equipoise.charter.promise import Commitment
from equipoise.workload.model import Workload
from tests.reference.promise_terms import ceil_of, windows_of


@dataclass
class Starts:
    """The promises of starts of a run while it is read."""

    charter: Charter
    workload: Workload
    promises: Sequence[Commitment]
    eligible_ms: dict[int, int] = field(default_factory=dict[int, int])
    first_ms: dict[int, int] = field(default_factory=dict[int, int])
    counted: list[set[int]] = field(init=False)

    def __post_init__(self) -> None:
        """Nothing counts yet."""
        self.counted = [set() for _ in self.promises]

    def eligible(
        self,
        number: int,
        job: tuple[str, int, int],
        now_ms: int,
        asked: Sequence[tuple[str, int, int]],
        devices: Mapping[int, int],
    ) -> None:
        """A job (team, pool, gang) begins to wait for the first time; ``asked`` is all that is held and waits, with it."""
        team, pool, gang = job
        self.eligible_ms[number] = now_ms
        for one, counted in zip(self.promises, self.counted, strict=True):
            assert one.starts is not None
            within = [up for up in asked if up[1] == pool and (up[0] + ".").startswith(one.team + ".")]
            floor = quotas(self.charter, self.charter.pools[pool].name, devices[pool])[
                self.charter.id_of(one.team)
            ].floor
            if (
                self.charter.pools[pool].name in one.pools
                and (team + ".").startswith(one.team + ".")
                and gang <= one.starts.jobs_up_to
                and sum(up[2] for up in within) <= floor
            ):
                counted.add(number)

    def started(self, number: int, now_ms: int) -> None:
        """A job starts."""
        self.first_ms.setdefault(number, now_ms)

    def answers(self, promise: int, end_ms: int) -> dict[tuple[int, int], tuple[str, int, int, int]]:
        """Return, by window that began before the end of a run: the answer, and how many were in time, late and open."""
        one, found = self.promises[promise], dict[tuple[int, int], tuple[str, int, int, int]]()
        assert one.starts is not None
        jobs = {n for n in self.counted[promise] if n < len(self.workload.jobs)}
        for from_ms, to_ms in windows_of(self.charter, self.workload, one):
            if from_ms >= end_ms:
                break
            inside = [n for n in jobs if from_ms <= self.eligible_ms[n] < to_ms]
            waited = [(n in self.first_ms, self.first_ms.get(n, end_ms) - self.eligible_ms[n]) for n in inside]
            in_time = sum(began and ms <= one.starts.within_ms for began, ms in waited)
            still_open = sum(not began and ms <= one.starts.within_ms for began, ms in waited)
            late = len(inside) - in_time - still_open
            needed = ceil_of(Fraction(one.starts.at_least) * (in_time + late))
            answer = "undecided" if still_open or end_ms < to_ms else "broken" if in_time < needed else "kept"
            found[from_ms, to_ms] = (answer, in_time, late, still_open)
        return found
