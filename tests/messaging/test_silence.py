from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from backoffice.kit.crypto import blind_index
from messaging import jobs, silence
from messaging.models import Chunk, Message, ProviderReference
from messaging.receipts import settle
from messaging.transports.base import ReceiptEvent
from tests.builders import make_account, make_chunk, make_customer, make_message

pytestmark = pytest.mark.django_db

Status = Message.Status
PHONE = "+8613800000001"


def sent(hours, **over):
    """A message sent so many hours ago, its chunk due to be looked through."""
    at = timezone.now() - timedelta(hours=hours)
    message = make_message(
        make_customer(phone=PHONE), **{"status": Status.SENT, "sent_at": at, **over}
    )
    Chunk.objects.update(receipts_due_at=timezone.now())
    return message


def looked_at(message):
    message.refresh_from_db()
    return message


def next_look(message):
    return Chunk.objects.get(pk=message.chunk_id).receipts_due_at


def test_message_without_a_receipt_in_time_is_expired(queued):
    message = sent(hours=73)
    assert jobs.sweep()["expired"] == 1
    looked_at(message)
    assert (message.status, message.failure) == (Status.EXPIRED, "no_receipt")
    assert message.settled_at is not None
    assert next_look(message) is None


@pytest.mark.parametrize(
    ("hours", "status"), [(71, Status.SENT), (73, Status.UNKNOWN), (73, Status.SENDING)]
)
def test_what_is_younger_or_not_surely_sent_is_looked_at_again(hours, status):
    message = sent(hours=hours, status=status)
    assert silence.expire_silent(timezone.now()) == 0
    assert looked_at(message).status == status
    assert next_look(message) > timezone.now()


@pytest.mark.parametrize("status", [Status.DELIVERED, Status.FAILED, Status.REFUSED])
def test_what_is_settled_stays(status):
    message = sent(hours=73, status=status)
    assert silence.expire_silent(timezone.now()) == 0
    assert next_look(message) is None


def test_late_receipt_still_raises_it():
    account = make_account()
    message = sent(hours=73, account=account)
    ProviderReference.objects.create(
        account=account,
        reference="r1",
        phone_index=blind_index(PHONE),
        message=message,
    )
    silence.expire_silent(timezone.now())
    event = ReceiptEvent("r1", PHONE, Status.DELIVERED)
    settle(account, [event], now=timezone.now())
    assert looked_at(message).status == Status.DELIVERED
    assert message.failure == ""


def test_one_run_looks_through_so_many_messages_and_no_more(monkeypatch):
    monkeypatch.setattr(silence, "MOST_MESSAGES", 3)
    at = timezone.now() - timedelta(hours=73)
    for _n in range(3):
        make_chunk(make_customer(), make_customer())
    Message.objects.update(status=Status.SENT, sent_at=at)
    Chunk.objects.update(receipts_due_at=at)
    runs = [silence.expire_silent(timezone.now()) for _n in range(4)]
    assert runs == [2, 2, 2, 0]
