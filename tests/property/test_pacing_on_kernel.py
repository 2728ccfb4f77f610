"""Promises over time by the product's policy: a part of the campaign of `python -m benchmarks.pacing --on kernel`.

Every failure names family and number: ``run_kernel(draw_lab(family, number))`` repeats it, with the walltimes of `WALLTIMES`.
"""

from __future__ import annotations

import pytest

from tests.property.kernel_labs import SHARES, campaign, run_kernel
from tests.property.lab_charters import Reclaim, certain, stretched
from tests.reference.pacing_account import BROKEN, KEPT
from tests.reference.pacing_counterexamples import COUNTEREXAMPLES
from tests.reference.pacing_draw import MINUTE_MS
from tests.reference.pacing_families import draw
from tests.reference.pacing_lab import Lab


@pytest.mark.parametrize(("family", "labs"), [("mended conditions", 200), (SHARES, 60)])
def test_every_promise_that_the_charter_calls_certain_is_kept_without_any_shortfall(family: str, labs: int) -> None:
    found, _ = campaign(family, range(labs))
    assert found.labs > labs * 9 // 10
    assert found.verdicts[KEPT] == found.labs, found.examples
    assert found.short == found.alarms == 0
    assert found.reclaims > 3 * labs  # they are not kept for want of anything to take back


@pytest.mark.parametrize(
    "family",
    [
        "the same, admitted",
        "rolling",
        "savepoints",
        "trees four deep",
        "demand in both pools",
        "nodes",
        "jobs that cannot stop",
    ],
)
def test_they_are_kept_also_where_one_more_thing_happens(family: str) -> None:
    found, _ = campaign(family, range(15))
    assert found.labs > 5
    assert found.verdicts[KEPT] == found.verdicts.total(), found.examples


@pytest.mark.parametrize("family", ["late demand", "make-good", "everything"])
def test_no_promise_is_broken_without_the_alarm(family: str) -> None:
    found = campaign(family, range(40))
    assert sum(tally.alarms for tally in found) > 0
    assert all(tally.unwarned == 0 for tally in found)


@pytest.mark.parametrize("number", [47, 50])
def test_demand_below_what_is_owed_still_finds_its_next_larger_gang(number: int) -> None:
    # Devices are kept for the rounded floor of what is asked for, not for what is asked for alone.
    (outcome,) = run_kernel(draw("little demand", number)).outcomes
    assert outcome.verdict != BROKEN
    assert 2 * outcome.denied < outcome.grace


def test_a_team_below_its_floor_claims_though_another_waits_first_and_devices_are_kept() -> None:
    lab = draw("mended conditions", 6401)
    assert certain(lab)
    (outcome,) = run_kernel(lab, walltime="double").outcomes
    assert outcome.short == 0


@pytest.mark.parametrize("name", [name for name, example in COUNTEREXAMPLES.items() if example.admitted])
def test_each_counterexample_that_is_admitted_is_kept(name: str) -> None:
    both: tuple[Reclaim, Reclaim] = ("floors", "shares")
    for reclaim in both:
        result = run_kernel(COUNTEREXAMPLES[name].lab, reclaim=reclaim)
        assert not result.disagreements
        assert {outcome.verdict for outcome in result.outcomes} == {KEPT}


def test_compiled_and_interpreted_runs_hold_the_same() -> None:
    for family in ("late demand", "everything"):
        lab = draw(family, 0)
        compiled, interpreted = (run_kernel(lab, tell=True, interpreted=plain) for plain in (False, True))
        assert compiled == interpreted


def test_a_stretched_lab_is_the_same_lab_on_another_clock() -> None:
    def proportions(lab: Lab) -> list[float]:
        times = [team.min_runtime_ms + team.grace_ms for team in lab.teams] + [lab.warm_ms]
        times += [job.run_ms for team in lab.teams for jobs in team.jobs for job in jobs]
        return [time_ms / lab.window_ms for time_ms in times]

    for number in range(20):
        lab = draw("mended conditions", number)
        assert proportions(stretched(lab)) == pytest.approx(proportions(lab))
        assert stretched(lab).window_ms % (1440 * MINUTE_MS) == 0
