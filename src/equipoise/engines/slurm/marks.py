"""What the starts of commands leave on a folder that nodes and engine share (`once`), as the engine reads it.

It is believed only once it was seen that a node's mark can be read here: where the folder is not shared, Slurm's word is all there is.
"""

from __future__ import annotations

import contextlib
import re
import shutil
import time
from collections.abc import Callable, Container
from dataclasses import dataclass
from pathlib import Path

from equipoise.engines.slurm.journal import Tracked

SILENT_S = 30.0  # a command whose mark was not touched for so long is gone
TOLD_S = 3.0  # within this Slurm is told that a command ended
_NONCE = re.compile(r"[0-9a-f]{18}")
KEPT_S = 86_400.0  # a mark is of use for as long as slurmctld may wake a job that ended


@dataclass(frozen=True, slots=True)
class Mark:
    """Whether a command began, and how it ended: ``exit_code`` is None while it has not."""

    begun: bool
    exit_code: int | None = None


class Marks:
    """The marks of commands.

    Parameters
    ----------
    path : callable
        From an attempt that is tracked to its mark.
    evidence : Path
        A file that says that marks of nodes can be read here.
    """

    def __init__(self, path: Callable[[Tracked], Path], evidence: Path) -> None:
        self._path = path
        self._evidence = evidence
        self._ended_at: dict[str, float] = {}
        self._beats: dict[str, tuple[int, float]] = {}
        self.shared = evidence.exists()

    def look(self, one: Tracked) -> Mark:
        """Return what the mark of a command says."""
        path = self._path(one)
        if not path.is_dir():
            return Mark(begun=False)
        if not self.shared:
            self._evidence.touch()
            self.shared = True
        try:
            return Mark(begun=True, exit_code=int((path / "ended").read_text("utf-8")))
        except (OSError, ValueError):
            return Mark(begun=True)

    def ended_long(self, one: Tracked) -> bool:
        """Whether a command ended so long ago that Slurm would know, had it not forgotten that."""
        if self.look(one).exit_code is None:
            return False
        return time.monotonic() > self._ended_at.setdefault(one.nonce, time.monotonic()) + TOLD_S

    def take(self, one: Tracked) -> bool:
        """Make the mark, so that the command never begins; False: it had begun."""
        try:
            self._path(one).mkdir()
        except FileExistsError:
            return False
        return True

    def silent(self, one: Tracked) -> bool:
        """Whether a command that began is gone, for nothing has touched its mark in a long time."""
        try:
            touched = self._path(one).stat().st_mtime_ns
        except OSError:
            touched = 0
        before, now_s = self._beats.get(one.nonce), time.monotonic()
        if before is None or before[0] != touched:
            self._beats[one.nonce] = touched, now_s
            return False
        is_silent = now_s > before[1] + SILENT_S
        if is_silent:
            del self._beats[one.nonce]
        return is_silent

    def stop(self, one: Tracked) -> None:
        """Let a command end that Slurm knows nothing of."""
        with contextlib.suppress(OSError):
            (self._path(one) / "stop").touch()

    def sweep(self, folder: Path, known: Container[str]) -> None:
        """Remove marks that are of no use any more; ``known``: nonces of attempts that are not over."""
        oldest_s = time.time() - KEPT_S
        for path in [*folder.glob("*.*.*"), *folder.glob("*/*.*.*")]:
            with contextlib.suppress(OSError):
                is_mark = _NONCE.fullmatch(path.suffix[1:]) and path.suffix[1:] not in known
                if is_mark and path.stat().st_mtime < oldest_s and path.is_dir():
                    shutil.rmtree(path)
