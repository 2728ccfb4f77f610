"""Run times that replicas draw: of each job alone, and of all jobs of the weeks to come."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from equipoise.policy.kernel import layout as k
from equipoise.policy.plan import plan
from equipoise.policy.state import Options
from equipoise.simulator.run_times import RunTimes
from equipoise.tasks.simulate import as_charter, as_workload
from equipoise.tasks.why import Road
from equipoise.units import DAY_MS, HOUR_MS
from equipoise.workload.draws import Draws

WEEKS = 8
A_WEEK = 50


def state_of(folder: Path) -> tuple[k.State, np.ndarray]:
    """Jobs of one week take an hour, those of the next ten; at the end of eight weeks 80 have just begun."""
    charter = folder / "lab.yaml"
    charter.write_text(
        "equipoise: charter/v1\nlab: Weeks\npools: {gpu: {device: GPU, expect: 100 nodes of 1 gpu}}\nteams: {a: {}}\n"
    )
    lines = ["team,submit_min,num_gpu,duration_min"]
    for number in range(WEEKS * A_WEEK):
        week = number // A_WEEK
        lines.append(f"a,{number * 7 * 24 * 60 // A_WEEK},1,{60 if week % 2 else 600}")
    lines += [f"a,{WEEKS * 7 * 24 * 60 + 600},1,60"] * 80
    log = folder / "log.csv"
    log.write_text("\n".join(lines) + "\n")
    rules = as_charter(charter)
    workload = as_workload(log, [rules], {})
    way = plan(rules)
    replay, timeline = Road(workload, rules, way, way, Options(), (), name="charter", progress=None).begun()
    timeline.run(WEEKS * 7 * DAY_MS + 10 * HOUR_MS + 1)
    return replay.state, np.arange(WEEKS * A_WEEK, len(workload.jobs))


def test_sums_differ_between_redrawn_pasts_as_weeks_do(tmp_path: Path) -> None:
    state, rows = state_of(tmp_path)
    times = RunTimes(state)

    def mean_hours(stream: int, *, redrawn: bool) -> float:
        past = times.redrawn(Draws(1, stream=stream)) if redrawn else times
        return float(past.draw(rows, Draws(2, stream=stream)).mean()) / HOUR_MS

    alone = np.array([mean_hours(number, redrawn=False) for number in range(200)])
    together = np.array([mean_hours(number, redrawn=True) for number in range(200)])
    assert alone.mean() == pytest.approx(5.5, abs=0.3), "half the jobs take one hour, half of them ten"
    assert together.mean() == pytest.approx(5.5, abs=0.5)
    # Of 80 jobs, 9 √(¼ ÷ 80) hours; of eight weeks drawn anew (and one of which nothing is known), 9 √(¼ ÷ 8) besides.
    assert alone.std() == pytest.approx(0.50, abs=0.1)
    assert together.std() == pytest.approx(1.67, abs=0.3)


def test_a_redrawn_past_changes_nothing_that_is_known(tmp_path: Path) -> None:
    state, _ = state_of(tmp_path)
    times = RunTimes(state)
    ended = np.flatnonzero(state.jobs["state"] == k.DONE)
    drawn = times.redrawn(Draws(3)).draw(ended, Draws(4))
    assert (drawn == state.jobs["done_ms"][ended]).all()
    before = times.draw(np.arange(len(times.ran_ms)), Draws(5))
    times.redrawn(Draws(6)).draw(np.arange(len(times.ran_ms)), Draws(5))
    assert (times.draw(np.arange(len(times.ran_ms)), Draws(5)) == before).all()
