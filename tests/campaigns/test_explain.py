"""Why a customer was or was not contacted, for every reason there is (X2)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from campaigns.activities import stop
from campaigns.explain import explain
from campaigns.models import Recipient
from campaigns.pushes import fill_part, start
from messaging.models import Message
from tests.builders import make_business_type, make_customer, make_label, make_message
from tests.campaigns.sign_ups import make_activity, make_guest, make_sign_up
from tests.campaigns.world import (
    NOW,
    give,
    join_group,
    leaf,
    make_event,
    make_member,
    make_record,
    make_standard,
    mark_no_apply,
    suppress,
)

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("X2")]


def said(event, customer, *, is_filled: bool = False) -> str:
    push = start(event, by=None, now=NOW)
    if is_filled:
        fill_part(push.parts.get().pk)
    return " ".join(explain(customer, event, NOW + timedelta(days=1)).sentences)


def test_an_event_that_has_not_run():
    event = make_event()
    found = explain(make_customer(), event, NOW)
    assert found.sentences == ["The event has not run yet."]


def test_outside_the_initial_group():
    event = make_event(make_business_type("card", name="Card"))
    assert "no behaviour in Card" in said(event, make_customer())


def test_a_label():
    card = make_business_type("card", name="Card")
    card.labels.set([make_label("gold")])
    member = make_member(card)
    give(member, make_label("silver"))
    text = said(make_event(card), member)
    assert "not in a group it is offered to" in text
    assert "Labels at the start: Silver." in text
    assert "Card may be offered to: Gold." in text


def test_the_events_own_label():
    card = make_business_type("card")
    event = make_event(card, labels=(make_label("gold"),))
    assert "The event wants one of: Gold." in said(event, make_member(card))


def test_the_standard_with_what_the_customer_has():
    card = make_business_type("card")
    member = make_member(card)
    make_record(member, card)
    event = make_event(card, standard=make_standard(leaf(value=2)))
    text = said(event, member)
    assert "does not meet the push standard" in text
    assert "number >= 2: 1 (no)" in text


def test_a_no_apply_interval():
    loan = make_business_type("loan", offers_application=True)
    member = make_member(loan)
    mark_no_apply(member)
    text = said(make_event(loan), member)
    assert "in a no-apply interval. From 2026-11-19 12:00 to 2026-11-21 12:00" in text


@pytest.mark.requirement("D7")
def test_a_stopped_participation():
    card, activity = make_business_type("card"), make_activity()
    member = make_guest()
    join_group(member, card)
    stop(make_sign_up(activity, member), NOW, reason="different")
    event = make_event(card, activity=activity, text="{rate}: {link}")
    assert said(event, member) == (
        "Left out: participation was stopped."
        " The participation was stopped at 2026-11-20 12:00."
    )


@pytest.mark.parametrize(
    ("is_withdrawn", "words"), [(False, "never agreed"), (True, "Withdrawn at")]
)
def test_consent(is_withdrawn, words):
    card = make_business_type("card")
    member = make_member(card, consent=is_withdrawn)
    member.consents.update(withdrawn_at=NOW)
    assert words in said(make_event(card), member)


def test_a_suppression():
    card = make_business_type("card")
    member = make_member(card)
    suppress(member)
    assert "Marketing only, since 2026-11-20 12:00: test." in said(
        make_event(card), member
    )


def test_a_cap():
    card = make_business_type("card")
    member = make_member(card)
    for _n in range(2):
        make_message(member, created_at=NOW - timedelta(hours=2))
    text = said(make_event(card), member)
    assert "2 marketing SMS in the 24 hours before; allowed: 2." in text


def test_the_same_number():
    card = make_business_type("card")
    first = make_member(card, phone="+8613900000001")
    second = make_member(card, phone="+8613900000001")
    text = said(make_event(card), second)
    assert f"The one who stands for the number: {first}." in text


def test_the_holdout():
    card = make_business_type("card")
    members = [make_member(card) for _n in range(40)]
    event = make_event(card, holdout_percent=90)
    start(event, by=None, now=NOW)
    held = Recipient.objects.filter(outcome="holdout").first()
    assert held.customer in members
    found = explain(held.customer, event, NOW)
    assert found.sentences[0].startswith("Held out: one of the 90 %")


def test_targeted_and_not_made_yet():
    card = make_business_type("card")
    assert "not made yet" in said(make_event(card), make_member(card))


def test_an_sms_that_waits():
    card = make_business_type("card")
    member = make_member(card)
    event = make_event(card)
    said(event, member, is_filled=True)
    Message.objects.update(waiting="quiet_hours")
    found = explain(member, event, NOW)
    assert "It waits: quiet hours." in found.sentences


def test_a_failure_after_targeting():
    card = make_business_type("card")
    member = make_member(card)
    event = make_event(card)
    said(event, member, is_filled=True)
    Message.objects.update(status=40, failure="unreachable")
    found = explain(member, event, NOW)
    assert found.sentences == [
        "Targeted; the SMS is: failed.",
        "Reason: phone not reachable.",
    ]
    assert found.facts["message"] == str(Message.objects.get().pk)
