"""The local engine: jobs are real processes of this machine, devices are its GPUs or plain slots, and there is no server.

Main path: :func:`open_engine` (engine.py) connects to the supervisor of a folder (connection.py, wire.py), which is started if there is
none and outlives the controller (supervisor.py). A launch becomes recipes of processes (orders.py) on free devices (machine.py); they are
forked and held until that is written down (launcher.py, journal.py). How an attempt is warned, stopped, ended and cleared away is in
roster.py; what it may leave behind, in strays.py and processes.py; what it writes, in output.py.
"""

from __future__ import annotations

from equipoise.engines.local.engine import LocalEngine, open_engine
from equipoise.engines.local.settings import Settings

__all__ = ["LocalEngine", "Settings", "open_engine"]
