"""The Slurm engine as the contract suite opens it: over real daemons with fake devices."""

from __future__ import annotations

import os
import re
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from equipoise.charter.model import Pool
from equipoise.engines.protocol import Attempt, Command, Engine
from equipoise.engines.slurm import Place, Settings, SlurmEngine, open_engine
from tests.contract import slurm_cluster
from tests.contract.engine_rig import Rig, Submission

POOLS = (Pool("main", "gpu", 3, 4),)


def settings(cluster: slurm_cluster.Cluster) -> Settings:
    """Return settings for the test's cluster, quick to notice things."""
    return Settings(
        pools={"main": Place("main", ("submit",))}, teams={"safety": "research", "product": "product"},
        conf=str(cluster.conf), output=str(cluster.folder / "output"),
        command_timeout_s=5.0,
        poll_s=0.1, node_poll_s=0.3, patience_s=5.0,
    )  # fmt: skip


@dataclass
class SlurmRig(Rig):
    """A cluster of three nodes of four devices."""

    cluster: slurm_cluster.Cluster = field(kw_only=True)

    name = "slurm"
    patience_s = 20.0
    refused = Command(("true",), user="daemon")  # of whom Slurm's accounting knows nothing

    def open(self) -> SlurmEngine:
        return open_engine(settings(self.cluster), self.pools, self.folder)

    def devices(self, environment: Mapping[str, str]) -> frozenset[str]:
        node = environment["SLURMD_NODENAME"]
        return frozenset(f"{node}/{number}" for number in environment["SLURM_JOB_GPUS"].split(","))

    def output(self, engine: Engine, attempt: Attempt) -> str:
        assert isinstance(engine, SlurmEngine)
        return "".join(path.read_text("utf-8") for path in engine.output(attempt))

    def submit(self, submission: Submission) -> str:
        script = self.directory / "submitted.sh"
        script.write_text('#!/bin/sh\nexec "$@"\n', "utf-8")
        number = self.cluster.run(
            "sbatch", "--parsable", "--account=safety", "--partition=submit", f"--gres=gpu:{submission.gang}", "--output=/dev/null",
            f"--job-name={submission.name}", f"--chdir={self.directory}", str(script), *submission.argv,
        )  # fmt: skip
        assert re.fullmatch(r"\d+", number)
        return number

    def withdraw(self, origin: str) -> None:
        self.cluster.run("scancel", origin)


@contextmanager
def rig(folder: Path) -> Generator[SlurmRig]:
    if reason := slurm_cluster.missing():
        pytest.skip(reason)
    (folder / "jobs").mkdir()
    os.chmod(folder, 0o755)
    fence = "PartitionName=fence Nodes=ALL State=DOWN MaxTime=INFINITE DefMemPerCPU=10\n"
    with slurm_cluster.cluster(nodes=3, devices=4, partitions=fence) as cluster:
        yield SlurmRig(folder / "engine", folder / "jobs", POOLS, cluster=cluster)
