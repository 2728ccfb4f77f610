"""A drawn system run live: jobs, users, requests and charters become known as they come, an engine takes its time, clocks are late.

The engine is made up of chance and is told nothing; the policy is told only what an engine and people would tell it. What is
written is held against an audit, which lays out everything at once.
"""

from __future__ import annotations

import heapq
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

import numpy as np

from equipoise.audit import Audit, audit
from equipoise.audit.resuming import resumed
from equipoise.charter.model import Charter
from equipoise.errors import InputError
from equipoise.policy.events import event
from equipoise.policy.growing import GrowingCore
from equipoise.policy.kernel import layout as k
from equipoise.policy.latency import Latency
from equipoise.simulator.chronicle import Chronicle, Taken
from equipoise.simulator.replay import NODE_STATES
from equipoise.workload.roll import Asked, Request
from tests.property.amended_systems import with_enactments
from tests.property.audit_cases import ModelBook
from tests.property.policy_systems import Shape, System, draw_system, with_outages
from tests.property.promised_systems import PROMISED, with_more_promised, with_promises

Values = dict[str, Any]
INSTANTS = 400
LATE_MS = 50_000  # an audit allows a minute


class LiveBook(ModelBook):
    """A book of charters that nobody signed: who must sign is not what is tested here."""

    def _take_minute(self, values: Mapping[str, Any]) -> None:
        if values["kind"] == "charter":
            self._charters.append((self.size, values))


def book(told: list[Values]) -> LiveBook:
    """Return what an auditor reads of these entries, as they come out of JSON."""
    found = LiveBook()
    for values in json.loads(json.dumps(told)):
        found.add(values)
    return found


def draw_live(seed: int) -> tuple[System, Random]:
    """Draw a system without services: half with promises, most with a latency, some with outages and other charters."""
    chance = Random(seed)
    promised = seed % 2 == 0
    shape = replace(PROMISED if promised else Shape(), services=False)
    system = draw_system(chance, shape)
    if promised:
        system = with_more_promised(with_promises(system, chance), chance)
    if chance.random() < 0.5:
        system = with_enactments(system, chance, shape=shape, promised=promised)
    if chance.random() < 0.4:
        system = with_outages(system, chance)
    latency = Latency() if chance.random() < 0.7 else None
    options = replace(system.options, estimates="declared", latency=latency)
    return replace(system, options=options), chance


@dataclass
class Live:
    """A system under way."""

    system: System
    chance: Random
    chronicle: Chronicle
    entries: list[Values]
    room: int
    spare: int
    engine: list[tuple[int, int, int, int, int]] = field(default_factory=list[tuple[int, int, int, int, int]])
    numbers: dict[int, int] = field(default_factory=dict[int, int])
    sequence: int = 0
    restarts: int = 0
    rebuilds: int = 0
    unlike: int = 0
    asked: set[str] = field(default_factory=set[str])
    credits: bool = False
    away: str = ""
    """How deadlines that passed while the controller was away now and then are decided: ``each`` at its own time, or ``together``."""
    late: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])

    def run(self, *, restarts: bool) -> None:
        """Let everything happen; ``restarts``: now and then the controller is killed and goes on from its ledger."""
        system, coming = self.system, self._coming()
        for _ in range(INSTANTS):
            first_ms = min([one[0] for one in coming[:1]] + [one[0] for one in self.engine[:1]] or [k.NEVER])
            at_ms = min(first_ms, self.chronicle.next_ms)
            if at_ms >= k.NEVER or (first_ms >= k.NEVER and at_ms > 120 * system.tick_ms):
                return
            at_ms += self.chance.choice((0, 0, 0, min(LATE_MS, self.chance.randint(0, 3 * system.tick_ms))))
            at_ms = back_ms = max(at_ms, self.chronicle.core.now_ms)
            if self.away and self.chance.random() < (0.6 if self.chronicle.core.next_ms < k.NEVER else 0.1):
                at_ms = back_ms = self._back_ms(at_ms)
                self._come_back(at_ms)
            rows: list[Any] = []
            while coming and coming[0][0] <= at_ms:
                due_ms, _, what, value = coming.pop(0)
                if what == "charter":
                    self._amend(max(due_ms, back_ms) if self.away else due_ms, value)
                else:
                    rows += self._happens(what, value, at_ms)
            at_ms = max(at_ms, self.chronicle.core.now_ms)
            while self.engine and self.engine[0][0] <= at_ms:
                _, _, kind, job, attempt = heapq.heappop(self.engine)
                rows.append(event(kind, job, detail=attempt))
            self._done(self.chronicle.take(at_ms, np.concatenate([np.zeros(0, k.EVENT), *rows])))
            if restarts and self.chance.random() < 0.1:
                self._restart()

    def _back_ms(self, at_ms: int) -> int:
        """Return until when the controller is away; if all is to be decided together, not beyond the next window."""
        back_ms = at_ms + self.chance.randint(1, 20) * max(self.system.tick_ms, 60_000)
        edge_ms = self.chronicle._edge_ms  # pyright: ignore[reportPrivateUsage]
        return min(back_ms, max(at_ms, edge_ms)) if self.away == "together" else back_ms

    def _come_back(self, at_ms: int) -> None:
        """Come back after having been away, as the controller's loop does."""
        self.entries += self.chronicle.silence(at_ms, least_ms=LATE_MS)
        while self.away == "each" and (due_ms := self.chronicle.due_ms) < at_ms:
            taken = self.chronicle.take(due_ms, is_past=True)
            self.late += [(due_ms, at_ms)] * len(taken.answers)
            self._done(taken)
        due_ms = self.chronicle.core.next_ms
        self.late += [(due_ms, at_ms)] if due_ms < at_ms else []

    def _amend(self, at_ms: int, charter: Charter) -> None:
        core = self.chronicle.core
        before = len(core.charters), list(core.roll.names["teams"])
        try:
            self._done(self.chronicle.enact(at_ms, charter, ""))
        except InputError as error:
            assert error.code == "P113" and _divides(core.charters, charter), error
            [first, *_] = error.message.removeprefix("this charter divides ").split(", ")
            assert any(team.parent == first for team in charter.teams), error
            self._done(self.chronicle.take(self.chronicle.core.now_ms))  # it goes on under the charter before
            assert before == (len(core.charters), core.roll.names["teams"])
            self.unlike += 1

    def _coming(self) -> list[tuple[int, int, str, Any]]:
        """Return what people and nodes do, by time."""
        system = self.system
        jobs, requests = system.workload.jobs, system.workload.requests
        found: list[tuple[int, str, Any]] = [(int(at), "job", n) for n, at in enumerate(jobs.submit_ms.tolist())]
        found += [(one.at_ms, "node", one) for one in system.outages]
        found += [(at_ms, "charter", charter) for at_ms, charter in system.enact]
        for n in range(len(requests)):
            found.append((0, "ask", n))
            if requests.granted_gpu_ms[n] >= 0:
                found.append((max(0, int(requests.answered_ms[n])), "answer", n))
        if self.credits:
            last_ms = int(jobs.submit_ms.max(initial=0))
            found += [(self.chance.randint(0, last_ms + 30 * system.tick_ms), "transfer", None) for _ in range(6)]
        for n in range(len(jobs)):
            if self.chance.random() < 0.1:
                found.append((int(jobs.submit_ms[n]) + self.chance.randint(1, 30) * system.tick_ms, "cancel", n))
        return sorted(((at, n, what, value) for n, (at, what, value) in enumerate(found)), key=lambda one: one[:2])

    def _happens(self, what: str, value: Any, at_ms: int) -> list[Any]:
        workload = self.system.workload
        if what == "node":
            pool = [pool.name for pool in self.system.charter.pools].index(value.pool)
            return [event(k.NODE_CHANGED, value.node, detail=NODE_STATES[value.state], pool=pool)]
        if what == "transfer":
            self._transfer(at_ms)
            return []
        if what == "cancel":
            return [event(k.JOB_CANCELLED, self.numbers[value])] if value in self.numbers else []
        if what == "job":
            return self._submit(value, at_ms)
        asked = workload.requests
        name = asked.name[value]
        try:
            if what == "ask":
                team, pool = workload.teams[asked.team[value]], workload.pools[asked.pool[value]]
                span = int(asked.begin_ms[value]), int(asked.end_ms[value])
                request = Request(name, team, pool, int(asked.amount_gpu_ms[value]), at_ms, *span)
                self.entries += self.chronicle.ask(request)
                self.asked.add(name)
            elif name in self.asked:
                granted = int(asked.granted_gpu_ms[value])
                self.entries += self.chronicle.answer(name, at_ms, granted, reason="others need it")
        except InputError as error:
            assert error.code in ("C301", "W102"), error
        return []

    def _transfer(self, at_ms: int) -> None:
        """Somebody gives some of what a grant has left to another grant, or to a team."""
        at_ms = max(at_ms, self.chronicle.core.now_ms)
        grants = [one for one in self.chronicle.credits.grants if one.left_gpu_ms and at_ms < one.due_ms]
        if not grants:
            return
        giver = self.chance.choice(grants)
        to = self.chance.choice([one for one in grants if one is not giver and one.pool == giver.pool] or [None])
        name, team = f"moved {len(self.entries)}", self.chance.choice(self.chronicle.core.charters[-1].leaves).path
        if to is not None and self.chance.random() < 0.5:
            name, team = to.name, ""
        some = self.chance.randint(1, giver.left_gpu_ms)
        self.entries += self.chronicle.transfer(
            giver.name, name, some, at_ms=at_ms, reason="they need it", by="ada", team=team
        )

    def _grant(self, team: str, pool: str, at_ms: int) -> str:
        """Return a grant that a job of a team may name for some time, or none."""
        grants = [
            one.name
            for one in self.chronicle.credits.grants
            if (one.team, one.pool) == (team, pool) and one.is_open(at_ms) and one.is_open(at_ms + LATE_MS)
        ]
        return self.chance.choice([*grants, ""])

    def _submit(self, row: int, at_ms: int) -> list[Any]:
        workload, jobs = self.system.workload, self.system.workload.jobs
        asked = Asked(
            gang=int(jobs.gang[row]),
            team=workload.teams[jobs.team[row]],
            pool=workload.pools[jobs.pool[row]],
            user=workload.users[jobs.user[row]],
            walltime_ms=int(jobs.walltime_ms[row]),
            priority=int(jobs.priority[row]),
            preemptible=bool(jobs.preemptible[row]),
            savepoint_ms=int(jobs.savepoint_ms[row]),
            after=self.numbers.get(int(jobs.after[row]), -1),
            name=self.chance.choice(("", f"job of row {row}")),
        )
        if self.credits:
            asked = replace(asked, request=self._grant(asked.team, asked.pool, at_ms))
        try:
            number = self.chronicle.core.admit(asked)
        except InputError as error:
            assert error.code in ("C301", "W102"), error
            return []
        self.numbers[row] = number
        return [event(k.SUBMITTED, number, detail=int(jobs.duration_ms[row] == 0))]

    def _done(self, taken: Taken) -> None:
        """Write what is to be written, and let the engine do what was decided."""
        self.entries += taken.entries
        jobs = self.chronicle.core.core.jobs
        for at_ms, answer in taken.answers:
            for row in answer.decisions:
                job, kind = int(row["job"]), int(row["kind"])
                stops = int(jobs["stops"][job])
                if kind == k.START and jobs["state"][job] == k.RUNNING:
                    begins_ms = at_ms
                    if self.system.options.latency is not None:
                        begins_ms += self.chance.choice((0, 1, 1, 4, 15)) * self.system.tick_ms
                        self._tell(begins_ms, k.START_CONFIRMED, job, stops)
                    runs_ms = self.chance.choice((0, 1, 3, 8, 20, 40)) * self.system.tick_ms
                    self._tell(begins_ms + runs_ms, k.ENDED, job, stops)
                elif kind in (k.STOP, k.RELEASE, k.LOST) and self.system.options.latency is not None:
                    late_ms = self.chance.choice((0, 1, 4)) * self.system.tick_ms
                    self._tell(at_ms + late_ms, k.STOP_CONFIRMED, job, stops - 1)

    def _tell(self, at_ms: int, kind: int, job: int, attempt: int) -> None:
        self.sequence += 1
        heapq.heappush(self.engine, (at_ms, self.sequence, kind, job, attempt))

    def _restart(self) -> None:
        """Go on with what the ledger says, as after a crash."""
        before = self.chronicle
        self.chronicle = resumed(book(self.entries), room=self.room, spare=self.spare)
        assert self.chronicle.core.digest == before.core.digest
        assert self.chronicle.next_ms == before.next_ms
        assert self.chronicle.core.record.tobytes() == before.core.record.tobytes()
        self.restarts += 1
        self.rebuilds += before.core.rebuilds


def _divides(charters: list[Charter], new: Charter) -> bool:
    """Whether a charter has teams below what was a leaf."""
    leaves = {team.path for charter in charters for team in charter.leaves}
    return any(team.parent in leaves for team in new.teams)


def run_live(seed: int, *, policy: str = "charter", restarts: bool = False, away: str = "") -> tuple[Live, Audit]:
    """Run a seed's system live with hardly any room, so that it is laid out again and again; returns it and what an audit finds."""
    system, chance = draw_live(seed)
    room, spare = chance.choice((1, 1, 2, 8)), chance.choice((0, 1, 2))
    core = GrowingCore(
        [system.charter], policy, options=system.options, origin_ms=system.workload.origin_ms, room=room, spare=spare,
        first=system.charter.teams[0].path, burst=64,
    )  # fmt: skip
    chronicle = Chronicle(core)
    live = Live(system, chance, chronicle, chronicle.opening(""), room, spare, away=away)
    live.run(restarts=restarts)
    live.rebuilds += live.chronicle.core.rebuilds
    return live, audit(book(live.entries))


def check_live(seed: int, *, policy: str = "charter", restarts: bool = False) -> Live:
    """Fail unless what was decided on what was known follows from everything, known at once."""
    live, found = run_live(seed, policy=policy, restarts=restarts)
    here = f"live, seed {seed}, {policy}"
    assert found.holds, f"{here}: {found.findings[0]}"
    if found.record is not None:
        assert found.record.run.digest == live.chronicle.core.digest, here
    return live
