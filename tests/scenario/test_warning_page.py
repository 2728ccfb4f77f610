"""The evidence for the early warning in short form: false alarms, planted starvation, and what docs/warning.md shows."""

from __future__ import annotations

import math
import re
from dataclasses import replace

import numpy as np
import pytest

from benchmarks import helios, warning
from benchmarks._warning_figure import STATED
from benchmarks._warning_labs import (
    CUT_DAY,
    FLOOR,
    TEAM,
    charter_of_lab,
    needs_of,
    planted,
    quiet_fleets,
    quiet_labs,
    ran,
    synthetic,
)
from benchmarks.philly import with_tables
from equipoise.account import Need, hungry_days
from equipoise.policy.plan import plan
from equipoise.simulator.results import Results
from equipoise.simulator.warning_frame import ABOVE, USUAL, daily_chart
from equipoise.traces import team_name
from equipoise.units import DAY_MS

needs_data = pytest.mark.skipif(not helios.DATA.is_dir(), reason="needs ../shared/data")
PAGE = warning.PAGE.read_text("utf-8")


@pytest.fixture(scope="module")
def cut() -> dict[int, dict[str, list[Need]]]:
    """One lab under its charter, and with safety's floor cut to nearly nothing."""
    workload = synthetic(seed=1)
    return {floor: needs_of(planted(workload, floor)) for floor in (FLOOR, 1)}


def test_teams_in_peace_give_no_more_false_alarms_than_stated(cut: dict[int, dict[str, list[Need]]]) -> None:
    labs = [*quiet_labs([cut[FLOOR], cut[FLOOR]])[:1]]
    labs += quiet_fleets(1, "charter", [0.85])
    within = [one for lab in labs for one in lab if one.usual <= USUAL]
    assert len(within) > 36, len(within)
    assert warning.rates("", within).per_ten_years(1)[0] <= STATED
    # The measure can fail: where hungry days are commoner than the chart takes to be usual, it does.
    above = [one for lab in quiet_fleets(1, "charter", [0.95]) for one in lab if one.usual > USUAL]
    assert warning.rates("", above).per_ten_years(1)[1] > STATED


def test_a_planted_starvation_is_noticed_and_nothing_is_where_the_charter_holds(
    cut: dict[int, dict[str, list[Need]]],
) -> None:
    teams = [team for team in cut[1] if team.partition(".")[0] == TEAM]
    assert len(teams) == 5
    for team in teams:
        found = {floor: hungry_days(own[team], above=ABOVE) for floor, own in cut.items()}
        assert found[1][:CUT_DAY] == found[FLOOR][:CUT_DAY], "the lab differs before the cut"
        assert warning.delay(daily_chart(), found[1]) <= 30
        assert math.isinf(warning.delay(daily_chart(), found[FLOOR]))


def test_a_cut_to_the_same_floor_changes_no_decision() -> None:
    workload, charter = synthetic(seed=2), charter_of_lab()
    as_it_is = ran(workload, charter, plan(charter))
    apart = replace(plan(charter), charter=charter_of_lab(FLOOR))
    assert planted(workload, FLOOR).run.digest == as_it_is.run.digest == ran(workload, charter, apart).run.digest
    cut = planted(workload, 10).run
    assert cut.digest != as_it_is.run.digest
    assert cut.closes_ms[CUT_DAY - 1] == CUT_DAY * DAY_MS
    for name in ("teams", "pools"):
        before, after = (getattr(run, name)[:CUT_DAY] for run in (as_it_is.run, cut))
        assert np.array_equal(before, after), name


@pytest.mark.parametrize(
    ("count", "low", "high"), [(0, 0, 3.689), (1, 0.0253, 5.572), (10, 4.795, 18.391), (100, 81.36, 121.63)]
)
def test_intervals_are_those_of_the_tables_for_poisson_counts(count: int, low: float, high: float) -> None:
    assert warning.poisson_interval(count) == pytest.approx((low, high), abs=0.005)


@pytest.fixture(scope="module")
def three() -> tuple[Results, ...]:
    """Helios Earth in the three ways."""
    return helios.runs()


@needs_data
def test_hungry_days_of_helios_are_those_of_its_minutes(three: tuple[Results, ...]) -> None:
    month, own = helios.recorded(), needs_of(three[0].record)
    enough = (month.asked.sum(axis=0) <= month.capacity).reshape(-1, 24 * 60).all(axis=1)
    assert enough.sum() > 20
    short = np.maximum(month.asked - month.quota[:, None], 0)
    compared = 0
    for n, cluster in enumerate(month.clusters):
        days = own[team_name(cluster)]
        by_minute = [row.reshape(-1, 24 * 60).sum(axis=1) * 60_000 for row in (month.asked[n], short[n])]
        for day, need in enumerate(days):
            if enough[day]:
                # Nobody is entitled to less than they ask for where the machine has it for all.
                assert (need.entitled, need.denied) == (by_minute[0][day], by_minute[1][day]), (cluster, day)
                compared += 1
    assert compared > 300


@needs_data
def test_page_shows_helios_as_it_is(three: tuple[Results, ...]) -> None:
    assert warning.helios_table(three) in PAGE, "run: python -m benchmarks.warning --write"


def test_page_shows_what_the_chart_computes() -> None:
    assert warning.clustering_table() in PAGE, "run: python -m benchmarks.warning --write"
    assert len(re.findall(r"(?m)^\| --- \|", PAGE)) == 6
    assert with_tables(PAGE, re.findall(r"(?m)(?:^\|.*\n)+", PAGE)).count("| --- |") == 6


def test_page_shows_the_demo_as_it_is() -> None:
    assert "| " + " | ".join(warning.demo_row(1)) + " |" in PAGE, "run: python -m benchmarks.warning --write"
