"""Each rule of the gate as a table: what is given, who is refused and why, who waits."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from backoffice.platform.models import Parameter
from customers.models import NoApplyInterval, Suppression
from messaging import calendars
from messaging.gate import judge
from messaging.models import Chunk, Message, MessageType, QuietHours, SpecialDay
from messaging.outbox import Order, enqueue
from tests.builders import (
    make_business_type,
    make_chunk,
    make_customer,
    make_draft,
    make_message_type,
    make_template,
)

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("X2")]

Status = Message.Status
# 12:00 in Shanghai on a Wednesday.
NOW = datetime.fromisoformat("2026-11-18T12:00:00+08:00")


def service_type(code: str = "repaid", **over: Any) -> MessageType:
    return make_message_type(code, purpose="service", **over)


def version_of(purpose: str, text: str = "Hello {name}") -> Any:
    kind = service_type() if purpose == "service" else make_message_type()
    return make_template(text, message_type=kind)


def chunk_of(*people: Any, purpose: str = "marketing", **over: Any) -> Chunk:
    version = over.pop("version", None) or version_of(purpose)
    return make_chunk(*people, version=version, now=over.pop("now", NOW), **over)


def verdict(chunk: Chunk, *, now: datetime = NOW) -> str:
    """Of the chunk's one message: "passed", the reason of its refusal, or when it is due."""
    judged = judge(chunk, now=now)
    assert len(judged.passed) + len(judged.refused) + len(judged.postponed) == 1
    if judged.postponed:
        return judged.postponed[0][1].astimezone(NOW.tzinfo).strftime("%m-%d %H:%M")
    return judged.refused[0][1] if judged.refused else "passed"


# --- who may be contacted -------------------------------------------------------------


@pytest.mark.parametrize(
    ("purpose", "scope", "expected"),
    [
        ("marketing", None, "passed"),
        ("marketing", "marketing", "suppressed"),
        ("marketing", "everything", "suppressed"),
        ("service", "marketing", "passed"),
        ("service", "everything", "suppressed"),
    ],
)
def test_suppression(purpose, scope, expected):
    customer = make_customer()
    if scope:
        Suppression.add(customer.phone, scope=scope, reason="asked", now=NOW)
    assert verdict(chunk_of(customer, purpose=purpose)) == expected


@pytest.mark.parametrize(
    ("purpose", "consent", "expected"),
    [
        ("marketing", "given", "passed"),
        ("marketing", "withdrawn", "no_consent"),
        ("marketing", "never", "no_consent"),
        ("service", "never", "passed"),
    ],
)
def test_consent(purpose, consent, expected):
    customer = make_customer(consent=consent != "never")
    if consent == "withdrawn":
        customer.consents.update(withdrawn_at=NOW)
    assert verdict(chunk_of(customer, purpose=purpose)) == expected


@pytest.mark.requirement("B6")
@pytest.mark.parametrize(
    ("offers", "start", "end", "ended", "expected"),
    [
        (True, -1, 1, False, "no_apply"),
        (False, -1, 1, False, "passed"),
        (True, 1, 2, False, "passed"),
        (True, -2, -1, False, "passed"),
        (True, -1, 1, True, "passed"),
    ],
)
def test_no_apply_interval_of_a_type_that_offers_an_application(
    offers, start, end, ended, expected
):
    customer = make_customer()
    NoApplyInterval.objects.create(
        customer=customer,
        start_at=NOW + timedelta(days=start),
        end_at=NOW + timedelta(days=end),
        ended_at=NOW if ended else None,
    )
    kind = make_business_type("loan", offers_application=offers)
    assert verdict(chunk_of(customer, business_type_id=kind.pk)) == expected


# --- when ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("purpose", "seconds", "expected"),
    [
        ("marketing", 1, "passed"),
        ("marketing", 0, "too_late"),
        ("service", -1, "too_late"),
    ],
)
def test_validity(purpose, seconds, expected):
    expires_at = NOW + timedelta(seconds=seconds)
    assert verdict(chunk_of(purpose=purpose, expires_at=expires_at)) == expected


def quiet(*rows: tuple[str, str, time, time]) -> None:
    QuietHours.objects.all().delete()
    for channel, days, start, end in rows:
        QuietHours.objects.create(channel=channel, days=days, start=start, end=end)
    calendars.forget()


@pytest.mark.parametrize(
    ("purpose", "zone", "rows", "expected"),
    [
        ("marketing", "Asia/Shanghai", [("every", 21, 8)], "passed"),
        ("marketing", "Asia/Shanghai", [("every", 11, 14)], "11-18 14:00"),
        ("service", "Asia/Shanghai", [("every", 11, 14)], "passed"),
        # 23:00 the evening before.
        ("marketing", "America/New_York", [("every", 21, 8)], "11-18 21:00"),
        ("marketing", "Asia/Shanghai", [("off", 11, 14)], "passed"),
        ("marketing", "Asia/Shanghai", [("every", 11, 13), ("working", 13, 15)], "11-18 15:00"),
    ],
)  # fmt: skip
def test_quiet_hours(purpose, zone, rows, expected):
    quiet(*(("sms", days, time(start), time(end)) for days, start, end in rows))
    customer = make_customer(time_zone=zone)
    assert verdict(chunk_of(customer, purpose=purpose)) == expected


def test_holiday_has_the_hours_of_days_off():
    quiet(("sms", "off", time(0), time(0)))
    SpecialDay.objects.create(day=NOW.date(), name="National Day")
    assert verdict(chunk_of()) == "11-19 00:00"


def test_quiet_hours_of_calls_hold_no_sms():
    quiet(("voice", "every", time(11), time(14)))
    assert verdict(chunk_of()) == "passed"


# --- how often ------------------------------------------------------------------------


def caps(*pairs: tuple[int, int]) -> None:
    value = [{"count": count, "hours": hours} for count, hours in pairs]
    Parameter.objects.filter(name="marketing_cap").update(value=value)
    Parameter.forget()
    calendars._known["sms"] = (float("inf"), calendars.Calendar())


@pytest.mark.parametrize(
    ("earlier", "expected"),
    [
        ([], "passed"),
        ([1], "passed"),
        ([1, 23], "capped"),
        ([1, 25], "passed"),  # rolled out of the day, and the week has room
        ([1, 25, 49, 73], "capped"),  # the week's fourth
        ([1, 25, 49, 169], "passed"),
    ],
)
def test_rolling_caps(earlier, expected):
    caps((2, 24), (4, 168))
    customer = make_customer()
    for hours in sorted(earlier, reverse=True):
        sent(chunk_of(customer, now=NOW - timedelta(hours=hours)))
    assert verdict(chunk_of(customer)) == expected


@pytest.mark.parametrize(
    ("purpose", "earlier", "expected"),
    [
        ("marketing", Status.QUEUED, "capped"),
        ("marketing", Status.UNKNOWN, "capped"),
        ("marketing", Status.EXPIRED, "capped"),
        ("marketing", Status.FAILED, "passed"),
        ("marketing", Status.REFUSED, "passed"),
        ("marketing", Status.CANCELLED, "passed"),
        ("service", Status.DELIVERED, "passed"),
    ],
)
def test_cap_counts_what_may_have_reached_somebody_and_marketing_alone(
    purpose, earlier, expected
):
    caps((1, 24))
    customer = make_customer()
    sent(chunk_of(customer, purpose=purpose, now=hours_ago(2)), status=earlier)
    assert verdict(chunk_of(customer)) == expected


def test_service_notice_is_never_capped():
    caps((0, 24))
    assert verdict(chunk_of(purpose="service")) == "passed"


def hours_ago(hours: float) -> datetime:
    return NOW - timedelta(hours=hours)


def sent(chunk: Chunk, status: int = Status.DELIVERED, **over: Any) -> Chunk:
    chunk.messages.update(**{"status": status, "due_at": None} | over)
    return chunk


# --- the same text again ----------------------------------------------------------------


@pytest.mark.parametrize("purpose", ["marketing", "service"])
@pytest.mark.parametrize(
    ("minutes", "status", "expected"),
    [
        (29, Status.DELIVERED, "repeated"),
        (29, Status.SENT, "repeated"),
        (29, Status.UNKNOWN, "repeated"),
        (31, Status.DELIVERED, "passed"),
        (29, Status.FAILED, "passed"),  # a retry
        (29, Status.REFUSED, "passed"),
        (29, Status.CANCELLED, "passed"),
    ],
)
def test_same_text_to_the_same_number(purpose, minutes, status, expected):
    version, customer = version_of(purpose), make_customer()
    earlier = NOW - timedelta(minutes=minutes)
    sent(chunk_of(customer, version=version, now=earlier), status=status)
    assert verdict(chunk_of(customer, version=version)) == expected


def test_text_that_was_made_long_ago_and_sent_just_now_counts():
    version, customer = version_of("service"), make_customer()
    late = chunk_of(customer, version=version, now=hours_ago(10))
    sent(late, fenced_at=NOW - timedelta(minutes=5))
    assert verdict(chunk_of(customer, version=version)) == "repeated"


def test_text_that_waits_since_long_ago_goes_out_and_not_this_one():
    version, customer = version_of("service"), make_customer()
    waiting = chunk_of(customer, version=version, now=hours_ago(10))
    waiting.messages.update(id=UUID(int=7))  # made before, whatever the machine's clock
    assert verdict(chunk_of(customer, version=version)) == "repeated"
    assert verdict(waiting) == "passed"


def of_values(customer: Any, version: Any, now: datetime = NOW, **values: str) -> Chunk:
    order = Order(version, "test", now, now + timedelta(days=1))
    return enqueue([make_draft(customer, **values)], order, now=now)


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ({"amount": "5"}, {"amount": "5"}, "repeated"),
        ({"amount": "5"}, {"amount": "6"}, "passed"),  # a corrected notice
        # Each SMS has a link of its own: it makes no other text.
        ({"link": "http://x.example/a"}, {"link": "http://x.example/b"}, "repeated"),
        ({"amount": "http"}, {"amount": "https"}, "passed"),
    ],
)
def test_what_counts_as_the_same_text(first, second, expected):
    version, customer = version_of("service"), make_customer()
    sent(of_values(customer, version, hours_ago(0.1), **first))
    assert verdict(of_values(customer, version, **second)) == expected


def test_another_version_or_number_is_another_text():
    version, customer = version_of("service"), make_customer()
    sent(chunk_of(customer, version=version, now=hours_ago(0.1)))
    assert verdict(chunk_of(customer, version=version_of("service"))) == "passed"
    assert verdict(chunk_of(make_customer(), version=version)) == "passed"


def test_of_two_equal_ones_that_wait_one_goes():
    version, customer = version_of("service"), make_customer()
    chunks = [chunk_of(customer, version=version) for _n in range(2)]
    assert sorted(map(verdict, chunks)) == ["passed", "repeated"]


def test_household_in_one_chunk_reads_it_once():
    phone = "+8613800000007"
    chunk = chunk_of(make_customer(phone=phone), make_customer(phone=phone))
    judged = judge(chunk, now=NOW)
    assert len(judged.passed) == 1
    assert [reason for _pk, reason in judged.refused] == ["repeated"]


def test_minutes_may_be_set_to_none():
    Parameter.objects.filter(name="repeat_minutes").update(value=0)
    version, customer = version_of("service"), make_customer()
    sent(chunk_of(customer, version=version, now=hours_ago(0.1)))
    assert verdict(chunk_of(customer, version=version)) == "passed"


# --- what it costs -----------------------------------------------------------------------


def test_one_statement_judges_a_chunk(monkeypatch):
    monkeypatch.setattr(Parameter, "FRESH", 1_000)
    judge(chunk_of(), now=NOW)  # parameters and quiet hours are read once
    chunk = chunk_of(*(make_customer() for _n in range(30)))
    with CaptureQueriesContext(connection) as queries:
        assert len(judge(chunk, now=NOW).passed) == 30
    assert len(queries) == 1


def test_only_as_many_as_asked_are_judged():
    chunk = chunk_of(*(make_customer() for _n in range(5)))
    judged = judge(chunk, now=NOW, most=2)
    assert len(judged.passed) == 2


def test_nothing_is_judged_before_it_is_due():
    chunk = chunk_of(due_at=timezone.now() + timedelta(days=900))
    assert judge(chunk, now=NOW).passed == []
