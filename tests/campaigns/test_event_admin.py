"""Staff configure event types, standards and events, start them and watch them go."""

from __future__ import annotations

import json

import pytest
from django.contrib.auth.models import Permission, User
from django.urls import reverse
from django.utils import timezone

from campaigns.models import (
    EventParameter,
    EventType,
    MarketingEvent,
    Push,
    PushStandard,
    Recipient,
)
from campaigns.pushes import fill_part, start
from campaigns.tracking_text import parse_tree, write_tree
from customers.models import BusinessType
from messaging.models import Message
from tests.builders import (
    make_account,
    make_business_type,
    make_message_type,
    make_template,
)
from tests.campaigns.world import (
    leaf,
    make_event,
    make_event_type,
    make_member,
    make_standard,
)

pytestmark = pytest.mark.django_db
ADD = reverse("admin:campaigns_marketingevent_add")
TREE = [
    {"name": "channel", "value": "sms", "children": [{"name": "spot", "value": "a"}]}
]


def fields(event_type: EventType, **over) -> dict:
    given = {
        "name": "Autumn",
        "requested_by": "cards",
        "holdout_percent": "0",
        "template": make_template("{rate}% {until}").template.pk,
        "parameter_rate": "5",
        "parameter_until": "2026-12-01",
        "tracking": "",
        "link_target": "",
        "as_of_0": "",
        "as_of_1": "",
    }
    return given | over


@pytest.fixture
def event_type() -> EventType:
    kind = make_event_type(make_business_type("card", name="Card"))
    EventParameter.objects.create(
        event_type=kind, name="until", label="Until", kind="date"
    )
    EventParameter.objects.create(
        event_type=kind,
        name="gift",
        label="Gift",
        kind="choice",
        choices=["cup", "pen"],
        is_required=False,
    )
    return kind


def add(client, event_type, **over):
    return client.post(f"{ADD}?event_type={event_type.pk}", fields(event_type, **over))


def test_the_type_is_chosen_first(staff_client, event_type):
    page = staff_client.get(ADD).content.decode()
    assert f"?event_type={event_type.pk}" in page
    assert "Rate, Until, Gift" in page


@pytest.mark.requirement("C4")
def test_the_form_is_made_of_the_declared_parameters(staff_client, event_type):
    page = staff_client.get(f"{ADD}?event_type={event_type.pk}").content.decode()
    for name in ("rate", "until", "gift"):
        assert f'name="parameter_{name}"' in page
    assert '<option value="pen">' in page


@pytest.mark.requirement("C4")
def test_parameters_become_a_marketing_event(staff_client, event_type):
    answer = add(staff_client, event_type, parameter_gift="pen")
    assert answer.status_code == 302
    event = MarketingEvent.objects.get()
    assert event.event_type == event_type
    assert event.parameters == {"rate": "5", "until": "2026-12-01", "gift": "pen"}
    assert event.created_by == staff_client.user


@pytest.mark.requirement("C4")
@pytest.mark.parametrize(
    ("over", "field"),
    [
        ({"parameter_rate": ""}, "parameter_rate"),
        ({"parameter_rate": "many"}, "parameter_rate"),
        ({"parameter_until": "soon"}, "parameter_until"),
        ({"parameter_gift": "car"}, "parameter_gift"),
        ({"tracking": "channel"}, "tracking"),
    ],
)
def test_an_error_stands_at_its_field(staff_client, event_type, over, field):
    answer = add(staff_client, event_type, **over)
    assert list(answer.context["adminform"].form.errors) == [field]
    assert not MarketingEvent.objects.exists()


def test_a_template_with_an_unknown_placeholder_is_refused(staff_client, event_type):
    template = make_template("{rate} {bonus}").template
    answer = add(staff_client, event_type, template=template.pk)
    assert "Nothing fills {bonus}" in str(answer.context["errors"])


def test_a_saved_event_is_shown_as_it_was_written(staff_client, event_type):
    add(staff_client, event_type, tracking="channel=sms\n  spot=a")
    event = MarketingEvent.objects.get()
    assert event.tracking == TREE
    address = reverse("admin:campaigns_marketingevent_change", args=[event.pk])
    page = staff_client.get(address).content.decode()
    assert "channel=sms\n  spot=a</textarea>" in page
    assert 'value="2026-12-01"' in page


@pytest.mark.requirement("E7")
def test_tracking_parameters_are_lines_with_children_indented():
    text = "channel=sms\n  spot=a\n    part=1\n  spot=b\ncampaign=autumn"
    tree = parse_tree(text)
    assert [node["name"] for node in tree] == ["channel", "campaign"]
    assert [node["value"] for node in tree[0]["children"]] == ["a", "b"]
    assert write_tree(tree) == text
    with pytest.raises(ValueError, match="Line 2"):
        parse_tree("channel=sms\nspot")


def test_a_wrong_standard_is_refused_with_its_place(staff_client):
    criteria = {"all": [leaf(), leaf(op="=>")]}
    answer = staff_client.post(
        reverse("admin:campaigns_pushstandard_add"),
        {"name": "Buyers", "criteria": json.dumps(criteria)},
    )
    assert "all[1].op" in str(answer.context["errors"])
    assert not PushStandard.objects.exists()


@pytest.mark.requirement("C6")
def test_a_standard_is_shown_in_words(staff_client):
    standard = make_standard(leaf(value=2))
    address = reverse("admin:campaigns_pushstandard_change", args=[standard.pk])
    page = staff_client.get(address).content.decode()
    assert "business records of the last 365 days: number &gt;= 2" in page


def test_an_event_type_is_configured_with_its_parameters(staff_client):
    card = make_business_type("card")
    prefix = "parameters-"
    staff_client.post(
        reverse("admin:campaigns_eventtype_add"),
        {
            "code": "cashback",
            "name": "Cashback",
            "name_zh": "返现",
            "business_types": [card.pk],
            "message_type": make_message_type().pk,
            f"{prefix}TOTAL_FORMS": "1",
            f"{prefix}INITIAL_FORMS": "0",
            f"{prefix}0-name": "rate",
            f"{prefix}0-label": "Rate",
            f"{prefix}0-kind": "number",
            f"{prefix}0-is_required": "on",
            f"{prefix}0-choices": "[]",
            f"{prefix}0-position": "0",
        },
    )
    made = EventType.objects.get(code="cashback")
    assert [str(one) for one in made.parameters.all()] == ["Rate"]


# --- starting -----------------------------------------------------------------------


def world(**over) -> MarketingEvent:
    """Two of three customers would get it; the third never agreed."""
    card = BusinessType.objects.filter(code="card").first()
    card = card or make_business_type("card", name="Card")
    make_member(card, name="Ana Novak")
    make_member(card)
    make_member(card, consent=False)
    return make_event(card, **over)


def start_address(event) -> str:
    return reverse("admin:campaigns_marketingevent_start", args=[event.pk])


def test_the_confirmation_counts_each_exclusion(staff_client):
    make_account(signature="Bank")
    event = world()
    page = staff_client.get(start_address(event))
    facts = dict(page.context["facts"])
    assert (facts["Initial group"], facts["Target group"]) == (3, 2)
    assert facts["– no marketing consent"] == 1
    assert (facts["Parts of one SMS"], facts["Parts in all, about"]) == (1, 2)
    assert not Push.objects.exists()


def test_the_sample_is_masked(staff_client):
    make_account(signature="Bank")
    page = staff_client.get(start_address(world()))
    text = "【Bank】Dear A•• N••••, 5% off. Reply STOP to opt out"
    assert page.context["sample"] == text
    assert "Novak" not in page.content.decode()


def test_the_start_says_parts_and_price_by_the_longest_values(staff_client):
    make_account(cost="0.05")
    card = make_business_type("card")
    make_member(card, name="Bo")
    make_member(card, name="A" * 150)
    page = staff_client.get(start_address(make_event(card)))
    facts = dict(page.context["facts"])
    assert (facts["Parts of one SMS"], facts["Parts of the longest SMS"]) == (1, 2)
    assert (facts["Parts in all, about"], str(facts["Price, about"])) == (2, "0.10")


def test_no_provider_account_is_a_warning(staff_client):
    page = staff_client.get(start_address(world()))
    assert "No SMS provider account" in page.context["warning"]


def test_an_empty_target_group_is_a_warning(staff_client):
    make_account()
    page = staff_client.get(start_address(make_event(make_business_type("card"))))
    assert page.context["warning"] == "Nobody would get this SMS."


@pytest.mark.requirement("C7")
def test_a_start_leads_to_the_push(staff_client, queued):
    event = world()
    answer = staff_client.post(start_address(event), {"confirmed": "yes", "runs": "0"})
    push = Push.objects.get()
    assert answer.url == reverse("admin:campaigns_push_change", args=[push.pk])
    assert (push.target_count, push.started_by) == (2, staff_client.user)
    assert queued.names == ["campaigns.jobs.fill_part"]


def test_a_second_click_says_so(staff_client):
    event = world()
    for _n in range(2):
        answer = staff_client.post(
            start_address(event), {"confirmed": "yes", "runs": "0"}, follow=True
        )
    assert "is running already" in answer.content.decode()
    assert Push.objects.count() == 1


def test_what_is_not_ready_is_said_on_the_events_page(staff_client):
    answer = staff_client.get(start_address(world(parameters={})), follow=True)
    assert "“Rate” is required" in answer.content.decode()


def test_starting_needs_its_permission(client):
    user = User.objects.create_user("viewer", password="x", is_staff=True)
    wanted = ["view_marketingevent", "change_marketingevent"]
    user.user_permissions.set(Permission.objects.filter(codename__in=wanted))
    client.force_login(user)
    event = world()
    assert client.get(start_address(event)).status_code == 403
    answer = client.post(start_address(event), {"confirmed": "yes", "runs": "0"})
    assert answer.status_code == 403
    assert not Push.objects.exists()


def test_who_may_only_look_sees_the_parameters(client):
    user = User.objects.create_user("viewer", password="x", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_marketingevent"))
    client.force_login(user)
    event = world(tracking=TREE)
    address = reverse("admin:campaigns_marketingevent_change", args=[event.pk])
    page = client.get(address).content.decode()
    assert "rate = 5" in page
    assert "channel=sms" in page
    assert "Estimate and start" not in page


# --- watching -----------------------------------------------------------------------


def pushed() -> Push:
    push = start(world(), by=None, now=timezone.now())
    fill_part(push.parts.get().pk)
    return push


def test_a_running_push_reloads_itself_and_counts(staff_client):
    push = pushed()
    Message.objects.filter(pk=Message.objects.first().pk).update(status=50)
    address = reverse("admin:campaigns_push_change", args=[push.pk])
    page = staff_client.get(address)
    assert page.context["progress_rows"] == [("queued", 1), ("delivered", 1)]
    assert '<meta http-equiv="refresh" content="2">' in page.content.decode()
    Push.objects.update(status="done")
    assert "refresh" not in staff_client.get(address).content.decode()


@pytest.mark.requirement("X2")
def test_each_reason_leads_to_its_recipients(staff_client):
    push = pushed()
    page = staff_client.get(reverse("admin:campaigns_push_change", args=[push.pk]))
    rows = {words: (count, url) for words, count, url in page.context["group_rows"]}
    count, address = rows["left out: no marketing consent"]
    listed = staff_client.get(address).context["cl"].queryset
    assert count == 1
    assert [row.reason for row in listed] == ["consent"]
    assert rows["targeted"][0] == 2


def test_recipients_show_masked_numbers_and_change_nothing(staff_client):
    push = pushed()
    row = Recipient.objects.filter(push=push).first()
    changelist = reverse("admin:campaigns_recipient_changelist")
    page = staff_client.get(changelist).content.decode()
    assert row.customer.masked_phone in page
    assert row.customer.phone not in page
    one = reverse("admin:campaigns_recipient_change", args=[row.pk])
    assert staff_client.post(one, {"outcome": "holdout"}).status_code == 403


@pytest.mark.requirement("X2")
def test_the_events_page_explains_a_customer(staff_client):
    push = pushed()
    left_out = Recipient.objects.get(push=push, reason="consent").customer
    page = staff_client.post(
        reverse("admin:campaigns_marketingevent_explain", args=[push.event_id]),
        {"customer": left_out.external_id},
    )
    assert (str(left_out), "The customer never agreed to marketing.") in (
        page.context["facts"]
    )


def test_an_unknown_customer_is_said(staff_client):
    event = world()
    answer = staff_client.post(
        reverse("admin:campaigns_marketingevent_explain", args=[event.pk]),
        {"customer": "nobody"},
        follow=True,
    )
    assert "There is no customer with this number." in answer.content.decode()
