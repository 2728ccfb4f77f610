"""What an audit finds."""

from __future__ import annotations

from dataclasses import dataclass

from equipoise.policy.why import Explanation


@dataclass(frozen=True, slots=True)
class Finding:
    """Something recorded that does not follow.

    Parameters
    ----------
    code : str
        V201 a decision, V202 an event that cannot be, V203 totals, V204 a window, close or verdict of a promise, V205 the order
        of events within a pass, V206 time that goes back, V207 a deadline that was not kept, V208 a day or a window that did not
        begin when it should, V209 the charter; of entries about charters V220 one that cannot be, V221 a signature, V222 too few
        signatures, V223 a charter before its time, V224 one that does not follow that in force, V225 one that is late, V226 an
        emergency, a withdrawal or a re-founding, V227 time that goes back; V228 the cap of a service, V229 a release.
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
