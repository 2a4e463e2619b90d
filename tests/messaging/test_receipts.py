from __future__ import annotations

import itertools
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from django.utils import timezone

from backoffice.kit.crypto import blind_index
from messaging.models import FailedNumber, Message, ProviderReference, Receipt
from messaging.receipts import effect, reports_of, settle, settle_all
from messaging.transports.base import ReceiptEvent
from tests.builders import make_account, make_chunk, make_customer, make_message

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


@pytest.mark.parametrize(
    "over", [{"account": True}, {"phone": "+8613800000002"}], ids=["account", "number"]
)
def test_echoed_id_of_an_sms_that_is_not_theirs_changes_nothing(over):
    account, message = sent_message()
    event = ReceiptEvent(
        "r9", over.get("phone", PHONE), Status.DELIVERED, message_id=message.pk
    )
    brings = make_account() if "account" in over else account
    settle(brings, [event], now=timezone.now())
    message.refresh_from_db()
    assert message.status == Status.SENT
    assert Receipt.objects.get().outcome == "parked"


def test_strange_id_does_not_keep_the_response_code_from_being_found():
    account, message = sent_message()
    event = ReceiptEvent("r1", PHONE, Status.DELIVERED, message_id=uuid4())
    settle(account, [event], now=timezone.now())
    message.refresh_from_db()
    assert message.status == Status.DELIVERED


def test_many_accounts_are_settled_together():
    sent = [sent_message() for _n in range(3)]
    reports = [
        report_
        for account, _message in sent
        for report_ in reports_of(account.pk, [report(Status.DELIVERED)])
    ]
    assert settle_all(reports, now=timezone.now()) == 3
    assert set(Message.objects.values_list("status", flat=True)) == {Status.DELIVERED}


def test_number_of_statements_does_not_grow_with_the_receipts(
    django_assert_max_num_queries,
):
    account = make_account()
    customers = [make_customer() for _n in range(30)]
    chunk = make_chunk(*customers)
    chunk.messages.update(status=Status.SENT, account=account)
    events = [
        ReceiptEvent(f"r{n}", "", Status.FAILED, "blocked", message_id=pk)
        for n, pk in enumerate(chunk.messages.values_list("pk", flat=True))
    ]
    with django_assert_max_num_queries(14):
        settle(account, events, now=timezone.now())


@pytest.mark.requirement("A6")
def test_number_reached_after_all_is_taken_off_the_failed_ones():
    account, message = sent_message()
    settle(account, [report(Status.FAILED, failure="unreachable")], now=timezone.now())
    settle(account, [report(Status.DELIVERED)], now=timezone.now())
    assert not FailedNumber.objects.filter(message=message).exists()


def test_number_that_staff_dealt_with_stays_listed():
    account, message = sent_message()
    settle(account, [report(Status.FAILED, failure="unreachable")], now=timezone.now())
    FailedNumber.objects.update(state="retried")
    settle(account, [report(Status.DELIVERED)], now=timezone.now())
    assert FailedNumber.objects.get().message == message


@pytest.mark.requirement("A6")
def test_expiry_that_a_provider_reports_lists_the_number():
    account, message = sent_message()
    settle(account, [report(Status.EXPIRED, failure="unreachable")], now=timezone.now())
    assert FailedNumber.objects.get().message == message


@pytest.mark.parametrize(
    ("reported", "status"),
    [
        (Status.SENT, Status.EXPIRED),
        (Status.FAILED, Status.FAILED),
        (Status.DELIVERED, Status.DELIVERED),
    ],
)
def test_any_report_of_its_end_counts_above_our_giving_up(reported, status):
    account, message = sent_message()
    Message.objects.update(status=Status.EXPIRED, failure="no_receipt")
    settle(account, [report(reported, failure="blocked")], now=timezone.now())
    message.refresh_from_db()
    assert message.status == status


def test_report_settles_what_waits_for_a_person():
    account, message = sent_message()
    Message.objects.update(status=Status.UNKNOWN, needs_person=True)
    settle(account, [report(Status.DELIVERED)], now=timezone.now())
    message.refresh_from_db()
    assert not message.needs_person


@pytest.mark.parametrize(
    "event",
    [
        ReceiptEvent("r\0", PHONE, Status.DELIVERED),
        ReceiptEvent("r\ud800", "+86\ud800", Status.DELIVERED, words="\0\ud800"),
        ReceiptEvent("r" * 500, PHONE, Status.FAILED, failure="no such word" * 9),
        ReceiptEvent("r", PHONE, Status.DELIVERED, at=datetime(1, 1, 1, tzinfo=UTC)),
        ReceiptEvent("r", PHONE, Status.DELIVERED, at=datetime(2026, 1, 1)),
    ],
)
def test_what_no_database_takes_is_kept_as_far_as_it_can_be(event):
    settle(make_account(), [event], now=timezone.now())
    assert Receipt.objects.get().provider_at is None


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
