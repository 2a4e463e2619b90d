from __future__ import annotations

import pytest
from django.urls import URLPattern

from backoffice.api.routes import urlpatterns
from backoffice.platform.models import AuditEntry
from tests.builders import make_message
from tests.partner import Partner

pytestmark = pytest.mark.django_db

READ = "messages:read"
WRITERS = {
    "customers/": "customers:write",
    "credit-facts/": "customers:write",
    "notices/": "notices:write",
    "behaviour/": "behaviour:write",
}
READERS = ("messages/", "notices/", "events/", "sign-ups/")


def test_without_a_key_one_is_asked_for(client):
    answer = client.get("/api/v1/messages/")

    assert answer.status_code == 401
    assert answer["WWW-Authenticate"] == 'Bearer realm="api"'
    assert answer.json()["type"] == "urn:problem:not-authenticated"


@pytest.mark.parametrize(
    "spoil",
    [
        lambda key: key[:-1] + ("A" if key[-1] != "A" else "B"),
        lambda key: key.replace("bo_live_", "bo_live_0"),
        lambda key: "",
        lambda key: "é" * 60,
    ],
)
def test_a_wrong_key_is_refused(spoil):
    partner = Partner(READ)
    partner.key = spoil(partner.key)

    answer = partner.get("messages/")

    assert (answer.status_code, answer.json()["status"]) == (401, 401)


def test_a_key_that_is_switched_off_is_refused():
    assert Partner(READ, is_enabled=False).get("messages/").status_code == 401


def test_a_new_key_ends_the_old_one():
    partner = Partner(READ)
    partner.client.issue_key()
    partner.client.save()

    assert partner.get("messages/").status_code == 401


def test_a_staff_session_is_no_key(staff_client):
    assert staff_client.get("/api/v1/messages/").status_code == 401


@pytest.mark.parametrize(("path", "scope"), WRITERS.items())
def test_writing_needs_its_own_scope(path, scope):
    others = {READ, "pii:read", *WRITERS.values()} - {scope}

    refused = Partner(*others).post(path, {})

    assert refused.status_code == 403
    assert scope in refused.json()["detail"]
    assert Partner(scope).post(path, {}).status_code == 207


@pytest.mark.parametrize("path", READERS)
def test_reading_needs_its_own_scope(path):
    others = ("pii:read", *WRITERS.values())

    assert Partner(*others).get(path).status_code == 403
    assert Partner(READ).get(path).status_code == 200


def test_every_address_is_closed_to_a_key_without_scopes():
    partner = Partner()
    for pattern in urlpatterns:
        assert isinstance(pattern, URLPattern)
        path = str(pattern.pattern).lstrip("^").rstrip("$")
        if "(?P" in path or path == "schema/":
            continue
        answers = {partner.get(path).status_code, partner.post(path).status_code}
        assert answers <= {403, 405}, path
        assert 403 in answers, path


def test_the_document_is_for_partners():
    assert Partner().get("schema/").status_code == 200


def test_the_document_is_for_nobody_else(client):
    assert client.get("/api/v1/schema/").status_code == 401


def test_numbers_are_masked():
    message = make_message()

    row = Partner(READ).get(f"messages/{message.pk}/").json()

    assert row["phone"] == message.masked_phone
    assert not AuditEntry.objects.exists()


def test_numbers_read_in_full_are_on_record():
    messages = [make_message(), make_message()]
    partner = Partner(READ, "pii:read")

    rows = partner.get("messages/").json()["results"]

    assert {row["phone"] for row in rows} == {message.phone for message in messages}
    entry = AuditEntry.objects.get()
    assert entry.object_id == str(partner.client.pk)
    assert entry.detail == {"path": "/api/v1/messages/", "count": 2}
