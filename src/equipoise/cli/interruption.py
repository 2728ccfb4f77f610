"""Ctrl-C: a run under way is asked to end where it is; anything else ends at once."""

from __future__ import annotations

import signal
from types import FrameType, TracebackType
from typing import Any

import typer

INTERRUPTED = 130


class interruptible:  # noqa: N801 - reads as the statement it is used in
    """Ends the command with exit code 130, and without a traceback, on Ctrl-C: nothing half done is shown."""

    def __enter__(self) -> None:
        """Nothing to prepare."""

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if kind is not None and issubclass(kind, KeyboardInterrupt):
            typer.echo("interrupted: there is no result", err=True)
            raise typer.Exit(INTERRUPTED)


class halting:  # noqa: N801
    """While a block runs, a first Ctrl-C makes `halt()` true for whoever asks; nobody having asked, or a second, raises.

    Compiled code is never cut off in the middle: who replays asks between two instants.
    """

    def __init__(self) -> None:
        self._asked = False
        self._wanted = False
        self._before: Any = None

    def __enter__(self) -> halting:
        self._before = signal.signal(signal.SIGINT, self._interrupt)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        signal.signal(signal.SIGINT, self._before)

    def __call__(self) -> bool:
        """Whether to end here."""
        self._asked = True
        return self._wanted

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        if not self._asked or self._wanted:
            raise KeyboardInterrupt
        self._wanted = True
