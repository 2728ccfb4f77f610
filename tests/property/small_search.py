"""Search a family of small systems: run each, listen to its story, count what may not be."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

from tests.property.small_systems import Family, story

FORBIDDEN = ("devices", "limit", "secure", "starved")
"""Whatever the timing: too much is held, a leaf-secure gang is taken, or a team waits below its floor for no reason."""

UNFINISHED = ("idle", "unclaimed")
"""A pass stops too early: it leaves a gang that its floor holds, beside free devices or legal victims."""

ON_THE_WAY = ("shared", "placement")
"""What the rules do not promise: devices that another claim's victims still hold, or that lie on the wrong nodes."""

SETTLED_MS = 1_000
"""Far more than any chain of these families takes, and far less than the horizon."""


class Example(NamedTuple):
    """The first system that shows something."""

    number: int
    text: str


@dataclass
class Found:
    """What a search saw."""

    family: str
    size: int
    searched: int = 0
    claims: int = 0
    stops: int = 0
    longest_chain: int = 0
    settled_ms: int = 0
    wrong: Counter[str] = field(default_factory=Counter[str])
    examples: dict[str, Example] = field(default_factory=dict[str, Example])

    def add(self, other: Found) -> None:
        """Take in what another part of the same search saw."""
        self.searched += other.searched
        self.claims += other.claims
        self.stops += other.stops
        self.longest_chain = max(self.longest_chain, other.longest_chain)
        self.settled_ms = max(self.settled_ms, other.settled_ms)
        self.wrong += other.wrong
        self.examples = other.examples | self.examples


def search(family: Family, most: int, *, part: int = 0, parts: int = 1) -> Found:
    """Search all systems of a family or a fixed sample of ``most``; of ``parts`` equal parts only number ``part``."""
    found = Found(family.name, len(family))
    for number in family.numbers(most)[part::parts]:
        told = story(family[number])
        found.searched += 1
        found.claims += told.claims
        found.stops += told.stops
        found.longest_chain = max(found.longest_chain, told.chain)
        found.settled_ms = max(found.settled_ms, told.settled_ms)
        for kind, text in told.wrong.items():
            found.wrong[kind] += 1
            found.examples.setdefault(kind, Example(number, text))
    return found
