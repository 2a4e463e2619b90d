"""Activities, links, sign-ups and calls for tests, on tests/builders.py."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import count
from typing import Any

from django.utils import timezone

from backoffice.kit.crypto import key_ring
from campaigns.activities import Visit, sign_up
from campaigns.models import Activity, ActivityField, CallTemplate, SignUp, Verification
from campaigns.risk import Signals
from campaigns.verifications import begin
from customers.models import Customer
from messaging.models import Call
from tests.builders import NOON, give_label, make_customer, make_label, make_message
from tracking.models import TrackingRecord

_numbers = count(1)
CARD = {
    "name": "card",
    "label": "Last four digits of your card",
    "label_zh": "银行卡后四位",
    "kind": "digits",
    "question": "What are the last four digits of your card?",
    "question_zh": "请问您银行卡的后四位是多少？",
    "last_digits": 4,
}


def make_activity(*fields: dict[str, Any], label: str = "vip", **over: Any) -> Activity:
    """An open activity for customers labelled `vip`, which asks for a card number."""
    number = next(_numbers)
    values = {
        "slug": f"spring-{number}",
        "name": "Spring draw",
        "name_zh": "春季抽奖",
        "starts_at": NOON - timedelta(days=10),
        "ends_at": NOON + timedelta(days=3650),
        **over,
    }
    activity = Activity.objects.create(**values)
    activity.labels.add(make_label(label))
    activity.call_templates.set(
        CallTemplate.objects.filter(language__in=("en", "zh-hans"))
    )
    for position, field in enumerate(fields or (CARD,)):
        ActivityField.objects.create(activity=activity, position=position, **field)
    return activity


def make_guest(*, label: str = "vip", **over: Any) -> Customer:
    """An English-speaking customer who holds the label."""
    customer = make_customer(**{"language": "en", **over})
    if label:
        give_label(customer, label)
    return customer


def make_link(customer: Customer, **over: Any) -> TrackingRecord:
    """The tracking record of an SMS to the customer, with a link code."""
    values = {
        "message": make_message(customer),
        "code": f"Code{next(_numbers):04}",
        "target": "http://127.0.0.1/a/",
        "adds_token": True,
        "requested_by": "test",
        "customer": customer,
        "created_at": timezone.now(),
        **over,
    }
    return TrackingRecord.objects.create(**values)


def make_sign_up(
    activity: Activity | None = None,
    customer: Customer | None = None,
    *,
    answers: dict[str, str] | None = None,
    now: datetime = NOON,
    **over: Any,
) -> SignUp:
    """A sign-up over the customer's link, as the page makes it."""
    visit = Visit(
        over.pop("language", "en"), Signals.of(**{"ip": "", "device": ""} | over)
    )
    link = make_link(customer or make_guest())
    given = answers or {"card": "6222 0000 4719"}
    return sign_up(activity or make_activity(), link, given, visit=visit, now=now)


def make_verification(
    row: SignUp | None = None, *, now: datetime = NOON
) -> Verification:
    """A begun verification: question asked, the first call queued."""
    found = begin(row or make_sign_up(now=now), now)
    assert found is not None
    return found


def end_call(verification: Verification, status: str = "answered", **over: Any) -> Call:
    """Have the verification's call end; `heard` and `confidence`, or `keys`."""
    values = {"status": status, "due_at": None, "ended_at": NOON, **over}
    calls = Call.objects.filter(verification=verification)
    calls.update(**values)
    return calls.get()


def encrypted(recording: bytes) -> bytes:
    return key_ring().encrypt_bytes(recording, "recording")
