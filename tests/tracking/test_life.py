from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from campaigns.models import SignUp
from messaging.models import (
    InboundMessage,
    Message,
    ProviderReference,
    Receipt,
    Submission,
)
from tests.builders import make_account, make_customer, make_message, make_tracked
from tests.campaigns.sign_ups import end_call, make_sign_up, make_verification
from tracking.life import find, life, life_of_customer
from tracking.links import short_url
from tracking.models import Click

pytestmark = pytest.mark.django_db

START = datetime(2026, 11, 20, 4, 0, tzinfo=UTC)
PHONE = "+8613800138000"
TREE = [
    {
        "name": "channel",
        "value": "autumn",
        "children": [{"name": "spot", "value": "sms-1", "children": []}],
    },
    {"name": "team", "value": "cards", "children": []},
]


def tracked(**over: Any) -> Message:
    values = {"code": "abcd2345", "tree": TREE, "customer": make_customer(phone=PHONE)}
    return make_tracked("Look: {link}", **(values | over))


def after(seconds: int) -> datetime:
    return START + timedelta(seconds=seconds)


def answered(message: Message, reference: str = "biz-77") -> Submission:
    """The provider took the message and gave it a response code."""
    account = message.account or make_account()
    submission = Submission.objects.create(
        account=account,
        chunk=message.chunk,
        at=after(10),
        message_count=1,
        http_status=200,
        answer='{"code": "OK"}',
    )
    ProviderReference.objects.create(
        account=account,
        reference=reference,
        phone_index=message.phone_index,
        message=message,
        submission=submission,
        code="OK",
    )
    return submission


def told(message: Message) -> list[str]:
    return [moment.what for moment in life(Message.objects.get(pk=message.pk)).moments]


# --- finding ------------------------------------------------------------------------


@pytest.mark.requirement("E9")
@pytest.mark.parametrize("spell", [str, lambda pk: pk.hex, lambda pk: f" {pk} "])
def test_found_by_its_id(spell: Any):
    message = tracked()
    assert find(spell(message.pk)) == [message]


@pytest.mark.requirement("E9")
@pytest.mark.parametrize("query", [PHONE, "13800138000", "138 0013-8000"])
def test_found_by_the_phone_number(query: str):
    message = tracked()
    make_message()
    assert find(query) == [message]


@pytest.mark.requirement("E9")
def test_found_by_the_response_code():
    message = tracked()
    answered(message, "biz-77")
    assert find("biz-77") == [message]


@pytest.mark.requirement("E9")
@pytest.mark.parametrize(
    "spell", [str, short_url, lambda code: short_url(code) + "/?x=1"]
)
def test_found_by_the_link_code_and_the_short_url(spell: Any):
    message = tracked()
    assert find(spell("abcd2345")) == [message]


@pytest.mark.requirement("E9")
@pytest.mark.requirement("E7")
@pytest.mark.parametrize(
    "query", ["sms-1", "spot=sms-1", "channel/spot=sms-1", "team = cards"]
)
def test_found_by_a_tracking_parameter_at_any_depth(query: str):
    message = tracked()
    assert find(query) == [message]


@pytest.mark.parametrize("query", ["", "  ", "nothing", "spot=cards", "13900139000"])
def test_a_word_that_means_no_message_finds_none(query: str):
    tracked()
    assert find(query) == []


def test_several_are_found_newest_first():
    customer = make_customer(phone=PHONE)
    old = tracked(customer=customer)
    new = tracked(customer=customer, code="efgh2345")
    assert find(PHONE) == [new, old]
    assert find("cards") == [new, old]


# --- the story ------------------------------------------------------------------------


@pytest.mark.requirement("E9")
def test_everything_that_happened_stands_there_in_its_order():
    message = tracked(created_at=START, fenced_at=after(5), sent_at=after(11))
    submission = answered(message)
    receipt(message, submission, at=after(20))
    InboundMessage.objects.create(
        account=submission.account,
        provider_id="r1",
        phone=PHONE,
        phone_index=message.phone_index,
        text="thanks",
        received_at=after(30),
        message=message,
    )
    Click.objects.create(event_id="1-1", message=message, code="abcd2345", at=after(40))
    assert told(message) == [
        "SMS made",
        "Passed our rules, handed over",
        "Provider answered",
        "Sent: response code",
        "Receipt",
        "Reply",
        "Link opened",
    ]


def receipt(message: Message, submission: Submission, *, at: datetime) -> None:
    Receipt.objects.create(
        account=submission.account,
        message=message,
        reference="biz-77",
        phone_index=message.phone_index,
        status=Message.Status.DELIVERED,
        words="DELIVRD",
        received_at=at,
        outcome="applied",
    )


@pytest.mark.requirement("E9")
def test_the_sign_up_its_call_and_its_verdict_stand_there_too():
    row = make_sign_up()
    end_call(make_verification(row))
    SignUp.objects.update(decided_at=START)
    expected = {"Signed up", "Verification call", "Verdict on the sign-up"}
    assert expected <= set(told(row.message))


def test_the_response_code_and_the_providers_words_are_shown():
    message = tracked(sent_at=after(11))
    receipt(message, answered(message), at=after(20))
    details = " ".join(moment.detail for moment in life(message).moments)
    assert "biz-77 OK" in details
    assert "DELIVRD" in details


def test_texts_are_apart_from_what_everybody_may_see():
    message = tracked()
    answered(message)
    seen = [moment for moment in life(message).moments if moment.private]
    assert [moment.private for moment in seen] == ['{"code": "OK"}']
    assert '"OK"' not in seen[0].detail


def test_a_refusal_says_which_rule():
    message = tracked(status=90, failure="capped", settled_at=after(3))
    last = life(message).moments
    assert ("Refused by our own rules", "frequency cap reached") in [
        (moment.what, moment.detail) for moment in last
    ]


def test_a_request_without_a_response_code_is_shown_too():
    message = tracked(fenced_at=datetime.now(UTC))
    Submission.objects.create(
        account=make_account(),
        chunk=message.chunk,
        at=datetime.now(UTC),
        message_count=1,
        problem="timeout",
    )
    assert "Provider answered" in told(message)


@pytest.mark.requirement("E9")
def test_the_messages_of_a_customer_with_few_statements(
    django_assert_max_num_queries: Any,
):
    customer = make_customer()
    for code in ("aaaa2345", "bbbb2345", "cccc2345"):
        tracked(customer=customer, code=code)
    tracked()
    with django_assert_max_num_queries(16):
        lives = life_of_customer(customer)
    assert [one.record.code for one in lives] == ["cccc2345", "bbbb2345", "aaaa2345"]
