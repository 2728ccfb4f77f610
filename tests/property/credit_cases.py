"""Drawn systems run live whose jobs spend grants, and grants that are moved; and the books kept again from the entries alone."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

import numpy as np

from equipoise.audit import Audit, audit
from equipoise.policy.growing import GrowingCore
from equipoise.simulator.chronicle import Chronicle
from equipoise.workload.requests import Requests
from tests.property.live_systems import LATE_MS, Live, book, draw_live
from tests.property.policy_systems import System

Values = dict[str, Any]


def run_spending(seed: int, *, restarts: bool = False) -> tuple[Live, Audit]:
    """Run a drawn system live with grants for every team, which are now and then moved; returns it and what an audit finds."""
    system, chance = draw_live(seed)
    system = replace(system, workload=replace(system.workload, requests=_requests(chance, system)))
    core = GrowingCore(
        [system.charter], options=system.options, origin_ms=system.workload.origin_ms, room=8, spare=2,
        first=system.charter.teams[0].path, burst=64,
    )  # fmt: skip
    chronicle = Chronicle(core)
    live = Live(system, chance, chronicle, chronicle.opening(""), 8, 2, credits=True)
    live.run(restarts=restarts)
    return live, audit(book(live.entries))


def _requests(chance: Random, system: System) -> Requests:
    """Two requests of every team in every pool: some refused, some cut, answered early, ending at some time of the run or after it."""
    workload, tick_ms = system.workload, system.tick_ms
    places = [(t, p) for t in range(len(workload.teams)) for p in range(len(workload.pools))] * 2
    n = len(places)
    amount = [chance.choice((10, 60, 400)) * tick_ms for _ in range(n)]
    granted = [chance.choice((0, most // 3, most, most)) for most in amount]
    words = ("",) * n
    return Requests(
        name=tuple(f"r{number}" for number in range(n)),
        team=np.array([team for team, _ in places], np.int32),
        pool=np.array([pool for _, pool in places], np.int32),
        amount_gpu_ms=np.array(amount, np.int64),
        asked_ms=np.zeros(n, np.int64),
        begin_ms=np.zeros(n, np.int64),
        end_ms=np.array([LATE_MS + chance.choice((5, 30, 100)) * tick_ms for _ in range(n)], np.int64),
        answered_ms=np.array([chance.choice((0, 0, 5)) * tick_ms for _ in range(n)], np.int64),
        granted_gpu_ms=np.array(granted, np.int64),
        reason=words,
        avenue=words,
        purpose=words,
        project=words,
    )


@dataclass
class Held:
    """What a job held, read from the words of passes."""

    gang: int
    held_ms: int = 0
    since_ms: int | None = None

    def stop(self, at_ms: int) -> None:
        """It holds nothing from now on."""
        if self.since_ms is not None:
            self.held_ms += at_ms - self.since_ms
            self.since_ms = None


@dataclass
class Purses:
    """The books of grants kept again, plainly, from a ledger's entries."""

    confirmed: bool
    left: dict[str, int] = field(default_factory=dict[str, int])
    paid: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    jobs: dict[int, Held] = field(default_factory=dict[int, Held])
    work: dict[int, int] = field(default_factory=dict[int, int])

    def take(self, values: Values) -> None:
        """Take the next entry; fails where more is taken from a grant than it has."""
        match values["kind"]:
            case "answer":
                self.left[values["name"]] = values["granted_gpu_ms"]
            case "spent":
                self._take(values["name"], values["gpu_ms"])
                self.paid[values["name"]] += values["gpu_ms"]
                assert values["job"] not in self.work, "a job spends once"
                self.work[values["job"]] = values["gpu_ms"] + values.get("beyond_gpu_ms", 0)
                assert not values.get("beyond_gpu_ms") or self.left[values["name"]] == 0
            case "transferred":
                self._take(values["name"], values["gpu_ms"])
                self.left[values["to"]] = self.left.get(values["to"], 0) + values["gpu_ms"]
            case "expired":
                self._take(values["name"], values["gpu_ms"])
                assert self.left[values["name"]] == values["kept_gpu_ms"]
            case "pass":
                self._pass(values)
            case _:
                pass

    def _take(self, name: str, gpu_ms: int) -> None:
        assert 0 <= gpu_ms <= self.left[name], (name, gpu_ms, self.left[name])
        self.left[name] -= gpu_ms

    def _pass(self, values: Values) -> None:
        at_ms, asked = values["at_ms"], iter(values.get("jobs", ()))
        for word, *numbers in values.get("events", ()):
            number = numbers[0] if numbers else -1
            if word == "submitted":
                self.jobs[number] = Held(next(asked)["gang"])
            elif word == "start_confirmed":
                self.jobs[number].since_ms = at_ms
            elif word in ("ended", "cancelled"):
                self.jobs[number].stop(at_ms)
        for word, number, *_ in values.get("decisions", ()):
            if word == "start" and not self.confirmed:
                self.jobs[number].since_ms = at_ms
            elif word in ("stop", "lost", "release"):
                self.jobs[number].stop(at_ms)
