"""Figures that independent simulators agree on, from public job logs (../shared/data/README.md)."""

from __future__ import annotations

from pathlib import Path

import pytest

from equipoise import traces
from equipoise.charter_io import loads
from equipoise.tasks.simulate import simulate

DATA = Path(__file__).parents[3] / "shared" / "data"
PHILLY = DATA / "philly_5vc" / "philly_5vc.csv"
NASA = DATA / "swf_pwa" / "NASA-iPSC-1993-3.1-cln.swf.gz"

pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="../shared/data is not here")


def charter(machine: str, *teams: str) -> str:
    rows = "".join(f"  {team}: {{}}\n" for team in teams)
    return f"equipoise: charter/v1\nlab: Log\npools: {{gpu: {{device: GPU, expect: {machine}}}}}\nteams:\n{rows}"


def test_philly_first_in_first_out() -> None:
    teams = [traces.team_name(vc) for vc in traces.read(PHILLY).teams]
    run = simulate(PHILLY, loads(charter("640 nodes of 1 gpu", *teams)), policy="fifo")
    assert run.n_jobs == run.n_finished == 11_755
    assert run.mean_wait_s == pytest.approx(873_337.86, abs=0.005)
    assert run.makespan_s == 11_078_604


@pytest.mark.parametrize(("policy", "mean_wait_s"), [("fifo", 8.005), ("easy", 4.028)])
def test_nasa(policy: str, mean_wait_s: float) -> None:
    lab = loads(charter("128 nodes of 1 gpu", "users"))
    run = simulate(NASA, lab, policy=policy, estimates="actual", unmapped="users")
    assert run.n_jobs == run.n_finished == 18_239
    assert run.mean_wait_s == pytest.approx(mean_wait_s, abs=0.0005)
