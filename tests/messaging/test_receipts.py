from __future__ import annotations

import itertools

import pytest
from django.utils import timezone

from backoffice.kit.crypto import blind_index
from messaging.models import FailedNumber, Message, ProviderReference, Receipt
from messaging.parked import match_young
from messaging.receipts import effect, settle
from messaging.transports.base import ReceiptEvent
from tests.builders import make_account, make_customer, make_message

pytestmark = pytest.mark.django_db

Status = Message.Status
PHONE = "+8613800000001"


def sent_message(**over):
    account = make_account()
    message = make_message(
        make_customer(phone=PHONE), status=Status.SENT, account=account, **over
    )
    refer(account, message)
    return account, message


def refer(account, message, reference="r1"):
    ProviderReference.objects.create(
        account=account,
        reference=reference,
        phone_index=blind_index(PHONE),
        message=message,
    )


def report(status, *, reference="r1", phone=PHONE, failure=""):
    return ReceiptEvent(reference, phone, status, failure)


@pytest.mark.requirement("E4")
def test_receipt_finds_its_message_by_the_response_code():
    account, message = sent_message()
    assert settle(account, [report(Status.DELIVERED)], now=timezone.now()) == 1
    message.refresh_from_db()
    assert message.status == Status.DELIVERED
    assert message.receipts.get().outcome == "applied"


def test_same_reference_for_another_number_is_another_message():
    account, message = sent_message()
    settle(
        account,
        [report(Status.DELIVERED, phone="+8613800000002")],
        now=timezone.now(),
    )
    message.refresh_from_db()
    assert message.status == Status.SENT


def test_same_reference_at_another_account_changes_nothing():
    _account, message = sent_message()
    settle(make_account(), [report(Status.DELIVERED)], now=timezone.now())
    message.refresh_from_db()
    assert message.status == Status.SENT


@pytest.mark.requirement("A6")
def test_failed_delivery_lists_the_number_with_the_reason():
    account, message = sent_message()
    settle(account, [report(Status.FAILED, failure="unreachable")], now=timezone.now())
    listed = FailedNumber.objects.get(message=message)
    assert (listed.phone, listed.failure) == (PHONE, "unreachable")


@pytest.mark.parametrize(
    "order",
    list(itertools.permutations([Status.SENT, Status.FAILED, Status.DELIVERED])),
)
def test_any_order_and_repetition_ends_in_the_same_state(order):
    account, message = sent_message()
    for status in order * 2:
        settle(account, [report(status)], now=timezone.now())
    message.refresh_from_db()
    assert message.status == Status.DELIVERED


def test_delivered_after_failed_is_taken_and_called_a_conflict():
    account, message = sent_message()
    events = [report(Status.FAILED), report(Status.DELIVERED)]
    settle(account, events, now=timezone.now())
    message.refresh_from_db()
    assert (message.status, message.failure) == (Status.DELIVERED, "")
    outcomes = list(message.receipts.order_by("pk").values_list("outcome", flat=True))
    assert outcomes == ["applied", "conflict"]


def test_receipt_before_our_own_commit_is_parked_and_matched_later():
    account = make_account()
    message = make_message(make_customer(phone=PHONE), status=Status.SENDING)
    settle(account, [report(Status.DELIVERED)], now=timezone.now())
    assert Receipt.objects.get().outcome == "parked"
    Message.objects.update(status=Status.SENT)
    refer(account, message)
    match_young(timezone.now())
    message.refresh_from_db()
    assert message.status == Status.DELIVERED
    assert Receipt.objects.get().message_id == message.pk


def test_of_several_parked_receipts_the_highest_counts_and_all_stay():
    account = make_account()
    message = make_message(make_customer(phone=PHONE), status=Status.SENT)
    events = [report(Status.DELIVERED), report(Status.FAILED, failure="unreachable")]
    settle(account, events, now=timezone.now())
    refer(account, message)
    match_young(timezone.now())
    message.refresh_from_db()
    assert (message.status, message.failure) == (Status.DELIVERED, "")
    outcomes = list(message.receipts.order_by("pk").values_list("outcome", flat=True))
    assert outcomes == ["applied", "conflict"]


@pytest.mark.parametrize(
    ("words", "kept"),
    [
        ("DELIVRD 000", "DELIVRD 000"),
        ("no such number +8613800000001", "no such number •"),
        ("138 0000-0001 is off", "• is off"),
    ],
)
def test_no_number_rests_among_the_providers_words(words, kept):
    account, message = sent_message()
    event = ReceiptEvent("r1", PHONE, Status.DELIVERED, words=words)
    settle(account, [event], now=timezone.now())
    assert message.receipts.get().words == kept


def test_doubt_is_settled_by_a_receipt_that_echoes_our_id():
    account = make_account()
    customer = make_customer(phone=PHONE)
    message = make_message(customer, status=Status.UNKNOWN, account=account)
    event = ReceiptEvent("r9", PHONE, Status.DELIVERED, message_id=message.pk)
    settle(account, [event], now=timezone.now())
    message.refresh_from_db()
    assert message.status == Status.DELIVERED
    assert message.references.get().reference == "r9"


@pytest.mark.parametrize("status", [Status.REFUSED, Status.CANCELLED])
def test_what_we_refused_or_cancelled_no_receipt_changes(status):
    account, message = sent_message()
    Message.objects.update(status=status)
    settle(account, [report(Status.DELIVERED)], now=timezone.now())
    message.refresh_from_db()
    assert message.status == status


def test_rank_never_falls():
    for new, old in itertools.product(Status.values, Status.values):
        _outcome, raises = effect(new, old)
        assert raises == (new > old)
