"""What the simulator records of a run with a random latency leads, told again as events, to the same decisions and closes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from equipoise.errors import InputError
from equipoise.policy.core import Core
from equipoise.policy.events import event
from equipoise.policy.kernel import layout as k
from equipoise.policy.latency import Latency
from equipoise.policy.retracing import retrace
from equipoise.policy.state import build
from tests.property.latency_cases import BY_RUN_TIME, case, check, check_promised, core_of, promised_case
from tests.property.policy_systems import POLICIES


@pytest.mark.parametrize("policy", POLICIES)
def test_a_record_told_again_leads_to_the_same_decisions_and_closes(policy: str) -> None:
    for seed in range(60):
        check(seed, policy)


def test_windows_of_promises_begin_by_events_and_are_judged_alike() -> None:
    begun = moved = 0
    for seed in range(120):
        done = check_promised(seed, "charter" if seed % 4 else "no-floors")
        assert done.events is not None
        begun += int((done.events["kind"] == k.WINDOW_BEGAN).sum())
        system, closes_ms = promised_case(seed)
        unpromised = replace(system, charter=replace(system.charter, commitments=()))
        moved += unpromised.run(closes_ms=closes_ms).digest != system.run(closes_ms=closes_ms).digest
    assert begun > 1_000
    assert moved > 10  # else the promises moved nothing, and nothing was tried


def test_of_a_window_that_cannot_begin_only_the_reason_is_left() -> None:
    system, _ = promised_case(0)
    core = Core(core_of(system, "charter", "known"))
    promise = core.layout.promised[0]
    wrong = [
        event(k.WINDOW_BEGAN, len(core.layout.promised), until_ms=10),
        event(k.WINDOW_BEGAN, 0, detail=promise.spans, until_ms=10),
        event(k.WINDOW_BEGAN, 0, until_ms=5),
        event(k.WINDOW_BEGAN, 0, until_ms=10, amount=-1),
    ]
    before = core.state.spans.copy()
    for row in wrong:
        assert core.take(5, row).refused["refused"].tolist() == [k.NO_SUCH_PROMISE]
    assert np.array_equal(core.state.spans, before)


def test_jobs_by_attained_service_do_not_chase_each_other_while_they_start_up() -> None:
    # Service that a start-up had seemed to give, and a stop took away again, let two jobs take turns without end.
    for seed in (241, 285, 307):
        done = check(seed, "las")
        assert done.counters["stops"] < 100


def test_compiled_and_interpreted_runs_are_equal_with_latency() -> None:
    for seed in range(16):
        system, closes_ms = promised_case(seed) if seed % 2 else case(seed)
        compiled = system.run(closes_ms=closes_ms, record=True)
        plain = system.run(closes_ms=closes_ms, record=True, interpreted=True)
        assert compiled.digest == plain.digest, f"seed {seed}"
        for name in ("teams", "pools", "jobs", "replicas", "services", "events"):
            assert np.array_equal(getattr(compiled, name), getattr(plain, name)), f"seed {seed}, {name}"
        core = Core(core_of(system, "charter", "known"), interpreted=True)
        assert compiled.events is not None
        retrace(core, compiled.events, closes_ms=compiled.closes_ms.tolist(), edges_ms=compiled.promises)
        assert core.digest == compiled.digest, f"seed {seed}"


@pytest.mark.parametrize("policy", BY_RUN_TIME)
def test_who_goes_by_run_times_must_be_told_them(policy: str) -> None:
    with pytest.raises(InputError, match=f"P104 '{policy}'"):
        core_of(case(1)[0], policy, "unknown")


def test_no_latency_is_the_latency_of_nothing() -> None:
    for seed in range(300):
        system, closes_ms = case(seed, latency=Latency())
        without, _ = case(seed, latency=None)
        done, today = system.run(closes_ms=closes_ms), without.run(closes_ms=closes_ms)
        assert done.digest == today.digest, f"seed {seed}"
        assert np.array_equal(done.teams, today.teams), f"seed {seed}"
        assert np.array_equal(done.pools, today.pools), f"seed {seed}"


def test_an_event_that_cannot_be_is_refused_and_changes_nothing() -> None:
    system, _ = case(1, latency=Latency())
    layout = build(
        system.workload, system.charter.pools, system.plan(), reference=system.plan(), options=system.options,
        run_times="unknown",
    )  # fmt: skip
    core = Core(layout)
    wrong = {
        k.NO_SUCH_JOB: event(k.SUBMITTED, 10_000),
        k.NOT_RUNNING: event(k.ENDED, 0),
        k.NOT_STOPPED: event(k.STOP_CONFIRMED, 0),
        k.NOT_ASKED_FOR: event(k.JOB_CANCELLED, 0),
        k.NO_SUCH_SERVICE: event(k.DEMAND_CHANGED, 99, detail=1),
        k.NO_SUCH_NODE: event(k.NODE_CHANGED, 10_000, pool=0),
        k.NO_SUCH_KIND: event(77, 0),
    }
    for reason, row in wrong.items():
        answer = core.take(0, row)
        assert answer.refused["refused"].tolist() == [reason]
        assert len(answer.decisions) == 0
    core.take(5, event(k.SUBMITTED, 0))
    assert core.take(5, event(k.SUBMITTED, 0)).refused["refused"].tolist() == [k.SUBMITTED_BEFORE]
    with pytest.raises(InputError, match="P102"):
        core.take(4, event(k.SUBMITTED, 1))


def test_a_record_whose_time_goes_back_is_refused() -> None:
    system, closes_ms = case(3)
    done = system.run("charter", closes_ms=closes_ms, record=True)
    assert done.events is not None
    passes = np.flatnonzero(done.events["kind"] == k.PASS)
    later = passes[np.flatnonzero(np.diff(done.events["time_ms"][passes]) > 0)[3]]
    record = done.events.copy()
    record["time_ms"][later] += 10**9
    core = Core(core_of(system, "charter", "known"))
    with pytest.raises(InputError, match="P102 events of"):
        retrace(core, record, closes_ms=[done.closes_ms[-1] + 10**9])
