"""One contract over every transport in the registry: the same outcome for the same happening."""

from __future__ import annotations

import io
import itertools
import json
import re
from contextlib import suppress
from importlib import import_module
from types import SimpleNamespace
from urllib.parse import urlsplit

import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from backoffice.kit.crypto import blind_index, key_ring
from backoffice.kit.http import Session
from backoffice.kit.ids import uuid7
from customers.models import Suppression
from messaging import callbacks, inbox
from messaging.models import (
    CallbackRequest,
    CallbackToken,
    FailedNumber,
    InboundMessage,
    Message,
    ProviderReference,
)
from messaging.receipts import settle
from messaging.transports import TRANSPORTS, transport
from messaging.transports.base import Approved, Outgoing, Unreadable
from tests.builders import make_account, make_customer, make_message
from tests.messaging.transports.sample import HAPPENINGS, Sms

pytestmark = pytest.mark.django_db

Status, Failure = Message.Status, Message.Failure
PHONE = "+8613800000001"
PHONES = (PHONE, "+8613800000002", "+8613800000003")
SAMPLES = {
    slug: import_module(f"tests.messaging.transports.{slug}").SAMPLE
    for slug in TRANSPORTS
}

# What must come of a happening: the status, and the failures that may be named.
OUTCOMES = {
    "taken": (Status.SENT, {""}),
    "refused number": (Status.FAILED, {Failure.INVALID_NUMBER, Failure.BLOCKED}),
    "refused content": (Status.FAILED, {Failure.REJECTED_CONTENT}),
    "throttled": (Status.QUEUED, {""}),
    "connection refused": (Status.QUEUED, {""}),
    **{
        doubt: (Status.UNKNOWN, {""})
        for doubt in (
            "silence after the first byte", "reset", "server error", "garbage", "empty",
            "cut off", "redirect",
        )
    },
}  # fmt: skip

every = pytest.mark.parametrize("sample", SAMPLES.values(), ids=SAMPLES)


def those_that(name):
    chosen = {slug: one for slug, one in SAMPLES.items() if getattr(one, name)}
    return pytest.mark.parametrize("sample", chosen.values(), ids=chosen)


def account_of(sample, **over):
    account = make_account(transport=sample.slug, **over)
    account.set_secrets(dict(sample.secrets))
    account.save()
    return account


def outgoing(sample, phone=PHONE, id=None):
    """As it leaves on the provider's channel; 您 keeps it from being GSM-7."""
    approved = None
    if transport(sample.slug).mode == "template":
        approved = Approved("SMS_1", "Bank", (("name", "Li Lei"),))
    return Outgoing(id or uuid7(), phone, "您好 Li Lei", approved)


def hand_over(sample, happening, items):
    """The outcomes of items, in a session that does not wait long for the silent."""
    deadline = 1 if happening.startswith("silence") else 30
    with sample.peer(happening) as settings, Session(deadline=deadline) as http:
        account = account_of(sample, settings=settings)
        exchanges = transport(sample.slug).send(account, items, http)
    return [outcome for exchange in exchanges for outcome in exchange.outcomes]


# --- handing over ------------------------------------------------------------------


def test_every_happening_has_its_outcome():
    assert set(OUTCOMES) == set(HAPPENINGS)


@every
def test_provider_declares_what_an_account_says(sample):
    provider = transport(sample.slug)
    assert provider.mode in ("text", "template")
    assert {one.name for one in provider.secrets} == set(sample.secrets)
    with sample.peer("taken") as settings:
        assert set(settings) <= {one.name for one in provider.settings}
        required = {one.name for one in provider.settings if one.is_required}
        assert required <= set(settings)


@pytest.mark.parametrize(
    ("sample", "happening"),
    [
        pytest.param(sample, happening, id=f"{slug}-{happening}")
        for slug, sample in SAMPLES.items()
        for happening in HAPPENINGS
        if happening not in sample.never
    ],
)
def test_same_happening_has_the_same_outcome(sample, happening):
    status, failures = OUTCOMES[happening]
    [outcome] = hand_over(sample, happening, [outgoing(sample)])
    assert outcome.status == status
    assert outcome.failure in failures


@every
@pytest.mark.requirement("E3")
def test_every_sms_of_a_batch_has_an_outcome_and_a_reference(sample):
    items = [outgoing(sample, phone) for phone in PHONES]
    outcomes = hand_over(sample, "taken", items)
    assert [one.id for one in outcomes] == [item.id for item in items]
    assert all(0 < len(one.reference) <= 80 for one in outcomes)


@every
def test_no_number_stands_among_the_codes(sample):
    for happening in set(HAPPENINGS) - set(sample.never):
        for one in hand_over(sample, happening, [outgoing(sample)]):
            assert not re.search(r"\d{7}", one.code), happening


# --- reports -----------------------------------------------------------------------


@pytest.fixture
def sent(request):
    """An SMS that the provider of `sample` took: its account, our row, the provider's view."""
    sample = request.getfixturevalue("sample")
    message = make_message(make_customer(phone=PHONE), status=Status.SENT)
    item = outgoing(sample, PHONE, message.id)
    [outcome] = hand_over(sample, "taken", [item])
    account = account_of(sample)
    message.account = account
    message.save(update_fields=["account"])
    ProviderReference.objects.create(
        account=account,
        reference=outcome.reference,
        phone_index=blind_index(PHONE),
        message=message,
    )
    sms = Sms(message.id, PHONE, outcome.reference)
    return SimpleNamespace(account=account, message=message, sms=sms)


def report(sent, body):
    events = transport(sent.account.transport).parse_receipts(body)
    settle(sent.account, events, now=timezone.now())
    sent.message.refresh_from_db()
    return sent.message


@every
@pytest.mark.requirement("E4")
def test_reports_in_any_order_and_repeated_end_the_same(sample, sent):
    for order in itertools.permutations(sample.receipts(sent.sms)):
        Message.objects.update(status=Status.SENT)
        for body in order * 2:
            report(sent, body)
        assert sent.message.status == Status.DELIVERED


@every
@pytest.mark.requirement("A6")
def test_failed_delivery_lists_the_number_with_a_reason(sample, sent):
    assert report(sent, sample.failed(sent.sms)).status == Status.FAILED
    assert FailedNumber.objects.get().failure in Failure.values


@those_that("echoes_id")
def test_report_that_echoes_our_id_settles_a_doubt(sample, sent):
    ProviderReference.objects.all().delete()
    Message.objects.update(status=Status.UNKNOWN)
    assert report(sent, sample.receipts(sent.sms)[-1]).status == Status.DELIVERED


@every
def test_report_at_another_account_changes_nothing(sample, sent):
    sent.account = account_of(sample)
    assert report(sent, sample.receipts(sent.sms)[-1]).status == Status.SENT


# --- replies -----------------------------------------------------------------------


def take(account, kind, body):
    """As if the provider had brought it and the job had run; the stored request."""
    now = timezone.now()
    stored = CallbackRequest.objects.create(
        account=account,
        kind=kind,
        body=key_ring().encrypt_bytes(body, callbacks.BODY),
        received_at=now,
    )
    inbox.apply_waiting(now)
    stored.refresh_from_db()
    return stored


@every
@pytest.mark.requirement("E5")
def test_reply_is_matched_once_and_its_opt_out_obeyed(sample, sent):
    for _again in range(2):
        stored = take(sent.account, "replies", sample.reply("77", PHONE, "退订"))
        assert stored.problem == ""
    reply = InboundMessage.objects.get()
    assert (reply.text, reply.message_id) == ("退订", sent.message.pk)
    assert Suppression.objects.filter(phone_index=blind_index(PHONE)).exists()


# --- the door ----------------------------------------------------------------------


def knock(url, brought):
    """The door's status for a callback to this address."""
    seen = []
    named = {name.upper().replace("-", "_"): v for name, v in brought.headers.items()}
    environ = {
        "PATH_INFO": urlsplit(url).path,
        "QUERY_STRING": brought.query or urlsplit(url).query,
        "REQUEST_METHOD": brought.method,
        "CONTENT_LENGTH": str(len(brought.body)),
        "CONTENT_TYPE": named.pop("CONTENT_TYPE", ""),
        "wsgi.input": io.BytesIO(brought.body),
        **{f"HTTP_{name}": value for name, value in named.items()},
    }
    callbacks.door(environ, lambda status, headers: seen.append(status))
    return int(seen[0][:3])


@pytest.fixture
def addressed(request):
    """An account of `sample` with callback addresses: `account`, and its two by kind."""
    account = account_of(request.getfixturevalue("sample"))
    CallbackToken.issue(account)
    urls = {kind: account.callback_url(kind) for kind in ("receipts", "replies")}
    return SimpleNamespace(account=account, **urls)


A_REPORT = Sms(uuid7(), PHONE, "r-1")


@those_that("has_callbacks")
def test_callback_is_stored_and_answered(sample, addressed, queued):
    body = sample.receipts(A_REPORT)[0]
    brought = sample.bring(addressed.account, addressed.receipts, body)
    assert knock(addressed.receipts, brought) == 200
    inbox.apply_waiting(timezone.now())
    assert CallbackRequest.objects.get().problem == ""


@those_that("has_callbacks")
def test_wrong_token_is_nobody(sample, addressed):
    body = sample.receipts(A_REPORT)[0]
    brought = sample.bring(addressed.account, addressed.receipts, body)
    wrong = addressed.receipts.replace("/callbacks/", "/callbacks/x")
    assert knock(wrong, brought) == 404


@those_that("is_signed")
def test_forged_callback_is_refused(sample, addressed):
    forger = account_of(sample)
    forger.set_secrets(dict.fromkeys(sample.secrets, "forged"))
    body = sample.receipts(A_REPORT)[0]
    brought = sample.bring(forger, addressed.receipts, body)
    assert knock(addressed.receipts, brought) == 403
    assert not CallbackRequest.objects.exists()


@those_that("has_callbacks")
@pytest.mark.parametrize("kind", ["receipts", "replies"])
def test_garbage_is_answered_kept_and_named(sample, addressed, kind, queued):
    url = getattr(addressed, kind)
    for body in sample.garbage:
        brought = sample.bring(addressed.account, url, body)
        assert knock(url, brought) == 200, body
    inbox.apply_waiting(timezone.now())
    problems = CallbackRequest.objects.values_list("problem", flat=True)
    assert len(problems) == len(sample.garbage)
    assert all(problems)


# --- bodies of every kind ------------------------------------------------------------

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)
strange = st.binary(max_size=200) | json_values.map(
    lambda one: json.dumps(one).encode()
)


def mutated(bodies):
    """A real body, with bytes cut out of it or put into it."""
    return st.builds(
        lambda body, start, length, put: body[:start] + put + body[start + length :],
        st.sampled_from(bodies),
        st.integers(0, 300),
        st.integers(0, 40),
        st.binary(max_size=8),
    )


@every
@given(data=st.data())
def test_unreadable_body_is_unreadable_and_nothing_else(sample, data):
    provider = transport(sample.slug)
    real = [*sample.receipts(A_REPORT), sample.failed(A_REPORT)]
    replies = [sample.reply("1", PHONE, "您好")]
    for parse, bodies in (
        (provider.parse_receipts, real),
        (provider.parse_replies, replies),
    ):
        body = data.draw(strange | mutated(bodies))
        with suppress(Unreadable):
            parse(body)
