"""Kubernetes as an engine: batch/v1 Jobs are suspended until the policy starts them, and suspended again when it reclaims.

Main path: :func:`open_engine` finds the API server (access.py), follows Jobs, pods and nodes (mirror.py, cluster.py) and
returns a :class:`KubernetesEngine` (engine.py). What users hand in is read by arrivals.py, how an attempt stands is worked
out by standing.py from its Jobs and pods alone, and manifest.py holds every patch and Job that is written. All that has to
be remembered stands on the objects (names.py); the folder keeps which node has which number (machines.py).

>>> Settings.of({"namespaces": ["ml"], "image": "python:3.12"}).home
'ml'
"""

from __future__ import annotations

from pathlib import Path

from equipoise.charter.model import Pool
from equipoise.engines.kubernetes.access import find_access
from equipoise.engines.kubernetes.api import Api
from equipoise.engines.kubernetes.cluster import Cluster
from equipoise.engines.kubernetes.engine import KubernetesEngine
from equipoise.engines.kubernetes.machines import Machines
from equipoise.engines.kubernetes.settings import Settings

__all__ = ["KubernetesEngine", "Settings", "open_engine"]


def open_engine(settings: Settings, pools: tuple[Pool, ...], folder: Path) -> KubernetesEngine:
    """Open the engine over the cluster that the settings name.

    Parameters
    ----------
    settings : Settings
    pools : tuple of Pool
        The charter's.
    folder : Path
        The engine's own; made if it is missing.

    Raises
    ------
    InputError
        E160 without httpx, E161 for a setting, E162 if there is no way to reach a server.
    EngineError
        E163 if the server does not answer in time, E164 if it does not let us.
    """
    folder.mkdir(parents=True, exist_ok=True)
    machines = Machines(pools, settings, folder / "nodes.json")
    api = Api(find_access(settings), answer_ms=settings.answer_ms)
    cluster = Cluster(api, settings)
    try:
        cluster.start(within_s=2 * settings.answer_ms / 1000)
    except BaseException:
        api.close()
        raise
    return KubernetesEngine(settings, pools, folder, api=api, cluster=cluster, machines=machines)
