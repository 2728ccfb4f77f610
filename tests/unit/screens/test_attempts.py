"""Attempts against what the kernel accounted: devices × time between closes, causes of stops, and a slow walk of the decisions."""

from __future__ import annotations

import numpy as np
import pytest

from equipoise.policy.kernel import layout as k
from equipoise.screens.attempts import ENDED, FAILED, NOT_YET, PREEMPTED, RECLAIMED, attempts
from equipoise.screens.losses import losses
from equipoise.simulator.record import HELD, Record
from tests.unit.screens.runs import runs


@pytest.mark.parametrize("number", [0, 1])
def test_devices_held_between_closes_are_those_of_the_account(number: int) -> None:
    record = runs()[number].record
    found = attempts(record)
    own = np.zeros((len(record.charter.pools), record.count), np.int64)
    for close, at_ms in enumerate(record.run.closes_ms.tolist()):
        spans = np.clip(np.minimum(found.end_ms, at_ms) - found.start_ms, 0, None) * found.gang
        own[:] = 0
        np.add.at(own, (found.pool, found.line), spans)
        assert (record.rolled_up(own) == record.accounts[close, :, :, HELD]).all(), at_ms


@pytest.mark.parametrize("number", [0, 1])
def test_causes_and_losses_are_those_that_the_record_counts(number: int) -> None:
    record = runs()[number].record
    found, jobs = attempts(record), len(record.run.jobs)
    for cause, name in ((RECLAIMED, "reclaims"), (PREEMPTED, "preemptions"), (FAILED, "failures")):
        rows = (found.cause == cause) & (found.job < jobs)
        assert (np.bincount(found.job[rows], minlength=jobs) == record.stops[name]).all()
    lost = np.zeros(jobs, np.int64)
    np.add.at(lost, found.job[found.job < jobs], losses(record)[found.job < jobs])
    assert (lost == record.run.jobs["lost"]).all()
    assert lost.any()
    assert int((found.cause == ENDED).sum()) == runs()[number].n_finished
    assert (found.start_ms[1:] >= found.start_ms[:-1]).all()
    assert attempts(record) is found


def test_what_runs_at_an_instant_is_what_a_walk_of_the_decisions_leaves_running() -> None:
    record = runs()[0].record
    found = attempts(record)
    for at_ms in (0, 1, 90_000_000, 200_000_000, 345_600_000, 500_000_000, int(record.run.closes_ms[-1])):
        mine = sorted(found.job[found.running(at_ms)].tolist())
        assert mine == sorted(walked(record, at_ms)), at_ms
    assert len(found.running(200_000_000)) > 20
    assert (found.end_ms < NOT_YET).all()


def walked(record: Record, at_ms: int) -> set[int]:
    """Which jobs run once all of an instant has happened, decision by decision."""
    assert record.run.decisions is not None
    running: set[int] = set()
    for decision in record.run.decisions[record.run.decisions["time_ms"] <= at_ms].tolist():
        kind, job = decision[1], decision[2]
        if kind == k.START:
            running.add(job)
        elif kind in (k.STOP, k.LOST, k.RELEASE):
            running.discard(job)
    done = record.run.jobs["state"] == k.DONE
    return {job for job in running if job >= len(done) or not done[job] or record.run.jobs["end_ms"][job] > at_ms}
