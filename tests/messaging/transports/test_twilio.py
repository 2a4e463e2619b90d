"""Twilio's words, with its own SDK as the judge of our requests and of our signatures."""

from __future__ import annotations

import json
import threading
from urllib.parse import parse_qs, urlencode, urlsplit
from urllib.request import Request, urlopen
from uuid import UUID

import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st
from twilio.http.http_client import TwilioHttpClient
from twilio.request_validator import RequestValidator
from twilio.rest import Client

from backoffice.kit.http import Session
from backoffice.kit.ids import uuid7
from messaging import inbox
from messaging.models import CallbackToken, Message, ProviderAccount
from messaging.transports import transport
from messaging.transports.base import Asked, Callback, Outgoing
from tests.builders import make_account, make_customer, make_message
from tests.messaging.transports.sample import Recorded, Sms, http_peer
from tests.messaging.transports.twilio import ACCOUNT, SAMPLE, refusal, report, sign

Status, Failure = Message.Status, Message.Failure
TWILIO = transport("twilio")
PHONE = "+8613800000001"
SENDER = "+15005550006"
TOKEN = SAMPLE.secrets["auth_token"]
ID = UUID("01a200fd-b033-74ce-965e-d0703329cc08")
URL = "https://bank.example/callbacks/t0/receipts"


def account_at(url, **over):
    account = make_account(
        transport="twilio", settings={**SAMPLE.settings(url), **over}
    )
    account.set_secrets(dict(SAMPLE.secrets))
    account.save()
    CallbackToken.issue(account)
    return account


def submit(answering, *items, **over):
    """Hand over to a Twilio that answers so: the outcomes, and what it saw."""
    items = items or (Outgoing(ID, PHONE, "Hello 您好"),)
    with http_peer(answering) as peer, Session(deadline=30) as http:
        exchanges = TWILIO.send(account_at(peer.url, **over), items, http)
    return [exchange.outcomes[0] for exchange in exchanges], peer.seen


# --- handing over --------------------------------------------------------------


class RewritesBase(TwilioHttpClient):
    def __init__(self, base):
        super().__init__()
        self.base = base

    def request(self, method, url, *args, **kwargs):
        return super().request(method, self.base + urlsplit(url).path, *args, **kwargs)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("sender", "named"),
    [
        (SENDER, {"from_": SENDER}),
        ("MG" + "1" * 32, {"messaging_service_sid": "MG" + "1" * 32}),
    ],
)
def test_request_is_the_one_that_its_own_sdk_makes(sender, named):
    _outcomes, [ours] = submit(SAMPLE.taken, sender=sender)
    form = parse_qs(ours.body.decode())
    with http_peer(SAMPLE.taken) as peer:
        client = Client(ACCOUNT, TOKEN, http_client=RewritesBase(peer.url))
        client.messages.create(
            to=PHONE,
            body="Hello 您好",
            status_callback=form["StatusCallback"][0],
            **named,
        )
        [theirs] = peer.seen
    assert (ours.method, ours.path) == (theirs.method, theirs.path)
    assert form == parse_qs(theirs.body.decode())
    for name in ("authorization", "content-type"):
        assert ours.headers[name] == theirs.headers[name]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("code", "http_status", "status", "failure"),
    [
        (20429, 429, Status.QUEUED, ""),
        (20003, 401, Status.QUEUED, ""),
        (21611, 400, Status.QUEUED, ""),
        (21211, 400, Status.FAILED, "invalid_number"),
        (21614, 400, Status.FAILED, "invalid_number"),
        (21610, 400, Status.FAILED, "blocked"),
        (21617, 400, Status.FAILED, "rejected_content"),
        (21612, 400, Status.FAILED, "unreachable"),
        (21606, 400, Status.FAILED, "provider_error"),
        (21408, 403, Status.FAILED, "provider_error"),
        (99999, 400, Status.UNKNOWN, ""),  # a word that we do not know
        (21211, 500, Status.UNKNOWN, ""),  # whatever a 5xx says
        (20404, 404, Status.UNKNOWN, ""),
    ],
)
def test_refusal_has_its_outcome(code, http_status, status, failure):
    [outcome], _seen = submit(lambda seen: refusal(code, http_status))
    assert (outcome.status, outcome.failure) == (status, failure)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("body", "status", "failure"),
    [
        ({"sid": "SM1", "status": "accepted"}, Status.SENT, ""),
        ({"sid": "SM1", "status": "scheduled"}, Status.SENT, ""),
        ({"sid": "SM1", "status": "failed", "error_code": 30005}, Status.FAILED, "invalid_number"),
        ({"sid": "SM1", "status": "failed", "error_code": None}, Status.FAILED, "other"),
        ({"status": "queued"}, Status.UNKNOWN, ""),
        ([], Status.UNKNOWN, ""),
    ],
)  # fmt: skip
def test_what_it_took_has_its_outcome(body, status, failure):
    [outcome], _seen = submit(lambda seen: Recorded(201, json.dumps(body).encode()))
    assert (outcome.status, outcome.failure) == (status, failure)


@pytest.mark.django_db
def test_many_requests_are_in_flight_at_once():
    together = threading.Barrier(10)

    def answering(seen):
        together.wait(timeout=20)  # broken, and so a 500, where they come one by one
        return SAMPLE.taken(seen)

    items = [Outgoing(uuid7(), PHONE, "Hello") for _n in range(20)]
    outcomes, _seen = submit(answering, *items)
    assert {one.status for one in outcomes} == {Status.SENT}
    assert [one.id for one in outcomes] == [item.id for item in items]


# --- signatures ------------------------------------------------------------------


def callback(url, body, token=TOKEN, *, algorithm=None, **headers):
    """As Twilio signs it, by its own validator."""
    fields = {name: values[0] for name, values in parse_qs(body, True).items()}
    signature = RequestValidator(token).compute_signature(url, fields, algorithm)
    return Callback(url, {"x-twilio-signature": signature, **headers}, body.encode())


def account_with(**secrets):
    account = ProviderAccount(transport="twilio")
    account.set_secrets(secrets)
    return account


OURS = account_with(auth_token=TOKEN)
field_names = st.text("ABCabc", min_size=1, max_size=5)
forms = st.dictionaries(field_names, st.text(max_size=10)).map(urlencode)


@pytest.mark.once
@given(body=forms, query=forms)
def test_signature_of_its_own_validator_is_taken(body, query):
    url = f"{URL}?{query}" if query else URL
    assert TWILIO.verify(OURS, callback(url, body))


@pytest.mark.once
@given(body=forms, token=st.text("ab", min_size=1, max_size=5))
def test_signature_with_another_token_is_refused(body, token):
    assert not TWILIO.verify(OURS, callback(URL, body, token))


@pytest.mark.once
@pytest.mark.parametrize(
    "seen_as",
    [
        "https://bank.example:443/callbacks/t0/receipts?id=1",
        "https://bank.example/callbacks/t0/receipts?id=1#rc=5&rp=5xx,ct,rt",
    ],
)
def test_port_and_fragment_may_be_signed_or_not(seen_as):
    ours = f"{URL}?id=1"
    signed = callback(seen_as, "MessageSid=SM1")
    assert TWILIO.verify(OURS, Callback(ours, signed.headers, signed.body))


@pytest.mark.once
def test_port_of_the_public_address_may_be_left_out():
    ours = "https://bank.example:8443/callbacks/t0/receipts"
    signed = callback("https://bank.example/callbacks/t0/receipts", "MessageSid=SM1")
    assert TWILIO.verify(OURS, Callback(ours, signed.headers, signed.body))


@pytest.mark.once
@pytest.mark.parametrize(
    ("url", "body"),
    [
        (f"{URL}?id=2", b"MessageSid=SM1"),
        (f"{URL}?id=1", b"MessageSid=SM2"),
        (f"{URL}?id=1", b"MessageSid=SM1&To=%2B1"),
        (f"{URL}?id=1", b"MessageSid=SM1&MessageSid=SM2"),
        (URL.replace("receipts", "replies") + "?id=1", b"MessageSid=SM1"),
        (f"{URL}?id=1", b"\xff"),
    ],
)
def test_callback_that_was_changed_is_refused(url, body):
    signed = callback(f"{URL}?id=1", "MessageSid=SM1")
    assert not TWILIO.verify(OURS, Callback(url, signed.headers, body))


@pytest.mark.once
def test_callback_without_signature_is_refused():
    assert not TWILIO.verify(OURS, Callback(URL, {}, b"MessageSid=SM1"))


@pytest.mark.once
def test_no_token_is_not_an_empty_token():
    assert not TWILIO.verify(account_with(), callback(URL, "MessageSid=SM1", ""))


@pytest.mark.once
def test_fields_of_a_get_are_signed_with_the_address():
    query = "MessageSid=SM1&From=%2B1"
    signed = callback(f"{URL}?{query}", "")
    got = Callback(f"{URL}?{query}", signed.headers, query.encode())
    assert TWILIO.verify(OURS, got)


SHARED = {"x-twilio-webhooks-signature-settings": "key=k1,algorithm=HMAC_SHA256"}


@pytest.mark.once
@pytest.mark.parametrize(("key", "good"), [("k3y", True), (TOKEN, False)])
def test_shared_key_signs_by_sha256_and_the_token_does_not(key, good):
    account = account_with(auth_token=TOKEN, webhook_key="k3y")
    signed = callback(URL, "A=1", key, algorithm="HMAC_SHA256", **SHARED)
    assert TWILIO.verify(account, signed) == good


@pytest.mark.once
def test_algorithm_that_nobody_knows_is_refused():
    named = {"x-twilio-webhooks-signature-settings": "algorithm=NONE"}
    assert not TWILIO.verify(OURS, callback(URL, "A=1", **named))


# --- reports and replies -----------------------------------------------------------

SMS = Sms(ID, PHONE, "SM1")


@pytest.mark.once
@pytest.mark.parametrize(
    ("word", "code", "status", "failure"),
    [
        ("queued", "", Status.SENT, ""),
        ("sending", "", Status.SENT, ""),
        ("sent", "", Status.SENT, ""),
        ("delivered", "", Status.DELIVERED, ""),
        ("read", "", Status.DELIVERED, ""),
        ("undelivered", "30003", Status.FAILED, "unreachable"),
        ("undelivered", "30004", Status.FAILED, "blocked"),
        ("undelivered", "30005", Status.FAILED, "invalid_number"),
        ("undelivered", "30006", Status.FAILED, "invalid_number"),
        ("undelivered", "30007", Status.FAILED, "rejected_content"),
        ("undelivered", "30008", Status.FAILED, "other"),
        ("failed", "30001", Status.FAILED, "provider_error"),
        ("failed", "", Status.FAILED, "other"),
        ("canceled", "", Status.FAILED, "other"),
        ("a new word", "", Status.SENT, ""),
    ],
)
def test_report_is_read(word, code, status, failure):
    more = {"ErrorCode": code} if code else {}
    [event] = TWILIO.parse_receipts(report(SMS, word, **more))
    assert (event.status, event.failure) == (status, failure)
    assert (event.reference, event.phone, event.message_id) == ("SM1", PHONE, ID)
    assert event.words == f"{word} {code}".strip()


@pytest.mark.requirement("E4")
def test_lost_answer_is_settled_by_the_report_to_the_address_we_gave(server, queued):
    """Over real HTTP: the id comes in the query of the address, the rest in the form."""
    message = make_message(make_customer(phone=PHONE), status=Status.UNKNOWN)
    _outcomes, [seen] = submit(SAMPLE.taken, Outgoing(message.pk, PHONE, "Hello"))
    message.account = ProviderAccount.objects.get(transport="twilio")
    message.save()
    url = parse_qs(seen.body.decode())["StatusCallback"][0].partition("#")[0]
    body = report(SMS, "delivered").rpartition(b"&id=")[0]
    with urlopen(Request(url, body, sign(TOKEN, url, body)), timeout=20) as answer:
        assert (answer.status, answer.read()) == (200, b"<Response/>")
    inbox.apply_waiting(timezone.now())
    message.refresh_from_db()
    assert message.status == Status.DELIVERED
    assert message.references.get().reference == "SM1"


# --- asking ------------------------------------------------------------------------


def ask(answer, reference="SM1"):
    with http_peer(lambda seen: answer) as peer, Session() as http:
        asked = [Asked(ID, PHONE, timezone.now(), reference)]
        return TWILIO.query(account_at(peer.url), asked, http), peer.seen


@pytest.mark.django_db
def test_sms_is_looked_up_by_its_sid():
    body = {"sid": "SM1", "status": "undelivered", "error_code": 30003}
    [found], [seen] = ask(Recorded(200, json.dumps(body).encode()))
    assert (found.id, found.event.status) == (ID, Status.FAILED)
    assert found.event.failure == Failure.UNREACHABLE
    assert seen.path == f"/2010-04-01/Accounts/{ACCOUNT}/Messages/SM1.json"


@pytest.mark.django_db
@pytest.mark.parametrize(
    "answer",
    [
        refusal(20404, 404),
        refusal(20429, 429),
        Recorded(200, b"[]"),
        Recorded(500, b""),
    ],
)
def test_no_answer_about_an_sms_is_no_word_that_it_is_not_there(answer):
    assert ask(answer)[0] == []


@pytest.mark.django_db
def test_sms_without_sid_is_not_asked_about():
    found, seen = ask(Recorded(200, b"{}"), reference="")
    assert (found, seen) == ([], [])
