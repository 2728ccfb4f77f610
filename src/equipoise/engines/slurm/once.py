"""Runs a command at most once, however often Slurm starts its job: ``once.py MARK COMMAND …``. Known to nodes as a batch script.

slurmctld writes its state some seconds late; killed within that time it starts again what had begun, and forgets how it ended. So the
folder MARK, which only one start can make, says that the command began. While the command runs, MARK is touched now and then, and looked
into for a file ``stop``; a file ``ended`` says how it ended. Whoever comes second ends with `AGAIN`. Signals that Slurm sends to the batch
script alone are passed on; SIGTERM comes to all processes of a job, and is not. Knows the standard library of Python 3.8 only.
"""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import sys
from typing import NoReturn

AGAIN = 87
BEAT_S = 5.0
_PASSED_ON = frozenset({signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2})
_HEARD = _PASSED_ON | {signal.SIGTERM, signal.SIGCHLD}


def main() -> None:
    """Run the command if this is its first start, and end as it does."""
    mark, argv = sys.argv[1], sys.argv[2:]
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _HEARD)
    try:
        os.mkdir(mark)
    except FileExistsError:
        os._exit(AGAIN)
    try:
        child = os.posix_spawnp(
            argv[0], argv, os.environ, setsigmask=before, setsigdef=(signal.SIGPIPE, signal.SIGXFSZ)
        )  # Python ignores those two
    except OSError as error:
        sys.stderr.write(f"{argv[0]}: {error.strerror}\n")
        code = 127 if isinstance(error, FileNotFoundError) else 126
    else:
        code = _followed(mark, child)
    with contextlib.suppress(OSError):
        with open(f"{mark}/ended.part", "w", encoding="utf-8") as file:
            file.write(str(code))
        os.rename(f"{mark}/ended.part", f"{mark}/ended")
    _end(code)


def _followed(mark: str, child: int) -> int:
    """Pass on signals until the command ends; returns its exit code, negative for a signal."""
    told = False
    while True:
        heard = signal.sigtimedwait(_HEARD, BEAT_S)
        if heard is not None and heard.si_signo in _PASSED_ON:
            os.kill(child, heard.si_signo)
        over, status = os.waitpid(child, os.WNOHANG)
        if over:
            return -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
        if heard is None:
            with contextlib.suppress(OSError):
                os.utime(mark)
            if os.path.exists(f"{mark}/stop"):
                os.killpg(0, signal.SIGKILL if told else signal.SIGTERM)
                told = True


def _end(code: int) -> NoReturn:
    """End as the command did, so that Slurm accounts for that."""
    if code < 0:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        with contextlib.suppress(OSError):  # SIGKILL has no other disposition
            signal.signal(-code, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {-code})
        os.kill(os.getpid(), -code)
    os._exit(code if code >= 0 else 128 - code)


if __name__ == "__main__":
    main()
