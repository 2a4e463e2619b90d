"""Quiet hours and holidays as staff keep them; calls wait for the morning, too."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Any

import pytest
from django.utils import timezone

from backoffice.platform.models import AuditEntry
from messaging import calendars, calls
from messaging.models import Call, QuietHours, SpecialDay
from tests.builders import make_account, make_customer
from tests.messaging.wire import caught

pytestmark = pytest.mark.django_db

PAGE = "/admin/messaging"
NIGHT = datetime.fromisoformat("2026-11-18T23:00:00+08:00")


@pytest.fixture(autouse=True)
def _hours_as_they_ship() -> None:
    calendars.forget()


def make_call(zone: str = "Asia/Shanghai") -> Call:
    return Call.objects.create(
        customer=make_customer(time_zone=zone),
        phone="+8613800000001",
        script="What are the last four digits?",
        language="en",
        answer_kind="digits",
        created_at=NIGHT,
        due_at=NIGHT,
    )


def test_call_at_night_waits_for_the_morning(monkeypatch: Any) -> None:
    make_account(channel="voice")
    wire, call = caught(monkeypatch), make_call()
    assert not calls.place(call.pk, NIGHT)
    call.refresh_from_db()
    assert (call.status, wire.sent) == ("queued", [])
    assert call.due_at == NIGHT + timedelta(hours=9)


def test_call_is_placed_where_it_is_day(monkeypatch: Any) -> None:
    make_account(channel="voice")
    monkeypatch.setattr(calls, "voice_transport", pytest.fail)
    call = make_call("America/New_York")  # 10:00 there
    with pytest.raises(pytest.fail.Exception):
        calls.place(call.pk, NIGHT)
    call.refresh_from_db()
    assert call.status == "dialling"


def test_change_of_hours_takes_effect_at_once_and_is_on_record(
    staff_client: Any,
) -> None:
    assert calendars.calendar_of("sms").hours == (("every", time(21), time(8)),)
    row = QuietHours.objects.get(channel="sms")
    given = {"channel": "sms", "days": "every", "start": "22:00", "end": "07:00"}
    staff_client.post(f"{PAGE}/quiethours/{row.pk}/change/", given)
    assert calendars.calendar_of("sms").hours == (("every", time(22), time(7)),)
    entry = AuditEntry.objects.get(action="quiet_hours.change")
    assert entry.actor == staff_client.user


def test_holiday_is_added_and_removed(staff_client: Any) -> None:
    day = timezone.localdate()
    given = {"day": day.isoformat(), "name": "National Day"}
    staff_client.post(f"{PAGE}/specialday/add/", given)
    assert calendars.calendar_of("sms").special == {day: False}
    row = SpecialDay.objects.get()
    staff_client.post(f"{PAGE}/specialday/{row.pk}/delete/", {"post": "yes"})
    assert calendars.calendar_of("sms").special == {}
    assert AuditEntry.objects.filter(action="quiet_hours.change").count() == 2
