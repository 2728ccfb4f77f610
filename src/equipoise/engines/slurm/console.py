"""Programs ``scontrol`` that are kept open: a change takes a message to slurmctld, and no new process.

Each reads lines, and says nothing of a change that was made. After each change comes a word that it does not know; what it says before it
complains of that word is about the change. Many changes are written at once, and their answers read as they come. Whoever calls tries again
by a process of its own where anything is said, for changes may be made twice.
"""

from __future__ import annotations

import contextlib
import os
import re
import select
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from enum import Enum

OPEN_S = 60.0  # then a new one reads slurm.conf again
MANY = 16  # slurmctld takes changes between two passes of its scheduler: as many as wait for it then
EACH_S = 0.1  # what a change adds to the time that all have
_AT_ONCE_BYTES = 16_384  # is written before any answer is read, and so fits into pipes
_WORD = re.compile(r"[A-Za-z0-9_.,:=+@\[\]-]+")
"""Words that scontrol takes as they stand: without spaces, quotes and line ends."""


class Answer(Enum):
    """What is known of a change."""

    MADE = "made"
    UNCERTAIN = "uncertain"
    """Something was said of it, or it cannot be said to the program: it is to be tried by a process of its own."""
    SILENT = "silent"
    """No answer in time; it may have been made, and may have been not."""


class Consoles:
    """Keeps a few programs open and gives them changes: slurmctld is waited for by all at the same time.

    Parameters
    ----------
    argv : sequence of str
    environment : mapping of str to str
    """

    def __init__(self, argv: Sequence[str], environment: Mapping[str, str]) -> None:
        self._all = [Console(argv, environment) for _ in range(MANY)]

    def change(self, changes: Sequence[Sequence[str]], within_s: float) -> list[Answer]:
        """Make changes, in any order; what is said of one tells nothing of the others.

        ``within_s``: how long a single one may take; all together have a tenth of a second more for each.
        """
        answers = [Answer.UNCERTAIN] * len(changes)
        plain = [at for at, words in enumerate(changes) if words and all(_WORD.fullmatch(word) for word in words)]
        ends = time.monotonic() + within_s + EACH_S * len(plain)
        lines = [f"{' '.join(changes[at])}\n" for at in plain]
        portions = [*_portions(lines, -(-len(lines) // MANY))]
        for at in range(0, len(portions), MANY):
            asked = [*zip(self._all, portions[at : at + MANY], strict=False)]
            for console, some in asked:
                console.ask([lines[n] for n in some])
            for console, some in asked:
                for n, answer in zip(some, console.answers(ends), strict=True):
                    answers[plain[n]] = answer
            if Answer.SILENT in answers:
                for some in portions[at + MANY :]:
                    for n in some:
                        answers[plain[n]] = Answer.SILENT
                break
        return answers

    def close(self) -> None:
        """End the programs."""
        for console in self._all:
            console.close()


class Console:
    """Keeps one program open.

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
        self._asked = range(0)

    def ask(self, lines: Sequence[str]) -> None:
        """Write lines at once, each with its own mark behind it."""
        self._asked = range(self._number, self._number + len(lines))
        self._number = self._asked.stop
        try:
            process = self._open()
            assert process.stdin is not None
            text = "".join(f"{line}done-{mark}\n" for line, mark in zip(lines, self._asked, strict=True))
            os.write(process.stdin.fileno(), text.encode())
        except OSError:  # it is gone, and what it had read may have been made
            self.close()

    def answers(self, ends: float) -> list[Answer]:
        """Read what is said of the lines, until the last mark."""
        found: list[Answer] = []
        said = b""
        while self._process is not None and len(found) < len(self._asked):
            stream = self._process.stderr
            assert stream is not None
            before, mark, after = said.partition(f"invalid keyword: done-{self._asked[len(found)]}\n".encode())
            if mark:
                found.append(Answer.UNCERTAIN if before else Answer.MADE)
                said = after
                continue
            if not select.select([stream], [], [], max(0.0, ends - time.monotonic()))[0]:
                self.close()
                return found + [Answer.SILENT] * (len(self._asked) - len(found))
            block = b""
            with contextlib.suppress(OSError):
                block = os.read(stream.fileno(), 65_536)
            if not block:  # it is gone
                self.close()
            said += block
        if Answer.UNCERTAIN in found:
            self.close()
        return found + [Answer.UNCERTAIN] * (len(self._asked) - len(found))

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


def _portions(lines: Sequence[str], most: int) -> Iterator[range]:
    """Yield which lines are written together."""
    start = size = 0
    for at, line in enumerate(lines):
        size += len(line) + 20
        if at > start and (size > _AT_ONCE_BYTES or at - start >= most):
            yield range(start, at)
            start, size = at, len(line) + 20
    if lines:
        yield range(start, len(lines))
