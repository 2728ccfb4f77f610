"""The account of promises held to one that was kept without the kernel, from what was told and decided alone."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from random import Random

import numpy as np

from tests.property.promise_comparison import ACCOUNTED, differences, differences_with_cancellations, drawn_case

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


def test_totals_follow_cancellations() -> None:
    seen = Counter[str]()
    for seed in range(60):
        chance = Random(seed)
        found = differences_with_cancellations(drawn_case(chance), chance, seen)
        assert not found, f"seed {seed}: {found[:3]}"
    assert seen["cancelled"] > 100
    assert seen["denied"] > 100


def test_compiled_and_interpreted_accounts_are_equal() -> None:
    windows = 0
    for seed in range(32):
        drawn = drawn_case(Random(seed), replace(ACCOUNTED, pools=2, jobs=12))
        compiled, plain = (
            drawn.system.run(drawn.policy, closes_ms=drawn.closes_ms, record=True, interpreted=interpreted)
            for interpreted in (False, True)
        )
        assert compiled.digest == plain.digest, f"seed {seed}"
        for name in ("teams", "pools", "jobs", "replicas", "services", "closes_ms", "counted", "events"):
            assert np.array_equal(getattr(compiled, name), getattr(plain, name)), f"seed {seed}, {name}"
        assert compiled.promises.keys() == plain.promises.keys(), f"seed {seed}"
        for at_ms, totals in compiled.promises.items():
            assert all(map(np.array_equal, totals, plain.promises[at_ms])), f"seed {seed}: promises at {at_ms} ms"
        windows += len(compiled.promises)
    assert windows > 300
