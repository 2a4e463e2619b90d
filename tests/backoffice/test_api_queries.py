from __future__ import annotations

import pytest

from tests.builders import make_message
from tests.partner import Partner

pytestmark = pytest.mark.django_db

LISTS = ("messages/", "notices/", "events/", "sign-ups/")


@pytest.fixture
def partner():
    return Partner("messages:read")


def wrong(answer):
    assert answer.status_code == 400, answer.content
    return {one["parameter"]: one["code"] for one in answer.json()["errors"]}


@pytest.mark.parametrize("path", LISTS)
def test_an_unknown_parameter_is_named(partner, path):
    assert wrong(partner.get(path, statsu="sent", limit=5)) == {"statsu": "unknown"}


def test_an_unknown_parameter_of_one_row_is_named_too(partner):
    message = make_message()

    assert wrong(partner.get(f"messages/{message.pk}/", x="1")) == {"x": "unknown"}


def test_a_batch_takes_no_parameters():
    partner = Partner("customers:write")

    answer = partner.post_body("/api/v1/customers/?dry_run=1", {"items": [{}]})

    assert wrong(answer) == {"dry_run": "unknown"}


def test_a_parameter_given_twice_is_no_guess(partner):
    answer = partner.get("messages/", status=["sent", "failed"])

    assert wrong(answer) == {"status": "repeated"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("status", "Delivered"),
        ("created_after", "yesterday"),
        ("limit", "201"),
        ("limit", "0"),
        ("limit", "9" * 5000),
        ("limit", "٣"),
        ("cursor", "cD0xMg=="),
        ("cursor", ""),
    ],
)
def test_a_wrong_value_is_named(partner, name, value):
    assert set(wrong(partner.get("messages/", **{name: value}))) == {name}


def test_pages_go_through_all_rows_and_back(partner):
    made = [str(make_message().pk) for _ in range(5)]
    pages, address = [], "/api/v1/messages/?limit=2"
    while address:
        page = partner.get(address).json()
        pages.append([row["id"] for row in page["results"]])
        address, before = page["next"], page["previous"]

    assert pages == [made[:2:-1], made[2:0:-1], made[:1]]
    assert [row["id"] for row in partner.get(before).json()["results"]] == pages[1]


def test_a_row_that_comes_between_two_pages_moves_nothing(partner):
    made = [str(make_message().pk) for _ in range(3)]
    first = partner.get("messages/", limit=2).json()
    make_message()

    rows = partner.get(first["next"]).json()["results"]

    assert [row["id"] for row in rows] == made[:1]


def test_a_cursor_of_another_list_is_refused(partner):
    for _ in range(2):
        make_message()
    link = partner.get("messages/", limit=1).json()["next"]

    answer = partner.get(link.replace("/messages/", "/notices/"))

    assert wrong(answer) == {"cursor": "invalid"}
