"""Work costs statements by the chunk, never by the message."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from backoffice.kit.bulk import insert_rows
from backoffice.kit.crypto import blind_index, encrypt
from backoffice.kit.http import Answer
from backoffice.platform.models import Parameter
from campaigns.pushes import fill_part, start
from customers.models import BusinessType, Consent, Customer
from messaging.models import Chunk, Message
from messaging.sending import send_chunk
from tests.builders import NOON, make_account, make_business_type
from tests.campaigns.world import make_event
from tracking.models import UserGroup

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _sink(monkeypatch: pytest.MonkeyPatch) -> None:
    make_sink(monkeypatch)


def make_sink(monkeypatch: pytest.MonkeyPatch) -> None:
    """A provider that takes everything; parameters are read once."""

    def accept(_session: Any, requests: list[Any]) -> list[Answer]:
        return [
            Answer(200, _taken(json.loads(one.body)["messages"])) for one in requests
        ]

    monkeypatch.setattr("backoffice.kit.http.Session.send", accept)
    monkeypatch.setattr(Parameter, "FRESH", 10_000)
    make_account()


def _taken(items: list[dict[str, str]]) -> bytes:
    rows = [{"id": i["id"], "code": "OK", "reference": i["id"]} for i in items]
    return json.dumps({"results": rows}).encode()


def test_starting_100_and_10_000_recipients_costs_the_same_for_each_chunk():
    small, large = make_business_type("small"), make_business_type("large")
    first = make_business_type("first")
    make_members(1, first, first=900)
    statements(first, size=1)  # what is read once
    make_members(100, small, first=0)
    make_members(10_000, large, first=1_000)
    few, many = statements(small, size=100), statements(large, size=10_000)
    assert few["start"] == many["start"]
    assert set(many["fill"]) == set(few["fill"])
    assert set(many["send"]) == set(few["send"])


def statements(business_type: BusinessType, *, size: int) -> dict[str, Any]:
    """How many statements the start, each part and each chunk of an event took."""
    for name in ("send_chunk_size", "fence_size"):  # one fence a chunk
        Parameter._cache[name] = (float("inf"), 2_000)
    event = make_event(business_type)
    counts: dict[str, Any] = {"fill": [], "send": []}
    with CaptureQueriesContext(connection) as queries:
        push = start(event, by=None, now=NOON)
    counts["start"] = len(queries)
    for part in push.parts.all():
        with CaptureQueriesContext(connection) as queries:
            fill_part(part.pk)
        counts["fill"].append(len(queries))
    for chunk in Chunk.objects.filter(origin=push.origin):
        with CaptureQueriesContext(connection) as queries:
            send_chunk(chunk.pk)
        counts["send"].append(len(queries))
    sent = Message.objects.filter(chunk__origin=push.origin, status=20)
    assert sent.count() == size
    return counts


def make_members(count: int, business_type: BusinessType, *, first: int) -> None:
    """Customers who consented, in the user group; made set-based, for there are many."""
    fields = ["source", "external_id", "name", "phone", "phone_index", "language"]
    fields += ["time_zone", "attributes", "created_at", "updated_at"]
    insert_rows(Customer, fields, [_customer(first + n) for n in range(count)])
    made = Customer.objects.order_by("-pk").values_list("pk", flat=True)[:count]
    rows = [(pk, "marketing", "test", NOON) for pk in made]
    insert_rows(Consent, ["customer", "purpose", "source", "given_at"], rows)
    members = [(business_type.pk, pk, NOON, NOON, 1) for pk in made]
    columns = ["business_type", "customer", "first_at", "last_at", "count"]
    insert_rows(UserGroup, columns, members)


def _customer(n: int) -> tuple[Any, ...]:
    phone = f"+86138{n:08d}"
    secret = (encrypt("Li Lei", "name"), encrypt(phone, "phone"), blind_index(phone))
    return ("bank", f"N{n}", *secret, "en", "Asia/Shanghai", "{}", NOON, NOON)
