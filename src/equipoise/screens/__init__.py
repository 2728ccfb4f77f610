"""What the screens of the dashboard show, as plain data: one module for each screen, over one or two runs.

A `LabRun` is what all of them read: a replay, a recorded film or the live lab, with the calendar that its times stand in. Nothing here
knows of HTTP, and nothing is decided: figures are those of `simulator`, `account` and `outlook`.
"""

from __future__ import annotations

from equipoise.screens.lab_run import LabRun

__all__ = ["LabRun"]
