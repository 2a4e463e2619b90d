from __future__ import annotations

from typing import Any

import pytest
from django.utils import timezone

from backoffice.kit.phones import BadPhone
from backoffice.platform.models import AuditEntry
from customers.models import Suppression
from messaging.failures import correct, retryable, suppress
from messaging.gate import judge
from messaging.models import FailedNumber, Message
from tests.builders import make_chunk, make_customer, make_failed_number

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
