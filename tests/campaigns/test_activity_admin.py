from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client

from backoffice.platform.models import AuditEntry
from campaigns.admin.activities import CallTemplateForm
from campaigns.models import SignUp
from messaging.models import Call

from .sign_ups import (
    encrypted,
    end_call,
    make_activity,
    make_guest,
    make_sign_up,
    make_verification,
)

pytestmark = pytest.mark.django_db


def read(client: Client, path: str) -> str:
    return client.get(f"/admin/{path}").content.decode()


@pytest.mark.requirement("D4")
@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{question} {expected}", "there is no field “expected”"),
        ("{question} {answer}", "there is no field “answer”"),
        ("Hello from {activity}", "must hold {question}"),
    ],
)
def test_a_call_template_cannot_hold_the_answer(text: str, problem: str) -> None:
    form = CallTemplateForm({"name": "t", "language": "en", "text": text})
    assert problem in str(form.errors)


@pytest.mark.parametrize(
    "path",
    [
        "campaigns/activity/",
        "campaigns/activity/add/",
        "campaigns/calltemplate/",
        "campaigns/signup/",
        "campaigns/verification/",
        "messaging/call/",
    ],
)
def test_the_lists_are_shown(staff_client: Client, path: str) -> None:
    make_verification()
    assert staff_client.get(f"/admin/{path}").status_code == 200


def test_an_activity_counts_its_sign_ups_once_for_two_labels(
    staff_client: Client,
) -> None:
    activity = make_activity()
    activity.labels.create(code="gold", name="Gold")
    make_sign_up(activity, make_guest())
    page = read(staff_client, "campaigns/activity/")
    assert f'activity__id__exact={activity.pk}">1</a>' in page


def test_the_preview_shows_both_languages(staff_client: Client) -> None:
    activity = make_activity()
    page = read(staff_client, f"campaigns/activity/{activity.pk}/preview/")
    assert "Last four digits of your card" in page
    assert "银行卡后四位" in page
    assert page.count('srcdoc="&lt;!doctype html') == 2


@pytest.mark.requirement("D8")
def test_the_signals_stand_beside_the_verdict(staff_client: Client) -> None:
    verification = make_verification()
    SignUp.objects.update(risk={"same_ip": 9})
    page = read(staff_client, f"campaigns/verification/{verification.pk}/change/")
    assert "sign-ups from the same address</td><td>9</td><td>⚠" in page


@pytest.mark.parametrize("model", ["signup", "verification"])
def test_answers_are_masked(staff_client: Client, model: str) -> None:
    verification = make_verification()
    end_call(verification, heard="4719", confidence=0.9)
    pk = verification.pk if model == "verification" else verification.sign_up_id
    assert "4719" not in read(staff_client, f"campaigns/{model}/{pk}/change/")


def test_answers_are_revealed_for_a_reason_on_record(staff_client: Client) -> None:
    row = make_sign_up()
    sent = {"confirmed": "yes", "reason": "asked by the customer"}
    page = staff_client.post(f"/admin/campaigns/signup/{row.pk}/reveal/", sent)
    assert "6222 0000 4719" in page.content.decode()
    assert AuditEntry.objects.get(action="reveal").reason == "asked by the customer"


def test_overruling_asks_for_a_reason(staff_client: Client) -> None:
    verification = make_verification()
    where = f"/admin/campaigns/verification/{verification.pk}/overrule/"
    staff_client.post(where, {"confirmed": "yes", "verdict": "mismatch"})
    assert SignUp.objects.get().status == SignUp.Status.PENDING


@pytest.mark.requirement("D7")
def test_staff_stop_a_sign_up_by_hand(staff_client: Client) -> None:
    verification = make_verification()
    where = f"/admin/campaigns/verification/{verification.pk}/overrule/"
    sent = {"confirmed": "yes", "verdict": "mismatch", "reason": "known agent"}
    staff_client.post(where, sent)
    assert SignUp.objects.get().status == SignUp.Status.INTERCEPTED


def test_who_may_only_look_cannot_overrule(django_user_model: Any) -> None:
    verification = make_verification()
    viewer = django_user_model.objects.create_user("v", password="x", is_staff=True)
    viewer.user_permissions.add(Permission.objects.get(codename="view_verification"))
    client = Client()
    client.force_login(viewer)
    where = f"/admin/campaigns/verification/{verification.pk}/overrule/"
    assert client.get(where).status_code == 403


def test_a_preview_is_for_who_may_see_activities(django_user_model: Any) -> None:
    activity = make_activity()
    client = Client()
    client.force_login(django_user_model.objects.create_user("n", is_staff=True))
    where = f"/admin/campaigns/activity/{activity.pk}/preview/"
    assert client.get(where).status_code == 403


def test_listening_to_an_answer_is_on_record(staff_client: Client) -> None:
    call = end_call(make_verification(), recording=encrypted(b"RIFFwave"))
    where = f"/admin/messaging/call/{call.pk}/recording/"
    assert "<audio" not in staff_client.get(where).content.decode()
    page = staff_client.post(where, {"confirmed": "yes", "reason": "complaint"})
    assert "<audio" in page.content.decode()
    entry = AuditEntry.objects.get(action="recording.listen")
    assert entry.object_id == str(Call.objects.get().pk)
