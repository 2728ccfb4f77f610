"""The account of promises held to one that was kept without the kernel, from what was told and decided alone."""

from __future__ import annotations

from collections import Counter
from random import Random

from tests.property.promise_comparison import differences, drawn_case

SEEN = {
    "at_least of delivered", "at_least of capacity", "at_least of capacity at", "at_most of delivered",
    "at_most of capacity", "at_most of capacity at", "at_least: kept", "at_least: kept, unused",
    "at_least: kept within grace", "at_least: broken", "at_most: kept", "at_most: broken", "made good: kept",
    "made good: kept, unused", "made good: broken", "starts: kept", "starts: broken", "starts: undecided",
    "starts that count", "hours lapse", "denied", "of a ceiling denied", "denied of what is made good", "lost",
    "several windows", "several pools", "weights differ", "budgets are empty", "requests are refused",
    "pace above what is owed", "totals",
}  # fmt: skip


def test_totals_and_verdicts_are_those_of_books_kept_from_decisions_alone() -> None:
    seen = Counter[str]()
    for seed in range(320):
        found = differences(drawn_case(Random(seed)), seen)
        assert not found, f"seed {seed}: {found[:3]}"
    assert seen.keys() == SEEN
    assert seen["totals"] > 5_000
