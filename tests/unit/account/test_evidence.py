"""Gaps of a record against an instant-by-instant count; the fewest heartbeats that show them; verdicts on gaps and re-foundings."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from equipoise.account import Evidence, Span


def silent_instants(evidence: Evidence, span: Span, every_ms: int) -> set[int]:
    """Each instant of a window between two signs of life that lie too far apart, looked up one by one."""
    signs = [evidence.opened_ms, *evidence.beats_ms, span.to_ms]
    found: set[int] = set()
    for at_ms in range(span.from_ms, span.to_ms):
        before = max(sign for sign in signs if sign <= at_ms)
        after = min(sign for sign in signs if at_ms < sign <= span.to_ms)
        if after - before > every_ms:
            found.add(at_ms)
    return found


def drawn(seed: int) -> tuple[Evidence, Span, int]:
    chance = Random(seed)
    opened_ms = chance.randint(0, 20)
    beats_ms = sorted(chance.choices(range(opened_ms, 120), k=chance.randint(0, 25)))
    from_ms = chance.randint(opened_ms, 100)
    return Evidence(opened_ms, beats_ms), Span(from_ms, from_ms + chance.randint(1, 60)), chance.randint(1, 30)


def instants(gaps: tuple[Span, ...]) -> set[int]:
    return {at_ms for gap in gaps for at_ms in range(gap.from_ms, gap.to_ms)}


def test_gaps_are_the_instants_between_signs_of_life_too_far_apart() -> None:
    some = 0
    for seed in range(3_000):
        evidence, span, every_ms = drawn(seed)
        gaps = evidence.gaps(span, every_ms)
        assert instants(gaps) == silent_instants(evidence, span, every_ms), f"seed {seed}"
        some += 0 < len(instants(gaps)) < span.length_ms
    assert some > 500


def test_needed_heartbeats_show_the_same_gaps_and_none_is_spare() -> None:
    for seed in range(3_000):
        evidence, span, every_ms = drawn(seed)
        needed, gaps = evidence.needed(span, every_ms), evidence.gaps(span, every_ms)
        fewest = replace(evidence, beats_ms=needed)
        assert fewest.gaps(span, every_ms) == gaps, f"seed {seed}"
        assert fewest.needed(span, every_ms) == needed, f"seed {seed}"
        for at in range(len(needed)):
            fewer = replace(evidence, beats_ms=needed[:at] + needed[at + 1 :])
            assert fewer.gaps(span, every_ms) != gaps, f"seed {seed}: {needed[at]} is spare"


def test_a_heartbeat_as_often_as_the_charter_says_leaves_no_gap() -> None:
    for every_ms in (1, 7, 30):
        evidence = Evidence(0, range(every_ms, 200, every_ms))
        for from_ms in range(100):
            assert evidence.gaps(Span(from_ms, from_ms + 100), every_ms) == ()


def test_a_refounding_breaks_what_began_before_it_and_ends_after_it() -> None:
    evidence = Evidence(0, (), (10, 50))
    spans = [Span(0, 10), Span(0, 11), Span(9, 11), Span(10, 50), Span(10, 51), Span(50, 60)]
    assert [evidence.refounded(span) for span in spans] == [None, 10, 10, None, 50, None]
