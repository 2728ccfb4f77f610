"""Grants in a live lab: used up, moved, ended, with what their owners are told, and the same after a restart."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from equipoise.controller import RequestRecord, Told
from equipoise.workload.roll import Asked, Request
from tests.scenario.test_live_orders import COMMAND, HOUR_MS, Lab

MINUTE_MS = 60_000
ASK = Request("r1", "safety", "big", 4 * HOUR_MS, 0, 0, 30 * MINUTE_MS, purpose="probes")


def _records(lab: Lab) -> dict[str, RequestRecord]:
    return {one.request.name: one for one in lab.get(lab.controller.requests())}


def _granted(lab: Lab, ask: Request = ASK) -> None:
    lab.get(lab.controller.ask(ask))
    lab.get(lab.controller.answer(ask.name, ask.amount_gpu_ms))


def test_a_job_without_a_walltime_runs_on_and_its_owner_knows_that_the_grant_is_used_up(tmp_path: Path) -> None:
    lab = Lab(tmp_path)
    _granted(lab, replace(ASK, amount_gpu_ms=4 * 5 * MINUTE_MS))
    job = lab.job(4, "safety", request="r1")
    lab.live(280_000)
    assert lab.told() == [(job, Told.NEARLY_SPENT)]
    assert lab.code(lab.controller.transfer("r1", "product", HOUR_MS, reason="why", who="ada")) == "R151"
    lab.live(60_000)
    assert lab.told() == [(job, Told.NEARLY_SPENT), (job, Told.SPENT)] and lab.state(job) == "running"
    assert lab.get(lab.controller.left_gpu_ms("r1")) == 0
    assert (
        lab.code(lab.controller.submit(Asked(1, "safety", "big", "ada", request="r1"), COMMAND, owner="ada")) == "R113"
    )
    lab.live(400_000)
    [spent] = [values for _, values in lab.entries if values["kind"] == "spent"]
    assert spent["gpu_ms"] == 4 * 5 * MINUTE_MS
    trial = next(iter(lab.world.trials.values()))  # the engine's own account: it ran for ten minutes
    assert trial.attempt.job == job
    assert spent["gpu_ms"] + spent["beyond_gpu_ms"] == pytest.approx(4 * 10 * MINUTE_MS, rel=0.02)
    lab.close()


def test_what_is_left_goes_to_another_team_and_lapses_with_its_window(tmp_path: Path) -> None:
    lab = Lab(tmp_path)
    _granted(lab)
    lab.live(1_000)
    assert lab.code(lab.controller.transfer("r1", "product", HOUR_MS, reason=" ", who="ada")) == "R150"
    assert lab.code(lab.controller.transfer("r9", "product", HOUR_MS, reason="why", who="ada")) == "R112"
    assert lab.code(lab.controller.transfer("r1", "nobody", HOUR_MS, reason="why", who="ada")) == "C301"
    new = lab.get(lab.controller.transfer("r1", "product", HOUR_MS, reason="they are ready", who="ada"))
    assert new == "r1-1" and lab.code(lab.controller.ask(replace(ASK, name=new))) == "A205"
    lab.controller.close()
    lab.controller = lab.opened()
    found = _records(lab)
    assert (found["r1"].left_gpu_ms, found["r1"].given_gpu_ms) == (3 * HOUR_MS, HOUR_MS)
    assert (found[new].left_gpu_ms, found[new].lender, found[new].request.team) == (HOUR_MS, "r1", "product")
    lab.live(25 * MINUTE_MS)
    job = lab.job(4, "product", request=new, walltime_ms=15 * MINUTE_MS)
    lab.live(6 * MINUTE_MS)  # it runs for ten minutes, beyond the end
    found = _records(lab)
    assert found["r1"].is_over and found["r1"].expired_gpu_ms == 3 * HOUR_MS
    assert found[new].is_over and found[new].expired_gpu_ms == 0  # all of it is set aside for the job
    assert (job, Told.EXPIRED) in lab.told()
    late = Asked(1, "product", "big", "ada", request=new)
    assert lab.code(lab.controller.submit(late, COMMAND, owner="ada")) == "R114"
    assert lab.code(lab.controller.transfer(new, "r1", 1, reason="why", who="ada")) == "R151"
    lab.live(6 * MINUTE_MS)
    assert _records(lab)[new].spent_gpu_ms == pytest.approx(4 * 10 * MINUTE_MS, rel=0.02)
    expired = [(values["name"], values["at_ms"]) for _, values in lab.entries if values["kind"] == "expired"]
    assert expired == [("r1", ASK.end_ms), (new, ASK.end_ms)]
    lab.close()


def test_two_jobs_at_once_do_not_both_have_what_is_left(tmp_path: Path) -> None:
    lab = Lab(tmp_path)
    _granted(lab, replace(ASK, amount_gpu_ms=HOUR_MS))
    job = Asked(4, "safety", "big", "ada", walltime_ms=10 * MINUTE_MS, request="r1")
    both = [lab.controller.submit(job, COMMAND, owner="ada") for _ in range(2)]
    lab.get(both[0])
    assert lab.code(both[1]) == "R113"
    lab.close()
