"""Tables of promises: numbers added up again from when each job held its devices, second by second; forecast; warnings."""

from __future__ import annotations

import numpy as np
import pytest

from equipoise.charter_io import loads
from equipoise.simulator.promise_frame import Days, forecast
from equipoise.tasks.simulate import Comparison, simulate
from equipoise.units import DAY_MS
from tests.unit.report.replays import synthetic

CHARTER = """equipoise: charter/v1
lab: Small
pools: {p: {device: G, expect: 10 nodes of 1 gpu}}
teams: {product: {floor: 50%}, safety: {floor: 20%, max_job: 1 gpu}}
commitments: {fifth: {team: safety, at_least: 20%, window: day}}
"""


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Comparison:
    log = tmp_path_factory.mktemp("log") / "jobs.csv"
    rows = [f"product,{n * 600},{1 + n % 4},{1800 + 700 * (n % 7)}" for n in range(400)]
    rows += [f"safety,{n * 2400 + 7},1,{3000 + 400 * (n % 5)}" for n in range(100)]
    log.write_text("team,submit_s,num_gpu,duration_s\n" + "\n".join(rows) + "\n", "utf-8")
    return simulate(log, loads(CHARTER), vs=["product-first"])


def test_owed_and_delivered_are_those_of_the_jobs_table(small: Comparison) -> None:
    run = small[1]  # the table has one stretch of each job, and here none was stopped
    jobs = run.jobs.to_dicts()
    assert all(job["stops"] == 0 for job in jobs)
    judged = [row for row in run.promises.to_dicts() if row["verdict"] != "undecided"]
    assert len(judged) >= 2
    for row in judged:
        held = {"product": 0.0, "safety": 0.0}
        for job in jobs:
            inside = min(job["end_s"], row["to_s"]) - max(job["start_s"], row["from_s"])
            held[job["team"]] += max(0.0, inside) * job["gang"] / 3600
        assert row["delivered_heh_h"] == pytest.approx(held["safety"], abs=1e-6)
        assert row["owed_heh_h"] == pytest.approx(sum(held.values()) / 5, abs=1e-6)
        assert row["owed_heh_h"] + row["surplus_heh_h"] == pytest.approx(
            row["delivered_heh_h"] + row["unclaimed_heh_h"] + row["denied_heh_h"]
        )


def test_forecast_of_days_that_are_all_alike_is_exact_and_looks_at_nothing_later() -> None:
    at = np.arange(0, 41) * DAY_MS
    later = np.where(np.arange(41) > 20, 1e9, 0.0)
    owed, delivered = (np.asarray(rate * np.arange(41) + later, np.float64) for rate in (10, 8))
    found = forecast(Days(at, owed, delivered, np.zeros(41)), 0, 40 * DAY_MS, now_ms=20 * DAY_MS)
    assert found is not None
    assert found.low[-1] == found.high[-1] == pytest.approx(320)
    assert found.owed[-1] == pytest.approx(400)
    assert found.met == 0


def test_warnings_count_the_days_of_the_closes() -> None:
    for run in synthetic():
        closes = run.closes.filter(run.closes["team"] == "safety")
        weight = closes["pool"].replace_strict({"train": 1.0, "flex": 1.0, "eval": 0.3})
        days = (closes["to_s"] - 1e-6) // 86_400
        starved = 0
        (row,) = run.warnings.filter(run.warnings["team"] == "safety").to_dicts()
        for day in range(row["days"]):
            of = (days == day).to_numpy()
            denied, entitled = (
                (closes[name] * weight).to_numpy()[of].sum() for name in ("denied_gpu_h", "entitled_gpu_h")
            )
            starved += entitled > 0 and denied > 0.25 * entitled
        assert (row["days_starved"], row["days"] >= 5) == (starved, True)
