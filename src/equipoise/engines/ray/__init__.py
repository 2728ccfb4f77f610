"""Jobs on a Ray cluster: gangs are placement groups, each pinned to the nodes that the policy chose.

Main path: :func:`open_engine` starts a driver (driver.py, by bridge.py), a process that talks to Ray; the driver has a keeper
(keeper.py) on every node, a detached actor that runs the commands there and remembers how they ended. engine.py makes
observations of what keepers tell (gang.py) and of nodes that come and go (roster.py). ``docs/engine-ray.md`` says why so.

>>> from equipoise.engines.ray import Settings
>>> Settings.of({"address": "10.0.0.1:6379"}).namespace
'equipoise'
"""

from __future__ import annotations

from pathlib import Path

from equipoise.charter.model import Pool
from equipoise.engines.ray.engine import RayEngine
from equipoise.engines.ray.settings import Settings

__all__ = ["RayEngine", "Settings", "open_engine"]


def open_engine(settings: Settings, pools: tuple[Pool, ...], folder: Path) -> RayEngine:
    """Connect to a cluster, and find what runs there.

    Parameters
    ----------
    settings : Settings
    pools : tuple of Pool
        Of the charter.
    folder : Path
        Of the engine's own: which node has which number, who is in maintenance, the driver's log.

    Raises
    ------
    InputError
        E100 where Python has no Ray, E120 where it cannot be started.
    EngineError
        E121 or E123 where Ray does not answer or cannot be reached, E124 for a damaged folder.
    """
    return RayEngine(settings, pools, folder)
