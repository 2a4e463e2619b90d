"""Workers, the gateway process and npm's smpp as the SMSC."""

from __future__ import annotations

import json
import socket
import threading
from collections import Counter
from types import SimpleNamespace
from urllib.parse import urlsplit

import pytest
from django.utils import timezone

from backoffice.kit.http import Request, Session, json_request, send
from backoffice.kit.ids import uuid7
from customers.models import Suppression
from messaging import inbox, parked, sending, unknowns
from messaging.models import (
    CallbackRequest,
    Chunk,
    FailedNumber,
    InboundMessage,
    Message,
    ProviderReference,
    Receipt,
)
from messaging.smpp.config import bearer
from messaging.transports import transport
from messaging.transports.base import Outgoing
from tests.builders import make_account, make_chunk, make_customer, make_message
from tests.messaging.transports.sample import closed_address
from tests.smpp_gateway import bound, lines, running_gateway, until

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

Status = Message.Status


@pytest.fixture
def url(settings):
    settings.SMPP_GATEWAY = closed_address()
    return settings.SMPP_GATEWAY


@pytest.fixture
def gateway(child_env, url, queued):
    with running_gateway(child_env, url) as process:
        yield SimpleNamespace(url=url, process=process)


def make_smpp(port, *, password="secret", **settings):
    """The house's only SMS account."""
    settings = {"host": "127.0.0.1", "port": port, "window": 10, **settings}
    account = make_account(transport="smpp", settings=settings)
    account.set_secrets({"system_id": "esme", "password": password})
    account.save()
    return account


def people(count, ending="11"):
    return [make_customer(phone=f"+86138{n:06d}{ending}") for n in range(count)]


def statuses():
    return Counter(Message.objects.values_list("status", flat=True))


def apply_receipts(count):
    """Once the gateway has stored that many receipts and replies."""
    until(lambda: arrived() >= count)
    inbox.apply_waiting(timezone.now())


def arrived():
    bodies = CallbackRequest.objects.all()
    ring = inbox.key_ring()
    return sum(
        len(json.loads(ring.decrypt_bytes(one.body, inbox.BODY))) for one in bodies
    )


@pytest.mark.requirement("E4")
def test_sms_go_out_and_their_receipts_settle_them(smsc, gateway):
    peer = smsc()
    account = make_smpp(peer.port)
    chunk = make_chunk(*people(40), *people(2, ending="99"))
    until(lambda: bound(gateway.url, account.pk))
    assert sending.send_chunk(chunk.pk)["sent"] == 42
    apply_receipts(42)
    assert statuses() == {Status.DELIVERED: 40, Status.FAILED: 2}
    assert set(FailedNumber.objects.values_list("failure", flat=True)) == {
        "unreachable"
    }
    # By the hundred, not one by one.
    assert CallbackRequest.objects.count() < 42


@pytest.mark.requirement("E5")
def test_reply_suppresses_its_number(smsc, gateway):
    peer = smsc()
    account = make_smpp(peer.port)
    chunk = make_chunk(*people(1, ending="77"))
    until(lambda: bound(gateway.url, account.pk))
    sending.send_chunk(chunk.pk)
    apply_receipts(2)
    reply = InboundMessage.objects.get()
    assert (reply.text, reply.message.chunk_id) == ("退订", chunk.pk)
    assert Suppression.objects.exists()


def test_receipt_before_our_commit_is_parked_and_matched(smsc, gateway):
    peer = smsc(delay=-1)
    account = make_smpp(peer.port)
    message = make_message(people(1)[0], status=Status.SENDING, account=account)
    until(lambda: bound(gateway.url, account.pk))
    item = Outgoing(message.pk, message.phone, "Hello")
    with Session() as http:
        [exchange] = transport("smpp").send(account, [item], http)
    apply_receipts(1)
    assert Receipt.objects.get().outcome == "parked"
    ProviderReference.objects.create(
        account=account,
        reference=exchange.outcomes[0].reference,
        phone_index=bytes(message.phone_index),
        message=message,
    )
    parked.match_young(timezone.now())
    assert statuses() == {Status.DELIVERED: 1}


def test_gateway_that_dies_in_mid_window_sends_nothing_twice_and_receipts_settle(
    smsc, child_env, url, queued
):
    peer = smsc(hold=True)
    account = make_smpp(peer.port, window=6)
    chunk = make_chunk(*people(20))
    with running_gateway(child_env, url) as process:
        until(lambda: bound(url, account.pk))

        def kill():
            peer.wait("submit", 6)
            process.kill()

        killer = threading.Thread(target=kill)
        killer.start()
        sending.send_chunk(chunk.pk)
        killer.join()
    assert statuses() == {Status.UNKNOWN: 20}
    with running_gateway(child_env, url):
        until(lambda: bound(url, account.pk))
        peer.do("report")
        apply_receipts(6)
        Chunk.objects.update(query_at=timezone.now())
        unknowns.query_due(timezone.now())
        parked.match_young(timezone.now())
        sending.send_chunk(chunk.pk)
    # What never left the gateway stays in doubt, for nobody can tell.
    assert statuses() == {Status.DELIVERED: 6, Status.UNKNOWN: 14}
    assert len(peer.events("submit")) == 6


def test_answers_that_no_worker_waits_for_come_as_receipts(smsc, gateway):
    peer = smsc(hold=True)
    account = make_smpp(peer.port)
    messages = [
        make_message(one, status=Status.SENDING, account=account) for one in people(3)
    ]
    until(lambda: bound(gateway.url, account.pk))
    dying = hand_over_and_die(gateway.url, account, messages)
    peer.wait("submit", 3)
    dying.close()
    until(lambda: lines(gateway.url)[str(account.pk)]["in_flight"] == 3)
    peer.do("release")
    apply_receipts(6)
    inbox.apply_waiting(timezone.now())
    parked.match_young(timezone.now())
    assert statuses() == {Status.DELIVERED: 3}
    references = ProviderReference.objects.values_list("reference", flat=True)
    assert set(references) == {one["id"] for one in peer.events("submit")}


def hand_over_and_die(url, account, messages):
    """A worker's request, without the worker: the connection, to be closed."""
    items = [{"id": str(m.pk), "to": m.phone, "text": "Hello"} for m in messages]
    order = {"account": account.pk, "patience": 20, "messages": items}
    body = json.dumps(order).encode()
    place = urlsplit(url)
    connection = socket.create_connection((place.hostname, place.port))
    head = f"POST /submit HTTP/1.1\r\nHost: x\r\nAuthorization: {bearer()}\r\n"
    head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    connection.sendall(head.encode() + body)
    return connection


def test_no_gateway_took_nothing(url):
    make_smpp(1)
    chunk = make_chunk(*people(3))
    sending.send_chunk(chunk.pk)
    assert statuses() == {Status.QUEUED: 3}


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"host": ""}, "unusable setting: host and port"),
        ({"host": "127.0.0.1", "time_zone": "Mars"}, "unusable setting: time_zone"),
    ],
)
def test_account_that_cannot_be_used_took_nothing_and_says_why(gateway, wrong, code):
    account = make_account(transport="smpp", settings=wrong)
    until(lambda: gateway_says(account) == code)
    chunk = make_chunk(*people(3))
    sending.send_chunk(chunk.pk)
    assert statuses() == {Status.QUEUED: 3}


def gateway_says(account):
    item = Outgoing(uuid7(), "+8613800000001", "Hello")
    with Session() as http:
        [exchange] = transport("smpp").send(account, [item], http)
    return exchange.outcomes[0].code


def test_new_changed_and_disabled_accounts_are_noticed(smsc, gateway):
    first, second = smsc(), smsc()
    account = make_smpp(first.port)
    first.wait("bind")
    account.settings = {**account.settings, "port": second.port}
    account.save()
    second.wait("bind")
    first.wait("unbind")
    account.is_enabled = False
    account.save()
    second.wait("unbind")
    until(lambda: lines(gateway.url) == {})


@pytest.mark.parametrize("shown", [{}, {"Authorization": "Bearer guess"}])
def test_stranger_is_refused(gateway, shown):
    order = json_request("POST", f"{gateway.url}/submit", {}, **shown)
    assert send(order).status == 401
    assert send(Request("GET", f"{gateway.url}/lines", headers=shown)).status == 401
