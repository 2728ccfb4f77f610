"""A PostgreSQL server of its own for the tests: the real one, from the system's package, on a socket in a folder."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

STARTS_WITHIN_S = 60
USER = "nobody"  # the server refuses to run as root


def programs() -> Path | None:
    """Where initdb and postgres are; Debian keeps them out of PATH."""
    found = shutil.which("initdb")
    if found:
        return Path(found).resolve().parent
    return max(Path("/usr/lib/postgresql").glob("*/bin"), default=None, key=lambda path: int(path.parent.name))


class Server:
    """A server with an empty database, until `stop`; `crash` and `start` in between keep what it has on its disk."""

    def __init__(self, *settings: str) -> None:
        bin = programs()
        assert bin is not None
        self._folder = Path(tempfile.mkdtemp(prefix="equipoise-pg-"))
        self._extra: dict[str, Any] = {"cwd": "/", "env": os.environ | {"LC_ALL": "C.UTF-8"}}
        if os.getuid() == 0:
            shutil.chown(self._folder, USER)
            self._extra |= {"user": USER, "group": self._folder.stat().st_gid, "extra_groups": []}
        data = self._folder / "data"
        words = ["-U", "equipoise", "--auth=trust", "-E", "UTF8", "--locale=C.UTF-8", "-N"]
        subprocess.run([bin / "initdb", "-D", data, *words], check=True, capture_output=True, **self._extra)
        own = ("listen_addresses=", f"unix_socket_directories={self._folder}", "shared_buffers=64MB", *settings)
        self._line = [bin / "postgres", "-D", data, *(word for setting in own for word in ("-c", setting))]
        self.address = f"host={self._folder} user=equipoise dbname=postgres"
        self.start()

    def start(self) -> None:
        log = self._folder / "log"
        with log.open("ab") as output:
            self._postmaster = subprocess.Popen(self._line, stdout=output, stderr=output, **self._extra)
        wait_for(self.address, self._postmaster, log)

    def crash(self) -> None:
        """Kill every process of the server, the postmaster first."""
        children = Path(f"/proc/{self._postmaster.pid}/task/{self._postmaster.pid}/children").read_text("ascii").split()
        self._postmaster.kill()
        for child in map(int, children):
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        self._postmaster.wait()
        while any(_alive(int(child)) for child in children):
            time.sleep(0.005)

    def stop(self) -> None:
        self._postmaster.send_signal(signal.SIGINT)  # fast shutdown
        try:
            self._postmaster.wait(30)
        except subprocess.TimeoutExpired:
            self._postmaster.kill()
            self._postmaster.wait()
        shutil.rmtree(self._folder, ignore_errors=True)


def _alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text("ascii").rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@contextmanager
def server(*settings: str) -> Generator[str]:
    """Start a server with an empty database, and end it; gives the address."""
    running = Server(*settings)
    try:
        yield running.address
    finally:
        running.stop()


def wait_for(address: str, postmaster: subprocess.Popen[Any], log: Path) -> None:
    import psycopg

    deadline = time.monotonic() + STARTS_WITHIN_S
    while True:
        try:
            psycopg.connect(address).close()
            return
        except psycopg.OperationalError:
            if postmaster.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"PostgreSQL did not start:\n{log.read_text('utf-8')}") from None
            time.sleep(0.05)
