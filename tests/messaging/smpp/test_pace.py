from __future__ import annotations

import pytest

from messaging.smpp.pace import FREE_AFTER, HOLD, Pace


def take(pace, count, at):
    for _ in range(count):
        pace.goes(at)
        pace.taken(at)


def test_nothing_is_slowed_down_unasked():
    pace = Pace()
    take(pace, 10_000, 100.0)
    assert pace.wait(100.0) == 0


def test_throttled_holds_for_a_second_and_goes_on_slower_than_was_taken():
    pace = Pace()
    take(pace, 100, 100.0)
    pace.throttled(100.5)
    assert pace.rate == pytest.approx(80)
    assert pace.wait(100.5) == pytest.approx(HOLD)
    assert pace.wait(101.6) == 0


def test_rest_of_the_window_says_nothing_new():
    pace = Pace()
    take(pace, 100, 100.0)
    for _ in range(50):
        pace.throttled(100.5)
    assert pace.rate == pytest.approx(80)


def test_no_more_than_its_rate_goes_out():
    pace = Pace()
    take(pace, 62, 100.0)
    pace.throttled(100.0)
    gone = 0
    for tenth in range(10, 60):
        now = 100 + tenth / 10
        while not pace.wait(now) and gone < 1000:
            pace.goes(now)
            gone += 1
    # Five seconds at about fifty, a tenth faster with each.
    assert 240 <= gone <= 400


def test_quiet_seconds_make_it_faster_and_a_quiet_minute_free():
    pace = Pace()
    take(pace, 100, 100.0)
    pace.throttled(100.0)
    for second in range(102, 112):
        pace.wait(float(second))
    assert pace.rate > 150
    pace.wait(101 + FREE_AFTER)
    assert pace.rate == 0


def test_smsc_that_takes_nothing_is_tried_once_a_second():
    pace = Pace()
    pace.throttled(100.0)
    assert pace.rate == 1
