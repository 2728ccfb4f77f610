"""Real engines for a small lab of two pools, and what may go wrong with each: `machine` starts one."""

from __future__ import annotations

import json
import os
import signal
import tempfile
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

from equipoise.charter.model import Pool
from equipoise.engines import local, ray, slurm
from equipoise.engines.protocol import Engine
from tests.contract import engine_ray, slurm_cluster
from tests.scenario.local_site import supervisors

POOLS = ("train", "flex")
NODES, DEVICES = 2, 8
TEAMS = ("product", "frontier", "safety", "exploration")
CHARTER = f"""\
equipoise: charter/v1
lab: Live Lab
pools:
  train: {{device: slot, expect: {NODES} nodes of {DEVICES} gpu}}
  flex: {{device: slot, expect: {NODES} nodes of {DEVICES} gpu}}
defaults:
  recover: RECOVER
  protect: {{grace: 1s, min_runtime: 1s, reclaims_per_day: 1000}}
teams:
  product: {{floor: 35%, limit: 80%, weight: 4}}
  frontier: {{floor: 27%, weight: 4}}
  safety: {{floor: 20%, weight: 3, max_job: 8 gpu}}
  exploration: {{floor: 8%, weight: 2, max_job: 8 gpu}}
"""
"""The top teams of the synthetic lab with their floors, on a small machine; ``RECOVER`` is put in."""


@dataclass(frozen=True)
class Machine:
    """An engine that can be opened, also by another process, and what can be done to it.

    Parameters
    ----------
    engine : str
    table : mapping
        ``[engines.NAME]``, of values that JSON has.
    breaks : mapping of str to callable
        By the fault's name, what lets it happen and, if that is needed, mends it; called with the folder of the engine.
    """

    engine: str
    table: Mapping[str, Any]
    breaks: Mapping[str, Callable[[Path], None]] = field(default_factory=dict[str, "Callable[[Path], None]"])

    def open(self, pools: tuple[Pool, ...], folder: Path) -> Engine:
        return opened(self.engine, self.table, pools, folder)


def opened(engine: str, table: Mapping[str, Any], pools: tuple[Pool, ...], folder: Path) -> Engine:
    """Open an engine by its name and table, as a configuration file would have it."""
    if engine == "local":
        return local.open_engine(local.Settings.of(table), pools, folder)
    if engine == "ray":
        return ray.open_engine(ray.Settings.of(table), pools, folder)
    return slurm.open_engine(slurm.Settings.of(table), pools, folder)


@contextmanager
def machine(engine: str) -> Generator[Machine]:
    """Start what an engine needs, and end it."""
    with {"local": _local, "ray": _ray, "slurm": _slurm}[engine]() as made:
        yield made


def missing(engine: str) -> str:
    """Why an engine cannot be had here; empty if it can."""
    if engine == "slurm":
        return slurm_cluster.missing()
    return "" if engine == "local" or engine_ray.PYTHON.exists() else "Ray is not installed (script/ray --prepare)"


@contextmanager
def _local() -> Generator[Machine]:
    def kill_supervisor(folder: Path) -> None:
        for process in supervisors(folder):
            os.kill(process, signal.SIGKILL)

    yield Machine("local", {"devices": "slots"}, {"kill -9 of the supervisor": kill_supervisor})


@contextmanager
def _ray() -> Generator[Machine]:
    names = [f"{pool}{node}" for pool in POOLS for node in range(NODES)]
    nodes = [{"name": name, "gpus": DEVICES, "pool": name[:-1]} for name in names]
    with (
        patch.object(engine_ray, "NODES", nodes),
        engine_ray.cluster() as cluster,
        tempfile.TemporaryDirectory() as folder,
    ):
        turn = iter(range(1 << 30))

        def kill_raylet(_folder: Path) -> None:
            name = names[next(turn) % len(names)]
            cluster.do(f"kill {name}")
            cluster.do(f"add {name}")

        python = [*cluster.network.enter, str(engine_ray.PYTHON)]
        # A name of its own: keepers end what they find in their place, which another cluster of this machine may use too.
        table = {
            "address": cluster.address, "python": python, "directory": folder, "poll_ms": 200,
            "namespace": Path(folder).name,
        }  # fmt: skip
        yield Machine("ray", table, {"kill -9 of a raylet": kill_raylet})


@contextmanager
def _slurm() -> Generator[Machine]:
    names = [f"n{number:04d}" for number in range(1, len(POOLS) * NODES + 1)]
    partitions = "".join(
        f"PartitionName={pool} Nodes={','.join(names[NODES * n : NODES * (n + 1)])} MaxTime=INFINITE State=DOWN DefMemPerCPU=10\n"
        for n, pool in enumerate(POOLS)
    )
    with slurm_cluster.cluster(nodes=len(names), devices=DEVICES, partitions=partitions) as cluster:

        def kill_controller(_folder: Path) -> None:
            cluster.kill("slurmctld")
            cluster.start_controller()

        def kill_node(_folder: Path) -> None:
            cluster.kill(names[0])
            cluster.start_node(names[0])

        output = cluster.folder / "output"
        table = {
            "pools": {pool: {"partition": pool, "fenced": True} for pool in POOLS}, "conf": str(cluster.conf), "output": str(output),
            "teams": {"product": "product", "safety": "safety", "nextgen": "frontier", "alignment": "exploration"},
            "poll_s": 0.2, "node_poll_s": 1.0,
        }  # fmt: skip
        yield Machine("slurm", table, {"kill -9 of slurmctld": kill_controller, "kill -9 of a slurmd": kill_node})


def described(made: Machine) -> str:
    """Return a machine as text, for another process."""
    return json.dumps({"engine": made.engine, "table": made.table})
