from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from messaging import lost_answers, parked
from messaging.models import Message, ProviderReference
from messaging.receipts import settle
from messaging.transports.base import ReceiptEvent
from tests.builders import make_account, make_customer, make_message

pytestmark = pytest.mark.django_db

Status = Message.Status
PHONE = "+8613800000001"


@pytest.fixture
def account():
    return make_account(transport="smpp")


@pytest.fixture
def customer():
    return make_customer(phone=PHONE)


def in_doubt(account, customer, *, status=Status.UNKNOWN, ago=60):
    at = timezone.now() - timedelta(seconds=ago)
    return make_message(customer, status=status, account=account, fenced_at=at)


def report(account, code, status=Status.DELIVERED, phone=PHONE):
    settle(account, [ReceiptEvent(code, phone, status)], now=timezone.now())


def learn(account):
    return lost_answers.learn(account, Message.objects.filter(status=Status.UNKNOWN))


def status_of(message):
    parked.match_young(timezone.now())
    message.refresh_from_db()
    return message.status


def test_receipt_settles_the_one_sms_in_doubt_to_its_number(account, customer):
    message = in_doubt(account, customer)
    report(account, "7D1")
    assert learn(account) == 1
    assert status_of(message) == Status.DELIVERED
    assert message.references.get().reference == "7D1"


def test_all_receipts_of_the_code_count(account, customer):
    message = in_doubt(account, customer)
    report(account, "7D1", Status.SENT)
    report(account, "7D1", Status.FAILED)
    learn(account)
    assert status_of(message) == Status.FAILED


def test_two_in_doubt_to_one_number_stay_in_doubt(account, customer):
    messages = [in_doubt(account, customer) for _ in range(2)]
    report(account, "7D1")
    assert learn(account) == 0
    assert {status_of(one) for one in messages} == {Status.UNKNOWN}


def test_one_beside_it_that_is_handed_over_just_now_may_be_meant(account, customer):
    in_doubt(account, customer)
    in_doubt(account, customer, status=Status.SENDING)
    report(account, "7D1")
    assert learn(account) == 0


def test_two_codes_for_one_sms_tell_nothing(account, customer):
    in_doubt(account, customer)
    report(account, "7D1")
    report(account, "7D2")
    assert learn(account) == 0


def test_code_of_another_sms_is_not_taken_for_it(account, customer):
    other = in_doubt(account, customer, status=Status.SENT)
    report(account, "7D1")
    ProviderReference.objects.create(
        account=account,
        reference="7D1",
        phone_index=bytes(other.phone_index),
        message=other,
    )
    in_doubt(account, customer)
    assert learn(account) == 0


def test_receipt_from_before_the_sms_is_not_its(account, customer):
    report(account, "7D1")
    in_doubt(account, customer, ago=-60)
    assert learn(account) == 0


def test_receipt_at_another_account_is_not_its(account, customer):
    in_doubt(account, customer)
    report(make_account(transport="smpp"), "7D1")
    assert learn(account) == 0


def test_receipt_for_another_number_is_not_its(account, customer):
    in_doubt(account, customer)
    report(account, "7D1", phone="+8613800000002")
    assert learn(account) == 0
