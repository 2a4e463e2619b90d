from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from campaigns.activities import stop
from campaigns.models import Activity, SignUp
from customers.models import Customer, CustomerLabel
from tests.builders import NOON
from tracking.links import make_token

from .sign_ups import CARD, make_activity, make_guest, make_link, make_sign_up

pytestmark = pytest.mark.django_db

OTHER = "This page is not available"
FORM = 'name="card"'


def address(activity: Activity, customer: Customer, *, lang: str = "") -> str:
    token = make_token(str(make_link(customer).code), timezone.now())
    return f"/a/{activity.slug}/?t={token}" + (f"&lang={lang}" if lang else "")


def visit(activity: Activity, customer: Customer, **over: str) -> str:
    return Client().get(address(activity, customer, **over)).content.decode()


@pytest.mark.requirement("D2")
def test_a_labelled_customer_gets_the_sign_up_page() -> None:
    assert FORM in visit(make_activity(), make_guest())


@pytest.mark.requirement("D2")
def test_an_unlabelled_customer_gets_the_other_page() -> None:
    page = visit(make_activity(), make_guest(label=""))
    assert OTHER in page
    assert "Spring draw" not in page


@pytest.mark.requirement("D2")
def test_the_label_counts_at_the_moment_of_the_click() -> None:
    activity, customer = make_activity(), make_guest()
    where = address(activity, customer)
    CustomerLabel.objects.update(until=timezone.now())
    assert OTHER in Client().get(where).content.decode()


@pytest.mark.requirement("D2")
def test_the_label_counts_again_when_the_form_is_sent() -> None:
    activity, customer = make_activity(), make_guest()
    where = address(activity, customer)
    CustomerLabel.objects.update(until=timezone.now())
    Client().post(where, {"card": "62224719"})
    assert not SignUp.objects.exists()


@pytest.mark.parametrize("token", ["", "?t=", "?t=forged:1x:y"])
def test_without_a_good_token_it_is_the_other_page(token: str) -> None:
    page = Client().get(f"/a/{make_activity().slug}/{token}").content.decode()
    assert OTHER in page


def test_an_old_token_leads_to_the_other_page() -> None:
    activity, link = make_activity(), make_link(make_guest())
    old = make_token(str(link.code), timezone.now() - timedelta(hours=1))
    page = Client().get(f"/a/{activity.slug}/?t={old}").content.decode()
    assert OTHER in page


def test_an_unknown_activity_is_the_other_page() -> None:
    assert OTHER in Client().get("/a/nothing/").content.decode()


@pytest.mark.requirement("D7")
def test_a_stopped_customer_sees_exactly_what_a_stranger_sees() -> None:
    activity, customer = make_activity(), make_guest()
    stop(make_sign_up(activity, customer), NOON, reason="different")
    stranger = visit(activity, make_guest(label=""))
    assert _without_token(visit(activity, customer)) == _without_token(stranger)


def test_a_closed_activity_says_when_it_is_open() -> None:
    activity = make_activity(ends_at=NOON - timedelta(days=1))
    assert "Sign-up is not open now" in visit(activity, make_guest())


def test_a_sign_up_is_stored_with_what_was_sent() -> None:
    activity, customer = make_activity(), make_guest()
    page = Client().post(address(activity, customer), {"card": "６２２２ 4719"})
    row = SignUp.objects.get()
    assert (row.activity, row.customer, row.language) == (activity, customer, "en")
    assert json.loads(row.answers) == {"card": "62224719"}
    assert "Thank you" in page.content.decode()


def test_a_second_sign_up_is_told_so() -> None:
    activity, customer = make_activity(), make_guest()
    make_sign_up(activity, customer)
    page = Client().post(address(activity, customer), {"card": "62224719"})
    assert "You have already signed up" in page.content.decode()


@pytest.mark.parametrize(
    ("field", "answer", "problem"),
    [
        ({}, "", "please fill this in"),
        ({}, "abcd", "digits only"),
        ({}, "471", "at least 4 digits"),
        ({"kind": "date"}, "yesterday", "write the date as 1990-05-20"),
        ({"kind": "date"}, "0199-05-20", "too long ago"),
    ],
)
def test_what_is_wrong_names_the_field(
    field: dict[str, Any], answer: str, problem: str
) -> None:
    activity = make_activity(CARD | field)
    sent = Client().post(address(activity, make_guest()), {"card": answer})
    page = sent.content.decode()
    assert f"“{CARD['label']}”" in page
    assert problem in page
    assert not SignUp.objects.exists()


def test_what_was_typed_stays_in_the_form() -> None:
    sent = Client().post(address(make_activity(), make_guest()), {"card": "47a"})
    assert 'value="47a"' in sent.content.decode()


@pytest.mark.parametrize(
    ("language", "lang", "label"),
    [
        ("en", "", CARD["label"]),
        ("zh-hans", "", CARD["label_zh"]),
        ("en", "zh-hans", CARD["label_zh"]),
        ("zh-hans", "en", CARD["label"]),
        ("zh-hans", "xx", CARD["label_zh"]),
    ],
)
def test_the_page_speaks_the_customers_language_or_the_chosen_one(
    language: str, lang: str, label: str
) -> None:
    assert label in visit(make_activity(), make_guest(language=language), lang=lang)


def test_nothing_personal_is_on_the_page() -> None:
    customer = make_guest(name="Hanmeimei", phone="+8613912345678")
    page = visit(make_activity(), customer)
    for secret in ("Hanmeimei", "5678", customer.external_id):
        assert secret not in page


def test_the_page_runs_no_script_and_asks_nobody_else() -> None:
    page = Client().get(address(make_activity(), make_guest()))
    assert "default-src 'none'" in page["Content-Security-Policy"]
    assert "<script" not in page.content.decode()
    assert "no-store" in page["Cache-Control"]


@pytest.mark.requirement("D8")
def test_two_sign_ups_from_one_browser_share_device_and_address() -> None:
    activity, browser = make_activity(), Client()
    for customer in (make_guest(), make_guest()):
        where = address(activity, customer)
        browser.get(where)
        browser.post(where, {"card": "62224719"})
    one, other = SignUp.objects.order_by("pk")
    assert bytes(one.device_index or b"") == bytes(other.device_index or b"") != b""
    assert other.risk["same_ip"] == 2


@pytest.mark.requirement("D8")
def test_a_strangers_cookie_is_no_device() -> None:
    browser = Client()
    browser.cookies["device"] = "made-up"
    browser.post(address(make_activity(), make_guest()), {"card": "62224719"})
    assert SignUp.objects.get().device_index is None


@pytest.mark.parametrize(("proxies", "counted"), [(0, 2), (1, 1)])
def test_a_proxys_word_is_taken_from_trusted_proxies_only(
    settings: Any, proxies: int, counted: int
) -> None:
    settings.TRUSTED_PROXIES = proxies
    activity = make_activity()
    for last in ("7", "8"):
        Client().post(
            address(activity, make_guest()),
            {"card": "62224719"},
            headers={"x-forwarded-for": f"10.0.0.{last}"},
        )
    assert SignUp.objects.latest("pk").risk["same_ip"] == counted


def _without_token(page: str) -> str:
    return re.sub(r"t=[^&\"]+", "t=", page)
