"""What an audit finds."""

from __future__ import annotations

from dataclasses import dataclass

from equipoise.policy.why import Explanation

FOUND = {
    "V201": "a decision that the charter did not require, or one that it did and is not there",
    "V202": "an event that cannot be",
    "V203": "totals that do not follow",
    "V204": "a window, close or verdict of a promise that does not follow",
    "V205": "events out of order",
    "V206": "time that goes back",
    "V207": "a deadline that was not kept",
    "V208": "a day or a window that did not begin when it should",
    "V209": "a charter in force at another time than its entry says",
    "V220": "an entry about charters that cannot be where it is",
    "V221": "a signature that does not hold, is nobody's who may sign, or is of another charter",
    "V222": "a charter in force that too few have signed",
    "V223": "a charter in force before its time",
    "V224": "a charter that does not follow the one in force, or a proposal while another is pending",
    "V225": "a charter that is due and not in force, or another in its place",
    "V226": "an emergency, its end, a withdrawal or a re-founding that the charter does not allow",
    "V227": "an entry about charters dated before one that precedes it",
    "V228": "a cap of a service that the release gates did not require, or that is missing",
    "V229": "a release or an attestation that cannot be",
    "V230": "a heartbeat that does not say when, or after how many passes",
    "V231": "a heartbeat that the entries around it contradict",
    "V232": "a correction that refers to no earlier entry, or does not say what was wrong, what is right, by whom and why",
    "V233": "a silence of the recorder that does not say from when and to when",
    "V234": "a silence of the recorder that the entries around it contradict",
    "V240": "what a job spent of a grant that does not follow from what it held",
    "V241": "a transfer of credits that cannot be",
    "V242": "the end of a grant that does not follow",
    "V243": "a job that names a grant which it cannot spend",
}
"""What each code of a finding means."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something recorded that does not follow.

    Parameters
    ----------
    code : str
        One of `FOUND`.
    at_ms : int
        When, in milliseconds since the run's origin.
    entry : int
        Number of the entry in the ledger; -1 where none is to blame but what is missing.
    recorded, required : str
        What the ledger says, and what follows from the charter and the events before; empty: nothing.
    why : tuple of Explanation
        Of the jobs that the two decisions are about, how they stood after the required pass.
    """

    code: str
    at_ms: int
    entry: int
    recorded: str
    required: str
    why: tuple[Explanation, ...] = ()

    def __str__(self) -> str:
        place = f"entry {self.entry}" if self.entry >= 0 else "no entry"
        recorded, required = self.recorded or "nothing", self.required or "nothing"
        return f"{self.code} {place}, at {self.at_ms} ms: recorded {recorded}; required {required}"
