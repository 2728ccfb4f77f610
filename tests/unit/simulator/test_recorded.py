"""A log is followed as it is: what a baseline's run accounts for is found again from nothing but when its jobs started."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from equipoise.charter_io import loads
from equipoise.errors import InputError
from equipoise.policy.plan import plan
from equipoise.simulator.recorded import flat, follow_log, most_held
from equipoise.simulator.run import simulate
from equipoise.simulator.verdicts import windows_seen
from equipoise.units import HOUR_MS
from equipoise.workload import Workload
from equipoise.workload.synthetic import lab, lab_charter

CLOSES = [at * 5 * HOUR_MS for at in range(1, 40)]


def logged(seed: int, days: int = 3) -> Workload:
    """A log of jobs alone that wait for no other, asked for in a third of the time, so that many wait."""
    made = lab(days=days, gpus=512, seed=seed)
    jobs = replace(made.jobs, submit_ms=made.jobs.submit_ms // 3, after=made.jobs.after * 0 - 1)
    return replace(made, services=(), jobs=jobs)


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("policy", ["easy", "fifo"])
def test_following_the_starts_of_a_run_accounts_for_the_same(seed: int, policy: str) -> None:
    """Baselines that stop nobody: entitled, denied, held, promises and their verdicts are equal to the last millisecond."""
    workload, charter = logged(seed), flat(loads(lab_charter(512)))
    reference = plan(charter)
    ran = simulate(workload, charter, plan(charter, policy), reference=reference, closes_ms=CLOSES)
    ended = ran.jobs["first_ms"] >= 0
    assert ended.sum() > 300 and (ran.jobs["first_ms"] > ran.jobs["eligible_ms"])[ended].sum() > 100
    assert ended.all(), "every job of the log is one that ran"
    found = follow_log(workload, charter, reference, ran.jobs["first_ms"].copy(), closes_ms=CLOSES)
    for name in ("eligible_ms", "first_ms", "end_ms", "gang"):
        assert np.array_equal(found.jobs[name], ran.jobs[name])
    assert np.array_equal(found.closes_ms, ran.closes_ms)
    assert np.array_equal(found.teams, ran.teams)
    assert found.teams[-1, :, 2].sum() > 0
    assert np.array_equal(found.pools[:, :, :6], ran.pools[:, :, :6])
    origin_ms = workload.origin_ms or 0
    judged = [
        [
            (w.span, w.judgement and w.judgement.verdict, w.stocks)
            for w in windows_seen(r.promised, r.promises, origin_ms)
        ]
        for r in (found, ran)
    ]
    assert judged[0] == judged[1] and len(judged[0]) > 0


def test_compiled_and_as_plain_python_it_is_the_same() -> None:
    whole = logged(3, days=1)
    few = replace(
        whole, jobs=replace(whole.jobs, **{name: getattr(whole.jobs, name)[:80] for name in COLUMNS}, name=None)
    )
    charter = flat(loads(lab_charter(512)))
    starts_ms = simulate(few, charter, plan(charter, "fifo"), reference=plan(charter)).jobs["first_ms"].copy()
    runs = [
        follow_log(few, charter, plan(charter), starts_ms, closes_ms=CLOSES, interpreted=plain)
        for plain in (False, True)
    ]
    assert runs[0].digest == runs[1].digest
    assert np.array_equal(runs[0].teams, runs[1].teams) and np.array_equal(runs[0].pools, runs[1].pools)


COLUMNS = (
    "submit_ms", "duration_ms", "gang", "walltime_ms", "team", "pool", "user", "priority", "preemptible", "savepoint_ms", "after",
)  # fmt: skip


def test_a_log_of_a_larger_machine_is_refused() -> None:
    workload, charter = logged(1), flat(loads(lab_charter(512)))
    with pytest.raises(InputError) as caught:
        follow_log(workload, charter, plan(charter), workload.jobs.submit_ms.copy())  # all at once, as nobody could
    assert caught.value.code == "S125"


def test_at_one_instant_ends_come_before_starts() -> None:
    starts, lasts, gangs = np.array([0, 10, 10, 5]), np.array([10, 5, 0, 5]), np.array([4, 3, 9, 2])
    assert most_held(starts, lasts, gangs) == 6
