"""Running an event: started once, its messages made part by part, seen through."""

from __future__ import annotations

import json
from datetime import timedelta
from threading import Thread

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from backoffice.kit.bulk import is_postgres
from backoffice.kit.crypto import decrypt
from backoffice.platform.models import AuditEntry, Parameter
from campaigns import pushes
from campaigns.activities import stop
from campaigns.explain import explain
from campaigns.models import EventParameter, Push, PushPart
from campaigns.pushes import AlreadyRunning, fill_part, progress, start, sweep_pushes
from campaigns.readiness import NotReady
from messaging.models import Chunk, Message
from tests.builders import make_business_type
from tests.campaigns.sign_ups import make_activity, make_guest, make_sign_up
from tests.campaigns.world import (
    NOW,
    join_group,
    make_event,
    make_event_type,
    make_member,
)
from tracking.models import TrackingRecord

pytestmark = pytest.mark.django_db

TREE = [
    {"name": "channel", "value": "sms", "children": [{"name": "spot", "value": "a"}]}
]


def run(event) -> Push:
    """Start and make all messages."""
    push = start(event, by=None, now=NOW)
    for part in push.parts.all():
        fill_part(part.pk)
    return push


@pytest.mark.requirement("C7")
def test_a_start_makes_one_message_for_each_of_the_target_group(queued):
    card = make_business_type("card")
    members = {make_member(card).pk for _n in range(3)}
    make_member(card, consent=False)
    push = start(make_event(card), by=None, now=NOW)
    part = push.parts.get()
    assert ("campaigns.jobs.fill_part", (part.pk,), "marketing") in queued.jobs
    fill_part(part.pk)
    part.refresh_from_db()
    messages = Message.objects.filter(chunk=part.chunk)
    assert set(messages.values_list("customer", flat=True)) == members
    assert all(one.is_marketing for one in messages)


def test_a_message_carries_the_customers_number_and_values():
    card = make_business_type("card")
    member = make_member(card, name="Ana Novak", attributes={"city": "Brno"})
    text = "{name} {customer_number} {attribute_city} {rate} {until} {vip}"
    event_type = make_event_type(card)
    for name, kind in (("until", "date"), ("vip", "boolean")):
        EventParameter.objects.create(
            event_type=event_type, name=name, label=name, kind=kind
        )
    given = {"rate": "1234.5", "until": "2026-12-01", "vip": "yes"}
    run(make_event(event_type=event_type, text=text, parameters=given))
    message = Message.objects.get()
    assert message.phone == member.phone
    assert bytes(message.phone_index) == bytes(member.phone_index)
    assert message.text() == (
        f"Ana Novak {member.external_id} Brno 1,234.50 1 Dec 2026 yes"
        " Reply STOP to opt out"
    )


def test_the_number_is_copied_as_it_rests():
    card = make_business_type("card")
    make_member(card)
    run(make_event(card))
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT m.phone, c.phone FROM messaging_message m"
            " JOIN customers_customer c ON c.id = m.customer_id"
        )
        copied, original = map(bytes, cursor.fetchone())
    assert copied == original
    assert decrypt(copied, "phone").startswith("+86")


@pytest.mark.requirement("E8")
def test_each_message_has_its_tracking_record():
    loan = make_business_type("loan", offers_application=True)
    member = make_member(loan)
    run(make_event(make_business_type("card"), loan, requested_by="loans desk"))
    record = TrackingRecord.objects.get()
    assert record.message.customer_id == record.customer_id == member.pk
    assert record.requested_by == "loans desk"
    assert record.business_type == record.message.business_type == loan
    assert record.code is None


@pytest.mark.requirement("E2")
def test_a_link_gets_a_code_of_its_own_for_each_message():
    card = make_business_type("card")
    for _n in range(3):
        make_member(card)
    target = "https://example.com/offer"
    run(make_event(card, text="{rate} {link}", link_target=target))
    records = TrackingRecord.objects.select_related("message__template_version")
    assert len({record.code for record in records}) == 3
    for record in records:
        assert f"/{record.code} " in record.message.text()
        assert (record.target, record.adds_token) == (target, False)


@pytest.mark.requirement("E7")
def test_tracking_parameters_come_with_each_message():
    card = make_business_type("card")
    make_member(card)
    run(make_event(card, tracking=TREE))
    assert TrackingRecord.objects.get().parameters.tree == TREE


def test_a_part_is_made_once():
    card = make_business_type("card")
    make_member(card)
    push = run(make_event(card))
    assert fill_part(push.parts.get().pk) == []
    assert Message.objects.count() == 1


def test_who_comes_second_to_a_part_makes_nothing(monkeypatch):
    """Another worker fills it between reading and claiming."""
    card = make_business_type("card")
    make_member(card)
    part = start(make_event(card), by=None, now=NOW).parts.get()
    compose = pushes._compose

    def slowly(*args):
        monkeypatch.setattr(pushes, "_compose", compose)
        fill_part(part.pk)
        return compose(*args)

    monkeypatch.setattr(pushes, "_compose", slowly)
    assert fill_part(part.pk) == []
    assert Message.objects.count() == TrackingRecord.objects.count() == 1


@pytest.mark.requirement("D7")
def test_who_is_stopped_before_a_part_is_made_gets_none_of_it():
    card, activity = make_business_type("card"), make_activity()
    stopped, honest = make_guest(), make_guest()
    for member in (stopped, honest):
        join_group(member, card)
    event = make_event(card, activity=activity, text="{rate}: {link}")
    part = start(event, by=None, now=NOW).parts.get()
    stop(make_sign_up(activity, stopped), NOW, reason="different")
    fill_part(part.pk)
    made = dict(Message.objects.exclude(chunk=None).values_list("customer", "status"))
    assert made[stopped.pk] == Message.Status.CANCELLED
    assert made[honest.pk] == Message.Status.QUEUED
    said = explain(stopped, event, NOW).sentences
    assert said[1:] == ["The participation was stopped at 2026-11-20 12:00."]


if is_postgres():  # SQLite has one writer: there is nothing to test

    @pytest.mark.requirement("D7")
    @pytest.mark.django_db(transaction=True)
    def test_a_stop_waits_for_a_part_being_made(monkeypatch):
        card, activity, member = (
            make_business_type("card"),
            make_activity(),
            make_guest(),
        )
        join_group(member, card)
        event = make_event(card, activity=activity, text="{rate}: {link}")
        part = start(event, by=None, now=NOW).parts.get()
        row, looked = make_sign_up(activity, member), pushes.cancel_stopped

        def stop_elsewhere():
            stop(row, NOW, reason="different")
            connection.close()

        stopping = Thread(target=stop_elsewhere)

        def meanwhile(*args):
            looked(*args)
            stopping.start()
            stopping.join(timeout=1)

        monkeypatch.setattr(pushes, "cancel_stopped", meanwhile)
        fill_part(part.pk)
        stopping.join(timeout=20)
        made = Message.objects.get(chunk__pushpart=part)
        assert made.status == Message.Status.CANCELLED


def test_a_part_killed_half_way_leaves_nothing(monkeypatch):
    card = make_business_type("card")
    make_member(card)
    part = start(make_event(card), by=None, now=NOW).parts.get()

    def die(*_args, **_kwargs):
        raise SystemExit

    with monkeypatch.context() as patched:
        patched.setattr(pushes, "record", die)
        with pytest.raises(SystemExit):
            fill_part(part.pk)
    assert not Message.objects.exists()
    assert not Chunk.objects.exists()
    fill_part(part.pk)
    assert Message.objects.count() == TrackingRecord.objects.count() == 1


def test_a_second_start_is_refused():
    card = make_business_type("card")
    make_member(card)
    event = make_event(card)
    start(event, by=None, now=NOW)
    with pytest.raises(AlreadyRunning, match="running already"):
        start(event, by=None, now=NOW)
    assert Push.objects.count() == 1


def test_a_second_click_is_refused_even_when_the_first_run_is_done():
    card = make_business_type("card")
    event = make_event(card)
    start(event, by=None, now=NOW, runs_before=0)
    assert Push.objects.get().status == "done"
    with pytest.raises(AlreadyRunning, match="meanwhile"):
        start(event, by=None, now=NOW, runs_before=0)
    assert Push.objects.count() == 1


def test_a_push_is_frozen():
    card = make_business_type("card")
    make_member(card)
    event = make_event(card, tracking=TREE)
    push = start(event, by=None, now=NOW)
    event.template.publish("Changed {rate}", now=NOW + timedelta(seconds=1))
    event.parameters, event.tracking = {"rate": "99"}, []
    event.save()
    event.event_type.parameters.update(kind="date")
    fill_part(push.parts.get().pk)
    message = Message.objects.get()
    assert "5% off" in message.text()
    assert message.tracking.parameters.tree == TREE


def test_a_start_is_on_record(admin_user):
    card = make_business_type("card")
    make_member(card)
    push = start(make_event(card), by=admin_user, now=NOW)
    entry = AuditEntry.objects.get(action="start_event")
    assert (entry.actor, entry.object_id) == (admin_user, str(push.pk))
    assert entry.detail == {"initial": 1, "targeted": 1}


@pytest.mark.requirement("C4")
@pytest.mark.parametrize(
    ("over", "said"),
    [
        ({"text": "{rate} {bonus}"}, "{bonus}, which nothing fills"),
        ({"text": "{rate} {link}"}, "choose an activity or where the link leads"),
        ({"link_target": "https://example.com"}, "the template has no {link}"),
        ({"parameters": {}}, "“Rate” is required"),
        ({"parameters": {"rate": "many"}}, "“Rate” is not of its kind"),
        ({"tracking": [{"name": "x"}]}, "give a short name and a value"),
    ],
)
def test_what_keeps_an_event_from_starting_is_said_before_anything_is_made(over, said):
    event = make_event(make_business_type("card"), **over)
    with pytest.raises(NotReady) as error:
        start(event, by=None, now=NOW)
    assert said in str(error.value)
    assert not Push.objects.exists()


def test_a_lost_wake_up_is_made_up_for(queued):
    card = make_business_type("card")
    make_member(card)
    push = start(make_event(card), by=None, now=NOW)
    queued.jobs.clear()
    assert sweep_pushes(NOW + timedelta(seconds=5))["woken"] == 0
    assert sweep_pushes(NOW + timedelta(seconds=11))["woken"] == 1
    assert queued.names == ["campaigns.jobs.fill_part"]
    assert push.parts.filter(chunk__isnull=True).exists()


def test_a_push_is_done_when_nothing_is_left_to_send():
    card = make_business_type("card")
    make_member(card)
    push = run(make_event(card))
    later = NOW + timedelta(minutes=1)
    assert sweep_pushes(later)["done"] == 0
    Chunk.objects.update(next_at=None)
    Message.objects.update(status=Message.Status.SENDING)
    assert sweep_pushes(later)["done"] == 0
    Message.objects.update(status=Message.Status.SENT)
    assert sweep_pushes(later)["done"] == 1
    push.refresh_from_db()
    assert (push.status, push.finished_at) == ("done", later)


def test_progress_counts_the_pushs_own_messages_by_status():
    Parameter.objects.filter(name="send_chunk_size").update(value=2)
    card = make_business_type("card")
    for _n in range(3):
        make_member(card)
    push = start(make_event(card), by=None, now=NOW)
    fill_part(push.parts.get(number=0).pk)
    newest = Message.objects.order_by("id").last()
    Message.objects.filter(pk=newest.pk).update(status=50, replied_at=NOW)
    assert progress(push) == {"queued": 1, "delivered": 1, "replied": 1, "to_make": 1}


def test_a_part_of_any_size_takes_the_same_statements():
    card = make_business_type("card")
    make_member(card)
    run(make_event(card))
    few = _statements(card)
    for _n in range(60):
        make_member(card)
    Message.objects.all().delete()
    assert _statements(card) == few


def _statements(card) -> int:
    Message.objects.all().delete()
    part = start(make_event(card), by=None, now=NOW).parts.get()
    with CaptureQueriesContext(connection) as queries:
        fill_part(part.pk)
    return len(queries)


def test_every_message_of_a_push_has_its_parents():
    """The hot tables carry no constraint: what one would hold is held here."""
    card = make_business_type("card")
    make_member(card)
    run(make_event(card))
    message = Message.objects.select_related(
        "chunk", "customer", "template_version", "business_type", "tracking"
    ).get()
    assert PushPart.objects.get().chunk == message.chunk
    assert json.loads(message.parameters)["rate"] == "5"
