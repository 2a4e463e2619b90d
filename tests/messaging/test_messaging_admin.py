from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.test import Client
from django.utils import timezone

from messaging.models import (
    InboundMessage,
    MessageType,
    Submission,
    Template,
)
from tests.builders import make_account, make_customer, make_template, make_tracked

pytestmark = pytest.mark.django_db

ADMIN = "/admin/messaging"


def clerk(*codenames: str) -> Any:
    user = get_user_model().objects.create_user("clerk", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    return user


def text(response: Any) -> str:
    return response.content.decode()


# --- types and keywords ----------------------------------------------------------------


def post_keyword(client: Client, kind: MessageType, word: str) -> Any:
    data = {
        "name": kind.name,
        "purpose": kind.purpose,
        "valid_hours": 24,
        "keywords-TOTAL_FORMS": 1,
        "keywords-INITIAL_FORMS": 0,
        "keywords-0-word": word,
        "type_fields-TOTAL_FORMS": 0,
        "type_fields-INITIAL_FORMS": 0,
    }
    return client.post(f"{ADMIN}/messagetype/{kind.pk}/change/", data)


@pytest.mark.requirement("A2")
def test_staff_add_a_keyword_to_a_type(staff_client: Client):
    kind = MessageType.objects.create(code="card", name="Card", purpose="service")
    assert post_keyword(staff_client, kind, "已寄出").status_code == 302
    assert kind.keywords.get().word == "已寄出"


@pytest.mark.requirement("A2")
def test_a_word_of_another_type_is_refused_also_in_other_width(staff_client: Client):
    kind = MessageType.objects.create(code="card", name="Card", purpose="service")
    response = post_keyword(staff_client, kind, "ＲＥＦＵＮＤ failed")
    assert "already decides for “Refund failed”" in text(response)
    assert kind.keywords.count() == 0


# --- templates ------------------------------------------------------------------------


def new_version(client: Client, template: Template, body: str, button: str) -> Any:
    url = f"{ADMIN}/template/{template.pk}/new-version/"
    return client.post(url, {"text": body, button: "x"})


def test_a_template_is_made_with_its_first_version(staff_client: Client):
    kind = MessageType.objects.get(code="marketing_offer")
    data = {"name": "n", "message_type": kind.pk, "language": "en", "text": "Hi {name}"}
    response = staff_client.post(f"{ADMIN}/template/add/", data)
    assert response.status_code == 302
    assert Template.objects.get(name="n").current.text == "Hi {name}"


def test_a_new_version_leaves_the_old_one(staff_client: Client):
    template = make_template("Hi").template
    new_version(staff_client, template, "Dear {name}", "publish")
    assert template.current.text == "Dear {name}"
    assert [row.text for row in template.versions.all()] == ["Dear {name}", "Hi"]


@pytest.mark.parametrize(
    ("body", "words"),
    [("Hi {name", "Character 4"), ("【Bank】Hi", "signature"), (" ", "required")],
)
def test_a_text_that_cannot_be_sent_says_what_is_wrong(
    staff_client: Client, body: str, words: str
):
    template = make_template("Hi").template
    page = new_version(staff_client, template, body, "publish")
    assert words in text(page)
    assert template.versions.count() == 1


def test_versions_are_listed_and_not_edited(staff_client: Client):
    version = make_template("Hi {name}")
    page = staff_client.get(f"{ADMIN}/template/{version.template_id}/change/")
    assert "Hi {name}" in text(page)
    assert 'name="versions-0-text"' not in text(page)


# --- messages and feedback -------------------------------------------------------------------


def test_the_text_of_a_message_is_for_those_who_may_read_it(client: Client):
    message = make_tracked("Balance of {name}", customer=make_customer(name="Li Lei"))
    url = f"{ADMIN}/message/{message.pk}/change/"
    user = clerk("view_message")
    client.force_login(user)
    assert "Balance of Li Lei" not in text(client.get(url))
    user.user_permissions.add(Permission.objects.get(codename="view_message_text"))
    assert "Balance of Li Lei" in text(client.get(url))


def test_messages_are_listed_masked_and_lead_to_their_lives(staff_client: Client):
    message = make_tracked(customer=make_customer(phone="+8613800138000"))
    page = text(staff_client.get(f"{ADMIN}/message/"))
    assert "+86•••••••8000" in page
    assert "13800138000" not in page
    assert f"/admin/tracking/trackingrecord/{message.pk}/change/" in page


def test_the_text_of_a_reply_is_for_those_who_may_read_it(client: Client):
    InboundMessage.objects.create(
        account=make_account(),
        provider_id="1",
        phone="+8613800138000",
        phone_index=b"0" * 16,
        text="private words",
        received_at=timezone.now(),
    )
    user = clerk("view_inboundmessage")
    client.force_login(user)
    assert "private words" not in text(client.get(f"{ADMIN}/inboundmessage/"))
    user.user_permissions.add(Permission.objects.get(codename="view_message_text"))
    assert "private words" in text(client.get(f"{ADMIN}/inboundmessage/"))


def test_a_providers_answer_is_for_those_who_may_read_texts(client: Client):
    submission = Submission.objects.create(
        account=make_account(),
        chunk=make_tracked().chunk,
        at=timezone.now(),
        message_count=1,
        answer="took 13800138000",
    )
    url = f"{ADMIN}/submission/{submission.pk}/change/"
    user = clerk("view_submission")
    client.force_login(user)
    assert "13800138000" not in text(client.get(url))
    user.user_permissions.add(Permission.objects.get(codename="view_message_text"))
    assert "13800138000" in text(client.get(url))


@pytest.mark.parametrize(
    "name", ["submission", "receipt", "callbackrequest", "inboundmessage"]
)
def test_facts_can_be_looked_at_and_not_be_added(staff_client: Client, name: str):
    assert staff_client.get(f"{ADMIN}/{name}/").status_code == 200
    assert staff_client.get(f"{ADMIN}/{name}/add/").status_code == 403
