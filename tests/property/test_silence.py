"""Controllers that were away now and then and say so: what they let pass is told, and nobody can hide more behind it."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import pytest

from equipoise.audit import Audit, audit
from tests.property.live_systems import Live, book, run_live

Values = dict[str, Any]
MINUTE_MS = 60_000
SEEDS = range(16)
CALENDAR = {"day_began", "window_began"}


def entries_of(live: Live, kind: str) -> list[Values]:
    return [one for one in live.entries if one["kind"] == kind]


def codes(told: list[Values]) -> set[str]:
    return {one.code for one in audit(book(told)).findings}


@cache
def ran(seed: int, how: str) -> tuple[Live, Audit]:
    return run_live(seed, restarts=how == "each" and seed % 5 == 0, away=how)


def away(how: str) -> Iterator[tuple[int, Live, Audit]]:
    for seed in SEEDS:
        yield seed, *ran(seed, how)


def away_at_one_time() -> Iterator[tuple[int, Live, Audit]]:
    """Yield runs in which all that was due in a silence was decided after it, and no window began meanwhile."""
    for seed in range(0, 100, 2):  # those with graces
        live, found = ran(seed, "together")
        if all(one["at_ms"] >= until_ms for until_ms, one in _after_silences(live.entries)):
            yield seed, live, found


def _after_silences(told: list[Values]) -> Iterator[tuple[int, Values]]:
    """Yield passes and heartbeats, each with the end of the latest silence before."""
    until_ms = -1
    for one in told:
        if one["kind"] == "silence":
            until_ms = one["to_ms"]
        elif one["kind"] in ("pass", "heartbeat"):
            yield until_ms, one


def test_what_was_decided_late_is_told_with_how_many_and_how_late_and_is_no_finding() -> None:
    away_for, late = 0, 0
    for seed, live, found in away("each"):
        assert found.holds, f"seed {seed}: {found.findings[0]}"
        silences = entries_of(live, "silence")
        assert found.silent_ms == sum(one["to_ms"] - one["from_ms"] for one in silences), f"seed {seed}"
        notes = [note for note in found.notes if note.startswith("Down from")]
        assert len(notes) == min(len(silences), 20)
        for one, note in zip(silences, notes, strict=False):
            passed = [due_ms for due_ms, back_ms in live.late if back_ms == one["to_ms"]]
            assert (f" {len(passed)} deadline" in note) == bool(passed), f"seed {seed}: {note}"
            if passed and one["to_ms"] - min(passed) < 120_000:
                assert note.endswith(f"by at most {-(-(one['to_ms'] - min(passed)) // 1000)} s."), (
                    f"seed {seed}: {note}"
                )
        away_for, late = away_for + len(silences), late + len(live.late)
    assert away_for > 30 and late > 40, (away_for, late)


def test_nobody_says_of_a_time_at_which_he_was_away_that_he_was_there() -> None:
    """No heartbeat and nothing but the calendar lies in a silence, by a walk over all entries."""
    for seed, live, _ in away("each"):
        for until_ms, one in _after_silences(live.entries):
            if one["at_ms"] < until_ms:
                assert one["kind"] == "pass", f"seed {seed}"
                assert {row[0] for row in one.get("events", ())} <= CALENDAR, f"seed {seed}"


def test_who_acts_at_once_when_he_is_back_is_excused_and_without_the_silence_is_not() -> None:
    excused = 0
    for seed, live, found in away_at_one_time():
        assert found.holds, f"seed {seed}: {found.findings[0]}"
        hidden = codes([one for one in live.entries if one["kind"] != "silence"])
        assert hidden <= ({"V207"} if live.late else set()), f"seed {seed}"  # no verdict of a promise goes by it either
        assert not hidden or any(" acted on late" in note for note in found.notes), f"seed {seed}"
        excused += len(hidden)
        if excused >= 4:
            break
    assert excused >= 3, excused


def test_a_deadline_that_passed_while_the_controller_was_there_is_found_as_ever() -> None:
    """Each silence is said to have begun after the first deadline in it, or to have ended a good while before it was acted on."""
    found = 0
    for seed, live, _ in away_at_one_time():
        silences = [n for n, one in enumerate(live.entries) if one["kind"] == "silence"]
        for n in silences[:3]:
            one = live.entries[n]
            for changed in ({"from_ms": one["to_ms"] - 1}, {"to_ms": one["from_ms"] + 1}):
                told = copy.deepcopy(live.entries)
                told[n] |= changed
                honest = [*live.entries[:n], *live.entries[n + 1 :]]
                assert codes(told) == codes(honest), f"seed {seed}, entry {n}"
                found += codes(told) == {"V207"}
        if found >= 6:
            return
    pytest.fail(f"only {found} deadlines were hidden")


def _over(told: list[Values], n: int, **more: int) -> None:
    told[n] = told[n] | more


LIES: dict[str, tuple[Callable[[list[Values], int], object], str]] = {
    "from before what was recorded": (lambda told, n: _over(told, n, from_ms=told[n]["from_ms"] - 1), "V234"),
    "over what was told later": (lambda told, n: _over(told, n, to_ms=1 << 40), "V234"),
    "with somebody there": (
        lambda told, n: told.insert(
            n + 1,
            {
                "kind": "heartbeat",
                "at_ms": told[n]["from_ms"],
                "passes": sum(one["kind"] == "pass" for one in told[:n]),
            },
        ),
        "V234",
    ),
    "twice": (lambda told, n: told.insert(n, dict(told[n])), "V234"),
    "of no time": (lambda told, n: _over(told, n, to_ms=told[n]["from_ms"]), "V233"),
    "without an end": (lambda told, n: told[n].pop("to_ms"), "V233"),
    "that says more": (lambda told, n: _over(told, n, passes=3), "V233"),
}


@pytest.mark.parametrize("name", LIES)
def test_a_silence_that_lies_is_found(name: str) -> None:
    lie, code = LIES[name]
    done = 0
    for seed, live, _ in away("each"):
        told = copy.deepcopy(live.entries)
        places = [n for n, one in enumerate(told) if one["kind"] == "silence" and one["from_ms"]]
        if places:
            lie(told, places[len(places) // 2])
            assert code in codes(told), f"seed {seed}"
            done += 1
        if done >= 5:
            return
    pytest.fail(f"only {done} ledgers had a silence")
