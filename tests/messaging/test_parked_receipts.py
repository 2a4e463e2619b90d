from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from backoffice.platform.models import Parameter
from messaging import jobs, parked
from messaging.models import CallbackRequest, Message, ProviderReference, Receipt
from messaging.receipts import settle
from messaging.transports.base import ReceiptEvent
from tests.builders import make_account, make_customer, make_message

pytestmark = pytest.mark.django_db

Status = Message.Status
PHONE = "+8613800000001"


@pytest.fixture
def account():
    return make_account()


@pytest.fixture
def message(account):
    customer = make_customer(phone=PHONE)
    return make_message(customer, status=Status.SENDING, account=account)


def park(account, *statuses, ago=timedelta(0)):
    events = [ReceiptEvent("r1", PHONE, status, "blocked") for status in statuses]
    settle(account, events, now=timezone.now() - ago)


def commit(account, message):
    """Our own commit of the answer, which the receipt was quicker than."""
    Message.objects.filter(pk=message.pk, status=Status.SENDING).update(
        status=Status.SENT
    )
    index = bytes(message.phone_index)
    ProviderReference.objects.create(
        account=account, reference="r1", phone_index=index, message=message
    )


def test_receipt_before_our_own_commit_is_parked_and_matched_by_the_sweep(
    account, message, queued
):
    park(account, Status.DELIVERED)
    assert Receipt.objects.get().outcome == "parked"
    commit(account, message)
    assert jobs.sweep()["parked"] == 1
    message.refresh_from_db()
    assert message.status == Status.DELIVERED
    assert Receipt.objects.get().message_id == message.pk


def test_of_several_the_highest_counts_and_all_stay(account, message):
    park(account, Status.DELIVERED, Status.FAILED)
    commit(account, message)
    parked.match_young(timezone.now())
    message.refresh_from_db()
    assert (message.status, message.failure) == (Status.DELIVERED, "")
    outcomes = message.receipts.order_by("pk").values_list("outcome", flat=True)
    assert list(outcomes) == ["applied", "conflict"]


def test_no_other_accounts_response_code_takes_it(account, message):
    park(make_account(), Status.DELIVERED)
    commit(account, message)
    assert parked.match_all(timezone.now()) == 0


def test_old_one_is_left_to_the_hourly_look(account, message):
    park(account, Status.DELIVERED, ago=timedelta(hours=3))
    commit(account, message)
    assert parked.match_young(timezone.now()) == 0
    assert jobs.sweep_parked()["matched"] == 1


def test_more_than_a_batch_is_matched_in_one_look(account, message, monkeypatch):
    monkeypatch.setattr(parked, "BATCH", 2)
    park(account, *[Status.DELIVERED] * 5)
    commit(account, message)
    assert parked.match_young(timezone.now()) == 5


def test_one_whose_sms_never_turns_up_is_forgotten(account):
    Parameter.objects.filter(name="parked_receipt_days").update(value=2)
    park(account, Status.DELIVERED, ago=timedelta(days=3))
    park(account, Status.DELIVERED, ago=timedelta(days=1))
    assert jobs.sweep_parked()["receipts"] == 1
    assert Receipt.objects.count() == 1


def test_matched_one_is_never_forgotten(account, message):
    commit(account, message)
    park(account, Status.DELIVERED, ago=timedelta(days=300))
    jobs.sweep_parked()
    assert Receipt.objects.get().message_id == message.pk


def test_raw_requests_are_forgotten_once_applied_and_old(account, monkeypatch):
    monkeypatch.setattr(parked, "BATCH", 2)
    old, now = timezone.now() - timedelta(days=91), timezone.now()
    for received_at, applied_at in [(old, old)] * 5 + [(old, None), (now, now)]:
        CallbackRequest.objects.create(
            account=account,
            kind="receipts",
            body=b"",
            received_at=received_at,
            applied_at=applied_at,
        )
    assert jobs.sweep_parked()["requests"] == 5
    left = CallbackRequest.objects.order_by("pk").values_list("applied_at", flat=True)
    assert list(left) == [None, now]


def test_staff_see_which_receipts_have_no_sms_yet(account, message, staff_client):
    park(account, Status.DELIVERED)
    ours = ReceiptEvent("r2", PHONE, Status.DELIVERED, message_id=message.pk)
    settle(account, [ours], now=timezone.now())
    for outcome, code in (("parked", "r1"), ("applied", "r2")):
        page = staff_client.get(f"/admin/messaging/receipt/?outcome={outcome}")
        shown = [row.reference for row in page.context["cl"].result_list]
        assert shown == [code]
