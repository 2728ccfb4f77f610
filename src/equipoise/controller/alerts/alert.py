"""What an alert is: a condition of which somebody should know, from when it was seen until it is over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

Number = int | float | str
FORMAT = 1


class Kind(StrEnum):
    """What alerts are raised for."""

    AT_RISK = "at_risk"
    """A promise will probably not be kept, if days go on as they did."""
    NO_RETURN = "no_return"
    """Not even the most that pacing may ask for can keep a promise in its window."""
    STARVING = "starving"
    EMERGENCY = "emergency"
    """An emergency charter is in force."""
    GATE = "gate"
    """A release waits at a stage of a release gate; over: the stage is open."""
    LEDGER = "ledger"
    """The ledger is not written, its spool grows, a checkpoint is late, or the clock is not to be trusted."""


@dataclass(frozen=True, slots=True)
class Condition:
    """Something that holds now. Kind and subject say which; what else it says may change while it holds.

    Parameters
    ----------
    kind : Kind
    subject : str
        A promise, a team, a stage of a release, or what is wrong with the ledger.
    since_ms : int
        Unix milliseconds.
    sentence : str
        For people.
    numbers : mapping
        For machines; units end names.
    """

    kind: Kind
    subject: str
    since_ms: int
    sentence: str
    numbers: Mapping[str, Number] = field(default_factory=dict[str, Number])

    @property
    def key(self) -> tuple[str, str]:
        """What one alert at a time is about."""
        return self.kind.value, self.subject


@dataclass(frozen=True, slots=True)
class Alert:
    """A condition from when it was first seen.

    Parameters
    ----------
    id : str
        The same in every message about it.
    condition : Condition
        As it was when it was raised.
    over_ms : int or None
        Unix milliseconds since when it is over; None while it holds.
    """

    id: str
    condition: Condition
    over_ms: int | None = None

    def to_json(self) -> dict[str, object]:
        """Return it as a message says it."""
        said = self.condition
        told: dict[str, object] = {
            "format": FORMAT, "alert": self.id, "kind": said.kind.value, "subject": said.subject,
            "state": "raised" if self.over_ms is None else "resolved", "since_ms": said.since_ms,
            "sentence": said.sentence, "numbers": dict(said.numbers),
        }  # fmt: skip
        return told if self.over_ms is None else told | {"over_ms": self.over_ms}
