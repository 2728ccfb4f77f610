"""The mended admission of pacing, beside the model that it was tried on, and beside what the scheduler finds in its state."""

from __future__ import annotations

import random
import time
from fractions import Fraction

import pytest

from equipoise.account import first_period, next_period
from equipoise.charter import EVERYTHING, Charter, Commitment, Pool, Share, Team, Window, pacing
from equipoise.charter.admission import asked_in, check_promises
from equipoise.units import DAY_MS, HOUR_MS, MINUTE_MS
from tests.reference.pacing_admission import base_of, need, room_of
from tests.reference.pacing_lab import Job, Lab, Promise
from tests.reference.pacing_lab import Team as Row

CASES = 4_500


def drawn(number: int) -> tuple[Charter, Lab]:
    """Draw the same organisation twice: as a charter, and as a lab of the model. Rolling windows are a whole number of days."""
    chance = random.Random(number)
    capacity = chance.choice([8, 12, 20, 40, 100])
    parents = [-1, -1, chance.choice([-1, 0]), chance.choice([-1, 0]), chance.choice([-1, 1])]
    parents += [2] if parents[2] >= 0 and chance.random() < 0.4 else []
    inner = set(parents)
    rows, left = list[Row](), {-1: capacity}
    for team, parent in enumerate(parents):
        floor = chance.randint(0, max(0, left[parent] // 2)) if chance.random() < 0.6 else 0
        left[parent] -= floor
        left[team] = floor
        above = capacity if parent < 0 else rows[parent].limit[0]
        limit = max(floor, chance.randint(1, above)) if chance.random() < 0.3 else above
        gang = chance.choice([1, 1, 2, 3, 5, 8])
        protections = (chance.choice([0, 1, 4, 8, 20]) * HOUR_MS, chance.choice([10, 60, 300]) * MINUTE_MS)
        jobs = () if team in inner else (*((Job(1, 1),) if gang > 1 else ()), Job(gang, 1))
        rows.append(
            Row(parent, (floor,), (limit,), 1, *protections, chance.choice([1, 6, 12, 40]) * HOUR_MS, jobs=(jobs,))
        )
    promises = list[Promise]()
    for row in chance.sample(range(len(parents)), chance.choice([1, 1, 2, 3])):
        percent = chance.randint(2, 45)
        most = min(100, percent * chance.choice([100, 110, 150]) // 100)
        promises.append(Promise(row, percent, 100, (max(percent, most), 100), chance.choice([1, 2, 3, 7, 28]) * DAY_MS))
    lab = Lab((capacity,), tuple(rows), tuple(promises), DAY_MS)
    return charter_of(lab), lab


def charter_of(lab: Lab) -> Charter:
    """Write a lab as a charter: preorder, siblings by name."""
    names = [f"t{row}" for row in range(len(lab.teams))]
    paths = [".".join(names[up] for up in reversed(lab.path(row))) for row in range(len(names))]
    teams = [
        Team(
            paths[row], names[row], None if team.parent < 0 else paths[team.parent],
            {"a": Share(gpus=team.floor[0])}, {"a": Share(gpus=team.limit[0])},
            recover_ms=team.recover_ms, grace_ms=team.grace_ms, min_runtime_ms=team.min_runtime_ms,
            max_job=max(lab.sizes(row, 0)), is_leaf=bool(team.jobs[0]),
        )
        for row, team in enumerate(lab.teams)
    ]  # fmt: skip
    promises = [
        Commitment(
            f"c{number}", paths[one.row], Window(rolling_days=one.rolling_ms // DAY_MS), ("a",),
            at_least=Fraction(one.p, one.q), pace_max=Fraction(*one.pace_max),
        )
        for number, one in enumerate(lab.promises)
    ]  # fmt: skip
    teams.sort(key=lambda team: team.path.split("."))
    return Charter("Drawn", (Pool("a", "A", lab.capacity[0], 1),), tuple(teams), commitments=tuple(promises))


def under_limits(lab: Lab) -> bool:
    """Whether what each row needs fits under its own limit; the model looks at each rounded floor alone."""
    capacity = lab.capacity[0]
    asked = dict[int, Fraction]()
    for one in lab.promises:
        most = min(capacity, -(-one.pace_max[0] * capacity // one.pace_max[1]))
        largest = max(lab.sizes(one.row, 0))
        asked[one.row] = Fraction(base_of(lab, one, capacity, most, 2) - 1 + largest)
    floors = {row: Fraction(team.floor[0]) for row, team in enumerate(lab.teams)}
    return all(need(lab, [row], floors, asked) <= team.limit[0] for row, team in enumerate(lab.teams))


def test_the_warning_comes_exactly_where_the_model_says_that_the_bound_does_not_hold() -> None:
    told = dict[tuple[bool, bool], int]()
    for number in range(CASES):
        charter, lab = drawn(number)
        codes = {breach.code for breach in check_promises(charter)}
        if "C404" in codes:
            continue
        certain = room_of(lab).mended and under_limits(lab)
        assert ("W608" not in codes) == certain, number
        told[certain, "W602" in codes] = told.get((certain, "W602" in codes), 0) + 1
    assert sum(told.values()) > 2_000, told
    assert min(told.values()) > 20, told  # W602 and W608 are independent of each other: all four happen
    assert len(told) == 4


def test_margins_levels_and_gangs_are_those_of_the_model() -> None:
    for number in range(500):
        charter, lab = drawn(number)
        notices, largest = pacing.notices_ms(charter), pacing.largest_gangs(charter)
        for promise, one in zip(charter.commitments, lab.promises, strict=True):
            team = charter.id_of(promise.team)
            assert notices[team] == lab.reclaim_ms(one.row)
            assert largest[team] == max(lab.sizes(one.row, 0))
            asked = asked_in(charter, promise, charter.pools[0], notices)
            assert asked.level == base_of(lab, one, lab.capacity[0], asked.most, 2)


@pytest.mark.parametrize("calendar", ["day", "week", "month", "quarter", "year"])
@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "Antarctica/Troll", "Australia/Lord_Howe"])
def test_no_full_window_of_the_next_years_is_shorter_than_what_is_counted_with(calendar: str, zone: str) -> None:
    period = first_period(calendar, zone, 1_798_761_600_000)  # type: ignore[arg-type]
    lengths = list[int]()
    for _ in range(500 if calendar == "day" else 60):
        period = next_period(calendar, zone, period)  # type: ignore[arg-type]
        lengths.append(period.span.length_ms)
    counted = pacing.shortest_ms(Window(calendar=calendar), zone)  # type: ignore[arg-type]
    assert counted <= min(lengths)
    assert min(lengths) - counted <= 2 * HOUR_MS
    if zone == "UTC" or (calendar == "day" and zone == "Antarctica/Troll"):
        assert counted == min(lengths)


def test_a_thousand_teams_with_a_hundred_promises_are_checked_in_a_second() -> None:
    teams = [
        Team(
            f"t{number:04}", f"t{number:04}", None, {"a": Share(gpus=8)}, {"a": EVERYTHING}, max_job=4,
            grace_ms=number * 1_000,
        )
        for number in range(1_000)
    ]  # fmt: skip
    promises = [
        Commitment(
            f"c{number}", team.path, Window(calendar="week"), ("a",), at_least=Fraction(1, 2_000), pace_max=Fraction(1, 1_500)
        )
        for number, team in enumerate(teams[:100])
    ]  # fmt: skip
    charter = Charter("Large", (Pool("a", "A", 1_100, 8),), tuple(teams), commitments=tuple(promises))
    begins = time.perf_counter()
    assert list(check_promises(charter)) == []
    assert time.perf_counter() - begins < 1
