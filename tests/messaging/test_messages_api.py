from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from messaging.models import Message
from tests.builders import make_customer, make_message
from tests.partner import Partner

pytestmark = pytest.mark.django_db

Status = Message.Status
DAY = datetime(2026, 11, 20, tzinfo=UTC)


@pytest.fixture
def partner():
    return Partner("messages:read")


def found(partner, **query):
    return {row["id"] for row in partner.get("messages/", **query).json()["results"]}


def test_a_message_tells_what_happened_and_why(partner):
    customer = make_customer(source="bank", external_id="C9")
    message = make_message(
        customer,
        status=Status.FAILED,
        failure="blocked",
        parts=2,
        sent_at=DAY,
        settled_at=DAY,
    )

    row = partner.get(f"messages/{message.pk}/").json()

    assert (row["id"], row["status"], row["failure"]) == (
        str(message.pk),
        "failed",
        "blocked",
    )
    assert (row["type"], row["parts"]) == ("offer", 2)
    assert row["customer"] == {"source": "bank", "external_id": "C9"}
    assert datetime.fromisoformat(row["settled_at"]) == DAY
    assert row["replied_at"] is None


def test_neither_text_nor_parameters_are_told(partner):
    message = make_message()

    answer = partner.get("messages/")

    assert message.values["name"] not in answer.content.decode()


@pytest.mark.parametrize("status", Status)
def test_messages_are_found_by_status(partner, status):
    message = make_message(status=status)
    make_message(status=Status.SENT if status != Status.SENT else Status.QUEUED)

    assert found(partner, status=status.name.lower()) == {str(message.pk)}


def test_messages_are_found_by_customer_type_and_failure(partner):
    customer = make_customer(external_id="C9")
    message = make_message(customer, status=Status.FAILED, failure="blocked")
    make_message()
    mine = {str(message.pk)}

    assert found(partner, customer="C9") == mine
    assert found(partner, customer="C9", source="bank") == mine
    assert found(partner, customer="C9", source="other") == set()
    assert found(partner, failure="blocked") == mine
    assert found(partner, failure="blocked", type="offer") == mine
    assert found(partner, type="nothing") == set()


def test_the_time_of_creation_is_half_open(partner):
    message = make_message(created_at=DAY)
    mine = {str(message.pk)}

    assert found(partner, created_after="2026-11-20T00:00:00Z") == mine
    assert found(partner, created_after="2026-11-20T00:00:01Z") == set()
    assert found(partner, created_before="2026-11-20T00:00:01Z") == mine
    assert found(partner, created_before="2026-11-20T08:00:00+08:00") == set()


def test_a_long_page_costs_as_many_statements_as_a_short_one(partner):
    for _ in range(8):
        make_message()

    def cost(limit):
        partner.was_just_here()
        with CaptureQueriesContext(connection) as seen:
            assert len(partner.get("messages/", limit=limit).json()["results"]) == limit
        return len(seen.captured_queries)

    assert cost(2) == cost(8)


def test_the_last_few_of_many_messages_are_found_by_their_ids(partner):
    make_message()
    with CaptureQueriesContext(connection) as seen:
        answer = partner.get("messages/", created_after="2026-11-20T00:00:00Z")

    assert len(answer.json()["results"]) == 1
    page = next(q["sql"] for q in seen.captured_queries if " DESC LIMIT" in q["sql"])
    assert '"messaging_message"."id" >=' in page


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"])
def test_the_ends_of_time_can_be_asked_for(partner, moment):
    make_message()

    assert partner.get("messages/", created_after=moment).status_code == 200
