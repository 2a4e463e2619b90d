from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.contrib.messages import get_messages
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from campaigns.models import Notice
from campaigns.notices import NoticeInfo, take
from messaging.models import Message, MessageType
from tests.builders import make_customer

pytestmark = pytest.mark.django_db

LIST = "/admin/campaigns/notice/"
PHONE = "+8613800138000"
FILLED = {
    "name": "Jan Novak",
    "phone": "138 0013 8000",
    "amount": "1234.50",
    "due_on": "2099-11-28",
    "text": "repayment due",
    "language": "en",
}


def add(client: Client, **over: str) -> Any:
    return client.post(f"{LIST}add/", {**FILLED, **over})


def taken(**over: Any) -> Notice:
    values = {"name": "张伟", "phone": PHONE, "amount": 5, "text": "还款到账", **over}
    return take(NoticeInfo(**values), origin="file", now=timezone.now())


def act(client: Client, action: str, *rows: Notice, **more: Any) -> Any:
    """The two steps of an action: tick and choose, then confirm on the page that comes."""
    first = {"action": action, "_selected_action": [row.pk for row in rows]}
    page = client.post(LIST, first)
    hidden = page.context["hidden"]
    return client.post(LIST, {**hidden, **more, "confirmed": "yes"})


def said(response: Any) -> str:
    return " ".join(str(message) for message in get_messages(response.wsgi_request))


def clerk(*codenames: str) -> Any:
    user = get_user_model().objects.create_user("clerk", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    return user


@pytest.mark.requirement("A1")
def test_the_form_takes_a_notice_and_shows_what_becomes_of_it(staff_client: Client):
    response = add(staff_client)
    notice = Notice.objects.get()
    assert (notice.phone, notice.origin) == (PHONE, "form")
    assert notice.created_by == staff_client.user
    page = staff_client.get(response.url)
    assert "Dear Jan Novak, your repayment of CNY 1,234.50" in page.content.decode()
    assert "Repayment reminder" in page.content.decode()
    assert "Parts: 1 by the GSM rule, 2 by the Chinese rule" in page.content.decode()


@pytest.mark.requirement("A2")
def test_a_held_notice_says_why(staff_client: Client):
    response = add(staff_client, text="refund failed, loan disbursed")
    assert "keywords of several types matched" in said(response)
    page = staff_client.get(response.url).content.decode()
    assert "Refund failed, Loan disbursed" in page


@pytest.mark.requirement("A4")
def test_a_notice_whose_text_says_otherwise_names_what_differs(staff_client: Client):
    response = add(staff_client, text="Payment due: CNY 99.00", amount="100")
    page = staff_client.get(response.url).content.decode()
    assert "amount “CNY 99.00” in the text, 100.00 given" in page


@pytest.mark.requirement("A4")
def test_the_form_takes_what_is_missing_from_the_customer(staff_client: Client):
    make_customer(phone=PHONE, external_id="77", name="王芳")
    add(staff_client, name="", phone="", customer_number="77")
    assert Notice.objects.get().name == "王芳"


def test_a_number_that_is_none_is_named_at_its_field(staff_client: Client):
    response = add(staff_client, phone="1380")
    errors = response.context["adminform"].form.errors
    assert list(errors) == ["phone"]
    assert Notice.objects.count() == 0


def test_an_empty_form_is_refused(staff_client: Client):
    response = staff_client.post(f"{LIST}add/", {})
    assert "Give at least one of the fields." in response.content.decode()


def test_the_list_masks_names_and_numbers(staff_client: Client):
    taken()
    page = staff_client.get(LIST).content.decode()
    assert "+86•••••••8000" in page
    assert "张•" in page
    assert "张伟" not in page


def test_a_clerk_without_permission_reads_no_name_in_the_text(client: Client):
    notice = taken()
    client.force_login(clerk("view_notice"))
    page = client.get(f"{LIST}{notice.pk}/change/").content.decode()
    assert "尊敬的张•" in page
    assert "张伟" not in page


def test_a_phone_number_typed_into_the_list_search_is_refused(staff_client: Client):
    taken()
    response = staff_client.get(LIST, {"q": "13800138000"})
    assert "Phone numbers never go into an address" in said(response)


@pytest.mark.requirement("A5")
def test_send_now_counts_first_and_sends_then(staff_client: Client):
    tomorrow = timezone.localdate() + timedelta(days=1)
    a, b = taken(send_on=tomorrow), taken(text="?")
    page = staff_client.post(
        LIST, {"action": "send_now", "_selected_action": [a.pk, b.pk]}
    )
    assert ("SMS to send", 1) in page.context["facts"]
    assert Message.objects.count() == 0
    assert "1 notices are handed over" in said(act(staff_client, "send_now", a, b))
    assert Message.objects.count() == 1


@pytest.mark.requirement("A2")
def test_a_type_set_by_hand_releases_the_chosen(staff_client: Client):
    a, b = taken(text="?"), taken(text="?")
    kind = MessageType.objects.get(code="refund_failed")
    act(staff_client, "set_type_and_release", a, message_type=kind.pk)
    a.refresh_from_db()
    b.refresh_from_db()
    assert (a.status, a.message_type, b.status) == ("scheduled", kind, "held")


def test_cancelled_notices_stay_in_the_list(staff_client: Client):
    notice = taken()
    act(staff_client, "cancel_notices", notice)
    notice.refresh_from_db()
    assert notice.status == "cancelled"


def test_who_may_only_look_gets_no_action(client: Client):
    notice = taken()
    client.force_login(clerk("view_notice"))
    client.post(
        LIST,
        {
            "action": "send_now",
            "_selected_action": [notice.pk],
            "ids": str(notice.pk),
            "confirmed": "yes",
        },
    )
    assert Message.objects.count() == 0


@pytest.mark.requirement("A2")
def test_the_bench_shows_what_a_text_would_become(staff_client: Client):
    response = staff_client.post(reverse("admin:campaigns_notice_try"), FILLED)
    page = response.content.decode()
    assert "Repayment reminder" in page
    assert "Dear Jan Novak" in page
    assert Notice.objects.count() == 0


def test_the_bench_shows_a_gap_by_its_name(staff_client: Client):
    response = staff_client.post(
        reverse("admin:campaigns_notice_try"), {**FILLED, "amount": ""}
    )
    assert "CNY [amount]" in response.content.decode()
    assert "a field of the template is missing: amount" in response.content.decode()
