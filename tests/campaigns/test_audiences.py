"""Who an event is for: initial group, each reason against, target group, estimate."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from backoffice.platform.models import Parameter
from campaigns.activities import stop
from campaigns.audiences import estimate
from campaigns.models import Activity, Recipient, SignUp
from campaigns.pushes import start
from customers.models import Suppression
from tests.builders import make_business_type, make_label, make_message
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

pytestmark = pytest.mark.django_db


def outcome(event, customer) -> str:
    """`targeted`, `holdout` or the reason against; the estimate must have said so."""
    said = estimate(event, now=NOW)
    push = start(event, by=None, now=NOW)
    row = Recipient.objects.get(push=push, customer=customer)
    assert (said.initial, said.target) == (push.initial_count, push.target_count)
    assert said.excluded == push.excluded
    return row.reason or row.outcome


@pytest.mark.requirement("C5")
def test_the_initial_group_is_the_user_groups_of_the_events_types():
    card, loan = make_business_type("card"), make_business_type("loan")
    both, one = make_member(card, loan), make_member(loan)
    make_member(make_business_type("other"))
    push = start(make_event(card, loan), by=None, now=NOW)
    assert set(push.recipients.values_list("customer", flat=True)) == {both.pk, one.pk}


@pytest.mark.requirement("C6")
def test_who_misses_the_standard_is_left_out():
    card = make_business_type("card")
    standard = make_standard(leaf(value=2))
    buyer, other = make_member(card), make_member(card)
    for _n in range(2):
        make_record(buyer, card)
    make_record(other, card)
    event = make_event(card, standard=standard)
    assert outcome(event, other) == "standard"
    assert event.pushes.get().target_count == 1


@pytest.mark.requirement("C6")
def test_the_window_ends_at_the_events_as_of():
    card = make_business_type("card")
    member = make_member(card)
    make_record(member, card, at=NOW - timedelta(days=400))
    standard = make_standard(leaf(window_days=10))
    event = make_event(card, standard=standard, as_of=NOW - timedelta(days=395))
    assert outcome(event, member) == "targeted"


@pytest.mark.requirement("B7")
def test_a_business_type_is_offered_to_its_groups_only():
    card, heavy = make_business_type("card"), make_label("heavy")
    card.labels.set([heavy])
    member, labelled = make_member(card), make_member(card)
    give(labelled, heavy)
    event = make_event(card)
    assert outcome(event, member) == "label"
    assert Recipient.objects.get(customer=labelled).outcome == "targeted"


@pytest.mark.requirement("B7")
def test_a_group_that_a_member_has_left_does_not_count():
    card, heavy = make_business_type("card"), make_label("heavy")
    card.labels.set([heavy])
    member = make_member(card)
    give(member, heavy, until=NOW - timedelta(days=1))
    assert outcome(make_event(card), member) == "label"


@pytest.mark.requirement("B7")
def test_each_member_is_judged_by_the_types_of_its_own_groups():
    card, loan = make_business_type("card"), make_business_type("loan")
    card.labels.set([make_label("heavy")])
    of_card, of_both = make_member(card), make_member(card, loan)
    event = make_event(card, loan)
    assert outcome(event, of_card) == "label"
    assert Recipient.objects.get(customer=of_both).outcome == "targeted"


def test_the_events_own_labels_narrow_the_group():
    card = make_business_type("card")
    member = make_member(card)
    give(member, make_label("gone"), until=NOW - timedelta(days=1))
    assert outcome(make_event(card, labels=(make_label("gone"),)), member) == "label"


@pytest.mark.requirement("D1")
def test_an_activitys_link_goes_to_designated_labels_only():
    card, light = make_business_type("card"), make_label("light")
    member, labelled = make_member(card), make_member(card)
    give(labelled, light)
    day = timedelta(days=1)
    activity = Activity.objects.create(
        slug="win", name="Win", starts_at=NOW, ends_at=NOW + day
    )
    activity.labels.set([light])
    event = make_event(card, activity=activity, text="{rate}: {link}")
    assert outcome(event, member) == "label"
    assert Recipient.objects.get(customer=labelled).outcome == "targeted"


@pytest.mark.requirement("D1")
def test_an_activity_without_labels_designates_nobody():
    card = make_business_type("card")
    member = make_member(card)
    later = NOW + timedelta(days=1)
    activity = Activity.objects.create(
        slug="win", name="Win", starts_at=NOW, ends_at=later
    )
    event = make_event(card, activity=activity, text="{rate}: {link}")
    assert outcome(event, member) == "label"


@pytest.mark.requirement("D7")
def test_who_was_stopped_in_the_activity_is_left_out_of_its_later_pushes():
    card, activity = make_business_type("card"), make_activity()
    stopped, honest = (make_guest() for _n in range(2))
    for member in (stopped, honest):
        join_group(member, card)
        make_sign_up(activity, member)
    stop(SignUp.objects.get(customer=stopped), NOW, reason="different")
    event = make_event(card, activity=activity, text="{rate}: {link}")
    assert outcome(event, stopped) == "stopped"
    assert Recipient.objects.get(customer=honest).outcome == "targeted"


@pytest.mark.requirement("D7")
def test_who_was_stopped_elsewhere_is_no_matter_of_this_activity():
    card = make_business_type("card")
    member = make_guest()
    join_group(member, card)
    stop(make_sign_up(make_activity(), member), NOW, reason="different")
    event = make_event(card, activity=make_activity(), text="{rate}: {link}")
    assert outcome(event, member) == "targeted"


@pytest.mark.requirement("B6")
def test_an_application_is_not_offered_inside_a_no_apply_interval():
    loan = make_business_type("loan", offers_application=True)
    member = make_member(loan)
    mark_no_apply(member)
    assert outcome(make_event(loan), member) == "no_apply"


@pytest.mark.requirement("B6")
@pytest.mark.parametrize(
    ("offers", "over"),
    [
        (False, {}),
        (True, {"end_at": NOW}),
        (True, {"start_at": NOW + timedelta(hours=1)}),
        (True, {"ended_at": NOW - timedelta(hours=1)}),
    ],
)
def test_other_events_and_ended_marks_leave_nobody_out(offers, over):
    kind = make_business_type("loan", offers_application=offers)
    member = make_member(kind)
    mark_no_apply(member, **over)
    assert outcome(make_event(kind), member) == "targeted"


def test_no_consent_no_marketing():
    card = make_business_type("card")
    never, withdrawn = make_member(card, consent=False), make_member(card)
    withdrawn.consents.update(withdrawn_at=NOW)
    event = make_event(card)
    assert outcome(event, never) == "consent"
    assert Recipient.objects.get(customer=withdrawn).reason == "consent"


@pytest.mark.parametrize("scope", Suppression.Scope.values)
def test_a_suppressed_number_is_left_out(scope):
    card = make_business_type("card")
    member = make_member(card)
    suppress(member, scope)
    assert outcome(make_event(card), member) == "suppressed"


def test_a_frequency_cap_counts_the_marketing_of_its_hours():
    Parameter.objects.filter(name="marketing_cap").update(
        value=[{"count": 2, "hours": 24}]
    )
    card = make_business_type("card")
    full, free = make_member(card), make_member(card)
    for age in (1, 23):
        make_message(full, created_at=NOW - timedelta(hours=age))
    make_message(free, created_at=NOW - timedelta(hours=1))
    make_message(free, created_at=NOW - timedelta(hours=25))
    make_message(free, created_at=NOW - timedelta(hours=1), status=90)
    make_message(free, created_at=NOW - timedelta(hours=1), is_marketing=False)
    event = make_event(card)
    assert outcome(event, full) == "cap"
    assert Recipient.objects.get(customer=free).outcome == "targeted"


def test_one_sms_per_number():
    card = make_business_type("card")
    phone = "+8613900000001"
    silent = make_member(card, phone=phone, consent=False)
    first, second = make_member(card, phone=phone), make_member(card, phone=phone)
    event = make_event(card)
    assert outcome(event, second) == "same_phone"
    reasons = dict(Recipient.objects.values_list("customer", "reason"))
    assert (reasons[silent.pk], reasons[first.pk]) == ("consent", "")


def test_reasons_are_asked_in_order():
    loan = make_business_type("loan", offers_application=True)
    member = make_member(loan, consent=False)
    mark_no_apply(member)
    suppress(member)
    event = make_event(loan, standard=make_standard(leaf()))
    assert outcome(event, member) == "standard"


def test_a_holdout_is_the_same_in_every_run_and_about_its_share():
    card = make_business_type("card")
    for _n in range(300):
        make_member(card)
    event = make_event(card, holdout_percent=20)
    first = start(event, by=None, now=NOW)
    event.pushes.update(status="done")
    second = start(event, by=None, now=NOW + timedelta(days=30))
    held = [
        set(
            push.recipients.filter(outcome="holdout").values_list("customer", flat=True)
        )
        for push in (first, second)
    ]
    assert held[0] == held[1]
    assert 30 <= len(held[0]) <= 90
    assert first.target_count == 300 - len(held[0])


@pytest.mark.requirement("C7")
def test_the_target_group_is_cut_into_parts():
    Parameter.objects.filter(name="send_chunk_size").update(value=2)
    card = make_business_type("card")
    for _n in range(5):
        make_member(card)
    make_member(card, consent=False)
    push = start(make_event(card), by=None, now=NOW)
    assert list(push.parts.order_by("number").values_list("number", "size")) == [
        (0, 2),
        (1, 2),
        (2, 1),
    ]
    assert push.recipients.filter(part__isnull=True).get().reason == "consent"


def test_an_estimate_writes_nothing_and_says_why():
    card = make_business_type("card", name="Card")
    make_member(card)
    make_member(card, consent=False)
    event = make_event(card, standard=make_standard({"not": leaf(of="click")}))
    found = estimate(event, now=NOW)
    assert (found.initial, found.target, found.excluded) == (2, 1, {"consent": 1})
    assert found.business_types == ("Card",)
    assert found.standard == "not (clicks of the last 365 days: number >= 1)"
    assert not Recipient.objects.exists()


def test_any_number_of_members_takes_the_same_statements():
    card = make_business_type("card")
    event = make_event(card, standard=make_standard(leaf()))
    make_record(make_member(card), card)
    start(event, by=None, now=NOW)  # parameters are read now
    event.pushes.update(status="done")
    assert _statements(event) == _statements(event, more=[card] * 50)


def _statements(event, more=()) -> int:
    for card in more:
        make_record(make_member(card), card)
    with CaptureQueriesContext(connection) as queries:
        start(event, by=None, now=NOW)
    event.pushes.update(status="done")
    return len(queries)


def test_a_group_joined_twice_is_one_member():
    card, loan = make_business_type("card"), make_business_type("loan")
    member = make_member(card)
    join_group(member, loan)
    assert start(make_event(card, loan), by=None, now=NOW).initial_count == 1
