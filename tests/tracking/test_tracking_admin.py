from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.contrib.messages import get_messages
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from backoffice.platform.models import AuditEntry
from customers.models import Suppression
from messaging.models import FailedNumber, Message
from tests.builders import make_account, make_customer, make_failed_number, make_tracked
from tracking.models import Click

pytestmark = pytest.mark.django_db

PHONE = "+8613800138000"
FAILED = "/admin/messaging/failednumber/"
TREE = [
    {
        "name": "channel",
        "value": "autumn",
        "children": [{"name": "spot", "value": "sms-1", "children": []}],
    }
]


def clerk(*codenames: str) -> Any:
    user = get_user_model().objects.create_user("clerk", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    return user


def tracked(**over: Any) -> Message:
    values = {"code": "abcd2345", "tree": TREE, "customer": make_customer(phone=PHONE)}
    return make_tracked("For {name}: {link}", **(values | over))


def life_page(client: Client, message: Message) -> str:
    url = reverse("admin:tracking_trackingrecord_change", args=[message.pk])
    return client.get(url).content.decode()


def search(client: Client, word: str) -> Any:
    return client.post(reverse("admin:life_search"), {"q": word})


def act(client: Client, action: str, *rows: FailedNumber, **more: Any) -> Any:
    first = {"action": action, "_selected_action": [row.pk for row in rows]}
    hidden = client.post(FAILED, first).context["hidden"]
    return client.post(FAILED, {**hidden, **more, "confirmed": "yes"})


# --- the life page and its search -------------------------------------------------------


@pytest.mark.requirement("E9")
def test_one_hit_leads_straight_to_its_page(staff_client: Client):
    message = tracked()
    response = search(staff_client, "abcd2345")
    assert response.url == f"/admin/tracking/trackingrecord/{message.pk}/change/"


@pytest.mark.requirement("E9")
def test_several_hits_are_listed(staff_client: Client):
    who = make_customer(phone=PHONE)
    both = [tracked(customer=who), tracked(customer=who, code="efgh2345")]
    page = search(staff_client, "13800138000").content.decode()
    assert all(str(message.pk) in page for message in both)
    assert "13800138000" not in page


def test_no_hit_says_what_can_be_searched(staff_client: Client):
    response = search(staff_client, "nothing")
    said = [str(message) for message in get_messages(response.wsgi_request)]
    assert said[0].startswith("No SMS found.")


def test_the_search_takes_no_word_from_an_address(staff_client: Client):
    url = reverse("admin:life_search")
    assert staff_client.get(url, {"q": PHONE}).status_code == 405


@pytest.mark.requirement("E8")
@pytest.mark.requirement("E9")
def test_the_page_shows_the_tracking_record(staff_client: Client):
    page = life_page(staff_client, tracked())
    for shown in ("abcd2345", "https://bank.example/offer", "autumn", "sms-1", "test"):
        assert shown in page
    assert "queued" in page


def test_the_page_masks_the_number_and_keeps_the_text_back(client: Client):
    message = tracked()
    user = clerk("view_trackingrecord")
    client.force_login(user)
    page = life_page(client, message)
    assert "+86•••••••8000" in page
    assert "For Li Lei" not in page
    user.user_permissions.add(Permission.objects.get(codename="view_message_text"))
    assert "For Li Lei" in life_page(client, message)


def test_who_may_not_look_finds_nothing(client: Client):
    message = tracked()
    client.force_login(clerk())
    assert search(client, "abcd2345").status_code == 403
    url = reverse("admin:tracking_trackingrecord_change", args=[message.pk])
    assert client.get(url).status_code == 403


@pytest.mark.parametrize("word", ["no-id", "00000000-0000-7000-8000-000000000000"])
def test_a_page_of_no_message_is_not_found(staff_client: Client, word: str):
    url = f"/admin/tracking/trackingrecord/{word}/change/"
    assert staff_client.get(url).status_code == 404


def test_the_records_are_listed(staff_client: Client):
    tracked()
    page = staff_client.get("/admin/tracking/trackingrecord/").content.decode()
    assert "abcd2345" in page


@pytest.mark.requirement("E6")
def test_the_behaviour_log_names_the_sms(staff_client: Client):
    message = tracked()
    Click.objects.create(
        event_id="1-1",
        message=message,
        code="abcd2345",
        parameters=message.tracking.parameters,
        at=timezone.now(),
    )
    page = staff_client.get("/admin/tracking/click/").content.decode()
    assert str(message.pk) in page
    assert "channel=autumn" in page


def test_a_customers_messages_stand_on_one_page(staff_client: Client):
    message = tracked()
    url = reverse("admin:life_of_customer", args=[message.customer_id])
    page = staff_client.get(url).content.decode()
    assert f"/admin/tracking/trackingrecord/{message.pk}/change/" in page
    assert "SMS made" in page


# --- failed numbers ------------------------------------------------------------------------


@pytest.mark.requirement("A6")
def test_failed_numbers_are_listed_and_filtered(staff_client: Client):
    make_failed_number(make_customer(phone=PHONE), failure="unreachable")
    make_failed_number(failure="invalid_number")
    page = staff_client.get(FAILED, {"failure": "unreachable"})
    assert [row.failure for row in page.context["cl"].result_list] == ["unreachable"]
    assert "+86•••••••8000" in page.content.decode()


@pytest.mark.requirement("A6")
def test_send_again_counts_first(staff_client: Client):
    good = make_failed_number(failure="unreachable")
    bad = make_failed_number(failure="invalid_number")
    page = staff_client.post(
        FAILED, {"action": "send_again", "_selected_action": [good.pk, bad.pk]}
    )
    reason = "Left: another try would fail too: correct the number first"
    facts = [("Chosen", 2), ("SMS to send", 1), (reason, 1)]
    assert page.context["facts"] == facts
    assert Message.objects.count() == 2
    act(staff_client, "send_again", good, bad)
    assert Message.objects.count() == 3


@pytest.mark.requirement("A6")
def test_a_number_is_corrected_on_its_page(staff_client: Client):
    failed = make_failed_number(failure="invalid_number")
    data = {"confirmed": "yes", "phone": "139 0013 9000"}
    staff_client.post(f"{FAILED}{failed.pk}/correct/", data)
    failed.refresh_from_db()
    assert (failed.phone, failed.state) == ("+8613900139000", "corrected")
    failed.customer.refresh_from_db()
    assert failed.customer.phone == "+8613900139000"


def test_a_customers_page_says_that_the_number_may_have_a_new_owner(
    staff_client: Client,
):
    failed = make_failed_number(failure="invalid_number")
    url = f"/admin/tracking/trackingrecord/customer/{failed.customer_id}/"
    assert b"may have a new owner" not in staff_client.get(url).content
    FailedNumber.objects.update(recycled="works")
    assert b"may have a new owner" in staff_client.get(url).content


@pytest.mark.parametrize(
    "query",
    [
        "kind=passing",
        "kind=permanent",
        "failure=unreachable",
        "origin=test",
        "account=x",
    ]
    + ["template=1", "account=1", "flagged=yes", "flagged=works", "origin=none"],
)
def test_every_filter_of_failed_numbers_works(staff_client: Client, query: str):
    make_failed_number()
    assert staff_client.get(f"{FAILED}?{query}").status_code == 200


@pytest.mark.parametrize(
    ("query", "failures"),
    [
        ("kind=passing", {"unreachable"}),
        ("kind=permanent", {"invalid_number"}),
        ("flagged=yes", {"invalid_number"}),
    ],
)
def test_failed_numbers_by_kind(staff_client: Client, query: str, failures: set[str]):
    make_failed_number(failure="unreachable")
    bad = make_failed_number(failure="invalid_number")
    FailedNumber.objects.filter(pk=bad.pk).update(recycled="works")
    rows = staff_client.get(f"{FAILED}?{query}").context["cl"].result_list
    assert {row.failure for row in rows} == failures


@pytest.mark.requirement("A6")
def test_numbers_are_sent_again_over_a_chosen_provider(staff_client: Client):
    chosen = make_account(name="Other line")
    failed = make_failed_number()
    chosen_rows = {"action": "send_again", "_selected_action": [failed.pk]}
    page = staff_client.post(FAILED, chosen_rows)
    assert "Other line (1 SMS)" in page.content.decode()
    act(staff_client, "send_again", failed, account=str(chosen.pk))
    again = Message.objects.exclude(pk=failed.message_id).get()
    assert (again.account, again.is_bound) == (chosen, True)


def test_numbers_are_allowed_again_with_a_reason(staff_client: Client):
    failed = make_failed_number(failure="invalid_number")
    act(staff_client, "allow_numbers", failed)
    assert Suppression.objects.exists()
    act(staff_client, "allow_numbers", failed, reason="called them")
    assert not Suppression.objects.exists()


def test_a_correction_that_is_no_number_says_so(staff_client: Client):
    failed = make_failed_number()
    page = staff_client.post(
        f"{FAILED}{failed.pk}/correct/", {"confirmed": "yes", "phone": "12"}
    )
    assert "too short" in page.content.decode()


@pytest.mark.requirement("A6")
def test_chosen_numbers_are_suppressed(staff_client: Client):
    act(staff_client, "suppress_numbers", make_failed_number())
    assert Suppression.objects.get().scope == "everything"


@pytest.mark.requirement("A6")
@pytest.mark.parametrize("may_see", [True, False])
def test_an_export_is_on_record_and_masked_unless_permitted(
    client: Client, may_see: bool
):
    failed = make_failed_number(make_customer(phone=PHONE))
    more = ("view_full_phone",) if may_see else ()
    client.force_login(clerk("view_failednumber", "change_failednumber", *more))
    response = act(client, "export", failed, reason="monthly report")
    written = b"".join(response.streaming_content).decode()
    # Escaped, so that a spreadsheet does not take it for a formula.
    assert ("'+8613800138000" in written) is may_see
    assert ("'+86•••••••8000" in written) is not may_see
    entry = AuditEntry.objects.get(action="failed numbers exported")
    assert (entry.reason, entry.detail) == (
        "monthly report",
        {"count": 1, "full": may_see},
    )
