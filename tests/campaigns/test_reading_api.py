from __future__ import annotations

import pytest

from campaigns.models import Push, SignUp
from tests.builders import NOON, make_customer
from tests.campaigns.sign_ups import make_activity
from tests.campaigns.world import make_event
from tests.partner import Partner

pytestmark = pytest.mark.django_db


@pytest.fixture
def partner():
    return Partner("messages:read")


def rows(partner, path, **query):
    return partner.get(path, **query).json()["results"]


def test_an_event_is_read_with_its_runs_and_their_counts(partner):
    event = make_event(name="Spring")
    Push.objects.create(
        event=event,
        status="done",
        frozen={},
        as_of=NOON,
        started_at=NOON,
        finished_at=NOON,
        initial_count=10,
        target_count=7,
        excluded={"consent": 3},
    )

    (row,) = rows(partner, "events/")

    assert (row["name"], row["type"]) == ("Spring", event.event_type.code)
    assert row["requested_by"] == "cards"
    (push,) = row["pushes"]
    assert (push["status"], push["initial_count"]) == ("done", 10)
    assert (push["target_count"], push["excluded"]) == (7, {"consent": 3})


def test_events_are_found_by_type_and_orderer(partner):
    event, _other = make_event(), make_event(requested_by="loans")

    by_type = rows(partner, "events/", type=event.event_type.code)
    by_orderer = rows(partner, "events/", requested_by="loans")

    assert [row["id"] for row in by_type] == [event.pk]
    assert [row["id"] for row in by_orderer] == [_other.pk]


@pytest.fixture
def sign_up():
    return SignUp.objects.create(
        activity=make_activity(),
        customer=make_customer(external_id="C9"),
        answers='{"city": "Brno"}',
        language="en",
        status="verified",
        created_at=NOON,
    )


def test_a_sign_up_is_read_without_its_answers(partner, sign_up):
    answer = partner.get("sign-ups/")

    (row,) = answer.json()["results"]
    assert row["customer"] == {"source": "bank", "external_id": "C9"}
    assert (row["id"], row["status"]) == (sign_up.pk, "verified")
    assert row["activity"] == sign_up.activity.slug
    assert "Brno" not in answer.content.decode()


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ({"status": "verified", "customer": "C9", "source": "bank"}, 1),
        ({"status": "pending"}, 0),
        ({"customer": "C8"}, 0),
        ({"source": "other"}, 0),
        ({"activity": "none"}, 0),
        ({"created_after": NOON.isoformat()}, 1),
        ({"created_before": NOON.isoformat()}, 0),
    ],
)
def test_sign_ups_are_found_by_what_they_are(partner, sign_up, query, count):
    assert len(rows(partner, "sign-ups/", **query)) == count
