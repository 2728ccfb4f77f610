"""A PostgreSQL server of its own for the tests: the real one, from the system's package, on a socket in a folder."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
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


@contextmanager
def server(*settings: str) -> Generator[str]:
    """Start a server with an empty database, and end it; gives the address."""
    bin = programs()
    assert bin is not None
    folder = Path(tempfile.mkdtemp(prefix="equipoise-pg-"))
    extra: dict[str, Any] = {"cwd": "/", "env": os.environ | {"LC_ALL": "C.UTF-8"}}
    if os.getuid() == 0:
        shutil.chown(folder, USER)
        extra |= {"user": USER, "group": folder.stat().st_gid, "extra_groups": []}
    data, log = folder / "data", folder / "log"
    words = ["-U", "equipoise", "--auth=trust", "-E", "UTF8", "--locale=C.UTF-8", "-N"]
    subprocess.run([bin / "initdb", "-D", data, *words], check=True, capture_output=True, **extra)
    own = ("listen_addresses=", f"unix_socket_directories={folder}", "shared_buffers=64MB", *settings)
    line = [bin / "postgres", "-D", data, *(word for setting in own for word in ("-c", setting))]
    with log.open("wb") as output:
        postmaster = subprocess.Popen(line, stdout=output, stderr=output, **extra)
    try:
        address = f"host={folder} user=equipoise dbname=postgres"
        wait_for(address, postmaster, log)
        yield address
    finally:
        postmaster.send_signal(signal.SIGINT)  # fast shutdown
        try:
            postmaster.wait(30)
        except subprocess.TimeoutExpired:
            postmaster.kill()
            postmaster.wait()
        shutil.rmtree(folder, ignore_errors=True)


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
