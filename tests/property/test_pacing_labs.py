"""Promises over time on the slow model: a part of the campaign of `python -m benchmarks.pacing`, and its counterexamples.

Every failure names family, number and rule: ``run(draw(family, number), RULES[rule])`` repeats it.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.reference.pacing_account import BROKEN, KEPT
from tests.reference.pacing_admission import room_of
from tests.reference.pacing_campaign import campaign
from tests.reference.pacing_counterexamples import COUNTEREXAMPLES, timeline
from tests.reference.pacing_draw import MINUTE_MS
from tests.reference.pacing_families import FAMILIES, RULES, draw
from tests.reference.pacing_lab import Lab
from tests.reference.pacing_pace import rounded_mended, rounded_text
from tests.reference.pacing_run import run
from tests.reference.pacing_shrink import in_units, shrink


def test_every_promise_that_the_mended_admission_takes_is_kept_without_any_shortfall() -> None:
    (tally,) = campaign("mended conditions", range(80))
    assert tally.short == 0, tally.examples
    assert tally.alarms == 0
    assert tally.reclaims > 200


def test_the_labs_are_hard_enough_to_break_static_floors_and_the_rule_as_it_stood() -> None:
    static, stood, mended = campaign("conditions as they stood", range(80), ("static floors", "as it stood", "mended"))
    assert static.verdicts[BROKEN] > 20
    assert stood.verdicts[BROKEN] > 0
    assert mended.verdicts[BROKEN] == 0, mended.examples


@pytest.mark.parametrize(
    "family", ["the same, admitted", "rolling", "savepoints", "trees four deep", "demand in both pools"]
)
def test_promises_are_kept_also_where_one_more_thing_happens(family: str) -> None:
    (tally,) = campaign(family, range(12), ("mended",))
    assert tally.verdicts[BROKEN] == 0, tally.examples
    assert tally.verdicts[KEPT] > 0


@pytest.mark.parametrize("family", FAMILIES)
def test_no_promise_is_broken_without_the_alarm(family: str) -> None:
    for tally in campaign(family, range(3), FAMILIES[family].rules[-1:]):
        assert tally.unwarned == 0, tally.examples


@pytest.mark.parametrize("name", COUNTEREXAMPLES)
def test_each_counterexample_breaks_by_the_rules_it_names_and_is_kept_by_the_others(name: str) -> None:
    example = COUNTEREXAMPLES[name]
    room = room_of(example.lab)
    assert room.fits
    assert room.quantum
    assert room.mended == example.admitted
    for rule in example.breaks:
        assert run(example.lab, RULES[rule]).broken, rule
    for rule in example.keeps:
        assert {outcome.verdict for outcome in run(example.lab, RULES[rule]).outcomes} == {KEPT}, rule
    assert example.admitted <= ("mended" in example.keeps)


def test_the_page_tells_each_counterexample_as_it_happens() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "pacing-evidence.md").read_text("utf-8")
    for example in COUNTEREXAMPLES.values():
        assert f"```text\n{timeline(example)}\n```" in page
        assert example.why in " ".join(page.split())


def test_denied_stays_within_one_grace_for_each_time_that_demand_comes() -> None:
    for number in range(40):
        lab = draw("late demand", number)
        comes = sum(1 for level in lab.teams[lab.promises[0].row].levels if level.gpus[0])
        for outcome in run(lab, RULES["mended"]).outcomes:
            assert outcome.denied <= comes * outcome.grace, number


def test_the_rounded_floor_is_the_most_that_whole_gangs_can_hold() -> None:
    # Search everything that a team can hold which starts any of its gangs while it is below its floor.
    for sizes in [(1,), (3,), (1, 2), (2, 4), (2, 3), (3, 4), (2, 6), (4, 6), (1, 5), (6, 9)]:
        for floor in range(1, 25):
            held, reached = {0}, {0}
            while held:
                held = {have + size for have in held if have < floor for size in sizes} - reached
                reached |= held
            unit_bound = rounded_mended(floor, sizes)
            assert max(reached) <= unit_bound
            if len(sizes) == 1:
                assert unit_bound == rounded_text(floor, sizes) == max(reached)
            elif floor > 12:  # far enough for every multiple of the divisor to be a sum of sizes
                assert max(reached) == unit_bound, (sizes, floor)


def test_shrinking_keeps_what_is_wrong_and_makes_the_lab_smaller() -> None:
    def wrong(lab: Lab) -> bool:
        return bool(run(lab, RULES["static floors"]).broken)

    lab = in_units(draw("conditions as they stood", 1), MINUTE_MS)
    small = shrink(lab, wrong, tries=40)
    assert wrong(lab)
    assert wrong(small)
    assert len(small.teams) <= len(lab.teams)
    assert sum(len(team.jobs[0]) for team in small.teams) < sum(len(team.jobs[0]) for team in lab.teams)


def test_a_lab_is_the_same_at_every_run() -> None:
    first, again = (run(draw("everything", 3), RULES["mended"]) for _ in range(2))
    assert first == again
