from __future__ import annotations

import json
import logging

import pytest
from django.conf import settings

from messaging.api import MessageViews
from tests.partner import Partner

pytestmark = pytest.mark.django_db

MEMBERS = {"type", "title", "status", "detail", "instance", "request_id"}


def problem(answer, status):
    assert answer.status_code == status, answer.content
    assert answer["Content-Type"] == "application/problem+json"
    body = answer.json()
    assert set(body) >= MEMBERS
    assert body["status"] == status
    assert body["request_id"] == answer["X-Request-ID"]
    return body


def test_an_address_without_anything():
    body = problem(Partner().get("nothing/"), 404)

    assert body["title"] == "Not Found"
    assert body["instance"] == "/api/v1/nothing/"


def test_a_row_that_is_not_there():
    partner = Partner("messages:read")

    for one in ("0198c5a0-0000-7000-8000-000000000000", "no-uuid"):
        problem(partner.get(f"messages/{one}/"), 404)


def test_outside_the_api_a_missing_page_is_a_page(client):
    assert "html" in client.get("/nothing/")["Content-Type"]


def test_a_method_that_is_not_there():
    partner = Partner("customers:write", "messages:read")

    problem(partner.get("customers/"), 405)
    problem(partner.post("messages/"), 405)


def test_a_fault_of_ours_tells_its_id_and_nothing_else(monkeypatch, caplog):
    def fail(*_args, **_kwargs):
        raise RuntimeError("secret")

    monkeypatch.setattr(MessageViews, "list", fail)
    with caplog.at_level(logging.ERROR):
        answer = Partner("messages:read").get("messages/")

    body = problem(answer, 500)
    assert "secret" not in answer.content.decode()
    assert body["request_id"] in caplog.text


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b"[" * 100_000, 400),
        (b'{"items": [{"amount": NaN}]}', 400),
        (b"\xff\xfe", 400),
        (b'"text"', 400),
        (b"null", 400),
        (b'{"items": []}', 400),
        (b'{"items": {}}', 400),
        (b"{}", 400),
        (b'{"items": [{}], "dry_run": true}', 400),
    ],
)
def test_a_body_that_is_no_batch(body, status):
    partner = Partner("customers:write")

    answer = partner._web.post(
        "/api/v1/customers/", body, "application/json", headers=partner._headers()
    )

    problem(answer, status)


def test_what_is_wrong_with_a_batch_is_pointed_at():
    body = problem(Partner("customers:write").post("customers/", {}, dry=1), 400)

    assert [one["pointer"] for one in body["errors"]] == ["/dry"]


def test_another_content_type_is_refused():
    partner = Partner("customers:write")

    answer = partner._web.post(
        "/api/v1/customers/", "a=1", "text/plain", headers=partner._headers()
    )

    problem(answer, 415)


@pytest.mark.parametrize(
    "path", ["customers/", "credit-facts/", "notices/", "behaviour/"]
)
def test_more_than_a_thousand_items_are_too_many(path):
    partner = Partner("customers:write", "notices:write", "behaviour:write")

    body = problem(partner.post(path, *[{}] * 1001), 413)

    assert "1000" in body["detail"]
    assert len(partner.post(path, *[{}] * 1000).json()["results"]) == 1000


def test_a_huge_body_is_not_read():
    partner = Partner("customers:write")
    filling = "x" * settings.DATA_UPLOAD_MAX_MEMORY_SIZE

    problem(partner.post("customers/", {"name": filling}), 413)


def test_items_that_are_no_objects_are_told_one_by_one():
    answer = Partner("customers:write").post("customers/", 1, None, [], "x")

    assert answer.status_code == 207
    assert [one["errors"][0]["pointer"] for one in answer.json()["results"]] == [
        f"/items/{n}" for n in range(4)
    ]


def test_a_request_id_is_taken_and_given_back(client):
    partner = Partner("messages:read")
    headers = partner._headers() | {"X-Request-ID": "order-4711.a"}

    answer = client.get("/api/v1/messages/", headers=headers)

    assert answer["X-Request-ID"] == "order-4711.a"


@pytest.mark.parametrize(
    "given", ["short", "a" * 65, "with space and more", "a;b,c=defg"]
)
def test_an_unusable_request_id_is_replaced(client, given):
    answer = client.get("/api/v1/nothing/", headers={"X-Request-ID": given})

    assert problem(answer, 404)["request_id"] != given


def test_problems_are_told_in_the_partners_language_with_the_same_codes(client):
    answers = [
        client.get("/api/v1/messages/", headers={"Accept-Language": language})
        for language in ("en", "zh-hans")
    ]

    assert {problem(one, 401)["type"] for one in answers} == {
        "urn:problem:not-authenticated"
    }


def test_numbers_do_not_come_back_in_errors():
    answer = Partner("customers:write").post(
        "customers/", {"external_id": "1", "phone": "+8613800138"}
    )

    assert "13800138" not in json.dumps(answer.json())
