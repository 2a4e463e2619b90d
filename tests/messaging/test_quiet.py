from __future__ import annotations

from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

import pytest

from messaging.quiet import Calendar, quiet_until

SHANGHAI, NEW_YORK = "Asia/Shanghai", "America/New_York"
NIGHT = ("every", time(21), time(8))
HOLIDAY = date(2026, 10, 1)  # a Thursday
MADE_UP = date(2026, 10, 10)  # a Saturday that is worked


def calendar(*hours):
    return Calendar(hours=hours, special={HOLIDAY: False, MADE_UP: True})


def at(text, zone=SHANGHAI):
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))


def until(text, *hours, zone=SHANGHAI):
    found = quiet_until(at(text, zone), zone=zone, calendar=calendar(*hours))
    return found and found.astimezone(ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M")


@pytest.mark.parametrize(
    ("now", "end"),
    [
        ("2026-11-18 20:59:59", None),
        ("2026-11-18 21:00", "2026-11-19 08:00"),
        ("2026-11-19 03:00", "2026-11-19 08:00"),
        ("2026-11-19 07:59:59", "2026-11-19 08:00"),
        ("2026-11-19 08:00", None),
    ],
)
def test_night_spans_midnight(now, end):
    assert until(now, NIGHT) == end


@pytest.mark.parametrize(
    ("now", "end"),
    [
        ("2026-11-18 12:30", "2026-11-18 14:00"),  # a Wednesday
        ("2026-11-21 12:30", None),  # a Saturday
        ("2026-10-01 12:30", None),  # a holiday
        ("2026-10-10 12:30", "2026-10-10 14:00"),  # a Saturday that is worked
    ],
)
def test_working_days_are_those_of_the_calendar(now, end):
    assert until(now, ("working", time(12), time(14))) == end


def test_equal_times_are_the_whole_day():
    whole = ("off", time(0), time(0))
    assert until("2026-11-21 12:00", whole) == "2026-11-23 00:00"  # all weekend


def test_hours_that_follow_each_other_are_waited_out_together():
    sunday = ("off", time(20), time(10))
    assert until("2026-11-21 22:00", NIGHT, sunday) == "2026-11-22 10:00"


def test_clock_is_the_customers():
    now = at("2026-11-18 12:00")  # 23:00 the day before in New York
    assert quiet_until(now, zone=SHANGHAI, calendar=calendar(NIGHT)) is None
    found = quiet_until(now, zone=NEW_YORK, calendar=calendar(NIGHT))
    assert found == at("2026-11-18 08:00", NEW_YORK)


def test_end_in_the_hour_that_a_clock_change_leaves_out_is_not_early():
    early = ("every", time(22), time(2, 30))
    now = at("2026-03-08 01:00", NEW_YORK)
    found = quiet_until(now, zone=NEW_YORK, calendar=calendar(early))
    assert found == at("2026-03-08 03:30", NEW_YORK)


def test_end_in_the_hour_that_comes_twice_is_the_second_one():
    early = ("every", time(22), time(1, 30))
    now = at("2026-11-01 01:10", NEW_YORK)
    found = quiet_until(now, zone=NEW_YORK, calendar=calendar(early))
    assert found == datetime(2026, 11, 1, 6, 30, tzinfo=UTC)


def test_hours_without_a_gap_do_not_run_for_ever():
    always = ("every", time(0), time(0))
    found = quiet_until(
        at("2026-11-18 12:00"), zone=SHANGHAI, calendar=calendar(always)
    )
    assert found > at("2026-12-18 12:00")


def test_no_hours_no_quiet():
    assert until("2026-11-18 03:00") is None
