"""Kill every process that a place was given to: by a variable in its environment, which a process cannot leave by changing its group.

Runs on the nodes, where Equipoise need not be installed, so it stands on the standard library only: in the keeper, and as a
program of its own (the *undertaker*), which waits until its standard input closes, that is until the keeper is gone.
"""

from __future__ import annotations

import os
import signal
import sys
import time

PLACE = "EQUIPOISE_PLACE"


def sweep(place: str, *, patience_s: float = 5.0) -> int:
    """Kill all processes whose place begins with ``place``, those too that they start meanwhile; return how many were left."""
    wanted = f"{PLACE}={place}".encode()
    until_s = time.monotonic() + patience_s
    while left := [pid for pid in _processes() if _is_of(pid, wanted)]:
        for pid in left:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            except PermissionError:
                return len(left)
        if time.monotonic() > until_s:
            return len(left)
        time.sleep(0.005)
    return 0


def _processes() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit() and int(name) != os.getpid()]


def _is_of(pid: int, wanted: bytes) -> bool:
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            return any(entry.startswith(wanted) for entry in file.read().split(b"\0"))
    except OSError:
        return False  # gone, a kernel thread, or somebody else's


if __name__ == "__main__":
    sys.stdin.buffer.read()
    sweep(sys.argv[1])
