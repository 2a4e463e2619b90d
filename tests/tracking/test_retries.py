from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from backoffice.platform.models import AuditEntry
from messaging.failures import correct
from messaging.gate import judge
from messaging.models import FailedNumber, Message
from messaging.routing import assign, network
from tests.builders import make_account, make_failed_number, make_tracked
from tracking.links import short_url
from tracking.models import TrackingRecord
from tracking.retries import Retried, retry

pytestmark = pytest.mark.django_db

RIGHT = "+8613900139000"
TREE = [{"name": "channel", "value": "sms", "children": []}]


def retried(by: Any, **over: Any) -> Retried:
    return retry(FailedNumber.objects.all(), by=by, now=timezone.now(), **over)


@pytest.mark.requirement("A6")
def test_a_retry_is_a_new_message_of_the_same_text(admin_user: Any, queued: Any):
    old = make_failed_number(failure="unreachable").message
    assert retried(admin_user) == Retried(sent=1, left=0)
    new = Message.objects.exclude(pk=old.pk).get()
    assert (new.text(), new.phone) == (old.text(), old.phone)
    assert new.status == Message.Status.QUEUED
    assert "messaging.jobs.send_chunk" in queued.names


@pytest.mark.requirement("A6")
def test_a_retry_goes_to_the_corrected_number(admin_user: Any):
    failed = make_failed_number(failure="invalid_number")
    correct(failed, RIGHT, by=admin_user)
    retried(admin_user)
    assert Message.objects.exclude(pk=failed.message_id).get().phone == RIGHT


@pytest.mark.requirement("A6")
def test_a_number_that_does_not_exist_is_left(admin_user: Any):
    make_failed_number(failure="invalid_number")
    assert retried(admin_user) == Retried(sent=0, left=1)


@pytest.mark.requirement("A6")
def test_two_clicks_send_once(admin_user: Any):
    make_failed_number(failure="unreachable")
    retried(admin_user)
    assert retried(admin_user) == Retried(sent=0, left=1)
    assert Message.objects.count() == 2


@pytest.mark.requirement("E2")
def test_a_retry_has_a_tracking_record_and_a_code_of_its_own(admin_user: Any):
    old = make_tracked("Look: {link}", code="abcd2345", tree=TREE)
    make_failed_number(message=old, failure="unreachable")
    retried(admin_user)
    new = TrackingRecord.objects.exclude(message=old).get()
    was = TrackingRecord.objects.get(message=old)
    assert new.code not in (None, "abcd2345")
    assert new.message.values["link"] == short_url(new.code)
    assert (new.parameters, new.target) == (was.parameters, was.target)
    assert new.requested_by == was.requested_by


def test_a_retry_without_a_link_has_no_code(admin_user: Any):
    make_failed_number(message=make_tracked("Hello", code=None), failure="unreachable")
    retried(admin_user)
    assert set(TrackingRecord.objects.values_list("code", flat=True)) == {None}


@pytest.mark.requirement("A6")
def test_a_retry_over_a_chosen_provider_goes_over_no_other(admin_user: Any):
    old = make_failed_number(message=make_tracked()).message
    chosen, _other = make_account(), make_account()
    retried(admin_user, account=chosen)
    new = Message.objects.exclude(pk=old.pk).get()
    now = timezone.now()
    passed = judge(new.chunk, now=now).passed
    over = assign(passed, network({new.template_version_id}), now=now)
    assert [account for account, _some in over.ways] == [chosen]
    assert AuditEntry.objects.get(action="failed numbers sent again").detail == {
        "sent": 1,
        "left": 0,
        "over": chosen.name,
    }


def test_a_notice_sent_again_keeps_its_validity(admin_user: Any):
    until = timezone.now() + timedelta(minutes=20)
    old = make_tracked(is_marketing=False, expires_at=until)
    make_failed_number(message=old)
    retried(admin_user)
    assert Message.objects.exclude(pk=old.pk).get().expires_at == until


def test_statements_do_not_grow_with_the_numbers(
    admin_user: Any, django_assert_max_num_queries: Any, queued: Any
):
    version = make_tracked().template_version
    for _n in range(12):
        message = make_tracked(template_version=version)
        make_failed_number(message=message)
    with django_assert_max_num_queries(16):
        assert retried(admin_user).sent == 12
