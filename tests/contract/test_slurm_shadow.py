"""What Equipoise would have done, asked of a real Slurm that ran a few dozen jobs by itself; nothing in it changes."""

from __future__ import annotations

import json
from collections.abc import Generator
from math import ceil
from pathlib import Path

import pytest

from equipoise.cli.app import main
from equipoise.engines.slurm import Place, Settings
from equipoise.engines.slurm.shadow import machine
from equipoise.tasks.shadow import shadow
from tests.contract import slurm_cluster

pytestmark = pytest.mark.skipif(bool(slurm_cluster.missing()), reason=slurm_cluster.missing())

CHARTER = """
equipoise: charter/v1
lab: Small
timezone: UTC
pools: {gpu: {device: H100, expect: 2 nodes of 4 gpu}}
teams: {product: {floor: 50%}, safety: {floor: 50%}}
"""
ACCOUNTS = ("product",) * 20 + ("safety",) * 12


@pytest.fixture(scope="module")
def cluster() -> Generator[slurm_cluster.Cluster]:
    """A cluster on which Slurm has run 32 jobs of two accounts, and one of an account that no charter knows."""
    with slurm_cluster.cluster(nodes=2, devices=4) as here:
        script = here.folder / "job.sh"
        script.write_text('#!/bin/sh\nexec sleep "$1"\n', "utf-8")
        for n, account in enumerate((*ACCOUNTS, "nextgen")):
            options = (f"--gres=gpu:{(4, 2, 1, 1)[n % 4]}", "--time=5", "--output=/dev/null", f"--account={account}")
            here.run("sbatch", "--partition=main", *options, str(script), str(1 + n % 3))
        here.wait("the end of all jobs", lambda: not here.run("squeue", "-h", "-o", "%i"), 120)
        here.wait("accounting", lambda: len(ended(here)) == len(ACCOUNTS) + 1)
        yield here


def ended(here: slurm_cluster.Cluster) -> list[list[str]]:
    """Account, seconds at which it could run, started and ended, and what it held, as Slurm's own accounting has them."""
    said = here.run(
        "sacct", "-a", "-X", "-P", "-n", "-S", "now-1days", "-E", "now", "-s", "CD", "-o", "Account,Eligible,Start,End,AllocTRES",
        environment={"SLURM_TIME_FORMAT": "%s"},
    )  # fmt: skip
    return [line.split("|") for line in said.splitlines()]


def test_waits_are_those_of_slurm_and_nothing_changes(cluster: slurm_cluster.Cluster, tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text(CHARTER, "utf-8")
    settings = Settings(pools={"gpu": Place("main")}, conf=str(cluster.conf))
    before = cluster.run("scontrol", "show", "partition"), cluster.run("sacctmgr", "-n", "-P", "show", "assoc")
    found = shadow(None, tmp_path / "c.yaml", settings=settings, days=1, unmapped="drop")
    assert before == (
        cluster.run("scontrol", "show", "partition"),
        cluster.run("sacctmgr", "-n", "-P", "show", "assoc"),
    )
    own = [(account, int(start) - int(eligible)) for account, eligible, start, _, _ in ended(cluster)]
    held_s = {
        account: sum((int(end) - int(start)) * int(tres.split("gres/gpu=")[1].split(",")[0])
                     for name, _, start, end, tres in ended(cluster) if name == account)
        for account in ("product", "safety")
    }  # fmt: skip
    for would, was in found.sides:
        waits = sorted(wait for account, wait in own if account == was.team)
        assert was.jobs == would.jobs == len(waits) == ACCOUNTS.count(was.team)
        assert (was.wait_p50_s, was.wait_p95_s) == (
            waits[ceil(0.5 * len(waits)) - 1],
            waits[ceil(0.95 * len(waits)) - 1],
        )
        assert was.delivered_gpu_h * 3600 == pytest.approx(held_s[was.team], abs=1e-6)
    assert max(wait for _, wait in own) > 5
    safety = next(pair for pair in found.sides if pair[0].team == "safety")
    assert safety[1].below_floor_h > safety[0].below_floor_h  # it came last, and Slurm knows no floors
    assert any("unmapped" in text or "no team" in text or "left out" in text for text in found.not_shown)


def test_without_a_charter_one_is_made_of_the_cluster(
    cluster: slurm_cluster.Cluster, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "e.toml").write_text(f'[engines.slurm]\nconf = "{cluster.conf}"\n', "utf-8")
    assert machine(Settings(pools={"gpu": Place("main")}, conf=str(cluster.conf))) == "2 nodes of 4 gpu"
    with pytest.raises(SystemExit) as left:
        main(["shadow", "--config", str(tmp_path / "e.toml"), "--partition", "main", "--days", "1", "--json"])
    assert left.value.code == 0
    told = json.loads(capsys.readouterr().out)
    jobs = {team.rpartition(".")[2]: sides["slurm"]["jobs"] for team, sides in told["teams"].items()}
    assert (jobs["product"], jobs["safety"], jobs["nextgen"]) == (20, 12, 1)
