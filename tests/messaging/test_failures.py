from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from backoffice.kit.phones import BadPhone
from backoffice.platform.models import AuditEntry, Parameter
from customers.models import Customer, Suppression
from messaging.failures import allow, correct, counted, retryable, suppress
from messaging.gate import judge
from messaging.models import FailedNumber, Message, ProviderTemplate
from tests.builders import (
    make_account,
    make_chunk,
    make_customer,
    make_failed_number,
    make_tracked,
)

pytestmark = pytest.mark.django_db

RIGHT = "+8613900139000"


@pytest.mark.requirement("A6")
def test_a_passing_failure_may_be_retried_a_permanent_one_not():
    passing = make_failed_number(failure="unreachable")
    make_failed_number(failure="invalid_number")
    assert list(retryable(FailedNumber.objects.all(), now=timezone.now())) == [passing]


@pytest.mark.requirement("A6")
def test_a_corrected_number_may_be_retried(admin_user: Any):
    failed = make_failed_number(failure="invalid_number")
    correct(failed, RIGHT, by=admin_user)
    assert retryable(FailedNumber.objects.all(), now=timezone.now()).get() == failed


def test_what_was_delivered_after_all_is_not_sent_again():
    failed = make_failed_number(failure="unreachable")
    Message.objects.filter(pk=failed.message_id).update(
        status=Message.Status.DELIVERED, failure=""
    )
    assert not retryable(FailedNumber.objects.all(), now=timezone.now()).exists()


@pytest.mark.requirement("A6")
def test_a_correction_reaches_the_customer_and_not_the_message(admin_user: Any):
    who = make_customer()
    failed = make_failed_number(who)
    assert correct(failed, "139 0013 9000", by=admin_user) is True
    who.refresh_from_db()
    failed.refresh_from_db()
    assert (who.phone, failed.phone, failed.state) == (RIGHT, RIGHT, "corrected")
    assert Message.objects.get().phone != RIGHT


def test_a_customer_with_another_number_by_now_keeps_it(admin_user: Any):
    who = make_customer()
    failed = make_failed_number(who)
    who.set_phone("+8613700137000")
    who.save()
    failed.refresh_from_db()
    assert correct(failed, RIGHT, by=admin_user) is False
    who.refresh_from_db()
    assert who.phone == "+8613700137000"


def test_a_correction_that_is_no_number_changes_nothing(admin_user: Any):
    failed = make_failed_number()
    with pytest.raises(BadPhone):
        correct(failed, "12", by=admin_user)
    failed.refresh_from_db()
    assert failed.state == "open"


def test_a_correction_is_on_record_without_the_number(admin_user: Any):
    correct(make_failed_number(), RIGHT, by=admin_user)
    entry = AuditEntry.objects.get(action="number corrected")
    assert entry.actor == admin_user
    assert "139" not in f"{entry.reason}{entry.detail}"


@pytest.mark.requirement("A6")
def test_a_suppressed_number_gets_no_message_of_any_kind(admin_user: Any):
    who = make_customer()
    make_failed_number(who)
    now = timezone.now()
    assert suppress(FailedNumber.objects.all(), by=admin_user, now=now) == 1
    refused = judge(make_chunk(who), now=timezone.now()).refused
    assert [reason for _pk, reason in refused] == ["suppressed"]
    assert Suppression.objects.get().scope == "everything"


@pytest.mark.requirement("A6")
def test_a_number_is_suppressed_in_every_row_that_lists_it(admin_user: Any):
    who = make_customer()
    one, _other = make_failed_number(who), make_failed_number(who)
    rows = FailedNumber.objects.filter(pk=one.pk)
    suppress(rows, by=admin_user, now=timezone.now())
    assert set(FailedNumber.objects.values_list("state", flat=True)) == {"suppressed"}
    assert Suppression.objects.count() == 1


# --- what is left out, and why ------------------------------------------------------------

NOW = timezone.now()


def failed(**over: Any) -> FailedNumber:
    """A failed number whose message has these columns."""
    failure = over.pop("failure", "unreachable")
    row = make_failed_number(failure=failure)
    Message.objects.filter(pk=row.message_id).update(**over)
    row.refresh_from_db()
    return row


@pytest.mark.requirement("A6")
@pytest.mark.parametrize(
    ("failure", "message", "state", "left"),
    [
        pytest.param("unreachable", {}, "open", "", id="passing"),
        pytest.param("invalid_number", {}, "open", "permanent", id="permanent"),
        pytest.param("invalid_number", {}, "corrected", "", id="corrected"),
        pytest.param("unreachable", {}, "retried", "retried", id="retried"),
        pytest.param("unreachable", {}, "suppressed", "suppressed", id="suppressed"),
        pytest.param("unreachable", {"status": 50}, "open", "reached", id="delivered"),
        pytest.param("unreachable", {"status": 41}, "open", "", id="operator gave up"),
        pytest.param("no_receipt", {"status": 41}, "open", "reached", id="no receipt"),
        pytest.param(
            "unreachable",
            {"is_marketing": False, "expires_at": NOW - timedelta(hours=1)},
            "open",
            "too_late",
            id="a notice whose day is over",
        ),
        pytest.param(
            "unreachable",
            {"expires_at": NOW - timedelta(hours=1)},
            "open",
            "",
            id="an offer is made anew",
        ),
    ],
)
def test_why_a_number_is_left_out(
    failure: str, message: dict[str, Any], state: str, left: str
):
    row = failed(failure=failure, **message)
    Suppression.objects.all().delete()
    FailedNumber.objects.filter(pk=row.pk).update(state=state)
    assert dict(counted(FailedNumber.objects.all(), now=NOW)) == {left: 1}


def test_a_number_suppressed_meanwhile_is_left_out():
    row = failed()
    Suppression.add(row.phone, scope="marketing", reason="reply", now=NOW)
    assert dict(counted(FailedNumber.objects.all(), now=NOW)) == {"suppressed": 1}


def test_over_a_template_channel_goes_only_what_it_approved():
    good, bad = failed(), failed()
    account = make_account(transport="tencent")
    ProviderTemplate.objects.create(
        version=good.message.template_version,
        account=account,
        sign_name="Bank",
        code="1",
        state="approved",
    )
    counts = counted(FailedNumber.objects.all(), now=NOW, account=account)
    assert dict(counts) == {"": 1, "not_approved": 1}
    rows = retryable(FailedNumber.objects.all(), now=NOW, account=account)
    assert [row.pk for row in rows] == [good.pk]
    assert bad.pk != good.pk


def test_a_text_that_one_provider_refused_may_go_over_another():
    one, other = make_account(), make_account()
    message = make_tracked(account=one)
    make_failed_number(message=message, failure="rejected_content")
    rows = FailedNumber.objects.all()
    assert not retryable(rows, now=NOW).exists()
    assert not retryable(rows, now=NOW, account=one).exists()
    assert retryable(rows, now=NOW, account=other).exists()


# --- numbers that are sent nothing any more -----------------------------------------------


def reasons(who: Customer, **over: Any) -> list[str]:
    """Why the gate refuses a marketing SMS to a customer; nothing: it passes."""
    found = judge(make_chunk(who, **over), now=timezone.now()).refused
    return [str(reason) for _pk, reason in found]


@pytest.mark.requirement("A6")
def test_a_number_that_does_not_exist_is_sent_nothing_any_more():
    who = make_customer()
    make_failed_number(who, failure="invalid_number")
    assert reasons(who) == ["dead_number"]


@pytest.mark.parametrize("failure", ["unreachable", "provider_error", "other"])
def test_a_passing_failure_stops_nothing(failure: str):
    who = make_customer()
    make_failed_number(who, failure=failure)
    assert reasons(who) == []


def test_who_blocked_us_twice_gets_no_marketing():
    who = make_customer()
    make_failed_number(who, failure="blocked")
    assert reasons(who) == []
    make_failed_number(who, failure="blocked")
    assert reasons(who) == ["suppressed"]
    assert Suppression.objects.get().scope == "marketing"


@pytest.mark.parametrize(("most", "scopes"), [(0, []), (1, ["dead"]), (2, [])])
def test_after_how_many_failures_is_a_parameter(most: int, scopes: list[str]):
    Parameter.objects.filter(name="stop_after_invalid").update(value=most)
    Parameter.forget()
    make_failed_number(failure="invalid_number")
    assert list(Suppression.objects.values_list("scope", flat=True)) == scopes


def test_what_people_asked_for_is_not_written_over():
    who = make_customer()
    Suppression.add(who.phone, scope="marketing", reason="reply", now=NOW)
    for _time in range(2):
        make_failed_number(who, failure="blocked")
    assert Suppression.objects.get().reason == "reply"


@pytest.mark.requirement("A6")
def test_a_corrected_number_is_sent_to_again(admin_user: Any):
    who = make_customer()
    correct(make_failed_number(who, failure="invalid_number"), RIGHT, by=admin_user)
    assert reasons(Customer.objects.get()) == []


def test_a_correction_to_a_number_that_failed_before_vouches_for_it(admin_user: Any):
    make_failed_number(make_customer(phone=RIGHT), failure="invalid_number")
    who = make_customer()
    correct(make_failed_number(who, failure="unreachable"), RIGHT, by=admin_user)
    who.refresh_from_db()
    assert reasons(who) == []


def test_a_correction_reaches_every_row_of_the_customer(admin_user: Any):
    who = make_customer()
    one = make_failed_number(who, failure="invalid_number")
    make_failed_number(who, failure="invalid_number")
    make_failed_number(make_customer(), failure="invalid_number")
    correct(one, RIGHT, by=admin_user)
    states = FailedNumber.objects.order_by("pk").values_list("state", flat=True)
    assert list(states) == ["corrected", "corrected", "open"]


@pytest.mark.requirement("A6")
def test_staff_allow_a_number_again_with_a_reason(admin_user: Any):
    who = make_customer()
    row = make_failed_number(who, failure="invalid_number")
    rows = FailedNumber.objects.filter(pk=row.pk)
    assert allow(rows, by=admin_user, reason="called them") == 1
    assert reasons(who) == []
    assert retryable(FailedNumber.objects.all(), now=NOW).get() == row
    assert AuditEntry.objects.get(action="numbers allowed").reason == "called them"


def test_allowing_does_not_undo_what_people_asked_for(admin_user: Any):
    who = make_customer()
    make_failed_number(who, failure="invalid_number")
    Suppression.add(who.phone, scope="everything", reason="complaint", now=NOW)
    allow(FailedNumber.objects.all(), by=admin_user, reason="called them")
    assert reasons(who) == ["suppressed"]


def test_an_allowed_number_that_fails_again_is_stopped_again(admin_user: Any):
    who = make_customer()
    make_failed_number(who, failure="invalid_number")
    allow(FailedNumber.objects.all(), by=admin_user, reason="called them")
    make_failed_number(who, failure="invalid_number")
    assert reasons(who) == ["dead_number"]


def test_a_number_reached_after_all_is_sent_to_again():
    who = make_customer()
    row = make_failed_number(who, failure="invalid_number")
    FailedNumber.objects.reached([row.message_id])
    assert reasons(who) == []


def test_a_number_that_failed_twice_and_reached_once_stays_stopped():
    who = make_customer()
    row = make_failed_number(who, failure="invalid_number")
    make_failed_number(who, failure="invalid_number")
    FailedNumber.objects.reached([row.message_id])
    assert reasons(who) == ["dead_number"]


def test_a_row_keeps_what_the_message_had():
    account = make_account()
    row = make_failed_number(message=make_tracked(account=account))
    template = row.message.template_version.template
    assert (row.account, row.template, row.origin) == (account, template, "test")
