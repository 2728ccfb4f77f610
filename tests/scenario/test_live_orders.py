"""What users and operators ask of a live controller: credits, cancelling, draining, another charter, how things stand, and who leads."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any, TypeVar

import pytest

from equipoise.audit import Book, audit
from equipoise.charter.canonical import to_values
from equipoise.charter.floors import quotas
from equipoise.charter_io import loads
from equipoise.controller import Controller, Foundation, Settings, Told, open_controller
from equipoise.controller.leader import await_lead
from equipoise.engines.protocol import Command, Condition, Launch, Phase, Refused
from equipoise.errors import EquipoiseError, StoreError
from equipoise.store import open_sqlite
from equipoise.tasks.amend import apply
from equipoise.workload.roll import Asked, Request
from tests.scenario.live_days import CHARTER, KEY
from tests.scenario.scripted_engine import Faults, ScriptedEngine, VirtualClock, World

T = TypeVar("T")
HOUR_MS = 3_600_000
COMMAND = Command(("train",))


class Lab:
    """A lab in virtual time; jobs run for ten minutes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.charter = loads(CHARTER.encode())
        self.clock = VirtualClock()
        self.world = World(self.clock, self.charter.pools, Random(1), Faults(), lambda job: 600_000)
        self.entries: list[tuple[int, Any]] = []
        self.controller = self.opened()

    def opened(self, **more: Any) -> Controller:
        controller = open_controller(
            lambda: open_sqlite(self.folder / "ledger.db", origin=KEY.name), lambda charter: ScriptedEngine(self.world),
            folder=self.folder, spool_folder=self.folder / "spool", key=KEY, foundation=Foundation(self.charter, CHARTER),
            clock=self.clock, chance=Random(2), settings=Settings(survey_every_ms=20_000), **more,
        )  # fmt: skip
        assert controller is not None
        heard = controller.subscribe(lambda number, values: self.entries.append((number, values)))
        while not heard.done():
            controller.step()
        return controller

    def get(self, future: Future[T]) -> T:
        for _ in range(50):
            if future.done():
                return future.result()
            self.controller.step()
        raise AssertionError("no answer")

    def code(self, future: Future[Any]) -> str:
        with pytest.raises(EquipoiseError) as caught:
            self.get(future)
        return caught.value.code

    def job(self, gang: int, team: str, **more: Any) -> int:
        asked = Asked(gang, team, "big", "ada", **more)
        return self.get(self.controller.submit(asked, COMMAND, owner="ada")).job

    def live(self, ms: int) -> None:
        until_ms = self.clock.steady_ms + ms
        while self.clock.steady_ms < until_ms:
            self.controller.step()

    def state(self, job: int) -> str:
        return self.get(self.controller.why(job, changes=False)).state

    def told(self) -> list[tuple[int, Told]]:
        return [(notice.job, notice.kind) for _, notice in self.get(self.controller.notices())]

    def close(self) -> None:
        """End, and let an outsider execute the ledger again."""
        self.controller.close()
        book = Book()
        with open_sqlite(self.folder / "ledger.db", read_only=True) as store:
            book.read(list(store.entries()))
        assert audit(book).findings == ()
        assert self.world.violations == []


def test_a_floor_is_taken_back_after_a_warning_and_the_owner_knows_why_and_what_it_cost(tmp_path: Path) -> None:
    lab = Lab(tmp_path)
    borrowed = [lab.job(4, "exploration") for _ in range(4)]
    lab.live(60_000)
    claimant = lab.job(4, "safety")
    assert lab.state(claimant) == "claimed"
    lab.live(25_000)
    [victim] = [trial.attempt for trial in lab.world.trials.values() if trial.attempt in lab.world.warned]
    assert victim.job in borrowed and lab.world.trials[victim].phase is Phase.RUNNING  # it has its grace
    lab.live(60_000)
    assert lab.world.trials[victim].phase is Phase.STOPPED and lab.state(claimant) == "running"
    [warned, reclaimed] = [notice for _, notice in lab.get(lab.controller.notices()) if notice.job == victim.job]
    assert (warned.kind, reclaimed.kind) == (Told.WARNED, Told.RECLAIMED)
    assert f"job {claimant} of safety takes back 4 gpu of its floor" in reclaimed.text
    ran_ms = reclaimed.at_ms - warned.at_ms
    assert reclaimed.lost_gpu_ms >= 4 * ran_ms  # it has no savepoints: everything is lost
    lab.close()


def test_how_things_stand_adds_up(tmp_path: Path) -> None:
    lab = Lab(tmp_path)
    running, waiting = [lab.job(4, "product") for _ in range(4)], lab.job(8, "exploration")
    before = lab.get(lab.controller.standing())
    assert [job.starting for job in before.jobs] == [True] * 4 + [False]
    lab.live(10_000)
    now = lab.get(lab.controller.standing())
    [big, small] = now.pools
    assert (big.capacity, big.held, big.starting, big.draining, big.idle) == (16, 16, 0, 0, 0)
    assert (small.capacity, small.held, small.idle) == (6, 0, 6)
    teams = {(team.path, team.pool): team for team in now.teams}
    floor = quotas(lab.charter, "big", 16)[lab.charter.id_of("product")].floor
    assert teams["product", "big"].held == 16 and teams["product", "big"].borrowed == 16 - floor
    assert teams["exploration", "big"].waiting == 8
    assert [(job.job, job.state) for job in now.jobs] == [*((job, "running") for job in running), (waiting, "waiting")]
    assert sorted(part.node for job in now.jobs for part in job.parts) == [0, 1, 2, 3]
    with open_sqlite(tmp_path / "ledger.db", read_only=True) as store:
        assert now.entries == store.size == lab.entries[-1][0] + 1
    assert now.trouble == "" and now.spooled == 0
    lab.close()


def test_a_job_that_is_cancelled_stops_and_does_not_come_back(tmp_path: Path) -> None:
    lab = Lab(tmp_path)
    runs, waits = lab.job(16, "product"), lab.job(16, "product")
    lab.live(5_000)
    assert lab.get(lab.controller.cancel(waits)) and lab.get(lab.controller.cancel(runs))
    assert lab.code(lab.controller.cancel(99)) == "R108"
    lab.live(60_000)
    assert [trial.phase for trial in lab.world.trials.values()] == [Phase.STOPPED]
    assert not lab.get(lab.controller.cancel(runs))
    outcome = lab.get(lab.controller.outcome(runs))
    assert outcome is not None and outcome.what == "cancelled"
    assert lab.state(runs) == lab.state(waits) == "cancelled"
    lab.close()


def test_a_drained_node_is_cleared_and_taken_back(tmp_path: Path) -> None:
    lab = Lab(tmp_path)
    job = lab.job(16, "product")
    lab.live(5_000)
    lab.get(lab.controller.drain("big", 2))
    assert lab.code(lab.controller.drain("big", 4)) == "R109"
    lab.live(20_000)
    assert lab.world.conditions["big", 2] is Condition.MAINTENANCE
    assert lab.state(job) == "waiting" and (job, Told.LOST) in lab.told()
    assert lab.get(lab.controller.standing()).pools[0].maintenance == 4
    lab.get(lab.controller.drain("big", 2, back=True))
    lab.live(20_000)
    assert lab.state(job) == "running" and (job, Told.RESTARTED) in lab.told()
    lab.close()


def test_nothing_is_started_on_a_node_from_the_order_to_drain_it_on(tmp_path: Path) -> None:
    lab = Lab(tmp_path)
    drained = lab.controller.drain("big", 0)
    asked = [lab.controller.submit(Asked(4, "product", "big", "ada"), COMMAND, owner="ada") for _ in range(4)]
    lab.controller.step()
    assert drained.done() and all(one.done() for one in asked)
    starts = [row for _, values in lab.entries for row in values.get("decisions", ()) if row[0] == "start"]
    assert len(starts) == 3 and 0 not in [row[2] for row in starts]
    lab.live(20_000)
    lab.close()


def test_a_grant_is_spent_by_its_jobs_and_what_is_left_is_known_after_a_restart(tmp_path: Path) -> None:
    lab = Lab(tmp_path)
    ask = Request("r1", "safety", "big", 4 * HOUR_MS, 0, 0, 1000 * HOUR_MS, purpose="probes", avenue="interpretability")
    lab.get(lab.controller.ask(ask))
    assert lab.code(lab.controller.ask(ask)) == "P112"
    spend = Asked(4, "safety", "big", "ada", walltime_ms=900_000, request="r1")
    assert lab.code(lab.controller.submit(spend, COMMAND, owner="ada")) == "R112"
    assert lab.code(lab.controller.answer("r1", HOUR_MS)) == "R117"
    lab.get(lab.controller.answer("r1", 2 * HOUR_MS, reason="the rest next month"))
    assert lab.code(lab.controller.answer("r1", HOUR_MS, reason="again")) == "P112"
    lab.get(lab.controller.submit(spend, COMMAND, owner="ada"))
    assert lab.get(lab.controller.left_gpu_ms("r1")) == HOUR_MS  # 4 gpu for at most 15 minutes
    lab.get(lab.controller.submit(spend, COMMAND, owner="ada"))
    assert lab.code(lab.controller.submit(spend, COMMAND, owner="ada")) == "R113"
    assert lab.code(lab.controller.submit(replace(spend, team="product"), COMMAND, owner="ada")) == "R114"
    lab.live(700_000)  # both ran for ten minutes
    left = lab.get(lab.controller.left_gpu_ms("r1"))
    assert 2 * HOUR_MS - left == pytest.approx(2 * 4 * 600_000, rel=0.01)
    lab.controller.close()
    lab.controller = lab.opened()
    assert lab.get(lab.controller.left_gpu_ms("r1")) == left
    lab.close()


def test_another_charter_takes_force_while_jobs_run(tmp_path: Path) -> None:
    lab = Lab(tmp_path)
    lab.job(4, "product")
    text = CHARTER.replace("safety: {floor: 25%}", "safety: {floor: 30%}").replace(
        "lab: Live Lab\n", f"lab: Live Lab\nrevision: 2\nparent: {lab.charter.digest}\n"
    )
    charter = loads(text.encode())
    told = {"kind": "proposal", "digest": charter.digest, "text": text, "canonical": to_values(charter)}
    at_ms = lab.get(lab.controller.enact(charter, text, minutes=lambda at_ms: [told | {"at_ms": at_ms}]))
    assert at_ms > 0
    teams = {(team.path, team.pool): team.floor for team in lab.get(lab.controller.standing()).teams}
    assert teams["safety", "big"] == 5  # 30 % of 16, rounded
    assert [values["how"] for _, values in lab.entries if values["kind"] == "charter"] == ["amended"]
    lab.controller.close()
    lab.controller = lab.opened()
    teams = {(team.path, team.pool): team.floor for team in lab.get(lab.controller.standing()).teams}
    assert teams["safety", "big"] == 5
    lab.close()


def test_a_ledger_that_was_begun_by_apply_is_gone_on_with(tmp_path: Path) -> None:
    (tmp_path / "charter.yaml").write_text(CHARTER)
    apply(tmp_path / "charter.yaml", ledger=tmp_path / "ledger.db", key=KEY, at_ms=VirtualClock().wall_ms - 5_000)
    lab = Lab(tmp_path)
    job = lab.job(4, "safety")
    lab.live(700_000)
    assert lab.state(job) == "done"
    lab.close()


def test_the_second_waits_until_the_first_no_longer_leads(tmp_path: Path) -> None:
    def opened() -> Any:
        return open_sqlite(tmp_path / "ledger.db", origin=KEY.name)

    first = opened()
    found: list[Any] = []
    second = threading.Thread(target=lambda: found.append(await_lead(opened, pause_s=0.02)))
    second.start()
    second.join(0.3)
    assert not found
    first.close()
    second.join(10)
    [store] = found
    store.append([b"{}"])
    given_up = threading.Event()
    given_up.set()
    assert await_lead(opened, given_up=given_up) is None
    store.close()


def test_orders_fail_once_the_controller_has_ended(tmp_path: Path) -> None:
    lab = Lab(tmp_path)
    lab.controller.close()
    with pytest.raises(StoreError) as caught:
        lab.controller.standing().result(0)
    assert caught.value.code == "R116"


def test_a_start_that_is_refused_because_its_node_went_is_made_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = Lab(tmp_path)
    launch, world = lab.world.launch, lab.world

    def refuse(order: Launch) -> None:
        monkeypatch.setattr(world, "launch", launch)
        world.change_node("big", order.parts[0].node, Condition.DOWN)
        world.report(Refused(order.attempt, f"node {order.parts[0].node} of big is down"))

    monkeypatch.setattr(world, "launch", refuse)
    accepted = lab.get(lab.controller.submit(Asked(4, "product", "big", user="ada"), COMMAND, owner="ada"))
    outcome = None
    for _ in range(2_000):
        lab.controller.step()
        if (outcome := lab.get(lab.controller.outcome(accepted.job))) is not None:
            break
    assert outcome is not None and (outcome.what, outcome.exit_code) == ("ended", 0)
    assert world.ends[accepted.job] == 1 and world.violations == []


def test_a_lost_desk_is_said_and_its_jobs_can_be_given_up(tmp_path: Path) -> None:
    lab = Lab(tmp_path)
    *_, runs, waits = [lab.job(4, "exploration") for _ in range(5)]
    lab.live(5_000)
    lab.controller.close()
    for path in tmp_path.glob("desk.db*"):
        path.unlink()
    with pytest.raises(StoreError) as caught:
        lab.opened()
    assert caught.value.code == "R118" and "lacks 5 jobs" in str(caught.value)
    lab.controller = lab.opened(give_up_lost=True)
    after = lab.job(4, "exploration")
    lab.live(60_000)
    assert [lab.state(job) for job in (runs, waits, after)] == ["cancelled", "cancelled", "running"]
    lab.close()
