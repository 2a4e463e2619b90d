"""Provider accounts in the admin: declared settings, secrets, health, a test SMS."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.test import Client
from django.utils import timezone

from backoffice.kit.http import Answer
from backoffice.platform.models import AuditEntry
from customers.models import Suppression
from messaging.admin.account_forms import PROVIDERS, declared, is_address
from messaging.models import (
    AccountHealth,
    CallbackToken,
    ProviderAccount,
    ProviderTemplate,
    Route,
    WeightChange,
)
from tests.builders import make_account, make_message_type, make_template
from tests.messaging.wire import Wire, caught

pytestmark = pytest.mark.django_db

LIST = "/admin/messaging/provideraccount/"
ADD = f"{LIST}add/?provider=sms:simulator"
PHONE = "+8613800138000"


def text(response: Any) -> str:
    return str(response.content.decode())


def page_of(account: ProviderAccount, name: str = "change") -> str:
    return f"{LIST}{account.pk}/{name}/"


def form(**over: Any) -> dict[str, Any]:
    """What the form of a simulator account posts."""
    values = {
        "name": "Main",
        "is_enabled": "on",
        "setting_url": "http://127.0.0.1:9/",
        "setting_batch": "50",
        "signature": "【Bank】",
        "parts_rule": "china",
        "weight": 50,
        "cost": "0.045",
        "rate": "",
        "rate_unit": "messages",
        "callback_networks": "",
        "routes-TOTAL_FORMS": "0",
        "routes-INITIAL_FORMS": "0",
        **over,
    }
    return {name: value for name, value in values.items() if value is not None}


def errors(response: Any) -> dict[str, Any]:
    return dict(response.context["adminform"].form.errors)


# --- the form -----------------------------------------------------------------------------


def test_the_provider_is_chosen_first(staff_client: Client):
    page = text(staff_client.get(f"{LIST}add/"))
    for channel, some in PROVIDERS.items():
        for slug in some:
            assert f"?provider={channel}%3A{slug}" in page


@pytest.mark.parametrize(
    ("channel", "slug"),
    [(channel, slug) for channel, some in PROVIDERS.items() for slug in some],
)
def test_every_provider_has_a_form_of_what_it_declares(
    staff_client: Client, channel: str, slug: str
):
    page = staff_client.get(f"{LIST}add/?provider={channel}:{slug}")
    fields = page.context["adminform"].form.fields
    provider = declared(channel, slug)
    asked = [f"setting_{one.name}" for one in provider.settings]
    asked += [f"secret_{one.name}" for one in provider.secrets]
    assert set(asked) <= set(fields)
    assert "{" not in "".join(str(one.initial or "") for one in fields.values())


def test_settings_are_kept_as_declared(staff_client: Client):
    staff_client.post(ADD, form(secret_secret="hush"))
    account = ProviderAccount.objects.get(name="Main")
    assert (account.channel, account.transport) == ("sms", "simulator")
    assert account.settings == {"url": "http://127.0.0.1:9/", "batch": 50}
    assert account.signature == "Bank"


def test_what_the_provider_needs_must_be_given(staff_client: Client):
    page = staff_client.post(ADD, form(setting_url=""))
    assert {"setting_url", "secret_secret"} <= errors(page).keys()


@pytest.mark.parametrize(
    ("address", "good"),
    [
        ("https://sms.example.com", True),
        ("http://gateway:13013/cgi-bin/sendsms", True),
        ("http://127.0.0.1:9", True),
        ("http://[::1]:9/", True),
        ("ftp://sms.example.com", False),
        ("sms.example.com", False),
        ("https://", False),
        ("https://user:secret@sms.example.com", False),
        ("https://sms.example.com/a b", False),
        ("http://host:port/", False),
        ("javascript:alert(1)", False),
    ],
)
def test_what_is_an_address(address: str, good: bool):
    assert is_address(address) is good


def test_a_bad_address_is_refused_beside_its_field(staff_client: Client):
    page = staff_client.post(ADD, form(setting_url="gateway", secret_secret="hush"))
    assert list(errors(page)) == ["setting_url"]


def test_a_secret_goes_in_and_never_comes_out(staff_client: Client):
    staff_client.post(ADD, form(secret_secret="hush-hush"))
    account = ProviderAccount.objects.get(name="Main")
    assert account.secret_values == {"secret": "hush-hush"}
    assert "hush" not in text(staff_client.get(page_of(account)))


def test_an_empty_secret_keeps_what_is_there(staff_client: Client):
    account = make_account()
    staff_client.post(page_of(account), form(name="New name", secret_secret=""))
    account.refresh_from_db()
    assert (account.name, account.secret_values) == ("New name", {"secret": "s3cret"})
    assert not AuditEntry.objects.filter(action="secrets set").exists()


def test_an_optional_secret_can_be_forgotten(staff_client: Client):
    account = make_account(transport="twilio")
    account.set_secrets({"auth_token": "t", "webhook_key": "w"})
    account.save()
    data = form(
        setting_account_sid="AC1",
        setting_sender="+15005550006",
        setting_url="https://api.twilio.com",
        forget_webhook_key="on",
    )
    staff_client.post(page_of(account), data)
    account.refresh_from_db()
    assert account.secret_values == {"auth_token": "t"}


def test_setting_a_secret_is_on_record_by_its_name(staff_client: Client):
    staff_client.post(ADD, form(secret_secret="hush-hush"))
    entry = AuditEntry.objects.get(action="secrets set")
    assert entry.detail == {"names": ["secret"]}


def test_saving_leaves_what_its_health_wrote_meanwhile(staff_client: Client):
    account = make_account(lowered=30)
    staff_client.post(page_of(account), form(weight=None))
    account.refresh_from_db()
    assert (account.lowered, account.weight) == (30, 50)


def test_routes_are_rows_of_the_account(staff_client: Client):
    account = make_account()
    route = {
        "routes-TOTAL_FORMS": "1",
        "routes-0-account": account.pk,
        "routes-0-message_type": make_message_type().pk,
        "routes-0-numbers": "+86134-139",
    }
    staff_client.post(page_of(account), form(**route))
    assert Route.objects.get(account=account).prefixes[-1] == "+86139"


def test_a_route_that_is_no_range_is_refused(staff_client: Client):
    account = make_account()
    route = {
        "routes-TOTAL_FORMS": "1",
        "routes-0-account": account.pk,
        "routes-0-numbers": "134-139",
    }
    page = staff_client.post(page_of(account), form(**route))
    assert "Write prefixes as" in text(page)


def test_who_may_only_look_sees_settings_and_no_secret(client: Client):
    account = make_account()
    user = get_user_model().objects.create_user("clerk", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_provideraccount"))
    client.force_login(user)
    page = text(client.get(page_of(account)))
    assert "http://127.0.0.1:1" in page
    assert "s3cret" not in page
    for name in ("test", "weight", "callbacks"):
        assert client.get(page_of(account, name)).status_code == 403


# --- weight and health ---------------------------------------------------------------------


def test_weight_is_set_by_hand_with_a_reason(staff_client: Client):
    account = make_account(lowered=20)
    data = {"confirmed": "yes", "weight": 80, "is_pinned": "on", "reason": "contract"}
    staff_client.post(page_of(account, "weight"), data)
    account.refresh_from_db()
    assert (account.weight_now, account.is_pinned) == (80, True)
    assert WeightChange.objects.get().reason == "contract"
    entry = AuditEntry.objects.get(action="account weight set")
    assert (entry.reason, entry.detail) == (
        "contract",
        {"weight": 80, "is_pinned": True},
    )


def test_weight_without_a_reason_is_not_set(staff_client: Client):
    account = make_account()
    staff_client.post(page_of(account, "weight"), {"confirmed": "yes", "weight": 80})
    account.refresh_from_db()
    assert account.weight == 50


def test_the_list_says_how_accounts_fare(staff_client: Client):
    account = make_account(lowered=20)
    AccountHealth.objects.create(
        account=account,
        looked_at=timezone.now(),
        submitted=100,
        errors=60,
        last_error="HTTP 503",
        last_error_at=timezone.now(),
    )
    page = text(staff_client.get(LIST))
    assert "60 errors in 100 SMS" in page
    assert "HTTP 503" in page
    assert "30 of 50" in page


def test_the_account_says_why_its_weight_changed(staff_client: Client):
    account = make_account(lowered=10)
    WeightChange.objects.create(
        at=timezone.now(),
        account=account,
        was=50,
        now=40,
        why="errors",
        counted={"wrong": 60, "of": 100, "seconds": 60},
    )
    page = text(staff_client.get(page_of(account)))
    assert "50 → 40, errors (60 of 100 SMS in 60 s)" in page


def test_the_list_takes_no_statement_for_each_account(
    staff_client: Client, django_assert_max_num_queries: Any
):
    for _n in range(6):
        make_account()
    with django_assert_max_num_queries(9):
        staff_client.get(LIST)


# --- a test SMS -----------------------------------------------------------------------------


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch) -> Wire:
    return caught(monkeypatch)


def try_out(client: Client, account: ProviderAccount, **over: Any) -> Any:
    data = {"confirmed": "yes", "phone": PHONE, "text": "Hello", **over}
    return client.post(page_of(account, "test"), data)


def test_a_test_sms_is_sent_and_the_answer_shown(staff_client: Client, wire: Wire):
    account = make_account(signature="Bank")
    page = text(try_out(staff_client, account))
    assert [(one["to"], one["text"]) for one in wire.sent] == [(PHONE, "【Bank】Hello")]
    assert "Taken by the provider" in page
    assert f"r-{wire.sent[0]['id']}" in page
    assert PHONE[1:] not in page


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Answer(sent=False, problem="ClientConnectorError"), "no connection"),
        (Answer(429), "takes no more now"),
        (Answer(500, b"oops"), "Nobody knows"),
        (Answer(200, b"<html>"), "Nobody knows"),
    ],
)
def test_what_went_wrong_is_said_in_words(
    staff_client: Client, wire: Wire, answer: Answer, words: str
):
    wire.answer = lambda items: answer
    assert words in text(try_out(staff_client, make_account()))


def test_a_test_is_on_record_without_the_number(staff_client: Client, wire: Wire):
    try_out(staff_client, make_account())
    entry = AuditEntry.objects.get(action="account tested")
    assert entry.detail["taken"] is True
    assert entry.detail["phone"] == "+86•••••••8000"


@pytest.mark.parametrize("phone", ["12", PHONE])
def test_no_test_to_what_is_no_number_or_suppressed(
    staff_client: Client, wire: Wire, phone: str
):
    Suppression.add(PHONE, scope="marketing", reason="reply", now=timezone.now())
    page = try_out(staff_client, make_account(), phone=phone)
    assert wire.sent == []
    assert page.context["form"].errors.keys() == {"phone"}


def test_a_template_channel_is_tried_with_an_approved_text(
    staff_client: Client, monkeypatch: pytest.MonkeyPatch
):
    asked: list[Any] = []
    monkeypatch.setattr(
        "backoffice.kit.http.Session.send",
        lambda self, requests: asked.extend(requests) or [Answer(500)] * len(requests),
    )
    account = make_account(transport="aliyun", settings={})
    account.set_secrets({"access_key_id": "id", "access_key_secret": "key"})
    account.save()
    approved = ProviderTemplate.objects.create(
        version=make_template("Hello {name}"),
        account=account,
        sign_name="Bank",
        code="SMS_1",
        state="approved",
        variables=[["name", "name"]],
    )
    page = try_out(staff_client, account, approved=approved.pk)
    assert page.context["form"] is None
    assert b"SMS_1" in asked[0].body + asked[0].url.encode()


# --- callback addresses, switching off -----------------------------------------------------


def issue(client: Client, account: ProviderAccount, **over: str) -> str:
    url = page_of(account, "callbacks")
    page = client.post(url, {"confirmed": "yes", **over})
    return dict(page.context["facts"])["receipts"]


def test_callback_addresses_are_shown_once_and_kept_as_a_hash(staff_client: Client):
    account = make_account()
    address = issue(staff_client, account)
    token = address.split("/callbacks/")[1].split("/")[0]
    row = CallbackToken.objects.get(account=account)
    assert row.token_hash == hashlib.sha256(token.encode()).hexdigest()
    page = staff_client.get(page_of(account))
    assert token not in text(page)


def test_two_addresses_live_while_rotating(staff_client: Client):
    account = make_account()
    for _time in range(3):
        issue(staff_client, account)
    assert account.tokens.filter(retired_at__isnull=True).count() == 2
    issue(staff_client, account, retire="on")
    assert account.tokens.filter(retired_at__isnull=True).count() == 1


def test_an_account_is_switched_off_with_a_record(staff_client: Client):
    account = make_account()
    staff_client.post(
        LIST,
        {"action": "disable", "_selected_action": [account.pk]},
    )
    account.refresh_from_db()
    assert account.is_enabled is False
    assert AuditEntry.objects.filter(action="account disabled").count() == 1
