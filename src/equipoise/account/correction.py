"""Corrections: entries that say of an earlier one what was wrong in it. They refer to it and change nothing.

What was decided and closed stays: a loss is booked when it happens, also of earlier hours, and never reopens a close. So a
correction is read beside the verdict, and a lab that has to make up for something does so by a loss or by what it delivers next.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from equipoise.errors import VerificationError
from equipoise.units import MAX_DURATION_MS, shown

TEXTS = ("wrong", "right", "by", "reason")


@dataclass(frozen=True, slots=True)
class Correction:
    """A correction.

    Parameters
    ----------
    number : int
        Its own place in the ledger.
    at_ms : int
        When it was entered, in milliseconds since the ledger's origin.
    entry : int
        Which entry it is about; an earlier one.
    wrong, right : str
        What that entry says, and what it should.
    by : str
        Who says so; the lab's word.
    reason : str
    """

    number: int
    at_ms: int
    entry: int
    wrong: str
    right: str
    by: str
    reason: str

    def to_json(self) -> dict[str, Any]:
        """Return the entry."""
        texts = {name: getattr(self, name) for name in TEXTS}
        return {"kind": "correction", "at_ms": self.at_ms, "entry": self.entry, **texts}

    def __str__(self) -> str:
        return f"entry {self.entry}: {self.wrong} is wrong, right is {self.right} ({self.by}: {self.reason})"


def correction_from_json(number: int, values: Mapping[str, Any]) -> Correction:
    """Read the entry ``number``; raises ``VerificationError`` V232 unless it is a correction of an earlier one."""
    fault = None
    if set(values) != {"kind", "at_ms", "entry", *TEXTS}:
        fault = "has other fields than a correction"
    elif type(values["at_ms"]) is not int or not 0 <= values["at_ms"] <= MAX_DURATION_MS:
        fault = f"is of the time {shown(str(values['at_ms']))}"
    elif type(values["entry"]) is not int or not 0 <= values["entry"] < number:
        fault = f"corrects entry {shown(str(values['entry']))}, which is no earlier one"
    elif any(not isinstance(values[name], str) or not values[name].strip() for name in TEXTS):
        fault = "does not say what was wrong, what is right, who says so, and why"
    if fault is not None:
        raise VerificationError("V232", f"entry {number} {fault}", hint="a correction refers to what stands before it")
    return Correction(number, values["at_ms"], values["entry"], *(values[name] for name in TEXTS))
