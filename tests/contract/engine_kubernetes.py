"""The Kubernetes engine as the contract suite opens it: over a server of its own whose pods are real processes."""

from __future__ import annotations

import os
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from equipoise.charter.model import Pool
from equipoise.engines.kubernetes import KubernetesEngine, Settings, open_engine
from equipoise.engines.protocol import Attempt, Engine
from tests.contract.engine_rig import Rig, Submission
from tests.contract.kube_server import KubeServer

POOLS = (Pool("a", "H100", 3, 4), Pool("b", "A100", 4, 1))
TEAM, POOL = "equipoise.dev/team", "equipoise.dev/pool"


def user_job(name: str, argv: tuple[str, ...], *, labels: Mapping[str, str], notes: Mapping[str, str] | None = None,
             pods: int = 1, devices: int = 1, **spec: Any) -> dict[str, Any]:  # fmt: skip
    """A Job as a user writes it."""
    limits = {"limits": {"nvidia.com/gpu": str(devices)}}
    container = {
        "name": "main",
        "image": "python",
        "command": [word.replace("$", "$$") for word in argv],
        "resources": limits,
    }
    template = {"metadata": {"labels": {}}, "spec": {"restartPolicy": "Never", "containers": [container]}}
    return {
        "metadata": {"name": name, "namespace": "default", "labels": dict(labels), "annotations": dict(notes or {})},
        "spec": {
            "suspend": True,
            "parallelism": pods,
            "completions": pods,
            "backoffLimit": 0,
            "template": template,
            **spec,
        },
    }


@dataclass
class KubernetesRig(Rig):
    """A cluster of two pools."""

    name = "kubernetes"
    patience_s = 10.0
    killed = frozenset({137})
    server: KubeServer = field(kw_only=True)
    answer: str = "5s"

    @property
    def settings(self) -> Settings:
        config = self.server.kubeconfig(self.directory / "kubeconfig")
        table = {
            "kubeconfig": str(config),
            "image": "python",
            "pools": {"a": "pool=a", "b": "pool=b"},
            "answer": self.answer,
        }
        return Settings.of(table)

    def open(self) -> KubernetesEngine:
        return open_engine(self.settings, self.pools, self.folder)

    def devices(self, environment: Mapping[str, str]) -> frozenset[str]:
        return frozenset(environment["NVIDIA_VISIBLE_DEVICES"].split(","))

    def output(self, engine: Engine, attempt: Attempt) -> str:
        """As ``kubectl logs`` does it."""
        assert isinstance(engine, KubernetesEngine)
        text = ""
        for pod in engine.output(attempt):
            namespace, _, name = pod.partition("/")
            url = f"{self.server.url}/api/v1/namespaces/{namespace}/pods/{name}/log"
            with urlopen(Request(url, headers={"authorization": "Bearer secret-token"})) as answer:
                text += answer.read().decode()
        return text

    def submit(self, submission: Submission) -> str:
        labels = {TEAM: submission.team, POOL: submission.pool}
        job = self.server.create(
            "jobs", user_job(submission.name, submission.argv, labels=labels, devices=submission.gang)
        )
        return f"default/{submission.name}@{job['metadata']['uid']}"

    def withdraw(self, origin: str) -> None:
        self.server.delete("jobs", "default", origin.partition("/")[2].partition("@")[0])


@contextmanager
def cluster(folder: Path, **more: Any) -> Generator[KubernetesRig]:
    for name in ("jobs", "pods"):
        (folder / name).mkdir()
    os.environ.setdefault("NO_PROXY", "127.0.0.1")
    server = KubeServer(folder / "pods", **more)
    try:
        for pool in POOLS:
            for number in range(pool.nodes):
                server.add_node(f"{pool.name}-{number}", pool.gpus_per_node, {"pool": pool.name})
        yield KubernetesRig(folder / "engine", folder / "jobs", POOLS, server=server)
    finally:
        server.stop()


@contextmanager
def rig(folder: Path) -> Generator[KubernetesRig]:
    with cluster(folder) as made:
        yield made
