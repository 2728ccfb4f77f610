"""A local engine in a folder of its own, for the tests of what happens to it; nothing of it may stay behind."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

from equipoise.engines.local import Settings, open_engine, processes
from equipoise.engines.local.processes import status_of
from equipoise.engines.protocol import (
    Attempt,
    Command,
)
from tests.contract.engine_local import POOLS, LocalRig
from tests.contract.engine_rig import Bench


class Site(Bench):
    """An opening of the local engine in a folder of its own, with settings."""

    def engine_with(self, **settings: Any) -> None:
        """Open it anew with other settings or pools."""
        self.engine.close()
        pools = settings.pop("pools", self.rig.pools)
        self.engine = open_engine(Settings.of({"devices": "slots"} | settings), pools, self.rig.folder)
        self.heard = []

    @property
    def supervisor(self) -> int:
        """Its process number."""
        return supervisors(self.rig.folder)[0]

    def kill_supervisor(self) -> None:
        os.kill(self.supervisor, signal.SIGKILL)

    def script(self, source: str, *words: str, **more: Any) -> Attempt:
        """Launch a Python program of this test's own."""
        return self.launch(command=Command((sys.executable, "-S", "-c", source, *words)), **more)

    def read(self, name: str) -> str:
        path = self.rig.directory / name
        return path.read_text("utf-8") if path.exists() else ""

    def wait_for(self, name: str) -> str:
        self.listen(lambda: self.read(name), f"{name} is written")
        return self.read(name)


def supervisors(folder: Path) -> list[int]:
    found: list[int] = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                words = Path(f"/proc/{name}/cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if str(folder).encode() in words and any(b"local.supervisor" in word for word in words):
                found.append(int(name))
    return found


def is_there(pid: int) -> bool:
    status = status_of(pid)
    return status is not None and status.state not in "ZX"


@contextmanager
def opened(folder: Path, jobs: Path) -> Generator[Site]:
    """Open an engine in ``folder`` and see to it that nothing of it stays; jobs write into ``jobs``."""
    jobs.mkdir()
    rig = LocalRig(folder, jobs, POOLS, count(0))
    made = Site(rig, rig.open())
    mark = f"local:{json.loads((folder / 'journal').read_text('utf-8').splitlines()[0])['id']}:"
    try:
        yield made
    finally:
        made.finish()
        deadline = time.monotonic() + 10
        while (left := [*supervisors(folder), *processes.marked(mark)]) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert left == []
