"""A request that was refused live counts as demand in its team's promise, exactly as where a simulator knows it from the beginning."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from equipoise.audit import Book, audit
from equipoise.charter_io import loads
from equipoise.policy.columns import Options
from equipoise.policy.events import event
from equipoise.policy.growing import GrowingCore
from equipoise.policy.kernel import layout as k
from equipoise.policy.plan import plan
from equipoise.simulator.bookkeeping import entries
from equipoise.simulator.chronicle import Chronicle
from equipoise.simulator.record import Record
from equipoise.simulator.run import simulate
from equipoise.workload.roll import Asked, Request

HOUR_MS = 3_600_000
TEXT = """
equipoise: charter/v1
lab: Small
timezone: UTC
pools: {h100: {device: H100, expect: 2 nodes of 8 gpu}}
teams: {product: {floor: 50%}, safety: {floor: 50%}}
commitments:
  safety-share: {team: safety, at_least: 40%, window: day}
"""
RUNS_MS = (20 * HOUR_MS, 20 * HOUR_MS, 2 * HOUR_MS, HOUR_MS)
Values = dict[str, Any]


def _live(refused_gpu_h: int | None) -> list[Values]:
    """Live: product holds both nodes, safety runs little, and asks at two; what it is refused is answered at three."""
    core = GrowingCore([loads(TEXT.encode())], options=Options(), origin_ms=1_767_225_600_000)
    chronicle = Chronicle(core)
    told = chronicle.opening(TEXT)
    asked = [Asked(8, "product", user="eve"), Asked(4, "product", user="eve"), Asked(4, "safety", user="ada")]
    for job in asked:
        told += chronicle.take(0, event(k.SUBMITTED, core.admit(job))).entries
    ends = sorted((ms, job) for job, ms in enumerate(RUNS_MS[:3]))
    told += chronicle.take(*_ended(ends[0])).entries
    if refused_gpu_h is not None:
        request = Request("r", "safety", "h100", 100 * HOUR_MS, chronicle.core.now_ms, 3 * HOUR_MS, 23 * HOUR_MS)
        told += chronicle.ask(request)
        granted = (100 - refused_gpu_h) * HOUR_MS
        told += chronicle.answer("r", 3 * HOUR_MS, granted, reason="the product launches")
        told += chronicle.take(3 * HOUR_MS).entries
    for one in ends[1:]:
        told += chronicle.take(*_ended(one)).entries
    last = core.admit(
        Asked(1, "product", user="eve")
    )  # a simulation ends with its work, which is to be after the window
    told += chronicle.take(25 * HOUR_MS, event(k.SUBMITTED, last)).entries
    return told + chronicle.take(26 * HOUR_MS, event(k.ENDED, last)).entries


def _ended(one: tuple[int, int]) -> tuple[int, Any]:
    return one[0], event(k.ENDED, one[1])


def _denied(told: list[Values]) -> int:
    [verdict] = [values for values in told if values["kind"] == "verdict"]
    return int(verdict["verdict"]["denied"])


def _simulated(told: list[Values]) -> list[Values]:
    """The same history, known from the beginning to a simulator that runs the jobs itself."""
    book = Book()
    for values in told:
        book.add(values)
    assert audit(book).findings == ()
    workload = book.workload()
    jobs = replace(workload.jobs, duration_ms=np.array(RUNS_MS, np.int64))
    workload = replace(workload, jobs=jobs)
    charter = loads(TEXT.encode())
    policy = plan(charter, "charter")
    run = simulate(workload, charter, policy, reference=policy, closes_ms=[24 * HOUR_MS], keep=True, record=True)
    return list(entries(Record(run, workload, charter, policy, policy), [TEXT]))


def test_what_is_refused_live_is_denied_as_a_simulator_has_it() -> None:
    denied: list[int] = []
    for refused_gpu_h in (None, 0, 30, 100):
        told = _live(refused_gpu_h)
        own, same = _denied(told), _denied(_simulated(told))
        assert own == same, f"{refused_gpu_h} refused"
        denied.append(own)
    assert denied[0] == denied[1] < denied[2] < denied[3]
    assert denied[2] - denied[0] == 5 * 30 * HOUR_MS, "its amount, once; a promise of 2/5 counts in fifths"
