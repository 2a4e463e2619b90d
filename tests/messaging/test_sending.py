from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from backoffice.kit.http import Answer
from backoffice.platform.models import Parameter
from customers.models import Suppression
from messaging import calendars, jobs, recording, sending, transports
from messaging.models import (
    Chunk,
    FailedNumber,
    Message,
    ProviderAccount,
    ProviderReference,
    QuietHours,
    Submission,
)
from tests.builders import make_account, make_chunk, make_customer, make_template
from tests.messaging.wire import Wire, caught

pytestmark = pytest.mark.django_db

Status = Message.Status


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch) -> Wire:
    make_account()
    return caught(monkeypatch)


def only(chunk: Chunk) -> Message:
    return Message.objects.get(chunk=chunk)


@pytest.mark.requirement("E3")
def test_accepted_message_is_sent_and_keeps_its_response_code(wire: Wire) -> None:
    chunk = make_chunk()
    sending.send_chunk(chunk.pk)
    message = only(chunk)
    assert message.status == Status.SENT
    assert message.sent_at is not None
    reference = ProviderReference.objects.get(message=message)
    assert (reference.reference, reference.code) == (f"r-{message.id}", "OK")


@pytest.mark.requirement("E1")
def test_provider_is_given_our_sms_id(wire: Wire) -> None:
    chunk = make_chunk()
    sending.send_chunk(chunk.pk)
    assert wire.sent[0]["id"] == str(only(chunk).id)


@pytest.mark.requirement("A5")
def test_text_goes_to_the_platform_filled_and_signed(wire: Wire) -> None:
    chunk = make_chunk(make_customer(phone="+8613800000001"))
    ProviderAccount.objects.update(signature="Bank")
    sending.send_chunk(chunk.pk)
    assert wire.sent[0]["to"] == "+8613800000001"
    text = "【Bank】Hello Li Lei Reply STOP to opt out"
    assert wire.sent[0]["text"] == only(chunk).text() == text


def test_answer_is_kept_verbatim_with_its_request(wire: Wire) -> None:
    sending.send_chunk(make_chunk().pk)
    submission = Submission.objects.get()
    assert json.loads(submission.answer)["results"][0]["code"] == "OK"
    assert (submission.http_status, submission.message_count) == (200, 1)


def test_second_job_for_the_same_chunk_sends_nothing(wire: Wire) -> None:
    chunk = make_chunk()
    sending.send_chunk(chunk.pk)
    sending.send_chunk(chunk.pk)
    assert len(wire.sent) == 1


def test_chunk_that_another_worker_leased_is_left_alone(wire: Wire) -> None:
    chunk = make_chunk()
    assert chunk.lease("other", now=timezone.now(), seconds=60)
    assert sending.send_chunk(chunk.pk) == {}
    assert wire.sent == []


def test_what_a_dead_worker_left_is_unknown_and_not_sent_again(wire: Wire) -> None:
    chunk = make_chunk()
    Message.objects.filter(chunk=chunk).update(status=Status.SENDING)
    sending.send_chunk(chunk.pk)
    assert only(chunk).status == Status.UNKNOWN
    assert wire.sent == []
    assert Chunk.objects.get(pk=chunk.pk).query_at is not None


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (Answer(sent=False, problem="refused"), Status.QUEUED),
        (Answer(429), Status.QUEUED),
        (Answer(500), Status.UNKNOWN),
        (Answer(problem="ServerDisconnectedError"), Status.UNKNOWN),
        (Answer(200, b"garbage"), Status.UNKNOWN),
        (Answer(200, b'{"results": []}'), Status.UNKNOWN),
    ],
)
def test_only_what_was_surely_not_taken_is_queued_again(
    wire: Wire, answer: Answer, status: int
) -> None:
    wire.answer = lambda items: answer
    chunk = make_chunk()
    sending.send_chunk(chunk.pk)
    assert only(chunk).status == status


def test_throttled_message_is_tried_ever_more_rarely_while_it_is_valid(
    wire: Wire,
) -> None:
    wire.answer = lambda items: Answer(429)
    chunk = make_chunk()
    waits = []
    for _attempt in range(6):
        waits.append(try_again(chunk))
    assert waits == sorted(waits)
    assert waits[0] < timedelta(seconds=15)
    assert waits[-1] == recording.LONGEST
    Message.objects.filter(chunk=chunk).update(expires_at=timezone.now())
    try_again(chunk)
    assert (only(chunk).status, only(chunk).failure) == (Status.REFUSED, "too_late")


def try_again(chunk: Chunk) -> timedelta | None:
    """The chunk's message is due, and its account rested; how long it waits after that."""
    now = timezone.now()
    Message.objects.filter(chunk=chunk).update(due_at=now)
    Chunk.objects.filter(pk=chunk.pk).update(next_at=now)
    ProviderAccount.objects.update(slow_until=None)
    sending.send_chunk(chunk.pk)
    message = only(chunk)
    handed = message.fenced_at
    due = message.due_at
    return timedelta(seconds=round((due - handed).total_seconds())) if due else None


@pytest.mark.requirement("A6")
def test_number_that_the_platform_refuses_is_listed_as_failed(wire: Wire) -> None:
    wire.answer = lambda items: Answer(
        200,
        json.dumps(
            {"results": [{"id": items[0]["id"], "code": "INVALID_NUMBER"}]}
        ).encode(),
    )
    chunk = make_chunk(make_customer(phone="+8613800000009"))
    sending.send_chunk(chunk.pk)
    listed = FailedNumber.objects.get(message=only(chunk))
    assert (listed.phone, listed.failure) == ("+8613800000009", "invalid_number")


def test_suppressed_number_gets_no_marketing(wire: Wire) -> None:
    customer = make_customer()
    Suppression.add(
        customer.phone, scope="marketing", reason="asked", now=timezone.now()
    )
    chunk = make_chunk(customer)
    sending.send_chunk(chunk.pk)
    assert (only(chunk).status, only(chunk).failure) == (Status.REFUSED, "suppressed")


def test_suppressed_for_marketing_still_gets_a_service_notice(wire: Wire) -> None:
    customer = make_customer(consent=False)
    Suppression.add(
        customer.phone, scope="marketing", reason="asked", now=timezone.now()
    )
    version = make_template(type_code="repaid", message_type=service_type())
    chunk = make_chunk(customer, version=version)
    sending.send_chunk(chunk.pk)
    assert only(chunk).status == Status.SENT


def service_type() -> Any:
    from tests.builders import make_message_type

    return make_message_type("a-service", purpose="service")


@pytest.mark.requirement("X2")
def test_marketing_without_consent_is_refused_with_the_reason(wire: Wire) -> None:
    chunk = make_chunk(make_customer(consent=False))
    sending.send_chunk(chunk.pk)
    assert only(chunk).failure == "no_consent"


def test_message_that_is_no_longer_valid_is_refused(wire: Wire) -> None:
    chunk = make_chunk(expires_at=timezone.now() - timedelta(seconds=1))
    sending.send_chunk(chunk.pk)
    assert only(chunk).failure == "too_late"


def test_third_marketing_sms_within_a_day_is_capped(wire: Wire) -> None:
    Parameter.objects.filter(name="marketing_cap").update(
        value=[{"count": 2, "hours": 24}]
    )
    customer = make_customer()
    chunks = [make_chunk(customer) for _n in range(3)]
    for chunk in chunks:
        sending.send_chunk(chunk.pk)
    assert [only(chunk).failure for chunk in chunks] == ["", "", "capped"]


def test_marketing_waits_out_the_quiet_hours(wire: Wire) -> None:
    QuietHours.objects.update(start="00:00", end="23:59:59")
    calendars.forget()
    chunk = make_chunk()
    sending.send_chunk(chunk.pk)
    message = only(chunk)
    assert (message.status, message.waiting) == (Status.QUEUED, "quiet_hours")
    assert Chunk.objects.get(pk=chunk.pk).next_at == message.due_at


@pytest.mark.requirement("A4")
def test_missing_field_stops_that_one_message_alone(wire: Wire) -> None:
    whole, lacking = make_customer(), make_customer()
    chunk = make_chunk(whole, lacking, version=make_template("{name}"))
    broken = Message.objects.get(chunk=chunk, customer=lacking)
    broken.parameters = json.dumps({"name": ""})
    broken.save(update_fields=["parameters"])
    sending.send_chunk(chunk.pk)
    assert Message.objects.get(pk=broken.pk).failure == "missing_field"
    assert Message.objects.get(chunk=chunk, customer=whole).status == Status.SENT


def test_without_an_account_messages_wait_and_say_why() -> None:
    chunk = make_chunk()
    sending.send_chunk(chunk.pk)
    assert (only(chunk).status, only(chunk).waiting) == (Status.QUEUED, "no_route")


def test_cancelled_message_is_not_fenced(wire: Wire) -> None:
    chunk = make_chunk()
    Message.objects.filter(chunk=chunk).update(status=Status.CANCELLED)
    sending.send_chunk(chunk.pk)
    assert wire.sent == []


def test_statements_grow_with_fences_not_with_messages(
    wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Parameter, "FRESH", 1000)
    sending.send_chunk(make_chunk().pk)  # parameters are read once
    counts = []
    for size in (50, 200):
        chunk = make_chunk(*(make_customer() for _n in range(size)))
        with CaptureQueriesContext(
            connection,
        ) as queries:
            sending.send_chunk(chunk.pk)
        counts.append(len(queries))
    assert counts[0] == counts[1]


def one_a_fence() -> None:
    Parameter.objects.filter(name="fence_size").update(value=1)


def test_who_lost_the_chunk_hands_over_nothing_more(wire: Wire) -> None:
    def steal(items: list[dict[str, Any]]) -> Answer:
        Chunk.objects.update(lease_owner="other")
        return wire.accept(items)

    one_a_fence()
    wire.answer = steal
    sending.send_chunk(make_chunk(make_customer(), make_customer()).pk)
    assert len(wire.sent) == 1
    states = Message.objects.order_by("status").values_list("status", flat=True)
    assert list(states) == [Status.QUEUED, Status.SENT]


def test_what_is_queued_again_after_the_chunk_was_lost_is_still_found(
    wire: Wire,
) -> None:
    def steal_and_finish(items: list[dict[str, Any]]) -> Answer:
        Chunk.objects.update(lease_owner="", leased_until=None, next_at=None)
        return Answer(429)

    wire.answer = steal_and_finish
    chunk = make_chunk()
    sending.send_chunk(chunk.pk)
    assert only(chunk).status == Status.QUEUED
    assert Chunk.objects.get(pk=chunk.pk).next_at == only(chunk).due_at


def test_release_does_not_write_over_what_became_due_meanwhile(wire: Wire) -> None:
    soon = timezone.now() + timedelta(minutes=1)

    def requeue(items: list[dict[str, Any]]) -> Answer:
        Chunk.objects.update(next_at=soon)
        return wire.accept(items)

    wire.answer = requeue
    chunk = make_chunk()
    sending.send_chunk(chunk.pk)
    assert Chunk.objects.get(pk=chunk.pk).next_at == soon


def test_answer_to_an_earlier_attempt_changes_nothing(wire: Wire) -> None:
    def sent_again_meanwhile(items: list[dict[str, Any]]) -> Answer:
        Message.objects.update(attempts=2)
        return Answer(429)

    wire.answer = sent_again_meanwhile
    chunk = make_chunk()
    sending.send_chunk(chunk.pk)
    assert only(chunk).status == Status.SENDING


def test_sweep_wakes_workers_for_due_chunks_of_each_lane(queued: Any) -> None:
    service = make_template(type_code="repaid", message_type=service_type())
    chunks = [make_chunk(), make_chunk(version=service)]
    queued.jobs.clear()
    assert jobs.sweep()["chunks"] == 2
    woken = {(args[0], lane) for name, args, lane in queued.jobs if args}
    assert woken == {(chunks[0].pk, "marketing"), (chunks[1].pk, "service")}


def test_sweep_adds_nothing_to_a_lane_that_is_full(
    queued: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_chunk()
    monkeypatch.setattr(jobs, "waiting", lambda lane: jobs.SWEEP_MOST)
    assert jobs.sweep()["chunks"] == 0


def test_every_listed_transport_is_there() -> None:
    for slug in transports.TRANSPORTS:
        assert transports.transport(slug).batch > 0
