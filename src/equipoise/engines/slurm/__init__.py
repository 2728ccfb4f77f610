"""Slurm as an engine: users submit as ever, Equipoise says which job starts when and where.

Main path: the queue is read (queue.py) by Slurm's own programs (commands.py), what waits is reported (arrivals.py), what the controller
decides is submitted or released (submission.py), and each attempt moves from stage to stage by what is seen (lifecycle.py, journal.py);
engine.py binds them together. Nothing is compiled and nothing runs inside Slurm.
"""

from __future__ import annotations

from pathlib import Path

from equipoise.charter.model import Pool
from equipoise.engines.slurm.engine import SlurmEngine
from equipoise.engines.slurm.settings import Place, Settings

__all__ = ["Place", "Settings", "SlurmEngine", "open_engine"]


def open_engine(settings: Settings, pools: tuple[Pool, ...], folder: Path) -> SlurmEngine:
    """Open the engine over the cluster that the settings name.

    Raises
    ------
    EngineError
        E140 (retryable) if Slurm does not answer, E141 if its programs are not installed, E142 for a pool without a place.
    """
    return SlurmEngine(settings, pools, folder)
