"""What owners of jobs are told: that one is to be stopped, was stopped, was lost, started again or cannot start, and why.

And how the grants stand that their jobs spend.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Told(StrEnum):
    """What an owner is told of."""

    WARNED = "warned"
    SPARED = "spared"
    """A warning was withdrawn."""
    RECLAIMED = "reclaimed"
    LOST = "lost"
    """Its node went."""
    RESTARTED = "restarted"
    REFUSED = "refused"
    FAILED = "failed"
    """The engine could not start it, or no longer knows it."""
    NEARLY_SPENT = "nearly spent"
    """Nine tenths of the grant that it names are used."""
    SPENT = "spent"
    """All of it is; the job goes on."""
    EXPIRED = "expired"
    """The grant's window ended."""


@dataclass(frozen=True, slots=True)
class Notice:
    """One message to a job's owner; kept in the desk until it is delivered.

    Parameters
    ----------
    job : int
    owner : str
    kind : Told
    text : str
        One sentence.
    at_ms : int
        Event time.
    lost_gpu_ms : int
        Work that is lost by it.
    why : str
        The rule behind it.
    """

    job: int
    owner: str
    kind: Told
    text: str
    at_ms: int
    lost_gpu_ms: int = 0
    why: str = ""
