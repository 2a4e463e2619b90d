from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from backoffice.platform.models import AuditEntry
from messaging import sending, transports
from messaging.models import Message, ProviderAccount, ProviderTemplate, TemplateVersion
from messaging.transports.base import Exchange, Outcome, Outgoing
from messaging.transports.simulator import Simulator
from tests.builders import (
    make_account,
    make_chunk,
    make_customer,
    make_message_type,
    make_template,
)

pytestmark = pytest.mark.django_db

State = ProviderTemplate.State
TEXT = "Dear {name}, thank you."


class Channel(Simulator):
    """A template channel: keeps what it is given, and takes all of it."""

    mode = "template"

    def __init__(self) -> None:
        self.given: list[Outgoing] = []

    def send(self, account: Any, items: Any, http: Any) -> list[Exchange]:
        self.given += items
        sent = [Outcome(item.id, Message.Status.SENT, str(item.id)) for item in items]
        return [Exchange(sent, 200)]


@pytest.fixture
def channel(monkeypatch: pytest.MonkeyPatch) -> Channel:
    found = Channel()
    real = transports.transport
    for module in ("approvals", "routing", "sending"):
        monkeypatch.setattr(
            f"messaging.{module}.transport",
            lambda slug: found if slug == "aliyun" else real(slug),
        )
    return found


def make_cloud(**over: Any) -> ProviderAccount:
    return make_account(transport="aliyun", signature="某某金融", **over)


def make_version(text: str = TEXT) -> TemplateVersion:
    return make_template(
        text, message_type=make_message_type("thanks", purpose="service")
    )


def approve(
    version: TemplateVersion, account: ProviderAccount, **over: Any
) -> ProviderTemplate:
    given = {
        "sign_name": "某某银行",
        "code": "SMS_1",
        "variables": [["n", "name"]],
        "state": State.APPROVED,
        **over,
    }
    return ProviderTemplate.objects.create(version=version, account=account, **given)


def sent(version: TemplateVersion, name: str = "Li Lei") -> Message:
    chunk = make_chunk(make_customer(), version=version)
    if name != "Li Lei":
        message = chunk.messages.get()
        message.parameters = f'{{"name": "{name}"}}'
        message.save(update_fields=["parameters"])
    sending.send_chunk(chunk.pk)
    return Message.objects.get(chunk=chunk)


# --- sending ---------------------------------------------------------------------------


def test_a_template_channel_is_given_code_sign_name_and_variables(channel: Channel):
    version = make_version()
    approve(version, make_cloud())
    assert sent(version).status == Message.Status.SENT
    approved = channel.given[0].approved
    assert (approved.code, approved.sign_name) == ("SMS_1", "某某银行")
    assert approved.variables == (("n", "Li Lei"),)


def test_the_text_is_that_of_the_approved_sign_name(channel: Channel):
    version = make_version()
    approve(version, make_cloud())
    message = sent(version)
    assert (
        message.text() == channel.given[0].text == "【某某银行】Dear Li Lei, thank you."
    )


@pytest.mark.parametrize("state", [State.DRAFT, State.WAITING, State.REFUSED])
def test_what_is_not_approved_waits_for_an_account(channel: Channel, state: str):
    version = make_version()
    approve(version, make_cloud(), state=state)
    message = sent(version)
    assert (message.status, message.waiting) == (Message.Status.QUEUED, "no_route")
    assert channel.given == []


def test_a_link_in_a_value_stops_that_one_sms(channel: Channel):
    version = make_version()
    approve(version, make_cloud())
    message = sent(version, name="see s.example/Ab3")
    assert (message.status, message.failure) == (
        Message.Status.REFUSED,
        Message.Failure.LINK_IN_VALUE,
    )
    assert channel.given == []


def test_which_versions_may_go_over_which_account(django_assert_num_queries: Any):
    one, other = make_version(), make_version("Bye {name}")
    account, second = make_cloud(), make_cloud()
    approve(one, account)
    approve(one, second)
    approve(other, second, state=State.WAITING)
    with django_assert_num_queries(1):
        found = ProviderTemplate.objects.approved_for([one.pk, other.pk])
    assert found == {one.pk: {account.pk, second.pk}, other.pk: set()}


# --- the admin -----------------------------------------------------------------------------

ADD = "/admin/messaging/providertemplate/add/"


def handed_in(client: Client, version: TemplateVersion, **over: str) -> Any:
    account = ProviderAccount.objects.get()
    data = {
        "version": version.pk,
        "account": account.pk,
        "state": "waiting",
        "lines": "",
        **over,
    }
    return client.post(ADD, data)


def test_staff_hand_a_version_in_under_the_names_of_its_fields(staff_client: Client):
    make_cloud()
    handed_in(staff_client, make_version())
    row = ProviderTemplate.objects.get()
    assert (row.sign_name, row.variables) == ("某某金融", [["name", "name"]])
    assert row.changed_at <= timezone.now()
    page = staff_client.get(f"/admin/messaging/providertemplate/{row.pk}/change/")
    assert "Dear ${name}, thank you." in page.content.decode()


def test_an_approval_is_on_record(staff_client: Client):
    make_cloud()
    handed_in(staff_client, make_version(), state="approved", code="SMS_7")
    entry = AuditEntry.objects.get(action="approval.change")
    assert entry.detail == {"state": "approved", "code": "SMS_7"}


@pytest.mark.parametrize(
    ("text", "over", "words"),
    [
        (TEXT, {"state": "approved"}, "An approved template has a code."),
        (TEXT, {"state": "refused"}, "Say why it was refused."),
        (TEXT, {"lines": "1: name"}, "One pair a line"),
        (TEXT, {"lines": "1 = amount"}, "No variable is filled with: name."),
        ("Hi {name}: www.{name}.com", {}, "refuses a link in a variable: name"),
    ],
)
def test_what_the_provider_would_refuse_is_not_handed_in(
    staff_client: Client, text: str, over: dict[str, str], words: str
):
    make_cloud()
    page = handed_in(staff_client, make_version(text), **over)
    assert words in page.content.decode()
    assert not ProviderTemplate.objects.exists()


def test_the_field_of_the_link_is_no_variable(staff_client: Client):
    make_cloud()
    version = make_template("{name}: {link}")
    page = handed_in(staff_client, version)
    assert "refuses a link in a variable: link" in page.content.decode()


def test_only_template_channels_are_offered(staff_client: Client):
    make_account(name="Plain text")
    make_cloud(name="The cloud")
    page = staff_client.get(ADD).content.decode()
    assert "The cloud" in page
    assert "Plain text" not in page
