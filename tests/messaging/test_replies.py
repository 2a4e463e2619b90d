from __future__ import annotations

import pytest
from django.utils import timezone

from customers.models import Suppression
from messaging import replies
from messaging.models import InboundMessage, Message, ProviderReference
from messaging.transports.base import ReplyEvent
from tests.builders import make_account, make_customer, make_message

pytestmark = pytest.mark.django_db

PHONE = "+8613800000001"
WORDS = ["TD", "退订", "STOP", "R"]


def reply(text="hello", id="m1"):
    return ReplyEvent(id, "13800000001", text)


@pytest.mark.requirement("E5")
def test_reply_marks_its_message_replied_and_keeps_the_text():
    account = make_account()
    customer = make_customer(phone=PHONE)
    message = make_message(customer, status=Message.Status.DELIVERED, account=account)
    replies.take(account, [reply("thank you")], now=timezone.now())
    message.refresh_from_db()
    assert message.replied_at is not None
    assert message.state == "replied"
    inbound = InboundMessage.objects.get()
    assert (inbound.text, inbound.message_id) == ("thank you", message.pk)
    assert inbound.customer == customer


@pytest.mark.requirement("E5")
def test_reply_finds_its_message_by_the_response_code():
    account = make_account()
    customer = make_customer(phone=PHONE)
    answered, newer = (
        make_message(customer, status=Message.Status.SENT, account=account)
        for _n in range(2)
    )
    ProviderReference.objects.create(
        account=account,
        reference="r1",
        phone_index=bytes(answered.phone_index),
        message=answered,
    )
    event = ReplyEvent("m1", PHONE, "yes", reference="r1")
    replies.take(account, [event], now=timezone.now())
    assert InboundMessage.objects.get().message == answered
    newer.refresh_from_db()
    assert newer.replied_at is None


def test_same_reply_twice_is_one():
    account = make_account()
    taken = replies.take(account, [reply(), reply()], now=timezone.now())
    assert (taken, InboundMessage.objects.count()) == (1, 1)


def test_opt_out_word_suppresses_the_number_for_marketing():
    replies.take(make_account(), [reply("ＴＤ")], now=timezone.now())
    assert Suppression.objects.get().scope == "marketing"


def test_ordinary_reply_suppresses_nothing():
    replies.take(make_account(), [reply("TDK is a company")], now=timezone.now())
    assert not Suppression.objects.exists()


@pytest.mark.parametrize(
    "text", ["TD", "td.", " ＴＤ ", "退订", "回复TD", "stop please", "R", "退订。谢谢"]
)
def test_opt_out_is_understood_in_its_many_spellings(text):
    assert replies.is_opt_out(text, WORDS)


@pytest.mark.parametrize("text", ["", "ok", "don't stop", "Rain", "我不退订"])
def test_other_words_are_no_opt_out(text):
    assert not replies.is_opt_out(text, WORDS)
