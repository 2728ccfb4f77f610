"""Charters that are made with a workload: the language accepts them, and their floors hold what was promised."""

from __future__ import annotations

import numpy as np
import pytest

from equipoise import charter_io
from equipoise.charter.floors import quotas
from equipoise.workload.fleet import FLOOR_E2, fleet
from equipoise.workload.synthetic import lab, lab_charter
from equipoise.workload.synthetic.asks import capacities


@pytest.mark.parametrize("gpus", [512, 1000, 4096, 16_384])
def test_lab_charter_has_no_findings_at_any_size(gpus: int) -> None:
    report = charter_io.check(lab_charter(gpus).encode(), "demo.yaml")
    assert [str(finding) for finding in report.findings] == []
    assert report.charter is not None
    assert {pool.name: pool.capacity for pool in report.charter.pools} == capacities(gpus)


def test_leaves_of_the_lab_charter_are_the_teams_of_the_workload() -> None:
    charter = charter_io.loads(lab_charter(), "demo.yaml")
    assert charter.lab == "demo"
    assert sorted(leaf.path for leaf in charter.leaves) == sorted(lab(days=1).teams)


@pytest.mark.parametrize("gpus", [512, 4096])
def test_jobs_that_cannot_be_stopped_fit_the_floor_in_whole_devices(gpus: int) -> None:
    workload, charter = lab(2, days=10, gpus=gpus), charter_io.loads(lab_charter(gpus), "demo.yaml")
    place = {team.path: i for i, team in enumerate(charter.teams)}
    jobs = workload.jobs
    firm = ~jobs.preemptible
    for p, pool in enumerate(workload.pools):
        floors = [quota.floor for quota in quotas(charter, pool, capacities(gpus)[pool])]
        of_team = np.array([floors[place[team]] for team in workload.teams])
        chosen = firm & (jobs.pool == p)
        assert np.all(jobs.gang[chosen] <= of_team[jobs.team[chosen]]), pool


@pytest.mark.parametrize(("teams", "divisions"), [(1, None), (100, None), (1000, None), (1000, 1)])
def test_fleet_charter_has_no_findings_and_its_floors_are_exact(teams: int, divisions: int | None) -> None:
    workload, text = fleet(2000, nodes=1000, teams=teams, divisions=divisions, seed=2)
    report = charter_io.check(text.encode(), "fleet.yaml")
    assert [str(finding) for finding in report.findings] == []
    charter = report.charter
    assert charter is not None
    floors = {team.path: quota.floor for team, quota in zip(charter.teams, quotas(charter, "main", 8000), strict=True)}
    assert tuple(path for path in floors if "." in path) == workload.teams  # so that row i of one is row i of the other
    assert 8000 * FLOOR_E2 // 100 - teams <= sum(floors[path] for path in workload.teams) <= 8000 * FLOOR_E2 // 100
    held = ~workload.jobs.preemptible
    leaf = np.array([floors[path] for path in workload.teams])
    assert np.all(workload.jobs.gang[held] <= leaf[workload.jobs.team[held]])
