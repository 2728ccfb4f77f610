"""Days begin at local midnight; the oracle looks at what a clock on the wall shows every quarter of an hour."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from equipoise.charter_io import loads
from equipoise.policy.plan import plan
from equipoise.simulator.days import midnights
from equipoise.simulator.run import simulate
from equipoise.workload.fleet import fleet

QUARTER_MS = 900_000
DAY_MS = 86_400_000


@pytest.mark.parametrize(
    ("zone", "year"),
    [
        ("UTC", 2026),
        ("Europe/Berlin", 2026),
        ("Asia/Kathmandu", 2026),  # 5 h 45 min ahead
        ("America/Sao_Paulo", 2018),  # clocks go from 0:00 to 1:00, and from 24:00 back to 23:00
        ("America/Havana", 2026),  # clocks go from 1:00 back to 0:00: midnight comes twice
        ("Africa/Cairo", 2026),
        ("Pacific/Apia", 2011),  # 30 December did not exist
        ("Europe/Berlin", 1945),  # before 1970
    ],
)
def test_days_begin_when_the_date_on_the_wall_first_changes(zone: str, year: int) -> None:
    begins = datetime(year, 1, 1, 7, 31, 12, 345_000, tzinfo=UTC)
    origin_ms = round(begins.timestamp() * 1000)
    clock = ZoneInfo(zone)
    expected: list[int] = []
    latest = begins.astimezone(clock).date()
    at = begins.replace(minute=30, second=0, microsecond=0)
    while at.year == year:
        at += timedelta(milliseconds=QUARTER_MS)
        today = at.astimezone(clock).date()
        if today > latest:
            latest = today
            expected.append(round(at.timestamp() * 1000) - origin_ms)
    after = midnights(zone, origin_ms)
    found = [after(0)]
    while found[-1] < expected[-1]:
        found.append(after(found[-1]))
    assert found == expected
    for one, following in pairwise(found):
        assert after(one - 1) == one
        assert after(following - QUARTER_MS) == following


def test_without_a_calendar_every_day_has_24_hours_and_time_does_not_end() -> None:
    after = midnights("Europe/Berlin", None)
    assert [after(at_ms) for at_ms in (0, DAY_MS - 1, DAY_MS)] == [DAY_MS, DAY_MS, 2 * DAY_MS]
    far = midnights("Europe/Berlin", 1_774_699_200_000)
    assert 0 < far(1 << 58) - (1 << 58) <= DAY_MS


def test_reclaims_are_counted_by_the_days_of_the_charters_zone() -> None:
    workload, text = fleet(6_000, nodes=12, teams=9, divisions=3, seed=1)
    charter = loads(text.encode(), "fleet")
    noon = replace(workload, origin_ms=1_774_699_200_000)  # 2026-03-28T12:00:00Z
    digests: dict[str, str] = {}
    for name, work, zone in (
        ("no calendar", workload, "UTC"),
        ("from midnight", replace(workload, origin_ms=1_774_656_000_000), "UTC"),
        ("from noon", noon, "UTC"),
        ("far east", noon, "Pacific/Kiritimati"),
        ("midnight there", noon, "Pacific/Fiji"),  # 12 hours ahead, all year
    ):
        there = replace(charter, timezone=zone)
        way = plan(there)
        digests[name] = simulate(work, there, way, reference=way).digest
    assert digests["no calendar"] == digests["from midnight"] == digests["midnight there"]
    assert len({digests[name] for name in ("no calendar", "from noon", "far east")}) == 3
