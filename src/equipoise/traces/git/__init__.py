"""Reads the history of git repositories: every commit with the files it changed, or an error, never a part of them.

Main path: `Repository.open` finds the commit to read up to and refuses histories that are cut off (repository.py);
`read` streams ``git log`` and replays it (log.py).
"""

from __future__ import annotations

from equipoise.traces.git.log import RENAMES, Reading, read
from equipoise.traces.git.repository import Repository

__all__ = ["RENAMES", "Reading", "Repository", "read"]
