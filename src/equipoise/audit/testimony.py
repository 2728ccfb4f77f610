"""What a ledger says of itself: heartbeats and silences of whoever keeps it, and corrections of earlier entries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self, TypeGuard

from equipoise.account import Correction, correction_from_json
from equipoise.audit.finding import Finding
from equipoise.errors import VerificationError
from equipoise.units import shown

Values = Mapping[str, Any]
KINDS = ("heartbeat", "silence", "correction")


@dataclass(frozen=True, slots=True)
class Silence:
    """A time of which the recorder says that it was away.

    Parameters
    ----------
    entry : int
    from_ms, to_ms : int
        Since the origin.
    passes : int
        How many there were before the entry.
    """

    entry: int
    from_ms: int
    to_ms: int
    passes: int


class Testimony:
    """Heartbeats, silences and corrections, in the order of their entries; nothing that is malformed counts.

    Attributes
    ----------
    beats : list of (int, int, int, int)
        Of each heartbeat its entry, its time since the origin, how many passes it says there were, and how many there were.
    silences : list of Silence
    corrections : list of Correction
    findings : list of Finding
        What was malformed.
    """

    def __init__(self) -> None:
        self.beats: list[tuple[int, int, int, int]] = []
        self.silences: list[Silence] = []
        self.corrections: list[Correction] = []
        self.findings: list[Finding] = []

    def take(self, values: Values, *, number: int, passes: int) -> None:
        """Take the entry ``number``, before which there were ``passes``."""
        if values["kind"] == "correction":
            try:
                self.corrections.append(correction_from_json(number, values))
            except VerificationError as error:
                self._malformed("V232", values, number, error.message)
            return
        if values["kind"] == "silence":
            self._take_silence(values, number, passes)
            return
        at_ms, said = values.get("at_ms"), values.get("passes")
        if set(values) == {"kind", "at_ms", "passes"} and _counts(at_ms) and _counts(said):
            self.beats.append((number, at_ms, said, passes))
        else:
            self._malformed("V230", values, number, "a time and how many passes there were, and nothing else")

    def _take_silence(self, values: Values, number: int, passes: int) -> None:
        from_ms, to_ms = values.get("from_ms"), values.get("to_ms")
        alone = set(values) == {"kind", "from_ms", "to_ms"}
        if alone and _counts(from_ms) and _counts(to_ms) and from_ms < to_ms:
            self.silences.append(Silence(number, from_ms, to_ms, passes))
        else:
            self._malformed("V233", values, number, "from when and to when, and nothing else")

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON's values."""
        corrections = [[one.number, one.to_json()] for one in self.corrections]
        findings = [[one.code, one.at_ms, one.entry, one.recorded, one.required] for one in self.findings]
        silences = [[one.entry, one.from_ms, one.to_ms, one.passes] for one in self.silences]
        return {"beats": self.beats, "silences": silences, "corrections": corrections, "findings": findings}

    @classmethod
    def of(cls, values: Values) -> Self:
        """Return what `to_json` had."""
        found = cls()
        found.beats = [(entry, at_ms, said, passes) for entry, at_ms, said, passes in values["beats"]]
        found.silences = [Silence(*row) for row in values["silences"]]
        found.corrections = [correction_from_json(number, told) for number, told in values["corrections"]]
        found.findings = [Finding(*row) for row in values["findings"]]
        return found

    def _malformed(self, code: str, values: Values, number: int, required: str) -> None:
        at_ms = values.get("at_ms")
        recorded = f"{values['kind']}: {shown(str({name: values[name] for name in sorted(values) if name != 'kind'}))}"
        self.findings.append(Finding(code, at_ms if type(at_ms) is int else 0, number, recorded, required))


def _counts(value: object) -> TypeGuard[int]:
    return type(value) is int and value >= 0


def contradicted(beats: Sequence[tuple[int, int, int, int]], times_ms: Sequence[int]) -> list[Finding]:
    """Find the first heartbeat that the passes around it contradict, or the heartbeat before it.

    Parameters
    ----------
    beats : sequence
        As of `Testimony`.
    times_ms : sequence of int
        Of all passes.
    """
    latest_ms = 0
    for entry, at_ms, said, passes in beats:
        before_ms = max(latest_ms, int(times_ms[passes - 1]) if passes else 0)
        recorded = f"a heartbeat at {at_ms} ms after {said:,} passes"
        if said != passes:
            return [Finding("V231", at_ms, entry, recorded, f"after {passes:,} passes")]
        if at_ms < before_ms:
            return [Finding("V231", at_ms, entry, recorded, f"at {before_ms} ms or later, as what stands before it")]
        if passes < len(times_ms) and times_ms[passes] < at_ms:
            told = f"a pass at {int(times_ms[passes])} ms after a heartbeat at {at_ms} ms"
            return [Finding("V231", int(times_ms[passes]), entry, told, f"one at {at_ms} ms or later")]
        latest_ms = at_ms
    return []
