"""A run as a screen reads it: its results, what it is called, and when it was by the calendar."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from equipoise.simulator.record import Record
from equipoise.simulator.results import Results

Plain = dict[str, Any]
"""JSON: an object."""


@dataclass(frozen=True, slots=True, eq=False)
class LabRun:
    """A run under a name.

    Parameters
    ----------
    name : str
        In addresses: ``live``, or a policy's.
    title : str
        To readers.
    results : Results
        With decisions and events recorded.
    text : str
        The charter in force at the end, as it was written.
    live : bool
        Whether it goes on.
    ends_ms : int
        The last instant to be shown, in the run's own time: work that is left over is run on after it.
    number : int
        Which state of the run this is: more for a later one of a live lab.
    findings : tuple of str
        What the ledger of a live lab says since that does not follow from it: then this is the last state that did.
    """

    name: str
    title: str
    results: Results
    text: str
    live: bool
    ends_ms: int
    number: int = 0
    findings: tuple[str, ...] = ()

    @property
    def record(self) -> Record:
        """What happened."""
        return self.results.record

    @property
    def origin_ms(self) -> int:
        """Unix time of the run's time 0; 0 for a log without a calendar."""
        return self.record.workload.origin_ms or 0

    def own_ms(self, at_ms: int | None) -> int:
        """Return an instant in the run's own time, held within the run; None is its end."""
        if at_ms is None:
            return self.ends_ms
        return min(max(at_ms - self.origin_ms, 0), self.ends_ms)

    def plain(self) -> Plain:
        """Return what a reader chooses a run by."""
        charter = self.record.charter
        return {
            "run": self.name,
            "title": self.title,
            "policy": self.results.policy,
            "lab": charter.lab,
            "live": self.live,
            "number": self.number,
            "findings": list(self.findings),
            "from_ms": self.origin_ms,
            "to_ms": self.origin_ms + self.ends_ms,
            "has_calendar": self.record.workload.origin_ms is not None,
            "timezone": charter.timezone,
            "jobs": self.results.n_jobs,
            "pools": [{"pool": one.name, "gpus": one.capacity, "device": one.device} for one in charter.pools],
            "digest": charter.digest,
        }
