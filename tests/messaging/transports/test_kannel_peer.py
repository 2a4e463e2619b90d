"""Our transport against Debian's Kannel: real submits, reports and replies."""

from __future__ import annotations

import time

import pytest
from django.utils import timezone

from backoffice.kit.crypto import blind_index
from backoffice.kit.http import Session
from backoffice.kit.ids import uuid7
from customers.models import Suppression
from messaging import inbox, sending
from messaging.models import (
    CallbackToken,
    InboundMessage,
    Message,
    ProviderReference,
)
from messaging.transports import transport
from messaging.transports.base import Outgoing
from tests.builders import make_account, make_chunk, make_customer, make_template
from tests.kannel_process import (
    PASSWORD,
    REPLY_QUERY,
    needs_kannel,
    running_kannel,
)

pytestmark = needs_kannel

Status = Message.Status
PHONE = "+8613800000001"
FACE = "%D8%3D%DE%00"  # as fakesmsc writes it
LONG = "您好😀" * 40  # 160 units of UCS-2: three parts


@pytest.fixture
def account(server):
    account = make_account(transport="kannel", settings={})
    account.set_secrets({"password": PASSWORD})
    account.save()
    CallbackToken.issue(account)
    return account


@pytest.fixture
def gateway(account):
    reply_url = account.callback_url("replies") + REPLY_QUERY
    with running_kannel(reply_url) as running:
        account.settings = running.settings
        account.save()
        yield running


def send(text="Hello {name}"):
    """One SMS by the way all go; its row."""
    chunk = make_chunk(make_customer(phone=PHONE), version=make_template(text))
    sending.send_chunk(chunk.pk)
    return Message.objects.get(chunk=chunk)


def wait_until(condition):
    """Apply what the door stored until the condition holds."""
    until = time.monotonic() + 30
    while not (found := condition()):
        assert time.monotonic() < until, "it never came"
        inbox.apply_waiting(timezone.now())
        time.sleep(0.05)
    return found


def is_delivered(message):
    return Message.objects.filter(pk=message.pk, status=Status.DELIVERED).exists()


@pytest.mark.requirement("E3")
@pytest.mark.requirement("E4")
def test_sms_is_submitted_and_its_reports_come_back(gateway, queued):
    with gateway.operator() as operator:
        message = send("Hello {name} [€ 5]")
        assert message.status == Status.SENT
        reference = ProviderReference.objects.get(message=message)
        assert reference.reference == str(message.pk)
        wait_until(lambda: is_delivered(message))
        wait_until(lambda: message.receipts.count() == 2)
        wait_until(lambda: operator.has(f"{PHONE} text {message.text()}>"))
    words = message.receipts.values_list("words", flat=True)
    assert sorted(words) == ["1", "8"]


def test_sms_of_several_parts_in_ucs2_is_one_with_one_end(gateway, queued):
    with gateway.operator() as operator:
        message = send(LONG)
        wait_until(lambda: is_delivered(message))
        wait_until(lambda: operator.has("%05%00%03") and operator.has(FACE))
    assert message.receipts.count() == 2


def test_sms_waits_in_the_gateway_while_the_operator_is_away(gateway, queued):
    message = send()
    assert message.status == Status.SENT
    code = ProviderReference.objects.get(message=message).code
    assert code == "3: Queued for later delivery"
    with gateway.operator():
        wait_until(lambda: is_delivered(message))


@pytest.mark.requirement("E5")
def test_reply_comes_in_its_own_charset_and_is_matched(gateway, queued):
    with gateway.operator() as operator:
        message = send()
        wait_until(lambda: is_delivered(message))
        operator.reply(PHONE.lstrip("+"), "退订 谢谢")
        reply = wait_until(InboundMessage.objects.first)
    assert (reply.phone, reply.text) == (PHONE, "退订 谢谢")
    assert reply.message_id == message.pk
    assert Suppression.objects.filter(phone_index=blind_index(PHONE)).exists()


@pytest.mark.parametrize(
    ("phone", "password", "status", "failure"),
    [
        ("+86138abc", PASSWORD, Status.FAILED, "blocked"),
        (PHONE, "wrong", Status.QUEUED, ""),
        ("", PASSWORD, Status.FAILED, "invalid_number"),
    ],
)
def test_refusal_is_understood(gateway, account, phone, password, status, failure):
    account.set_secrets({"password": password})
    with Session() as http:
        items = [Outgoing(uuid7(), phone, "Hello")]
        [exchange] = transport("kannel").send(account, items, http)
    [outcome] = exchange.outcomes
    assert (outcome.status, outcome.failure) == (status, failure)
