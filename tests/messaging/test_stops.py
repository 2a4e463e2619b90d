"""The kill switch: acts at the next fence, loses nothing, starves nobody."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from backoffice.kit.http import Answer
from backoffice.platform.models import AuditEntry, Parameter
from messaging import calls, jobs, sending, stopping
from messaging.models import Call, Chunk, Message, ProviderAccount, Stop
from messaging.models.stop import account_target, lane_target
from tests.builders import (
    make_account,
    make_chunk,
    make_customer,
    make_message_type,
    make_template,
)
from tests.messaging.wire import Wire, caught

pytestmark = pytest.mark.django_db

Status = Message.Status


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch) -> Wire:
    make_account()
    return caught(monkeypatch)


def stop(target: str) -> Stop:
    return stopping.stop(
        target, label=target, reason="a test", by=None, now=timezone.now()
    )


def service_chunk() -> Chunk:
    kind = make_message_type("repaid", purpose="service")
    return make_chunk(version=make_template(message_type=kind))


def statuses() -> list[int]:
    rows = Message.objects.order_by("status").values_list("status", flat=True)
    return list(rows)


@pytest.mark.parametrize(
    ("target", "is_held"),
    [
        ("everything", True),
        ("lane:marketing", True),
        ("push:987654", True),
        ("lane:service", False),
        ("push:98765", False),
        ("push:9876543", False),
        ("account:987654", False),
    ],
)
def test_what_a_stop_holds(wire: Wire, target: str, is_held: bool) -> None:
    stop(target)
    sending.send_chunk(make_chunk(origin="push:987654").pk)
    assert statuses() == [Status.QUEUED if is_held else Status.SENT]


@pytest.mark.parametrize("target", ["everything", "lane:marketing", "push:12"])
def test_stop_in_mid_flight_holds_the_next_fence(wire: Wire, target: str) -> None:
    def stop_meanwhile(items: list[dict[str, Any]]) -> Answer:
        stop(target)
        return wire.accept(items)

    one_a_fence()
    wire.answer = stop_meanwhile
    chunk = make_chunk(*(make_customer() for _n in range(3)), origin="push:12")
    sending.send_chunk(chunk.pk)
    assert statuses() == [Status.QUEUED, Status.QUEUED, Status.SENT]


def one_a_fence() -> None:
    Parameter.objects.filter(name="fence_size").update(value=1)


def test_what_waited_goes_out_after_resuming(wire: Wire, queued: Any) -> None:
    row = stop("push:12")
    chunk = make_chunk(make_customer(), make_customer(), origin="push:12")
    sending.send_chunk(chunk.pk)
    stopping.resume(row, reason="over", by=None)
    queued.run_all()
    assert statuses() == [Status.SENT, Status.SENT]


def test_stopped_account_takes_nothing_and_another_goes_on(wire: Wire) -> None:
    def stop_its_account(items: list[dict[str, Any]]) -> Answer:
        if not Stop.objects.exists():
            stop(account_target(used().pk))
        return wire.accept(items)

    def used() -> ProviderAccount:
        message = Message.objects.get(status=Status.SENDING)
        return ProviderAccount.objects.get(pk=message.account_id)

    one_a_fence()
    make_account()
    wire.answer = stop_its_account
    chunk = make_chunk(*(make_customer() for _n in range(4)))
    for _visit in range(2):
        sending.send_chunk(chunk.pk)
    assert statuses() == [Status.SENT] * 4
    over = Message.objects.order_by("fenced_at").values_list("account", flat=True)
    assert [account == over[0] for account in over] == [True, False, False, False]


def test_stopped_everywhere_nobody_is_called(wire: Wire) -> None:
    make_account(channel="voice")
    stop("everything")
    call = Call.objects.create(
        phone="+8613800000001",
        script="?",
        language="en",
        answer_kind="yesno",
        created_at=timezone.now(),
        due_at=timezone.now(),
    )
    assert not calls.place(call.pk, timezone.now())
    assert Call.objects.get().status == Call.Status.QUEUED


def test_stopped_chunks_do_not_keep_others_from_the_sweep(
    wire: Wire, queued: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "SWEEP_MOST", 3)
    stop("push:12")
    long_ago = timezone.now() - timedelta(hours=1)
    for _n in range(5):
        make_chunk(origin="push:12", now=long_ago)
    free = make_chunk(origin="push:13")
    queued.jobs.clear()
    assert jobs.wake_due() == {"service": 0, "marketing": 1}
    assert queued.jobs == [("messaging.jobs.send_chunk", (free.pk,), "marketing")]


def test_marketing_is_stopped_and_service_goes_on(wire: Wire) -> None:
    stop(lane_target("marketing"))
    for chunk in (make_chunk(), service_chunk()):
        sending.send_chunk(chunk.pk)
    assert statuses() == [Status.QUEUED, Status.SENT]


def test_stop_that_stands_keeps_its_first_reason() -> None:
    first = stop("everything")
    again = stopping.stop(
        "everything", label="x", reason="y", by=None, now=timezone.now()
    )
    assert (again.pk, again.reason) == (first.pk, "a test")
    assert AuditEntry.objects.filter(action="sending.stop").count() == 1


# --- in the admin -----------------------------------------------------------------------

PAGE = "/admin/messaging/stop/"


def test_staff_stop_and_resume_with_reasons_on_record(staff_client: Any) -> None:
    given = {"target": "everything", "reason": "the texts are wrong"}
    staff_client.post(f"{PAGE}add/", given)
    row = Stop.objects.get()
    assert (row.by, row.reason) == (staff_client.user, "the texts are wrong")
    assert "the texts are wrong" in staff_client.get("/admin/").content.decode()
    answer = {"confirmed": "yes", "reason": "corrected"}
    staff_client.post(f"{PAGE}{row.pk}/resume/", answer)
    assert not Stop.objects.exists()
    said = AuditEntry.objects.order_by("pk").values_list("action", "reason", "actor")
    assert list(said) == [
        ("sending.stop", "the texts are wrong", staff_client.user.pk),
        ("sending.resume", "corrected", staff_client.user.pk),
    ]


def test_neither_is_done_without_a_reason(staff_client: Any) -> None:
    staff_client.post(f"{PAGE}add/", {"target": "everything", "reason": ""})
    assert not Stop.objects.exists()
    row = stop("everything")
    staff_client.post(f"{PAGE}{row.pk}/resume/", {"confirmed": "yes", "reason": ""})
    assert Stop.objects.exists()


def test_same_thing_is_not_stopped_twice(staff_client: Any) -> None:
    stop("everything")
    page = staff_client.post(f"{PAGE}add/", {"target": "everything", "reason": "x"})
    assert "It is stopped already." in page.content.decode()


def test_an_account_is_stopped_by_its_name(staff_client: Any) -> None:
    account = make_account(name="Main")
    target = account_target(account.pk)
    staff_client.post(f"{PAGE}add/", {"target": target, "reason": "its price"})
    assert Stop.objects.get().label == "Account “Main”"
