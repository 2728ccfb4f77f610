"""The runs that a server shows: the live lab, or those of a film."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Protocol

from fastapi import Path

from equipoise.errors import InputError
from equipoise.screens import LabRun
from equipoise.units import shown

RunName = Annotated[str, Path(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$", description="As `/runs` names it.")]


class Runs(Protocol):
    """Where runs come from. Both block, so they are called in a thread."""

    def all(self) -> Sequence[LabRun]:
        """Return every run; the first is what is shown unless another is asked for."""
        ...

    def one(self, name: str) -> LabRun:
        """Return a run; raises ``InputError`` N151 where there is none of that name."""
        ...

    def latest(self, name: str) -> LabRun | None:
        """Return a run as far as it is known, at once; None where there is none."""
        ...


class Film:
    """Runs that are over."""

    def __init__(self, runs: Sequence[LabRun]) -> None:
        self._runs = tuple(runs)

    def all(self) -> Sequence[LabRun]:
        """Return every run."""
        return self._runs

    def one(self, name: str) -> LabRun:
        """Return a run; raises ``InputError`` N151."""
        for run in self._runs:
            if run.name == name:
                return run
        raise no_run(name, [run.name for run in self._runs])

    def latest(self, name: str) -> LabRun | None:
        """Return a run; None where there is none."""
        return next((run for run in self._runs if run.name == name), None)


def no_run(name: str, known: Sequence[str]) -> InputError:
    """Return the error of a run that is not there."""
    return InputError("N151", f"no run {shown(name)}", hint=f"there are: {', '.join(known)}" if known else "")
