"""Runs families of labs by several rules and counts what became of their promises."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from fractions import Fraction

from tests.reference.pacing_account import BROKEN, KEPT, UNUSED, WITHIN_GRACE
from tests.reference.pacing_families import FAMILIES, RULES, draw
from tests.reference.pacing_run import Result, run


@dataclass(slots=True)
class Tally:
    """What became of the promises of one family by one rule."""

    family: str
    rule: str
    labs: int = 0
    verdicts: Counter[str] = field(default_factory=Counter[str])
    worst: Fraction = Fraction(0)
    """The most that was denied, over the grace (P_max + s)·τ."""
    short: int = 0
    """Windows with a shortfall, denied or not."""
    alarms: int = 0
    false_alarms: int = 0
    unwarned: int = 0
    """Broken, and the point of no return was never seen."""
    ceilings_broken: int = 0
    delivered: int = 0
    lost: int = 0
    reclaims: int = 0
    examples: list[int] = field(default_factory=list[int])

    def add(self, number: int, result: Result) -> None:
        """Count one lab."""
        self.labs += 1
        self.delivered += result.delivered
        self.lost += result.lost
        self.reclaims += result.reclaims
        for outcome in result.outcomes:
            if outcome.promise.at_most:
                self.ceilings_broken += outcome.broken
                continue
            self.verdicts[outcome.verdict] += 1
            self.worst = max(self.worst, outcome.of_grace)
            self.short += outcome.short > 0
            self.alarms += outcome.alarm_ms is not None
            self.false_alarms += outcome.alarm_ms is not None and outcome.short == 0
            self.unwarned += outcome.broken and outcome.alarm_ms is None
            if outcome.broken and number not in self.examples:
                self.examples.append(number)

    def merge(self, other: Tally) -> None:
        """Add the counts of other labs."""
        self.verdicts += other.verdicts
        self.worst = max(self.worst, other.worst)
        self.examples += other.examples
        for name in ("labs", "short", "alarms", "false_alarms", "unwarned", "ceilings_broken", "delivered", "lost"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.reclaims += other.reclaims

    def row(self) -> list[str]:
        """Return the columns of the page's table."""
        kinds = (KEPT, UNUSED, WITHIN_GRACE, BROKEN)
        figures = [self.labs, self.verdicts.total(), *(self.verdicts[kind] for kind in kinds)]
        last = [f"{float(self.worst):.2f}", *(f"{n:,}" for n in (self.alarms, self.false_alarms, self.unwarned))]
        return [self.family, self.rule, *(f"{figure:,}" for figure in figures), *last]


def campaign(family: str, numbers: range, rules: tuple[str, ...] | None = None) -> list[Tally]:
    """Run some labs of a family by each of its rules."""
    tallies = [Tally(family, rule) for rule in rules or FAMILIES[family].rules]
    for number in numbers:
        lab = draw(family, number)
        for tally in tallies:
            tally.add(number, run(lab, RULES[tally.rule]))
    return tallies
