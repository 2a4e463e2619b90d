"""A push is paused, resumed and cancelled while it runs."""

from __future__ import annotations

from datetime import timedelta
from threading import Thread
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from backoffice.kit.bulk import is_postgres
from backoffice.platform.models import AuditEntry, Parameter
from campaigns import jobs, pushes, steering
from campaigns.admin.pushes import refused_rows
from campaigns.models import Push, PushPart
from campaigns.pushes import progress, refusals, settled_share, start, sweep_pushes
from messaging import stopping
from messaging.models import Chunk, Message, Stop
from tests.builders import make_account, make_business_type
from tests.campaigns.world import make_event, make_member
from tests.messaging.wire import Wire, caught

pytestmark = pytest.mark.django_db

Status = Message.Status
PAGE = "/admin/campaigns/push"


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch) -> Wire:
    make_account()
    return caught(monkeypatch)


@pytest.fixture
def push(queued: Any) -> Push:
    """Six people in three parts of two; nothing made yet."""
    Parameter.objects.filter(name="send_chunk_size").update(value=2)
    return started()


def started(people: int = 6, **event: Any) -> Push:
    business_type = make_business_type()
    for _n in range(people):
        make_member(business_type)
    return start(make_event(business_type, **event), by=None, now=timezone.now())


def pause(push: Push) -> None:
    steering.pause(push, reason="a test", by=None, now=timezone.now())


def cancel(push: Push) -> bool:
    done = steering.cancel(push, reason="a test", by=None, now=timezone.now())
    push.refresh_from_db()
    return done


def fill(push: Push, number: int) -> None:
    jobs.fill_part(PushPart.objects.get(push=push, number=number).pk)


def in_a_minute(push: Push) -> dict[str, int]:
    return sweep_pushes(timezone.now() + timedelta(minutes=1))


def test_paused_push_makes_and_sends_nothing(push: Push, wire: Wire) -> None:
    fill(push, 0)
    pause(push)
    fill(push, 1)
    assert len(wire.sent) == 2
    assert progress(push)["to_make"] == 4
    assert in_a_minute(push) == {"woken": 0, "done": 0}


def test_resumed_push_reaches_everybody_once(
    push: Push, wire: Wire, queued: Any
) -> None:
    fill(push, 0)
    pause(push)
    queued.run_all()
    steering.resume(push, reason="a test", by=None)
    in_a_minute(push)
    queued.run_all()
    assert len({one["to"] for one in wire.sent}) == len(wire.sent) == 6
    in_a_minute(push)
    push.refresh_from_db()
    assert push.status == Push.Status.DONE


def test_stop_of_all_marketing_holds_a_push_as_well(push: Push, wire: Wire) -> None:
    stopping.stop("lane:marketing", label="x", reason="x", by=None, now=timezone.now())
    fill(push, 0)
    assert (wire.sent, progress(push)["to_make"]) == ([], 6)


def test_cancelled_push_sends_nothing_more(push: Push, wire: Wire, queued: Any) -> None:
    fill(push, 0)
    assert cancel(push)
    queued.run_all()
    assert len(wire.sent) == 2
    assert push.status == Push.Status.CANCELLED
    assert progress(push) == {"sent": 2, "replied": 0, "not_made": 4}
    assert settled_share(push) == 100


def test_what_is_made_and_waits_is_cancelled(push: Push, queued: Any) -> None:
    fill(push, 0)  # no account: it waits
    cancel(push)
    queued.run_all()
    assert progress(push)["cancelled"] == 2
    assert not Chunk.objects.filter(next_at__isnull=False).exists()
    assert not Stop.objects.exists()


def test_what_a_worker_has_is_finished_and_its_leftovers_cancelled_later(
    push: Push, queued: Any
) -> None:
    fill(push, 0)
    first = Message.objects.first()
    Message.objects.filter(pk=first.pk).update(status=Status.SENDING)
    now = timezone.now()
    Chunk.objects.update(leased_until=now + timedelta(minutes=2), lease_owner="worker")
    cancel(push)
    queued.run_all()
    assert progress(push) == {"sending": 1, "cancelled": 1, "replied": 0, "not_made": 4}
    assert Stop.objects.filter(target=push.origin).exists()
    # The provider took nothing of it, and the worker gives the chunk back.
    Message.objects.filter(pk=first.pk).update(status=Status.QUEUED, due_at=now)
    Chunk.objects.update(leased_until=None, next_at=now)
    jobs.sweep_pushes()
    assert progress(push)["cancelled"] == 2
    assert not Stop.objects.exists()


def test_what_a_dead_worker_left_of_a_cancelled_push_is_in_doubt(
    push: Push, queued: Any
) -> None:
    fill(push, 0)
    long_ago = timezone.now() - timedelta(minutes=5)
    Message.objects.update(status=Status.SENDING)
    Chunk.objects.update(leased_until=long_ago, lease_owner="dead")
    cancel(push)
    queued.run_all()
    assert progress(push)["unknown"] == 2


def test_cancelling_goes_on_over_many_chunks(
    push: Push, queued: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steering, "CANCEL_MOST", 1)
    for number in range(3):
        fill(push, number)
    cancel(push)
    queued.run_all()
    assert progress(push)["cancelled"] == 6


def test_cancelled_push_whose_stop_somebody_lifted_still_sends_nothing(
    push: Push, wire: Wire
) -> None:
    fill(push, 0)
    Message.objects.update(status=Status.QUEUED, due_at=timezone.now())
    Chunk.objects.update(next_at=timezone.now())
    cancel(push)
    Stop.objects.all().delete()
    steering.cancel_rest(push, timezone.now())
    assert progress(push)["cancelled"] == 2


def test_push_that_is_over_is_not_cancelled(push: Push) -> None:
    Push.objects.update(status=Push.Status.DONE)
    assert not cancel(push)
    assert push.parts.count() == 3


def test_event_may_run_again_after_its_push_was_cancelled(push: Push) -> None:
    cancel(push)
    start(push.event, by=None, now=timezone.now())
    assert push.event.pushes.count() == 2


def test_no_more_is_made_than_can_be_sent(
    push: Push, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steering, "MOST_WAITING", 1)
    fill(push, 0)  # no account: its chunk waits
    Chunk.objects.update(next_at=timezone.now())
    fill(push, 1)
    assert progress(push)["to_make"] == 4
    assert in_a_minute(push)["woken"] == 0


def test_run_with_a_rate_is_made_chunk_by_chunk(wire: Wire, queued: Any) -> None:
    Parameter.objects.filter(name="send_chunk_size").update(value=2)
    push = started(per_minute=6)  # one in ten seconds
    for number in range(3):
        fill(push, number)
    assert (len(wire.sent), progress(push)["to_make"]) == (1, 4)
    assert Chunk.objects.get().per_minute == 6


def test_reasons_of_refusals_are_counted(push: Push, wire: Wire) -> None:
    person = push.recipients.filter(part=0).first().customer
    person.consents.all().delete()
    fill(push, 0)
    assert refusals(push) == {"no_consent": 1}


if is_postgres():  # SQLite has one writer: there is nothing to test

    @pytest.mark.django_db(transaction=True)
    def test_part_that_is_being_made_while_the_push_is_cancelled_is_not_sent(
        wire: Wire, queued: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        push = started()

        def cancel_elsewhere() -> None:
            cancel(Push.objects.get())
            connection.close()

        cancelling = Thread(target=cancel_elsewhere)
        recorded = pushes.record

        def meanwhile(*args: Any, **over: Any) -> None:
            cancelling.start()
            cancelling.join(timeout=1)  # it waits for us
            recorded(*args, **over)

        monkeypatch.setattr(pushes, "record", meanwhile)
        fill(push, 0)
        cancelling.join(timeout=20)
        queued.run_all()
        push.refresh_from_db()
        statuses = set(Message.objects.values_list("status", flat=True))
        assert statuses <= {Status.SENT, Status.CANCELLED}
        assert len(wire.sent) == Message.objects.filter(status=Status.SENT).count()
        assert progress(push)["not_made"] == 0


# --- in the admin -----------------------------------------------------------------------


def take(client: Any, push: Push, step: str, reason: str = "a test") -> None:
    answer = {"confirmed": "yes", "reason": reason}
    client.post(f"{PAGE}/{push.pk}/{step}-push/", answer)
    push.refresh_from_db()


def page_of(client: Any, push: Push) -> str:
    return client.get(f"{PAGE}/{push.pk}/change/").content.decode()


def test_staff_pause_and_resume_on_the_pushs_page(
    push: Push, staff_client: Any
) -> None:
    take(staff_client, push, "pause", "the price is wrong")
    assert "the price is wrong" in page_of(staff_client, push)
    take(staff_client, push, "resume")
    assert "Nothing is sent" not in page_of(staff_client, push)
    actions = AuditEntry.objects.filter(action__startswith="sending.")
    assert actions.filter(actor=staff_client.user).count() == 2


def test_staff_cancel_with_a_reason(push: Push, staff_client: Any) -> None:
    take(staff_client, push, "cancel", "")
    assert push.status == Push.Status.SENDING
    take(staff_client, push, "cancel", "the price is wrong")
    assert push.status == Push.Status.CANCELLED
    entry = AuditEntry.objects.get(action="push.cancel")
    assert (entry.reason, entry.detail["not_made"]) == ("the price is wrong", 6)
    assert "Cancelled before they were made" in page_of(staff_client, push)


@pytest.mark.parametrize("step", ["pause", "resume", "cancel", "other"])
def test_who_may_only_look_steers_nothing(
    push: Push, client: Any, django_user_model: Any, step: str
) -> None:
    client.force_login(django_user_model.objects.create_user("clerk", is_staff=True))
    answer = {"confirmed": "yes", "reason": "x"}
    response = client.post(f"{PAGE}/{push.pk}/{step}-push/", answer)
    assert response.status_code == 403


def test_reasons_on_the_page_lead_to_their_messages(
    push: Push, wire: Wire, staff_client: Any
) -> None:
    push.recipients.filter(part=0).first().customer.consents.all().delete()
    fill(push, 0)
    assert "No consent" in page_of(staff_client, push)
    address = refused_rows(push)[0][2]
    listed = staff_client.get(address).context["cl"].queryset
    assert [row.chunk.origin for row in listed] == [push.origin]
