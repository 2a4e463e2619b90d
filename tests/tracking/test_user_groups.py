from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import psycopg
import pytest
from django.db import connection

from backoffice.kit.bulk import is_postgres
from messaging.models import InboundMessage, Message, Receipt
from tests.builders import (
    NOON,
    make_account,
    make_business_type,
    make_customer,
    make_message,
    make_source,
)
from tracking.groups import read_messaging, roll_up, user_groups
from tracking.ingest import ingest
from tracking.matching import forget_matching, match_unknown
from tracking.models import BehaviourRecord, DayRollup, UserGroup

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


def receipt(message, **over):
    values = {
        "account_id": 1,
        "message": message,
        "reference": "r",
        "phone_index": b"",
        "status": Message.Status.DELIVERED,
        "received_at": NOON,
        "outcome": Receipt.Outcome.APPLIED,
        **over,
    }
    return Receipt.objects.create(**values)


def reply(message, **over):
    values = {
        "account": make_account(),
        "provider_id": "1",
        "phone": "+8613800138000",
        "phone_index": b"",
        "text": "yes",
        "message": message,
        "received_at": NOON,
        **over,
    }
    return InboundMessage.objects.create(**values)


@pytest.fixture
def message():
    return make_message(business_type=make_business_type())


def days():
    return list(DayRollup.objects.order_by("kind").values_list("kind", "count"))


@pytest.mark.requirement("C3")
def test_the_user_group_table_has_every_business_type():
    household, customer = make_business_type("household"), make_customer()
    make_business_type("loan")
    facts = [(household.pk, customer.pk, NOON + n * HOUR, None) for n in range(3)]
    roll_up(facts, kind="record")
    lines = {line.business_type.code: line[1:] for line in user_groups()}
    assert lines["household"] == (1, 3, NOON + 2 * HOUR)
    assert lines["loan"] == (0, 0, None)


def test_counts_are_added_to_what_stands():
    kind, customer = make_business_type(), make_customer()
    roll_up([(kind.pk, customer.pk, NOON, Decimal("1.10"))], kind="record")
    roll_up([(kind.pk, customer.pk, NOON - HOUR, Decimal("2.20"))], kind="record")
    member, day = UserGroup.objects.get(), DayRollup.objects.get()
    assert (member.first_at, member.last_at, member.count) == (NOON - HOUR, NOON, 2)
    assert (day.count, day.total, day.last_at) == (2, Decimal("3.30"), NOON)


def test_facts_of_a_customer_who_is_gone_are_left_out():
    kind, customer = make_business_type(), make_customer()
    facts = [(kind.pk, pk, NOON, None) for pk in (customer.pk, customer.pk + 1)]
    roll_up(facts, kind="record")
    assert UserGroup.objects.get().customer == customer


@pytest.mark.requirement("X1")
@pytest.mark.parametrize("kind", ["delivery", "reply", "click", "sign_up"])
def test_messaging_behaviour_is_rolled_up_without_making_members(kind):
    roll_up([(make_business_type().pk, make_customer().pk, NOON, None)], kind=kind)
    assert days() == [(kind, 1)]
    assert not UserGroup.objects.exists()


@pytest.mark.requirement("X1")
def test_deliveries_and_replies_are_behaviour(message):
    receipt(message)
    reply(message)
    assert read_messaging(NOON) == {"deliveries": 1, "replies": 1}
    assert days() == [("delivery", 1), ("reply", 1)]
    day = DayRollup.objects.first()
    assert (day.customer, day.business_type) == (
        message.customer,
        message.business_type,
    )


@pytest.mark.requirement("X1")
def test_nothing_is_counted_twice(message):
    receipt(message)
    reply(message)
    read_messaging(NOON)
    assert read_messaging(NOON) == {"deliveries": 0, "replies": 0}
    assert days() == [("delivery", 1), ("reply", 1)]


@pytest.mark.parametrize(
    "over",
    [
        {"status": Message.Status.FAILED},
        {"outcome": Receipt.Outcome.REPEATED},
    ],
)
def test_only_a_delivery_that_was_applied_counts(message, over):
    receipt(message, **over)
    assert read_messaging(NOON)["deliveries"] == 0


@pytest.mark.requirement("X1")
def test_a_parked_receipt_counts_once_it_has_found_its_message(message):
    parked = receipt(None, outcome=Receipt.Outcome.PARKED)
    receipt(message)
    assert read_messaging(NOON)["deliveries"] == 1
    Receipt.objects.filter(pk=parked.pk).update(message=message, outcome="applied")
    assert read_messaging(NOON)["deliveries"] == 1
    assert read_messaging(NOON)["deliveries"] == 0
    assert days() == [("delivery", 2)]


def test_a_reply_counts_once_it_has_found_its_message(message):
    answer = reply(None)
    assert read_messaging(NOON)["replies"] == 0
    InboundMessage.objects.filter(pk=answer.pk).update(message=message)
    assert read_messaging(NOON)["replies"] == 1


def test_a_message_without_customer_or_business_type_is_nobodys_behaviour():
    receipt(make_message(business_type=None))
    unknown = make_message(business_type=make_business_type())
    Message.objects.filter(pk=unknown.pk).update(customer=None)
    receipt(unknown)
    assert read_messaging(NOON)["deliveries"] == 0


if is_postgres():  # SQLite has one writer: there is nothing to test

    def test_nothing_is_read_while_somebody_still_writes_below(message):
        receipt(message)
        with psycopg.connect(**connection.get_connection_params()) as writer:
            writer.execute("LOCK TABLE messaging_receipt IN ROW EXCLUSIVE MODE")
            assert read_messaging(NOON)["deliveries"] == 0
        assert read_messaging(NOON)["deliveries"] == 1


@pytest.fixture
def waiting():
    """A source that has told of user 17, who is not a customer yet."""
    make_business_type("household")
    source = make_source(columns={})
    row = {"record_key": "1", "external_id": "17", "business_type": "household"}
    ingest(source, [row], first_row=1, file=None, now=NOON)
    return source


@pytest.mark.requirement("C2")
def test_a_record_is_matched_when_its_customer_arrives(waiting):
    assert match_unknown(NOON) == 0
    customer = make_customer(external_id="17")
    assert match_unknown(NOON) == 1
    assert BehaviourRecord.objects.get().customer == customer
    assert UserGroup.objects.get().customer == customer


def test_a_record_is_matched_and_counted_once(waiting):
    make_customer(external_id="17")
    match_unknown(NOON)
    assert match_unknown(NOON) == 0
    assert UserGroup.objects.get().count == 1


def test_a_customer_of_another_source_is_another_person(waiting):
    make_customer(external_id="17", source="other bank")
    assert match_unknown(NOON) == 0


def test_matching_begins_anew_when_the_customers_are_others(waiting):
    made = make_customer(external_id="17", source="other bank").created_at
    waiting.customer_source = "nobody"
    waiting.save()
    make_customer(source="nobody")
    match_unknown(made + 2 * HOUR)  # these customers have been looked at
    waiting.customer_source = "other bank"
    waiting.save()
    assert match_unknown(made + 2 * HOUR) == 0
    forget_matching(waiting)
    assert match_unknown(made + 2 * HOUR) == 1
