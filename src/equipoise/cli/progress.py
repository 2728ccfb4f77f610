"""How far a command is, on standard error: a bar on a terminal once it takes longer than a second, else sentences."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

if TYPE_CHECKING:
    from equipoise.simulator.replay import Progress as Way

AFTER_S = 1.0


class watch:  # noqa: N801 - a context manager reads as the statement it is used in
    """A place for progress while a block runs; ``things`` are what is counted.

    Examples
    --------
    >>> with watch() as on:
    ...     on.announce("compiling")
    """

    def __init__(self, *, things: str = "jobs") -> None:
        self._things = things
        self._console = Console(stderr=True, highlight=False)
        self._bar: Progress | None = None
        self._tasks: dict[str, TaskID] = {}
        self._begun_s: dict[str, float] = {}

    def __enter__(self) -> watch:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def announce(self, sentence: str) -> None:
        """Say a sentence now, on a terminal or not: what follows takes long."""
        self._console.print(sentence)
        sys.stderr.flush()

    def progress(self, name: str, now: Way) -> None:
        """Show how far the run called ``name`` is."""
        self.advance(name, now.ended, now.jobs)

    def advance(self, name: str, done: int, total: int) -> None:
        """Show how many of how many things are done."""
        if not self._console.is_terminal:
            return
        begun_s = self._begun_s.setdefault(name, time.monotonic())
        took_s = time.monotonic() - begun_s
        if took_s < AFTER_S:
            return
        if self._bar is None:
            self._bar = _bar(self._console, self._things)
            self._bar.start()
        if name not in self._tasks:
            self._tasks[name] = self._bar.add_task(name, total=max(total, 1), speed="")
        self._bar.update(self._tasks[name], completed=done, speed=f"{done / took_s:,.0f} {self._things}/s")


def _bar(console: Console, things: str) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn(f"{{task.completed:,.0f}} of {{task.total:,.0f}} {things}"),
        TextColumn("{task.fields[speed]}"),
        TimeRemainingColumn(),
        console=console,
        transient=True,
    )
