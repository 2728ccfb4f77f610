"""Series over time are the closes, taken together where there are many."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from equipoise.charter_io import loads
from equipoise.simulator.results import Results
from equipoise.simulator.run import NodeChange
from equipoise.tasks.simulate import simulate
from equipoise.workload.fleet import fleet


@pytest.fixture(scope="module")
def run() -> Results:
    jobs, text = fleet(2_000, nodes=16, teams=6, seed=7)
    return simulate(jobs, loads(text), closes=50, outages=[NodeChange(3_600_000, loads(text).pools[0].name, 0, "down")])


@pytest.mark.parametrize("points", [1, 7, 50, 10_000])
def test_means_times_lengths_are_the_totals_of_every_team(run: Results, points: int) -> None:
    found = run.series(points=points)
    hours = np.diff(found.edges_ms) / 3_600_000
    assert 1 <= len(hours) <= points
    assert (hours > 0).all()
    assert found.edges_ms[0] == 0
    assert found.edges_ms[-1] == run.record.run.closes_ms[-1]
    for number, line in enumerate(run.record.reference.lines[1:], start=1):
        team = run.team(line.path)
        assert hours @ found.held[:, number] == pytest.approx(team["held_gpu_h"])
        assert hours @ found.entitled[:, number] == pytest.approx(team["entitled_gpu_h"])
        assert hours @ found.denied[:, number] == pytest.approx(team["denied_gpu_h"])
    down_gpu_h = int(run.pools["down_gpu_ms"].sum()) / 3_600_000
    assert hours @ found.up == pytest.approx(run.capacity_gpu_h - down_gpu_h)
    assert down_gpu_h > 0


def test_spans_are_those_of_the_closes_where_there_are_few(run: Results) -> None:
    found = run.series(points=10_000)
    closes = run.closes.group_by("to_s", "team").agg(pl.col("held_gpu_h").sum(), pl.col("from_s").first()).sort("to_s")
    name = run.record.reference.lines[1].path
    own = closes.filter(pl.col("team") == name)
    assert (found.edges_ms[1:] / 1000).tolist() == own["to_s"].to_list()
    assert found.held[:, 1].tolist() == pytest.approx(
        (own["held_gpu_h"] / (own["to_s"] - own["from_s"]) * 3600).to_list()
    )


def test_pools_add_up_to_the_machine(run: Results) -> None:
    whole = run.series()
    parts = [run.series(pool=number) for number in range(len(run.record.charter.pools))]
    assert np.allclose(sum(each.held for each in parts), whole.held)
    assert np.allclose(sum(each.up for each in parts), whole.up)


def test_pools_up_to_a_time_are_exact(run: Results) -> None:
    closes = run.record.run.closes_ms
    half = run.pool_account(until_s=int(closes[20]) / 1000)
    assert int(half["capacity_gpu_ms"].sum()) == int(closes[20]) * int(run.pools["gpus"].sum())
    assert run.pool_account(until_s=10**9).equals(run.pools)
    assert int(run.pool_account(until_s=0)["capacity_gpu_ms"].sum()) == 0
