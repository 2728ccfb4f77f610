"""How fast jobs start, beside Slurm's own scheduler in the same run: ``python -m benchmarks.live_rates [--jobs N] [--nodes N] [--write]``.

N individual jobs of one device that end at once are pending in a queue before anything may start. When it is opened, they are started by
Slurm alone, by the controller over the Slurm engine, and by the controller over the local engine. A job says when it started by a file.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from benchmarks._machine import machine
from benchmarks._page import table, with_tables
from benchmarks.slurm_rates import submit
from equipoise.charter_io import loads
from equipoise.controller import Controller, Foundation, Settings, open_controller
from equipoise.engines.protocol import Command
from equipoise.ledger.keys import Algorithm, SigningKey
from equipoise.store import open_sqlite
from equipoise.workload.roll import Asked
from tests.contract import slurm_cluster
from tests.scenario.live_engines import opened

PAGE = Path(__file__).resolve().parents[1] / "docs" / "live.md"
KEY = SigningKey("rates.example/log", Algorithm.ED25519, bytes(range(32)))
DEVICES = 8
CHARTER = """\
equipoise: charter/v1
lab: Rates
pools:
  main: {device: slot, expect: NODES nodes of 8 gpu}
teams:
  safety: {floor: 40%}
  product: {floor: 40%}
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=10_000)
    parser.add_argument("--nodes", type=int, default=8)
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    jobs, before = given.jobs, machine()
    with slurm_cluster.cluster(nodes=given.nodes, devices=DEVICES) as cluster, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        script = folder / "job.sh"
        script.write_text(f'#!/bin/sh\n: > "{folder}/starts/${{SLURM_JOB_ID:-$EQUIPOISE_JOB}}"\n', "utf-8")
        _over_local(folder, script, 64, given.nodes, "first")  # compiles
        rows = [_row("Slurm's own scheduler", _slurm(cluster, folder, script, jobs))]
        print(rows[-1])
        rows.append(
            _row("the controller over the Slurm engine", _over_slurm(cluster, folder, script, jobs, given.nodes))
        )
        print(rows[-1])
        rows.append(_row("the controller over the local engine", _over_local(folder, script, jobs, given.nodes)))
        print(rows[-1])
    head = ["started by | jobs started/s | pending → start, median ms | 99 % | longest", "---|---:|---:|---:|---:"]
    made = f"{jobs:,} pending jobs on {given.nodes} nodes of {DEVICES}; {before}.\n\n{table([*head, *rows])}"
    if given.write:
        PAGE.write_text(with_tables(PAGE.read_text("utf-8"), "live_rates", [made]), "utf-8")


def _slurm(cluster: slurm_cluster.Cluster, folder: Path, script: Path, jobs: int) -> list[float]:
    """Open the queue to Slurm; returns how many seconds after that each job started."""
    _clear(folder)
    print(f"submitted at {submit(cluster, jobs, script):.0f} jobs/s")
    began_s = time.time()
    cluster.run("scontrol", "update", "PartitionName=submit", "State=UP")
    found = _starts(folder, jobs, began_s, lambda: None)
    cluster.wait("an empty queue", lambda: not cluster.run("squeue", "-h", "-o", "%i"))
    cluster.run("scontrol", "update", "PartitionName=submit", "State=DOWN")
    return found


def _over_slurm(cluster: slurm_cluster.Cluster, folder: Path, script: Path, jobs: int, nodes: int) -> list[float]:
    """Let a controller find the same queue; returns how many seconds after it opened the engine each job started."""
    _clear(folder)
    submit(cluster, jobs, script)
    settings = {
        "pools": {"main": {"partition": "main", "queues": ["submit"]}},
        "conf": str(cluster.conf),
        "poll_s": 0.2,
    }
    controller = _controller("slurm", settings, folder / "slurm", jobs, nodes)
    began_s = time.time()
    controller.start()
    try:
        return _starts(folder, jobs, began_s, lambda: _check(controller))
    finally:
        controller.stop()


def _over_local(folder: Path, script: Path, jobs: int, nodes: int, name: str = "local") -> list[float]:
    """Hand in jobs while all nodes are drained, then take them back."""
    _clear(folder)
    controller = _controller("local", {"devices": "slots"}, folder / name, jobs, nodes)
    controller.start()
    for node in range(nodes):
        controller.drain("main", node).result(60)
    while controller.standing().result(60).pools[0].maintenance < nodes * DEVICES:
        time.sleep(0.05)  # a start onto a node that was drained meanwhile would be refused
    told = [
        controller.submit(Asked(1, "safety", user="ada"), Command(("/bin/sh", str(script))), owner="ada")
        for _ in range(jobs)
    ]
    for future in told:
        future.result(120)
    began_s = time.time()
    for node in range(nodes):
        controller.drain("main", node, back=True)
    try:
        return _starts(folder, jobs, began_s, lambda: _check(controller))
    finally:
        controller.stop()


def _controller(engine: str, settings: Mapping[str, object], folder: Path, jobs: int, nodes: int) -> Controller:
    folder.mkdir()
    text = CHARTER.replace("NODES", str(nodes))
    controller = open_controller(
        lambda: open_sqlite(folder / "ledger.db", origin=KEY.name),
        lambda charter: opened(engine, settings, charter.pools, folder / "engine"),
        folder=folder, spool_folder=folder / "spool", key=KEY, foundation=Foundation(loads(text.encode()), text),
        settings=Settings(checkpoint_every_ms=5_000), room=jobs + 1_024,
    )  # fmt: skip
    assert controller is not None
    return controller


def _check(controller: Controller) -> None:
    assert controller.failure is None, controller.failure


def _clear(folder: Path) -> None:
    shutil.rmtree(folder / "starts", ignore_errors=True)
    (folder / "starts").mkdir(mode=0o777)


def _starts(folder: Path, jobs: int, began_s: float, check: Callable[[], None]) -> list[float]:
    """Wait until all have started; returns when each did, in order."""
    deadline_s = began_s + 120 + jobs / 5
    while len(list((folder / "starts").iterdir())) < jobs:
        assert time.time() < deadline_s, f"{len(list((folder / 'starts').iterdir()))} of {jobs} started"
        check()
        time.sleep(0.2)
    return sorted(path.stat().st_mtime - began_s for path in (folder / "starts").iterdir())


def _row(what: str, starts_s: list[float]) -> str:
    p50, p99 = np.percentile(starts_s, [50, 99]) * 1000
    return f"{what} | {len(starts_s) / starts_s[-1]:.1f} | {p50:,.0f} | {p99:,.0f} | {1000 * starts_s[-1]:,.0f}"


if __name__ == "__main__":
    main()
