"""The live controller: observe → event → decide → record → act, over one engine, with one ledger.

Main path: `open_controller` (controller.py) waits for the lead (leader.py), goes on after the ledger (restart.py) and returns a
`Controller`; its thread runs `Loop.step` (loop.py). Reports become events (reports.py), passes are recorded (recorder.py, or spool.py
while the ledger cannot be written), decisions become errands (acting.py, errands.py) once devices are clear (attempts.py). The desk
(desk.py) keeps what a ledger must not.
"""

from __future__ import annotations

from equipoise.controller.clock import Clock, SystemClock
from equipoise.controller.controller import Controller, Foundation, open_controller
from equipoise.controller.credits import RequestRecord
from equipoise.controller.desk import Outcome
from equipoise.controller.inbox import Accepted
from equipoise.controller.notices import Notice, Told
from equipoise.controller.register import JobRecord
from equipoise.controller.settings import Settings
from equipoise.controller.standing import JobStanding, PoolStanding, Standing, TeamStanding

__all__ = [
    "Accepted",
    "Clock",
    "Controller",
    "Foundation",
    "JobRecord",
    "JobStanding",
    "Notice",
    "Outcome",
    "PoolStanding",
    "RequestRecord",
    "Settings",
    "Standing",
    "SystemClock",
    "TeamStanding",
    "Told",
    "open_controller",
]
