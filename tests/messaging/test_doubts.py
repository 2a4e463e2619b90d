"""SMS in doubt for more than a day: staff find them, ask again, decide."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.test import Client
from django.utils import timezone

from backoffice.kit.http import Answer
from backoffice.platform.models import AuditEntry
from messaging.doubts import Answers, ask_again, mark
from messaging.models import Doubt, FailedNumber, Message
from messaging.receipts import settle
from messaging.transports.base import ReceiptEvent
from tests.builders import make_account, make_customer, make_message

pytestmark = pytest.mark.django_db

Status = Message.Status
LIST = "/admin/messaging/doubt/"


def doubtful(**over: Any) -> Message:
    values = {
        "status": Status.UNKNOWN,
        "needs_person": True,
        "due_at": None,
        "attempts": 1,
        "fenced_at": timezone.now() - timedelta(hours=30),
        "account": over.pop("account", None) or make_account(),
        **over,
    }
    return make_message(make_customer(), **values)


def act(client: Client, action: str, *rows: Message, **data: str) -> Any:
    given = {"action": action, "_selected_action": [str(row.pk) for row in rows]}
    return client.post(LIST, {**given, **data})


# --- the list ------------------------------------------------------------------------------


def test_only_what_nobody_knows_is_listed(staff_client: Client):
    open_ = doubtful()
    doubtful(needs_person=False)
    doubtful(status=Status.DELIVERED)  # a late receipt
    page = staff_client.get(LIST)
    assert [row.pk for row in page.context["cl"].result_list] == [open_.pk]


def test_the_index_counts_them_however_old(staff_client: Client):
    doubtful()
    numbers = {
        str(one.label): one.value
        for one in staff_client.get("/admin/").context["waiting"]
    }
    assert numbers["SMS in doubt for a day"] == 1


def test_who_may_not_act_only_looks(client: Client):
    message = doubtful()
    user = get_user_model().objects.create_user("clerk", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_doubt"))
    client.force_login(user)
    assert client.get(LIST).status_code == 200
    act(client, "mark_sent", message, confirmed="yes", reason="x")
    message.refresh_from_db()
    assert message.status == Status.UNKNOWN


# --- by hand ---------------------------------------------------------------------------------


def test_marked_as_sent_it_was_sent_when_it_was_handed_over(admin_user: Any):
    message = doubtful()
    rows = Doubt.objects.filter(pk=message.pk)
    assert mark(rows, Status.SENT, by=admin_user, reason="log", now=timezone.now()) == 1
    message.refresh_from_db()
    assert (message.status, message.sent_at) == (Status.SENT, message.fenced_at)
    assert not message.needs_person


@pytest.mark.requirement("A6")
def test_marked_as_failed_it_is_among_the_failed_numbers(admin_user: Any):
    message = doubtful()
    now = timezone.now()
    mark(Doubt.objects.all(), Status.FAILED, by=admin_user, reason="log", now=now)
    message.refresh_from_db()
    assert (message.status, message.failure) == (Status.FAILED, "other")
    assert FailedNumber.objects.get().message_id == message.pk


def test_what_a_receipt_settled_meanwhile_is_left(admin_user: Any):
    message = doubtful()
    Message.objects.update(status=Status.DELIVERED)
    now = timezone.now()
    rows = Doubt.objects.filter(pk=message.pk)
    assert mark(rows, Status.FAILED, by=admin_user, reason="log", now=now) == 0
    message.refresh_from_db()
    assert message.status == Status.DELIVERED


def test_a_receipt_still_wins_over_what_staff_said(admin_user: Any):
    message = doubtful()
    now = timezone.now()
    mark(Doubt.objects.all(), Status.FAILED, by=admin_user, reason="log", now=now)
    event = ReceiptEvent("r1", message.phone, Status.DELIVERED, message_id=message.pk)
    settle(message.account, [event], now=now)
    message.refresh_from_db()
    assert message.status == Status.DELIVERED


def test_a_decision_is_on_record_with_its_reason(staff_client: Client):
    message = doubtful()
    assert b"Reason" in act(staff_client, "mark_failed", message).content
    act(staff_client, "mark_failed", message, confirmed="yes", reason="provider's log")
    entry = AuditEntry.objects.get(action="doubt settled")
    assert entry.reason == "provider's log"
    assert entry.detail == {"status": "failed", "count": 1, "sms": [str(message.pk)]}


def test_without_a_reason_nothing_is_decided(staff_client: Client):
    message = doubtful()
    act(staff_client, "mark_sent", message, confirmed="yes", reason="")
    message.refresh_from_db()
    assert message.status == Status.UNKNOWN


# --- asked again -----------------------------------------------------------------------------


@pytest.fixture
def says(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the provider answers by SMS id; without one it knows nothing of it."""
    known: dict[str, Any] = {}

    def send(_http: Any, requests: Any) -> list[Answer]:
        ids = json.loads(requests[0].body)["ids"]
        rows = [
            {"id": one, "reference": "r1", "found": one in known, **known.get(one, {})}
            for one in ids
        ]
        return [Answer(200, json.dumps({"results": rows}).encode())]

    monkeypatch.setattr("backoffice.kit.http.Session.send", send)
    return known


def asked(by: Any) -> Answers:
    return ask_again(Doubt.objects.all(), by=by, now=timezone.now())


def test_what_the_provider_knows_is_settled(admin_user: Any, says: dict[str, Any]):
    account = make_account()
    one, other = doubtful(account=account), doubtful(account=account)
    says[str(one.pk)] = {"status": "DELIVERED"}
    assert asked(admin_user) == Answers(settled=1, unknown_there=1)
    one.refresh_from_db()
    other.refresh_from_db()
    assert (one.status, one.needs_person) == (Status.DELIVERED, False)
    assert (other.status, other.needs_person) == (Status.UNKNOWN, True)


def test_asking_often_sends_nothing_again(admin_user: Any, says: dict[str, Any]):
    message = doubtful(is_marketing=False)
    for _time in range(3):
        asked(admin_user)
    message.refresh_from_db()
    assert message.status == Status.UNKNOWN


def test_a_provider_that_cannot_be_asked_says_nothing(admin_user: Any):
    doubtful(account=make_account(transport="kannel"))
    assert asked(admin_user) == Answers(silent=1)


def test_asking_is_on_record_and_its_outcome_said(
    staff_client: Client, says: dict[str, Any]
):
    message = doubtful()
    page = staff_client.post(
        LIST,
        {"action": "ask_provider", "_selected_action": [str(message.pk)]},
        follow=True,
    )
    assert "1 are not known to the provider" in page.content.decode()
    assert AuditEntry.objects.get(action="doubt asked").detail["count"] == 1
