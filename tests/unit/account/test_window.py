"""Windows end at local midnight; the oracle is the clock on the wall, in every time zone there is."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo, available_timezones

import pytest

from equipoise.account import Period, Span, cuts, first_period, next_period, rolling_spans
from equipoise.account.window import day_begins_ms, local_day, midnights
from equipoise.charter.promise import Calendar, Window
from equipoise.units import DAY_MS, HOUR_MS, MINUTE_MS


def instant(text: str, zone: str = "UTC") -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp() * 1000)


def wall(at_ms: int, zone: ZoneInfo) -> date:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=at_ms)).astimezone(zone).date()


def test_a_day_begins_at_the_first_instant_that_shows_it_in_every_time_zone() -> None:
    chance = random.Random(4)
    zones = sorted(available_timezones())
    assert len(zones) > 400
    for name in zones:
        zone = ZoneInfo(name)
        for _ in range(8):
            day = date(1900, 1, 1) + timedelta(days=chance.randrange(50_000))
            begins_ms = day_begins_ms(day, zone)
            assert wall(begins_ms, zone) >= day, (name, day)
            earlier = [1, *range(MINUTE_MS, 27 * HOUR_MS, 7 * MINUTE_MS)]
            assert all(wall(begins_ms - back_ms, zone) < day for back_ms in earlier), (name, day)


@pytest.mark.parametrize(
    ("zone", "day", "begins"),
    [
        ("America/Sao_Paulo", date(2018, 11, 4), "2018-11-04T03:00:00"),  # 0:00 does not exist: at the jump to 1:00
        ("America/Havana", date(2026, 11, 1), "2026-11-01T04:00:00"),  # 0:00 comes twice: at the first
        ("Pacific/Apia", date(2011, 12, 30), "2011-12-30T10:00:00"),  # a day that was skipped
        ("Pacific/Apia", date(2011, 12, 31), "2011-12-30T10:00:00"),
        (
            "America/Toronto",
            date(1919, 3, 31),
            "1919-03-31T04:30:00",
        ),  # from 23:30 to 0:30: the gap began before midnight
    ],
)
def test_midnights_that_are_missing_or_come_twice(zone: str, day: date, begins: str) -> None:
    assert day_begins_ms(day, ZoneInfo(zone)) == instant(begins)


def test_a_day_that_has_begun_goes_on_while_the_wall_shows_the_old_one_again() -> None:
    zone = ZoneInfo("America/St_Johns")  # 7 November 2010: from a minute past midnight back to a minute past eleven
    assert wall(instant("2010-11-07T02:45:00"), zone) == date(2010, 11, 6)
    assert local_day(instant("2010-11-07T02:45:00"), zone) == date(2010, 11, 7)
    assert local_day(instant("2010-11-07T02:29:59"), zone) == date(2010, 11, 6)
    begins_ms = instant("2010-11-07T02:45:00")
    assert first_period("day", "America/St_Johns", begins_ms).span.to_ms == instant("2010-11-08T03:30:00")


@pytest.mark.parametrize(
    ("calendar", "ends"),
    [
        ("day", ["2028-02-29", "2028-03-01", "2028-03-02"]),
        ("week", ["2028-03-06", "2028-03-13", "2028-03-20"]),  # ISO weeks begin on Mondays
        ("month", ["2028-03-01", "2028-04-01", "2028-05-01"]),
        ("quarter", ["2028-04-01", "2028-07-01", "2028-10-01"]),
        ("year", ["2029-01-01", "2030-01-01", "2031-01-01"]),
    ],
)
def test_the_first_window_begins_with_the_promise_and_the_others_with_the_calendar(
    calendar: Calendar, ends: list[str]
) -> None:
    zone = "Europe/Berlin"
    begins_ms = instant("2028-02-28T15:00:00", zone)
    periods = [first_period(calendar, zone, begins_ms)]
    while len(periods) < len(ends):
        periods.append(next_period(calendar, zone, periods[-1]))
    # 28 February 2028 is a Monday: the first week is the rest of that one.
    assert [period.ends_on.isoformat() for period in periods] == ends
    assert [period.span.to_ms for period in periods] == [instant(f"{day}T00:00:00", zone) for day in ends]
    assert periods[0].span.from_ms == begins_ms
    assert all(one.span.to_ms == following.span.from_ms for one, following in pairwise(periods))


def test_a_promise_that_begins_at_midnight_has_a_whole_first_window() -> None:
    period = first_period("week", "UTC", instant("2028-02-28T00:00:00"))
    assert period.span.length_ms == 7 * DAY_MS


def test_a_quarter_of_a_place_that_changes_its_clocks_is_an_hour_short() -> None:
    period = first_period("quarter", "Europe/Berlin", instant("2026-01-01T00:00:00", "Europe/Berlin"))
    assert period.span.length_ms == 90 * DAY_MS - HOUR_MS


def test_a_later_time_zone_rule_moves_no_open_window_and_makes_no_sliver() -> None:
    # The window was opened when its end was thought to be an hour earlier than the rules now say.
    ends_ms = instant("2027-04-01T00:00:00", "Europe/Berlin") - HOUR_MS
    opened = Period(Span(ends_ms - 90 * DAY_MS, ends_ms), date(2027, 4, 1))
    following = next_period("quarter", "Europe/Berlin", opened)
    assert following.span == Span(ends_ms, instant("2027-07-01T00:00:00", "Europe/Berlin"))


def test_a_window_that_becomes_another_kind_goes_on_from_its_end() -> None:
    january = first_period("month", "UTC", instant("2027-01-01T00:00:00"))
    assert next_period("quarter", "UTC", january).ends_on == date(2027, 4, 1)
    assert next_period("week", "UTC", january).ends_on == date(2027, 2, 8)  # 1 February 2027 is a Monday


def test_a_skipped_day_is_no_window() -> None:
    period = first_period("day", "Pacific/Apia", instant("2011-12-29T12:00:00", "Pacific/Apia"))
    assert period.span.to_ms == instant("2011-12-30T10:00:00")
    following = next_period("day", "Pacific/Apia", period)
    assert following.ends_on == date(2012, 1, 1)
    assert following.span.length_ms == DAY_MS


def test_rolling_spans_end_at_every_midnight_and_are_judged_when_full() -> None:
    zone = "Europe/Berlin"
    begins_ms, until_ms = (instant(f"2026-03-{day}T12:00:00", zone) for day in ("20", "31"))
    spans = list(rolling_spans(Window(rolling_days=3), zone, begins_ms, until_ms))
    # The first midnight that is 72 hours after noon of the 20th is that of the 24th.
    assert [span.to_ms for span in spans] == [instant(f"2026-03-{d}T00:00:00", zone) for d in range(24, 32)]
    assert {span.length_ms for span in spans} == {3 * DAY_MS}
    # Clocks go forward on the 29th: the spans that end after that begin at eleven in the evening.
    late = {datetime.fromtimestamp(span.from_ms / 1000, ZoneInfo(zone)).hour for span in spans}
    assert late == {0, 23}


def test_every_rolling_span_is_a_whole_number_of_parts_between_cuts() -> None:
    zone, window = "America/New_York", Window(rolling_days=5)
    whole = Span(instant("2026-10-20T09:00:00", zone), instant("2026-11-20T17:00:00", zone))
    found = {whole.from_ms, *cuts(window, zone, whole), whole.to_ms}
    spans = list(rolling_spans(window, zone, whole.from_ms, whole.to_ms))
    assert len(spans) == 26
    assert all({span.from_ms, span.to_ms} <= found for span in spans)
    assert set(cuts(Window(calendar="day"), zone, whole)) == set(midnights(zone, whole.from_ms, whole.to_ms - 1))


def test_a_span_has_a_length() -> None:
    with pytest.raises(AssertionError):
        Span(5, 5)
