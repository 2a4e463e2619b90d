"""Numbers that may have a new owner by now."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from customers.models import Customer
from messaging.failures import allow
from messaging.models import FailedNumber, Message
from messaging.recycled import flag_recycled
from tests.builders import make_customer, make_failed_number, make_message

pytestmark = pytest.mark.django_db

NOW = timezone.now()
DELIVERED = Message.Status.DELIVERED


def failed(who: Customer, failure: str, days_ago: float) -> FailedNumber:
    row = make_failed_number(who, failure=failure)
    FailedNumber.objects.filter(pk=row.pk).update(at=NOW - timedelta(days=days_ago))
    return row


def delivered(who: Customer, at: datetime = NOW) -> None:
    make_message(who, status=DELIVERED, created_at=at)


def flags() -> list[str]:
    flag_recycled(NOW)
    rows = FailedNumber.objects.order_by("pk")
    return list(rows.values_list("recycled", flat=True))


@pytest.mark.parametrize(
    ("failure", "days_ago", "flag"),
    [
        pytest.param("invalid_number", 1, "works", id="did not exist"),
        pytest.param("unreachable", 91, "silent", id="not reached for a quarter"),
        pytest.param("unreachable", 89, "", id="not reached for a while"),
        pytest.param("no_receipt", 91, "silent", id="no receipt for a quarter"),
        pytest.param("provider_error", 91, "", id="it was the provider"),
    ],
)
def test_a_number_that_is_reached_now(failure: str, days_ago: float, flag: str):
    who = make_customer()
    failed(who, failure, days_ago)
    delivered(who)
    assert flags() == [flag]


def test_a_number_that_is_not_reached_is_not_flagged():
    failed(make_customer(), "invalid_number", 1)
    delivered(make_customer())
    assert flags() == [""]


def test_a_delivery_before_the_failure_says_nothing():
    who = make_customer()
    failed(who, "invalid_number", 0.1)
    delivered(who, NOW - timedelta(days=1))
    assert flags() == [""]


def test_who_was_reached_in_between_was_not_silent():
    who = make_customer()
    failed(who, "unreachable", 200)
    delivered(who, NOW - timedelta(days=100))
    delivered(who)
    assert flags() == [""]


def test_a_number_that_a_new_customer_has():
    who = make_customer()
    failed(who, "invalid_number", 30)
    make_customer(phone=who.phone)
    assert flags() == ["other"]


def test_a_household_that_shared_the_number_is_no_new_owner():
    who = make_customer()
    other = make_customer(phone=who.phone)
    long_ago = NOW - timedelta(days=300)
    Customer.objects.filter(pk=other.pk).update(created_at=long_ago)
    failed(who, "invalid_number", 30)
    assert flags() == [""]


def test_what_was_looked_into_is_not_flagged_again(admin_user: Any):
    who = make_customer()
    failed(who, "invalid_number", 1)
    delivered(who)
    flag_recycled(NOW)
    assert FailedNumber.objects.flagged().count() == 1
    allow(FailedNumber.objects.all(), by=admin_user, reason="the same person")
    assert flags() == ["same"]
    assert not FailedNumber.objects.flagged().exists()
