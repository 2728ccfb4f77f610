"""The fleet: sizes, load, determinism, and a charter that fits its workload."""

from __future__ import annotations

import hashlib
from itertools import pairwise

import numpy as np
import pytest
import yaml

from equipoise.errors import InputError
from equipoise.workload.fleet import FLOOR_E2, GANG_WEIGHTS, GANGS, MEDIAN_MS, MOST_MS, fleet
from equipoise.workload.model import Jobs

COLUMNS = [name for name in Jobs.__dataclass_fields__ if name not in ("name", "request")]


def digest(jobs: Jobs) -> str:
    seen = hashlib.sha256()
    for name in COLUMNS:
        seen.update(np.ascontiguousarray(getattr(jobs, name)).tobytes())
    return seen.hexdigest()


def test_same_seed_gives_the_same_bits_and_another_seed_others() -> None:
    first, charter = fleet(2000, nodes=64, teams=9, seed=3)
    again, same = fleet(2000, nodes=64, teams=9, seed=3)
    other, _ = fleet(2000, nodes=64, teams=9, seed=4)
    assert digest(first.jobs) == digest(again.jobs)
    assert charter == same
    assert digest(first.jobs) != digest(other.jobs)


def test_bits_are_pinned() -> None:
    workload, charter = fleet(5000, nodes=128, teams=20, seed=1)
    assert digest(workload.jobs) == "0e17e295376a2a1f6348cd1eb8275c4b019e6f1334852b24a629eb6c7c6d454b"
    assert (
        hashlib.sha256(charter.encode()).hexdigest()
        == "edd913b7b906a0d411bb4bb5f1052c2a3dbeadf390461cbea483e953ba059d4c"
    )


def test_offered_load_is_what_was_asked_for() -> None:
    workload, _ = fleet(200_000, nodes=500, teams=30, load=1.2, seed=5)
    jobs = workload.jobs
    gpu_ms = int((jobs.gang.astype(np.int64) * jobs.duration_ms).sum())
    assert gpu_ms / (500 * 8 * int(jobs.submit_ms[-1])) == pytest.approx(1.2, rel=0.001)


def test_marginals_are_those_of_the_tables() -> None:
    jobs = fleet(400_000, nodes=1000, teams=30, seed=6)[0].jobs
    fitting = np.array([weight for gang, weight in zip(GANGS, GANG_WEIGHTS, strict=True) if gang <= 1000])
    for gang, expected in zip(GANGS, fitting / fitting.sum(), strict=False):
        assert np.mean(jobs.gang == gang) == pytest.approx(expected, rel=0.15), gang
    assert jobs.gang.max() <= 1000
    assert np.median(jobs.duration_ms) == pytest.approx(MEDIAN_MS, rel=0.02)
    # exp(mu + sigma) is the 84.13 % quantile of a lognormal: an independent look at the table's spread.
    assert np.quantile(jobs.duration_ms, 0.84134) == pytest.approx(MEDIAN_MS * np.e**2, rel=0.03)
    assert jobs.duration_ms.max() <= MOST_MS
    ratio = jobs.walltime_ms / jobs.duration_ms
    assert ratio.min() >= 0.999
    assert ratio.max() <= 3
    assert ratio.mean() == pytest.approx(2, abs=0.02)


def test_jobs_come_in_order_and_spread_evenly() -> None:
    submit = fleet(100_000, nodes=100, teams=10, seed=7)[0].jobs.submit_ms
    assert submit[0] == 0
    assert np.all(np.diff(submit) >= 0)
    counts = np.histogram(submit, bins=10)[0]
    assert counts.min() > 9_500
    assert counts.max() < 10_500


@pytest.mark.parametrize(("teams", "divisions"), [(1, None), (7, None), (100, None), (1000, None), (1000, 1), (5, 5)])
def test_charter_promises_sixty_percent_and_names_the_teams_of_the_workload(teams: int, divisions: int | None) -> None:
    workload, text = fleet(500, nodes=1000, teams=teams, divisions=divisions, seed=8)
    charter = yaml.safe_load(text)
    paths = [f"{d}.{t}" for d, node in charter["teams"].items() for t in node["teams"]]
    assert tuple(paths) == workload.teams
    assert all(before < after for before, after in pairwise(paths))
    promised = 0
    for node in charter["teams"].values():
        floors = [int(leaf.get("floor", "0 gpu").split()[0]) for leaf in node["teams"].values()]
        assert int(node["floor"].split()[0]) == sum(floors)
        assert 0 < node["weight"] <= 1000
        promised += sum(floors)
    assert 8000 * FLOOR_E2 / 100 - teams <= promised <= 8000 * FLOOR_E2 / 100


def test_what_cannot_be_stopped_fits_its_teams_floor() -> None:
    workload, text = fleet(50_000, nodes=200, teams=40, seed=9)
    charter = yaml.safe_load(text)
    leaves = [leaf for node in charter["teams"].values() for leaf in node["teams"].values()]
    floor = np.array([int(leaf.get("floor", "0 gpu").split()[0]) for leaf in leaves])
    jobs = workload.jobs
    held = ~jobs.preemptible
    assert held.mean() > 0.25
    assert np.all(jobs.gang[held] <= floor[jobs.team[held]])


def test_users_belong_to_one_team_each() -> None:
    workload, _ = fleet(20_000, nodes=100, teams=6, users_per_team=5, seed=10)
    assert len(workload.users) == 30
    assert np.array_equal(workload.jobs.user // 5, workload.jobs.team)
    assert len(np.unique(workload.jobs.user)) == 30


@pytest.mark.parametrize("change", [{"nodes": 0}, {"teams": 0}, {"load": 0.0}, {"divisions": 9}, {"users_per_team": 0}])
def test_impossible_sizes_are_refused(change: dict[str, int]) -> None:
    with pytest.raises(InputError) as caught:
        fleet(10, **{"nodes": 4, "teams": 4, **change})  # type: ignore[arg-type]
    assert caught.value.code == "L101"
