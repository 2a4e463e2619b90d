from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection

from backoffice.platform.models import AuditEntry
from campaigns.activities import AlreadySignedUp, admission, stop
from campaigns.models import Push, SignUp
from campaigns.risk import warnings
from customers.models import CreditFacts, Suppression
from messaging.gate import judge
from messaging.models import Call, Message
from tests.builders import NOON, make_business_type, make_chunk
from tracking.models import DayRollup

from .sign_ups import (
    make_activity,
    make_guest,
    make_sign_up,
    make_verification,
)
from .world import make_event

pytestmark = pytest.mark.django_db


def test_a_customer_signs_up_once() -> None:
    activity, customer = make_activity(), make_guest()
    make_sign_up(activity, customer)
    with pytest.raises(AlreadySignedUp):
        make_sign_up(activity, customer)
    assert SignUp.objects.count() == 1


def test_the_answers_rest_encrypted() -> None:
    row = make_sign_up(answers={"card": "6222000047191234"})
    with connection.cursor() as cursor:
        cursor.execute("SELECT answers FROM campaigns_signup WHERE id = %s", [row.pk])
        stored = bytes(cursor.fetchone()[0])
    assert b"4719" not in stored
    row.refresh_from_db()
    assert "6222000047191234" in row.answers


@pytest.mark.requirement("X1")
def test_a_sign_up_is_behaviour_of_the_activitys_business_type() -> None:
    business_type = make_business_type("draws")
    row = make_sign_up(make_activity(business_type=business_type))
    rolled = DayRollup.objects.get(kind="sign_up")
    assert (rolled.business_type, rolled.customer_id) == (
        business_type,
        row.customer_id,
    )
    assert rolled.count == 1


def test_a_sign_up_has_its_check_begun(queued: Any) -> None:
    row = make_sign_up()
    assert ("campaigns.jobs.begin_verification", (row.pk,), "voice") in queued.jobs


# --- stopped (D7) -----------------------------------------------------------------


@pytest.mark.requirement("D7")
def test_a_stopped_sign_up_is_intercepted_and_on_record() -> None:
    row = make_sign_up()
    assert stop(row, NOON, reason="different")
    row.refresh_from_db()
    assert (row.status, row.stopped_at) == (SignUp.Status.INTERCEPTED, NOON)
    entry = AuditEntry.objects.get(action="sign_up.stop")
    assert (entry.object_id, entry.reason) == (str(row.pk), "different")


@pytest.mark.requirement("D7")
def test_a_stopped_customer_reaches_the_page_no_more() -> None:
    activity, customer = make_activity(), make_guest()
    stop(make_sign_up(activity, customer), NOON, reason="different")
    assert admission(activity, customer, NOON) == "other"


@pytest.mark.requirement("D7")
def test_stopping_cancels_what_waits_for_the_customer_in_this_activity() -> None:
    activity, customer = make_activity(), make_guest()
    event = make_event(activity=activity)
    push = Push.objects.create(event=event, frozen={}, as_of=NOON, started_at=NOON)
    mine = make_chunk(customer, origin=push.origin)
    others = make_chunk(make_guest(), origin=push.origin)
    elsewhere = make_chunk(customer, origin="notices")
    stop(make_sign_up(activity, customer), NOON, reason="different")
    assert [_status_of(chunk) for chunk in (mine, others, elsewhere)] == [
        Message.Status.CANCELLED,
        Message.Status.QUEUED,
        Message.Status.QUEUED,
    ]


@pytest.mark.requirement("D7")
def test_what_a_provider_gives_back_after_the_stop_is_not_tried_again() -> None:
    activity, customer = make_activity(), make_guest()
    event = make_event(activity=activity)
    push = Push.objects.create(event=event, frozen={}, as_of=NOON, started_at=NOON)
    chunk = make_chunk(customer, origin=push.origin)
    messages = Message.objects.filter(chunk=chunk)
    messages.update(status=Message.Status.SENDING)
    stop(make_sign_up(activity, customer), NOON, reason="different")
    messages.update(status=Message.Status.QUEUED, due_at=NOON)
    (refused,) = judge(chunk, now=NOON).refused
    assert refused == (messages.get().pk, "too_late")


@pytest.mark.requirement("D7")
def test_stopping_cancels_the_call_that_waits() -> None:
    verification = make_verification()
    stop(verification.sign_up, NOON, reason="by hand")
    assert Call.objects.get().status == Call.Status.FAILED


def test_stopping_twice_changes_nothing() -> None:
    row = make_sign_up()
    stop(row, NOON, reason="different")
    assert not stop(row, NOON + timedelta(hours=1), reason="again")
    assert AuditEntry.objects.filter(action="sign_up.stop").count() == 1


def _status_of(chunk: Any) -> int:
    return Message.objects.get(chunk=chunk).status


# --- the weaker signals (D8) --------------------------------------------------------


@pytest.mark.requirement("D8")
def test_sign_ups_of_one_address_and_one_device_are_counted() -> None:
    activity = make_activity()
    make_sign_up(activity, ip="10.0.0.1", device="d1")
    make_sign_up(activity, ip="10.0.0.1", device="d2")
    row = _fresh(make_sign_up(activity, ip="10.0.0.1", device="d1"))
    assert (row.risk["same_ip"], row.risk["same_device"]) == (3, 2)


@pytest.mark.requirement("D8")
def test_sign_ups_of_one_range_of_numbers_are_counted() -> None:
    activity = make_activity()
    make_sign_up(activity, make_guest(phone="+8613911110001"))
    make_sign_up(activity, make_guest(phone="+8613922220002"))
    row = _fresh(make_sign_up(activity, make_guest(phone="+8613911110003")))
    assert row.risk["same_phone_range"] == 2


@pytest.mark.requirement("D8")
def test_the_activities_a_customer_entered_are_counted() -> None:
    customer = make_guest()
    make_sign_up(customer=customer)
    assert _fresh(make_sign_up(customer=customer)).risk["activities"] == 2


@pytest.mark.requirement("D8")
def test_block_lists_are_warnings_that_do_not_decide() -> None:
    customer = make_guest()
    CreditFacts.objects.create(customer=customer, blacklisted=True, as_of=NOON)
    Suppression.add(customer.phone, scope="everything", reason="fraud", now=NOON)
    row = _fresh(make_sign_up(customer=customer))
    assert warnings(row.risk) == ["blacklisted", "suppressed"]
    assert row.status == SignUp.Status.PENDING


@pytest.mark.requirement("D8")
def test_a_count_warns_above_its_parameter() -> None:
    assert warnings({"same_ip": 5}) == []
    assert warnings({"same_ip": 6}) == ["same_ip"]


def _fresh(row: SignUp) -> SignUp:
    return SignUp.objects.get(pk=row.pk)
