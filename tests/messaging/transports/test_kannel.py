"""Kannel's words, as smsbox.c has them; its own processes are in test_kannel_peer.py."""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import parse_qs, urlencode, urlsplit
from uuid import UUID

import pytest

from backoffice.kit.http import Session
from backoffice.kit.ids import uuid7
from messaging.models import CallbackToken, Message
from messaging.transports import transport
from messaging.transports.base import Outgoing, Unreadable
from tests.builders import make_account
from tests.messaging.transports.kannel import SAMPLE
from tests.messaging.transports.sample import Recorded, http_peer

Status, Failure = Message.Status, Message.Failure
KANNEL = transport("kannel")
PHONE = "+8613800000001"
ID = UUID("01a200fd-b033-74ce-965e-d0703329cc08")


def submit(answer, *, text="Hello", phone=PHONE, **over):
    """Hand over one SMS to a gateway that answers so: the outcome, and what it saw."""
    with http_peer(lambda seen: answer) as peer, Session() as http:
        settings = {**SAMPLE.settings(peer.url), **over}
        account = make_account(transport="kannel", settings=settings)
        account.set_secrets(dict(SAMPLE.secrets))
        CallbackToken.issue(account)
        [exchange] = KANNEL.send(account, [Outgoing(ID, phone, text)], http)
    return exchange.outcomes[0], peer.seen[0]


def accepted(**over):
    return submit(Recorded(202, b"0: Accepted for delivery", "text/html"), **over)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("http_status", "words", "status", "failure"),
    [
        (202, "0: Accepted for delivery", Status.SENT, ""),
        (202, "3: Queued for later delivery", Status.SENT, ""),
        (202, "Sent. Message splits: 2", Status.SENT, ""),
        (503, "Temporal failure, try again later.", Status.QUEUED, ""),
        (403, "Authorization failed for sendsms", Status.QUEUED, ""),
        (403, "Not routable. Do not try again.", Status.FAILED, "provider_error"),
        (
            400,
            "Number(s) has/have been denied by white- and/or black-lists.",
            Status.FAILED,
            "blocked",
        ),
        (400, "Missing receiver number, rejected", Status.FAILED, "invalid_number"),
        (
            400,
            "Empty receiver number not allowed, rejected",
            Status.FAILED,
            "invalid_number",
        ),
        (400, "Charset or body misformed, rejected", Status.FAILED, "rejected_content"),
        (
            400,
            "Sender missing and no global set, rejected",
            Status.FAILED,
            "provider_error",
        ),
        (500, "Sending failed.", Status.UNKNOWN, ""),
        (503, "", Status.UNKNOWN, ""),
        (202, "", Status.UNKNOWN, ""),
        (404, "Unknown request.", Status.UNKNOWN, ""),
        (200, "<html>a proxy's page</html>", Status.UNKNOWN, ""),
    ],
)
def test_answer_has_its_outcome(http_status, words, status, failure):
    outcome, _seen = submit(Recorded(http_status, words.encode(), "text/html"))
    assert (outcome.status, outcome.failure) == (status, failure)
    assert outcome.reference == (str(ID) if status == Status.SENT else "")


@pytest.mark.django_db
def test_address_of_a_submit_says_nothing_of_anybody():
    _outcome, seen = accepted(text="Dear Li Lei")
    assert (seen.method, seen.path) == ("POST", "/cgi-bin/sendsms")
    assert seen.body == b"Dear Li Lei"
    assert seen.headers["x-kannel-to"] == PHONE
    assert seen.headers["x-kannel-password"] == "bar"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("text", "coding"),
    [("Hello [€]", "0"), ("Grüße", "0"), ("您好", "2"), ("a`b", "2"), ("😀", "2")],
)
def test_text_goes_in_gsm7_where_it_can(text, coding):
    _outcome, seen = accepted(text=text)
    assert seen.headers["x-kannel-coding"] == coding
    assert seen.headers["content-type"] == "text/plain; charset=UTF-8"
    assert seen.body.decode() == text


@pytest.mark.django_db
def test_reports_come_to_an_address_with_our_id_and_without_the_number():
    _outcome, seen = accepted()
    url = urlsplit(seen.headers["x-kannel-dlr-url"])
    fields = parse_qs(url.query)
    assert fields == {"id": [str(ID)], "type": ["%d"], "at": ["%T"]}
    assert seen.headers["x-kannel-dlr-mask"] == "31"


@pytest.mark.django_db
def test_operators_reason_is_asked_for_where_the_account_says_so():
    _outcome, seen = accepted(asks_reason=True)
    assert seen.headers["x-kannel-dlr-url"].endswith("&reason=%A")


def report(**fields):
    [event] = KANNEL.parse_receipts(urlencode({"id": str(ID), **fields}).encode())
    return event


@pytest.mark.parametrize(
    ("kind", "reason", "status", "failure", "words"),
    [
        ("1", "", Status.DELIVERED, "", "1"),
        ("2", "", Status.FAILED, "unreachable", "2"),
        ("4", "", Status.SENT, "", "4"),
        ("8", "ACK/", Status.SENT, "", "8"),
        ("16", "", Status.FAILED, "other", "16"),
        ("32", "", Status.SENT, "", "32"),
        ("2", "id:1 stat:UNDELIV err:001", Status.FAILED, "unreachable", "2 UNDELIV"),
        ("2", "id:1 stat:REJECTD err:001", Status.FAILED, "blocked", "2 REJECTD"),
        ("1", "id:1 stat:DELIVRD text:Dear Li", Status.DELIVERED, "", "1 DELIVRD"),
        ("16", "NACK/0x0000000b/Invalid", Status.FAILED, "invalid_number", "16 b"),
        ("16", "NACK/11/Invalid", Status.FAILED, "invalid_number", "16 11"),
    ],
)
def test_report_is_read(kind, reason, status, failure, words):
    event = report(type=kind, reason=reason)
    assert (event.status, event.failure, event.words) == (status, failure, words)
    assert (event.message_id, event.reference) == (ID, str(ID))


def test_time_of_a_report_is_its_second():
    at = report(type="1", at="1795212007").at
    assert at == datetime(2026, 11, 20, 22, 0, 7, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "charset"),
    [
        ("退订", "UTF-8"),
        ("退订", "UTF-16BE"),
        ("退订", ""),
        ("Grüße", "ISO-8859-1"),
        ("退订", "GB18030"),
        ("a+b & c=d%", "UTF-8"),
    ],
)
def test_reply_is_read_in_the_charset_it_names(text, charset):
    octets = text.encode(charset or "UTF-8")
    fields = {"id": "7", "from": PHONE, "text": octets, "charset": charset}
    [reply] = KANNEL.parse_replies(urlencode(fields).encode())
    assert (reply.id, reply.phone, reply.text) == ("7", PHONE, text)


@pytest.mark.parametrize(
    "charset", ["punycode", "idna", "hex", "undefined", "utf-8\0", "UTF-16BE"]
)
def test_text_that_is_not_in_its_charset_is_unreadable(charset):
    fields = {"id": "7", "from": PHONE, "text": "abc", "charset": charset}
    with pytest.raises(Unreadable):
        KANNEL.parse_replies(urlencode(fields).encode())


def test_nothing_is_said_back_to_who_replied():
    assert KANNEL.acknowledgement()[1] == b""


@pytest.mark.django_db
def test_every_sms_is_a_request_of_its_own():
    items = [Outgoing(uuid7(), PHONE, "Hello") for _n in range(3)]
    with SAMPLE.peer("taken") as settings, Session() as http:
        account = make_account(transport="kannel", settings=settings)
        exchanges = KANNEL.send(account, items, http)
    assert [len(exchange.outcomes) for exchange in exchanges] == [1, 1, 1]
