"""Ray's engine as the contract suite opens it: over raylets on this machine, in a network namespace with loopback only.

Ray takes the first address that leads outside for its own, and hangs where that cannot be reached from the same machine.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tempfile
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from equipoise.charter.model import Pool
from equipoise.engines.protocol import Attempt, Engine
from equipoise.engines.ray import RayEngine, Settings, open_engine
from tests.contract.engine_rig import Rig

ROOT = Path(__file__).resolve().parents[2]
PYTHON = ROOT / ".cache" / "ray" / "bin" / "python"
POOLS = (Pool("a", "slot", 2, 4), Pool("b", "slot", 1, 1))
NODES = [
    {"name": "a0", "gpus": 4, "pool": "a"},
    {"name": "a1", "gpus": 4, "pool": "a"},
    {"name": "b0", "gpus": 1, "pool": "b"},
]


@dataclass
class Network:
    """A network namespace with loopback only, held by a process that sleeps."""

    holder: subprocess.Popen[bytes]
    enter: tuple[str, ...]

    def processes(self) -> list[int]:
        """All that run in it, the holder too."""
        own = os.stat(f"/proc/{self.holder.pid}/ns/net").st_ino
        found: list[int] = []
        for name in filter(str.isdigit, os.listdir("/proc")):
            try:
                if os.stat(f"/proc/{name}/ns/net").st_ino == own:
                    found.append(int(name))
            except OSError:
                continue
        return found


@contextmanager
def network() -> Generator[Network]:
    """Make one, and kill whatever still runs in it at the end."""
    root = os.geteuid() == 0
    make = ["unshare", "--net"] if root else ["unshare", "--user", "--map-root-user", "--net"]
    wait = "ip link set lo up && echo up && exec sleep infinity"
    holder = subprocess.Popen([*make, "sh", "-c", wait], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        assert holder.stdout is not None
        if holder.stdout.readline() != b"up\n":
            pytest.skip("no network namespace can be made here (unshare --net)")
        as_whom = [] if root else ["--user", "--preserve-credentials"]
        made = Network(holder, ("nsenter", f"--target={holder.pid}", "--net", *as_whom))
        try:
            yield made
        finally:
            for pid in made.processes():
                if pid != holder.pid:
                    try:
                        os.kill(pid, signal.SIGKILL)
                    except ProcessLookupError:
                        continue
    finally:
        holder.kill()
        holder.wait()
        if holder.stdout is not None:
            holder.stdout.close()


@dataclass
class Cluster:
    """Raylets that can be killed and started again."""

    network: Network
    control: subprocess.Popen[str]
    address: str = field(init=False)
    dashboard: str = field(init=False)

    def __post_init__(self) -> None:
        told = self.heard()
        self.address, self.dashboard = told["address"], told["dashboard"]

    def do(self, what: str) -> None:
        assert self.control.stdin is not None
        self.control.stdin.write(what + "\n")
        self.control.stdin.flush()
        assert self.heard()["done"] == what

    def heard(self) -> dict[str, Any]:
        assert self.control.stdout is not None
        line = self.control.stdout.readline()
        assert line, "the cluster did not start"
        return json.loads(line)

    def pids(self, *words: str) -> list[int]:
        """The processes of the cluster whose command line has all of ``words``."""
        found: list[int] = []
        for pid in self.network.processes():
            try:
                line = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            if all(word in line for word in words):
                found.append(pid)
        return found


@contextmanager
def cluster(*words: str) -> Generator[Cluster]:
    """Start raylets, and end them."""
    if not PYTHON.exists():
        pytest.skip("Ray is not installed (script/ray --prepare)")
    with network() as net, tempfile.TemporaryFile("w+") as log:
        program = [PYTHON, Path(__file__).with_name("ray_cluster.py"), json.dumps(NODES), *words]
        control = subprocess.Popen(
            [*net.enter, *program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True
        )
        try:
            yield Cluster(net, control)
        finally:
            assert control.stdin is not None and control.stdout is not None
            control.stdin.close()  # upon which it ends what it started
            control.stdout.read()
            control.stdout.close()
            try:
                control.wait(10)
            except subprocess.TimeoutExpired:
                control.kill()
                control.wait()


@dataclass
class RayRig(Rig):
    """Raylets; the drivers of the engine run in their network."""

    cluster: Cluster | None = None

    name = "ray"
    patience_s = 20.0

    @property
    def settings(self) -> Settings:
        assert self.cluster is not None
        python = (*self.cluster.network.enter, str(PYTHON))
        output = str(self.folder.parent / "nodes")
        return Settings(address=self.cluster.address, python=python, directory=output, poll_ms=200)

    def open(self) -> RayEngine:
        return open_engine(self.settings, self.pools, self.folder)

    def devices(self, environment: Mapping[str, str]) -> frozenset[str]:
        return frozenset(
            f"{environment['EQUIPOISE_NODE']}:{it}" for it in environment["CUDA_VISIBLE_DEVICES"].split(",")
        )

    def output(self, engine: Engine, attempt: Attempt) -> str:
        assert isinstance(engine, RayEngine)
        pattern = f"nodes/equipoise/*/{attempt}.0.log"
        return "".join(path.read_text("utf-8") for path in self.folder.parent.glob(pattern))


@contextmanager
def rig(folder: Path) -> Generator[RayRig]:
    (folder / "jobs").mkdir()
    with cluster() as made:
        yield RayRig(folder / "engine", folder / "jobs", POOLS, cluster=made)
