"""How an attempt stands, by what the keepers of its nodes tell of its parts. Pure: no Ray, no clock."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from equipoise.engines.protocol import Attempt, Ended, Phase, Seen, Stopped

Record = dict[str, Any]
LOST: Record = {"phase": "over", "exit": None, "asked": "lost", "reason": ""}
"""Of a part that went with its node, or never began."""


@dataclass(slots=True)
class Gang:
    """An attempt and its parts, one on each node.

    Parameters
    ----------
    attempt : Attempt
    nodes : tuple of str
        Ray's ids of its nodes, by rank.
    started : bool
        All parts have begun.
    released : bool
        All parts are over and the devices are given back: the attempt has come to its end.
    cut : bool
        One part failed, and the others were told to end.
    lost : bool
        It goes with a node, or was never whole: it is cleared away, and nobody is told of its end.
    stop_asked, grace_ms
        The controller's wish to stop it, also while it starts.
    records : dict
        By rank what the keepers told last.
    """

    attempt: Attempt
    nodes: tuple[str, ...]
    started: bool = False
    released: bool = False
    releasing: bool = False
    cut: bool = False
    lost: bool = False
    stop_asked: bool = False
    grace_ms: int = 0
    records: dict[int, Record] = field(default_factory=dict[int, Record])

    @property
    def over(self) -> bool:
        """Whether no part runs any more."""
        return len(self.records) == len(self.nodes) and all(it["phase"] == "over" for it in self.records.values())

    @property
    def unended(self) -> list[int]:
        """The ranks that may still run."""
        return [rank for rank in range(len(self.nodes)) if self.records.get(rank, {}).get("phase") != "over"]

    @property
    def failed(self) -> bool:
        """Whether a part came to a bad end of its own."""
        return any(it["phase"] == "over" and not it["asked"] and it["exit"] != 0 for it in self.records.values())

    @property
    def stopped(self) -> bool:
        """Whether a part was stopped because the controller asked."""
        return any(it["asked"] == "stop" for it in self.records.values())

    @property
    def exit_code(self) -> int | None:
        """The exit code of the attempt: of the first rank that failed by itself, else 0; None where nobody knows."""
        own = [self.records[rank]["exit"] for rank in sorted(self.records) if not self.records[rank]["asked"]]
        return next((code for code in own if code), None if None in own or not own else 0)

    @property
    def reason(self) -> str:
        """What a keeper had to say of its end; mostly nothing."""
        return next((it["reason"] for it in self.records.values() if it["reason"]), "")

    @property
    def phase(self) -> Phase:
        """How it stands, in the words of the protocol."""
        if self.released:
            return Phase.STOPPED if self.stopped else Phase.ENDED
        if self.stop_asked or self.stopped:
            return Phase.STOPPING
        return Phase.RUNNING if self.started else Phase.STARTING

    def seen(self) -> Seen:
        """Return how it stands, as the controller asks for it."""
        if self.phase is Phase.ENDED:
            return Seen(self.attempt, self.phase, self.exit_code, self.reason)
        return Seen(self.attempt, self.phase)

    def end(self) -> Ended | Stopped:
        """Return what the controller is told when its devices are clear."""
        return Stopped(self.attempt) if self.stopped else Ended(self.attempt, self.exit_code, self.reason)

    def lose(self, node: str) -> None:
        """Note that a node is gone and what ran there with it."""
        self.lost = True
        for rank, where in enumerate(self.nodes):
            if where == node:
                self.records[rank] = LOST


def attempt_of(text: str) -> Attempt:
    """Read an attempt as it is written.

    Examples
    --------
    >>> attempt_of("12.0")
    Attempt(job=12, number=0)
    """
    job, number = text.split(".")
    return Attempt(int(job), int(number))
