"""One ``scontrol`` that is kept open: a change takes a message to slurmctld, and no new process.

It reads lines, and says nothing of a change that was made. After each change comes a word that it does not know; what it says before it
complains of that word is about the change. Whoever calls tries again by a process of its own where anything is said, for changes may be
made twice.
"""

from __future__ import annotations

import contextlib
import os
import re
import select
import subprocess
import time
from collections.abc import Mapping, Sequence

OPEN_S = 60.0  # then a new one reads slurm.conf again
_WORD = re.compile(r"[A-Za-z0-9_.,:=+@\[\]-]+")
"""Words that scontrol takes as they stand: without spaces, quotes and line ends."""


class SilentError(Exception):
    """There was no answer in time."""


class Console:
    """Keeps a program open and gives it changes.

    Parameters
    ----------
    argv : sequence of str
    environment : mapping of str to str
    """

    def __init__(self, argv: Sequence[str], environment: Mapping[str, str]) -> None:
        self._argv = list(argv)
        self._environment = environment
        self._process: subprocess.Popen[bytes] | None = None
        self._opened_at = 0.0
        self._number = 0

    def change(self, words: Sequence[str], within_s: float) -> bool:
        """Make a change; False where it is not certain that it was made.

        Raises
        ------
        SilentError
            No answer in time; the change may have been made.
        """
        if not all(_WORD.fullmatch(word) for word in words):
            return False
        try:
            said = self._said(" ".join(words), within_s)
        except OSError:  # it is gone
            self.close()
            return False
        if said:
            self.close()
        return not said

    def close(self) -> None:
        """End the program."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            for stream in (process.stdin, process.stderr):
                assert stream is not None
                with contextlib.suppress(OSError):
                    stream.close()
            process.wait()

    def _said(self, line: str, within_s: float) -> bytes:
        """Return what it says of a line."""
        process = self._open()
        assert process.stdin is not None and process.stderr is not None
        self._number += 1
        mark = f"done-{self._number}"
        ends = time.monotonic() + within_s
        os.write(process.stdin.fileno(), f"{line}\n{mark}\n".encode())
        said, last = b"", f"invalid keyword: {mark}\n".encode()
        while not said.endswith(last):
            ready, _, _ = select.select([process.stderr], [], [], max(0.0, ends - time.monotonic()))
            if not ready:
                self.close()
                raise SilentError
            block = os.read(process.stderr.fileno(), 65_536)
            if not block:
                raise BrokenPipeError
            said += block
        return said.removesuffix(last)

    def _open(self) -> subprocess.Popen[bytes]:
        if self._process is not None and time.monotonic() > self._opened_at + OPEN_S:
            self.close()
        if self._process is None:
            self._process = subprocess.Popen(
                self._argv, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=dict(self._environment),
                cwd="/", bufsize=0,
            )  # fmt: skip
            self._opened_at = time.monotonic()
        return self._process
